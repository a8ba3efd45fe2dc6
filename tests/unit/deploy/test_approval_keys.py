"""`aoi approvals keygen|revoke|keys`: a rotated key lasts a while, a revoked one ends at once."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from agents.approval.keyring import Keyring, Purpose
from agents.approval.signing import SigningKey
from deploy.cli import approvals
from deploy.embedded import keys
from streams.host import now

Run = Callable[..., Result]


@pytest.fixture
def aoi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("AOI_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    app: typer.Typer = approvals.app

    def run(*words: str, fails: bool = False) -> Result:
        done = CliRunner().invoke(app, list(words))
        assert (done.exit_code != 0) is fails, done.output
        return done

    return run


def ring(tmp_path: Path) -> Keyring:
    return Keyring.load(tmp_path / "keyring.json")


def test_a_private_key_is_its_owner_s_alone_and_never_overwritten(tmp_path: Path, aoi: Run) -> None:
    aoi("keygen", "anna")
    file = tmp_path / "keys" / "anna.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first = SigningKey.load(file).public_key
    aoi("keygen", "anna", fails=True)
    aoi("keygen", "anna", "--rotate", "--replace", fails=True)
    assert SigningKey.load(file).public_key == first


def test_a_rotated_key_signs_for_its_overlap_beside_the_new_one(tmp_path: Path, aoi: Run) -> None:
    aoi("keygen", "anna")
    file = tmp_path / "keys" / "anna.key"
    old = SigningKey.load(file).public_key
    told = aoi("keygen", "anna", "--rotate", "--overlap", "2").output
    new = SigningKey.load(file).public_key
    assert {one.public_key for one in ring(tmp_path).serving("anna", Purpose.APPROVE, now())} == {
        old,
        new,
    }
    (ended,) = (one for one in ring(tmp_path).keys if one.public_key == old)
    assert ended.not_after is not None
    kept = [one for one in (tmp_path / "keys").iterdir() if one != file]
    assert [SigningKey.load(one).public_key for one in kept] == [old]
    assert f"old private key renamed to {kept[0]}" in told


def test_a_key_may_begin_and_end(tmp_path: Path, aoi: Run) -> None:
    aoi("keygen", "anna", "--not-before", "2100-01-01", "--expires", "2100-02-01")
    assert ring(tmp_path).serving("anna", Purpose.APPROVE, now()) == ()
    assert "out of its time" in aoi("keys").output


@pytest.mark.parametrize(
    ("words", "bound"),
    [
        (("--expires", "2020-01-01"), "now"),
        (("--not-before", "2019-01-01", "--expires", "2020-01-01"), "now"),
        (("--not-before", "2100-02-01", "--expires", "2100-01-01"), "--not-before"),
    ],
)
def test_a_key_that_could_never_sign_is_not_drawn(
    tmp_path: Path, aoi: Run, words: tuple[str, ...], bound: str
) -> None:
    assert f"expected --expires after {bound}" in aoi("keygen", "anna", *words, fails=True).output
    assert list(tmp_path.iterdir()) == []


def test_without_a_keyring_the_command_that_begins_one_is_named(aoi: Run) -> None:
    for words in (("keys",), ("revoke", "anna")):
        assert "aoi approvals keygen NAME" in aoi(*words, fails=True).output


def test_a_revoked_name_has_no_key(tmp_path: Path, aoi: Run) -> None:
    aoi("keygen", "anna")
    aoi("keygen", "anna", "--rotate")
    aoi("revoke", "anna")
    assert ring(tmp_path).serving("anna", Purpose.APPROVE, now()) == ()
    told = [json.loads(line) for line in aoi("keys", "--json").output.splitlines()]
    assert [one["revoked"] for one in told] == [True, True]
    aoi("revoke", "anna", fails=True)


def test_one_key_of_a_name_can_be_revoked(tmp_path: Path, aoi: Run) -> None:
    aoi("keygen", "anna")
    old = SigningKey.load(tmp_path / "keys" / "anna.key").public_key
    aoi("keygen", "anna", "--rotate")
    aoi("revoke", "anna", "--public-key", old[:10])
    (left,) = ring(tmp_path).serving("anna", Purpose.APPROVE, now())
    assert left.public_key != old


def test_the_embedded_keys_keep_what_was_rotated_and_revoked(tmp_path: Path, aoi: Run) -> None:
    files = tmp_path / "keys"
    keys.settle(files, tmp_path / "keyring.json")
    aoi("keygen", "approver", "--rotate")
    aoi("revoke", "operator")
    before = ring(tmp_path).keys
    keys.settle(files, tmp_path / "keyring.json")
    assert ring(tmp_path).keys == before


def test_the_gate_s_key_is_drawn_for_both_of_its_purposes(tmp_path: Path, aoi: Run) -> None:
    aoi("keygen", "gate", "--purpose", "gate", "--purpose", "audit")
    (held,) = ring(tmp_path).keys
    assert held.purposes == set(keys.HOLDERS["gate"])


def test_no_key_is_drawn_for_purposes_that_one_holder_can_t_have(tmp_path: Path, aoi: Run) -> None:
    told = aoi("keygen", "gate", "--purpose", "gate", "--purpose", "approve", fails=True).output
    assert "the gate's key can be no person's" in told
    assert not (tmp_path / "keys").exists()
