"""What Cedar is asked about an act of one type: the policies that may hold, on the facts they need.

Invariant: the answer is that of all policies, as they are written, on all facts; a policy is left
out only where a fact of the act, which it asks for before anything else, rules it out.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import cedarpy
from pydantic import JsonValue

from agents.policy.asked import Asked, Facts, facts_asked, may_judge, words_asked
from agents.policy.pooled import Pool
from agents.policy.usual import CONTEXT, USUAL, with_usual

Body = Mapping[str, Any]
"""A policy in Cedar's JSON form."""


@dataclass(frozen=True, slots=True)
class Question:
    """The policies for acts of one type.

    every: all that judge such an act. few: without those that hold only where one of `guards` is
    told. asked: the facts that are told, see `agents.policy.asked`.
    """

    every: cedarpy.PolicySet
    few: cedarpy.PolicySet
    guards: frozenset[str]
    asked: Asked

    def policies(self, told: Facts) -> cedarpy.PolicySet:
        """Return the policies that may hold on what Cedar is told."""
        return self.few if self.guards.isdisjoint(told) else self.every


def questions_of(bodies: Iterable[Body], acts: Iterable[str], pool: Pool) -> dict[str, Question]:
    """Return the question about each type of act; raises `ValueError` and `RecursionError`."""
    known = [(body, _guards(body["conditions"]), _shaped(body, pool)) for body in bodies]
    made: dict[tuple[str, ...], cedarpy.PolicySet] = {}

    def set_of(*sources: str) -> cedarpy.PolicySet:
        if sources not in made:
            made[sources] = cedarpy.PolicySet.from_str("\n".join(sources))
        return made[sources]

    def question_of(act: str) -> Question:
        judging = [one for one in known if may_judge(one[0], act)]
        sources = [source for _, _, source in judging if source is not None]
        if len(sources) < len(judging):  # Cedar is asked as it is written
            written = set_of(*[source_of(body) for body, _, _ in judging])
            return Question(written, written, frozenset(), None)
        few = [source for _, guards, source in judging if not guards and source is not None]
        guards = frozenset[str]().union(*(guards for _, guards, _ in judging))
        asked = facts_asked(body for body, _, _ in judging)
        return Question(set_of(*sources), set_of(*few), guards, asked)

    return {act: question_of(act) for act in acts}


def source_of(body: Body) -> str:
    """Return a policy's text; raises `ValueError` where it nests too deep for Cedar's JSON form."""
    document = {"staticPolicies": {"policy": body}, "templates": {}, "templateLinks": []}
    return cedarpy.policies_from_json_str(json.dumps(document)).strip()


def _shaped(body: Body, pool: Pool) -> str | None:
    """Return the text of a policy that costs less to ask, None where it would nest too deep."""
    with suppress(ValueError, RecursionError):
        return source_of(pool.lifted({**body, "conditions": with_usual(body["conditions"])}))
    return None


def _guards(conditions: list[dict[str, JsonValue]]) -> frozenset[str]:
    """Return facts of which one must be unusual for a policy to hold; none where none must."""
    match conditions:
        case [{"kind": "when", "body": first}, *_]:
            return _ruling_out(first)
        case _:
            return frozenset()


def _ruling_out(part: JsonValue) -> frozenset[str]:
    """Return facts that, while all are usual, make a part false before anything else is looked at.

    None where no such facts are known.
    """
    match part:
        case {"||": {"left": left, "right": right}}:
            both = _ruling_out(left), _ruling_out(right)
            return both[0] | both[1] if all(both) else frozenset()
        case {"&&": {"left": left, "right": right}}:
            return _ruling_out(left) or (_ruling_out(right) if _never_fails(left) else frozenset())
        case {".": {"left": left, "attr": str(name)}} if left == CONTEXT:
            return frozenset({name}) if USUAL.get(name) is False else frozenset()
        case {"contains": _} | {"containsAny": _} if isinstance(part, dict):
            held = words_asked(part)
            return frozenset({held[0]}) if held and USUAL.get(held[0]) == [] else frozenset()
        case _:
            return frozenset()


def _never_fails(part: JsonValue) -> bool:
    """Return whether a part is a question about the action, or whether there was a dry run."""
    match part:
        case {"==": {"left": left, "right": {"Value": _}}} | {
            "!=": {"left": left, "right": {"Value": _}}
        }:
            return left == {"Var": "action"}
        case {"has": {"left": left}}:
            return left == CONTEXT
        case _:
            return False
