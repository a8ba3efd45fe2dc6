"""One process of the runtime tests: a counting observer, a slow compressor, or both.

Run as `python runtime_process.py CREDENTIALS_DIR PREFIX ROLE...`; it is no test itself.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from agents.contracts.envelope import Event
from agents.contracts.ids import IncidentId, ModelId, PlanId, event_id
from agents.contracts.model import Message, ModelRequested, ModelRole
from agents.contracts.observation import ObservationRecorded
from agents.contracts.telemetry import TelemetryCollected, TelemetryKind
from agents.reducer import Output, ReducerState, Step
from agents.roles import Role
from agents.worker import AoiError
from streams import permission
from streams.app import build_app
from streams.health import HealthSettings
from streams.logging import configure
from streams.run import NOT_STARTED, run_apps
from streams.settings import KafkaSettings
from streams.wiring import Wired


class Count(ReducerState):
    """How many events a key has seen."""

    count: int = 0


class CountingReducer:
    """Publishes a request for every event, numbered by its key's count."""

    role = Role.OBSERVER
    state_type = Count

    def key_of(self, event: Event) -> str | None:
        return event.key

    def initial(self, key: str) -> Count:
        return Count(key=key)

    def advance(self, state: Count, event: Event) -> Step[Count]:
        count = state.count + 1
        fact = ModelRequested(
            incident_id=IncidentId(state.key),
            request_id=event.id,
            role=ModelRole.OBSERVER,
            iteration=count,
            model_id=ModelId("m"),
            messages=(Message(role="user", content="x"),),
            max_tokens=1,
            seed=1,
        )
        made = event_id(state.key, "ModelRequested", event.id)
        output = Output(id=made, key=state.key, fact=fact, incident=IncidentId(state.key))
        return Step(state.model_copy(update={"count": count}), (output,))


class SlowCompressor:
    """Answers telemetry after as many seconds as it says."""

    role = Role.COMPRESSOR

    async def handle(self, event: Event) -> Sequence[Output]:
        fact = event.fact
        assert isinstance(fact, TelemetryCollected)
        await asyncio.sleep(fact.seconds)
        if fact.line == "defect":
            raise KeyError("no such thing")
        seen = ObservationRecorded(
            incident_id=fact.incident_id,
            plan_id=PlanId(fact.plan_id),
            iteration=fact.iteration,
            kind=TelemetryKind.READ,
            line=fact.line,
            exit_code=0,
            text="seen",
        )
        made = event_id(fact.incident_id, "ObservationRecorded", fact.plan_id)
        return (Output(id=made, key=fact.incident_id, fact=seen, incident=fact.incident_id),)


PARTICIPANTS = {Role.OBSERVER: CountingReducer, Role.COMPRESSOR: SlowCompressor}


def main(credentials: Path, prefix: str, names: Sequence[str]) -> int:
    configure()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    apps = []
    for name in names:
        role, _, user = name.partition("=")
        settings = KafkaSettings.of_file(credentials / f"{user or role}.json", topic_prefix=prefix)
        try:
            permission.check(Role(role), settings)
        except AoiError as error:
            print(error, file=sys.stderr)  # noqa: T201 - its parent reads it
            return NOT_STARTED
        apps.append(build_app(Wired(PARTICIPANTS[Role(role)]()), settings))
    return run_apps(apps, loop, HealthSettings())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
