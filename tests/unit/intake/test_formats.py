"""Each format against golden files: `<case>.json` in, `<case>.expected.json` out.

To add a case, add both files; the expected one holds the grouped alerts as JSON.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.contracts.alert import AlertReceived
from streams.intake import reading
from streams.intake.settings import IntakeSettings

FOLDER = Path(__file__).parents[2] / "fixtures" / "intake"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SIDE_FILES = (".expected.json", ".headers.json")
CASES = sorted(path for path in FOLDER.glob("*/*.json") if not path.name.endswith(SIDE_FILES))


@pytest.mark.parametrize("case", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_delivery_becomes_its_golden_alerts(case: Path) -> None:
    headers_file = case.with_suffix(".headers.json")
    headers = json.loads(headers_file.read_text()) if headers_file.exists() else {}
    found = reading.read(
        case.parent.name, case.read_bytes(), headers, now=NOW, settings=IntakeSettings()
    )
    assert found.refused == ()
    expected = json.loads(case.with_suffix(".expected.json").read_text())
    assert [one.model_dump(mode="json", exclude_defaults=True) for one in found.grouped] == expected


def test_every_format_has_golden_files() -> None:
    assert {case.parent.name for case in CASES} == set(reading.FORMATS)


def test_an_alert_survives_being_written_and_read_as_our_own_form() -> None:
    for case in CASES:
        for one in json.loads(case.with_suffix(".expected.json").read_text()):
            alert = AlertReceived.model_validate(one["alert"])
            assert AlertReceived.model_validate_json(alert.model_dump_json()) == alert


def test_a_repeated_notification_has_the_same_identity_and_a_resolution_another() -> None:
    body = (FOLDER / "aoi" / "list.json").read_bytes()
    settings = IntakeSettings()
    first = reading.read("aoi", body, {}, now=NOW, settings=settings).grouped
    second = reading.read("aoi", body, {}, now=NOW.replace(hour=13), settings=settings).grouped
    assert [reading.identity(one) for one in first] == [reading.identity(one) for one in second]
    assert reading.identity(first[0]) != reading.identity(first[1])
