"""The Evolver as a turn uses it: made anew each turn, on fresh seeds, with the model that serves.

Invariant: what proves a guide is the model that will be given it; without a catalogue nothing is
proved and every failure is dropped for want of a ground.
"""

from collections.abc import Sequence
from datetime import datetime

from agents.contracts.trajectory import TrajectoryRecord
from agents.models.protocol import Model
from learner.evolver.evolve import Evolved, Evolver
from learner.evolver.grounds import CatalogueGround, Ground
from learner.evolver.prove import ProofRules, Prover
from learner.incidents import Drawn
from learner.manifest import Manifest
from learner.models import ModelRef
from learner.rollout.collect import Job, Solver
from learner.samples import Episode
from learner.settings import LearnerSettings

SEEDS, SEEDS_A_TURN = 1 << 52, 1 << 12


class NoGround:
    """The ground of a learner without a lab."""

    def find(self, record: TrajectoryRecord) -> Drawn | None:
        """Return None: nothing can be run again."""
        del record
        return None


class Proving:
    """Evolves failures. `begin` has to be called before each turn."""

    def __init__(self, settings: LearnerSettings, model: Model, solver: Solver) -> None:
        self._settings, self._model, self._solver = settings, model, solver
        self._evolver: Evolver | None = None
        catalogue = settings.catalogue
        self._ground: Ground = NoGround() if catalogue is None else CatalogueGround(catalogue)

    def begin(self, state: Manifest) -> None:
        """Make the Evolver of the turn behind this manifest."""
        self._evolver = Evolver(
            model=self._model,
            ground=self._ground,
            prover=Prover(
                solver=serving(self._solver, state.current),
                rules=ProofRules(
                    siblings=self._settings.siblings, neighbours=self._settings.neighbours
                ),
                first_seed=SEEDS + state.number * SEEDS_A_TURN,
            ),
            candidates=self._settings.candidates,
            keep_days=self._settings.guidance_days,
        )

    def evolve(self, record: TrajectoryRecord, *, now: datetime) -> Evolved:
        """Return what a failure gives. Blocks; raises RuntimeError before `begin`."""
        if self._evolver is None:
            raise RuntimeError("expected a turn to have begun; call begin() first")
        return self._evolver.evolve(record, now=now)


def serving(solver: Solver, current: ModelRef) -> Solver:
    """Return the solver that plays with what serves unless told otherwise."""

    def solve(jobs: Sequence[Job], model: ModelRef | None = None) -> list[Episode]:
        return solver(jobs, model or current)

    return solve
