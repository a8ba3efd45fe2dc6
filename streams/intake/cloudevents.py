"""CloudEvents 1.0 over HTTP: binary, structured and batched, with `AlertReceived` as their data.

Invariant: only `dev.aoi.AlertReceived.v1` is taken; another version of it is `unknown-version`,
another type `unknown-type`. The `cloudevents` SDK is the oracle in the tests.
"""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping

from pydantic import Field, JsonValue

from agents.contracts.alert import AlertReceived
from agents.contracts.model_base import TYPE_SUFFIX
from streams.intake import native, wire
from streams.intake.bad import BadAlert, Reason
from streams.intake.wire import Wire

FORMAT = "cloudevents"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
SPEC_VERSION = "1.0"
FAMILY = AlertReceived.TYPE.removesuffix(TYPE_SUFFIX)
HEADER_PREFIX = "ce-"


class Attributes(Wire):
    """The required context attributes."""

    specversion: str
    id: str = Field(min_length=1)
    source: str = Field(min_length=1)
    type: str = Field(min_length=1)


class Structured(Attributes):
    """A whole event as JSON; bytes come as `data_base64`."""

    data: JsonValue = None
    data_base64: str | None = None


def normalise(body: bytes, headers: Mapping[str, str]) -> list[AlertReceived]:
    """Return the alerts of an event or a batch; raises `BadAlert`."""
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == STRUCTURED:
        return _structured(wire.load(body))
    if content_type == BATCH:
        events = wire.load(body)
        if not isinstance(events, list):
            raise BadAlert(Reason.MALFORMED, "expected a list of events in a batch")
        return [alert for event in events for alert in _structured(event)]
    return _binary(body, headers)


def _structured(document: object) -> list[AlertReceived]:
    event = wire.shape(Structured, document)
    _check(event)
    if event.data_base64 is None:
        return _marked(native.read(event.data))
    try:
        body = b64decode(event.data_base64, validate=True)
    except NotBase64 as error:
        raise BadAlert(Reason.MALFORMED, f"data_base64: {error}") from error
    return _marked(native.read(wire.load(body)))


def _binary(body: bytes, headers: Mapping[str, str]) -> list[AlertReceived]:
    given = {
        name.removeprefix(HEADER_PREFIX): value
        for name, value in headers.items()
        if name.startswith(HEADER_PREFIX)
    }
    _check(wire.shape(Attributes, given))
    return _marked(native.read(wire.load(body)))


def _check(attributes: Attributes) -> None:
    if attributes.specversion != SPEC_VERSION:
        raise BadAlert(
            Reason.UNKNOWN_VERSION,
            f"expected specversion {SPEC_VERSION}, got {attributes.specversion[:40]!r}",
        )
    if attributes.type == AlertReceived.TYPE:
        return
    known = attributes.type.startswith(f"{FAMILY}.")
    raise BadAlert(
        Reason.UNKNOWN_VERSION if known else Reason.UNKNOWN_TYPE,
        f"expected type {AlertReceived.TYPE}, got {attributes.type[:80]!r}",
    )


def _marked(alerts: list[AlertReceived]) -> list[AlertReceived]:
    return [native.marked(alert, FORMAT) for alert in alerts]
