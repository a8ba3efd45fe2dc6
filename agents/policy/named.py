"""Names that say that they hold a secret, and the values that stand beside them in text.

Invariant: of `NAME=value` and its kin in YAML, JSON, Go, XML and argument lists the value goes, its
name, its quotes and its line stay; names that only refer to a secret keep what they refer to.
"""

import re

from agents.policy.needles import holds_any
from agents.policy.spared import SPARED, is_port, is_reference, is_spared, is_told

# text (lower case) without which a line has no such name
NEEDLES = (
    *("pass", "pwd", "_pw", "secret", "token", "cookie", "credential", "apikey", "api_key"),
    *(
        "privatekey",
        "accesskey",
        "accountkey",
        "-key",
        "_key",
        "auth",
        "salt",
        "dsn",
        "cvv",
        "ssn",
        "iban",
    ),
)
_LONG_STEM = (
    r"pass(?:word|wd|phrase|code)s?|secret(?:[_-]key(?:s|[_-]base)?)?|token|cookies?|credentials?"
    r"|api[_-]?keys?|private[_-]?keys?|access[_-]?key(?:s|[_-]?id)?|auth[_-]?keys?|account_?key"
    r"|(?:shared|signing|encryption|master|jwt|hmac|session|cipher|license|stripe|webhook)_key"
    r"|client-key-data|pgpass|requirepass|masterauth|authorization"
)
# short stems count only as whole words: `compass:` and `PASS: test` name no secret
_SHORT_STEM = (
    r"(?<=[_.-])(?:pass|pwds?|dsn)|(?<![a-z])(?:pwd|dsn|cvv|ssn|iban)"
    r"|(?<![a-z])pass(?=[\"' \\]*=|\\{0,7}[\"'])|(?-i:(?<=_)(?:AUTH|PW)"
    r"|(?<![A-Za-z0-9_-])(?:AUTH|SALT)(?=\\{0,7}[\"']|=|\s*(?:\n|\Z))|(?<![A-Za-z])[Pp]ass(?=:\S)"
    r"|(?<=[a-z])Pass(?![a-z]))"
)
# what makes of a secret's name the name of something about it: where it is, how long, how old
_ABOUT = (
    r"NAMES?|FILES?|PATHS?|DIR|URLS?|URI|HOSTS?|PORTS?|ADDR|ADDRESS|SERVICE|ENDPOINT|TTL|EXPIRY"
    r"|EXPIRES|EXPIRED?|EXPIRATION|TIMEOUT|SECONDS|MINUTES|HOURS|DAYS|AGE|INTERVAL|LENGTH|LEN|SIZE"
    r"|MIN|MAX|COUNT|LIMITS?|ENABLED?|DISABLED?|REQUIRED|TYPE|KIND|VERSION|IDS?|MODE|POLICY|HEADER"
    r"|PREFIX|SUFFIX|FORMAT|ALGORITHM|ALG|ISSUER|AUDIENCE|SCOPES?|DOMAIN|REF|ROTATION|PROVIDER"
    r"|STORE|BACKEND|MANAGER|USER|USERNAME|REGION|NAMESPACE|ENV|SOURCE|METHOD|CACHE|RESET|CHANGED"
    r"|THROUGH|PROTO|TCP|UDP|ARN|VALIDATION|CHECK|STATUS|ERROR|NOT|INVALID|FAILED|MISSING|FOUND"
    r"|REQUESTS?|TOTAL|RATE|BUCKET|STRATEGY|DESCRIPTION|PLUGIN|CLASS|REVIEW"
    r"|LIFETIME|LIFESPAN|VALIDITY|LEEWAY|SECURE|SAMESITE|HTTPONLY|REFRESH"
)
_TELLS_ABOUT = rf"(?:_[A-Z0-9]{{1,32}}){{0,8}}_(?:{_ABOUT})(?![A-Z0-9])"
_WHICH = (
    "primary|secondary|prod|production|staging|dev|test|old|new|current|previous|value|main|master"
    "|replica|root|admin|default|backup|plain"
)
_SUFFIX = (
    rf"(?:_?[0-9]{{1,4}}|(?!{_TELLS_ABOUT})(?:_[A-Z0-9]{{1,32}}){{1,8}}"
    rf"|[._-](?:{_WHICH})|(?-i:V[0-9]{{1,4}}|(?:{'|'.join(map(str.title, _WHICH.split('|')))})"
    r"(?![a-z])))?"
)
# of `tokens` and `secrets` one also tells how many there are, and what Secrets are called
_COUNTED = r"[0-9]{1,9}(?!\w)|\[[ ]{0,4}(?:\\{0,7}[\"']?\{|map\[|\])"
_CALLED = r"\[?\\{0,7}[\"']?[a-z]{1,63}(?:[.-][a-z0-9.-]{1,190})?(?=[\s,\"'\]\\]|\Z)"
_PLURAL = (
    r"(?:(?<!pull)(?<!pull[_-])(?:secret|token)s(?=\\{0,7}[\"']?[ \t]{0,4}"
    rf"(?:(?::=|=>|=)[ \t]{{0,256}}+(?!{_COUNTED})"
    rf"|:(?!//)[ \t]{{0,256}}+(?!{_COUNTED}|{_CALLED}))\S)"
    r"|tokens(?=[\"']?[ \t]{0,4}:[ \t]{0,16}(?:\[[ \t]{0,16})?\Z)"
    r"|(?-i:(?<=_)(?<!MAX_)(?<!MIN_)(?<!NUM_)(?:SECRETS|TOKENS))"
    r"(?![\w.-]|\\{0,7}[\"']?[ \t]{0,4}[:=]))"
)
_NAME = rf"(?:{_PLURAL}|(?:{_LONG_STEM}|{_SHORT_STEM}){_SUFFIX})"
# where a line holds a key alone, a short one says it, too
_OWN = r"(?-i:pass)"
_COMMENT = r"(?:[ \t]{1,16}#[^\n]{0,256})?"
_MEMBER = r"(?:value|data|plaintext|content)"
_GLUE = (
    r"\\{0,7}[\"']?[ \t]{0,4}(?::=|=>|=|:(?!//))[ \t]{0,256}"
    r"(?:[&!]{1,2}[\w/-]{1,64}[ \t]{1,4})?(?:\"\"|'')?"
)
# a quote that a cut text leaves open ends with its line
_VALUE = (
    r"(?:(?P<slashes>\\{1,7})\"(?:[^\"\\\n]|(?!(?P=slashes)\")\\++\"?){1,65536}(?:(?P=slashes)\")?"
    r"|\"(?:[^\"\\\n]|\\.){1,65536}\"?|'[^'\n]{1,65536}'?|\[(?!redacted:)[^\[\]\n]{1,4096}(?=\])"
    r"|(?:\[redacted:[a-z -]{1,24}\]|[^\s\"',;&|)}\]\\]){1,4096})"
)
_NAMED = re.compile(
    rf"(?P<keep>{_NAME}{_GLUE})(?!\{{[\w.-]{{1,64}}:)(?P<value>{_VALUE})", re.IGNORECASE
)
_OPTION = re.compile(
    rf"(?P<keep>(?<![\w.-])--?[\w-]{{0,64}}?{_NAME}[ \t]{{1,4}})(?P<value>{_VALUE})", re.IGNORECASE
)
# a line that holds nothing else: blanks and commas belong to the value
_LINE = re.compile(
    rf"(?P<keep>[ \t]*(?:- )?(?:export )?(?:[\w.-]{{0,128}}?{_NAME}|{_OWN}"
    rf"|(?-i:AUTH|SALT)(?=:[ \t]{{1,256}}\S+[ \t]*\Z)){_GLUE})"
    r"(?P<value>(?P<first>[^\s\"'\[{|>=:&!\\][^\s,;]*)[^\n]*?)(?=,?[ \t]{0,16}\Z)",
    re.IGNORECASE,
)
_VARIABLE_LINE = re.compile(
    rf"(?P<keep>[^\n]*{_NAME}[\"']?{_COMMENT}\n[ \t]*value: )"
    r"(?P<value>(?P<first>[^\s\"'\[{|>\\]\S*)[^\n]*)",
    re.IGNORECASE,
)
_ANOTHER = re.compile(r"[\s;&,][A-Za-z_][\w.-]*[ ]?[=:]")
# an option and its value as neighbours in a list
_LISTED = re.compile(
    rf"(?P<keep>(?<=[\"'])--?[\w-]{{0,64}}?{_NAME}\\{{0,7}}[\"'], ?(?=\\{{0,7}}[\"'][^-]))"
    rf"(?P<value>{_VALUE})",
    re.IGNORECASE,
)
# the environment of a container in YAML, JSON or Go: the value stands after the name
_ENV_PAIR = re.compile(
    rf"(?P<keep>{_NAME}\\{{0,7}}[\"']?(?:,\s{{0,80}}|\s{{1,80}}|{_COMMENT}\n\s{{1,80}})"
    rf"\\{{0,7}}[\"']?value\\{{0,7}}[\"']?(?:: ?|=))(?P<value>{_VALUE})",
    re.IGNORECASE,
)
# `<password>x</`, `<entry key="password">x</`
_ELEMENT = re.compile(
    rf"(?P<keep><(?:[\w.:-]{{0,64}}{_NAME}(?:[ \t][^<>\n]{{0,256}})?|[\w.:-]{{1,64}}[ \t]"
    rf"[^<>\n]{{0,256}}?[\"'][\w.-]{{0,64}}?{_NAME}[\"'][^<>\n]{{0,256}})>[ \t]{{0,8}}"
    r"(?:<value>|<!\[CDATA\[)?)(?P<value>[^<\n]{1,4096})(?=</)",
    re.IGNORECASE,
)
# `"password": {"type": "plain", "value": "x"}`
_NESTED = re.compile(
    rf"(?P<keep>{_NAME}\\{{0,7}}[\"']?[ \t]{{0,4}}[:=][ \t]{{0,16}}\{{[ \t]{{0,16}}"
    rf"(?:[^{{}}\n]{{0,256}}?[, ])??\\{{0,7}}[\"']?{_MEMBER}\\{{0,7}}[\"']?[ \t]{{0,4}}[:=]"
    rf"[ \t]{{0,16}})(?P<value>{_VALUE})",
    re.IGNORECASE,
)
_MEMBER_LINE = re.compile(
    rf"(?P<keep>[ \t]*[\"']?{_MEMBER}[\"']?[ \t]{{0,4}}:[ \t]{{1,16}})"
    r"(?P<value>(?P<first>[^\s\"'\[{|>&!\\][^\s,;]*)[^\n]*?)(?=,?[ \t]{0,16}\Z)",
    re.IGNORECASE,
)
_MEMBER_QUOTED = re.compile(
    rf"(?P<keep>[ \t]*[\"']?{_MEMBER}[\"']?[ \t]{{0,4}}:[ \t]{{0,16}})(?P<value>{_VALUE})",
    re.IGNORECASE,
)
# with the text, lower case, without which it cannot match
_INLINE = (
    ("value", _ENV_PAIR),
    ("", _NAMED),
    ("-", _OPTION),
    ("-", _LISTED),
    ("</", _ELEMENT),
    ("{", _NESTED),
)
_LEAD = re.compile(r"\[?(?P<quote>\\*[\"'])?")

# a value that begins on the next line: a block of YAML, a list, the next word of an argument list
_OPEN = re.compile(
    rf"(?:{_NAME}|\A[ \t]*(?:- )?{_OWN})\\{{0,7}}[\"']?[ \t]{{0,4}}:[ \t]{{0,16}}"
    rf"(?P<block>[|>][0-9+-]{{0,2}}|[\[{{])?{_COMMENT}[ \t]{{0,16}}\Z",
    re.IGNORECASE,
)
_OPEN_VALUE = re.compile(
    rf"[ \t]*(?:- )?[\"']?{_MEMBER}[\"']?:[ \t]*(?P<block>[|>][0-9+-]{{0,2}})?{_COMMENT}[ \t]*"
)
# a line that holds a key alone, and below it words that are no map
_KEY = re.compile(
    rf"[ \t]*(?:- )?[\"']?(?:[\w.-]{{0,128}}?{_NAME}|{_OWN})[\"']?[ \t]{{0,4}}:{_COMMENT}[ \t]*",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"(?P<keep>[ \t]*(?:- )?)(?P<value>(?![\"'{}\[\]#<&*!|>%@`-]|at )"
    r"(?P<first>[^\s,;:={}]++)(?:[^\n:={}]|:(?=\S))*+)\Z"
)
_OPEN_OPTION = re.compile(
    rf"[ \t]*(?:- )?[\"']?--?[\w-]{{0,64}}?{_NAME}[\"']?,?[ \t]*", re.IGNORECASE
)
_NAMED_LINE = re.compile(rf"[^\n]*{_NAME}[\"']?,?{_COMMENT}[ \t]*", re.IGNORECASE)
_COLUMN = re.compile(r"[ \t]*(?:- +)*")
_ALONE = re.compile(
    r"(?P<keep>[ \t]*(?:- )?)(?P<value>\"[^\"\n]{1,4096}\"|'[^'\n]{1,4096}'"
    r"|(?![\"'{}#<-])[^\s]{0,4095}[^\s:,{\[])(?=,?[ \t]*\Z)"
)

# `kubectl describe configmap`: what ends a value, if no other key does
_RULE = "----"
_SECTION = re.compile(r"Events:(?: .*)?")

_WHOLE = re.compile(rf"[\w.-]{{0,253}}?{_NAME}", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Return whether a name, as of a variable or a key, says that its value is a secret."""
    return _WHOLE.fullmatch(name) is not None


def is_needed(text: str) -> bool:
    """Return whether a text may hold such a name: without one, `hide` finds nothing in it."""
    return holds_any(text.lower(), NEEDLES)


def hide(text: str, names: frozenset[str]) -> tuple[str, int]:
    """Return the text without the values of such names, and how many there were.

    names: of services, whose callers' logs go on in words after that name: `token: refused`.
    """
    lowered = text.lower()
    needles = [needle for needle in NEEDLES if needle in lowered]
    if not needles:
        return text, 0
    hiding = _Hiding(text.split("\n"), names)
    for at, line in enumerate(lowered.split("\n")):
        if holds_any(line, needles):
            hiding.line(at)
    return "\n".join(hiding.lines), hiding.count


class _Hiding:
    """The lines of a text, and how many values were taken out of them so far."""

    def __init__(self, lines: list[str], names: frozenset[str]) -> None:
        self.lines = lines
        self.count = 0
        self._names = names

    def line(self, at: int) -> None:
        """Hide the values of the names in a line, on it or in the lines after it."""
        if at + 1 < len(self.lines) and "value" in self.lines[at + 1].lower():
            pair = f"{self.lines[at]}\n{self.lines[at + 1]}"
            pair = self._line(_VARIABLE_LINE, pair) or _ENV_PAIR.sub(self._mark, pair)
            self.lines[at], self.lines[at + 1] = pair.split("\n")
        self.lines[at] = self._line(_LINE, self.lines[at]) or self.lines[at]
        for needle, pattern in _INLINE:
            if needle in self.lines[at].lower():
                self.lines[at] = pattern.sub(self._mark, self.lines[at])
        self._after(at)

    def _line(self, form: re.Pattern[str], text: str) -> str | None:
        """Return a text without what its last line ends with, None if that is more than a value."""
        found = form.match(text)
        if found is None or _ANOTHER.search(found["value"]) or is_spared(found):
            return None
        if is_told(found, found["first"], self._names):
            return None
        return f"{self._mark(found)}{text[found.end() :]}"

    def _after(self, at: int) -> None:
        line = self.lines[at]
        if at + 1 == len(self.lines):
            return
        if self.lines[at + 1] == _RULE and _KEY.fullmatch(line):
            self._described(at + 2)
        elif opened := _OPEN.search(line):
            self._below(at, opened["block"] or "")
        elif _OPEN_OPTION.fullmatch(line):
            self._alone(at + 1)
        elif _NAMED_LINE.fullmatch(line):
            value = _OPEN_VALUE.fullmatch(self.lines[at + 1])
            if value and at + 2 < len(self.lines):
                self._below(at + 1, value["block"] or "")

    def _below(self, at: int, block: str) -> None:
        """Hide what stands below a line as the value of its name."""
        column = _column(self.lines[at])
        plain = not block and _KEY.fullmatch(self.lines[at]) is not None
        for below in range(at + 1, len(self.lines)):
            line = self.lines[below]
            if not line.strip():
                continue
            listed = line.lstrip().startswith("- ")
            if _column(line) <= column and (block or not listed):
                return
            if block[:1] in {"|", ">"}:
                self._whole(below)
            elif block == "{" or not (self._alone(below) or (plain and self._words(below))):
                if block != "[":
                    self._members(below, column)
                return
            elif not block and not listed and not plain:
                return

    def _described(self, begin: int) -> None:
        """Hide what `kubectl describe configmap` shows of a key, over as many lines as it has."""
        value = []
        for at in range(begin, len(self.lines)):
            line, after = self.lines[at], self.lines[at + 1 : at + 2]
            if after == [_RULE] or (line, after) == ("BinaryData", ["===="]):
                break
            if _SECTION.fullmatch(line):
                break
            value += [at] if line.strip() else []
        if [bool(SPARED.fullmatch(self.lines[at].strip())) for at in value] != [True]:
            for at in value:
                self._whole(at)

    def _members(self, begin: int, column: int) -> None:
        """Hide the values of the members of a map that say that they are the value."""
        own = _column(self.lines[begin])
        for at in range(begin, len(self.lines)):
            line = self.lines[at]
            if not line.strip():
                continue
            if (here := _column(line)) <= column:
                return
            if here > own:  # a member's members
                continue
            opened = _OPEN_VALUE.fullmatch(line)
            if opened and opened["block"]:
                self._below(at, opened["block"])
            elif shown := self._line(_MEMBER_LINE, line):
                self.lines[at] = shown
            elif found := _MEMBER_QUOTED.match(line):
                self.lines[at] = self._mark(found) + line[found.end() :]

    def _words(self, at: int) -> bool:
        """Hide a line of words that is no member of a map; return whether it is one."""
        found = _WORDS.fullmatch(self.lines[at])
        if found is None or is_spared(found):
            return False
        self.lines[at] = self._mark(found)
        return True

    def _whole(self, at: int) -> None:
        line = self.lines[at]
        shown = line.lstrip()
        if shown and not shown.startswith("[redacted:"):
            self.lines[at] = f"{line[: len(line) - len(shown)]}[redacted:value]"
            self.count += 1

    def _alone(self, at: int) -> bool:
        """Hide the only word of a line; return whether it has only one."""
        found = _ALONE.match(self.lines[at])
        if found is None:
            return False
        self.lines[at] = _ALONE.sub(self._mark, self.lines[at], count=1)
        return True

    def _mark(self, found: re.Match[str]) -> str:
        value = found["value"]
        lead = _LEAD.match(value)
        begun, quote = (lead.group(), lead["quote"] or "") if lead else ("", "")
        ended = quote if len(value) > len(begun) and value.endswith(quote) else ""
        bare = value[len(begun) : len(value) - len(ended)]
        told = is_told(found, value, self._names) or is_port(found, value, self._names)
        spared = SPARED.fullmatch(bare) or SPARED.fullmatch(value) or is_reference(found, value)
        if not bare.strip("\"'\\") or spared or told:
            return found.group()
        self.count += 1
        return f"{found['keep']}{begun}[redacted:value]{ended}"


def _column(line: str) -> int:
    """Return the column where a line's key or value begins, behind the marks of list items."""
    found = _COLUMN.match(line)
    return found.end() if found else 0
