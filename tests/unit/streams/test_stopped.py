"""What keeps the executor from acting is told: who paused it and why, or its open circuit."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client import REGISTRY

from agents.approval.keyring import Keyring, Purpose, write_keyring
from agents.approval.signing import SigningKey, sign_control
from agents.contracts.envelope import Event
from agents.contracts.feedback import ControlKind, ControlPayload
from agents.contracts.ids import EventId
from agents.roles import Role
from agents.worker import Transient
from streams.controls import Controls
from streams.run import notes
from streams.workers.pausable import PausableWorker
from streams.workers.stopped import StopsTold

NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)
KEY = SigningKey(b"o" * 32)
PAUSE, RESUME = ControlKind.PAUSE_EXECUTOR, ControlKind.RESUME_EXECUTOR


def control(kind: ControlKind, minute: int, **changes: object) -> Event:
    issued = NOW + timedelta(minutes=minute)
    payload = ControlPayload.model_validate(
        {"kind": kind, "operator": "ops", "issued_at": issued, "reason": "drill", "cluster": "lab"}
        | changes
    )
    return Event(
        id=EventId("c"), source="t", time=issued, key=kind, fact=sign_control(KEY, payload)
    )


def controls(at: datetime = NOW + timedelta(minutes=9)) -> Controls:
    return Controls(Keyring((KEY.entry("ops", Purpose.CONTROL),)), lambda: at, "lab")


@dataclass(slots=True)
class Acting:
    """An executor, as far as it is told of."""

    role: Role = Role.EXECUTOR
    circuit_opened_at: datetime | None = None

    async def handle(self, event: Event) -> tuple[()]:
        del event
        return ()


def stopped(by: str) -> float | None:
    return REGISTRY.get_sample_value("aoi_executor_stopped", {"role": "executor", "by": by})


async def test_a_pause_is_told_with_its_operator_and_reason_and_holds_orders_back() -> None:
    standing, worker = controls(), Acting()
    told = StopsTold(worker=worker, controls=standing)  # type: ignore[arg-type]  # acts no further
    await told.start()
    app = SimpleNamespace(role=Role.EXECUTOR, companions=(object(), told))
    pausable = PausableWorker(worker=worker, controls=standing)
    assert (told.note, notes([app])) == (None, {})  # type: ignore[list-item]  # as far as notes look
    standing.on_event(control(PAUSE, 1))
    assert "paused by ops" in (told.note or "")
    assert "drill" in notes([app])["executor"]  # type: ignore[list-item]  # likewise
    assert (stopped("operator"), stopped("circuit")) == (1, 0)
    with pytest.raises(Transient, match=r"ops has paused the executor: drill"):
        await pausable.handle(control(PAUSE, 1))
    standing.on_event(control(RESUME, 2))
    assert "executor" not in notes([app])  # type: ignore[list-item]  # likewise
    assert await pausable.handle(control(PAUSE, 1)) == ()
    worker.circuit_opened_at = NOW
    assert "circuit open since" in notes([app])["executor"]  # type: ignore[list-item]  # likewise
    assert (stopped("operator"), stopped("circuit")) == (0, 1)


def test_a_resume_says_from_when_failures_count_again() -> None:
    standing = controls()
    assert standing.resumed_at is None
    standing.on_event(control(RESUME, 3))
    standing.on_event(control(RESUME, 2))
    assert standing.resumed_at == NOW + timedelta(minutes=3)


def test_a_pause_with_an_end_ends() -> None:
    standing = controls(NOW + timedelta(minutes=1))
    standing.on_event(control(PAUSE, 0, expires=NOW + timedelta(minutes=2)))
    assert standing.paused
    standing.clock = lambda: NOW + timedelta(minutes=2)
    assert not standing.paused


def test_a_control_by_a_key_that_was_revoked_meanwhile_is_skipped(tmp_path: Path) -> None:
    path, entry = tmp_path / "keyring.json", KEY.entry("ops", Purpose.CONTROL)
    write_keyring(path, (entry,))
    standing = Controls(Keyring.load(path), lambda: NOW, "lab")
    write_keyring(path, (entry.model_copy(update={"revoked": True}),))
    standing.on_event(control(RESUME, 0))
    assert standing.resumed_at is None
