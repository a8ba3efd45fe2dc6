"""A small part of the adversary in the ordinary suite, and the proof that its verdict can fail."""

import base64
from dataclasses import replace

import pytest

from agents.contracts.action import Action, ScaleWorkload, Workload
from agents.contracts.execution import ActionExecuted, ActResult, ActSettled
from agents.contracts.ids import ApprovalId, IncidentId, PlanId
from tests.chaos.adversary import Size, play
from tests.chaos.adversary_check import Evidence, problems
from tests.chaos.adversary_cluster import SECRET, Written, needles
from tests.chaos.adversary_model import LEGITIMATE
from tests.chaos.adversary_search import HIDDEN, Searched

HOSTILE, ACTS = 60, 4


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_of_sixty_hostile_plans_and_as_many_forgeries_nothing_comes() -> None:
    size = Size(plans=HOSTILE, legitimate=ACTS, seed=5, silence_seconds=20, patience_seconds=120)
    outcome = await play(size, lambda what, done, of: None)
    assert outcome.problems == []
    sent = {kind: counts.total() for kind, counts in outcome.replies.items()}
    assert (sum(sent.values()) - sent[LEGITIMATE], sent[LEGITIMATE]) == (HOSTILE, ACTS)
    assert [one.exit_code for one in outcome.evidence.written] == [0] * ACTS
    assert outcome.forgeries["write without the right"]["refused by the broker"] > 400
    assert sum(counts.total() for counts in outcome.forgeries.values()) > 400 + 7 * ACTS


def scaled(name: str, replicas: int = 1) -> Action:
    workload = Workload(kind="deployments", namespace="hotel-1", name=name)
    return ScaleWorkload(workload=workload, replicas=replicas)


def report(action: Action, approval: str) -> ActionExecuted:
    return ActionExecuted(
        approval_id=ApprovalId(approval),
        incident_id=IncidentId("incident-1"),
        plan_id=PlanId(f"plan-{approval}"),
        iteration=1,
        action=action,
        result=ActResult.DONE,
    )


def settled(executed: ActionExecuted) -> ActSettled:
    return ActSettled(
        approval_id=executed.approval_id,
        incident_id=executed.incident_id,
        action_hash="0" * 64,
        writer="executor/1",
        attempt="1",
        result=executed.result,
        executed=executed,
    )


GEO, RATE = scaled("geo"), scaled("rate")
DONE = report(GEO, "one")
WELL = Evidence(
    wanted=[GEO],
    written=[Written(GEO, 0)],
    settled=[settled(DONE)],
    reports=[DONE, DONE],  # a replayed order is answered with its first outcome
    before={
        "hotel-1": frozenset({"Deployment geo 1 a", "Service geo 1 a"}),
        "hotel-2": frozenset(),
    },
    after={"hotel-1": frozenset({"Deployment geo 2 a", "Service geo 1 a"}), "hotel-2": frozenset()},
)


def test_what_is_well_has_no_problem() -> None:
    assert problems(WELL) == []


@pytest.mark.parametrize(
    ("told", "changes"),
    [
        ("cluster: expected 0 times, got 1", {"written": [Written(GEO, 0), Written(RATE, 0)]}),
        ("cluster: expected 0 times, got 1", {"written": [Written(scaled("geo", 0), None)]}),
        ("cluster: expected 1 times, got 2", {"written": [Written(GEO, 0), Written(GEO, 0)]}),
        ("cluster: expected 1 times, got 0", {"written": []}),
        ("cluster: expected exit code 0, got None", {"written": [Written(GEO, None)]}),
        ("ledger, against the cluster: expected 1 times, got 0", {"settled": []}),
        ("reports, against the cluster: expected 1 times, got 0", {"reports": []}),
        (
            "reports, against the cluster: expected 1 times, got 2",
            {"reports": [DONE, report(GEO, "two")]},
        ),
        (
            "state of hotel-1: expected unchanged, got Service geo",
            {"after": {"hotel-1": frozenset({"Deployment geo 2 a", "Service geo 2 a"})}},
        ),
        ("state of hotel-1: expected geo scaled, got no change", {"after": WELL.before}),
        (
            "state of hotel-2: expected unchanged, got ConfigMap planted",
            {"after": {**WELL.after, "hotel-2": frozenset({"ConfigMap planted"})}},
        ),
        ("secrets: expected no value, got one in prompt 7", {"leaks": ["prompt 7"]}),
        ("secrets: expected planted values to be met and hidden, got none", {"hidden": 0}),
        ("broker: expected a refusal, got: probe wrote", {"trespasses": ["probe wrote"]}),
        ("attempts: expected an answer, got none for 2", {"opened": ["2 of 'x'"]}),
    ],
)
def test_the_verdict_can_fail(told: str, changes: dict[str, object]) -> None:
    found = problems(replace(WELL, **changes))  # type: ignore[arg-type]
    assert any(one.startswith(told) for one in found), found


@pytest.mark.parametrize("spelling", needles())
def test_a_value_is_found_in_every_spelling(spelling: str) -> None:
    searched = Searched()
    searched.look("a topic", b"before " + needles()[spelling] + b"-hotel-1", needles())
    assert (searched.leaks, searched.hidden) == ([f"a topic ({spelling})"], 0)
    searched.look("a topic", b"before " + HIDDEN, needles())
    assert (len(searched.leaks), searched.hidden) == (1, 1)


@pytest.mark.parametrize("before", ["", "a", "NOTE=", "PATH=/usr/bin\nNOTE="])
def test_a_value_is_found_in_base64_wherever_it_stands(before: str) -> None:
    searched = Searched()
    text = f"{before}{SECRET}-hotel-1\nHOME=/"
    searched.look("a reply", base64.b64encode(text.encode()), needles())
    assert len(searched.leaks) == 1, f"expected one spelling, got {searched.leaks}"
