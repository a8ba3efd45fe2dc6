"""Reads foreign JSON into a typed wire model, and says in one reason code why that failed.

Invariant: no exception but `BadAlert` leaves `parse`, and no message repeats the sender's values.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, TypeVar

import orjson
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from streams.intake.bad import BadAlert, Reason

FINGERPRINT_CHARS = 16
TOO_LONG = "too_long"
MISSING = "missing"


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("expected a time that UTC can express") from error


Moment = Annotated[AwareDatetime, AfterValidator(_utc)]


class Wire(BaseModel):
    """A document of another system: we read what we need and ignore the rest."""

    model_config = ConfigDict(frozen=True, extra="ignore")


M = TypeVar("M", bound=BaseModel)


def load(body: bytes) -> object:
    """Return the JSON value of a body; raises `BadAlert(not-json)`."""
    try:
        value: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadAlert(Reason.NOT_JSON, f"expected JSON in UTF-8, got {error}") from error
    return value


def shape(model: type[M], value: object) -> M:
    """Return the value as a model; raises `BadAlert` with the place of the first fault."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _told(error.errors(include_url=False, include_input=False)) from error


def parse(model: type[M], body: bytes) -> M:
    """Return a body as a wire model; raises `BadAlert`."""
    return shape(model, load(body))


def fingerprint_of(labels: Mapping[str, str]) -> str:
    """Return a digest of the labels, for senders that give no fingerprint."""
    whole = orjson.dumps(dict(labels), option=orjson.OPT_SORT_KEYS)
    return sha256(whole).hexdigest()[:FINGERPRINT_CHARS]


def _told(faults: list[ErrorDetails]) -> BadAlert:
    first = next((fault for fault in faults if fault["type"] == MISSING), faults[0])
    place = ".".join(str(part) for part in first["loc"]) or "the document"
    if first["type"] == MISSING:
        return BadAlert(Reason.MISSING_FIELD, f"expected the field {place}, which is missing")
    if first["type"] == TOO_LONG and ("labels" in first["loc"] or "annotations" in first["loc"]):
        return BadAlert(Reason.LABELS_TOO_LARGE, f"{place}: {first['msg']}")
    return BadAlert(Reason.MALFORMED, f"{place}: {first['msg']}")
