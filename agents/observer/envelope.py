"""The envelope of untrusted text: what a cluster or a sender wrote, between `<<<` and `>>>`.

Invariant: no text can hold a mark of the envelope, whatever it is made of: marks are taken out
until none is left, signs that look like them are written as plain ones first, and characters that
nobody sees (zero-width, direction, control, what Unicode calls ignorable) are dropped, since they
could hide one. Printable text without marks is not changed.
"""

import re
import unicodedata

from agents.invisible import INVISIBLE

OPEN, CLOSE = "<<<", ">>>"

_LOOKALIKES = str.maketrans(
    dict.fromkeys("\uff1c\ufe64\u2039\u27e8\u2329\u3008\u276e\u02c2\u276c\u1438", "<")
    | dict.fromkeys("\uff1e\ufe65\u203a\u27e9\u232a\u3009\u276f\u02c3\u276d\u1433", ">")
    | dict.fromkeys("\u226a\u00ab\u300a\u27ea", "<<")
    | dict.fromkeys("\u226b\u00bb\u300b\u27eb", ">>")
    | {"\u22d8": OPEN, "\u22d9": CLOSE, "\u2028": "\n", "\u2029": "\n", "\x85": "\n"}
)
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_HIDDEN_KINDS = frozenset({"Cf", "Cc", "Co", "Cs"})
_NAME = re.compile(r"[A-Za-z0-9_.:/-]{0,253}")


def harmless(text: str) -> str:
    """Return the text without the marks of the envelope and without what nobody sees."""
    if not text.isascii():
        text = "".join(filter(_is_seen, INVISIBLE.sub("", text).translate(_LOOKALIKES)))
    text = _UNSEEN.sub("", text)
    while OPEN in text or CLOSE in text:
        text = text.replace(OPEN, "<").replace(CLOSE, ">")
    return text


def quote(text: str) -> str:
    """Return untrusted text on one line inside the envelope's marks, and apart from them."""
    line = " ".join(harmless(text).split())
    before, behind = " " * line.startswith("<"), " " * line.endswith(">")
    return f"{OPEN}{before}{line}{behind}{CLOSE}"


def named(text: str, *, limit: int = 300) -> str:
    """Return a name as it is, and whatever is no name (it has blanks, say) inside the marks."""
    return text if _NAME.fullmatch(text) else quote(text[:limit])


def one_line(text: str) -> str:
    """Return text that may repeat some of a cluster's without its marks and line breaks."""
    plain = harmless(text)
    return " ".join(plain.splitlines()) if len(plain.splitlines()) > 1 else plain


def _is_seen(one: str) -> bool:
    return one in "\n\t" or unicodedata.category(one) not in _HIDDEN_KINDS
