"""The learner group: this process, or Ray actors that are one learner together.

Invariant: no wait without a deadline, no failure without an error: the first rank that raises,
dies or is late takes the group down at once, and only `rebuild()`, from the last saved
checkpoint and within a budget, brings it back. Independent of RLlib, whose face of a learner
group (`get_state`, `save_to_path`, ...) it shows.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from learner.grpo.batch import check
from learner.trainer.actors import ActorWorkers, LocalWorkers, Workers
from learner.trainer.config import LearnerConfig
from learner.trainer.errors import LearnerGroupFailed
from learner.trainer.report import UpdateReport

if TYPE_CHECKING:
    from learner.samples import Sample

T = TypeVar("T")


class GroupConfig(BaseModel):
    """How the group runs. learners: 0 is this process. Times are limits in seconds.

    retries: rebuilds in a row without an update in between.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    learners: int = Field(default=0, ge=0)
    cpus_per_learner: float = Field(default=1.0, ge=0)
    gpus_per_learner: float = Field(default=0.0, ge=0)
    start_seconds: float = Field(default=300.0, gt=0)
    update_seconds: float = Field(default=1800.0, gt=0)
    call_seconds: float = Field(default=120.0, gt=0, description="save, load, weights, log-probs")
    retries: int = Field(default=3, ge=0)


class LearnerGroup:
    """One learner, wherever its ranks run."""

    def __init__(
        self,
        config: LearnerConfig,
        group: GroupConfig | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start all ranks. Ray must be initialised if there are any.

        Raises LearnerGroupFailed when they do not start in time.
        """
        self._config = _absolute(config)
        self._group = group or GroupConfig()
        self._clock = clock
        self._workers: Workers | None = None
        self._saved: Path | None = None
        self._rebuilds = 0
        self._updates = 0
        self.failure: str | None = None
        self._start()

    @property
    def is_remote(self) -> bool:
        """Whether ranks are Ray actors."""
        return self._group.learners > 0

    @property
    def is_local(self) -> bool:
        """Whether the learner is this process."""
        return not self.is_remote

    @property
    def running(self) -> bool:
        """Whether the group is up, as far as its calls have told."""
        return self._workers is not None

    @property
    def saved(self) -> Path | None:
        """The checkpoint that a rebuild starts from; None: the one of the configuration."""
        return self._saved

    def update(self, samples: Sequence["Sample"]) -> UpdateReport:
        """Learn from samples on all ranks.

        Raises ValueError for samples that cannot be read (the group stays up), and
        LearnerGroupFailed for anything else (it is down).
        """
        check(samples)
        reports = self._all(
            UpdateReport, "update", tuple(samples), within=self._group.update_seconds
        )
        self._equal("update", [report.digest for report in reports])
        self._rebuilds = 0
        self._updates += 1
        return replace(reports[0], seconds=max(report.seconds for report in reports))

    def rebuild(self) -> None:
        """End what is left of the group and start it from the last saved checkpoint.

        What was learned since is lost. Raises LearnerGroupFailed once the budget is spent: the
        cause (`failure`) is then no passing one.
        """
        while self._rebuilds < self._group.retries:
            self._rebuilds += 1
            self.shutdown()
            try:
                self._start()
                if self._saved is not None:
                    self.load(self._saved)
            except LearnerGroupFailed:
                continue
            return
        self.shutdown()
        raise LearnerGroupFailed(
            f"expected an update within {self._group.retries} rebuilds, got none; "
            f"last failure: {self.failure}"
        )

    def save(self, folder: Path, *, dtype: str = "float32") -> str:
        """Write a checkpoint folder atomically and remember it; returns the weights' digest.

        dtype: of the exported weights, `float32` or `float16`. Raises FileExistsError if there
        is such a folder (the group stays up).
        """
        if folder.exists():
            raise FileExistsError(f"expected no {folder}; a checkpoint is never overwritten")
        place = folder.resolve()
        digest = self._first(str, "save", place, dtype)
        self._saved = place
        return digest

    def load(self, folder: Path) -> str:
        """Continue on all ranks from a checkpoint that any number of ranks saved.

        Returns the digest of its weights. Raises LearnerGroupFailed if it cannot be read.
        """
        place = folder.resolve()
        digests = self._all(str, "load", place, within=self._group.call_seconds)
        self._equal("load", digests)
        self._saved = place
        return digests[0]

    def weights(self) -> dict[str, Tensor]:
        """Return the weights: CPU, float32, by name; the tied head is left out."""
        return dict(self._first(dict, "weights"))

    def logprobs(self, samples: Sequence["Sample"]) -> list[list[float]]:
        """Return the log-prob of each completion id under the present weights."""
        return list(self._first(list, "logprobs", tuple(samples)))

    def digest(self) -> str:
        """Return the digest of the weights."""
        return self._first(str, "digest")

    def shutdown(self) -> None:
        """End all ranks; what they learned since the last save is gone. May be called twice."""
        if self._workers is not None:
            self._workers.end()
        self._workers = None

    # what RLlib's Algorithm asks of a learner group

    def get_state(
        self,
        components: str | Sequence[str] | None = None,
        *,
        not_components: str | Sequence[str] | None = None,
        inference_only: bool = False,
        **_: object,
    ) -> dict[str, dict[str, object]]:
        """Return `{"learner": {"rl_module": weights, "weights_seq_no": updates}}`.

        There is one module and it is always whole: the selection changes nothing. The optimizer
        is not in it; `save` writes that.
        """
        del components, not_components, inference_only
        return {"learner": {"rl_module": self.weights(), "weights_seq_no": self._updates}}

    def set_state(self, state: dict[str, object]) -> NoReturn:
        """Refuse: weights without their optimizer are no state to continue from."""
        raise LearnerGroupFailed(
            f"expected a checkpoint folder, got a state of {sorted(state)}; call load(folder)"
        )

    def save_to_path(self, path: str | Path | None = None, **_: object) -> str:
        """Write a checkpoint below the path (a new folder if None) and return the path."""
        place = Path(tempfile.mkdtemp(prefix="aoi-learner-")) if path is None else Path(path)
        place.mkdir(parents=True, exist_ok=True)
        self.save(place / "model")
        return str(place)

    def restore_from_path(self, path: str | Path, **_: object) -> None:
        """Continue from what `save_to_path` wrote. Raises FileNotFoundError."""
        folder = Path(path) / "model"
        if not folder.is_dir():
            raise FileNotFoundError(f"expected a checkpoint at {folder}, found none")
        self.load(folder)

    def get_checkpointable_components(self) -> list[tuple[str, object]]:
        """Return no parts: a checkpoint is one folder."""
        return []

    def _start(self) -> None:
        try:
            if self.is_remote:
                self._workers = ActorWorkers(
                    self._config,
                    self._group.learners,
                    cpus=self._group.cpus_per_learner,
                    gpus=self._group.gpus_per_learner,
                    clock=self._clock,
                )
            else:
                self._workers = LocalWorkers(self._config, self._clock)
        except LearnerGroupFailed as error:
            self.failure = str(error)
            raise
        self._equal("start", self._all(str, "digest", within=self._group.start_seconds))

    def _first(self, kind: type[T], method: str, *arguments: object) -> T:
        return self._ask(kind, method, arguments, within=self._group.call_seconds, first=True)[0]

    def _all(self, kind: type[T], method: str, *arguments: object, within: float) -> list[T]:
        return self._ask(kind, method, arguments, within=within, first=False)

    def _ask(
        self, kind: type[T], method: str, arguments: Sequence[object], *, within: float, first: bool
    ) -> list[T]:
        if self._workers is None:
            raise LearnerGroupFailed(
                f"{method}: expected a running group, it is down ({self.failure or 'shut down'}); "
                "call rebuild()"
            )
        try:
            answers = self._workers.call(method, arguments, within=within, first=first)
        except LearnerGroupFailed as error:
            self.failure = str(error)
            self._workers = None
            raise
        found = [answer for answer in answers if isinstance(answer, kind)]
        if len(found) < len(answers):
            self._fail(f"{method}: expected answers of {kind.__name__}, got others")
        return found

    def _equal(self, method: str, digests: Sequence[str]) -> None:
        if len(set(digests)) > 1:
            self._fail(f"{method}: expected equal weights on all ranks, got {len(set(digests))}")

    def _fail(self, told: str) -> NoReturn:
        self.failure = told
        self.shutdown()
        raise LearnerGroupFailed(told)


def _absolute(config: LearnerConfig) -> LearnerConfig:
    """Return the configuration with absolute folders: actors run where Ray was started."""
    reference = config.reference.resolve() if config.reference else None
    return config.model_copy(
        update={"checkpoint": config.checkpoint.resolve(), "reference": reference}
    )
