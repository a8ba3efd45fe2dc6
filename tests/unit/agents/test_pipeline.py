"""The roles together, in one process: an alert becomes an approved, executed, verified repair."""

import asyncio
import json

import pytest

from agents.approval.audit_proof import verify_chain
from agents.approval.binding import bound_by_order, order_hash
from agents.approval.signing import sign_decision
from agents.contracts.action import (
    Action,
    ApplyManifest,
    DeleteResource,
    Preview,
    RestartRollout,
    ScaleWorkload,
)
from agents.contracts.approval import (
    ActionApproved,
    ActionRefused,
    ApprovalRequested,
    DecisionPayload,
    DecisionVerdict,
    DecisionVerified,
    PreviewCompleted,
    RefusedBy,
)
from agents.contracts.audit import AuditRecorded
from agents.contracts.execution import ActionExecuted, ActResult
from agents.contracts.ids import ApprovalId
from agents.contracts.model import ModelRequested
from agents.contracts.telemetry import TelemetryCollected
from agents.contracts.trajectory import Outcome, OutcomeSource
from agents.reducer import reduce
from agents.worker import Transient
from tests.builders import at, event
from tests.doubles.cluster import TestCluster
from tests.doubles.pipeline import GATE, GATE_SETTINGS, KEYRING, PERSON, Pipeline, Script

SCALE = "kubectl scale deployment geo --replicas=1"
SCALE_RATE = "kubectl scale deployment rate --replicas=3"
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
        # written out again, the annotation would show another text than it holds
        (
            """kubectl patch deploy geo -p '{"metadata":{"annotations":{"a":"\\u202e"}}}'""",
            RefusedBy.POLICY,
        ),
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


async def test_a_line_that_the_parser_fails_on_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(line: str, namespace: str | None) -> Action:
        raise IndexError("list index out of range")

    monkeypatch.setattr("agents.gate.read_act", fail)
    pipeline = Pipeline(script=scripted(("act", SCALE)))
    await pipeline.run()
    (refused,) = pipeline.facts(ActionRefused)
    assert isinstance(refused, ActionRefused)
    assert (refused.refused_by, refused.reason) == (RefusedBy.POLICY, "policy_error")
    assert "IndexError" in refused.message


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


async def test_a_rollback_of_another_object_is_refused_before_anything_is_done() -> None:
    pipeline = Pipeline(script=scripted(("act", SCALE)))  # type: ignore[arg-type]
    order = await order_of(pipeline)
    forged = DeleteResource(kind="configmaps", namespace="hotel-0a1b2", name="app")
    foreign = order.model_copy(update={"rollback": forged, "approval_id": "other"})
    denied = order.model_copy(
        update={
            "rollback": forged.model_copy(update={"kind": "namespaces", "name": "kube-system"}),
            "approval_id": "another",
        }
    )
    for bad in (foreign, denied):
        report = await pipeline.executor().execute(bad)
        assert report.result is ActResult.NOT_DONE
    assert len(pipeline.cluster.acts) == 1


async def test_rates_hold_when_many_orders_come_at_once() -> None:
    settings = GATE_SETTINGS.model_copy(update={"max_acts_per_hour": 2})
    cluster = TestCluster(still=True)
    pipeline = Pipeline(script=scripted(("act", RESTART)), settings=settings, cluster=cluster)
    order = await order_of(pipeline)
    before = len(pipeline.cluster.acts)
    executor = pipeline.executor()
    reports = await asyncio.gather(*(executor.execute(again(order, n)) for n in range(12)))
    assert len(pipeline.cluster.acts) - before == 1
    assert sum(one.result is ActResult.DONE for one in reports) == 1


def again(order: ActionApproved, number: int) -> ActionApproved:
    """Return the order as if another plan had led to it, signed by the gate."""
    approval_id = ApprovalId(f"approval-{number}")
    free = order.model_copy(update={"approval_id": approval_id})
    payload = order.decisions[0].payload.model_copy(
        update={"approval_id": approval_id, "order_hash": order_hash(bound_by_order(free))}
    )
    return free.model_copy(update={"decisions": (sign_decision(GATE, payload),)})


class Undeniable(TestCluster):
    """Each act here would be undone by what policy never allows."""

    async def preview(self, action: Action) -> Preview:
        shown = await super().preview(action)
        kind, name = "persistentvolumeclaims", "geo-data"
        rollback = DeleteResource(kind=kind, namespace="hotel-0a1b2", name=name)
        return shown.model_copy(update={"rollback": rollback})


@pytest.mark.parametrize("line", [SCALE, RESTART])
async def test_an_act_whose_rollback_policy_denies_is_asked_without_it(line: str) -> None:
    pipeline = Pipeline(script=scripted(("act", line)), cluster=Undeniable())
    await pipeline.run()
    (request,) = pipeline.facts(ApprovalRequested)
    assert isinstance(request, ApprovalRequested)
    assert (request.preview.rollback, request.reason) == (None, "rollback_denied")
    assert request.reason_message.startswith("nothing undoes this act, its rollback is denied: ")
    (order,) = pipeline.facts(ActionApproved)
    assert isinstance(order, ActionApproved)
    assert (order.rollback, len(order.decisions)) == (None, 1)
    assert len(pipeline.cluster.acts) == 1


async def test_an_act_whose_rollback_policy_denies_is_not_undone() -> None:
    pipeline = Pipeline(
        script=scripted(("act", SCALE_RATE)), cluster=Undeniable(breaks=True), judgement=None
    )
    await pipeline.run()
    (executed,) = pipeline.facts(ActionExecuted)
    assert isinstance(executed, ActionExecuted)
    assert (executed.reason, executed.rolled_back) == ("worse", False)
    assert "nothing undoes this act" in (executed.message or "")
    assert len(pipeline.cluster.acts) == 1


async def test_a_person_is_asked_for_an_act_whose_rollback_needs_one() -> None:
    class Odd(TestCluster):
        async def preview(self, action: Action) -> Preview:
            shown = await super().preview(action)
            assert isinstance(action, RestartRollout)
            rollback = ScaleWorkload(workload=action.workload, replicas=0)
            return shown.model_copy(update={"rollback": rollback})

    pipeline = Pipeline(script=scripted(("act", RESTART)), cluster=Odd(), decide=None)
    await pipeline.run()
    assert len(pipeline.facts(ApprovalRequested)) == 1
    assert pipeline.cluster.acts == []


async def test_a_rollback_that_needs_two_persons_is_asked_of_two() -> None:
    class Odd(TestCluster):
        async def preview(self, action: Action) -> Preview:
            shown = await super().preview(action)
            rollback = DeleteResource(kind="deployments", namespace="hotel-0a1b2", name="geo")
            return shown.model_copy(update={"rollback": rollback})

    pipeline = Pipeline(script=scripted(("act", SCALE)), cluster=Odd())
    await pipeline.run()
    (request,) = pipeline.facts(ApprovalRequested)
    assert isinstance(request, ApprovalRequested)
    assert request.approvers_needed == 2
    assert pipeline.cluster.acts == []


async def test_a_rollback_that_holds_a_secret_is_not_published() -> None:
    class Leaky(TestCluster):
        async def preview(self, action: Action) -> Preview:
            shown = await super().preview(action)
            manifest = '{"data":{"config":"db_password=hunter2-S3cret"}}'
            rollback = ApplyManifest(
                mode="apply",
                kind="configmaps",
                namespace="hotel-0a1b2",
                name="app",
                manifest=manifest,
            )
            return shown.model_copy(update={"rollback": rollback})

    pipeline = Pipeline(script=scripted(("act", SCALE)), cluster=Leaky())  # type: ignore[arg-type]
    await pipeline.run()
    assert not [one for one in pipeline.driver.log if "hunter2" in one.fact.model_dump_json()]


async def test_a_refusal_counts_even_after_an_approval_by_the_same_person() -> None:
    pipeline = Pipeline(script=scripted(("act", SCALE)), decide=None)  # type: ignore[arg-type]
    await pipeline.run()
    (asked,) = pipeline.facts(ApprovalRequested)
    assert isinstance(asked, ApprovalRequested)
    gate = pipeline.driver.reducers[2]
    plan = next(e for e in pipeline.driver.log if getattr(e.fact, "plan_id", "") == asked.plan_id)
    preview = next(e for e in pipeline.driver.log if isinstance(e.fact, PreviewCompleted))
    state = None
    for happened in (plan, preview):
        state, _ = reduce(gate, state, asked.incident_id, happened)
    assert state is not None
    two = state.model_copy(
        update={"pending": state.pending.model_copy(update={"approvers_needed": 2})}
    )
    approve, refuse = (decision(asked, verdict) for verdict in DecisionVerdict)
    two, _ = reduce(gate, two, asked.incident_id, event(approve))
    _, made = reduce(gate, two, asked.incident_id, event(refuse))
    assert any(isinstance(one.fact, ActionRefused) for one in made)


def decision(asked: ApprovalRequested, verdict: DecisionVerdict) -> DecisionVerified:
    payload = DecisionPayload(
        approval_id=asked.approval_id,
        incident_id=asked.incident_id,
        action_hash=asked.action_hash,
        order_hash=asked.order_hash,
        verdict=verdict,
        approver="alice",
        not_before=at(0),
        expires=asked.expires,
        cluster=asked.cluster,
        policy_version=asked.policy_version,
    )
    return DecisionVerified(incident_id=asked.incident_id, decision=sign_decision(PERSON, payload))


async def test_a_decision_about_an_unknown_incident_leaves_no_state() -> None:
    pipeline = Pipeline(script=scripted(("act", SCALE)), decide=None)  # type: ignore[arg-type]
    await pipeline.run()
    (asked,) = pipeline.facts(ApprovalRequested)
    assert isinstance(asked, ApprovalRequested)
    gate = pipeline.driver.reducers[2]
    stray = event(decision(asked, DecisionVerdict.APPROVE))
    assert reduce(gate, None, "elsewhere", stray) == (None, [])
