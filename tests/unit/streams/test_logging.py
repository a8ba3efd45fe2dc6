"""What a command at a terminal says of Kafka: a lost broker once, and nothing else of aiokafka."""

import logging
import time

import pytest

from streams.logging import CALM_SECONDS, terse

REFUSED = OSError(111, "Connect call failed ('127.0.0.1', 9092)")


def lose() -> None:
    """Log what aiokafka logs at each of its tries."""
    logger = logging.getLogger("aiokafka")
    logger.error("Unable connect to node with id %s: %s", 0, REFUSED)
    logger.error("Unable to update metadata from %s", [0])


def test_a_lost_broker_is_told_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger("aiokafka")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "propagate", logger.propagate)
    terse()
    for _ in range(1000):
        lose()
    assert capsys.readouterr().err == "lost the broker at 127.0.0.1:9092, trying again\n"
    later = time.monotonic() + CALM_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    lose()
    assert capsys.readouterr().err.count("\n") == 1
