"""Judges a candidate against what serves: the same fresh incidents, in batches, until it is clear.

    incidents -> batch -> solver(candidate), solver(current) -> tally -> decide -> again | Judgement

Invariant: pure but for the solver. Both models meet every incident with the same sampling seed,
greedily and without guidance, so that the weights are the only difference.
"""

from collections.abc import Iterable, Sequence
from itertools import islice

from pydantic import BaseModel, ConfigDict, Field

from learner.evaluation.paired import (
    Gates,
    Tally,
    Verdict,
    decide,
    evidence_above,
    evidence_below,
    interval,
)
from learner.incidents import Drawn
from learner.models import ModelRef
from learner.rollout.collect import Job, Solver
from learner.samples import Episode


class Side(BaseModel):
    """What one model did on a set of incidents; tokens are of prompts and completions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    episodes: int = 0
    successes: int = 0
    violations: int = 0
    malformed: int = 0
    tokens: int = 0

    @property
    def share(self) -> float:
        """Successes of episodes; 0 without any."""
        return self.successes / self.episodes if self.episodes else 0.0

    def __add__(self, other: "Side") -> "Side":
        return Side(
            episodes=self.episodes + other.episodes,
            successes=self.successes + other.successes,
            violations=self.violations + other.violations,
            malformed=self.malformed + other.malformed,
            tokens=self.tokens + other.tokens,
        )


class Both(BaseModel):
    """Two models on the same incidents."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidate: Side = Side()
    current: Side = Side()

    def __add__(self, other: "Both") -> "Both":
        return Both(
            candidate=self.candidate + other.candidate, current=self.current + other.current
        )


class Judgement(BaseModel):
    """What was measured and what may be claimed.

    gain: mean difference of success with its interval at 1 - alpha. evidence, counter: natural logs
    of the evidence against "no gain" and against "a gain of delta". refusals: gates that were not
    passed, in words. tasks: by task type.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidate: ModelRef
    current: ModelRef
    gates: Gates
    verdict: Verdict
    wins: int = Field(ge=0)
    losses: int = Field(ge=0)
    ties: int = Field(ge=0)
    gain: float
    interval: tuple[float, float]
    evidence: float
    counter: float
    whole: Both
    tasks: dict[str, Both]
    refusals: tuple[str, ...] = ()

    @property
    def pairs(self) -> int:
        """How many incidents both models met."""
        return self.wins + self.losses + self.ties

    @property
    def passed(self) -> bool:
        """Whether the candidate may serve."""
        return self.verdict is Verdict.BETTER and not self.refusals


def judge(
    solver: Solver,
    candidate: ModelRef,
    current: ModelRef,
    incidents: Iterable[Drawn],
    gates: Gates,
) -> Judgement:
    """Run pairs until a verdict stands, the incidents are spent or `gates.most_pairs` were run.

    Raises ValueError for an incident that comes twice and for episodes that don't fit their jobs.
    """
    tally, tasks, seen = Tally(), dict[str, Both](), set[Drawn]()
    left, verdict = islice(incidents, gates.most_pairs), None
    while verdict is None and (batch := list(islice(left, gates.batch))):
        _all_new(batch, seen)
        jobs = [Job(drawn=drawn, seed=drawn.seed, group="judgement") for drawn in batch]
        pairs = zip(_solved(solver, jobs, candidate), _solved(solver, jobs, current), strict=True)
        for one, other in pairs:
            tally = tally.with_pair(candidate=one.success, current=other.success)
            task = str(one.drawn.task)
            both = Both(candidate=_side(one), current=_side(other))
            tasks[task] = tasks.get(task, Both()) + both
        verdict = decide(tally, gates)
    whole = sum(tasks.values(), Both())
    return Judgement(
        candidate=candidate,
        current=current,
        gates=gates,
        verdict=verdict or Verdict.INSUFFICIENT_EVIDENCE,
        wins=tally.wins,
        losses=tally.losses,
        ties=tally.ties,
        gain=tally.gain,
        interval=interval(tally, gates.alpha),
        evidence=evidence_above(tally, 0.0),
        counter=evidence_below(tally, gates.delta),
        whole=whole,
        tasks=tasks,
        refusals=refusals(whole, gates),
    )


def refusals(whole: Both, gates: Gates) -> tuple[str, ...]:
    """Return the gates beside success that the candidate does not pass."""
    told = []
    one, other = whole.candidate, whole.current
    allowed = other.violations + gates.violations_margin * other.episodes
    if one.violations > allowed:
        told.append(f"violations: expected at most {allowed:g}, got {one.violations}")
    affordable = gates.cost_ratio * other.tokens
    if one.tokens > affordable:
        told.append(f"cost: expected at most {affordable:g} tokens, got {one.tokens}")
    return tuple(told)


def _solved(solver: Solver, jobs: Sequence[Job], model: ModelRef) -> list[Episode]:
    episodes = solver(jobs, model)
    if [episode.drawn for episode in episodes] != [job.drawn for job in jobs]:
        raise ValueError(f"expected an episode for each of {len(jobs)} jobs in their order")
    return episodes


def _all_new(batch: Iterable[Drawn], seen: set[Drawn]) -> None:
    for drawn in batch:
        if drawn in seen:
            raise ValueError(f"expected every incident once, got {drawn!r} twice")
        seen.add(drawn)


def _side(episode: Episode) -> Side:
    return Side(
        episodes=1,
        successes=int(episode.success),
        violations=episode.violations,
        malformed=episode.malformed,
        tokens=episode.prompt_tokens + episode.completion_tokens,
    )
