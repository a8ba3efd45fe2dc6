"""Which facts the policies of a folder ask about: Cedar is told no others, since each costs time.

Invariant: of an act, every fact that a policy can look at while it judges that act is told, or has
its usual value; one that looks at the facts as a whole is told all.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from agents.policy.usual import CONTEXT, IN_PREVIEW, PREVIEW, USUAL, USUAL_PREVIEW

Asked = Mapping[str, frozenset[str] | None] | None
"""The members of each fact that are asked about, None for all that it is; None for all facts."""
Fact = str | int | bool | list[str] | Mapping[str, int | bool]
Facts = dict[str, Fact]
_HOLDS = ("contains", "containsAny", "containsAll")


def may_judge(body: Mapping[str, Any], act: str) -> bool:
    """Return whether a policy's scope holds acts of a type; a group may hold any."""
    scope = body["action"]
    return bool(scope["op"] != "==" or scope["entity"] == {"type": "Action", "id": act})


def facts_asked(bodies: Iterable[Mapping[str, Any]]) -> Asked:
    """Return the facts that policies, in Cedar's JSON form, ask about."""
    asked: dict[str, set[str] | None] = {}
    if not all(_collect(body["conditions"], asked) for body in bodies):
        return None
    return {name: None if parts is None else frozenset(parts) for name, parts in asked.items()}


def told(facts: Facts, asked: Asked) -> Facts:
    """Return what Cedar is told; a fact that no act has is for Cedar to miss."""
    if asked is None:
        return facts
    record: Facts = {}
    for name, parts in asked.items():
        fact = facts.get(name)
        if fact is not None and parts is not None:
            fact = _parts(fact, parts)
        if fact is not None and fact != USUAL.get(name):
            record[name] = fact
    return record


def _parts(fact: Fact, parts: frozenset[str]) -> Fact:
    """Return the members of a set or of a dry run that are asked about, if they are unusual."""
    if isinstance(fact, list):
        return [one for one in fact if one in parts]
    if isinstance(fact, Mapping):
        asked = parts & fact.keys()
        return {one: fact[one] for one in asked if fact[one] != USUAL_PREVIEW.get(one)}
    return fact  # it has none: Cedar is to say so


def _collect(part: object, asked: dict[str, set[str] | None]) -> bool:
    """Add what a part of a policy looks at; return whether it looks at no more than facts."""
    if part == CONTEXT:
        return False
    if isinstance(part, list):
        return all(_collect(one, asked) for one in part)
    if not isinstance(part, Mapping):
        return True
    match part:
        case {".": {"left": left, "attr": name}} | {"has": {"left": left, "attr": name}} if (
            left == CONTEXT
        ):
            if "has" in part and name == PREVIEW:
                asked.setdefault(name, set())
            else:
                asked[name] = None
            return True
        case {".": {"left": left, "attr": name}} if left == IN_PREVIEW:
            _add(asked, PREVIEW, {name})
            return True
        case _:
            held = words_asked(part)
            if held is None:
                return all(_collect(one, asked) for one in part.values())
            _add(asked, *held)
            return True


def words_asked(part: Mapping[str, Any]) -> tuple[str, set[str]] | None:
    """Return the fact of which a part asks whether it holds words that stand there, and these."""
    for operator in _HOLDS:
        match part.get(operator):
            case {"left": {".": {"left": left, "attr": str(name)}}, "right": right} if (
                left == CONTEXT
            ):
                listed = [right] if operator == "contains" else right.get("Set", [{}])
                words = [one.get("Value") for one in listed]
                if all(isinstance(word, str) for word in words):
                    return name, {*words}
    return None


def _add(asked: dict[str, set[str] | None], name: str, parts: set[str]) -> None:
    held = asked.setdefault(name, set())
    if held is not None:
        held |= parts
