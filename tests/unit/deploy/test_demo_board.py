"""The board in two rounds: rows by round, siblings side by side, and no claim from a few pairs."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from agents.contracts.envelope import Event
from agents.contracts.guidance import GuidancePublished
from agents.contracts.ids import EventId, GuidanceId, IncidentId, ModelId, PlanId
from agents.contracts.incident import IncidentSnapshot, IncidentStatus, Task
from agents.contracts.model import ModelPromoted, ModelRole, ModelRolledBack
from agents.contracts.model_base import Fact
from agents.contracts.plan import PlanKind, PlanProposed
from agents.contracts.trajectory import Outcome, OutcomeSource, TrajectoryClosed
from deploy.embedded.demo import comparison, view
from deploy.embedded.demo.board import ASKS, Board
from deploy.embedded.demo.screen import Screen

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROUNDS = (("cart-1", "shop-1"), ("cart-2", "shop-2"))
DIGEST = "sha256:" + "0" * 64


def event(fact: Fact) -> Event:
    return Event(id=EventId("e"), source="aoi/test", time=NOW, key="k", fact=fact)


def opened(incident: str, namespace: str, task: Task = Task.MITIGATION) -> Event:
    return event(
        IncidentSnapshot(
            incident_id=IncidentId(incident),
            revision=0,
            status=IncidentStatus.OPEN,
            group="g",
            task=task,
            title="t",
            severity="critical",
            namespace=namespace,
            alerts=(),
            opened_at=NOW,
            updated_at=NOW,
        )
    )


def planned(incident: str, *, model: str = "m1", guidance: tuple[str, ...] = ()) -> Event:
    return event(
        PlanProposed(
            incident_id=IncidentId(incident),
            plan_id=PlanId("p"),
            iteration=2,
            kind=PlanKind.PROBE,
            model_id=ModelId(model),
            guidance_ids=tuple(map(GuidanceId, guidance)),
        )
    )


def closed(incident: str, namespace: str, outcome: Outcome) -> Event:
    return event(
        TrajectoryClosed(
            incident_id=IncidentId(incident),
            revision=0,
            task=Task.MITIGATION,
            title="t",
            namespace=namespace,
            steps=(),
            submission=None,
            model_id=None,
            guidance_ids=(),
            outcome=outcome,
            source=OutcomeSource.JUDGE,
            reason="said so",
            trainable=True,
            opened_at=NOW,
            closed_at=NOW,
        )
    )


def promoted(model: str, role: ModelRole = ModelRole.OBSERVER) -> Event:
    return event(
        ModelPromoted(
            role=role, model_id=ModelId(model), location="/m", digest=DIGEST, verdict="better"
        )
    )


def told() -> Board:
    """Return a board on which the first pair went better and the second sibling is still open."""
    board = Board(rounds=ROUNDS)
    for one in (
        opened("i1", "cart-1"),
        opened("i2", "shop-1", Task.DETECTION),
        opened("stranger", "elsewhere"),
        planned("i1"),
        closed("i1", "cart-1", Outcome.FAILURE),
        closed("i2", "shop-1", Outcome.SUCCESS),
        opened("i3", "cart-2"),
        planned("i3", model="m2", guidance=("g1",)),
        closed("i3", "cart-2", Outcome.SUCCESS),
        opened("i4", "shop-2", Task.DETECTION),
    ):
        board.see(one)
    return board


def test_rows_belong_to_their_round() -> None:
    board = told()
    assert [row.incident_id for row in board.of(1)] == ["i1", "i2"]
    assert [row.incident_id for row in board.of(2)] == ["i3", "i4"]
    assert board.of(3) == []
    assert (board.closed(1), board.closed(2)) == (2, 1)


def test_a_lab_counts_as_closed_when_none_of_its_incidents_is_open() -> None:
    board = told()
    board.see(opened("i5", "cart-2"))
    assert board.closed(2) == 0
    board.see(closed("i5", "cart-2", Outcome.FAILURE))
    assert board.closed(2) == 1
    assert [row and row.incident_id for row in board.pairs()[0]] == ["i1", "i3"]


@pytest.mark.parametrize("plain", [True, False])
def test_lines_tell_once_who_waits_and_how_it_ended(plain: bool) -> None:  # noqa: FBT001 - a case
    board, said = Board(rounds=ROUNDS), StringIO()
    screen = Screen(Console(file=said, width=120, force_terminal=True), plain=plain)
    for one in (opened("i1", "cart-1"), planned("i1")):
        board.see(one)
        screen.incident(board.rows["i1"])
    board.rows["i1"].stage, board.rows["i1"].line = ASKS, "kubectl patch x -p '[bold]'"
    screen.incident(board.rows["i1"])
    board.see(closed("i1", "cart-1", Outcome.SUCCESS))
    screen.incident(board.rows["i1"])
    screen.incident(board.rows["i1"])
    told = [
        "i1 mitigation: waits for an approval: kubectl patch x -p '[bold]'",
        "i1 mitigation: success after 2 steps, said so",
    ]
    assert [line for line in told if line in said.getvalue()] == (told if plain else [])
    assert said.getvalue().count("said so") == int(plain)


def test_pairs_are_siblings_and_one_round_has_none() -> None:
    found = [tuple(row and row.incident_id for row in pair) for pair in told().pairs()]
    assert found == [("i1", "i3"), ("i2", "i4")]
    assert Board(rounds=ROUNDS[:1]).pairs() == []
    assert Board(rounds=ROUNDS).pairs() == [(None, None), (None, None)]


def test_the_last_line_counts_all_and_each_round() -> None:
    counted = told().counted()
    assert (counted["incidents"], counted["resolved"], counted["open"]) == (4, 2, 1)
    one, two = counted["rounds"]  # type: ignore[misc]
    assert (one["incidents"], one["resolved"], one["failed"]) == (2, 1, 1)
    assert (two["incidents"], two["resolved"], two["open"]) == (2, 1, 1)
    assert (counted["guidance"], counted["promoted"], counted["model"]) == (0, False, "m2")


def test_guidance_and_promotions_are_read_from_their_topics() -> None:
    board = told()
    guide = GuidancePublished(
        guidance_id=GuidanceId("g1"),
        signature="s",
        task=Task.MITIGATION,
        symptoms=(),
        steps=(),
        proved=True,
        expires=NOW,
    )
    for one in (event(guide), event(guide), promoted("other", ModelRole.EVOLVER), promoted("m2")):
        board.see(one)
    counted = board.counted()
    assert (counted["guidance"], counted["promoted"], counted["model"]) == (1, True, "m2")
    back = ModelRolledBack(
        role=ModelRole.OBSERVER,
        model_id=ModelId("m1"),
        location="/m",
        digest=DIGEST,
        withdrawn=ModelId("m2"),
        reason="worse",
    )
    board.see(event(back))
    assert board.counted()["promoted"] is False


def test_the_comparison_shows_both_rounds_and_who_answered() -> None:
    console = Console(width=200, record=True, file=StringIO())
    console.print(comparison.compared(told()))
    console.print(comparison.compared(Board(rounds=ROUNDS)))
    text = console.export_text()
    for part in ("mitigation", "failure", "success", "open", "m2", "yes"):
        assert part in text
    assert "round 1: 1 of 2 resolved in 2 steps, 0 acts; round 2: 1 of 2 resolved" in text
    assert "1 pair: 1 went better, 0 worse, 0 alike. So few prove nothing" in text


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (Outcome.FAILURE, Outcome.SUCCESS, "1 went better, 0 worse, 0 alike"),
        (Outcome.SUCCESS, Outcome.FAILURE, "0 went better, 1 worse, 0 alike"),
        (Outcome.FAILURE, Outcome.FAILURE, "0 went better, 0 worse, 1 alike"),
        (Outcome.UNKNOWN, Outcome.SUCCESS, "0 pairs: 0 went better, 0 worse, 0 alike"),
    ],
)
def test_only_judged_pairs_are_compared(before: Outcome, after: Outcome, says: str) -> None:
    board = Board(rounds=(("a-1",), ("a-2",)))
    for one in (
        opened("i", "a-1"),
        closed("i", "a-1", before),
        opened("j", "a-2"),
        closed("j", "a-2", after),
    ):
        board.see(one)
    assert says in comparison.worth(board.pairs())


def test_many_pairs_are_told_without_a_warning() -> None:
    many = comparison.PAIRS_OF_A_CLAIM
    board = Board(
        rounds=(tuple(f"a-{n}" for n in range(many)), tuple(f"b-{n}" for n in range(many)))
    )
    for name in (*board.rounds[0], *board.rounds[1]):
        board.see(opened(name, name))
        board.see(closed(name, name, Outcome.SUCCESS))
    assert "prove" not in comparison.worth(board.pairs())


def test_a_round_is_shown_alone() -> None:
    console = Console(width=200, record=True, file=StringIO())
    console.print(view.final(told(), 1))
    console.print(view.live(told(), 1, note="so far", seconds=1.0))
    text = console.export_text()
    assert "i1" in text and "said so" in text
    assert "i3" not in text
