"""Kills, freezes and cuts off real Executors at each of their steps, and reads what is left.

    signed order -> actions.approved -> two Executor processes -> HTTP -> a cluster that strikes

Two processes share the group; the cluster's server strikes the one that calls it, at the call that
the case names: SIGKILL, SIGSTOP for 16 s, or the broker away for 12 s. Invariant that is tested: at
most one act and one rollback an order, one report, and a ledger that says what was done.
`make chaos-executor` runs all and prints the table of docs/results/executor.md.
"""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from aiokafka import AIOKafkaProducer
from rich.console import Console

from agents.approval.binding import bound_by_order, order_hash
from agents.approval.canonical import action_hash
from agents.approval.keyring import Purpose, write_keyring
from agents.approval.signing import SigningKey
from agents.contracts.action import Action, ScaleWorkload
from agents.contracts.approval import ActionApproved
from agents.contracts.envelope import Event
from agents.contracts.execution import ActIntended, ActionExecuted, ActResult, ActSettled
from agents.contracts.ids import ApprovalId, EventId, IncidentId
from agents.environments.remote.wire import (
    ActionAsked,
    HealthTold,
    OutputTold,
    Route,
    VersionsAsked,
    VersionsTold,
)
from agents.executor.ledger import GIVEN_UP
from agents.policy.actions import command_of
from agents.policy.decide import SHIPPED
from agents.policy.render import line_of
from deploy.embedded.broker import EmbeddedBroker
from deploy.embedded.supervisor import Program, Supervisor
from streams import login
from streams.tail import Tail
from streams.topics import ACTIONS_EXECUTED, LEDGER
from streams.wire import outgoing
from tests.conftest import own_broker
from tests.doubles.court import Court
from tests.doubles.pipeline import PERSON
from tests.doubles.stage import dry_run
from tests.safety.test_approvals import script

FREEZE_SECONDS, AWAY_SECONDS, SETTLE_SECONDS = 16.0, 12.0, 40.0
CASE_SECONDS = 120.0
STEPS = (
    "check",
    "dry run",
    "recheck",
    "health",
    "second dry run",
    "act",
    "verify",
    "rollback",
    "verify again",
)
"""The calls of one order, in their order: intent and read-back lie behind the first dry run."""
FATES = ("kill", "freeze", "broker")
NAMES = ("one", "two")


@dataclass(frozen=True, slots=True)
class Case:
    """Where and how to strike. `after`: once the call was answered, so in what follows it."""

    fate: str
    step: str
    after: bool = False
    harmful: bool = False

    @property
    def words(self) -> str:
        """The case in a few words."""
        where = f"{'after' if self.after else 'in'} {self.step}"
        return f"{self.fate} {where}{', act harms' if self.harmful else ''}"


@dataclass(slots=True)
class Seen:
    """One order: what was done, by whose word."""

    case: Case
    order: ActionApproved
    acts: list[Action] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    struck: asyncio.Task[None] | None = None
    intents: list[ActIntended] = field(default_factory=list)
    outcomes: list[ActSettled] = field(default_factory=list)
    reports: list[ActionExecuted] = field(default_factory=list)

    @property
    def last_word(self) -> ActSettled:
        """What the ledger says: its own writer's outcome, else what stands in for it."""
        own = [one for one in self.outcomes if one.attempt != GIVEN_UP]
        return (own or self.outcomes)[0]

    def check(self) -> None:
        """Hold the ledger against the cluster. Raises AssertionError."""
        action, rollback = self.order.action, self.order.rollback
        told = f"{self.case.words}: {[one.type for one in self.acts]}, {self.outcomes}"
        assert self.acts in ([], [action], [action, rollback]), told
        said = self.last_word
        if said.result is ActResult.DONE:
            assert self.acts, told
            assert said.rolled_back == (len(self.acts) == 2), told
        if said.result is ActResult.NOT_DONE:
            assert not self.acts, told
        assert {one.result for one in self.reports} == {said.result}, told


class Striking:
    """The cluster's server: it answers for every order, and strikes where its case says."""

    def __init__(self, strike: Callable[[str, str], asyncio.Task[None]]) -> None:
        self.known: dict[str, Seen] = {}
        self._strike = strike
        self.app = web.Application()
        for route in (Route.VERSIONS, Route.PREVIEW, Route.VERIFY, Route.ACT):
            self.app.router.add_post(route, self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        caller, raw = request.headers["Authorization"].removeprefix("Bearer "), await request.text()
        seen = self._order_of(request.path, raw)
        first = seen.struck is None
        if first:
            seen.calls.append(request.path)
        here = first and STEPS[len(seen.calls) - 1] == seen.case.step
        if here and not seen.case.after:
            seen.struck = self._strike(seen.case.fate, caller)
        response = web.json_response(text=self._effect(seen, request.path, raw))
        if here and seen.case.after:
            await response.prepare(request)
            await response.write_eof()
            seen.struck = self._strike(seen.case.fate, caller)
        return response

    def _order_of(self, path: str, raw: str) -> Seen:
        """Return whose call it is: every order has an action and versions of its own."""
        for seen in self.known.values():
            order = seen.order
            if path == Route.VERSIONS:
                if VersionsAsked.model_validate_json(raw).touched == order.touched:
                    return seen
            elif ActionAsked.model_validate_json(raw).action in {order.action, order.rollback}:
                return seen
        raise web.HTTPBadRequest(text=raw)

    def _effect(self, seen: Seen, path: str, raw: str) -> str:
        if path == Route.VERSIONS:
            asked = VersionsAsked.model_validate_json(raw)
            moved = {"resource_version": "moved"} if seen.acts else {}
            touched = tuple(one.model_copy(update=moved) for one in asked.touched)
            return VersionsTold(touched=touched).model_dump_json()
        if path == Route.PREVIEW:
            return dry_run(seen.order).model_dump_json()
        if path == Route.ACT:
            seen.acts.append(ActionAsked.model_validate_json(raw).action)
            return OutputTold(
                text="changed", exit_code=0, seconds=0, redactions=0
            ).model_dump_json()
        broken = seen.case.harmful and len(seen.acts) == 1
        return HealthTold(
            healthy=not broken, detail="broken" if broken else "well"
        ).model_dump_json()


class Matrix:
    """Two Executors, a broker, the striking cluster; `run` plays one case."""

    def __init__(self, broker: EmbeddedBroker, supervisor: Supervisor, made: Court) -> None:
        self._broker, self._supervisor, self._made = broker, supervisor, made
        self.cluster = Striking(lambda fate, who: asyncio.create_task(self._struck(fate, who)))

    async def run(self, case: Case) -> tuple[Seen, float]:
        """Send an order, strike, and wait for its report. Raises TimeoutError, AssertionError."""
        order = self._order(len(self.cluster.known))
        seen = self.cluster.known[order.approval_id] = Seen(case, order)
        begun = time.monotonic()
        await self._send(order)
        async with asyncio.timeout(CASE_SECONDS):
            while not (seen.reports and seen.outcomes) or (case.fate != "none" and not seen.struck):
                await asyncio.sleep(0.1)
            if seen.struck is not None:
                await seen.struck
        took = time.monotonic() - begun
        await asyncio.sleep(2 if case.fate != "none" else 0)  # for a late word of the struck one
        seen.check()
        return seen, took

    async def watch(self) -> None:
        """Follow ledger and reports."""
        kafka = self._broker.kafka()
        async with Tail(kafka, (LEDGER, ACTIONS_EXECUTED), from_start=True) as tail:
            async for _, event in tail:
                seen = self.cluster.known.get(getattr(event.fact, "approval_id", ""))
                match event.fact:
                    case ActIntended() as intent if seen:
                        seen.intents.append(intent)
                    case ActSettled() as outcome if seen:
                        seen.outcomes.append(outcome)
                    case ActionExecuted() as report if seen:
                        seen.reports.append(report)

    async def _struck(self, fate: str, who: str) -> None:
        pid = self._supervisor.pid(who)
        if fate == "kill":
            os.kill(pid, signal.SIGKILL)
        elif fate == "freeze":
            os.kill(pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(FREEZE_SECONDS)
            finally:
                os.kill(pid, signal.SIGCONT)
        elif fate == "broker":
            await asyncio.to_thread(self._broker.stop)
            await asyncio.sleep(AWAY_SECONDS)
            await asyncio.to_thread(self._broker.start)

    def _order(self, number: int) -> ActionApproved:
        """Return the approved order as if another incident had led to it, signed anew."""
        made = self._made
        made.moved_to(datetime.now(UTC))
        approval_id = ApprovalId(f"approval-{number}")
        incident_id = IncidentId(f"incident-{number}")
        action, rollback = made.order.action, made.order.rollback
        assert isinstance(action, ScaleWorkload)
        assert rollback is not None
        act = action.model_copy(update={"replicas": 1 + number})
        (touched,) = made.order.touched
        order = made.order.model_copy(
            update={
                "approval_id": approval_id,
                "incident_id": incident_id,
                "action": act,
                "action_hash": action_hash(act),
                "line": line_of(command_of(act)),
                "rollback": rollback.model_copy(update={"replicas": 500 + number}),
                "touched": (touched.model_copy(update={"resource_version": f"v{number}"}),),
                "expires": made.asked.expires,
            }
        )
        decision = made.decision(
            PERSON,
            "alice",
            approval_id=approval_id,
            incident_id=incident_id,
            action_hash=order.action_hash,
            order_hash=order_hash(bound_by_order(order)),
        )
        return order.model_copy(update={"decisions": (decision,)})

    async def _send(self, order: ActionApproved) -> None:
        kafka = self._broker.kafka()
        event = Event(
            id=EventId(f"order-{order.approval_id}"),
            source="aoi/gate",
            time=datetime.now(UTC),
            key=order.incident_id,
            fact=order,
            incident=order.incident_id,
        )
        async with AIOKafkaProducer(acks="all", **login.aiokafka(kafka)) as producer:
            for one in outgoing(event):
                await producer.send_and_wait(
                    kafka.topic(one.topic),
                    one.record.value,
                    key=one.record.key,
                    partition=one.partition,
                    headers=list(one.record.headers),
                )


@asynccontextmanager
async def matrix(broker: EmbeddedBroker) -> AsyncIterator[Matrix]:
    """Bring up the cluster and two Executors on a broker that runs; end them on the way out."""
    made = await Court.of(script)
    assert await made.answer(made.decision()) == "approved"
    state, supervisor = Path(broker.state_dir), Supervisor()
    shutil.copytree(SHIPPED, state / "rules")  # so that no edit of the shipped ones is taken
    audit = SigningKey.generate()
    audit.save(state / "keys" / "executor.key")
    entries = (PERSON.entry("alice", Purpose.APPROVE), audit.entry("executor", Purpose.AUDIT))
    write_keyring(state / "keyring.json", entries)
    played = Matrix(broker, supervisor, made)
    runner = web.AppRunner(played.cluster.app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    watching = asyncio.create_task(played.watch())
    try:
        for name in NAMES:
            await supervisor.start(_program(state, name, runner.addresses[0][1]))
        await played.run(Case("none", STEPS[0]))  # both have started and joined
        yield played
    finally:
        await supervisor.stop()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await runner.cleanup()


def _program(state: Path, name: str, port: int) -> Program:
    token = state / f"{name}.token"
    token.write_text(name)
    return Program(
        name=name,
        module="streams.run",
        arguments=("executor",),
        environment={
            "AOI_STATE_DIR": str(state),
            "AOI_GATE__CLUSTER": "test",
            "AOI_GATE__POLICY_DIR": str(state / "rules"),
            "AOI_GATE__MANAGED_NAMESPACES": '["hotel-*"]',
            "AOI_ENVIRONMENT__URL": f"http://127.0.0.1:{port}",
            "AOI_ENVIRONMENT__TOKEN_FILE": str(token),
            "AOI_EXECUTOR__SETTLE_SECONDS": str(SETTLE_SECONDS),
            "AOI_EXECUTOR__MAX_FAILURES": "0",
        },
        log=state / "log" / f"{name}.log",
    )


def cases(fates: Sequence[str] = FATES) -> Iterator[Case]:
    """Return the whole matrix: each fate, in and after each call; rollbacks where acts harm."""
    for fate in fates:
        for step in STEPS[:7]:
            yield Case(fate, step)
            yield Case(fate, step, after=True)
        for step in STEPS[7:]:
            yield Case(fate, step, harmful=True)
            yield Case(fate, step, after=True, harmful=True)


def row(seen: Seen, took: float) -> str:
    """Return a case as a line of the page's table."""
    said = seen.last_word
    words = f"{said.result}{f' ({said.reason})' if said.reason else ''}"
    return f"| {seen.case.words} | {len(seen.acts)} | {words} | {took:.0f} |"


def chosen(words: Sequence[str]) -> list[Case]:
    """Return the cases that a command line names; a word that names none ends it (exit code 2)."""
    parser = argparse.ArgumentParser(description="Kill, freeze and cut off real Executors.")
    parser.add_argument("fates", nargs="*", metavar="|".join(FATES), help="all cases of a fate")
    parser.add_argument("--case", action="append", default=[], help="one alone: 'kill in act'")
    said = parser.parse_args(words)
    known = {case.words: case for case in cases()}
    for unknown in [*({*said.fates} - {*FATES}), *({*said.case} - known.keys())]:
        parser.error(f"expected {', '.join(FATES)} or --case of {[*known]}, got {unknown!r}")
    fates = said.fates or (() if said.case else FATES)
    return [*cases(fates), *(known[one] for one in said.case)]


async def play(wanted: Sequence[Case]) -> int:
    """Play the cases, print a row each; 1 when one fails."""
    failed, say = 0, Console(width=200, highlight=False, markup=False).print
    with own_broker() as broker:
        await asyncio.to_thread(broker.start)
        from streams import cluster  # noqa: PLC0415 - a broker's client, only where one runs

        await asyncio.to_thread(cluster.apply, broker.kafka())
        async with matrix(broker) as played:
            say("| struck | acts | the ledger's last word | seconds |\n|---|---|---|---|")
            for case in wanted:
                try:
                    say(row(*await played.run(case)))
                except (AssertionError, TimeoutError) as error:
                    failed += 1
                    say(f"| {case.words} | FAILED | {error!r} | |")
    return int(failed > 0)


def main(words: Sequence[str]) -> int:
    """Play what the command line names; returns the exit code."""
    try:
        return asyncio.run(play(chosen(words)))
    except KeyboardInterrupt:
        sys.stderr.write("stopped; what has no row was not played\n")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
