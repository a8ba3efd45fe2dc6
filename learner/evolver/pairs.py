"""Training pairs: a run that the lab judged failed -> the correction that the expert's run makes.

    seed -> incident -> expert (solves it) -------------------------> Correction --\
                     -> the same expert, spoiled (really executed) -> record ------> Pair

Invariant: families are those of split A, whose demonstrations are not withheld; both runs start
from the same seed's lab; a run that the oracle accepts makes no pair. The prompt is serving's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from agents.contracts.trajectory import TrajectoryRecord
from agents.environments.simulated.incidents import Scenario, generate
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.oracle import Verdict
from agents.observer.prompt import QUESTIONS, Situation
from agents.observer.reply import reply_text
from learner.evolver.correction import Correction, SystemState, commands_of, render
from learner.evolver.corruption import WEIGHTS, Clumsy, Flaw
from learner.evolver.diagnosis import diagnose
from learner.evolver.grammar import KINDS
from learner.evolver.prompt import messages, problem_id
from learner.pretrain.demonstrations import Lesson
from learner.pretrain.expert import Expert
from learner.pretrain.generation import Made
from learner.pretrain.guides import drawn_order
from learner.pretrain.notes import Notes
from learner.pretrain.rules.book import RULES
from learner.pretrain.sight import Obstacle
from learner.rollout.episode import episode, incident_of
from learner.rollout.record import Turn, record_of

SPLIT = "A"
FLAWS_EACH = 4
"""Spoiled runs an incident, so that the expert's own run is made once for all of them."""

ERRORS = {
    Obstacle.NO_HOST: "a name that does not resolve",
    Obstacle.REFUSED: "connection refused",
    Obstacle.TIMEOUT: "timeouts",
    Obstacle.SILENT: "no request comes in",
    Obstacle.OTHER: "calls fail",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A failed record and its correction. flaw: how it was spoiled."""

    scenario: Scenario
    flaw: Flaw
    record: TrajectoryRecord
    correction: Correction

    @property
    def lesson(self) -> Lesson:
        """The prompt as it is served, and the text to learn."""
        (message,) = messages(self.record, diagnose(self.record))
        return Lesson(prompt=message.content, reply=render(self.correction), teach=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A finished run in a lab."""

    record: TrajectoryRecord
    verdict: Verdict
    lines: tuple[str, ...]
    notes: Notes | None


def pairs(seed: int, *, split: str = SPLIT, flaws: int = FLAWS_EACH) -> Iterator[Pair]:
    """Yield the pairs of an incident: none where the expert fails or the clumsy one succeeds."""
    scenario = generate(seed, split=split)
    right = by_expert(scenario)
    if not right.verdict.strict:
        return
    rng = Random(seed * 2 + 5)  # noqa: S311 - variety, no secret
    for number in range(flaws):
        flaw = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        wrong = _by_clumsy(scenario, flaw, Random(seed * 7 + number))  # noqa: S311 - likewise
        if not wrong.verdict.strict:
            yield Pair(
                scenario=scenario,
                flaw=flaw,
                record=wrong.record,
                correction=correction_of(wrong.record, right),
            )


def correction_of(failed: TrajectoryRecord, right: Played) -> Correction:
    """Return the correction that a solved run of the same incident makes of a failed one."""
    return Correction(
        problem_id=problem_id(failed, diagnose(failed)),
        task_description=QUESTIONS[failed.task],
        system_state_summary=_state(right),
        commands=commands_of(right.lines),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """What a generating process makes of a seed."""

    def __call__(self, seed: int) -> Made:
        """Return the lessons of an incident's pairs."""
        lessons = tuple(pair.lesson for pair in pairs(seed))
        return Made(lessons=lessons, failed=None if lessons else "failed no pair")


def expert_for(scenario: Scenario) -> Expert:
    """Return the expert that an incident's runs start from: it decides by the seed alone."""
    rng = Random(scenario.seed * 2 + 3)  # noqa: S311 - variety, no secret
    return Expert(task=scenario.task, rng=rng, order=drawn_order(rng), detours=False)


def by_expert(scenario: Scenario) -> Played:
    """Return the expert's own run, without detours."""
    expert = expert_for(scenario)
    return play(scenario, lambda situation: reply_text(expert.advise(situation).reply), expert)


def _by_clumsy(scenario: Scenario, flaw: Flaw, rng: Random) -> Played:
    expert = expert_for(scenario)
    names = tuple(component.name for component in scenario.application.components)
    clumsy = Clumsy(expert=expert, flaw=flaw, names=names, rng=rng)
    return play(scenario, clumsy.reply, expert)


def play(
    scenario: Scenario, reply: Callable[[Situation], str], expert: Expert | None = None
) -> Played:
    """Run an incident with whoever replies, and judge it."""
    lab = Lab(scenario)
    incident = incident_of(lab, scenario.task)
    run = episode(lab, incident)
    situation, turns = next(run), list[Turn]()
    while True:
        text = reply(situation)
        turns.append(Turn(situation=situation, text=text))
        try:
            situation = run.send(text)
        except StopIteration as stop:
            verdict = lab.judge(stop.value.submission)
            record = record_of(incident, turns, stop.value, verdict, closed_at=lab.clock)
            lines = tuple(step.line for step in record.steps if step.line)
            return Played(
                record=record, verdict=verdict, lines=lines, notes=expert.notes if expert else None
            )


def _state(right: Played) -> SystemState:
    """Return the state in the expert's words: rules and kinds, no names."""
    notes = right.notes
    assert notes is not None  # noqa: S101 - an expert that has advised has notes
    rule = next((rule for rule in RULES if rule.look(notes) is not None), None)
    leaf = notes.leaf()
    obstacle = leaf.obstacle if leaf else None
    bad = notes.bad_pods
    status = "pods not read" if notes.pods is None else "pods not ready" if bad else "pods ready"
    words = [command.command.replace("/", " ").split(" ") for command in commands_of(right.lines)]
    kinds = [next((word for word in listed if word in KINDS), "") for listed in words]
    return SystemState(
        root_cause_and_symptoms=(
            f"{rule.name.replace('_', ' ')}: {rule.system_level}, {rule.fault_type}"
            if rule
            else "no fault is found"
        ),
        affected_resources=", ".join(dict.fromkeys(kind for kind in kinds if kind)),
        errors_and_logs=ERRORS[obstacle] if obstacle else "no failing call is seen",
        cluster_status=status,
    )
