"""The Observer's state machine: one incident from its opening to its submission.

    NEW --opened--> ASKED --reply: probe or act--> WAITING --observation or refusal--> ASKED ...
                      |--reply: submit, or a budget spent--> SUBMITTED
                      |--malformed: asked once more, then the step is lost--> ASKED

Invariant: one message is in flight per incident; an event that is not the one awaited changes
nothing, so repeats and stragglers are harmless. Effects are the facts that it publishes:
`ModelRequested` asks a model, `PlanProposed` asks for a read, an act or the end.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from agents.contracts.approval import ActionRefused
from agents.contracts.audit import TimerFired
from agents.contracts.envelope import Event
from agents.contracts.guidance import GuidancePublished
from agents.contracts.ids import EventId, GuidanceId, IncidentId, ModelId, PlanId, derive, event_id
from agents.contracts.incident import IncidentClosed, IncidentOpened, IncidentSnapshot
from agents.contracts.model import ModelReplied, ModelRequested, ModelRole
from agents.contracts.observation import ObservationRecorded
from agents.contracts.plan import PlanKind, PlanProposed, Submission, SubmitReason
from agents.memory import LastStep, Memory
from agents.observer.guides import choose
from agents.observer.prompt import Situation, messages
from agents.observer.reply import MalformedReply, Reply, ReplyAction, parse_reply
from agents.reducer import Output, ReducerState, Step
from agents.roles import Role
from agents.settings import ObserverSettings

DEADLINE = "deadline"
FORGET = "forget"
MARKER_KEPT = timedelta(days=7)
MODEL_RETRIES = 2


class Phase(StrEnum):
    """Where an incident stands; see the module's drawing."""

    NEW = "new"
    ASKED = "asked"
    WAITING = "waiting"
    SUBMITTED = "submitted"


TRANSITIONS: dict[Phase, frozenset[Phase]] = {
    Phase.NEW: frozenset({Phase.ASKED, Phase.SUBMITTED}),
    Phase.ASKED: frozenset({Phase.ASKED, Phase.WAITING, Phase.SUBMITTED}),
    Phase.WAITING: frozenset({Phase.ASKED, Phase.SUBMITTED}),
    Phase.SUBMITTED: frozenset(),
}


class IllegalMove(RuntimeError):
    """A phase was left for one that the table does not allow: a defect in this module."""


class ObserverState(ReducerState):
    """One incident's mind. `facts` are the ids that its trajectory must contain."""

    phase: Phase = Phase.NEW
    incident: IncidentSnapshot | None = None
    iteration: int = 0
    attempt: int = 0
    model_failures: int = 0
    awaited: str = ""
    model_id: ModelId = ModelId("")
    guidance_ids: tuple[GuidanceId, ...] = ()
    guidance: tuple[str, ...] = ()
    memory: Memory = Memory()
    complaint: str | None = None
    facts: tuple[EventId, ...] = ()

    def moved(self, phase: Phase, **update: object) -> "ObserverState":
        """Return the state in another phase. Raises IllegalMove."""
        if phase not in TRANSITIONS[self.phase]:
            raise IllegalMove(f"{self.key}: from {self.phase} to {phase}")
        return self.model_copy(update={"phase": phase, **update})


@dataclass(slots=True, kw_only=True)
class Current:
    """What the broadcast topics say now; an incident copies what it needs when it opens."""

    model_id: ModelId
    guidance: dict[str, GuidancePublished] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserverReducer:
    """The reducer of role `observer`."""

    settings: ObserverSettings
    current: Current
    role: Role = Role.OBSERVER
    state_type: type[ObserverState] = ObserverState

    def key_of(self, event: Event) -> str | None:
        """Return the incident of the events that this role reads."""
        match event.fact:
            case TimerFired():
                return event.key
            case IncidentSnapshot() | ModelReplied() | ObservationRecorded() | ActionRefused():
                return event.fact.incident_id
        return None

    def initial(self, key: str) -> ObserverState:
        """Return an incident that has not opened yet."""
        return ObserverState(key=key)

    def advance(self, state: ObserverState, event: Event) -> Step[ObserverState]:
        """Apply one event."""
        fact = event.fact
        if isinstance(fact, TimerFired) and fact.name == FORGET:
            return Step(None)
        if state.phase is Phase.SUBMITTED:
            return Step(state)
        match fact:
            case IncidentOpened() if state.phase is Phase.NEW:
                return self._open(state, fact, event)
            case IncidentClosed() if state.phase is not Phase.NEW:
                return self._submit(state, event, SubmitReason.CLOSED_BY_HAND)
            case TimerFired() if fact.name == DEADLINE and state.phase is not Phase.NEW:
                return self._submit(state, event, SubmitReason.TIME_SPENT)
            case ModelReplied() if state.phase is Phase.ASKED and fact.request_id == state.awaited:
                return self._replied(_noted(state, event), fact, event)
            case ObservationRecorded() if _awaited(state, fact.plan_id):
                seen = LastStep(
                    line=fact.line,
                    text=fact.text,
                    exit_code=fact.exit_code,
                    refusal=fact.refusal,
                )
                return self._next(_noted(state, event), seen, event)
            case ActionRefused() if _awaited(state, fact.plan_id):
                return self._next(_noted(state, event), refused_step(fact), event)
        return Step(state)

    def _open(
        self, state: ObserverState, fact: IncidentOpened, event: Event
    ) -> Step[ObserverState]:
        chosen = choose(tuple(self.current.guidance.values()), fact, event.time)
        opened = state.model_copy(
            update={
                "incident": IncidentSnapshot.model_validate(dict(fact)),
                "model_id": self.current.model_id,
                "guidance_ids": tuple(guide.guidance_id for guide in chosen),
                "guidance": tuple(step for guide in chosen for step in guide.steps),
                "facts": (event.id,),
            }
        ).with_timer(DEADLINE, event.time + self.settings.deadline)
        return self._ask(opened, iteration=1)

    def _next(self, state: ObserverState, seen: LastStep, event: Event) -> Step[ObserverState]:
        saw = state.model_copy(update={"memory": state.memory.saw(seen), "complaint": None})
        if state.iteration >= self.settings.max_steps:
            return self._submit(saw, event, SubmitReason.STEPS_SPENT)
        return self._ask(saw, iteration=state.iteration + 1)

    def _ask(
        self, state: ObserverState, *, iteration: int, attempt: int = 0
    ) -> Step[ObserverState]:
        assert state.incident is not None  # noqa: S101 - every phase but NEW has one
        situation = Situation(
            incident=state.incident,
            memory=state.memory,
            guidance=state.guidance,
            step=iteration,
            max_steps=self.settings.max_steps,
            complaint=state.complaint,
        )
        request_id = derive("request", state.key, iteration, attempt, state.model_failures)
        request = ModelRequested(
            incident_id=IncidentId(state.key),
            request_id=request_id,
            role=ModelRole.OBSERVER,
            iteration=iteration,
            attempt=attempt,
            model_id=state.model_id,
            messages=messages(
                situation, rendering=self.settings.rendering, budget=self.settings.prompt_chars
            ),
            max_tokens=self.settings.reply_tokens,
            seed=int(request_id[:8], 16),
        )
        asked = state.moved(Phase.ASKED, iteration=iteration, attempt=attempt, awaited=request_id)
        return Step(asked, (self._output(state, request, request_id),))

    def _replied(
        self, state: ObserverState, fact: ModelReplied, event: Event
    ) -> Step[ObserverState]:
        if fact.text is None:
            if state.model_failures >= MODEL_RETRIES:
                return self._submit(state, event, SubmitReason.MODEL_UNAVAILABLE)
            again = state.model_copy(update={"model_failures": state.model_failures + 1})
            return self._ask(again, iteration=state.iteration, attempt=state.attempt)
        assert state.incident is not None  # noqa: S101 - every phase but NEW has one
        try:
            reply = parse_reply(fact.text, state.incident.task)
        except MalformedReply as error:
            return self._malformed(state, str(error), event)
        learned = state.memory.learned(reply.summary, keep=self.settings.max_summaries)
        told = state.model_copy(update={"memory": learned, "complaint": None, "model_failures": 0})
        if reply.action is ReplyAction.SUBMIT:
            return self._submit(told, event, SubmitReason.ANSWERED, reply, fact)
        return self._propose(told, reply, fact)

    def _malformed(self, state: ObserverState, why: str, event: Event) -> Step[ObserverState]:
        complaint = why[:200]
        if state.attempt == 0:
            complained = state.model_copy(update={"complaint": complaint})
            return self._ask(complained, iteration=state.iteration, attempt=1)
        lost = (
            state.memory
            if state.memory.last
            else state.memory.saw(LastStep(line="(no usable reply)", text=complaint))
        )
        kept = state.model_copy(update={"memory": lost, "complaint": complaint})
        if state.iteration >= self.settings.max_steps:
            return self._submit(kept, event, SubmitReason.STEPS_SPENT)
        return self._ask(kept, iteration=state.iteration + 1)

    def _propose(
        self, state: ObserverState, reply: Reply, fact: ModelReplied
    ) -> Step[ObserverState]:
        kind = PlanKind.PROBE if reply.action is ReplyAction.PROBE else PlanKind.ACTION
        plan = self._plan(state, kind, reply, fact)
        waiting = state.moved(Phase.WAITING, awaited=plan.plan_id)
        output = self._output(state, plan, plan.plan_id)
        noted = waiting.model_copy(update={"facts": (*waiting.facts, output.id)})
        return Step(noted, (output,))

    def _plan(
        self, state: ObserverState, kind: PlanKind, reply: Reply | None, fact: ModelReplied | None
    ) -> PlanProposed:
        assert state.incident is not None  # noqa: S101 - every phase but NEW has one
        return PlanProposed(
            incident_id=IncidentId(state.key),
            plan_id=PlanId(derive("plan", state.key, state.iteration, kind)),
            iteration=state.iteration,
            kind=kind,
            namespace=state.incident.namespace,
            severity=state.incident.severity,
            line=reply.command if reply and kind is not PlanKind.SUBMIT else None,
            summary=reply.summary if reply else "",
            target=reply.target if reply else "",
            check=reply.check if reply else "",
            confidence=reply.confidence if reply else 0,
            model_id=fact.model_id if fact else state.model_id,
            guidance_ids=state.guidance_ids,
            sample=fact.sample if fact else None,
        )

    def _submit(
        self,
        state: ObserverState,
        event: Event,
        reason: SubmitReason,
        reply: Reply | None = None,
        fact: ModelReplied | None = None,
    ) -> Step[ObserverState]:
        assert state.incident is not None  # noqa: S101 - every phase but NEW has one
        submission = Submission(
            task=state.incident.task,
            reason=reason,
            answer=reply.answer if reply else None,
            requires=state.facts,
        )
        plan = self._plan(state, PlanKind.SUBMIT, reply, fact)
        plan = plan.model_copy(update={"submission": submission})
        done = state.moved(Phase.SUBMITTED, awaited="", memory=Memory(), facts=(), guidance=())
        kept = done.without_timer(DEADLINE).with_timer(FORGET, event.time + MARKER_KEPT)
        return Step(kept, (self._output(state, plan, plan.plan_id),))

    def _output(
        self, state: ObserverState, fact: PlanProposed | ModelRequested, part: str
    ) -> Output:
        incident = IncidentId(state.key)
        kind = type(fact).__name__
        return Output(id=event_id(incident, kind, part), key=incident, fact=fact, incident=incident)


def refused_step(fact: ActionRefused) -> LastStep:
    """Return a refusal as the Observer's last step: what was refused, by whom and why."""
    return LastStep(
        line=fact.line,
        text=fact.message,
        exit_code=1,
        refusal=f"{fact.refused_by}: {fact.reason}",
    )


def _awaited(state: ObserverState, plan_id: PlanId) -> bool:
    return state.phase is Phase.WAITING and state.awaited == plan_id


def _noted(state: ObserverState, event: Event) -> ObserverState:
    return state.model_copy(update={"facts": (*state.facts, event.id)})
