"""What a command at a terminal says of Kafka: a lost broker once, and nothing else of aiokafka."""

import logging
import time

import pytest
from aiokafka.errors import KafkaConnectionError

from streams.logging import CALM_SECONDS, terse

REFUSED = OSError(111, "Connect call failed ('127.0.0.1', 9092)")
CLOSED = KafkaConnectionError("Connection at 127.0.0.1:9092 closed")
RESET = ConnectionResetError(104, "Connection reset by peer")


def lose(reason: Exception = REFUSED) -> None:
    """Log what aiokafka logs at each of its tries."""
    logger = logging.getLogger("aiokafka")
    logger.error("Unable connect to node with id %s: %s", 0, reason)
    logger.error("Unable to update metadata from %s", [0])


@pytest.fixture(autouse=True)
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say what a command says, and put aiokafka's logger back afterwards."""
    logger = logging.getLogger("aiokafka")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "propagate", logger.propagate)
    terse()


@pytest.mark.parametrize("tries", [(CLOSED,), (RESET, REFUSED), (RESET, CLOSED), (REFUSED, RESET)])
def test_a_loss_names_the_address_however_it_came(
    tries: tuple[Exception, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    for reason in tries:
        lose(reason)
    lose()
    assert capsys.readouterr().err == "lost the broker at 127.0.0.1:9092, trying again\n"


def test_a_loss_of_which_no_try_names_an_address_is_told_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for _ in range(10):
        lose(RESET)
    assert capsys.readouterr().err == "lost the broker, trying again\n"


def test_a_silent_broker_is_told_at_the_first_try_of_each_loss(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = time.monotonic()
    for tries in range(3):
        monkeypatch.setattr(time, "monotonic", lambda at=begun + tries * (CALM_SECONDS + 10): at)
        lose(TimeoutError())
        assert capsys.readouterr().err == "lost the broker, trying again\n"


def test_a_reset_an_hour_ago_does_not_stand_in_for_a_first_try(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(RESET)
    later = time.monotonic() + 3600
    monkeypatch.setattr(time, "monotonic", lambda: later)
    lose(RESET)
    assert capsys.readouterr().err == ""
    lose()
    assert capsys.readouterr().err == "lost the broker at 127.0.0.1:9092, trying again\n"


def test_a_lost_broker_is_told_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(1000):
        lose()
    assert capsys.readouterr().err == "lost the broker at 127.0.0.1:9092, trying again\n"
    later = time.monotonic() + CALM_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    lose()
    assert capsys.readouterr().err.count("\n") == 1
