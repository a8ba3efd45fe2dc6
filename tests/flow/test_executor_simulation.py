"""The Executor, killed, frozen or cut off at each of its steps, with a second one taking over.

Invariant that is tested: at most one act and one rollback, no act once an outcome stands, and the
ledger's last word is true of the cluster. A point stands before and after every effect, so each
step of both is covered; `tests/chaos/executor_matrix.py` does the same to real processes.
"""

import asyncio
import json
import types
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from pydantic import JsonValue

from agents.contracts.action import Action, Preview, Touched
from agents.contracts.approval import ActionApproved
from agents.contracts.audit import AuditKind
from agents.contracts.envelope import Event
from agents.contracts.execution import ActIntended, ActionExecuted, ActResult, ActSettled
from agents.contracts.ids import ApprovalId, EventId, IncidentId, derive
from agents.contracts.model import ModelRequested
from agents.environments.protocol import EnvironmentUnavailable, Output
from agents.executor.ledger import Claim
from agents.executor.step import ExecutorWorker
from agents.worker import Transient
from streams.codec import Received, Source, encode
from streams.ledger import LedgerIndex
from streams.topics import LEDGER
from tests.doubles.court import Court
from tests.doubles.stage import dry_run

SHORT, LONG = 16.0, 90.0
"""Freezes, in seconds: one that the second Executor waits out, one that makes it give up."""
SETTLE_SECONDS = 40.0

Process = Generator[str, None, ActionExecuted]


@types.coroutine
def point(name: str) -> Generator[str, None, None]:
    """A place where a process may be killed or frozen, or lose what it talks to."""
    yield name


@dataclass(slots=True)
class World:
    """What outlives every process: the ledger's partition, the cluster, and time."""

    order: ActionApproved
    now: datetime
    harmful: bool
    log: list[Received] = field(default_factory=list)
    acts: list[Action] = field(default_factory=list)

    @property
    def index(self) -> LedgerIndex:
        """The ledger as any reader sees it at its end."""
        read = LedgerIndex()
        for record in self.log:
            read.take(record)
        return read

    def append(self, fact: ActIntended | ActSettled) -> None:
        event = Event(
            id=EventId(derive("ledger", fact.TYPE, fact.attempt)),
            source="aoi/executor",
            time=self.now,
            key=fact.approval_id,
            fact=fact,
            incident=fact.incident_id,
        )
        source = Source(LEDGER.name, 0)
        self.log.append(Received(source=source, offset=len(self.log), record=encode(event)))


@dataclass(slots=True)
class SimulatedLedger:
    """`Ledger` over the world's partition, as `KafkaLedger` behaves when the broker is away."""

    world: World

    async def find(self, approval_id: ApprovalId) -> Claim | None:
        await point("ledger")
        return self.world.index.claim(approval_id)

    async def intend(self, intent: ActIntended) -> Claim:
        await point("ledger")
        self.world.append(intent)
        await point("ledger")
        claim = self.world.index.claim(intent.approval_id, intent.attempt)
        assert claim is not None
        return claim

    async def settle(self, settled: ActSettled) -> None:
        while True:
            try:
                await point("ledger")
                self.world.append(settled)
                await point("ledger")
            except Transient:
                continue
            return

    def acts_since(self, when: datetime, incident_id: IncidentId | None = None) -> int:
        return self.world.index.acts_since(when, incident_id)

    def failures(self) -> tuple[datetime, ...]:
        return self.world.index.failures()


class SimulatedAudit:
    """An audit that may not be acknowledged."""

    async def record(
        self, kind: AuditKind, incident_id: IncidentId, record: dict[str, JsonValue]
    ) -> None:
        del kind, incident_id, record
        await point("ledger")
        await point("ledger")


@dataclass(slots=True)
class SimulatedCluster:
    """`WriteHandle` over the world: an act moves the version, and may make things worse."""

    world: World

    async def preview(self, action: Action) -> Preview:
        assert action == self.world.order.action
        await point("cluster")
        return dry_run(self.world.order)

    async def act(self, action: Action, touched: tuple[Touched, ...] | None = None) -> Output:
        del touched  # no version helps here: the ledger alone must hold
        known = self.world.index.settled.get(self.world.order.approval_id)
        if action == self.world.order.action:
            assert known is None, "an act was sent after an outcome stood in the ledger"
        await point("cluster")
        self.world.acts.append(action)
        await point("cluster")
        return Output(text="changed", exit_code=0)

    async def versions(self, touched: tuple[Touched, ...]) -> tuple[Touched, ...]:
        await point("cluster")
        moved = {"resource_version": "moved"} if self.world.acts else {}
        return tuple(one.model_copy(update=moved) for one in touched)

    async def verify(self, action: Action) -> tuple[bool, str]:
        del action
        await point("cluster")
        broken = self.world.harmful and len(self.world.acts) == 1
        return not broken, "broken" if broken else "well"


@cache
def approved() -> Court:
    """Return an approved order, once for all runs."""

    def script(asked: ModelRequested) -> str:
        command = "kubectl scale deployment geo --replicas=1"
        action = {"action": "act", "command": command} if asked.iteration == 1 else {}
        return json.dumps({"summary": "s", "confidence": 80, "action": "submit"} | action)

    async def run() -> Court:
        made = await Court.of(script)
        assert await made.answer(made.decision()) == "approved"
        return made

    return asyncio.run(run())


def world(*, harmful: bool = False) -> World:
    return World(order=approved().order, now=approved().now, harmful=harmful)


def process(of: World, name: str, kind: type[ExecutorWorker] = ExecutorWorker) -> Process:
    """Return a process that answers the order as its host does: again after each `Transient`."""

    async def wait(seconds: float) -> None:
        of.now += timedelta(seconds=seconds)
        await point("wait")

    made = approved().executor(name)
    fields = {name: getattr(made, name) for name in ("policy", "keyring", "settings", "proposer")}
    worker = kind(
        cluster=SimulatedCluster(of),
        ledger=SimulatedLedger(of),
        audit=SimulatedAudit(),
        clock=lambda: of.now,
        writer=name,
        settle_seconds=SETTLE_SECONDS,
        wait=wait,
        **fields,
    )

    async def host() -> ActionExecuted:
        while True:
            try:
                return await worker.execute(of.order)
            except Transient:
                await wait(1.0)

    return host().__await__()


def finished(one: Process) -> ActionExecuted:
    """Run a process undisturbed to its report."""
    while True:
        try:
            next(one)
        except StopIteration as end:
            report: ActionExecuted = end.value
            return report


def reached(one: Process, steps: int) -> str | None:
    """Run a process to its so-manieth point; None when it has ended before."""
    name: str | None = None
    for _ in range(steps):
        name = next(one, None)
        if name is None:
            return None
    return name


def both(of: World, frozen: Process, second: Process, seconds: float) -> None:
    """Thaw the first after so many seconds, and run the two in turns to their ends."""
    thaws = of.now + timedelta(seconds=seconds)
    alive, thawed = [second], False
    while alive or not thawed:
        if not thawed and (of.now >= thaws or not alive):
            of.now, thawed = max(of.now, thaws), True
            alive.append(frozen)
        for one in tuple(alive):
            if next(one, None) is None:
                alive.remove(one)


def check(of: World, *, where: str) -> ActSettled:
    """Hold the ledger's last word against what was done; return it."""
    action, rollback = of.order.action, of.order.rollback
    assert of.acts in ([], [action], [action, rollback]), f"{where}: {of.acts}"
    said = of.index.settled.get(of.order.approval_id)
    assert said is not None, f"{where}: no outcome"
    match said.result:
        case ActResult.DONE:
            assert of.acts, f"{where}: done was said of nothing"
            assert said.rolled_back == (len(of.acts) == 2) or said.reason == "rollback-unknown"
        case ActResult.NOT_DONE:
            assert not of.acts, f"{where}: not done was said of an act"
        case ActResult.FAILED:
            raise AssertionError(f"{where}: nothing failed here")
    return said


HARMFUL = pytest.mark.parametrize("harmful", [False, True], ids=["helps", "harms"])


@HARMFUL
def test_an_undisturbed_executor_does_it_once_and_says_so(*, harmful: bool) -> None:
    here = world(harmful=harmful)
    report = finished(process(here, "one"))
    assert (report.result, report.rolled_back) == (ActResult.DONE, harmful)
    assert finished(process(here, "two")) == report
    assert check(here, where="undisturbed").result is ActResult.DONE


@HARMFUL
def test_killed_anywhere_it_acts_once_at_most_and_its_heir_tells_the_truth(
    *, harmful: bool
) -> None:
    results = set()
    for steps in range(1, 200):
        here = world(harmful=harmful)
        one = process(here, "one")
        if reached(one, steps) is None:
            break
        one.close()
        heard = finished(process(here, "two"))
        said = check(here, where=f"killed at {steps}")
        assert heard.result is said.result
        results.add(said.result)
    else:
        raise AssertionError("expected an end")
    assert results == {ActResult.DONE, ActResult.UNKNOWN}


@HARMFUL
def test_two_in_a_row_may_be_killed_anywhere(*, harmful: bool) -> None:
    for steps in range(1, 40):
        for more in range(1, 40, 3):
            here = world(harmful=harmful)
            one = process(here, "one")
            if reached(one, steps) is None:
                return
            one.close()
            two = process(here, "two")
            reached(two, more)
            two.close()
            finished(process(here, "three"))
            check(here, where=f"killed at {steps}, then at {more}")


@HARMFUL
@pytest.mark.parametrize("seconds", [SHORT, LONG])
def test_frozen_anywhere_it_acts_once_at_most_beside_its_heir(
    *, harmful: bool, seconds: float
) -> None:
    for steps in range(1, 200):
        here = world(harmful=harmful)
        one = process(here, "one")
        if reached(one, steps) is None:
            return
        both(here, one, process(here, "two"), seconds)
        said = check(here, where=f"frozen at {steps} for {seconds}")
        if seconds == SHORT:
            assert said.result is ActResult.DONE, f"frozen at {steps}: {said.reason}"
    raise AssertionError("expected an end")


@HARMFUL
@pytest.mark.parametrize("lost", ["ledger", "cluster"])
def test_cut_off_anywhere_it_acts_once_at_most_and_says_what_it_knows(
    *, harmful: bool, lost: str
) -> None:
    error = Transient("away") if lost == "ledger" else EnvironmentUnavailable("away")
    tried = 0
    for steps in range(1, 200):
        here = world(harmful=harmful)
        one = process(here, "one")
        name = reached(one, steps)
        if name is None:
            break
        if name != lost:
            continue
        tried += 1
        try:
            one.throw(error)
        except StopIteration:
            pass
        else:
            finished(one)
        assert finished(process(here, "two")) is not None
        if here.index.first:
            check(here, where=f"{lost} lost at {steps}")
        else:
            assert here.acts == []
    assert tried > 3


class ActsOnAnyIntent(ExecutorWorker):
    """A mutant that does not care whose intent came first."""

    async def _repeat(self, order: ActionApproved, claim: Claim) -> ActionExecuted:
        shown = dry_run(order)
        return await self._act(order, datetime.max.replace(tzinfo=UTC), shown)


class LooksOnce(ExecutorWorker):
    """A mutant that acts on what it saw before its intent, however long ago."""

    async def _overtaken(self, order: ActionApproved) -> ActionExecuted | None:
        return None

    async def _act(self, order: ActionApproved, lease: datetime, shown: Preview) -> ActionExecuted:
        return await super()._act(order, lease + timedelta(days=1), shown)


class CallsItDone(ExecutorWorker):
    """A mutant that takes an intent without an outcome for an act."""

    async def _repeat(self, order: ActionApproved, claim: Claim) -> ActionExecuted:
        told = await super()._repeat(order, claim)
        if told.result is ActResult.UNKNOWN:
            done = told.model_copy(update={"result": ActResult.DONE})
            first = self.ledger.world.index.first[order.approval_id].intent  # type: ignore[attr-defined]
            assert check_claim(self.ledger.world, done), first  # type: ignore[attr-defined]
        return told


def check_claim(of: World, told: ActionExecuted) -> bool:
    """Return whether a report of `done` is true."""
    return told.result is not ActResult.DONE or bool(of.acts)


@pytest.mark.parametrize("mutant", [ActsOnAnyIntent, LooksOnce, CallsItDone])
def test_the_simulation_catches_an_executor_without_its_guards(
    mutant: type[ExecutorWorker],
) -> None:
    def find_a_fault() -> None:
        for seconds in (SHORT, LONG):
            for steps in range(1, 200):
                here = world()
                one = process(here, "one", mutant)
                if reached(one, steps) is None:
                    break
                both(here, one, process(here, "two", mutant), seconds)
                check(here, where=f"frozen at {steps}")

    with pytest.raises(AssertionError):
        find_a_fault()
