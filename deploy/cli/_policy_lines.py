"""The lines of a file that `aoi policy check` judges, and their circumstances.

Invariant: every line of a plain file is judged, an empty one too; none is skipped and none is
changed. A here-document stays with the line that opens it when its end is in the file.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

LONGEST_PATH = 4096
JSON_SUFFIXES = frozenset({".jsonl", ".ndjson"})
# one word that is a path or the name of a file; no command is one, and no JSON string
_PATH = re.compile(r"[^\s\"{]*(?:/[^\s]*|[^\s/]\.(?:txt|log|sh|json|jsonl|ndjson|ya?ml))")
_OPENS = re.compile(r"<<-?\s*(?P<quote>['\"]?)(?P<end>[A-Za-z_][A-Za-z0-9_]*)(?P=quote)\s*$")


class LinesInvalid(ValueError):
    """The input is not what it was said to be; the message names the line or the file."""


def lines_of(source: str, *, jsonl: bool) -> list[str]:
    """Return the lines of `-` (standard input), of a file, or the one line that `source` is."""
    if source == "-":
        return split(_decoded(sys.stdin.buffer.read()), jsonl=jsonl)
    path = file_of(source)
    if path is None:
        return split(source, jsonl=True) if jsonl else [source]
    if path.is_dir():
        raise LinesInvalid(f"{source} is a folder; expected a line, a file of lines, or -")
    if not path.is_file():
        raise LinesInvalid(f"{source}: no such file")
    return split(_decoded(path.read_bytes()), jsonl=jsonl or path.suffix in JSON_SUFFIXES)


def file_of(source: str) -> Path | None:
    """Return what a word names or seems to name in the file system, or None where it is a line."""
    if len(source) > LONGEST_PATH or "\n" in source:
        return None
    try:
        path = Path(source)
        named = path.is_file() or (path.is_dir() and source.split() == [source])
    except (OSError, ValueError):
        return None
    return path if named or _PATH.fullmatch(source) else None


def split(text: str, *, jsonl: bool) -> list[str]:
    """Return the lines of a text; with `jsonl`, one JSON string or object with `line` a line."""
    rows = text.split("\n")
    if rows[-1] == "":
        rows.pop()
    if jsonl:
        return [_of_json(number, row) for number, row in enumerate(rows, 1) if row.strip()]
    return list(_with_documents(rows))


def _of_json(number: int, row: str) -> str:
    try:
        value = json.loads(row)
    except json.JSONDecodeError as error:
        raise LinesInvalid(f"line {number}: expected JSON: {error}") from error
    line = value.get("line") if isinstance(value, dict) else value
    if not isinstance(line, str):
        raise LinesInvalid(f"line {number}: expected a JSON string, or an object with line")
    return line


def _with_documents(rows: list[str]) -> Iterator[str]:
    at = 0
    while at < len(rows):
        row, at = rows[at], at + 1
        opens = _OPENS.search(row)
        if opens is not None and opens["end"] in rows[at:]:
            end = rows.index(opens["end"], at) + 1
            row, at = "\n".join([row, *rows[at:end]]), end
        yield row


def _decoded(data: bytes) -> str:
    """Return text whose bytes that are no UTF-8 stay visible, so that the parser refuses them."""
    return data.decode("utf-8", errors="surrogateescape")
