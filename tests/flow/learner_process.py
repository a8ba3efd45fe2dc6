"""One learner of the kill test: STATE CREDENTIALS PREFIX STEP are its arguments.

It is `learner.run` with real Kafka, Ray, rollouts and updates; it kills itself behind STEP (none:
it takes one turn). In the Evolver's place stands one that corrects every failure, so that each owes
guidance. It is no test itself.
"""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from agents.contracts.guidance import GuidancePublished
from agents.contracts.ids import GuidanceId
from agents.contracts.incident import Task
from agents.contracts.trajectory import TrajectoryRecord
from agents.settings import Places
from deploy.embedded.ray_cluster import ray_environment
from deploy.embedded.shipped import MODELS
from learner import run
from learner.evaluation.paired import Gates
from learner.evolver.diagnosis import Pattern
from learner.evolver.evolve import Evolved, Reason
from learner.incidents import Drawn
from learner.manifest import Decision, Manifest
from learner.ray_session import connect
from learner.settings import LearnerSettings
from learner.turn import Step
from streams.settings import KafkaSettings

SETTINGS = LearnerSettings(
    model=MODELS / "observer-6m-early",
    evolver=MODELS / "evolver-6m",
    updates=1,
    groups=1,
    group_size=2,
    max_samples=4,
    runners=1,
    learners=0,
    threads=1,
    gates=Gates(most_pairs=2, batch=2, fewest_pairs=1),
)


@dataclass(slots=True)
class Corrects:
    """Every failure is corrected by guidance of its own signature."""

    settings: LearnerSettings
    model: object
    solver: object

    def begin(self, state: Manifest) -> None:
        """Nothing is made anew."""

    def evolve(self, record: TrajectoryRecord, *, now: datetime) -> Evolved:
        """Return the guidance; its text tells when it was made, so that two makings differ."""
        guidance = GuidancePublished(
            guidance_id=GuidanceId(f"guide-{record.incident_id}"),
            signature=f"detection/{record.incident_id}",
            task=Task.DETECTION,
            symptoms=("error",),
            steps=("kubectl get pods",),
            provenance=(record.incident_id,),
            proved=True,
            gain=1.0,
            expires=now + timedelta(days=30),
        )
        return Evolved(
            incident_id=record.incident_id,
            pattern=Pattern.NO_RESOLUTION,
            step=0,
            decision=Decision.CORRECTED,
            reason=Reason.PROVED,
            guidance=guidance,
            curriculum=(Drawn(seed=1, family="scaled_to_zero", task=Task.DETECTION),),
        )


def main() -> None:
    """Take a turn, or die in it."""
    state, credentials, prefix, wanted = sys.argv[1:]

    def after(step: Step) -> None:
        if step == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    run.Proving = Corrects  # type: ignore[assignment, misc]
    kafka = KafkaSettings.of_file(Path(credentials), topic_prefix=prefix)
    with connect(environment=ray_environment(Path(state))):
        asyncio.run(run.run(SETTINGS, kafka, Places(state_dir=Path(state)), turns=1, after=after))


if __name__ == "__main__":
    main()
