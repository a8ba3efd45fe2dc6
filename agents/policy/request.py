"""The circumstances of an act, and the question that Cedar is asked about it.

Invariant: every fact of the schema is there with its own type, or no question is asked; what the
operator's settings say and what the process was started with both hold.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

import orjson

from agents.contracts.action import Action, DeleteResource, HelmRollback, Preview, Touched
from agents.policy.asked import Facts
from agents.policy.facts import ActionFacts, facts_of, spelled
from agents.policy.kinds import KINDS
from agents.policy.limits import FreezeRule, Limits, matches, stricter
from agents.policy.refusal import ReasonCode, Refusal

ALL_LOST = 100
_MAKES_PODS = frozenset({"replicasets", "statefulsets", "daemonsets"})
_SCALED = frozenset({"deployments", "statefulsets", "replicasets", "daemonsets"})

Request = dict[str, str | dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewFacts:
    """What a dry run showed: how many pods change, by how many replicas, and what share is lost.

    replicas_lost_percent: of the workload's replicas before the act, 0 where it takes none.
    replicas: those after the act, -1 where it leaves them. changed: members of the objects
    themselves, beyond what the act names. above: what is touched and the controllers over it, as
    `namespace/kind/name`. kinds, namespaces: of what is touched, "" for objects of the cluster.
    controlled: whether a controller that makes pods again stands over what is touched. creates:
    whether all of it is new. told: whether the dry run told of members and owners at all.
    """

    pods_affected: int
    replica_delta: int = 0
    replicas_lost_percent: int = 0
    replicas: int = -1
    changed: frozenset[str] = frozenset()
    above: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()
    controlled: bool = False
    creates: bool = False
    told: bool = False

    @classmethod
    def of(cls, action: Action, preview: Preview) -> Self:
        """Return the facts of a preview; what it does not tell, the act and its rollback do."""
        facts = cls.between(action, preview.rollback, preview.pods_affected)
        before, after = preview.replicas_before, preview.replicas_after
        deleted = isinstance(action, DeleteResource)
        if before is not None and after is not None and not deleted:
            facts = cls(
                pods_affected=preview.pods_affected,
                replica_delta=after - before,
                replicas_lost_percent=_lost(before, after),
                replicas=after if after != before else -1,
            )
        touched = frozenset(
            f"{one.namespace or ''}/{one.kind}/{one.name}" for one in preview.touched
        )
        # Helm keeps its revisions in Secrets of its own
        objects = [
            one
            for one in preview.touched
            if not (isinstance(action, HelmRollback) and _is_revision(one))
        ]
        return replace(
            facts,
            changed=frozenset(preview.changed or ()),
            above=touched.union(preview.owners or ()),
            kinds=frozenset(one.kind for one in objects),
            namespaces=frozenset(one.namespace or "" for one in objects),
            controlled=any(one.split("/")[1] in _MAKES_PODS for one in preview.owners or ()),
            creates=bool(objects) and all(one.resource_version is None for one in objects),
            told=None not in (preview.changed, preview.owners) and bool(preview.touched),
        )

    def undone(self) -> Self:
        """Return the facts for the rollback: the same objects, members and pods, back again."""
        return replace(self, replicas=-1)

    @classmethod
    def between(cls, action: Action, rollback: Action | None, pods_affected: int) -> Self:
        """Return the facts of an act and of what undoes it, which tells the replicas before.

        An act that sets replicas where nothing tells how many there were counts as taking all.
        """
        if isinstance(action, DeleteResource) and action.kind in _SCALED:
            return cls(pods_affected=pods_affected, replicas_lost_percent=ALL_LOST)
        try:
            after = facts_of(action).replicas
            before = -1 if rollback is None else facts_of(rollback).replicas
        except (ValueError, RecursionError, Refusal):
            return cls(pods_affected=pods_affected, replicas_lost_percent=ALL_LOST)
        if after < 0 or isinstance(rollback, DeleteResource):  # none set, or the first of its name
            return cls(pods_affected=pods_affected)
        if before < 0:
            return cls(pods_affected=pods_affected, replicas_lost_percent=ALL_LOST)
        return cls(
            pods_affected=pods_affected,
            replica_delta=after - before,
            replicas_lost_percent=_lost(before, after),
        )


def _is_revision(touched: Touched) -> bool:
    return touched.kind == "secrets" and touched.name.startswith("sh.helm.release.v1.")


def _lost(before: int, after: int) -> int:
    return max(0, before - after) * ALL_LOST // before if before else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The circumstances of an act.

    managed, own: globs of namespaces, those that AOI may change and those that it runs in.
    protected: globs over `namespace/kind/name`. preview: None before the dry run, when nothing is
    allowed unasked. acts_*: acts already begun, of the incident and of the last hour. now: aware,
    for the operator's calendar of freezes; without it, one with windows denies.
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
    now: datetime | None = None
    preview: PreviewFacts | None = None
    acts_this_incident: int = 0
    acts_this_hour: int = 0
    max_acts_this_incident: int = 4
    max_acts_this_hour: int = 60


def request_of(action: Action, context: Context, namespace: str, told: Facts) -> Request:
    """Return the Cedar request about an act; told: the facts that Cedar needs to answer it."""
    if type(context.proposer) is not str:
        raise TypeError(f"expected the proposer's name, got {context.proposer!r}")
    # parts, not Cedar's own text: no name can break out of them, and there is less to parse
    return {
        "principal": {"type": "Proposer", "id": context.proposer},
        "action": {"type": "Action", "id": action.type},
        "resource": {"type": "Namespace", "id": namespace},
        "context": orjson.dumps(told).decode(),
    }


def seen_facts(action: Action, context: Context, limits: Limits) -> Facts:
    """Return every fact that a policy sees; raises `Refusal`, `ValueError` or `TypeError`."""
    facts = facts_of(action)
    cluster_wide = facts.kind in KINDS and not KINDS[facts.kind].namespaced
    if context.incident_namespace is None:
        raise _missing("the incident has no namespace, so nothing can be changed for it")
    if facts.namespace is None and not cluster_wide:
        raise _missing(f"expected the namespace of {facts.kind}/{facts.name}")
    return _facts(facts, context, limits, cluster_wide=cluster_wide)


# as the schema has them; asking Cedar to check each request would double its cost
_FACT_TYPES: dict[str, type] = {
    **dict.fromkeys(["kind", "namespace", "name", "image", "incident_namespace", "severity"], str),
    **dict.fromkeys(["cluster_wide", "in_managed_namespace", "in_own_namespace"], bool),
    **dict.fromkeys(["is_protected", "force", "freeze", "freeze_denies"], bool),
    **dict.fromkeys(["replicas", "confidence", "acts_this_incident", "acts_this_hour"], int),
    **dict.fromkeys(["max_acts_this_incident", "max_acts_this_hour"], int),
    **dict.fromkeys(["kinds", "namespaces", "touches"], list),
}
_TYPES = list(_FACT_TYPES.values())
_COUNTS = [name for name, kind in _FACT_TYPES.items() if kind is int]
_MOST = 2**63 - 1


def _facts(facts: ActionFacts, context: Context, limits: Limits, *, cluster_wide: bool) -> Facts:
    namespace, rates, shown = facts.namespace or "", limits.rates, context.preview
    frozen = _freeze_of(context, limits)
    spared = (*context.protected, *limits.protected_workloads)
    above = {facts.workload} | (shown.above if shown else frozenset())
    record: Facts = {
        "kind": facts.kind,
        "namespace": namespace,
        "name": facts.name,
        "cluster_wide": cluster_wide,
        "kinds": sorted({facts.kind} | (shown.kinds if shown else set())),
        "namespaces": sorted({namespace} | facts.refers | (shown.namespaces if shown else set())),
        "in_managed_namespace": limits.manages(namespace, context.managed),
        "in_own_namespace": matches(namespace, (*context.own, *limits.own_namespaces)),
        "is_protected": any(matches(one, spared) for one in above),
        "touches": sorted(facts.touches | spelled(shown.changed) if shown else facts.touches),
        "replicas": _fewest(facts.replicas, shown.replicas if shown else -1),
        "force": facts.force,
        "image": facts.image,
        "incident_namespace": context.incident_namespace or "",
        "severity": context.severity.lower(),  # sources spell it as they like
        "confidence": context.confidence,
        "acts_this_incident": context.acts_this_incident,
        "acts_this_hour": context.acts_this_hour,
        "max_acts_this_incident": stricter(context.max_acts_this_incident, rates.acts_per_incident),
        "max_acts_this_hour": stricter(context.max_acts_this_hour, rates.acts_per_hour),
        "freeze": frozen is not None,
        "freeze_denies": frozen is FreezeRule.DENY,
    }
    _check_types(record)
    if shown is not None:
        counts = {
            "pods_affected": shown.pods_affected,
            "replica_delta": shown.replica_delta,
            "replicas_lost_percent": shown.replicas_lost_percent,
        }
        if any(type(count) is not int or abs(count) > _MOST for count in counts.values()):
            raise TypeError(f"expected counts of the dry run, got {counts}")
        flags = {name: getattr(shown, name) for name in ("controlled", "creates", "told")}
        if any(type(flag) is not bool for flag in flags.values()):
            raise TypeError(f"expected flags of the dry run, got {flags}")
        record["preview"] = counts | flags
    orjson.dumps(record)  # raises on what is no text, whether a policy asks for it or not
    return record


def _check_types(record: Facts) -> None:
    if [type(record[name]) for name in _FACT_TYPES] != _TYPES:
        for name, kind in _FACT_TYPES.items():
            if type(record[name]) is not kind:
                raise TypeError(f"expected {name} to be {kind.__name__}, got {record[name]!r}")
    for name in _COUNTS:
        number = record[name]
        if not isinstance(number, int) or abs(number) > _MOST:
            raise ValueError(f"expected {name} to be a number of Cedar's, got {number!r}")


def _fewest(*replicas: int) -> int:
    """Return the fewest that are told, -1 where none are."""
    return min((one for one in replicas if one >= 0), default=-1)


def _freeze_of(context: Context, limits: Limits) -> FreezeRule | None:
    """Return what the switch of the process, the operator's and the calendar say together."""
    if type(context.freeze) is not bool:
        raise TypeError(f"expected freeze to be bool, got {context.freeze!r}")
    try:
        rule = limits.freeze.in_force(context.now)
    except LookupError as error:
        raise _missing(str(error)) from error
    return FreezeRule.ASK if context.freeze and rule is None else rule


def _missing(message: str) -> Refusal:
    return Refusal(ReasonCode.MISSING_FACT, message)
