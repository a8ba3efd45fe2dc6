"""Takes secrets and personal data out of text before anything but the environment sees it.

Invariant: what matches a form below, a value whose digest is known, personal data and random
words are replaced whole by `[redacted:<what>]`; ordinary kubectl output (pod hashes, image
digests, uids, JSONPath) stays. Repetitions are bounded and patterns run only where their literal
text stands: time is linear. `agents/environments/border.py` is the place where it is called.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from functools import partial

from agents.policy import entropy, layers, named, personal
from agents.policy.digests import SecretDigests
from agents.policy.forms import FORMS
from agents.policy.needles import holds_any

__all__ = ["Redacted", "SecretDigests", "redact"]


@dataclass(frozen=True, slots=True)
class Redacted:
    """Text without its secrets, and how many were taken out."""

    text: str
    count: int


def redact(
    text: str, known: SecretDigests | None = None, names: frozenset[str] = frozenset()
) -> Redacted:
    """Return the text without secrets; linear in its length.

    Text that holds a secret loses its colours, too, which may stand within one.

    known: values to hide wherever they stand. names: of services, so that a log that tells of one
    called `token` keeps what it says after that name, unless it looks like a secret by itself.
    """
    given, count = text, 0
    if holds_any(text, _COLOURED):
        text = _COLOUR.sub("", text)
    for what, needles, pattern in FORMS:
        if needles and not holds_any(text, needles):
            continue
        text, found = _replace(text, what, pattern)
        count += found
    if named.is_needed(text):
        text, found = layers.hide(text, partial(_hide_named, names=names))
        count += found
    if known is not None:
        text, found = known.hide(text)
        count += found
    for hide in (personal.hide, entropy.hide):
        text, found = hide(text)
        count += found
    return Redacted(text, count) if count else Redacted(given, 0)


# what colours a terminal, as it is or as JSON and shells spell it; it stands amid names and values
_COLOUR = re.compile(r"(?:\x1b|\\{1,7}(?:u001[bB]|x1[bB]|033|e))\[[0-?]{0,32}[ -/]{0,4}[@-~]")
_COLOURED = ("\x1b[", "1b[", "1B[", "033[", "\\e[")


def _replace(text: str, what: str, pattern: re.Pattern[str]) -> tuple[str, int]:
    def mark(found: re.Match[str]) -> str:
        groups = found.groupdict()
        keep = groups.get("keep") or groups.get("keep_too") or ""
        return f"{keep}[redacted:{what}]"

    return pattern.subn(mark, text)


def _hide_named(text: str, names: frozenset[str]) -> tuple[str, int]:
    text, count = named.hide(text, names)
    if "ind: Secret" in text or '"Secret' in text:
        text, found = _replace_secret_data(text)
        count += found
    return text, count


_BLOCK = re.compile(r"(?P<head>(?:^|\n)[ ]*\"?data\"?: ?\{?)(?P<body>(?:\n[ ]+[^\n]*)*)")
_ENTRY = re.compile(
    r"(?P<keep>\n[ ]+\"?[\w.-]{1,253}\"?: )\"?(?P<value>[^\n\"{}]{1,65536})\"?"
    r"(?=[ },]{0,8}(?:\n|$))"
)
# `stringData` holds values as they are, also over several lines: all that is indented below it
_PLAIN_BLOCK = re.compile(
    r"(?P<head>(?:^|\n)(?P<indent>[ ]*)\"?stringData\"?: ?\{?)(?P<body>(?:\n(?P=indent)[ ][^\n]*)*)"
)
_PLAIN_ENTRY = re.compile(
    r"(?P<keep>\n[ ]++(?>\"?[\w.-]{1,253}\"?: ?)?+)(?!\[redacted:)(?P<value>\S[^\n]*)"
)
# the same in one line, as in the annotation that kubectl apply leaves
_INLINE = re.compile(
    r"(?P<head>\\?\"(?:data|stringData)\\?\": ?\{)(?P<body>[^{}\n]{1,65536})(?=\})"
)
_INLINE_ENTRY = re.compile(
    r"(?P<keep>\\?\"[\w.-]{1,253}\\?\": ?\\?\")(?P<value>[^\"\\\n]{1,65536})"
)


def _replace_secret_data(text: str) -> tuple[str, int]:
    """Replace what stands below `data` or `stringData` in text that holds a Secret."""
    count = 0

    def mark(entry: re.Match[str], *, plain: bool) -> str:
        nonlocal count
        value = entry["value"]
        if value.startswith("[redacted:") or not (plain or _is_base64(value)):
            return entry.group()
        count += 1
        return f"{entry['keep']}[redacted:secret data]"

    forms = ((_BLOCK, _ENTRY), (_PLAIN_BLOCK, _PLAIN_ENTRY), (_INLINE, _INLINE_ENTRY))
    for block_form, entry_form in forms:
        pieces, at = [], 0
        for block in block_form.finditer(text):
            hide = partial(mark, plain="stringData" in block["head"])
            pieces += [text[at : block.start("body")], entry_form.sub(hide, block["body"])]
            at = block.end("body")
        text = "".join([*pieces, text[at:]])
    return text, count


def _is_base64(value: str) -> bool:
    try:
        return bool(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return False
