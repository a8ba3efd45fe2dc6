"""The roles together, in one process: an alert becomes an approved, executed, verified repair."""

import json

import pytest

from agents.approval.audit import verify_chain
from agents.contracts.approval import (
    ActionApproved,
    ActionRefused,
    ApprovalRequested,
    DecisionVerdict,
    RefusedBy,
)
from agents.contracts.audit import AuditRecorded
from agents.contracts.execution import ActionExecuted, ActResult
from agents.contracts.model import ModelRequested
from agents.contracts.telemetry import TelemetryCollected
from agents.contracts.trajectory import Outcome, OutcomeSource
from agents.worker import Transient
from tests.builders import at
from tests.doubles.cluster import TestCluster
from tests.doubles.pipeline import KEYRING, Pipeline, Script

SCALE = "kubectl scale deployment geo --replicas=1"
RESTART = "kubectl rollout restart deployment/rate"


def scripted(*steps: tuple[str, str]) -> Script:
    """Return a model that plays these (action, command) steps and then submits."""

    def script(asked: ModelRequested) -> str:
        done = asked.iteration - 1
        if done >= len(steps):
            return json.dumps({"summary": "repaired", "action": "submit", "confidence": 95})
        action, command = steps[done]
        reply = {"summary": f"step {done}", "confidence": 80, "action": action, "command": command}
        return json.dumps(reply)

    return script


async def test_a_write_waits_for_a_person_and_is_then_done_once() -> None:
    pipeline = Pipeline(script=scripted(("probe", "kubectl get deploy"), ("act", SCALE)))
    closed = await pipeline.run()
    assert closed.outcome is Outcome.SUCCESS
    assert pipeline.cluster.replicas["geo"] == 1
    assert len(pipeline.cluster.acts) == 1
    (request,) = pipeline.facts(ApprovalRequested)
    assert isinstance(request, ApprovalRequested)
    assert request.preview.rollback is not None
    assert [step.approved_by for step in closed.steps] == [(), ("alice",), ()]
    assert closed.steps[1].result is ActResult.DONE
    assert "geo: 1 ready" in (closed.steps[1].observation or "")


async def test_a_restart_needs_nobody_but_the_gate_s_own_key() -> None:
    pipeline = Pipeline(script=scripted(("act", RESTART)), decide=None)
    closed = await pipeline.run()
    assert pipeline.facts(ApprovalRequested) == []
    assert closed.steps[0].approved_by == ("gate",)
    assert len(pipeline.cluster.acts) == 1


async def test_a_person_s_refusal_reaches_the_observer_and_nothing_is_done() -> None:
    prompts: list[str] = []

    def script(asked: ModelRequested) -> str:
        prompts.append(asked.messages[-1].content)
        return scripted(("act", SCALE))(asked)

    pipeline = Pipeline(script=script, decide=lambda _: DecisionVerdict.REFUSE, judgement=None)
    closed = await pipeline.run()
    assert pipeline.cluster.acts == []
    assert "refused by alice" in prompts[-1]
    assert (closed.outcome, closed.source) == (Outcome.FAILURE, OutcomeSource.PERSON_REFUSED)


async def test_silence_is_never_approval() -> None:
    pipeline = Pipeline(script=scripted(("act", SCALE)), decide=None)
    await pipeline.run()
    assert pipeline.cluster.acts == []
    (refused,) = pipeline.facts(ActionRefused)
    assert isinstance(refused, ActionRefused)
    assert refused.refused_by is RefusedBy.EXPIRY


@pytest.mark.parametrize(
    ("line", "by"),
    [
        ("kubectl scale deployment geo --replicas=1 -n kube-system", RefusedBy.POLICY),
        ("kubectl scale deployment geo --replicas=1; rm -rf /", RefusedBy.POLICY),
        ("kubectl delete namespace hotel-0a1b2", RefusedBy.POLICY),
        ("kubectl scale deployment nosuch --replicas=1", RefusedBy.PREVIEW),
    ],
)
async def test_what_may_not_be_done_is_refused_with_its_reason(line: str, by: RefusedBy) -> None:
    pipeline = Pipeline(script=scripted(("act", line)))
    await pipeline.run()
    (refused,) = pipeline.facts(ActionRefused)
    assert isinstance(refused, ActionRefused)
    assert refused.refused_by is by
    assert pipeline.cluster.acts == []


async def test_a_refused_read_costs_a_step_and_tells_why() -> None:
    pipeline = Pipeline(script=scripted(("probe", "kubectl get pods | grep geo")))
    closed = await pipeline.run()
    (seen,) = pipeline.facts(TelemetryCollected)
    assert isinstance(seen, TelemetryCollected)
    assert seen.refusal == "pipeline"
    assert closed.steps[0].refusal == "pipeline"


async def test_an_act_that_makes_it_worse_is_rolled_back() -> None:
    cluster = TestCluster(breaks=True)
    line = "kubectl scale deployment rate --replicas=3"
    pipeline = Pipeline(script=scripted(("act", line)), cluster=cluster, judgement=None)
    closed = await pipeline.run()
    assert closed.steps[0].rolled_back
    assert closed.source is OutcomeSource.ROLLED_BACK
    assert len(cluster.acts) == 2


async def test_a_moved_object_is_not_touched() -> None:
    pipeline = Pipeline(script=scripted(("act", SCALE)))

    def decide(_: ApprovalRequested) -> DecisionVerdict:
        pipeline.cluster.version += 1
        return DecisionVerdict.APPROVE

    pipeline.decide = decide
    await pipeline.run()
    (executed,) = pipeline.facts(ActionExecuted)
    assert isinstance(executed, ActionExecuted)
    assert (executed.result, executed.reason) == (ActResult.NOT_DONE, "moved")
    assert pipeline.cluster.acts == []


async def order_of(pipeline: Pipeline) -> ActionApproved:
    """Return the order of a finished run."""
    await pipeline.run()
    (order,) = pipeline.facts(ActionApproved)
    assert isinstance(order, ActionApproved)
    return order


async def test_a_redelivered_order_repeats_its_report_and_not_its_act() -> None:
    pipeline = Pipeline(script=scripted(("act", SCALE)))
    order = await order_of(pipeline)
    again = await pipeline.executor("executor/2").execute(order)
    assert again == pipeline.facts(ActionExecuted)[0]
    assert len(pipeline.cluster.acts) == 1


async def test_an_intent_without_outcome_is_unknown_and_never_repeated() -> None:
    pipeline = Pipeline(script=scripted(("act", SCALE)))
    order = await order_of(pipeline)
    pipeline.ledger.outcomes.clear()
    later = await pipeline.executor("executor/2").execute(order)
    assert later.result is ActResult.UNKNOWN
    assert later.verification is not None
    assert len(pipeline.cluster.acts) == 1


async def test_nothing_is_done_while_the_audit_cannot_be_written() -> None:
    pipeline = Pipeline(script=scripted(("act", SCALE)))
    pipeline.audit.down = True
    with pytest.raises(Transient, match="no acknowledgement of the audit"):
        await pipeline.run()
    assert pipeline.cluster.acts == []
    assert pipeline.ledger.intents == []
    (order,) = pipeline.facts(ActionApproved)
    assert isinstance(order, ActionApproved)
    pipeline.audit.down = False
    assert (await pipeline.executor().execute(order)).result is ActResult.DONE


async def test_the_gate_s_chain_of_an_incident_verifies() -> None:
    pipeline = Pipeline(script=scripted(("act", SCALE)))
    await pipeline.run()
    chain = [one for one in pipeline.facts(AuditRecorded) if isinstance(one, AuditRecorded)]
    assert [one.kind for one in chain] == [
        "approval_requested",
        "decision_accepted",
        "order_signed",
    ]
    assert verify_chain(chain, KEYRING, now=at(0)) == []
    assert verify_chain(chain[1:], KEYRING, now=at(0)) != []


async def test_the_same_script_gives_the_same_run() -> None:
    runs = []
    for _ in range(2):
        pipeline = Pipeline(script=scripted(("probe", "kubectl get pods"), ("act", SCALE)))
        await pipeline.run()
        runs.append([(one.id, one.type, one.sequence) for one in pipeline.driver.log])
    assert runs[0] == runs[1]


async def test_a_large_output_goes_by_claim_check_and_still_becomes_an_observation() -> None:
    cluster = TestCluster(talkative=20_000)
    pipeline = Pipeline(script=scripted(("probe", "kubectl get pods")), cluster=cluster)
    closed = await pipeline.run()
    (told,) = pipeline.facts(TelemetryCollected)
    assert isinstance(told, TelemetryCollected)
    assert told.output == ""
    assert told.output_ref in pipeline.stored
    assert "rate   1/1" in (closed.steps[0].observation or "")
    assert len(closed.steps[0].observation or "") < 4000
