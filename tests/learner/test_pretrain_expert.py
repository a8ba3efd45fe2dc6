"""The expert and what it teaches: honest, diverse, repeatable, and of split A only."""

from pathlib import Path
from random import Random

import pytest

from agents.contracts.incident import Task
from agents.environments.simulated.incidents import generate
from agents.environments.simulated.splits import families_of
from agents.memory import LastStep
from agents.observer.reply import parse_reply
from learner.pretrain import detours, expert, guides, notes, rules, sight
from learner.pretrain.demonstrations import Demonstration, demonstrate
from learner.pretrain.rules.book import RULES
from learner.pretrain.rules.rule import Finding, Look
from learner.pretrain.sight import Obstacle

SEEDS = range(40)


@pytest.fixture(scope="module")
def runs() -> list[Demonstration]:
    return [demonstrate(seed, {}) for seed in SEEDS]


def test_the_expert_solves_nearly_all(runs: list[Demonstration]) -> None:
    assert sum(run.success for run in runs) >= 0.9 * len(runs)


def test_a_seed_gives_the_same_demonstration(runs: list[Demonstration]) -> None:
    assert [demonstrate(seed, {}) for seed in SEEDS[:5]] == runs[:5]


def test_every_lesson_is_a_reply_that_the_observer_takes(runs: list[Demonstration]) -> None:
    for run in runs:
        for lesson in run.lessons:
            reply = parse_reply(lesson.reply, run.scenario.task)
            assert len(reply.summary) <= notes.MAX_SUMMARY


def test_there_are_rules_for_split_a_and_no_other() -> None:
    assert {rule.name for rule in RULES} == set(families_of("A"))


def test_the_expert_imports_nothing_of_the_lab() -> None:
    sources = [Path(module.__file__ or "") for module in (expert, notes, sight, detours, guides)]
    sources += Path(rules.__file__ or "").parent.rglob("*.py")
    for source in sources:
        assert "environments" not in source.read_text(encoding="utf-8"), source.name


def test_orders_differ(runs: list[Demonstration]) -> None:
    firsts = {run.lines[0].split()[1] for run in runs if run.lines}
    assert {"get", "logs"} <= firsts


def test_a_detour_is_not_taught_and_the_way_back_is() -> None:
    shown = [
        lesson
        for seed in range(200, 260)
        for lesson in demonstrate(seed, {}, task=Task.ANALYSIS).lessons
    ]
    astray = [number for number, lesson in enumerate(shown) if not lesson.teach]
    assert astray
    assert all(shown[number + 1].teach for number in astray)


def test_the_answer_needs_no_hidden_truth() -> None:
    """Two incidents that show the same first prompt begin the same way for the same dice."""
    one, other = (generate(7, task=Task.ANALYSIS), generate(7, task=Task.ANALYSIS))
    assert one == other
    assert (
        demonstrate(7, {}, task=Task.ANALYSIS).lines == demonstrate(7, {}, task=Task.ANALYSIS).lines
    )


def test_guides_hold_no_names(runs: list[Demonstration]) -> None:
    for run in runs:
        names = [component.name for component in run.scenario.application.components]
        for line in guides.guide_of(run.lines):
            words = line.replace("/", " ").split()
            assert not set(words) & set(names), line


def test_a_right_guide_is_of_the_same_family_and_task() -> None:
    pool = {("x", "analysis"): (("right",),), ("y", "analysis"): (("wrong",),)}
    drawn = [guides.drawn_guide(pool, "x", "analysis", Random(n)) for n in range(400)]
    assert 0.4 < drawn.count(()) / 400 < 0.6
    assert 0.2 < drawn.count(("right",)) / 400 < 0.4
    assert 0.1 < drawn.count(("wrong",)) / 400 < 0.3


@pytest.mark.parametrize(
    ("line", "caller", "callee", "obstacle", "port"),
    [
        (
            '{"ts":"2026-01-01T00:00:00Z","msg":"call to a-svc failed: refused a-svc:8080"} [x9]',
            "front", "a-svc", Obstacle.REFUSED, 8080,
        ),
        (
            "2026/01/01 00:00:00 ERROR could not reach a: HTTP 500: b: getaddrinfo ENOTFOUND b-v2",
            "a", "b", Obstacle.NO_HOST, None,
        ),
        ("[00:00:00] [E] upstream a error: status 502: a failed", "front", "a", None, None),
        (
            'ts=2026-01-01T00:00:00Z lvl=ERR msg="a request failed: QRX-12 deadline at a:7000"',
            "front", "a", Obstacle.TIMEOUT, 7000,
        ),
    ],
)  # fmt: skip
def test_failing_calls_are_read_from_logs(
    line: str, caller: str, callee: str, obstacle: Obstacle | None, port: int | None
) -> None:
    (edge,) = sight.edges_in("front", line)
    assert (edge.caller, edge.callee, edge.obstacle, edge.port) == (caller, callee, obstacle, port)


def test_a_pod_is_described_by_its_whole_name_when_a_beginning_told_no_events() -> None:
    seen = notes.Notes(entry="front")
    table = "NAME READY STATUS RESTARTS AGE\na-7f9c5d4b8-x2x4z 0/1 Running 0 5m\n"
    seen.read(LastStep(line="kubectl get pods", text=table))
    rule = next(rule for rule in RULES if rule.name == "readiness_probe")
    asked = []
    for events in ("", "Events:\n  Warning  Unhealthy  Readiness probe failed: refused\n"):
        look = rule.look(seen)
        assert isinstance(look, Look)
        asked.append(look.line)
        seen.read(LastStep(line=look.line, text=f"Name: a-7f9c5d4b8-x2x4z\n{events}"))
    assert asked == ["kubectl describe pod a", "kubectl describe pod a-7f9c5d4b8-x2x4z"]
    assert rule.look(seen) == Finding(service="a")
