"""A user's mistake is answered in one line that names the remedy, before anything is sent."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from agents.approval.keyring import Keyring, KeyringInvalid, Purpose, write_keyring
from agents.approval.signing import SigningKey
from agents.roles import ZONES, Role, Zone
from agents.settings import GateSettings, Places
from agents.worker import Fatal
from deploy.cli import approvals, dlq, learn, run
from deploy.cli._faults import told
from deploy.cli._signer import signer
from deploy.embedded.shipped import SHIPPED_MODEL
from deploy.embedded.supervisor import Program, Supervisor
from streams import wiring
from streams.settings import KafkaSettings

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AOI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AOI_STATE_DIR", str(tmp_path))


def held(folder: Path, name: str, *purposes: Purpose, revoked: bool = False) -> Path:
    """Draw a key into the folder and its keyring."""
    key, ring = SigningKey.generate(), folder / "keyring.json"
    key.save(folder / "keys" / f"{name}.key")
    known = Keyring.load(ring).keys if ring.exists() else ()
    entry = key.entry(name, *purposes).model_copy(update={"revoked": revoked})
    write_keyring(ring, (*known, entry))
    return folder / "keys" / f"{name}.key"


def aoi(*words: str, **variables: str) -> str:
    """Return what a failing command says on standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **variables},
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip()


def test_a_key_signs_as_its_holder(tmp_path: Path) -> None:
    alice = held(tmp_path, "alice", Purpose.APPROVE)
    held(tmp_path, "approver", Purpose.APPROVE)
    ring = tmp_path / "keyring.json"
    assert signer(alice, ring, None, NOW)[0] == "alice"
    assert approvals._signer(None, alice)[0] == "alice"
    assert approvals._signer("approver", None)[0] == "approver"
    assert approvals._signer("alice", None)[0] == "alice"
    with pytest.raises(KeyringInvalid, match="expected the key of bob, got alice's"):
        signer(alice, ring, "bob", NOW)


def test_nobody_signs_as_another_by_default(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held(tmp_path, "approver", Purpose.APPROVE)  # the demo's own
    held(tmp_path, "judge", Purpose.JUDGE)
    with pytest.raises(typer.Exit):
        approvals._signer(None, None)
    assert "expected a person's key" in capsys.readouterr().err
    held(tmp_path, "alice", Purpose.APPROVE)
    assert approvals._signer(None, None)[0] == "alice"
    held(tmp_path, "bob", Purpose.APPROVE)
    with pytest.raises(typer.Exit):
        approvals._signer(None, None)
    assert "expected --as NAME, one of: alice, bob" in capsys.readouterr().err


def test_a_key_that_is_not_there_is_drawn_by_a_command_that_is_named(tmp_path: Path) -> None:
    ring = tmp_path / "keyring.json"
    for purpose, words in (
        (Purpose.APPROVE, "keygen bob`"),
        (Purpose.CONTROL, "keygen bob --purpose control`"),
    ):
        with pytest.raises(KeyringInvalid, match=f"aoi approvals {words} draws one"):
            signer(tmp_path / "bob.key", ring, "bob", NOW, purpose)


def test_what_is_no_decision_is_told_without_a_traceback_or_an_address() -> None:
    for text in ("nonsense", '{"payload": {}}'):
        done = CliRunner().invoke(approvals.app, ["send"], input=text)
        assert done.exit_code == 1 and "expected a signed decision as JSON" in done.stderr
        assert "https://" not in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_key_that_may_not_approve_signs_nothing(tmp_path: Path) -> None:
    ring = tmp_path / "keyring.json"
    judge = held(tmp_path, "judge", Purpose.JUDGE)
    gone = held(tmp_path, "gone", Purpose.APPROVE, revoked=True)
    SigningKey.generate().save(tmp_path / "stranger.key")
    for file, why in (
        (judge, "purpose approve, got judge's for judge"),
        (gone, "valid now, got gone's"),
        (tmp_path / "stranger.key", "expected a key of the keyring"),
    ):
        with pytest.raises(KeyringInvalid, match=why):
            signer(file, ring, None, NOW)


def test_names_of_keys_are_checked(tmp_path: Path) -> None:
    for name in ("../x", "", "-x" * 40, "a b"):
        done = CliRunner().invoke(approvals.app, ["keygen", "--", name])
        assert done.exit_code == 1 and "expected a name" in done.stderr
    assert not (tmp_path / "keys").exists()
    assert CliRunner().invoke(approvals.app, ["keygen", "alice@x.org"]).exit_code == 0


def test_json_lists_say_that_they_are_lines() -> None:
    done = CliRunner().invoke(approvals.app, ["list", "--help"], env={"COLUMNS": "200"})
    assert "one JSON object a line" in done.output


def test_zones_need_an_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AOI_ENVIRONMENT__URL", "http://127.0.0.1:1")
    with pytest.raises(typer.Exit):
        run.completed(tuple(Role))
    said = capsys.readouterr().err
    assert "AOI_ENVIRONMENT__TOKEN_FILE for probe, preview, executor" in said
    assert "AOI_ENVIRONMENT__URL" not in said
    assert run.completed(ZONES[Zone.GATE]) == {}


def test_a_role_without_its_key_names_the_command_that_draws_one(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match=r"gate\.key; `aoi approvals keygen NAME` draws"):
        wiring.build(Role.GATE, KafkaSettings(), Places(state_dir=tmp_path))
    assert CliRunner().invoke(approvals.app, ["keygen", "--help"]).exit_code == 0


def test_a_token_file_that_is_not_there_is_told_by_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AOI_ENVIRONMENT__URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AOI_ENVIRONMENT__TOKEN_FILE", str(tmp_path / "gone.token"))
    with pytest.raises(Fatal, match=r"gone\.token; AOI_ENVIRONMENT__TOKEN_FILE names it"):
        wiring.build(Role.PREVIEW, KafkaSettings(), Places(state_dir=tmp_path))


def test_the_shipped_model_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SHIPPED_MODEL.is_dir()
    assert run.completed(ZONES[Zone.MIND]) == {"AOI_MODEL__PATH": str(SHIPPED_MODEL)}
    monkeypatch.setenv("AOI_MODEL__BASE_URL", "http://127.0.0.1:1")
    assert run.completed(ZONES[Zone.MIND]) == {}


async def test_what_cannot_start_is_not_started_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lacking.py").write_text("import sys; print('lacks a right'); sys.exit(2)")
    supervisor = Supervisor()
    program = Program(
        name="gate",
        module="lacking",
        environment={"PYTHONPATH": str(tmp_path)},
        log=tmp_path / "gate.log",
    )
    await supervisor.start(program)
    await supervisor._keepers["gate"]
    assert supervisor.alive() == [] and supervisor.restarts == {}
    assert "lacks a right" in capsys.readouterr().out
    await supervisor.stop()


def test_invalid_settings_name_their_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AOI_GATE__MANAGED_NAMESPACES", "shop")
    with pytest.raises(ValueError, match="managed_namespaces") as caught:
        GateSettings()
    assert told(caught.value) == (
        "AOI_GATE__MANAGED_NAMESPACES: expected a JSON list such as [\"shop-*\"], got 'shop'"
    )
    monkeypatch.setenv("AOI_GATE__MANAGED_NAMESPACES", '["shop"]')
    monkeypatch.setenv("AOI_GATE__APPROVAL_SECONDS", "soon")
    with pytest.raises(ValueError, match="approval_seconds") as caught:
        GateSettings()
    line = told(caught.value) or ""
    assert line.startswith("AOI_GATE__APPROVAL_SECONDS: ") and line.endswith("got 'soon'")


def test_invalid_settings_tell_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AOI_KAFKA__PASSWORD", "geheim")
    monkeypatch.setenv("AOI_KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    with pytest.raises(ValueError, match="username") as caught:
        KafkaSettings()
    line = told(caught.value) or ""
    assert line.startswith("AOI_KAFKA__...: expected username") and "geheim" not in line


def test_a_defect_keeps_its_traceback() -> None:
    assert told(KeyError("defect")) is None
    assert told(typer.Exit(1)) is None


@pytest.mark.parametrize(
    ("words", "variables", "says"),
    [
        (("incidents", "list", "--credentials", "gone.json"), {}, "gone.json: No such file"),
        (("incidents", "list", "--user", "bob"), {}, "expected a user of"),
        (("alerts", "send", "gone.json"), {}, "gone.json: No such file"),
        (
            ("incidents", "list"),
            {"AOI_KAFKA__BOOTSTRAP": "127.0.0.1:1"},
            "Kafka at 127.0.0.1:1 does not answer or refuses the login: check AOI_KAFKA__BOOTSTRAP",
        ),
        (
            ("approvals", "watch"),
            {"AOI_KAFKA__BOOTSTRAP": "127.0.0.1:1"},
            "Kafka at 127.0.0.1:1 does not answer or refuses the login: check AOI_KAFKA__BOOTSTRAP",
        ),
        (
            ("incidents", "list"),
            {"AOI_KAFKA__REPLICATION_FACTOR": "many"},
            "AOI_KAFKA__REPLICATION_FACTOR: ",
        ),
    ],
)
def test_commands_answer_in_one_line(
    words: tuple[str, ...], variables: dict[str, str], says: str
) -> None:
    lines = aoi(*words, **variables).splitlines()
    assert len(lines) == 1 and says in lines[0]


def test_letters_that_are_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def none(_: KafkaSettings) -> list[object]:
        return []

    monkeypatch.setattr(dlq.post, "letters", none)
    with pytest.raises(typer.Exit):
        dlq._chosen(KafkaSettings(), [1])
    assert "there is no letter 1" in capsys.readouterr().err


@pytest.mark.parametrize("script", ["alert_producer.py", "approver.py"])
def test_examples_tell_their_usage(script: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "examples" / script)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and done.stderr.startswith(f"usage: {script}")


def test_training_options_are_described() -> None:
    text = CliRunner().invoke(learn.app, ["pretrain", "--help"], env={"COLUMNS": "200"}).output
    for part in ("first weights", "<out>/early", "./model", "not emptied"):
        assert part in text
