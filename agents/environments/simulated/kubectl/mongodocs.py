"""Documents as the two MongoDB shells print them: `tojson` of mongo, `util.inspect` of mongosh.

Invariant: pure functions of the document; line breaks fall where the shells put them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

Document = dict[str, "Value"]
Value = Document | Sequence["Value"] | str | int | float | bool | None

_WIDTH = 80
"""Node's `breakLength`."""
_COMPACT = 3
"""Node's `compact`: this many inner levels may share a line."""
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


class Uuid(str):
    """A UUID as BSON holds it; both shells show its constructor."""

    __slots__ = ()


def tojson(value: Value, depth: int = 0) -> str:
    """Return what mongo's `tojson` makes of a value."""
    inner, outer = "\t" * (depth + 1), "\t" * depth
    if isinstance(value, Uuid):
        return f'UUID("{value}")'
    if isinstance(value, dict):
        if not value:
            return "{ }"
        lines = [f'{inner}"{key}" : {tojson(item, depth + 1)}' for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{outer}}}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            return "[ ]"
        return "[\n" + ",\n".join(inner + tojson(item, depth + 1) for item in value) + f"\n{outer}]"
    return json.dumps(value, ensure_ascii=False)


def inspect(value: Value) -> str:
    """Return what mongosh makes of a value, by Node's `util.inspect`."""
    return _inspected(value, 0)[0]


def _inspected(value: Value, indent: int) -> tuple[str, int]:
    """Return the text and how many levels are nested in it."""
    if isinstance(value, dict):
        pairs = [(_key(key), *_inspected(item, indent + 2)) for key, item in value.items()]
        entries = [f"{key}: {text}" for key, text, _ in pairs]
        depths = [depth for _, _, depth in pairs]
        return _joined("{", "}", entries, depths, indent)
    if isinstance(value, Sequence) and not isinstance(value, str):
        items = [_inspected(item, indent + 2) for item in value]
        return _joined("[", "]", [text for text, _ in items], [deep for _, deep in items], indent)
    if isinstance(value, Uuid):
        return f"UUID('{value}')", 0
    if isinstance(value, str):
        return _quoted(value), 0
    return json.dumps(value), 0


def _joined(
    left: str, right: str, entries: list[str], depths: list[int], indent: int
) -> tuple[str, int]:
    if not entries:
        return left + right, 1
    depth = 1 + max(depths)
    start = len(entries) + indent + len(left) + 10
    total = sum(map(len, entries)) + len(entries) + start
    flat = depth <= _COMPACT and total <= _WIDTH and all("\n" not in entry for entry in entries)
    if flat:
        return f"{left} {', '.join(entries)} {right}", depth
    gap = "\n" + " " * indent
    return f"{left}{gap}  {f',{gap}  '.join(entries)}{gap}{right}", depth


def _key(key: str) -> str:
    return key if _IDENTIFIER.fullmatch(key) else _quoted(key)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    return f'"{escaped}"' if "'" in text and '"' not in text else "'" + escaped + "'"
