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

from agents.policy import entropy, personal
from agents.policy.digests import SecretDigests

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

    known: values to hide wherever they stand. names: of services, so that a log that tells of one
    called `token` keeps what it says after that name, unless it looks like a secret by itself.
    """
    count = 0
    for what, needles, pattern in _FORMS:
        if needles and not any(needle in text for needle in needles):
            continue
        text, found = _replace(text, what, pattern)
        count += found
    lowered = text.lower()
    if stems := [stem for stem in _STEMS if stem in lowered]:
        text, found = _replace_named(text, stems, names)
        count += found
    if "ind: Secret" in text or '"Secret' in text:
        text, found = _replace_secret_data(text)
        count += found
    if known is not None:
        text, found = known.hide(text)
        count += found
    for hide in (personal.hide, entropy.hide):
        text, found = hide(text)
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
            r"|-----BEGIN PGP PRIVATE KEY BLOCK-----"
            r"(?:(?!-----END)[\s\S]){0,20000}(?:-----END PGP PRIVATE KEY BLOCK-----)?"
        ),
    ),
    ("token", ("eyJ",), re.compile(r"\beyJ[\w-]{6,8192}\.[\w-]{6,8192}(?:\.[\w-]{0,8192})?")),
    (
        "cloud key",
        (
            "AKIA",
            "ASIA",
            "AIza",
            *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
            "glpat-",
            "xox",
            "sk-",
            "sk_",
            "hvs.",
            "npm_",
            "pypi-",
            "SG.",
            "ya29.",
            *("rk_live_", "rk_test_"),
            "whsec_",
            "hf_",
            "dop_v1_",
            *("shpat_", "shpca_", "shppa_", "shpss_"),
            "AGE-SECRET",
        ),
        re.compile(
            r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}\b|AIza[\w-]{35}|gh[pousr]_[A-Za-z0-9]{36,255}"
            r"|github_pat_\w{22,255}|glpat-[\w-]{20,64}|xox[abeoprs]-[\w-]{10,255}"
            r"|sk-[A-Za-z0-9_-]{20,255}|sk_live_[A-Za-z0-9]{16,255}|hvs\.[\w-]{20,255}"
            r"|npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,255}|SG\.[\w-]{16,64}\.[\w-]{16,64}"
            r"|ya29\.[\w-]{20,255}|(?:rk|sk)_(?:live|test)_[A-Za-z0-9]{16,255}|whsec_[\w+/=]{16,255}"
            r"|hf_[A-Za-z0-9]{30,64}|dop_v1_[0-9a-f]{64}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"
            r"|AGE-SECRET-KEY-1[A-Z0-9]{40,80})"
        ),
    ),
    (
        "webhook",
        ("hooks.slack.com/", "discord", "api.telegram.org/bot"),
        re.compile(
            r"(?P<keep>hooks\.slack\.com/(?:services|workflows)/|discord(?:app)?\.com/api/webhooks/"
            r"|api\.telegram\.org/bot)[\w:/-]{8,255}"
        ),
    ),
    ("password hash", ("$",), re.compile(r"\$(?:2[aby]|5|6|y|argon2id?)\$[\w./$=,+-]{20,255}")),
    (
        "signature",
        ("sig=", "Signature=", "signature="),
        re.compile(r"(?P<keep>[?&](?:sig|X-Amz-Signature|[Ss]ignature)=)[\w%+/=.-]{16,1024}"),
    ),
    (
        "cookie",
        ("ookie: ", "OOKIE: "),
        re.compile(r"(?P<keep>\b(?i:(?:set-)?cookie): )(?=[^\s=]{1,128}=)[^\n\"']{3,4096}"),
    ),
    (
        "value",
        ("IDENTIFIED BY", "identified by", "PASSWORD '", "password '", "requirepass ", "AUTH "),
        re.compile(
            r"(?P<keep>\b(?:(?i:identified by|password) '|requirepass |AUTH (?=\S{0,200}\d)))"
            r"(?!\[redacted)[^\s']{4,512}"
        ),
    ),
    (
        "value",
        ("password ",),
        re.compile(r"(?P<keep>\blogin \S{1,128}\s{1,8}password )(?!\[redacted:)[^\s\"']{3,512}"),
    ),
    (
        "value",
        ('auth\\":', 'auth":'),
        re.compile(r"(?P<keep>\bauth\\?\": ?\\?\")[A-Za-z0-9+/=]{8,4096}"),
    ),
    (
        "credentials",
        ("://",),
        re.compile(r"(?P<keep>://)(?!\[redacted:)[^\s/@\"'<>]{0,256}:[^\s/\"'<>]{0,256}(?=@)"),
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
    *("auth_key", "accountkey", "account_key", "shared_key", "signing_key", "encryption_key"),
    *("pass", "pwd", "dsn", "cvv", "ssn", "iban"),
)
_LONG_STEM = (
    r"pass(?:word|wd|phrase|code)|secret|token|cookie|credentials?|api[_-]?key|private[_-]?key"
    r"|access[_-]?key(?:[_-]?id)?|auth[_-]?key|account_?key|(?:shared|signing|encryption)_key"
)
# short stems count only as whole words: `compass:` and `PASS: test` name no secret
_SHORT_STEM = (
    r"(?<=[_.-])(?:pass|pwd|dsn)|(?<![a-z])(?:pwd|dsn|cvv|ssn|iban)"
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

_LONGEST_NAME = 63
_NAME_BEFORE = re.compile(r"[a-z0-9-]{0,63}\Z")
# no word of a log line that follows a service's name is longer or as mixed as a password
_WORDY = re.compile(r"[A-Za-z]{1,24}:?|[A-Z]{2,8}-?\d{1,5}:?|\d{1,5}:?")


def _replace(text: str, what: str, pattern: re.Pattern[str]) -> tuple[str, int]:
    def mark(found: re.Match[str]) -> str:
        keep = found.groupdict().get("keep") or ""
        return f"{keep}[redacted:{what}]"

    return pattern.subn(mark, text)


def _is_told(found: re.Match[str], names: frozenset[str]) -> bool:
    """Return whether a service is named and the rest tells of it: `token: refused by`."""
    if not found["keep"].endswith(" ") or not _WORDY.fullmatch(found["value"]):
        return False
    start = _NAME_BEFORE.search(found.string, max(0, found.start() - _LONGEST_NAME), found.start())
    begun = start.group() if start else ""
    return (begun + found["keep"]).rstrip(" :") in names


def _replace_named(text: str, stems: list[str], names: frozenset[str]) -> tuple[str, int]:
    """Replace the values of names that say that they hold a secret, in the lines that have one."""
    count = 0

    def mark(found: re.Match[str]) -> str:
        nonlocal count
        value = found["value"]
        bare = value.strip("\"'\\")
        if not bare or _SPARED.fullmatch(bare) or (names and _is_told(found, names)):
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
