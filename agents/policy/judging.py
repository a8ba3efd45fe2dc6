"""What becomes of one line, as the Probe or as the Executor would see it: text in, verdict out.

Invariant: the way is the roles' own (parse, then check or typed action, then policy); nothing is
decided here, and what cannot be judged is denied.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from agents.contracts.action import Action
from agents.contracts.command import Command
from agents.policy.actions import action_of, command_of
from agents.policy.decide import Context, Policy, PreviewFacts, Ruling, Verdict
from agents.policy.parse import parse
from agents.policy.refusal import Place, ReasonCode, Refusal
from agents.policy.render import line_of


class Side(StrEnum):
    """Who would run the line."""

    PROBE = "probe"
    EXECUTOR = "executor"


def _globs(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Globs = Annotated[tuple[str, ...], BeforeValidator(_globs)]


class Circumstances(BaseModel):
    """What is assumed around a line; every field has the value of an ordinary incident.

    namespace: the incident's, also that of a line which names none. managed: globs; None for the
    incident's namespace alone. now: for the calendar of freezes. pods: what the dry run touched,
    None for before the dry run. replicas_lost: percent of the workload's replicas. changed: members
    that the dry run showed to differ. owners: controllers above the object, `namespace/kind/name`.
    kinds, namespaces: of what the dry run touched beside the object. creates: all of it is new.
    told: it told of members and owners.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    namespace: str | None = "default"
    managed: Globs | None = None
    own: Globs = ()
    protected: Globs = ()
    severity: str = "critical"
    confidence: int = Field(default=100, ge=0, le=100)
    proposer: str = "aoi/observer"
    freeze: bool = False
    now: AwareDatetime | None = None
    pods: int | None = Field(default=1, ge=0)
    replica_delta: int = 0
    replicas_lost: int = Field(default=0, ge=0, le=100)
    changed: Globs = ()
    owners: Globs = ()
    kinds: Globs = ()
    namespaces: Globs = ()
    creates: bool = False
    told: bool = True
    acts_this_incident: int = Field(default=0, ge=0)
    acts_this_hour: int = Field(default=0, ge=0)
    max_acts_this_incident: int = Field(default=4, ge=0)
    max_acts_this_hour: int = Field(default=60, ge=0)

    @property
    def places(self) -> tuple[str, ...]:
        """The globs of managed namespaces that the process would have been started with."""
        if self.managed is not None:
            return self.managed
        return (self.namespace,) if self.namespace else ()

    def context(self) -> Context:
        """Return them as the Gate and the Executor hand them to policy."""
        preview = None
        if self.pods is not None:
            preview = PreviewFacts(
                pods_affected=self.pods,
                replica_delta=self.replica_delta,
                replicas_lost_percent=self.replicas_lost,
                changed=frozenset(self.changed),
                above=frozenset(self.owners),
                kinds=frozenset(self.kinds),
                namespaces=frozenset(self.namespaces),
                controlled=bool(self.owners),
                creates=self.creates,
                told=self.told,
            )
        return Context(
            incident_id="asked",
            incident_namespace=self.namespace,
            managed=self.places,
            own=self.own,
            protected=self.protected,
            severity=self.severity,
            confidence=self.confidence,
            proposer=self.proposer,
            freeze=self.freeze,
            now=self.now,
            preview=preview,
            acts_this_incident=self.acts_this_incident,
            acts_this_hour=self.acts_this_hour,
            max_acts_this_incident=self.max_acts_this_incident,
            max_acts_this_hour=self.max_acts_this_hour,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One line and its verdict, with what the line was understood to be, as far as it was.

    place: of the offending text in the line, where one is known.
    """

    line: str
    side: Side
    verdict: Verdict
    command: Command | None = None
    action: Action | None = None
    place: Place | None = None


def judge(line: str, side: Side, around: Circumstances, policy: Policy) -> Judged:
    """Return the verdict on a line; a defect of ours is a denial too."""
    command: Command | None = None
    action: Action | None = None
    place: Place | None = None
    try:
        command = parse(line, around.namespace)
        if side is Side.PROBE:
            verdict = policy.may_read(command, policy.rules.limits.readable(around.places))
        else:
            action = action_of(command)
            line_of(command_of(action))
            verdict = policy.decide(action, around.context())
    except Refusal as refusal:
        place = refusal.place
        verdict = Verdict(Ruling.DENY, refusal.code, refusal.message, refusal.hint)
    except Exception as error:  # noqa: BLE001 - whatever it is, the line is not allowed
        message = f"the line could not be judged: {error!r}"[:500]
        verdict = Verdict(Ruling.DENY, ReasonCode.POLICY_ERROR, message)
    return Judged(
        line=line, side=side, verdict=verdict, command=command, action=action, place=place
    )
