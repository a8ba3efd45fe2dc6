"""The CloudEvents SDK as oracle: whatever it writes over HTTP, intake reads."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings import http
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from streams.intake import reading
from streams.intake.settings import IntakeSettings

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ALERT = {
    "fingerprint": "f",
    "group": "g",
    "status": "firing",
    "labels": {"namespace": "café"},
    "starts_at": "2026-11-20T10:00:00Z",
}


@pytest.mark.parametrize("write", [http.to_binary, http.to_structured])
def test_an_event_written_by_the_sdk_is_read(write: Callable[..., http.HTTPMessage]) -> None:
    event = CloudEvent(
        attributes={
            "id": "1",
            "source": "/monitors/é",
            "type": "dev.aoi.AlertReceived.v1",
            "specversion": "1.0",
            "time": NOW,
            "datacontenttype": "application/json",
        },
        data=ALERT,
    )
    message = write(event, JSONFormat())
    headers = {name.lower(): value for name, value in message.headers.items()}
    found = reading.read("cloudevents", message.body, headers, now=NOW, settings=IntakeSettings())
    assert found.refused == ()
    (grouped,) = found.grouped
    assert grouped.group == "g"
    assert grouped.alert.labels["namespace"] == "café"
