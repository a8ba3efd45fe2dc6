"""The one decision about an act: allow, needs approval or deny, by Cedar policies of an operator.

Invariant: only an answer that Cedar gave without any error, on facts that are all there, allows
anything; an error, an unknown action, a missing fact or silence of the policies denies. One
decision is made under one edition of the rules, whatever is adopted meanwhile.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from pathlib import Path
from typing import Self

import cedarpy

from agents.contracts.action import Action, DeleteResource, Touched
from agents.contracts.command import Command
from agents.policy.asked import told
from agents.policy.reads import check_read
from agents.policy.refusal import ReasonCode, Refusal
from agents.policy.request import Context, PreviewFacts, request_of, seen_facts
from agents.policy.risk import risk_of
from agents.policy.rulebook import (
    ACTION_TYPES,
    Effect,
    Part,
    PolicyInvalid,
    Rule,
    Rules,
    read_rulebook,
)

__all__ = [
    "Context",
    "Policy",
    "PolicyInvalid",
    "PreviewFacts",
    "Ruling",
    "Verdict",
    "risk_of",
]

SHIPPED = Path(__file__).parent / "rules"
_ORDER = attrgetter("order")
_DEFECTS = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


class Ruling(StrEnum):
    """What becomes of an act."""

    ALLOW = "allow"
    NEEDS_APPROVAL = "needs_approval"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A ruling with its reason: a `ReasonCode`, or the @id of the policy that ruled."""

    ruling: Ruling
    reason: str
    message: str
    hint: str | None = None

    @property
    def allowed(self) -> bool:
        """Whether it may be done without asking anybody."""
        return self.ruling is Ruling.ALLOW


class Policy:
    """The rules in force: read from a folder, asked, and replaced as a whole by `adopt`."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Read and validate a folder of rules, or the shipped one; raises `PolicyInvalid`."""
        return cls(read_rulebook(folder or SHIPPED))

    def adopt(self, rules: Rules) -> None:
        """Put other rules in force for every later decision."""
        self._rules = rules

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self._rules

    @property
    def version(self) -> str:
        """Hex SHA-256 over the names and bytes of the folder's files."""
        return self._rules.version

    def approvers_needed(
        self, action: Action, rollback: Action | None = None, touched: tuple[Touched, ...] = ()
    ) -> int:
        """Return how many different approvers an act needs when it is not allowed unasked.

        It may be followed by its rollback unasked, so whichever of both needs more counts. To
        delete what the act itself makes takes nothing from anybody: that counts for none.
        """
        approvers = self._rules.approvers
        acts = [action]
        if rollback is not None and not _unmakes(rollback, touched):
            acts.append(rollback)
        return max(approvers.get(one.type, approvers["default"]) for one in acts)

    def may_read(self, command: Command, managed: Iterable[str]) -> Verdict:
        """Judge a read by the Probe; `managed` are globs of namespaces."""
        try:
            check_read(command, tuple(managed), self._rules.limits.reads.paths)
        except Refusal as refusal:
            return _refused(refusal)
        return Verdict(Ruling.ALLOW, "read", "a read of what AOI manages")

    def decide(self, action: Action, context: Context) -> Verdict:
        """Judge an act under its circumstances."""
        rules = self._rules
        try:
            if action.type not in ACTION_TYPES:
                raise ValueError(f"expected a typed action, got {action.type}")
            question = rules.questions[action.type]
            facts = seen_facts(action, context, rules.limits)
            said = told(facts, question.asked)
            request = request_of(action, context, str(facts["namespace"]), said)
            answer = cedarpy.is_authorized(request, question.policies(said), rules.entities)
            return _ruled(rules, answer, previewed=context.preview is not None)
        except Refusal as refusal:
            return _refused(refusal)
        except _DEFECTS as error:
            return _broken(f"the policy could not be asked: {error}")


def _unmakes(rollback: Action, touched: tuple[Touched, ...]) -> bool:
    """Return whether a rollback deletes an object that did not exist before the act."""
    if not isinstance(rollback, DeleteResource):
        return False
    new = {(one.kind, one.namespace, one.name) for one in touched if one.resource_version is None}
    return (rollback.kind, rollback.namespace, rollback.name) in new


def _ruled(rules: Rules, answer: cedarpy.AuthzResult, *, previewed: bool) -> Verdict:
    """Return what Cedar's answer means; raises `KeyError` on a policy that nobody loaded.

    Cedar denies by itself, by any `forbid` of `never` and `ask` and by silence. What it permits is
    every policy that holds, the doubts of `automatic` included: those ask a person.
    """
    diagnostics = answer.diagnostics
    if diagnostics.errors:
        return _broken(f"the policy could not be evaluated: {diagnostics.errors[0]}")
    names = set(diagnostics.id_annotations_by_reason.values())
    held = sorted([rules.by_id[name] for name in names], key=_ORDER)
    if answer.decision is not cedarpy.Decision.Allow:
        return _first(Ruling.DENY, held) or _SILENT
    automatic = [rule for rule in held if rule.part is Part.AUTOMATIC]
    if len(automatic) == len(held):  # nothing of `ask` holds, and of `never` nothing permits
        return _SILENT
    doubts = [rule for rule in automatic if rule.effect is Effect.FORBID]
    unasked = _first(Ruling.NEEDS_APPROVAL, doubts) or _first(Ruling.ALLOW, automatic)
    return unasked or (_NEEDS_PERSON if previewed else _NO_DRY_RUN)


def _first(ruling: Ruling, held: list[Rule]) -> Verdict | None:
    return Verdict(ruling, held[0].name, held[0].message) if held else None


_SILENT = Verdict(Ruling.DENY, ReasonCode.POLICY_SILENT, "no policy allows this act")
_NEEDS_PERSON = Verdict(
    Ruling.NEEDS_APPROVAL, "needs_person", "no policy lets this act be done unasked"
)
_NO_DRY_RUN = Verdict(
    Ruling.NEEDS_APPROVAL,
    "needs_person",
    "there was no dry run yet, and no policy lets this act be done unasked without one",
)


def _refused(refusal: Refusal) -> Verdict:
    return Verdict(Ruling.DENY, refusal.code, refusal.message, refusal.hint)


def _broken(message: str) -> Verdict:
    return Verdict(Ruling.DENY, ReasonCode.POLICY_ERROR, message)
