"""AOI's own form: one `AlertReceived` as JSON, or a list of them.

The JSON Schema is `streams/schemas/AlertReceived.v1.json`; the topic takes the same.
"""

from collections.abc import Mapping

from agents.contracts.alert import AlertReceived
from streams.intake import wire

FORMAT = "aoi"


def normalise(body: bytes, headers: Mapping[str, str]) -> list[AlertReceived]:
    """Return the alerts of a body; raises `BadAlert`."""
    del headers
    return read(wire.load(body))


def read(document: object) -> list[AlertReceived]:
    """Return the alerts of a JSON value: an object, or a list of objects."""
    found = document if isinstance(document, list) else [document]
    return [marked(wire.shape(AlertReceived, one), FORMAT) for one in found]


def marked(alert: AlertReceived, source_format: str) -> AlertReceived:
    """Return the alert with the intake that read it; a sender can't pass for another."""
    return alert.model_copy(update={"source_format": source_format})
