"""The one decision about an act: allow, needs approval or deny, by Cedar policies of an operator.

Invariant: only an answer that Cedar gave without any error, on facts that are all there, allows
anything; an error, an unknown action, a missing fact or silence of the policies denies.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Self

import cedarpy

from agents.contracts.action import Action, Preview, ScaleWorkload
from agents.contracts.command import Command
from agents.policy.facts import ActionFacts, facts_of
from agents.policy.kinds import KINDS
from agents.policy.reads import check_read
from agents.policy.refusal import ReasonCode, Refusal
from agents.policy.risk import risk_of
from agents.policy.rulebook import ACTION_TYPES, PolicyInvalid, Rules, read_rulebook

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


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewFacts:
    """What a dry run showed: how many pods change, and by how many replicas."""

    pods_affected: int
    replica_delta: int = 0

    @classmethod
    def of(cls, action: Action, preview: Preview) -> Self:
        """Return the facts of a preview; the delta is known where the rollback scales back."""
        before = preview.rollback
        delta = 0
        if isinstance(action, ScaleWorkload) and isinstance(before, ScaleWorkload):
            delta = action.replicas - before.replicas
        return cls(pods_affected=preview.pods_affected, replica_delta=delta)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The circumstances of an act.

    managed, own: globs of namespaces, those that AOI may change and those that it runs in.
    protected: globs over `namespace/kind/name`. preview: None before the dry run, when nothing is
    allowed unasked. acts_*: acts already begun, of the incident and of the last hour.
    """

    incident_id: str
    incident_namespace: str | None
    managed: tuple[str, ...]
    severity: str
    confidence: int
    proposer: str
    own: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    freeze: bool = False
    preview: PreviewFacts | None = None
    acts_this_incident: int = 0
    acts_this_hour: int = 0
    max_acts_this_incident: int = 4
    max_acts_this_hour: int = 60


class Policy:
    """A folder of rules, read once and then asked."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._no_entities = cedarpy.Entities.from_json_str("[]")

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Read and validate a folder of rules, or the shipped one; raises `PolicyInvalid`."""
        return cls(read_rulebook(folder or SHIPPED))

    @property
    def version(self) -> str:
        """Hex SHA-256 over the names and bytes of the folder's files."""
        return self._rules.version

    def approvers_needed(self, action: Action) -> int:
        """Return how many different approvers an act needs when it is not allowed unasked."""
        return self._rules.approvers.get(action.type, self._rules.approvers["default"])

    def may_read(self, command: Command, managed: Iterable[str]) -> Verdict:
        """Judge a read by the Probe; `managed` are globs of namespaces."""
        try:
            check_read(command, tuple(managed))
        except Refusal as refusal:
            return Verdict(Ruling.DENY, refusal.code, refusal.message, refusal.hint)
        return Verdict(Ruling.ALLOW, "read", "a read of what AOI manages")

    def decide(self, action: Action, context: Context) -> Verdict:
        """Judge an act under its circumstances."""
        try:
            if action.type not in ACTION_TYPES:
                raise ValueError(f"expected a typed action, got {action.type}")  # noqa: TRY301 - denied below, as any error
            request = _request(action, context)
            ruled = self._ask(request, automatic=False)
            if ruled.ruling is Ruling.DENY:
                return ruled
            return self._ask(request, automatic=True)
        except Refusal as refusal:
            return Verdict(Ruling.DENY, refusal.code, refusal.message, refusal.hint)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return Verdict(
                Ruling.DENY, ReasonCode.POLICY_ERROR, f"the policy could not be asked: {error}"
            )

    def _ask(self, request: dict[str, str], *, automatic: bool) -> Verdict:
        """Ask one of the two policy sets; a set's silence denies, or asks a person."""
        book = self._rules.automatic if automatic else self._rules.asked
        answer = cedarpy.is_authorized(request, book.policies, self._no_entities)
        if answer.diagnostics.errors:
            return Verdict(
                Ruling.DENY,
                ReasonCode.POLICY_ERROR,
                f"the policy could not be evaluated: {answer.diagnostics.errors[0]}",
            )
        reason, message = next(
            (book.reasons[policy] for policy in sorted(answer.diagnostics.reasons)),
            (ReasonCode.POLICY_SILENT, "no policy allows this act"),
        )
        if answer.decision is cedarpy.Decision.Allow:
            ruling = Ruling.ALLOW if automatic else Ruling.NEEDS_APPROVAL
        else:
            ruling = Ruling.NEEDS_APPROVAL if automatic else Ruling.DENY
        if automatic and reason is ReasonCode.POLICY_SILENT:
            return Verdict(ruling, "needs_person", "this kind of act is never done unasked")
        return Verdict(ruling, reason, message)


def _request(action: Action, context: Context) -> dict[str, str]:
    """Return the Cedar request; raises `Refusal` when a fact is missing."""
    facts = facts_of(action)
    cluster_wide = facts.kind in KINDS and not KINDS[facts.kind].namespaced
    if context.incident_namespace is None:
        raise _missing("the incident has no namespace, so nothing can be changed for it")
    if facts.namespace is None and not cluster_wide:
        raise _missing(f"expected the namespace of {facts.kind}/{facts.name}")
    return {
        "principal": f"Proposer::{json.dumps(context.proposer)}",
        "action": f'Action::"{action.type}"',
        "resource": f"Namespace::{json.dumps(facts.namespace or '')}",
        "context": json.dumps(_facts(facts, context, cluster_wide=cluster_wide)),
    }


# as the schema has them; asking Cedar to check each request would double its cost
_FACT_TYPES: dict[str, type] = {
    **dict.fromkeys(["kind", "namespace", "name", "image", "incident_namespace", "severity"], str),
    **dict.fromkeys(["cluster_wide", "in_managed_namespace", "in_own_namespace"], bool),
    **dict.fromkeys(["is_protected", "force", "freeze"], bool),
    **dict.fromkeys(["replicas", "confidence", "acts_this_incident", "acts_this_hour"], int),
    **dict.fromkeys(["max_acts_this_incident", "max_acts_this_hour"], int),
    "touches": list,
}


def _facts(
    facts: ActionFacts, context: Context, *, cluster_wide: bool
) -> dict[str, str | int | bool | list[str] | dict[str, int]]:
    namespace = facts.namespace or ""
    record: dict[str, str | int | bool | list[str] | dict[str, int]] = {
        "kind": facts.kind,
        "namespace": namespace,
        "name": facts.name,
        "cluster_wide": cluster_wide,
        "in_managed_namespace": _matches(namespace, context.managed),
        "in_own_namespace": _matches(namespace, context.own),
        "is_protected": _matches(facts.workload, context.protected),
        "touches": sorted(facts.touches),
        "replicas": facts.replicas,
        "force": facts.force,
        "image": facts.image,
        "incident_namespace": context.incident_namespace or "",
        "severity": context.severity,
        "confidence": context.confidence,
        "acts_this_incident": context.acts_this_incident,
        "acts_this_hour": context.acts_this_hour,
        "max_acts_this_incident": context.max_acts_this_incident,
        "max_acts_this_hour": context.max_acts_this_hour,
        "freeze": context.freeze,
    }
    for name, kind in _FACT_TYPES.items():
        if type(record[name]) is not kind:
            raise TypeError(f"expected {name} to be {kind.__name__}, got {record[name]!r}")
    if context.preview is not None:
        record["preview"] = {
            "pods_affected": context.preview.pods_affected,
            "replica_delta": context.preview.replica_delta,
        }
    return record


def _matches(text: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(text, glob) for glob in globs)


def _missing(message: str) -> Refusal:
    return Refusal(ReasonCode.MISSING_FACT, message)
