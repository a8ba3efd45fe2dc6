"""Label and field selectors, from objects and from `-l` texts.

Invariant: an empty selector of a Service matches nothing, an empty one of a policy everything;
callers say which by what they pass.
"""

import re
from collections.abc import Mapping

from agents.environments.simulated.objects.kinds import Manifest

Requirement = tuple[str, str, tuple[str, ...]]
"""(key, operator, values); operators: `=`, `!=`, `in`, `notin`, `exists`, `!`."""

_SET = re.compile(r"^([^\s!=,()]+)\s+(in|notin)\s+\(([^()]*)\)$")
_EQUAL = re.compile(r"^([^\s!=,()]+)\s*(==|=|!=)\s*([^\s!=,()]*)$")
_KEY = re.compile(r"^(!?)\s*([^\s!=,()]+)$")


def matches(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Return whether the labels have every pair of the selector."""
    return all(labels.get(key) == value for key, value in selector.items())


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


def _terms(text: str) -> list[str]:
    """Split at commas that stand outside parentheses."""
    terms, depth, start = [], 0, 0
    for index, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            terms.append(text[start:index])
            start = index + 1
    terms.append(text[start:])
    return [term.strip() for term in terms if term.strip()]


def parse_selector(text: str) -> list[Requirement]:
    """Return the requirements of a `-l` text; raises ValueError when unreadable."""
    found: list[Requirement] = []
    for term in _terms(text):
        if match := _SET.match(term):
            values = tuple(value.strip() for value in match.group(3).split(","))
            found.append((match.group(1), match.group(2), values))
        elif match := _EQUAL.match(term):
            operator = "!=" if match.group(2) == "!=" else "="
            found.append((match.group(1), operator, (match.group(3),)))
        elif match := _KEY.match(term):
            found.append((match.group(2), "!" if match.group(1) else "exists", ()))
        else:
            raise ValueError(f"unable to parse requirement: <nil>: Invalid value: {term!r}")
    return found


def select(requirements: list[Requirement], labels: Mapping[str, str]) -> bool:
    """Return whether the labels fulfil every requirement."""
    return all(_holds(requirement, labels) for requirement in requirements)


def selector_text(selector: Mapping[str, str]) -> str:
    """Return `a=b,c=d`, sorted, as kubectl prints a map selector."""
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
