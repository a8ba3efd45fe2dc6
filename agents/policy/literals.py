"""Literal secrets in what an act would write: variables, data, arguments, labels, annotations.

Invariant: no value that redaction would hide beside its name, no name that it would hide, and none
but a reference, a switch, a duration or a small number under a name that says it is secret, stands
in an action; actions are published. Personal data may.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from agents.policy.forms import FORMS
from agents.policy.named import is_needed, is_secret_name
from agents.policy.needles import holds_any
from agents.policy.redact import redact

__all__ = ["secret_member", "secret_name"]

# what every form but those of personal data has; the end of one may be a name's glue to its value
_STEMS = {
    needle.strip(":='\"\\ ")
    for what, needles, _ in FORMS
    for needle in needles
    if what != "e-mail" and needle != "."
}
_TELLING = tuple(one for one in _STEMS if not any(other in one for other in _STEMS - {one}))
# a token with a dot, and what only a closer look reads: an escape, a colour, base64
_CLOSER = re.compile(r"[\\\x1b~]|[a-z0-9]\.[a-z0-9]{16}|binaryData")
# random text has digits; a path of members is as long
_DIGIT, _LONG = re.compile(r"[0-9]"), re.compile(r"[A-Za-z0-9+/_-]{32}")
# what the kubelet, a shell or a program puts in; `$` and lower case begin a password hash
_EXPANDED = r"\$\([A-Za-z_][\w.-]{0,253}\)"
_FILLED = (
    r"\$\{(?:env[:.])?[A-Za-z_][\w.]{0,253}(?::-?)?\}|\$__(?:file|env|vault)\{[\w./:-]{1,253}\}"
)
_REFERENCE = re.compile(
    rf"{_EXPANDED}|{_FILLED}|\$[A-Z_][A-Z0-9_]{{1,253}}\b(?!\$)"
    r"|\$\(cat /[\w./-]{1,253}\)|\bprocess\.env\.[A-Z_][A-Z0-9_]{0,253}\b"
)
_REFERS = "[redacted:reference]"
_LOGIN = re.compile(r"://[^\s/@:]{0,64}:\[redacted:reference\]@")
# the reference is the password of the address, or nothing of it is a literal
_DSN = re.compile(
    r"(?:[a-z0-9+]{1,32}://)?(?:[\w.-]{0,64}|\[redacted:reference\]):\[redacted:reference\]@.*"
    r"|.*password=\[redacted:reference\](?:[\s;&].*)?",
    re.DOTALL | re.IGNORECASE,
)
_PERSONAL = re.compile(r"\[redacted:(?:e-mail|bank account|card number|phone number|national id)\]")
# an annotation that names a Secret: `nginx.ingress.kubernetes.io/auth-secret`
_NAMES_A_SECRET = re.compile(r"[\w.-]+/(?:[\w-]+-)?secret")
_OBJECT = re.compile(r"[a-z0-9.-]+(?:/[a-z0-9.-]+)?")
_PLAIN_OBJECT = re.compile(r"[a-z]{1,16}(?:-[a-z]{1,16}){0,4}")
# a switch, a duration, a number that is no secret: `ALLOW_EMPTY_PASSWORD=yes`, `TOKEN_LIFE=5m`
_SETTING = re.compile(
    r"true|false|yes|no|on|off|none|null|enabled|disabled|[0-9]{1,2}|(?:[0-9]{1,6}(?:ms|[smhdw])){1,3}",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"\s*(?:#|;|//)")
_PROSE = re.compile(r"(?:[a-z_'-]+|[A-Z][a-z'-]*|[A-Z]{2,8}|[0-9]{1,4}|\.{3}|…|[-=:])[.,:;!?)]*")
_TELLS_WHY = "kubernetes.io/change-cause"
_HELD = frozenset({"data", "stringData", "binaryData"})


@dataclass(frozen=True, slots=True)
class _Literal:
    """A value and what it is called. held: data of an object, in which nothing is expanded."""

    name: str
    value: str
    held: bool = False


def secret_name(pairs: Iterable[tuple[str, str]]) -> str | None:
    """Return the first name whose value would publish a secret, or None."""
    return _first(_Literal(name, value) for name, value in pairs)


def secret_member(document: JsonValue, text: str) -> str | None:
    """Return the name of what holds a secret in a manifest or a patch, or None.

    text: its canonical JSON, by which most documents are seen to hold nothing of the kind.
    """
    if not _may_hide(text):
        return None
    return _first(_literals("", document))


def _may_hide(text: str) -> bool:
    """Return whether a text may hold a secret: without a closer look, and rather too often."""
    if is_needed(text) or holds_any(text, _TELLING) or _CLOSER.search(text):
        return True
    return _LONG.search(text) is not None and _DIGIT.search(text) is not None


def _first(literals: Iterable[_Literal]) -> str | None:
    return next((one.name for one in literals if _is_secret(one)), None)


def _is_secret(literal: _Literal) -> bool:
    name, written = literal.name, _without_prose(literal)
    if _shows(name):
        return True
    value = _REFERENCE.sub(_REFERS, written)
    if _SETTING.fullmatch(value.strip()) or not value.strip() or _names_an_object(literal):
        return False
    if not is_needed(name):
        return _shows(f"{name}={value}")
    # its password refers, the rest is an address
    if "dsn" in name.lower() and _DSN.fullmatch(value):
        return _is_hidden(value.replace(f":{_REFERS}@", "@"))
    if not is_secret_name(name):
        return value.strip() != _REFERS and _is_hidden(f"{name}={value}")
    expanded = _FILLED if literal.held else f"{_EXPANDED}|{_FILLED}"
    return re.fullmatch(f"(?:{expanded})+", written.strip()) is None


def _shows(text: str) -> bool:
    return _may_hide(text) and _is_hidden(text)


def _names_an_object(literal: _Literal) -> bool:
    """Return whether a value only names a Secret: in an annotation, or in words as a label."""
    if _NAMES_A_SECRET.fullmatch(literal.name):
        return _OBJECT.fullmatch(literal.value) is not None
    named = literal.name == "secret" and not literal.held
    return named and _PLAIN_OBJECT.fullmatch(literal.value) is not None


def _without_prose(literal: _Literal) -> str:
    """Return a value without comments in words: no word of theirs could be told from a password."""
    if literal.name == _TELLS_WHY:
        return "" if _is_prose(literal.value) else literal.value
    lines = literal.value.split("\n")
    if len(lines) == 1:
        return literal.value
    return "\n".join(
        line
        for line in lines
        if not (mark := _COMMENT.match(line)) or not _is_prose(line[mark.end() :])
    )


def _is_prose(text: str) -> bool:
    return all(map(_PROSE.fullmatch, text.split()))


def _is_hidden(text: str) -> bool:
    """Return whether redaction finds more than personal data in a text."""
    text = _LOGIN.sub("://", text)
    found = redact(text)
    personal = len(_PERSONAL.findall(found.text)) - len(_PERSONAL.findall(text))
    return found.count > personal


def _literals(name: str, value: JsonValue, *, held: bool = False) -> Iterator[_Literal]:
    """Yield what the strings and numbers of a document are called, and how they are written."""
    if isinstance(value, str):
        yield _Literal(name, value, held)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield _Literal(name, str(value), held)
    elif isinstance(value, list):
        yield from _neighbours(name, value)
        for one in value:
            if not isinstance(one, str):
                yield from _literals(name, one, held=held)
    elif isinstance(value, dict):
        yield from _members(value, held=held)
    else:
        yield _Literal(name, "")


def _neighbours(name: str, *lists: JsonValue) -> Iterator[_Literal]:
    """Yield the strings of lists as one text: an option and its value are neighbours."""
    words = [
        one for part in lists if isinstance(part, list) for one in part if isinstance(one, str)
    ]
    if words:
        yield _Literal(name, json.dumps(words, ensure_ascii=False))


def _members(member: dict[str, JsonValue], *, held: bool) -> Iterator[_Literal]:
    place, of = _of_value(member)
    for key, one in member.items():
        if isinstance(one, dict | list):
            yield _Literal(key, "")
        name = of if of and key == "value" else key
        top = place if of and key == "value" else key
        if top == "binaryData":
            yield from _decoded(name, one)
        else:
            yield from _literals(name, one, held=held or top in _HELD)
    if "command" in member and "args" in member:  # they are one line
        yield from _neighbours("args", member["command"], member["args"])


def _of_value(member: dict[str, JsonValue]) -> tuple[str, str | None]:
    """Return where a member `value` stands and its name: a variable's, a JSON patch's path."""
    name, path = member.get("name"), member.get("path")
    if isinstance(name, str):
        return "", name
    if isinstance(path, str) and "op" in member:
        last = path.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
        return path.split("/")[1] if "/" in path else "", last
    return "", None


def _decoded(name: str, data: JsonValue) -> Iterator[_Literal]:
    """Yield texts of `binaryData` as they are; what is no text is shown to nobody as a name."""
    for key, one in (data if isinstance(data, dict) else {name: data}).items():
        if isinstance(one, str):
            try:
                text = base64.b64decode(one).decode()
            except ValueError:
                text = one
            yield _Literal(key, text, held=True)
        else:
            yield from _literals(key, one, held=True)
