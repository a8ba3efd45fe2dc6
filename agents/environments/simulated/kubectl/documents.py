"""Patches and manifests as data, and what kubectl and the API server say of unreadable ones."""

from __future__ import annotations

import json
from typing import Any

import orjson
import yaml

from agents.environments.simulated.kubectl.errors import CommandFailed


def document(text: str) -> Any:  # noqa: ANN401 - JSON or YAML
    """Return the data of a text, or fail in kubectl's words."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        problem = str(error).splitlines()[0]
        raise CommandFailed(f"error: unable to parse {text!r}: yaml: {problem}") from None


def patch_document(text: str) -> Any:  # noqa: ANN401 - JSON or YAML
    """Return the data of a patch; what begins like JSON and is none, the API server refuses."""
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise CommandFailed(
                f"Error from server (BadRequest): {_json_problem(text, error)}"
            ) from None
    return document(text)


def _json_problem(text: str, error: json.JSONDecodeError) -> str:
    """Return what Go's JSON decoder says of the same text."""
    if not text[error.pos :].strip():
        return "unexpected end of JSON input"
    where = {
        "Expecting property name enclosed in double quotes": (
            "looking for beginning of object key string"
        ),
        "Extra data": "after top-level value",
        "Expecting ',' delimiter": "after object key:value pair",
        "Expecting ':' delimiter": "after object key",
    }.get(error.msg, "looking for beginning of value")
    letter = text[error.pos :].lstrip()[0]
    return f"invalid character '{letter}' {where}"


def go_value(value: Any) -> str:  # noqa: ANN401 - JSON
    """Return data as Go's `%v` prints it: `map[a:1 b:[c d]]`."""
    if isinstance(value, dict):
        inner = " ".join(f"{key}:{go_value(value[key])}" for key in sorted(value))
        return f"map[{inner}]"
    if isinstance(value, list):
        return f"[{' '.join(map(go_value, value))}]"
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
