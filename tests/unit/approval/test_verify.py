"""What is told of a signed message that does not count, and to the second when one does."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.approval.keyring import Keyring, KeyringInvalid, Purpose, write_keyring
from agents.approval.signing import SigningKey, sign_control, sign_decision, sign_judgement
from agents.approval.verify import (
    MAX_CLOCK_SKEW,
    MAX_VALIDITY,
    DecisionRejected,
    OrderRejected,
    RejectCode,
    check_decision,
    check_judgement,
    check_pause,
    check_resume,
)
from agents.contracts.approval import DecisionPayload, DecisionVerdict
from agents.contracts.feedback import ControlKind, ControlPayload, Judgement, JudgementPayload
from agents.contracts.ids import ApprovalId, IncidentId

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
KEY, OTHER = SigningKey(b"k" * 32), SigningKey(b"o" * 32)
ALL = Keyring((KEY.entry("anna", Purpose.APPROVE, Purpose.JUDGE, Purpose.CONTROL),))


def decision(key: SigningKey = KEY, name: str = "anna", **changes: object) -> Callable[..., object]:
    fields: dict[str, object] = {
        "approval_id": ApprovalId("a"),
        "incident_id": IncidentId("i"),
        "action_hash": "a" * 64,
        "order_hash": "b" * 64,
        "verdict": DecisionVerdict.APPROVE,
        "approver": name,
        "not_before": NOW,
        "expires": NOW + SECOND,
        "cluster": "lab",
        "policy_version": "1",
    }
    signed = sign_decision(key, DecisionPayload.model_validate(fields | changes))
    return lambda **about: check_decision(signed, **about)


def control(key: SigningKey = KEY, name: str = "anna", **changes: object) -> Callable[..., object]:
    fields: dict[str, object] = {
        "kind": ControlKind.PAUSE_EXECUTOR,
        "operator": name,
        "issued_at": NOW,
    }
    signed = sign_control(key, ControlPayload.model_validate(fields | changes))
    if signed.payload.kind is ControlKind.PAUSE_EXECUTOR:
        return lambda **about: check_pause(signed, **about)
    return lambda **about: check_resume(signed, cluster="lab", came=about["now"], **about)


def resumed(key: SigningKey = KEY, name: str = "anna", **changes: object) -> Callable[..., object]:
    whole = {"kind": ControlKind.RESUME_EXECUTOR, "cluster": "lab"} | changes
    return control(key, name, **whole)


def judged(key: SigningKey = KEY, name: str = "anna") -> Callable[..., object]:
    payload = JudgementPayload(
        incident_id=IncidentId("i"),
        plan_id=None,
        judgement=Judgement.SUCCESS,
        judge=name,
        judged_at=NOW,
    )
    signed = sign_judgement(key, payload)
    return lambda **about: check_judgement(signed, **about)


UNKNOWN = "unknown_key: no valid key of 'eve' may {}; see the keyring"
FORGED = "bad_signature: the signature is not by a key of 'anna' over this payload"
NOON, LATER = "2026-11-23 12:00:00+00:00", "2026-11-23 12:00:01+00:00"
FAR = "2026-11-23 12:05:01+00:00"


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (decision(name="eve"), UNKNOWN.format("approve")),
        (judged(name="eve"), UNKNOWN.format("judge")),
        (control(name="eve"), UNKNOWN.format("control")),
        (decision(OTHER), FORGED),
        (judged(OTHER), FORGED),
        (control(OTHER), FORGED),
        (resumed(name="eve"), UNKNOWN.format("control")),
        (resumed(OTHER), FORGED),
        (resumed(cluster=None), "wrong_cluster: names no cluster, this is lab"),
        (resumed(cluster="prod"), "wrong_cluster: for prod, this is lab"),
        (decision(not_before=NOW + SECOND), f"not_yet_valid: valid from {LATER}, it is {NOON}"),
        (decision(expires=NOW), f"expired: expired at {NOON}, it is {NOON}"),
        (control(expires=NOW), f"expired: expired at {NOON}, it is {NOON}"),
        (
            decision(expires=NOW + MAX_VALIDITY + SECOND),
            "too_long_valid: expected a validity of at most 1 day, 0:00:00",
        ),
        (
            control(issued_at=NOW + MAX_CLOCK_SKEW + SECOND),
            f"not_yet_valid: issued at {FAR}, it is {NOON}",
        ),
    ],
)
def test_what_does_not_count_is_told_in_full(check: Callable[..., object], told: str) -> None:
    with pytest.raises(DecisionRejected) as caught:
        check(keyring=ALL, now=NOW)
    assert str(caught.value) == told
    assert told == f"{caught.value.code}: {caught.value.message}"


@pytest.mark.parametrize(
    "check",
    [
        decision(),
        decision(expires=NOW + MAX_VALIDITY),
        judged(),
        control(),
        resumed(),
        control(issued_at=NOW + MAX_CLOCK_SKEW),
        control(expires=NOW + SECOND),
    ],
)
def test_what_counts_to_the_last_second_counts(check: Callable[..., object]) -> None:
    assert check(keyring=ALL, now=NOW) == ALL.keys[0]


@pytest.mark.parametrize("make", [decision, judged, resumed])
def test_a_key_counts_in_its_own_time_only(make: Callable[[], Callable[..., object]]) -> None:
    (entry,) = ALL.keys
    for change in ({"not_after": NOW}, {"not_before": NOW + SECOND}, {"revoked": True}):
        ring = Keyring((entry.model_copy(update=change),))
        with pytest.raises(DecisionRejected, match="unknown_key"):
            make()(keyring=ring, now=NOW)
    until = Keyring((entry.model_copy(update={"not_after": NOW + SECOND, "not_before": NOW}),))
    assert make()(keyring=until, now=NOW) == until.keys[0]
    found = until.find("anna", Purpose.APPROVE, NOW)
    assert found == until.keys[0]
    assert until.find("anna", Purpose.APPROVE, NOW + SECOND) is None


def test_a_rejected_order_has_its_code_and_its_words() -> None:
    error = OrderRejected(RejectCode.REFUSED, "anna did not approve")
    assert (error.code, error.message) == (RejectCode.REFUSED, "anna did not approve")
    assert str(error) == "refused: anna did not approve"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("&" * 44, "expected the base64 of a seed in"),
        ("a2tr&a2tr" * 5, "expected the base64 of a seed in"),
        ("a2tr", "expected 32 bytes in .*lab.key, got 3"),
    ],
)
def test_a_key_file_with_a_fault_says_which(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "lab.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyringInvalid, match=told):
        SigningKey.load(path)


def test_a_keyring_is_written_for_people_to_read_and_for_its_owner_to_write(
    tmp_path: Path,
) -> None:
    entry = KEY.entry("anna", Purpose.JUDGE, Purpose.APPROVE)
    path = tmp_path / "far" / "below" / "keyring.json"
    write_keyring(path, (entry.model_copy(update={"not_after": NOW}),))
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.read_text().startswith('{\n  "keys": [\n    {\n      "name": "anna",\n')
    assert '"approve",\n        "judge"\n' in path.read_text()
    assert list(path.parent.iterdir()) == [path]
    for broken, told in (("{}", "keyring.json: expected a keyring: Field required"),):
        path.write_text(broken)
        with pytest.raises(KeyringInvalid, match=told):
            Keyring.load(path)
    path.chmod(0o666)
    with pytest.raises(KeyringInvalid, match=r"only its owner may write: chmod 644$"):
        Keyring.load(path)
