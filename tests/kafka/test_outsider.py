"""An outsider's view: scripts that import nothing of ours, a Kafka client, the schemas and a key.

The scripts are those of `docs/examples/`, run as they stand; `tests/flow/test_outsider.py` runs
them against the whole pipeline.
"""

import ast
import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import orjson
import pytest
from aiokafka import AIOKafkaProducer
from jsonschema import Draft202012Validator

from agents.approval.binding import bound_by_request, order_hash
from agents.approval.canonical import action_hash
from agents.approval.keyring import Keyring, Purpose
from agents.approval.signing import SigningKey
from agents.contracts.action import Preview, ScaleWorkload, Touched, Workload
from agents.contracts.alert import AlertGrouped
from agents.contracts.approval import (
    ActionDecided,
    ActionRefused,
    ApprovalRequested,
    DecisionVerdict,
    DecisionVerified,
    RefusedBy,
    Risk,
)
from agents.contracts.envelope import Event
from agents.contracts.ids import ApprovalId, EventId, IncidentId, PlanId
from agents.policy.actions import command_of, words_of
from agents.policy.render import line_of
from agents.verifier import VerifierWorker
from streams import contract, history, login
from streams.approvals.client import Approvals
from streams.codec import decode
from streams.intake.settings import IntakeSettings
from streams.intake.worker import IntakeWorker
from streams.topics import ACTIONS_DECIDED, ALERTS, BY_NAME
from streams.wire import outgoing

if TYPE_CHECKING:
    from conftest import Space

pytestmark = pytest.mark.kafka
EXAMPLES = contract.ROOT / "docs" / "examples"
OURS = {"agents", "streams", "learner", "deploy"}
KEY = SigningKey(b"k" * 32)
ACTION = ScaleWorkload(
    workload=Workload(kind="deployments", namespace="shop", name="cart"), replicas=3
)


def asked(name: str = "a-1", *, minutes: float = 15) -> Event:
    now = datetime.now(UTC)
    touched = Touched(kind="deployments", namespace="shop", name="cart", resource_version="7")
    fact = ApprovalRequested(
        approval_id=ApprovalId(name),
        incident_id=IncidentId("i-1"),
        plan_id=PlanId("p-1"),
        action=ACTION,
        action_hash=action_hash(ACTION),
        words=words_of(ACTION),
        line=line_of(command_of(ACTION)),
        preview=Preview(diff="-1\n+3", touched=(touched,), rollback=None, pods_affected=2),
        risk=Risk.MEDIUM,
        evidence="café is slow",
        confidence=80,
        proposer="observer",
        severity="critical",
        cluster="lab",
        policy_version="1",
        requested_at=now - timedelta(minutes=1),
        expires=now + timedelta(minutes=minutes),
    )
    fact = fact.model_copy(update={"order_hash": order_hash(bound_by_request(fact))})
    return Event(
        id=EventId(f"r-{name}"), source="aoi/gate", time=fact.requested_at, key=name, fact=fact
    )


def settled(name: str) -> Event:
    """Return the refusal of a request that has not expired."""
    fact = ActionRefused(
        approval_id=ApprovalId(name),
        incident_id=IncidentId("i-1"),
        plan_id=PlanId("p-1"),
        iteration=1,
        line="",
        refused_by=RefusedBy.PERSON,
        reason="refused",
        message="refused by bob",
    )
    return Event(
        id=EventId(f"s-{name}"), source="aoi/gate", time=datetime.now(UTC), key="i-1", fact=fact
    )


async def publish(space: "Space", user: str, *events: Event) -> None:
    kafka = space.login(user)
    async with AIOKafkaProducer(**login.aiokafka(kafka)) as producer:
        for event in events:
            for one in outgoing(event):
                await producer.send_and_wait(
                    kafka.topic(one.topic),
                    one.record.value,
                    key=one.record.key,
                    partition=one.partition,
                    headers=list(one.record.headers),
                )


async def run(script: str, *arguments: object, answer: bytes = b"") -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / script),
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(answer), 60)
    assert process.returncode == 0, err.decode()
    return out.decode()


def fits(value: bytes, name: str) -> None:
    schema = orjson.loads((contract.ROOT / contract.SCHEMAS / f"{name}.v1.json").read_bytes())
    jsonschema.validate(orjson.loads(value), schema, cls=Draft202012Validator)


@pytest.mark.parametrize("script", ["alert_producer.py", "approver.py"])
def test_an_example_imports_nothing_of_ours(script: str) -> None:
    tree = ast.parse((EXAMPLES / script).read_text(encoding="utf-8"))
    imported = {
        (alias.name if isinstance(node, ast.Import) else node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported.isdisjoint(OURS)


async def test_an_outsider_raises_an_alert(space: "Space") -> None:
    await run("alert_producer.py", space.broker.credential_file("producer"), space.prefix)
    (received,) = [one async for one in history.history(space.login("intake"), [ALERTS])]
    fits(received.record.value or b"", "AlertReceived")
    (output,) = await IntakeWorker(IntakeSettings()).handle(decode(received, ALERTS.facts))
    assert isinstance(output.fact, AlertGrouped)
    assert output.key == "shop/checkout"


@pytest.mark.parametrize(("answer", "verdict"), [(b"y\n", "approve"), (b"\n", "refuse")])
async def test_an_outsider_decides_with_a_key_of_its_own(
    space: "Space", tmp_path: Path, answer: bytes, verdict: str
) -> None:
    KEY.save(tmp_path / "alice.key")
    await publish(space, "gate", asked("old", minutes=-0.5), asked())
    for number in range(8):  # one of them comes first in any order of the partitions
        await publish(space, "gate", asked(f"s-{number}"), settled(f"s-{number}"))
    shown = await run(
        "approver.py",
        space.broker.credential_file("approver"),
        tmp_path / "alice.key",
        "alice",
        space.prefix,
        answer=answer,
    )
    assert '"type": "ScaleWorkload"' in shown
    kafka = space.login("verifier")
    (received,) = [one async for one in history.history(kafka, [ACTIONS_DECIDED])]
    fits(received.record.value or b"", "ActionDecided")
    keyring = Keyring((KEY.entry("alice", Purpose.APPROVE),))
    verifier = VerifierWorker(keyring, clock=lambda: datetime.now(UTC))
    (output,) = await verifier.handle(decode(received, ACTIONS_DECIDED.facts))
    assert isinstance(output.fact, DecisionVerified)
    assert output.fact.decision.payload.verdict == verdict
    assert (output.key, output.fact.decision.payload.approval_id) == ("i-1", "a-1")


async def test_the_client_offers_open_requests_then_new_ones(space: "Space") -> None:
    kafka = space.login("approver")
    await publish(space, "gate", asked("old", minutes=-0.5), asked("first"))
    async with Approvals(kafka) as approvals:
        offered = []
        async for request in approvals:
            offered.append(request.fact.approval_id)
            if len(offered) == 1:
                await request.approve("alice", KEY, "fine")
                await publish(space, "gate", asked("second"))
            else:
                await request.refuse("alice", KEY, "enough")
                break
    assert offered == ["first", "second"]
    decided = [
        event.fact
        async for _, event in history.events(space.login("verifier"), [ACTIONS_DECIDED])
        if isinstance(event.fact, ActionDecided)
    ]
    assert {one.payload.approval_id: one.payload.verdict for one in decided} == {
        "first": DecisionVerdict.APPROVE,
        "second": DecisionVerdict.REFUSE,
    }


async def test_a_user_reads_only_what_the_registry_gives_it(space: "Space") -> None:
    with pytest.raises(history.HistoryUnavailable):
        async for _ in history.history(space.login("approver"), [BY_NAME["ledger"]]):
            pass
    assert history.readable(space.login("approver"), [BY_NAME["ledger"]]) == ()
