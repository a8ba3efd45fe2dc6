"""What is wrong with a file of policies, in words and lines: Cedar tells neither once nor where.

Invariant: nothing is decided here. Each fault is told once, with the @id of its policy and the line
on which that begins.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

import cedarpy

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\r\n]*|(?P<end>;)|(?P<ink>\S)|\s+', re.DOTALL)
# what nests: brackets, and operators by the trees that Cedar makes of their chains
_NESTS = re.compile(
    r'"(?:[^"\\]|\\.)*"|//[^\r\n]*|(?P<open>[(\[{])|(?P<shut>[)\]}])|(?P<step>&&|\|\||[-+*!.<]|\bif\b)',
    re.DOTALL,
)
_MOST_OPEN, _MOST_STEPS = 100, 500
"""What no policy needs; several times as much ends the process, as Cedar's stack does."""
# a fault that Cedar finds anew for each act that the policy may be about
_OF_AN_ACT = re.compile(r' for Action::"\w+"')


def places(text: str) -> list[tuple[int, str]]:
    """Return line and source of every policy, in order; what is no policy counts as one, too."""
    found: list[tuple[int, str]] = []
    begin: int | None = None
    for token in _TOKEN.finditer(text):
        comment = token.group().startswith("//") or token.group().isspace()
        if begin is None and not comment:
            begin = token.start()
        if begin is not None and token["end"]:
            found.append((text.count("\n", 0, begin) + 1, text[begin : token.end()]))
            begin = None
    if begin is not None:
        found.append((text.count("\n", 0, begin) + 1, text[begin:]))
    return found


def too_deep(text: str) -> str:
    """Return where a policy begins that Cedar may not live to read, '' where none does."""
    for line, source in places(text):
        open_now = steps = 0
        for token in _NESTS.finditer(source):
            open_now += bool(token["open"]) - bool(token["shut"])
            steps += bool(token["step"])
            if open_now > _MOST_OPEN or steps > _MOST_STEPS:
                return _beginning(line)
    return ""


def _beginning(line: int) -> str:
    return f"the policy that begins on line {line}"


def named(text: str, number: int) -> str:
    """Return how a policy is called, counted from 0: its @id if it has one, and its line."""
    line, source = places(text)[number]
    body: dict[str, Any] = json.loads(cedarpy.policies_to_json_str(source))
    (policy,) = (body["staticPolicies"] | body["templates"]).values()
    name = policy.get("annotations", {}).get("id")
    return f"{name or f'policy {number + 1}'} (line {line})"


def told(text: str, errors: Sequence[cedarpy.ValidationError]) -> str:
    """Return what `cedarpy.validate_policies` found in a text, each fault once."""
    faults: dict[tuple[str, str], set[str]] = {}
    for error in errors:
        short = error.error.removeprefix(f"for policy `{error.policy_id}`, ")
        faults.setdefault((error.policy_id, _OF_AN_ACT.sub("", short)), set()).add(short)
    words = []
    for (policy, fault), each in sorted(faults.items()):
        said = min(each) if len(each) == 1 else fault
        where = named(text, int(policy.removeprefix("policy"))) if policy else _unread(text)
        words.append(f"{where}: {said}" if where else said)
    return "; ".join(words)


def _unread(text: str) -> str:
    """Return where the first policy begins that cannot be parsed, '' where all can."""
    for line, source in places(text):
        try:
            cedarpy.PolicySet.from_str(source)
        except ValueError:
            return _beginning(line)
    return ""
