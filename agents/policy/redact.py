"""Takes secrets out of text before anything but the environment sees it.

Invariant: what matches a form below, or a value whose digest is known, is replaced whole by
`[redacted:<what>]`; ordinary kubectl output (pod hashes, image digests, uids, JSONPath) stays.
Repetitions are bounded and patterns run only where their literal text stands: time is linear.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_MIN_SECRET = 4
_WORD = re.compile(r"[^\s\"'`,;:=(){}\[\]<>|@/?&]{4,256}")


@dataclass(frozen=True, slots=True)
class Redacted:
    """Text without its secrets, and how many were taken out."""

    text: str
    count: int


@dataclass(frozen=True, slots=True)
class SecretDigests:
    """Keyed digests of secret values that are known, so that they can be found but not read.

    key: 16 to 64 random bytes of the holder. digests: keyed BLAKE2b of each value and its base64;
    lengths: of those. A value is found where blanks, quotes or delimiters stand around it.
    """

    key: bytes = field(repr=False)
    digests: frozenset[bytes] = field(repr=False)
    lengths: frozenset[int] = field(repr=False)

    @classmethod
    def of(cls, key: bytes, values: Iterable[str]) -> "SecretDigests":
        """Return the digests of values and of their base64; shorter ones than 4 are left out."""
        known = [value for value in values if len(value) >= _MIN_SECRET]
        encoded = [base64.b64encode(value.encode()).decode() for value in known]
        spelled = {form for value in (*known, *encoded) for form in (value, value.rstrip("="))}
        lengths = frozenset(len(form) for form in spelled)
        return cls(key, frozenset(_digest(key, form) for form in spelled), lengths)

    def has(self, word: str) -> bool:
        """Return whether a word is one of the values."""
        return len(word) in self.lengths and _digest(self.key, word) in self.digests


def redact(text: str, known: SecretDigests | None = None) -> Redacted:
    """Return the text without secrets; linear in its length."""
    count = 0
    for what, needles, pattern in _FORMS:
        if needles and not any(needle in text for needle in needles):
            continue
        text, found = _replace(text, what, pattern)
        count += found
    lowered = text.lower()
    if stems := [stem for stem in _STEMS if stem in lowered]:
        text, found = _replace_named(text, stems)
        count += found
    if "ind: Secret" in text or '"Secret' in text:
        text, found = _replace_secret_data(text)
        count += found
    if known is not None and known.digests:
        text, found = _replace_known(text, known)
        count += found
    return Redacted(text, count)


# what | literal text without which the pattern cannot match | pattern; group `keep` stays
_FORMS: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = (
    (
        "private key",
        ("PRIVATE KEY",),
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----"
            r"(?:(?!-----END)[\s\S]){0,20000}(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----)?"
        ),
    ),
    ("token", ("eyJ",), re.compile(r"\beyJ[\w-]{6,8192}\.[\w-]{6,8192}(?:\.[\w-]{0,8192})?")),
    (
        "cloud key",
        (
            "AKIA",
            "ASIA",
            "AIza",
            "gh",
            "glpat-",
            "xox",
            "sk-",
            "sk_",
            "hvs.",
            "npm_",
            "pypi-",
            "SG.",
        ),
        re.compile(
            r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}\b|AIza[\w-]{35}|gh[pousr]_[A-Za-z0-9]{36,255}"
            r"|github_pat_\w{22,255}|glpat-[\w-]{20,64}|xox[abeoprs]-[\w-]{10,255}"
            r"|sk-[A-Za-z0-9_-]{20,255}|sk_live_[A-Za-z0-9]{16,255}|hvs\.[\w-]{20,255}"
            r"|npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,255}|SG\.[\w-]{16,64}\.[\w-]{16,64})"
        ),
    ),
    (
        "credentials",
        ("://",),
        re.compile(r"(?P<keep>://)[^\s/@\"'<>]{0,256}:[^\s/\"'<>]{0,256}(?=@)"),
    ),
    (
        "authorization",
        ("uthorization", "UTHORIZATION"),
        re.compile(
            r"(?P<keep>(?i:authorization)\\?[\"']?[ \t]{0,4}[:=][ \t]{0,4}\\?[\"']?"
            r"(?i:basic|bearer|token|digest|negotiate) {1,4})[\w.~+/=:-]{4,4096}"
        ),
    ),
    (
        "authorization",
        ("earer ", "asic ", "EARER ", "ASIC "),
        re.compile(r"(?P<keep>\b(?i:bearer|basic) {1,4})(?=[^\s]{0,200}[0-9=])[\w.~+/=-]{12,4096}"),
    ),
    (
        "e-mail",
        ("@",),
        re.compile(
            r"(?<![\w.+@/:-])(?!git@)[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}\b"
        ),
    ),
)

# the stem of a name whose value is a secret; names that only refer to one are spared below
_STEMS = (
    *("password", "passwd", "passphrase", "passcode", "secret", "token", "cookie", "credential"),
    *("apikey", "api_key", "api-key", "private_key", "privatekey", "access_key", "accesskey"),
    *("auth_key", "pass", "pwd", "dsn"),
)
_LONG_STEM = (
    r"pass(?:word|wd|phrase|code)|secret|token|cookie|credentials?|api[_-]?key|private[_-]?key"
    r"|access[_-]?key(?:[_-]?id)?|auth[_-]?key"
)
# short stems count only as whole words: `compass:` and `PASS: test` name no secret
_SHORT_STEM = (
    r"(?<=[_.-])(?:pass|pwd|dsn)|(?<![a-z])(?:pwd|dsn)"
    r"|(?<![a-z])pass(?=[\"' \\]*=|\\?[\"'])"
)
_STEM = rf"(?:{_LONG_STEM}|{_SHORT_STEM})"
_VALUE = (
    r"(?:\\\"[^\"\\\n]{1,4096}\\\"|\"(?:[^\"\\\n]|\\.){1,4096}\"|'[^'\n]{1,4096}'"
    r"|[^\s\"',;&|)}\]\\]{1,4096})"
)
_GLUE = r"\\?[\"']?[ \t]{0,4}(?:=|:(?!//))[ \t]{0,16}"
_NAMED = re.compile(rf"(?P<keep>{_STEM}{_GLUE})(?P<value>{_VALUE})", re.IGNORECASE)
_OPTION = re.compile(rf"(?P<keep>-{_STEM}[ \t]{{1,4}})(?P<value>{_VALUE})", re.IGNORECASE)
# the environment of a container in YAML or JSON: the value stands in the line after the name
_ENV_PAIR = re.compile(
    rf"(?P<keep>{_STEM}[\"']?,?\s{{1,80}}[\"']?value[\"']?: ?)(?P<value>{_VALUE})", re.IGNORECASE
)
_SPARED = re.compile(
    r"\[redacted:.*|<.*|true|false|null|nil|none|[0-9]{1,3}|\$\(?\{?[A-Za-z_]\w*[)}]?|[({\[].*"
    r"|/[\w./-]+|optional.*|incorrect|invalid|failed|expired|missing|required|mismatch|unauthorized"
    r"|authentication|not|is|was|for",
    re.IGNORECASE,
)


def _replace(text: str, what: str, pattern: re.Pattern[str]) -> tuple[str, int]:
    def mark(found: re.Match[str]) -> str:
        keep = found.groupdict().get("keep") or ""
        return f"{keep}[redacted:{what}]"

    return pattern.subn(mark, text)


def _replace_named(text: str, stems: list[str]) -> tuple[str, int]:
    """Replace the values of names that say that they hold a secret, in the lines that have one."""
    count = 0

    def mark(found: re.Match[str]) -> str:
        nonlocal count
        value = found["value"]
        bare = value.strip("\"'\\")
        if not bare or _SPARED.fullmatch(bare):
            return found.group()
        count += 1
        quote = '\\"' if value.startswith('\\"') else value[0] if value[0] in "\"'" else ""
        return f"{found['keep']}{quote}[redacted:value]{quote}"

    lines, lowered = text.split("\n"), text.lower().split("\n")
    for at, line in enumerate(lowered):
        if not any(stem in line for stem in stems):
            continue
        if at + 1 < len(lines) and "value" in lowered[at + 1]:
            pair = _ENV_PAIR.sub(mark, f"{lines[at]}\n{lines[at + 1]}")
            lines[at], lines[at + 1] = pair.split("\n")
        for pattern in (_ENV_PAIR, _NAMED, _OPTION):
            lines[at] = pattern.sub(mark, lines[at])
    return "\n".join(lines), count


_BLOCK = re.compile(
    r"(?P<head>(?:^|\n)[ ]*\"?(?:data|stringData)\"?: ?\{?)(?P<body>(?:\n[ ]+[^\n]*)*)"
)
_ENTRY = re.compile(
    r"(?P<keep>\n[ ]+\"?[\w.-]{1,253}\"?: )\"?(?P<value>[^\n\"{}]{1,65536})\"?"
    r"(?=[ },]{0,8}(?:\n|$))"
)
# the same in one line, as in the annotation that kubectl apply leaves
_INLINE = re.compile(
    r"(?P<head>\\?\"(?:data|stringData)\\?\": ?\{)(?P<body>[^{}\n]{1,65536})(?=\})"
)
_INLINE_ENTRY = re.compile(
    r"(?P<keep>\\?\"[\w.-]{1,253}\\?\": ?\\?\")(?P<value>[^\"\\\n]{1,65536})"
)


def _replace_secret_data(text: str) -> tuple[str, int]:
    """Replace what stands below `data` in text that holds a Secret as YAML or JSON."""
    count = 0

    def mark(entry: re.Match[str]) -> str:
        nonlocal count
        if not _is_base64(entry["value"]):
            return entry.group()
        count += 1
        return f"{entry['keep']}[redacted:secret data]"

    for block_form, entry_form in ((_BLOCK, _ENTRY), (_INLINE, _INLINE_ENTRY)):
        pieces, at = [], 0
        for block in block_form.finditer(text):
            pieces += [text[at : block.start("body")], entry_form.sub(mark, block["body"])]
            at = block.end("body")
        text = "".join([*pieces, text[at:]])
    return text, count


def _is_base64(value: str) -> bool:
    try:
        return bool(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return False


def _replace_known(text: str, known: SecretDigests) -> tuple[str, int]:
    count = 0

    def mark(word: re.Match[str]) -> str:
        nonlocal count
        if not known.has(word.group()):
            return word.group()
        count += 1
        return "[redacted:known secret]"

    return _WORD.sub(mark, text), count


def _digest(key: bytes, value: str) -> bytes:
    return hashlib.blake2b(value.encode("utf-8", "surrogatepass"), key=key).digest()
