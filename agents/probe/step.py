"""One read: parse, check, run, redact, report.

Invariant: nothing runs that did not parse to a read verb which policy allows in a managed
namespace; output that comes from no border (`environments/border.py`) is redacted here.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from agents.contracts.command import Command
from agents.contracts.envelope import Event
from agents.contracts.ids import SampleRef, event_id
from agents.contracts.plan import PlanKind, PlanProposed
from agents.contracts.telemetry import TelemetryCollected, TelemetryKind
from agents.environments.protocol import EnvironmentUnavailable, ReadHandle
from agents.environments.protocol import Output as EnvironmentOutput
from agents.policy.parse import parse
from agents.policy.reads import check_read
from agents.policy.redact import Redacted, redact
from agents.policy.refusal import Refusal
from agents.reducer import Output
from agents.roles import Role
from agents.worker import Transient

Save = Callable[[bytes], Awaitable[SampleRef]]
REFUSED_EXIT = 126
INLINE_BYTES = 65_536
MAX_LINE_SHOWN = 300


@dataclass(slots=True, kw_only=True)
class ProbeWorker:
    """The worker of role `probe`. `managed` are the namespace globs where AOI may look.

    paths: what the operator lets it ask for over HTTP, see `check_read`.
    save keeps outputs over 64 KiB in the store; the telemetry then carries their reference.
    """

    cluster: ReadHandle
    save: Save
    managed: tuple[str, ...]
    paths: tuple[str, ...] = ()
    role: Role = field(default=Role.PROBE, init=False)

    async def read(self, plan: PlanProposed) -> TelemetryCollected:
        """Return what the plan's line shows, or why it may not run."""
        line = plan.line or ""
        try:
            command = self._allowed(line, plan.namespace)
        except Refusal as refusal:
            return _refused(plan, refusal)
        try:
            output = await self.cluster.read(command)
        except EnvironmentUnavailable as error:
            raise Transient(f"{command.verb} in {command.namespace}: {error}") from error
        clean = redacted(output)
        kept = clean.text.encode()
        large = len(kept) > INLINE_BYTES
        return TelemetryCollected(
            incident_id=plan.incident_id,
            plan_id=plan.plan_id,
            iteration=plan.iteration,
            kind=TelemetryKind.READ,
            line=redact(line).text,
            command=command,
            exit_code=output.exit_code,
            output="" if large else clean.text,
            output_ref=await self.save(kept) if large else None,
            redactions=clean.count,
            seconds=output.seconds,
        )

    def _allowed(self, line: str, namespace: str | None) -> Command:
        command = parse(line, namespace)
        check_read(command, self.managed, self.paths)
        return command

    async def handle(self, event: Event) -> Sequence[Output]:
        """Answer a plan of kind probe with `TelemetryCollected`."""
        plan = event.fact
        if not isinstance(plan, PlanProposed) or plan.kind is not PlanKind.PROBE:
            return ()
        fact = await self.read(plan)
        return (telemetry_output(fact),)


def telemetry_output(fact: TelemetryCollected) -> Output:
    """Return the output of a step's telemetry; its id derives from the plan alone."""
    return Output(
        id=event_id(fact.incident_id, "TelemetryCollected", fact.plan_id),
        key=fact.incident_id,
        fact=fact,
        incident=fact.incident_id,
    )


def redacted(output: EnvironmentOutput) -> Redacted:
    """Return the text of an output as it may leave: its border's, or redacted now without one."""
    if output.redactions is None:
        return redact(output.text)
    return Redacted(output.text, output.redactions)


def _refused(plan: PlanProposed, refusal: Refusal) -> TelemetryCollected:
    return TelemetryCollected(
        incident_id=plan.incident_id,
        plan_id=plan.plan_id,
        iteration=plan.iteration,
        kind=TelemetryKind.READ,
        line=redact((plan.line or "")[:MAX_LINE_SHOWN]).text,
        refusal=str(refusal.code),
        exit_code=REFUSED_EXIT,
        output=str(refusal),
    )
