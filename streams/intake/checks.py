"""What every alert must satisfy, whatever format it came in, and the defaults that it gets.

Invariant: an alert that passes has a start not after now plus skew, a known task, no control
characters, and as a whole a size of which a record carries twenty. Pure: the time is an argument.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import orjson

from agents.contracts.alert import TASK_LABEL, AlertReceived
from agents.contracts.incident import Task
from streams.intake.bad import BadAlert, Reason

MAX_LABELS = 128
CONTROL = re.compile(r"[\x00-\x1f]")
CONTROL_IN_PROSE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def accepted(alert: AlertReceived, *, now: datetime, skew: timedelta) -> AlertReceived:
    """Return the alert with times in UTC and its task named; raises `BadAlert`."""
    _printable(alert)
    task = alert.labels.get(TASK_LABEL, Task.MITIGATION.value)
    if task not in set(Task):
        raise BadAlert(
            Reason.UNKNOWN_TASK,
            f"expected {TASK_LABEL} one of {', '.join(Task)}, got {task[:40]!r}",
        )
    labels = {**alert.labels, TASK_LABEL: task}
    if len(labels) > MAX_LABELS:
        raise BadAlert(
            Reason.LABELS_TOO_LARGE,
            f"expected at most {MAX_LABELS} labels with {TASK_LABEL}, got {len(labels)} in alert "
            f"{alert.fingerprint!r}",
        )
    moments = {
        "starts_at": _moment(alert, "starts_at", alert.starts_at, now + skew),
        "ends_at": alert.ends_at and _moment(alert, "ends_at", alert.ends_at, now + skew),
    }
    return alert.model_copy(update={"labels": labels, **moments})


def fitting(alert: AlertReceived, *, limit: int) -> AlertReceived:
    """Return the alert, whose JSON has at most `limit` bytes; raises `BadAlert`.

    To be asked of an alert as it will be written: with its task and its final group.
    """
    size = len(orjson.dumps(alert.model_dump(mode="json")))
    if size > limit:
        raise BadAlert(
            Reason.LABELS_TOO_LARGE,
            f"expected at most {limit} bytes of JSON for a whole alert, got {size} in alert "
            f"{alert.fingerprint!r}",
        )
    return alert


def _printable(alert: AlertReceived) -> None:
    for name, text in _lines(alert):
        if CONTROL.search(text):
            raise _control(name)
    for text in alert.annotations.values():
        if CONTROL_IN_PROSE.search(text):
            raise _control("annotations")


def _lines(alert: AlertReceived) -> Iterator[tuple[str, str]]:
    """Yield every text that is one line; only an annotation's value may have several."""
    yield "fingerprint", alert.fingerprint
    yield "group", alert.group
    yield "generator_url", alert.generator_url or ""
    yield "source_format", alert.source_format
    for name, value in alert.labels.items():
        yield "labels", name
        yield "labels", value
    for name in alert.annotations:
        yield "annotations", name


def _control(place: str) -> BadAlert:
    return BadAlert(
        Reason.CONTROL_CHARACTER,
        f"expected no character below U+0020 in {place}; tab and newline pass in annotations only",
    )


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
