"""An alert leaves the intake without the secrets that its sender wrote into it."""

from datetime import UTC, datetime

import orjson
import pytest

from agents.contracts.envelope import Event
from agents.contracts.ids import EventId
from streams.intake import reading
from streams.intake.redaction import clean
from streams.intake.settings import IntakeSettings
from streams.intake.worker import IntakeWorker
from tests.builders import T0, alert
from tests.safety.planted import BY_FORM

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def body(text: str, group: str = "{}") -> bytes:
    return orjson.dumps(
        {
            "version": "4",
            "groupKey": group,
            "alerts": [
                {
                    "status": "firing",
                    "labels": {"alertname": "x", "namespace": "shop", "note": text},
                    "annotations": {"description": text},
                    "startsAt": "2026-11-23T11:00:00Z",
                    "generatorURL": f"http://prometheus/graph?{text}",
                }
            ],
        }
    )


@pytest.mark.parametrize("form", BY_FORM)
def test_no_form_of_a_secret_reaches_our_first_topic_over_http(form: str) -> None:
    text, secret = BY_FORM[form]
    text = text.replace("\n", " ")  # a label or a key with a line break is refused
    found = reading.read(
        "alertmanager", body(text, group=text), {}, now=NOW, settings=IntakeSettings()
    )
    (grouped,) = found.grouped
    assert secret not in grouped.model_dump_json()
    assert grouped.alert.group == grouped.group


async def test_no_secret_reaches_it_over_the_topic() -> None:
    text, secret = BY_FORM["mongo url"]
    fact = alert(note=text).model_copy(update={"annotations": {"summary": text, "api_key": "q8"}})
    event = Event(id=EventId("e"), source="x", time=T0, key="k", fact=fact)
    (output,) = await IntakeWorker(clock=lambda: T0).handle(event)
    told = output.fact.model_dump_json()
    assert secret not in told and '"q8"' not in told


def test_an_ordinary_alert_is_the_same_object() -> None:
    ordinary = alert(service="token", node="ip-10-0-1-17")
    assert clean(ordinary) is ordinary


def test_groups_that_differ_in_what_is_hidden_stay_apart() -> None:
    groups = [
        clean(alert().model_copy(update={"group": f"{{}}:{{user={name}@example.org}}"})).group
        for name in ("anna", "otto", "anna")
    ]
    assert groups[0] == groups[2] != groups[1]
    assert all("[redacted:e-mail]" in one and "example.org" not in one for one in groups)
