"""A pause fails safe: its own end ends it, or a resume that counts here, and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from agents.approval.keyring import KeyEntry, Keyring, Purpose, write_keyring
from agents.approval.signing import SigningKey, sign_control
from agents.contracts.envelope import Event
from agents.contracts.feedback import ControlIssued, ControlKind, ControlPayload
from streams.codec import Received, Source, decode, encode
from streams.controls import Controls
from streams.topics import CONTROLS
from tests.builders import event

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OLGA, NEW, EVE = (SigningKey(bytes([number]) * 32) for number in (7, 8, 9))
HOUR = timedelta(hours=1)


def entry(key: SigningKey = OLGA, name: str = "olga", **changes: object) -> KeyEntry:
    return key.entry(name, Purpose.CONTROL).model_copy(update=changes)


def order(kind: str, hours: float, key: SigningKey = OLGA, **changes: object) -> Event:
    """Return a control that was signed, and taken by the broker, so many hours after noon."""
    issued = NOW + hours * HOUR
    fields = {"kind": kind, "operator": "olga", "issued_at": issued, "cluster": "prod"}
    payload = ControlPayload.model_validate(fields | changes)
    return replace(event(sign_control(key, payload), key=kind), time=issued)


def pause(hours: float = 0, **changes: object) -> Event:
    return order(ControlKind.PAUSE_EXECUTOR, hours, **changes)  # type: ignore[arg-type]  # a table


def payload_of(control: Event) -> ControlPayload:
    assert isinstance(control.fact, ControlIssued)
    return control.fact.payload


def resume(hours: float = 1, **changes: object) -> Event:
    return order(ControlKind.RESUME_EXECUTOR, hours, **changes)  # type: ignore[arg-type]  # a table


def standing(keys: Keyring, *events: Event, hours: float = 25) -> Controls:
    """Return what an Executor of `prod` takes that starts so many hours after noon."""
    made = Controls(keys, lambda: NOW + hours * HOUR, "prod")
    for one in events:
        made.on_event(one)
    return made


JUDGE = EVE.entry("jim", Purpose.JUDGE)
ROTATED = (entry(not_after=NOW + 24 * HOUR), entry(NEW))


@pytest.mark.parametrize(
    "keys",
    [(entry(),), ROTATED, (entry(revoked=True),), (entry(not_before=NOW + HOUR),)],
    ids=["valid", "rotated, and ended since", "revoked since", "not yet valid"],
)
@pytest.mark.parametrize("cluster", ["prod", None, "staging"])
def test_a_pause_that_was_signed_once_holds(keys: tuple[KeyEntry, ...], cluster: str) -> None:
    assert standing(Keyring(keys), pause(cluster=cluster)).paused


@pytest.mark.parametrize(
    "forged", [pause(key=EVE), pause(operator="eve"), pause(hours=26), pause(expires=NOW + HOUR)]
)
def test_a_pause_that_no_operator_signed_or_that_is_over_does_not_hold(forged: Event) -> None:
    assert not standing(Keyring((entry(),)), forged).paused


@pytest.mark.parametrize(
    ("keys", "ends", "by"),
    [
        ((entry(),), True, resume()),
        (ROTATED, True, resume()),
        (ROTATED, True, resume(24.5, key=NEW)),
        (ROTATED, False, resume(24.5)),
        (ROTATED, False, replace(resume(), time=NOW + 24.5 * HOUR)),
        ((entry(revoked=True), entry(NEW)), False, resume()),
        ((entry(),), False, resume(cluster="staging")),
        ((entry(),), False, resume(cluster=None)),
        ((entry(),), False, resume(key=EVE)),
        ((entry(),), False, resume(-1)),
        ((entry(), JUDGE), False, resume(operator="jim", key=EVE)),
    ],
    ids=[
        "valid",
        "its key has ended since",
        "by the new key",
        "its key had ended",
        "its key had ended, and it is dated back",
        "its key is revoked",
        "for another cluster",
        "for no cluster",
        "forged",
        "before the pause",
        "a key for something else",
    ],
)
def test_a_pause_ends_by_a_resume_that_counts(
    keys: tuple[KeyEntry, ...], by: Event, *, ends: bool
) -> None:
    assert standing(Keyring(keys), pause(), by).paused is not ends


def test_a_shorter_pause_takes_no_longer_one_away() -> None:
    made = standing(Keyring((entry(),)), pause(), pause(1, expires=NOW + 2 * HOUR), hours=1.5)
    assert made.pause is not None
    assert made.pause.expires is not None
    made.clock = lambda: NOW + 3 * HOUR
    assert made.pause == payload_of(pause())


def spoiled(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def writable(path: Path) -> None:
    path.chmod(0o666)


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("spoil", [spoiled, writable, gone])
def test_what_comes_while_the_keyring_is_bad_is_judged_when_it_is_mended(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    path = tmp_path / "keyring.json"
    write_keyring(path, (entry(),))
    made = standing(Keyring.load(path))
    spoil(path)
    made.on_event(pause())
    made.on_event(pause(key=EVE, reason="forged"))
    assert made.paused, "the Executor does nothing while its keyring is bad, nor as it is mended"
    write_keyring(path, (entry(),))
    assert made.pause == payload_of(pause())
    spoil(path)
    made.on_event(resume())
    assert made.paused, "what was known before the keyring went bad is kept"
    write_keyring(path, (entry(),))
    assert not made.paused


def test_what_came_before_its_key_is_judged_again_with_it(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    write_keyring(path, (entry(EVE, "eve"),))
    made = standing(Keyring.load(path), pause())
    assert not made.paused
    write_keyring(path, (entry(EVE, "eve"), entry()))
    assert made.paused


def test_whoever_revokes_the_key_of_a_resume_takes_it_back(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    write_keyring(path, (entry(), entry(NEW, "otto")))
    made = standing(Keyring.load(path), pause(operator="otto", key=NEW), resume())
    assert not made.paused
    write_keyring(path, (entry(revoked=True), entry(NEW, "otto")))
    assert made.paused
    assert made.resumed_at is None


def test_a_resume_that_is_sent_again_ends_no_newer_pause() -> None:
    made = standing(Keyring((entry(),)), pause(), resume(), pause(2), resume())
    assert made.paused


@pytest.mark.parametrize("kind", list(ControlKind))
def test_a_time_that_nobody_can_sign_is_skipped(kind: ControlKind, tmp_path: Path) -> None:
    whole = sign_control(OLGA, ControlPayload(kind=kind, operator="olga", issued_at=NOW))
    far = datetime.fromisoformat("9999-12-31T23:59:59-12:00")
    payload = whole.payload.model_copy(update={"issued_at": far, "cluster": "prod"})
    forged = event(whole.model_copy(update={"payload": payload}), key="k")
    assert standing(Keyring((entry(),)), forged, pause()).pause == payload_of(pause())
    path = tmp_path / "keyring.json"
    write_keyring(path, (entry(),))
    keys = Keyring.load(path)
    spoiled(path)
    assert standing(keys, pause(), resume(), forged).paused
    with pytest.raises(ValidationError, match="should have timezone info"):
        order(kind, 0, issued_at="2026-11-23T11:00:00")


def test_junk_under_the_key_of_a_pause_takes_nothing_away() -> None:
    assert CONTROLS.kafka_config()["cleanup.policy"] == "delete"
    assert CONTROLS.kafka_config()["retention.ms"] == "-1"


def test_when_a_control_came_is_what_the_broker_says() -> None:
    assert CONTROLS.kafka_config()["message.timestamp.type"] == "LogAppendTime"
    late = NOW + 24.5 * HOUR
    received = Received(
        source=Source(CONTROLS.name, 0),
        offset=0,
        record=encode(resume()),
        timestamp=int(late.timestamp() * 1000),
    )
    assert decode(received, CONTROLS.facts).time == NOW + HOUR
    came = decode(received, CONTROLS.facts, broker_time=CONTROLS.broker_time)
    assert came.time == late
    assert standing(Keyring(ROTATED), pause(), came).paused
