"""The audit on a real broker: written as gate and executor write it, verified, and cut."""

import asyncio
import json
import os
import random
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import TopicPartition

from agents.approval.keyring import Purpose, write_keyring
from agents.approval.signing import SigningKey
from agents.contracts.audit import AuditKind
from agents.contracts.envelope import Event
from agents.contracts.ids import EventId, IncidentId, ModelId, PlanId
from agents.contracts.plan import PlanKind, PlanProposed
from agents.gate import GateReducer
from agents.policy.decide import Policy
from agents.reducer import reduce
from agents.settings import GateSettings
from streams import cluster, login, topics
from streams.audit_trail import KafkaAuditTrail
from streams.partitioner import partition_of
from streams.wire import all_outgoing

if TYPE_CHECKING:
    from conftest import Space

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]
INCIDENT = IncidentId("incident-1")
GATE, EXECUTOR = SigningKey(b"g" * 32), SigningKey(b"x" * 32)


def clock() -> datetime:
    return datetime.now(UTC)


async def acts(space: "Space", number: int) -> None:
    """Record as the executor does, and stop."""
    trail = KafkaAuditTrail(
        space.login("executor"), EXECUTOR, clock, random.Random(1), head_seconds=0.1
    )
    await trail.start()
    for one in range(number):
        await trail.record(AuditKind.ACT_INTENDED, INCIDENT, {"approval_id": f"a-{one}"})
    await trail.close()


async def refuses(space: "Space", number: int) -> None:
    """Refuse as the gate does: states, outputs and heads in one transaction each."""
    gate = GateReducer(settings=GateSettings(cluster="t"), policy=Policy.load(), key=GATE)
    kafka, state = space.login("gate"), None
    name = kafka.transactional_id("gate", 0)
    async with AIOKafkaProducer(**login.aiokafka(kafka), transactional_id=name) as producer:
        for one in range(number):
            plan = PlanProposed(
                incident_id=INCIDENT,
                plan_id=PlanId(f"p-{one}"),
                iteration=one + 1,
                kind=PlanKind.ACTION,
                line="kubectl delete namespace kube-system",
                model_id=ModelId("m"),
            )
            event = Event(
                id=EventId(f"plan-{one}"), source="t", time=clock(), key=INCIDENT, fact=plan
            )
            state, events = reduce(gate, state, INCIDENT, event)
            async with producer.transaction():
                for record in all_outgoing(events):
                    await producer.send(
                        kafka.topic(record.topic),
                        key=record.record.key,
                        value=record.record.value,
                        partition=record.partition,
                        headers=list(record.record.headers),
                    )


async def aoi(space: "Space", folder: Path, *words: str) -> tuple[int | None, str]:
    """Run `aoi audit` as the auditor; return its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "deploy.cli.main",
        "audit",
        *words,
        env={
            **os.environ,
            "AOI_STATE_DIR": str(folder),
            "AOI_KAFKA__CREDENTIALS_FILE": str(space.broker.credential_file("auditor")),
            "AOI_KAFKA__TOPIC_PREFIX": space.prefix,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert b"Traceback" not in err, err.decode()
    return process.returncode, out.decode()


async def test_what_was_written_verifies_and_what_was_deleted_is_found(
    space: "Space", tmp_path: Path
) -> None:
    entries = (GATE.entry("gate", Purpose.GATE, Purpose.AUDIT),)
    write_keyring(tmp_path / "keyring.json", (*entries, EXECUTOR.entry("executor", Purpose.AUDIT)))
    await acts(space, 4)
    await acts(space, 2)
    await refuses(space, 3)
    code, out = await aoi(space, tmp_path, "verify", "--json")
    report: dict[str, Any] = json.loads(out)
    assert (code, report["intact"], report["findings"]) == (0, True, [])
    chains = {one["writer"]: one for one in report["chains"]}
    assert sorted(one["records"] for one in chains.values()) == [2, 3, 4]
    assert all(one["head"] == one["last"] for one in chains.values())

    dump = tmp_path / "dump.jsonl"
    assert (await aoi(space, tmp_path, "export", "-o", str(dump)))[0] == 0
    lines = [json.loads(line) for line in dump.read_text().splitlines()]
    longest = max(chains.values(), key=lambda one: int(one["records"]))["writer"]
    second = next(
        line
        for line in lines
        if line["topic"] == topics.AUDIT.name
        and (line["fact"]["writer"], line["fact"]["index"]) == (longest, 1)
    )
    number = partition_of(longest.encode(), topics.AUDIT.partitions)
    assert second["partition"] == number
    admin = space.login()
    place = TopicPartition(admin.topic(topics.AUDIT.name), number, second["offset"] + 1)
    client = cluster.client(admin)  # whose answers end with it
    for future in client.delete_records([place]).values():
        future.result(timeout=30)

    code, out = await aoi(space, tmp_path, "verify", "--json")
    found = [one for one in json.loads(out)["findings"] if one["writer"] == longest]
    assert code == 1
    assert [(one["kind"], one["index"], one["expected"]) for one in found] == [
        ("gap", 0, "records 0-1")
    ]
    assert (found[0]["partition"], found[0]["offset"]) == (number, second["offset"] + 1)
    code, out = await aoi(space, tmp_path, "verify", "--json", "--retained")
    kept = {one["writer"]: one for one in json.loads(out)["chains"]}
    assert kept[longest]["begins"] == 2
    assert code == 0, out
