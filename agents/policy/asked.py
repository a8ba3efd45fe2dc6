"""Which facts the policies of a folder ask about: Cedar is told no others, since each costs time.

Invariant: of an act, every fact that a policy can look at while it judges that act is among them;
one that looks at the facts as a whole is told all.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Asked = frozenset[str] | None
"""Names of facts; None for all of them."""
_CONTEXT = {"Var": "context"}


def facts_asked(bodies: Iterable[Mapping[str, Any]], act: str) -> Asked:
    """Return the facts that policies, in Cedar's JSON form, ask about an act of one type."""
    names: set[str] = set()
    for body in bodies:
        if _may_apply(body["action"], act) and not _collect(body["conditions"], names):
            return None
    return frozenset(names)


def _may_apply(scope: Mapping[str, Any], act: str) -> bool:
    """Return whether a policy's scope holds acts of the type; a group may hold any."""
    return bool(scope["op"] != "==" or scope["entity"] == {"type": "Action", "id": act})


def _collect(part: object, names: set[str]) -> bool:
    """Add the facts that a part of a policy names; return whether it looks at no others."""
    if part == _CONTEXT:
        return False
    if isinstance(part, Mapping):
        for operator in (".", "has"):
            member = part.get(operator)
            if isinstance(member, Mapping) and member.get("left") == _CONTEXT:
                names.add(member["attr"])
                return True
        return all(_collect(one, names) for one in part.values())
    return not isinstance(part, list) or all(_collect(one, names) for one in part)
