"""What stands directly beside a value that a jsonpath template prints.

Invariant: a template that passes puts nothing beside a value that hides a known form from
redaction, also where a `range` prints its body again, or not at all; a value that can't be a
secret, as a name or a number of replicas, may stand anywhere.
"""

import re
from dataclasses import dataclass

from agents.policy.paths import Step, steps_of

BLOCK = re.compile(r"\{((?:[^{}'\"]|'[^']*'|\"[^\"]*\")*)\}")
BESIDE = frozenset(",;:=|()[]\"'")
"""Beside these and blanks every known form is found; beside others some aren't."""
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_REPLICAS = frozenset(
    f"{which}eplicas" for which in ("r", "readyR", "availableR", "updatedR", "currentR")
)
_STATES = frozenset({"name", "ready", "started", "restartCount"})
_PLAIN = {
    "metadata": frozenset({"name", "namespace"}),
    "spec": frozenset({"replicas", "nodeName", "clusterIP"}),
    "status": _REPLICAS | {"phase", "podIP", "hostIP"},
    "containerStatuses": _STATES,
    "initContainerStatuses": _STATES,
    "containers": frozenset({"name"}),
    "initContainers": frozenset({"name"}),
    "limits": frozenset({"cpu", "memory"}),
    "requests": frozenset({"cpu", "memory"}),
    "ports": frozenset({"name", "port", "targetPort", "nodePort", "containerPort", "protocol"}),
}
"""Behind these names, members that the API server takes as names and numbers alone."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Something that is printed. left, right: its ends, if it is text; plain: can't be a secret."""

    left: str = ""
    right: str = ""
    plain: bool = False


@dataclass(slots=True)
class _Range:
    """An open range. outer: what may stand before it; first: what its body may begin with."""

    base: tuple[Step, ...]
    outer: set["_Piece | int"]
    first: set[_Piece]


def is_glued(template: str) -> bool:
    """Return whether a template prints a value directly beside one or beside what may hide it."""
    before: set[_Piece | int] = set()
    ranges: list[_Range] = []
    pairs: set[tuple[_Piece, _Piece]] = set()
    for kind, text in (*_pieces(template), *([("end", "")] * template.count("{"))):
        base = ranges[-1].base if ranges else ()
        if kind == "range":
            ranges.append(_Range(_steps(base, text), set(before), set()))
            before = before | {len(ranges)}  # the mark of a body's beginning
        elif kind == "end":
            if ranges:
                before.discard(len(ranges))
                closed = ranges.pop()
                pairs |= {(one, two) for one in _printed(before) for two in closed.first}
                before |= closed.outer
        else:
            piece = _value(base, text) if kind == "path" else _Piece(text[0], text[-1])
            for mark in before:
                if isinstance(mark, int):
                    ranges[mark - 1].first.add(piece)
            pairs |= {(one, piece) for one in _printed(before)}
            before = {piece}
    return any(_hides(one, two) for one, two in pairs)


def literal(action: str) -> str | None:
    """Return what a quoted action prints, an unknown escape as a letter; None for a path."""
    if _QUOTED.fullmatch(action) is None:
        return None
    return re.sub(r"\\.?", "x", re.sub(r"\\[ntr]", " ", action[1:-1]))


def _pieces(template: str) -> list[tuple[str, str]]:
    """Return what a template is made of: `range`, `end` and `path` with the path, `text`."""
    found: list[tuple[str, str]] = []
    at = 0
    for block in BLOCK.finditer(template):
        action, shown = block[1].strip(" "), literal(block[1].strip(" "))
        found.append(("text", template[at : block.start()]))
        if action.startswith("range"):
            found.append(("range", action.removeprefix("range").lstrip(" ")))
        elif action == "end":
            found.append(("end", ""))
        else:
            found.append(("path", action) if shown is None else ("text", shown))
        at = block.end()
    found = [*found, ("text", template[at:])] if found else []
    return [(kind, text) for kind, text in found if kind != "text" or text]


def _printed(before: set[_Piece | int]) -> list[_Piece]:
    return [piece for piece in before if isinstance(piece, _Piece)]


def _steps(base: tuple[Step, ...], path: str) -> tuple[Step, ...]:
    """Return the names of a path as they are from the object on."""
    steps = steps_of(path) or ()
    return steps if path.startswith("$") else (*base, *steps)


def _value(base: tuple[Step, ...], path: str) -> _Piece:
    steps = _steps(base, path)
    parent, last = (Step(""), Step(""), *steps)[-2:]
    known = not (parent.beside or last.deep or last.bracket)
    return _Piece(plain=known and last.name in _PLAIN.get(parent.name, ()))


def _hides(one: _Piece, two: _Piece) -> bool:
    """Return whether two neighbours are values, or a value and what may hide it."""
    if one.right and two.left:
        return False
    if one.right or two.left:
        text = one.right or two.left
        return not (one.plain or two.plain or text.isspace() or text in BESIDE)
    return not (one.plain and two.plain)
