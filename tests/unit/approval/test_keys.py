"""Keys and keyrings on disk: modes, faults, reloading, and signatures of each kind."""

import base64
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.approval.keyring import (
    Keyring,
    KeyringInvalid,
    Purpose,
    read_keyring,
    voice,
    write_keyring,
)
from agents.approval.signing import (
    SigningKey,
    is_control_of,
    is_judgement_of,
    is_signature,
    sign_control,
    sign_judgement,
)
from agents.approval.verify import DecisionRejected, check_judgement, check_pause
from agents.contracts.feedback import ControlKind, ControlPayload, Judgement, JudgementPayload
from agents.contracts.ids import IncidentId

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY, OTHER = SigningKey(b"k" * 32), SigningKey(b"o" * 32)


def judgement() -> JudgementPayload:
    return JudgementPayload(
        incident_id=IncidentId("i"),
        plan_id=None,
        judgement=Judgement.SUCCESS,
        judge="lab",
        judged_at=NOW,
    )


def control(**changes: object) -> ControlPayload:
    fields: dict[str, object] = {
        "kind": ControlKind.PAUSE_EXECUTOR,
        "operator": "otto",
        "issued_at": NOW,
    }
    return ControlPayload.model_validate(fields | changes)


def test_a_key_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "lab.key"
    KEY.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert SigningKey.load(path).public_key == KEY.public_key
    for mode in (0o640, 0o604, 0o660):
        path.chmod(mode)
        with pytest.raises(KeyringInvalid, match="chmod 600"):
            SigningKey.load(path)


@pytest.mark.parametrize("text", ["", "!", "c2hvcnQ="])
def test_a_key_file_with_anything_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyringInvalid):
        SigningKey.load(path)


def test_a_key_does_not_show_itself() -> None:
    assert base64.b64encode(b"k" * 32).decode() not in repr(KEY)
    assert SigningKey.generate().public_key != SigningKey.generate().public_key


def test_a_keyring_is_reloaded_when_its_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    write_keyring(path, (KEY.entry("lab", Purpose.JUDGE),))
    keyring = Keyring.load(path)
    assert keyring.find("lab", Purpose.JUDGE, NOW) is not None
    assert keyring.find("lab", Purpose.APPROVE, NOW) is None
    assert keyring.find("labs", Purpose.JUDGE, NOW) is None
    assert not keyring.reload_if_changed()
    revoked = KEY.entry("lab", Purpose.JUDGE).model_copy(update={"revoked": True})
    write_keyring(path, (revoked, OTHER.entry("lab", Purpose.JUDGE)))
    assert keyring.reload_if_changed()
    found = keyring.find("lab", Purpose.JUDGE, NOW)
    assert found is not None
    assert found.public_key == OTHER.public_key


def test_a_keyring_with_the_old_time_and_size_is_another_one_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    write_keyring(path, (KEY.entry("lab", Purpose.JUDGE),))
    keyring, before = Keyring.load(path), path.stat()
    content = path.read_text().replace(KEY.public_key, OTHER.public_key)
    with path.open("r+") as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert keyring.reload_if_changed()
    assert keyring.keys[0].public_key == OTHER.public_key


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_a_keyring_of_another_user_leaves_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keyring.json"
    write_keyring(path, (KEY.entry("lab", Purpose.JUDGE),))
    keyring = Keyring.load(path)
    os.chown(path, 4711, -1)
    with pytest.raises(KeyringInvalid, match="got user 4711's: chown it"):
        keyring.reload_if_changed()
    os.chown(path, 0, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 4712)  # a role that is not root, as it should be
    assert keyring.reload_if_changed()


SPELLINGS = ["Alice", "alice ", " alice", "ALICE", "\uff41lice", "ali\u200bce", "alice\ufe0f"]


@pytest.mark.parametrize("other", SPELLINGS)
def test_a_name_has_one_spelling_in_a_keyring(other: str) -> None:
    assert voice(other) == voice("alice")
    one, two = KEY.entry("alice", Purpose.APPROVE), OTHER.entry(other, Purpose.APPROVE)
    with pytest.raises(KeyringInvalid, match="expected one spelling of a name, got 'alice' and"):
        Keyring((one, two))
    Keyring((one, two.model_copy(update={"revoked": True})))
    assert len({voice(name) for name in ("alice", "al ice", "alicia", "al\u00efce")}) == 4


@pytest.mark.parametrize("name", [" ", "\u200b", "\u3164"])
def test_a_name_can_be_seen(name: str) -> None:
    with pytest.raises(KeyringInvalid, match="expected a name that can be seen"):
        Keyring((KEY.entry(name, Purpose.APPROVE),))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"keys": [{"name": "a"}]}',
        '{"keys": [], "more": 1}',
        '{"keys": [{"name": "a", "public_key": "eA==", "purposes": ["approve"]}]}',
    ],
)
def test_a_keyring_with_a_fault_leaves_no_key(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keyring.json"
    write_keyring(path, (KEY.entry("lab", Purpose.JUDGE),))
    keyring = Keyring.load(path)
    path.write_text(content)
    os.utime(path, ns=(1, 1))
    with pytest.raises(KeyringInvalid):
        keyring.reload_if_changed()
    assert keyring.find("lab", Purpose.JUDGE, NOW) is None
    write_keyring(path, (KEY.entry("lab", Purpose.JUDGE),))
    assert keyring.reload_if_changed()
    assert keyring.find("lab", Purpose.JUDGE, NOW) is not None


def test_a_keyring_that_others_may_write_or_that_is_gone_leaves_no_key(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    write_keyring(path, (KEY.entry("lab", Purpose.JUDGE),))
    keyring = Keyring.load(path)
    for mode in (0o666, 0o664, 0o646):  # nothing but the mode tells of it
        path.chmod(mode)
        with pytest.raises(KeyringInvalid, match="chmod 644"):
            keyring.reload_if_changed()
        path.chmod(0o644)
        assert keyring.reload_if_changed()
        assert not keyring.reload_if_changed()
    path.unlink()
    with pytest.raises(KeyringInvalid):
        keyring.reload_if_changed()
    assert keyring.keys == ()


def test_a_keyring_file_is_plain_json(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    write_keyring(path, (KEY.entry("gate", Purpose.GATE, Purpose.AUDIT),))
    (entry,) = json.loads(path.read_text())["keys"]
    assert entry["purposes"] == ["audit", "gate"]
    assert read_keyring(path).keys[0].name == "gate"


def test_two_valid_keys_of_one_name_are_refused(tmp_path: Path) -> None:
    both = (KEY.entry("lab", Purpose.JUDGE), OTHER.entry("lab", Purpose.JUDGE))
    with pytest.raises(KeyringInvalid):
        write_keyring(tmp_path / "keyring.json", both)


def test_while_a_key_rotates_old_and_new_serve_each_in_its_time() -> None:
    old = KEY.entry("lab", Purpose.JUDGE).model_copy(update={"not_after": NOW})
    new = OTHER.entry("lab", Purpose.JUDGE).model_copy(
        update={"not_before": NOW - timedelta(hours=1)}
    )
    keys = Keyring((old, new))
    for hours, valid in ((-2, (KEY,)), (-0.5, (KEY, OTHER)), (1, (OTHER,))):
        at = NOW + timedelta(hours=hours)
        found = keys.serving("lab", Purpose.JUDGE, at)
        assert {one.public_key for one in found} == {one.public_key for one in valid}
        for key in (KEY, OTHER):
            signed = sign_judgement(key, judgement())
            if key in valid:
                assert check_judgement(signed, keyring=keys, now=at).public_key == key.public_key
            else:
                with pytest.raises(DecisionRejected):
                    check_judgement(signed, keyring=keys, now=at)


def test_a_name_s_keys_have_the_same_purposes() -> None:
    old = KEY.entry("lab", Purpose.JUDGE).model_copy(update={"not_after": NOW})
    with pytest.raises(KeyringInvalid, match=r"^expected the keys of one name to have the same p"):
        Keyring((old, OTHER.entry("lab", Purpose.APPROVE)))


def test_a_key_has_one_name_and_a_name_one_key_without_an_end() -> None:
    twice = (KEY.entry("a", Purpose.APPROVE), OTHER.entry("a", Purpose.APPROVE))
    with pytest.raises(KeyringInvalid, match=r"^expected one key a name without an end; revoke "):
        Keyring(twice)
    shared = (KEY.entry("a", Purpose.APPROVE), KEY.entry("b", Purpose.APPROVE))
    with pytest.raises(KeyringInvalid, match=r"^expected each key under one name$"):
        Keyring(shared)


def test_a_control_from_the_future_is_refused() -> None:
    keys = Keyring((KEY.entry("otto", Purpose.CONTROL),))
    ahead = control(issued_at=NOW + timedelta(minutes=6))
    with pytest.raises(DecisionRejected) as caught:
        check_pause(sign_control(KEY, ahead), keyring=keys, now=NOW)
    assert caught.value.code == "not_yet_valid"


def test_a_judgement_needs_a_judge_s_key() -> None:
    signed = sign_judgement(KEY, judgement())
    keys = Keyring((KEY.entry("lab", Purpose.JUDGE),))
    assert check_judgement(signed, keyring=keys, now=NOW).name == "lab"
    changed = signed.model_copy(
        update={"payload": judgement().model_copy(update={"judgement": Judgement.FAILURE})}
    )
    for forged, ring, code in (
        (changed, keys, "bad_signature"),
        (sign_judgement(OTHER, judgement()), keys, "bad_signature"),
        (signed, Keyring((KEY.entry("lab", Purpose.APPROVE),)), "unknown_key"),
    ):
        with pytest.raises(DecisionRejected) as caught:
            check_judgement(forged, keyring=ring, now=NOW)
        assert caught.value.code == code


def test_a_control_needs_an_operator_s_key_and_its_time() -> None:
    keys = Keyring((KEY.entry("otto", Purpose.CONTROL),))
    assert check_pause(sign_control(KEY, control()), keyring=keys, now=NOW).name == "otto"
    for payload, key, code in (
        (control(expires=NOW), KEY, "expired"),
        (control(), OTHER, "bad_signature"),
        (control(operator="eve"), KEY, "unknown_key"),
    ):
        with pytest.raises(DecisionRejected) as caught:
            check_pause(sign_control(key, payload), keyring=keys, now=NOW)
        assert caught.value.code == code
    later = control(expires=NOW + timedelta(seconds=1))
    check_pause(sign_control(KEY, later), keyring=keys, now=NOW)


def test_a_signature_of_one_kind_is_worthless_as_another() -> None:
    entry = KEY.entry("x", Purpose.JUDGE, Purpose.CONTROL)
    signed, ordered = sign_judgement(KEY, judgement()), sign_control(KEY, control())
    assert is_judgement_of(entry, signed)
    assert is_control_of(entry, ordered)
    crossed = signed.model_copy(update={"signature": ordered.signature})
    assert not is_judgement_of(entry, crossed)


@pytest.mark.parametrize("put", ["\n", " ", "*", "\u00e9"])
def test_a_signature_has_one_spelling(put: str) -> None:
    key = SigningKey.generate()
    entry, signature = key.entry("alice", Purpose.APPROVE), key.sign_bytes(b"data")
    assert is_signature(entry, b"data", signature)
    assert not is_signature(entry, b"data", signature[:20] + put + signature[20:])
    assert not is_signature(entry, b"data", signature + put)
