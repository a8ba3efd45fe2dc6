"""What stands behind a secret's name and is none: settings, references, ports, what logs tell.

Invariant: a word is spared for what it is, never for the name before it, but where that name is a
service's or begins an address.
"""

import re

SPARED = re.compile(
    r"(?:basic|bearer|token|digest|negotiate|aws4-hmac-sha256)(?: \[redacted:.*)?|"
    r"\[{0,2}\[redacted:.*|[|>][0-9+-]{0,2}|<[a-z -]{1,24}>|<set|<error:"
    r"|true|false|null|nil|none|yes|no|on|off|enabled|disabled|[0-9]{1,3}|\$\([A-Za-z_]\w*\)?|\$\{[A-Za-z_]\w*\}?"
    r"|(?-i:\$[A-Z_][A-Z0-9_]*)|[({\[]+|optional[:.]?"
    r"|/(?:etc|var|run|mnt|opt|usr|home|root|tmp|app|config|secrets?|vault|data|proc|srv|dev|api"
    r"|auth|oauth2?|token|login|v[0-9]|credentials|certs?|keys)(?:/[\w.-]+)*/?"
    r"|#|incorrect|invalid|failed|expired|missing|required|mismatch|unauthorized|authentication"
    r"|not|is|was|for",
    re.IGNORECASE,
)
# a setting of two words is none; other words that are spared begin what is told of a secret
_SWITCH = frozenset({"true", "false", "yes", "on", "off"})
_TOLD = re.compile(
    r"[(\[\"']?(?:redacted:)?(?:[A-Za-z'-]++|[a-z]+(?:[-._/][a-z0-9]+)*+|[\d.,:/TZ+-]++"
    r"|[A-Z]{2,8}-?\d{1,5})[)\]\"'.,:;!?]*+"
)
_LONGEST_NAME = 63
_NAME_BEFORE = re.compile(r"[a-z0-9-]{0,63}\Z")
# no word of a log line that follows a service's name is longer or as mixed as a password
_WORDY = re.compile(r"[A-Za-z]{1,24}:?|[A-Z]{2,8}-?\d{1,5}:?|\d{1,5}:?")
_PORT = re.compile(r"[0-9]{2,5}(?P<rest>[/?#:.,)][^@]*)?")
_LONGEST_ADDRESS = 256
_IN_ADDRESS = re.compile(r"://[\w.-]*\Z")
# `secret="shop/db-credentials"`, as programs of Kubernetes log an object; letters alone
_REFERENCE = re.compile(r"(\\{0,7}\")[a-z]+(?:-[a-z]+)*+/[a-z]+(?:[.-][a-z]+)*+(?:\1)?")


def is_spared(found: re.Match[str]) -> bool:
    """Return whether what begins with a spared word is spared as a whole."""
    first, value = found["first"], found["value"]
    if not SPARED.fullmatch(first):
        return False
    if first == value or first[0] in "#<[" or SPARED.fullmatch(value):
        return True
    words = value[len(first) :].partition(" #")[0].split()
    return not words or (first not in _SWITCH and all(map(_TOLD.fullmatch, words)))


def is_told(found: re.Match[str], word: str, names: frozenset[str]) -> bool:
    """Return whether a service is named and the rest tells of it: `token: refused by`."""
    if not names or not found["keep"].endswith(" ") or not _WORDY.fullmatch(word):
        return False
    return _before(found).rstrip(" :") in names


def is_port(found: re.Match[str], word: str, names: frozenset[str]) -> bool:
    """Return whether a number is the port of a service or of an address: `http://token:8080/`."""
    port = _PORT.fullmatch(word) if found["keep"].endswith(":") else None
    if port is None:
        return False
    if not (port["rest"] or "").strip(":.,)") and _before(found)[:-1] in names:
        return True
    begun = max(0, found.start() - _LONGEST_ADDRESS)
    return _IN_ADDRESS.search(found.string, begun, found.start()) is not None


def is_reference(found: re.Match[str], word: str) -> bool:
    """Return whether a Secret is named with its namespace, as logs do."""
    before = found.string[max(0, found.start() - 1) : found.start()]
    whole = found["keep"].lower() == "secret=" and not (before.isalnum() or before in {*"_.-"})
    return whole and _REFERENCE.fullmatch(word) is not None


def _before(found: re.Match[str]) -> str:
    """Return the whole name before a value, with what parts them."""
    start = _NAME_BEFORE.search(found.string, max(0, found.start() - _LONGEST_NAME), found.start())
    return (start.group() if start else "") + found["keep"]
