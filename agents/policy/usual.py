"""The values that facts usually have: Cedar is not told these, so its policies are given them.

Invariant: of what is told, a policy with these values says what it says, as it is written, of all
facts; it reads one that is told, and takes the usual value of none that is there.
"""

from collections.abc import Mapping

from pydantic import JsonValue

PREVIEW = "preview"
Usual = bool | int | str | list[str]
USUAL: Mapping[str, Usual] = {
    "cluster_wide": False,
    "in_managed_namespace": True,
    "in_own_namespace": False,
    "is_protected": False,
    "touches": [],
    "replicas": -1,
    "force": False,
    "image": "",
    "acts_this_incident": 0,
    "acts_this_hour": 0,
    "max_acts_this_incident": 4,
    "max_acts_this_hour": 60,
    "freeze": False,
    "freeze_denies": False,
}
"""By fact."""
USUAL_PREVIEW: Mapping[str, bool | int] = {
    "replica_delta": 0,
    "replicas_lost_percent": 0,
    "controlled": True,
    "told": True,
    "creates": False,
}
"""By member of what a dry run showed."""
CONTEXT: JsonValue = {"Var": "context"}
IN_PREVIEW: JsonValue = {".": {"left": CONTEXT, "attr": PREVIEW}}


def with_usual(part: JsonValue) -> JsonValue:
    """Return conditions of policies, in Cedar's JSON form, that read what may not be told."""
    if isinstance(part, list):
        return [with_usual(one) for one in part]
    if not isinstance(part, dict):
        return part
    match part:
        case {".": {"left": left, "attr": str(name)}} if left == CONTEXT and name in USUAL:
            return _or_else(part, USUAL[name])
        case {".": {"left": left, "attr": str(name)}} if left == IN_PREVIEW:
            return _or_else(part, USUAL_PREVIEW[name]) if name in USUAL_PREVIEW else part
        case {"has": {"left": left, "attr": str(name)}} if left == CONTEXT and name in USUAL:
            return {"Value": True}
        case _:
            return {name: with_usual(one) for name, one in part.items()}


def _or_else(member: dict[str, JsonValue], usual: Usual) -> JsonValue:
    """Return the member where it is told, and else its usual value."""
    value: JsonValue = {"Set": []} if isinstance(usual, list) else {"Value": usual}
    return {"if-then-else": {"if": {"has": member["."]}, "then": member, "else": value}}
