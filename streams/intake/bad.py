"""Why an alert is refused: a closed list of reason codes and the exception that carries one.

Invariant: whatever arrives is either a list of alerts or a `BadAlert`; it is a `Poison`, so
the same value answers an HTTP sender with 4xx and turns a record of the topic into a dead letter.
"""

from enum import StrEnum

from agents.worker import Poison


class Reason(StrEnum):
    """The reason codes of intake, as senders and dead letters see them."""

    NOT_JSON = "not-json"
    MISSING_FIELD = "missing-field"
    MALFORMED = "malformed"
    UNKNOWN_FORMAT = "unknown-format"
    UNKNOWN_VERSION = "unknown-version"
    UNKNOWN_TYPE = "unknown-type"
    UNKNOWN_TASK = "unknown-task"
    FUTURE_TIME = "future-time"
    LABELS_TOO_LARGE = "labels-too-large"
    CONTROL_CHARACTER = "control-character"
    BODY_TOO_LARGE = "body-too-large"
    BAD_SIGNATURE = "bad-signature"


class BadAlert(Poison):
    """What arrived can't become an alert, whoever repeats it."""

    def __init__(self, code: Reason, message: str) -> None:
        """Keep the code; the message says what was expected and what came."""
        super().__init__(code, message)
