"""What every alert must satisfy, whatever format it came in, and the defaults that it gets.

Invariant: an alert that passes has a start not after now plus skew, a known task, and labels that
fit a record. Pure: the time is an argument.
"""

from datetime import UTC, datetime, timedelta

from agents.contracts.alert import TASK_LABEL, AlertReceived
from agents.contracts.incident import Task
from streams.intake.bad import BadAlert, Reason

MAX_LABELS = 128


def accepted(
    alert: AlertReceived, *, now: datetime, skew: timedelta, labels_limit: int
) -> AlertReceived:
    """Return the alert with times in UTC and its task named; raises `BadAlert`."""
    task = alert.labels.get(TASK_LABEL, Task.MITIGATION.value)
    if task not in set(Task):
        raise BadAlert(
            Reason.UNKNOWN_TASK,
            f"expected {TASK_LABEL} one of {', '.join(Task)}, got {task[:40]!r}",
        )
    labels = {**alert.labels, TASK_LABEL: task}
    size = sum(
        len(name.encode(errors="replace")) + len(value.encode(errors="replace"))
        for name, value in (*labels.items(), *alert.annotations.items())
    )
    if size > labels_limit or len(labels) > MAX_LABELS:
        raise BadAlert(
            Reason.LABELS_TOO_LARGE,
            f"expected at most {labels_limit} bytes and {MAX_LABELS} labels, got {size} bytes and "
            f"{len(labels)} labels in alert {alert.fingerprint!r}",
        )
    moments = {
        "starts_at": _moment(alert, "starts_at", alert.starts_at, now + skew),
        "ends_at": alert.ends_at and _moment(alert, "ends_at", alert.ends_at, now + skew),
    }
    return alert.model_copy(update={"labels": labels, **moments})


def _moment(alert: AlertReceived, name: str, value: datetime, latest: datetime) -> datetime:
    if value.tzinfo is None:
        raise BadAlert(
            Reason.MALFORMED, f"expected a time with its zone in {name} of {alert.fingerprint!r}"
        )
    if value > latest:
        raise BadAlert(
            Reason.FUTURE_TIME,
            f"expected {name} of alert {alert.fingerprint!r} not after {latest.isoformat()}, "
            f"got {value.isoformat()}",
        )
    return value.astimezone(UTC)
