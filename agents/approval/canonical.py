r"""The bytes that are hashed and signed, specified so that any language can make them.

Canonical JSON is RFC 8785 (JCS): UTF-8, no blanks, members sorted by the UTF-16 code units of their
names, numbers as ECMAScript prints them, strings escaped only where JSON demands it. On top of it:

- every member of a model is present, null ones too; enumerations are their values, tuples arrays;
- a timestamp is UTC as `YYYY-MM-DDTHH:MM:SS.ffffffZ`, always with six decimals;
- what is signed is a prefix that names its domain, then the canonical JSON of the payload:
  `AOI-approval-v1\n`, `AOI-judgement-v1\n`, `AOI-control-v1\n`, `AOI-audit-v1\n`,
  `AOI-audit-head-v1\n`;
- an action's hash is the hex SHA-256 of its canonical JSON, without a prefix.

Invariant: equal values give equal bytes, unequal ones unequal bytes; a value that JSON cannot hold
exactly (NaN, an integer beyond 2^53, a naive time) raises instead of being rounded.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum, StrEnum
from json.encoder import encode_basestring

from pydantic import BaseModel

from agents.contracts.action import Action

_MAX_INTEGER = 2**53
# ECMA-262, Number::toString: a number is written without an exponent between these powers of ten
_SMALLEST_PLAIN, _LARGEST_PLAIN = -6, 21


class Domain(StrEnum):
    """What a signature is about; a signature of one domain is worthless in another."""

    DECISION = "AOI-approval-v1\n"
    JUDGEMENT = "AOI-judgement-v1\n"
    CONTROL = "AOI-control-v1\n"
    AUDIT = "AOI-audit-v1\n"
    AUDIT_HEAD = "AOI-audit-head-v1\n"


def canonical_json(value: object) -> str:
    """Return the canonical JSON of a model or of plain data; raises `ValueError`."""
    parts: list[str] = []
    _write(value, parts)
    text = "".join(parts)
    text.encode()  # a lone surrogate has no UTF-8 and raises here
    return text


def canonical_bytes(domain: Domain, payload: BaseModel) -> bytes:
    """Return what is signed: the domain's prefix and the payload's canonical JSON."""
    return (domain.value + canonical_json(payload)).encode()


def action_hash(action: Action) -> str:
    """Return the hex SHA-256 of the canonical action."""
    return hashlib.sha256(canonical_json(action).encode()).hexdigest()


def timestamp(moment: datetime) -> str:
    """Return a moment in the fixed form; raises `ValueError` for one without a time zone."""
    if moment.tzinfo is None:
        raise ValueError(f"expected a time with a zone, got {moment.isoformat()}")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def _write(value: object, parts: list[str]) -> None:
    match value:  # the commonest first: a class that is asked late costs every value
        case str():
            parts.append(encode_basestring(value))
        case None | bool():
            parts.append(json.dumps(value))
        case dict():
            _write_members(value, parts)
        case list() | tuple():
            parts.append("[")
            for index, item in enumerate(value):
                parts.append("," if index else "")
                _write(item, parts)
            parts.append("]")
        case Enum():
            _write(value.value, parts)
        case int() | float():
            parts.append(_number(value))
        case datetime():
            parts.append(json.dumps(timestamp(value)))
        case BaseModel():
            _write({name: getattr(value, name) for name in type(value).model_fields}, parts)
        case _:
            raise ValueError(f"expected JSON data, got {type(value).__name__}")


def _write_members(value: Mapping[object, object], parts: list[str]) -> None:
    names = [name for name in value if isinstance(name, str)]
    if len(names) != len(value):
        raise ValueError("expected names of members to be strings")
    parts.append("{")
    plain = "".join(names).isascii()  # in which both orders are one
    for index, name in enumerate(sorted(names, key=None if plain else _utf16)):
        parts.append("," if index else "")
        parts.append(encode_basestring(name) + ":")
        _write(value[name], parts)
    parts.append("}")


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be", "surrogatepass")


def _number(value: float) -> str:
    """Return a number as ECMAScript's Number::toString does (RFC 8785, 3.2.2.3)."""
    if isinstance(value, int):
        if abs(value) > _MAX_INTEGER:
            raise ValueError(f"expected an integer within 2^53, got {value}")
        return str(value)
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {value}")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    return sign + _placed(digits, point)


def _placed(digits: str, point: int) -> str:
    """Return digits with the decimal point after `point` of them, in ECMAScript's four forms."""
    if len(digits) <= point <= _LARGEST_PLAIN:
        return digits.ljust(point, "0")
    if 0 < point <= _LARGEST_PLAIN:
        return f"{digits[:point]}.{digits[point:]}"
    if _SMALLEST_PLAIN < point <= 0:
        return f"0.{'0' * -point}{digits}"
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{mantissa}e{point - 1:+d}"
