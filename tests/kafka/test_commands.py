"""The commands of outsiders and operators as processes, against a real broker."""

import asyncio
import os
import shutil
import signal
import stat
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from agents.approval.binding import bound_by_request, order_hash
from agents.approval.canonical import action_hash
from agents.approval.keyring import Keyring, Purpose
from agents.approval.verify import check_decision
from agents.contracts.action import Preview, RestartRollout, Workload
from agents.contracts.approval import (
    ActionDecided,
    ApprovalRequested,
    DecisionVerdict,
    DecisionVerified,
    Risk,
)
from agents.contracts.envelope import Event
from agents.contracts.ids import ApprovalId, EventId, IncidentId, PlanId
from agents.policy.actions import command_of, words_of
from agents.policy.render import line_of
from streams import history, login
from streams.contract import ROOT
from streams.topics import ACTIONS_DECIDED
from streams.wire import outgoing

if TYPE_CHECKING:
    from conftest import Space

pytestmark = pytest.mark.kafka
ACTION = RestartRollout(workload=Workload(kind="deployments", namespace="shop", name="cart"))
RULES = """
rules:
  - {match: {action: [RestartRollout], namespace: [shop]}, verdict: approve, reason: harmless}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """Runs `aoi` in a state folder of its own, as the users of one space."""

    space: "Space"
    state: Path

    async def start(self, *words: str, user: str) -> asyncio.subprocess.Process:
        """Start a command."""
        environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("AOI_")},
            "AOI_STATE_DIR": str(self.state),
            "AOI_KAFKA__CREDENTIALS_FILE": str(self.space.broker.credential_file(user)),
            "AOI_KAFKA__TOPIC_PREFIX": self.space.prefix,
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "200",
        }
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "deploy.cli.main",
            *words,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *words: str, user: str = "operator", fails: bool = False) -> str:
        """Run a command to its end and return what it printed."""
        process = await self.start(*words, user=user)
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert (process.returncode != 0) is fails, err.decode()
        assert b"Traceback" not in err
        return (err if fails else out).decode()


@pytest.fixture
def shell(space: "Space", tmp_path: Path) -> Shell:
    return Shell(space=space, state=tmp_path)


def asked(
    name: str, *, minutes: float = 15, words: str = words_of(ACTION), approvers: int = 1
) -> Event:
    now = datetime.now(UTC)
    fact = ApprovalRequested(
        approval_id=ApprovalId(name),
        incident_id=IncidentId("i-1"),
        plan_id=PlanId("p-1"),
        action=ACTION,
        action_hash=action_hash(ACTION),
        words=words,
        line=line_of(command_of(ACTION)),
        preview=Preview(diff="-old\n+new\x1b[2K", touched=(), rollback=None, pods_affected=2),
        risk=Risk.LOW,
        evidence="cart hangs",
        confidence=80,
        proposer="observer",
        severity="critical",
        cluster="lab",
        policy_version="1",
        approvers_needed=approvers,
        requested_at=now - timedelta(minutes=1),
        expires=now + timedelta(minutes=minutes),
    )
    fact = fact.model_copy(update={"order_hash": order_hash(bound_by_request(fact))})
    return Event(
        id=EventId(f"r-{name}"), source="aoi/gate", time=fact.requested_at, key=name, fact=fact
    )


async def ask(
    space: "Space",
    name: str,
    *,
    minutes: float = 15,
    words: str = words_of(ACTION),
    approvers: int = 1,
) -> None:
    await publish(space, "gate", asked(name, minutes=minutes, words=words, approvers=approvers))


async def publish(space: "Space", user: str, event: Event) -> None:
    kafka = space.login(user)
    (one,) = outgoing(event)
    async with AIOKafkaProducer(**login.aiokafka(kafka)) as producer:
        await producer.send_and_wait(
            kafka.topic(one.topic),
            one.record.value,
            key=one.record.key,
            partition=one.partition,
            headers=list(one.record.headers),
        )


async def decided(space: "Space") -> list[ActionDecided]:
    found = history.events(space.login("verifier"), [ACTIONS_DECIDED])
    return [event.fact async for _, event in found if isinstance(event.fact, ActionDecided)]


async def test_a_request_is_shown_and_decided_from_the_command_line(shell: Shell) -> None:
    await shell.run("approvals", "keygen", "alice", user="approver")
    private = shell.state / "keys" / "alice.key"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    await shell.run("approvals", "keygen", "alice", user="approver", fails=True)
    await ask(shell.space, "a-1")
    assert "Restart all pods" in await shell.run("approvals", "list", user="approver")
    shown = await shell.run("approvals", "show", "a-1", user="approver")
    for part in ("+new\\u001b[2K", "2 pods", "nothing undoes it", "cart hangs", "expires in"):
        assert part in shown
    await shell.run("approvals", "approve", "a-1", "--as", "alice", "--yes", user="approver")
    await shell.run("approvals", "deny", "a-1", "--as", "bob", user="approver", fails=True)
    (decision,) = await decided(shell.space)
    keyring = Keyring.load(shell.state / "keyring.json")
    assert keyring.find("alice", Purpose.APPROVE, datetime.now(UTC)) is not None
    check_decision(decision, keyring=keyring, now=datetime.now(UTC))


async def test_a_request_that_expired_is_not_decided(shell: Shell) -> None:
    await shell.run("approvals", "keygen", "alice", user="approver")
    await ask(shell.space, "a-1", minutes=-0.5)
    key = str(shell.state / "keys" / "alice.key")
    for verb in ("approve", "deny"):
        told = await shell.run("approvals", verb, "a-1", "--key", key, user="approver", fails=True)
        assert "a-1 expired at" in told
    await ask(shell.space, "a-2")
    unasked = await shell.run("approvals", "deny", "a-2", "--key", key, user="approver", fails=True)
    assert "Aborted" in unasked  # it shows and asks, as approve does; there is nobody to answer
    told = await shell.run("approvals", "deny", "a-2", "--key", key, "-y", user="approver")
    assert "refuse sent for a-2 as alice" in told
    (decision,) = await decided(shell.space)
    assert decision.payload.approver == "alice"


async def test_of_two_persons_it_is_told_who_has_approved(shell: Shell) -> None:
    for name in ("alice", "bob"):
        await shell.run("approvals", "keygen", name, user="approver")
    await ask(shell.space, "a-1", approvers=2)
    approve = ("approvals", "approve", "a-1", "--yes", "--as")
    await shell.run(*approve, "alice", user="approver")
    (decision,) = await decided(shell.space)
    fact = DecisionVerified(incident_id=decision.payload.incident_id, decision=decision)
    verified = Event(
        id=EventId("v-1"), source="aoi/verifier", time=datetime.now(UTC), key="i-1", fact=fact
    )
    await publish(shell.space, "verifier", verified)
    for words in (("list",), ("show", "a-1")):
        assert "1 of 2: alice" in await shell.run("approvals", *words, user="approver")
    told = await shell.run(*approve, "alice", user="approver", fails=True)
    assert "alice has approved a-1 already (1 of 2: alice)" in told
    await shell.run(*approve, "bob", user="approver")
    assert [one.payload.approver for one in await decided(shell.space)] in (
        ["alice", "bob"],
        ["bob", "alice"],
    )


async def test_a_request_that_tells_of_another_act_is_shown_as_false_and_never_signed(
    shell: Shell,
) -> None:
    await shell.run("approvals", "keygen", "alice", user="approver")
    await ask(shell.space, "a-1", words="Look at cart.")
    for words in (("list",), ("show", "a-1"), ("list", "--json")):
        told = await shell.run("approvals", *words, user="approver")
        assert "Restart all pods" in told
    key = str(shell.state / "keys" / "alice.key")
    for words in (
        ("show", "a-1", "--json"),
        ("approve", "a-1", "--key", key, "--yes"),
        ("deny", "a-1", "--key", key, "--yes"),
    ):
        told = await shell.run("approvals", *words, user="approver", fails=True)
        assert "'Look at cart.', expected 'Restart all pods" in told
    assert await decided(shell.space) == []


async def test_a_served_file_of_rules_answers_what_comes(shell: Shell) -> None:
    await shell.run("approvals", "keygen", "rules", user="approver")
    rules = shell.state / "rules.yaml"
    rules.write_text(RULES)
    await ask(shell.space, "a-0", words="Look at cart.")  # false: not answered, and no end of it
    await ask(shell.space, "a-1")
    serving = await shell.start(
        "approvals", "serve", "--rules", str(rules), "--name", "rules", user="approver"
    )
    assert serving.stdout is not None
    try:
        async with asyncio.timeout(60):
            while b"approve Restart" not in await serving.stdout.readline():
                assert serving.returncode is None
    finally:
        serving.terminate()
        await serving.communicate()
    (decision,) = await decided(shell.space)
    assert decision.payload.verdict is DecisionVerdict.APPROVE
    assert (decision.payload.approver, decision.comment) == ("rules", "harmless")


async def test_alerts_go_in_and_bad_ones_are_dead_letters(shell: Shell) -> None:
    serving = await shell.start("intake", "--port", "0", user="intake")
    assert serving.stdout is not None
    try:
        line = (await asyncio.wait_for(serving.stdout.readline(), 60)).decode()
        url = line.partition("/v1/")[0]
        good, bad = shell.state / "good.json", shell.state / "bad.json"
        started = datetime.now(UTC).isoformat()
        good.write_bytes(
            orjson.dumps(
                {
                    "fingerprint": "f",
                    "group": "g",
                    "status": "firing",
                    "labels": {},
                    "starts_at": started,
                }
            )
        )
        bad.write_text("on fire")
        for file, fails in ((good, False), (bad, True)):
            told = await shell.run(
                "alerts", "send", str(file), "--format", "aoi", "--url", url, fails=fails
            )
            assert ("not-json" in told) is fails
    finally:
        serving.send_signal(signal.SIGTERM)
        await serving.communicate()
    assert serving.returncode == 0
    assert "not-json" in await shell.run("dlq", "list")
    assert await shell.run("dlq", "show", "0", "--raw") == "on fire"
    assert "aoi alerts send" in await shell.run("dlq", "replay", "0", "--yes", fails=True)
    await shell.run("dlq", "drop", "0")
    assert "not-json" not in await shell.run("dlq", "list")
    assert "settled" in await shell.run("dlq", "list", "--all")


async def test_what_is_not_there_is_told_without_a_traceback(shell: Shell) -> None:
    assert "expected one incident" in await shell.run("incidents", "show", "x", fails=True)
    assert "expected one request" in await shell.run(
        "approvals", "show", "x", user="approver", fails=True
    )
    assert await shell.run("incidents", "list", "--json") == ""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
async def test_a_decision_of_another_language_is_sent_and_verified(shell: Shell) -> None:
    await shell.run("approvals", "keygen", "alice", user="approver")
    await ask(shell.space, "a-1")
    request, decision = shell.state / "request.json", shell.state / "decision.json"
    request.write_text(await shell.run("approvals", "show", "a-1", "--json", user="approver"))
    with request.open() as asked_, decision.open("w") as made:
        node = await asyncio.create_subprocess_exec(
            "node",
            str(ROOT / "docs" / "examples" / "approver.mjs"),
            str(shell.state / "keys" / "alice.key"),
            "alice",
            "approve",
            stdin=asked_,
            stdout=made,
        )
        assert await asyncio.wait_for(node.wait(), 60) == 0
    told = await shell.run("approvals", "send", str(decision), user="approver")
    assert "approve sent for a-1" in told
    (sent,) = await decided(shell.space)
    keyring = Keyring.load(shell.state / "keyring.json")
    assert check_decision(sent, keyring=keyring, now=datetime.now(UTC)).name == "alice"


async def test_an_operator_pauses_sees_why_and_resumes(shell: Shell) -> None:
    await shell.run("approvals", "keygen", "operator", "--purpose", "control")
    await shell.run("executor", "pause", "-m", "drill")
    standing = orjson.loads(await shell.run("executor", "status", "--json"))
    assert standing["acting"] is False
    assert (standing["pause"]["operator"], standing["pause"]["reason"]) == ("operator", "drill")
    await shell.run("executor", "resume", "-m", "over")
    standing = orjson.loads(await shell.run("executor", "status", "--json"))
    assert (standing["acting"], standing["pause"]) == (True, None)
