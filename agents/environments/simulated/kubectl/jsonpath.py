"""JSONPath as kubectl's templates have it: fields, indices, slices, filters, range and text.

Invariant: a path that finds nothing gives nothing; only an unreadable template is an error.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

_TOKEN = re.compile(
    r"\.\.?(?P<field>(?:[A-Za-z0-9_$/-]|\\.)+)|\.(?P<star>\*)"
    r"|\[(?P<quoted>'[^']*'|\"[^\"]*\")\]|\[(?P<all>\*)\]|\[(?P<index>-?\d+)\]"
    r"|\[(?P<union>-?\d+(?: *, *-?\d+)+)\]"
    r"|\[(?P<slice>(?:-?\d+)?:(?:-?\d+)?(?::(?:[1-9]\d*)?)?)\]|\[\?\((?P<filter>[^)]*)\)\]"
)
_FILTER = re.compile(r"^@(?P<path>[^=!<>\s]*)\s*(?:(?P<op>==|!=|>=|<=|>|<)\s*(?P<value>.+))?$")
_BLOCK = re.compile(r"\{((?:[^{}'\"]|'[^']*'|\"[^\"]*\")*)\}")


class BadTemplate(ValueError):
    """The template can't be read."""


def values_at(data: Any, path: str) -> list[Any]:  # noqa: ANN401 - JSON
    """Return everything that a path such as `.items[*].metadata.name` finds."""
    found, position = [data], 0
    text = path.strip().removeprefix("$").removeprefix("@")
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise BadTemplate(_problem(text[position:]))
        found = [value for item in found for value in _step(item, match)]
        position = match.end()
    return found


def _problem(rest: str) -> str:
    """Return what kubectl says of a path that can't be read on."""
    if rest.startswith("["):
        if "]" not in rest:
            return "unterminated array"
        inside = rest[1 : rest.index("]")]
        if inside.startswith("?(") and ")" not in inside:
            return "unterminated filter"
        return f"invalid array index {inside}"
    return f"unrecognized character in action: U+{ord(rest[0]):04X} '{rest[0]}'"


def _step(item: Any, match: re.Match[str]) -> list[Any]:  # noqa: ANN401 - JSON
    if match["star"] and isinstance(item, dict):
        return list(item.values())
    if not (match["field"] or match["quoted"]):
        return _of_list(item, match) if isinstance(item, list) else []
    spelled = match["quoted"][1:-1] if match["quoted"] else match["field"]
    name = re.sub(r"\\(.)", r"\1", spelled)
    if match.group().startswith(".."):
        return _anywhere(item, name)
    return [item[name]] if isinstance(item, dict) and name in item else []


def _of_list(items: list[Any], match: re.Match[str]) -> list[Any]:
    if match["star"] or match["all"]:
        return list(items)
    if match["slice"]:
        begin, end, step = (f"{match['slice']}:").split(":")[:3]
        return items[int(begin or 0) : int(end) if end else None : int(step or 1)]
    if match["filter"]:
        return [item for item in items if _holds(item, match["filter"])]
    indices = map(int, (match["union"] or match["index"]).split(","))
    return [items[index] for index in indices if -len(items) <= index < len(items)]


def _anywhere(item: Any, name: str) -> list[Any]:  # noqa: ANN401 - JSON
    found = []
    if isinstance(item, dict):
        if name in item:
            found.append(item[name])
        for value in item.values():
            found += _anywhere(value, name)
    elif isinstance(item, list):
        for value in item:
            found += _anywhere(value, name)
    return found


def _holds(entry: Any, text: str) -> bool:  # noqa: ANN401 - JSON
    match = _FILTER.match(text.strip())
    if match is None:
        raise BadTemplate(f"invalid filter: {text}")
    found = values_at(entry, match["path"])
    if match["op"] is None:
        return bool(found)
    if not found:
        return False
    wanted = match["value"].strip().strip("'\"")
    actual = shown(found[0])
    if match["op"] in ("==", "!="):
        return (actual == wanted) is (match["op"] == "==")
    try:
        left, right = float(actual), float(wanted)
    except ValueError:
        return False
    return {">": left > right, "<": left < right, ">=": left >= right, "<=": left <= right}[
        match["op"]
    ]


def escaped(text: str) -> str:
    """Return JSON with the letters escaped that Go escapes for the sake of HTML."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def shown(value: Any) -> str:  # noqa: ANN401 - JSON
    """Return a value as JSONPath output prints it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        return escaped(orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode())
    return str(value)


def evaluate(data: Any, template: str) -> str:  # noqa: ANN401 - JSON
    """Return the output of a whole template: text, `{paths}`, `{range}` ... `{end}`.

    `$` is the object of its range, as `@` is: kubectl skips both.
    """
    parts: list[tuple[bool, str]] = []
    position = 0
    for match in _BLOCK.finditer(template):
        parts.append((False, template[position : match.start()]))
        parts.append((True, match.group(1).strip()))
        position = match.end()
    rest = template[position:]
    if "{" in rest:
        raise BadTemplate("unclosed action")
    for action, text in parts:
        if action and re.search(r"\[[^\]'\"]*$", text):
            raise BadTemplate("unterminated array")
    parts.append((False, rest))
    out, _ = _run(data, parts, 0)
    return out


def _run(data: Any, parts: list[tuple[bool, str]], start: int) -> tuple[str, int]:  # noqa: ANN401 - JSON
    out: list[str] = []
    index = start
    while index < len(parts):
        action, text = parts[index]
        if not action:
            out.append(text)
        elif text.startswith("range"):
            stop = index + 1
            for item in values_at(data, text[5:]):
                piece, stop = _run(item, parts, index + 1)
                out.append(piece)
            index = stop if stop > index + 1 else _end_of(parts, index + 1)
        elif text == "end":
            return "".join(out), index
        else:
            out.append(_action(data, text))
        index += 1
    return "".join(out), index


def _end_of(parts: list[tuple[bool, str]], start: int) -> int:
    depth = 0
    for index in range(start, len(parts)):
        action, text = parts[index]
        if action and text.startswith("range"):
            depth += 1
        elif action and text == "end":
            if depth == 0:
                return index
            depth -= 1
    raise BadTemplate("not in range, nothing to end")


def _action(data: Any, text: str) -> str:  # noqa: ANN401 - JSON
    if text[:1] in "'\"" and text[-1:] == text[:1]:
        return text[1:-1].replace("\\n", "\n").replace("\\t", "\t")
    pieces = re.findall(r"(?:[^\s'\"\[]|\[[^\]]*\]|'[^']*'|\"[^\"]*\")+", text)
    found = []
    for piece in pieces:
        if piece[0] in "'\"":
            found.append(_action(data, piece))
            continue
        found.append(" ".join(shown(value) for value in values_at(data, piece)))
    return " ".join(found)
