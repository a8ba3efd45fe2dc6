"""Label and field selectors, from objects and from `-l` texts.

Invariant: an empty selector of a Service matches nothing, an empty one of a policy everything;
callers say which by what they pass.
"""

import re
from collections.abc import Mapping

from agents.environments.simulated.objects.kinds import Manifest

Requirement = tuple[str, str, tuple[str, ...]]
"""(key, operator, values); operators: `=`, `!=`, `in`, `notin`, `exists`, `!`."""

_LABEL = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_LABEL_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or "
    "'12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_TOKEN = re.compile(r"\s*(!=|==|[=!(),<>]|[^\s=!(),<>]+|$)")
_SPECIAL = frozenset(("!=", "==", "=", "!", "(", ")", ",", "<", ">", ""))
_OPERATORS = "in, notin, =, ==, !=, gt, lt"


def matches(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Return whether the labels have every pair of the selector."""
    return selector.items() <= labels.items()


def matches_selector(selector: Manifest, labels: Mapping[str, str]) -> bool:
    """Return whether a LabelSelector (matchLabels, matchExpressions) selects the labels."""
    if not matches(selector.get("matchLabels") or {}, labels):
        return False
    for expression in selector.get("matchExpressions") or ():
        operator = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}[
            expression["operator"]
        ]
        if not _holds((expression["key"], operator, tuple(expression.get("values") or ())), labels):
            return False
    return True


def _holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    key, operator, values = requirement
    value = labels.get(key)
    if operator == "exists":
        return value is not None
    if operator == "!":
        return value is None
    if operator in ("=", "in"):
        return value in values
    return value not in values


class _Reader:
    """Reads a `-l` text word by word, as the API server does, and fails in its words."""

    def __init__(self, text: str) -> None:
        self.words = [match.group(1) for match in _TOKEN.finditer(text)]
        self.at = 0

    @property
    def ahead(self) -> str:
        return self.words[min(self.at, len(self.words) - 1)]

    def take(self) -> str:
        self.at += 1
        return self.words[min(self.at - 1, len(self.words) - 1)]

    def identifier(self, wanted: str = "identifier") -> str:
        word = self.take()
        if word in _SPECIAL:
            raise ValueError(f"found '{word}', expected: {wanted}")
        return word

    def requirement(self) -> Requirement:
        absent = self.ahead == "!"
        if absent:
            self.take()
        key = self.identifier()
        if self.ahead in ("", ","):
            return key, "!" if absent else "exists", ()
        if absent:
            return key, "!", ()
        operator = self.take()
        if operator in ("in", "notin"):
            return key, operator, self._values()
        if operator not in ("=", "==", "!=", "<", ">"):
            raise ValueError(f"found '{operator}', expected: {_OPERATORS}")
        value = "" if self.ahead in ("", ",") else self.identifier()
        return key, "!=" if operator == "!=" else "=", (value,)

    def _values(self) -> tuple[str, ...]:
        word = self.take()
        if word != "(":
            raise ValueError(f"found '{word}' expected: '('")
        values = []
        while True:
            values.append(
                "" if self.ahead in (",", ")") else self.identifier("',', ')' or identifier")
            )
            word = self.take()
            if word == ")":
                return tuple(values)
            if word != ",":
                raise ValueError(f"found '{word}', expected: ',' or ')'")


def parse_selector(text: str) -> list[Requirement]:
    """Return the requirements of a `-l` text; raises ValueError in the API server's words."""
    reader, found = _Reader(text), []
    while reader.ahead:
        if reader.ahead != "!" and reader.ahead in _SPECIAL:
            raise ValueError(f"found '{reader.ahead}', expected: !, identifier, or 'end of string'")
        try:
            found.append(_checked(reader.requirement()))
        except ValueError as error:
            raise ValueError(f"unable to parse requirement: {error}") from None
        word = reader.take()
        if not word:
            break
        if word != ",":
            raise ValueError(f"found '{word}', expected: ',' or 'end of string'")
        if not reader.ahead or (reader.ahead != "!" and reader.ahead in _SPECIAL):
            raise ValueError(f"found '{reader.ahead}', expected: identifier after ','")
    return found


def _checked(requirement: Requirement) -> Requirement:
    key, _, values = requirement
    for index, value in enumerate(values):
        if _LABEL.fullmatch(value) is None:
            raise ValueError(f'values[{index}][{key}]: Invalid value: "{value}": {_LABEL_RULE}')
    return requirement


def select(requirements: list[Requirement], labels: Mapping[str, str]) -> bool:
    """Return whether the labels fulfil every requirement."""
    return all(_holds(requirement, labels) for requirement in requirements)


def selector_text(selector: Mapping[str, str]) -> str:
    """Return `a=b,c=d`, sorted, as kubectl prints a map selector."""
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))


_WRITTEN = {"In": "in", "NotIn": "notin"}


def label_selector_text(selector: Manifest) -> str:
    """Return a LabelSelector as kubectl prints it: `a=b,c in (d,e),f,!g`, sorted by key."""
    terms = [(key, f"{key}={value}") for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        key, operator = expression["key"], expression["operator"]
        if operator in _WRITTEN:
            values = ",".join(sorted(expression.get("values") or ()))
            terms.append((key, f"{key} {_WRITTEN[operator]} ({values})"))
        else:
            terms.append((key, key if operator == "Exists" else f"!{key}"))
    return ",".join(text for _, text in sorted(terms))
