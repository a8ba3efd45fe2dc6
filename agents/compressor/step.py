"""One observation: redacted telemetry becomes text within the compressor's budget.

Invariant: stateless; sees no decision and no cluster. Claim-checked outputs are loaded through
the store that it is given.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from agents.compressor.rules import compress
from agents.contracts.envelope import Event
from agents.contracts.ids import SampleRef, event_id
from agents.contracts.observation import ObservationRecorded
from agents.contracts.telemetry import TelemetryCollected
from agents.reducer import Output
from agents.roles import Role
from agents.settings import CompressorSettings

Load = Callable[[SampleRef], Awaitable[bytes]]


def observe(telemetry: TelemetryCollected, text: str, budget: int) -> ObservationRecorded:
    """Return the observation of one step's text (in full, wherever it was stored)."""
    short = compress(text, budget)
    return ObservationRecorded(
        incident_id=telemetry.incident_id,
        plan_id=telemetry.plan_id,
        iteration=telemetry.iteration,
        kind=telemetry.kind,
        line=telemetry.line,
        exit_code=telemetry.exit_code,
        refusal=telemetry.refusal,
        text=short.text,
        lines_dropped=short.dropped,
    )


@dataclass(slots=True, kw_only=True)
class CompressorWorker:
    """The worker of role `compressor`."""

    settings: CompressorSettings
    load: Load
    role: Role = field(default=Role.COMPRESSOR, init=False)

    async def handle(self, event: Event) -> Sequence[Output]:
        """Answer telemetry with `ObservationRecorded`."""
        fact = event.fact
        if not isinstance(fact, TelemetryCollected):
            return ()
        text = fact.output
        if fact.output_ref is not None:
            text = (await self.load(fact.output_ref)).decode()
        seen = observe(fact, text, self.settings.budget_chars)
        return (observation_output(seen),)


def observation_output(fact: ObservationRecorded) -> Output:
    """Return the output of a step's observation; its id derives from the plan alone."""
    return Output(
        id=event_id(fact.incident_id, "ObservationRecorded", fact.plan_id),
        key=fact.incident_id,
        fact=fact,
        incident=fact.incident_id,
    )
