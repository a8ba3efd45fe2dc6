"""Literal secrets in what an act would write: variables, data, arguments, labels, annotations.

Invariant: no value that redaction would hide beside its name, and none but a reference under a name
that says it is secret, stands in an action; actions are published. Personal data may.
"""

import json
import re
from collections.abc import Iterable, Iterator

from pydantic import JsonValue

from agents.policy.named import NEEDLES, is_secret_name
from agents.policy.redact import redact

__all__ = ["secret_member", "secret_name"]

# no form has so few characters of these alone; of such values only their names can tell
_SHORT = re.compile(r"[\w./-]{0,15}")
# what the kubelet or a shell puts in; `$` and lower case begin a password hash
_REFERENCE = re.compile(
    r"\$\([A-Za-z_][\w.-]{0,253}\)|\$\{[A-Za-z_]\w{0,253}\}|\$[A-Z_][A-Z0-9_]{1,253}\b(?!\$)"
)
_REFERS = "[redacted:reference]"
_LOGIN = re.compile(r"://[^\s/@:]{0,64}:\[redacted:reference\]@")
_PERSONAL = re.compile(r"\[redacted:(?:e-mail|bank account|card number|phone number|national id)\]")
# an annotation that names a Secret: `nginx.ingress.kubernetes.io/auth-secret`
_NAMES_A_SECRET = re.compile(r"[\w.-]+/(?:[\w-]+-)?secret")
_OBJECT = re.compile(r"[a-z0-9.-]+(?:/[a-z0-9.-]+)?")


def secret_name(pairs: Iterable[tuple[str, str]]) -> str | None:
    """Return the first name whose value would publish a secret, or None."""
    return next((name for name, value in pairs if _is_secret(name, value)), None)


def secret_member(document: JsonValue) -> str | None:
    """Return the name of what holds a secret in a manifest or a patch, or None."""
    return secret_name(_pairs("", document))


def _is_secret(name: str, value: str) -> bool:
    value = _REFERENCE.sub(_REFERS, value)
    if value.strip() in {"", _REFERS}:
        return False
    if _NAMES_A_SECRET.fullmatch(name) and _OBJECT.fullmatch(value):
        return False
    lowered = name.lower()
    if not any(needle in lowered for needle in NEEDLES):
        return _SHORT.fullmatch(value) is None and _is_hidden(f"{name}={value}")
    if "dsn" in lowered and _REFERS in value:  # its password refers, the rest is an address
        return _is_hidden(value.replace(_REFERS, ""))
    return is_secret_name(name) or _is_hidden(f"{name}={value}")


def _is_hidden(text: str) -> bool:
    """Return whether redaction finds more than personal data in a text."""
    text = _LOGIN.sub("://", text)
    found = redact(text)
    personal = len(_PERSONAL.findall(found.text)) - len(_PERSONAL.findall(text))
    return found.count > personal


def _pairs(name: str, value: JsonValue) -> Iterator[tuple[str, str]]:
    """Yield what the strings of a document are called, and the strings."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, list):
        words = [one for one in value if isinstance(one, str)]
        if words:  # an option and its value are neighbours
            yield name, json.dumps(words, ensure_ascii=False)
        for one in value:
            if not isinstance(one, str):
                yield from _pairs(name, one)
    elif isinstance(value, dict):
        of = _of_value(value)
        for key, one in value.items():
            yield from _pairs(of if of and key == "value" else key, one)


def _of_value(member: dict[str, JsonValue]) -> str | None:
    """Return what a member `value` belongs to: a variable's name, a JSON patch's path."""
    name, path = member.get("name"), member.get("path")
    if isinstance(name, str):
        return name
    if isinstance(path, str) and "op" in member:
        return path.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
    return None
