"""Kafka settings: from the environment, from a credential file, never with a visible password."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from streams import faust_login, login
from streams.settings import KafkaSettings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gate.json"
    path.write_text(
        '{"username":"gate","password":"s3cret","bootstrap":"127.0.0.1:9","mechanism":"SCRAM-SHA-256"}'
    )
    return path


def test_a_credential_file_is_a_whole_login(file: Path) -> None:
    settings = KafkaSettings.of_file(file)
    assert settings.protocol == "SASL_PLAINTEXT"
    assert login.aiokafka(settings) == {
        "bootstrap_servers": "127.0.0.1:9",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "gate",
        "sasl_plain_password": "s3cret",
    }
    assert login.librdkafka(settings)["sasl.password"] == "s3cret"
    credentials = faust_login.credentials(settings)
    assert credentials is not None
    assert faust_login.broker(settings) == ["aiokafka://127.0.0.1:9"]


def test_the_environment_wins_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AOI_KAFKA__CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AOI_KAFKA__BOOTSTRAP", "kafka.example:9093")
    settings = KafkaSettings()
    assert (settings.username, settings.bootstrap) == ("gate", "kafka.example:9093")


def test_a_password_file_is_read_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "password"
    secret.write_text("from a mounted secret\n")
    monkeypatch.setenv("AOI_KAFKA__USERNAME", "gate")
    monkeypatch.setenv("AOI_KAFKA__PASSWORD_FILE", str(secret))
    assert KafkaSettings().secret() == "from a mounted secret"


def test_the_password_is_not_shown(file: Path) -> None:
    settings = KafkaSettings.of_file(file)
    assert "s3cret" not in f"{settings!r} {settings} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    "given",
    [
        {"username": "gate"},
        {"username": "gate", "password": "a", "password_file": "/b"},
        {"security_protocol": "SASL_SSL"},
        {"topic_prefix": "no separator"},
        {"unknown": "x"},
    ],
)
def test_half_a_login_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        KafkaSettings.model_validate(given)


def test_nothing_said_is_an_open_broker_on_loopback() -> None:
    settings = KafkaSettings()
    assert (settings.bootstrap, settings.protocol) == ("127.0.0.1:9092", "PLAINTEXT")
    assert faust_login.credentials(settings) is None


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    broken, none = tmp_path / "broken", tmp_path / "none"
    broken.write_text("{bad")
    with pytest.raises(ValidationError, match=f"expected a JSON object in {broken}: "):
        KafkaSettings.of_file(broken)
    for file, why in ((broken, "expected a PEM bundle of certificates"), (none, "No such file")):
        settings = KafkaSettings(cafile=file, username="gate", password=SecretStr("s3cret"))
        with pytest.raises(OSError, match=why) as caught:
            login.aiokafka(settings)
        assert caught.value.filename == str(file)
