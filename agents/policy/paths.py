"""The JSONPaths that policy can read: names, each with at most one bracket behind it.

Invariant: what is no such path is refused, so that none means more to kubectl than it says here.
kubectl skips `@`, `$` and blanks anywhere, gives the value itself for a trailing `..`, takes a
quoted `*` for all members and prints what it can't filter. Time is linear: no repetition is tried
twice.
"""

import re
from dataclasses import dataclass

FORMS = (
    "a path is made of .name, ..name and ['name'], behind a name one of [0], [0:2], [0,1], [*] or"
    ' [?(@.name=="text")], and $ or @ only first'
)

_NAME = r"(?:[A-Za-z0-9_/-]|\\\.)++"
_NUMBER = r"-?[0-9]{1,9}"
_PART = rf"(?:{_NUMBER})?(?::{_NUMBER}|:){{1,2}}"
_MEMBER = rf"\.{_NAME}|\['{_NAME}'\]|\[{_NUMBER}\]"
# no quote, bracket or brace in a text: kubectl may take one for the filter's end
_LITERAL = (
    r"\"[^\"'\\(){}\[\]\n]*+\"|'[^\"'\\(){}\[\]\n]*+'|-?[0-9]{1,18}(?:\.[0-9]{1,9})?|true|false"
)
_FILTER = (
    rf"\?\(@(?P<compared>(?:{_MEMBER})++)"
    rf"(?: *+(?P<operator>==|!=|<=|>=|<|>) *+(?P<literal>{_LITERAL}))? *+\)"
)
_STEP = re.compile(
    rf"(?:(?P<dots>\.\.?)(?P<plain>{_NAME})|\[\"(?P<double>{_NAME})\"\]"
    rf"|\[(?P<quoted>'{_NAME}'(?: ?, ?'{_NAME}')*+)\])"
    rf"(?:\[(?P<bracket>\*|{_NUMBER}(?: ?, ?{_NUMBER})*+|{_PART}|{_FILTER})\])?"
)
_RELAXED = re.compile(r"\{(?P<inner>[^{}]*)\}|(?P<bare>[^{}]*)")


@dataclass(frozen=True, slots=True)
class Step:
    """A name of a path. deep: found anywhere below; bracket: what stands in the one behind it.

    compared, operator, literal: of that bracket, if it is a filter; beside: the next name is of the
    same place, `['name','image']`.
    """

    name: str
    deep: bool = False
    bracket: str = ""
    compared: tuple["Step", ...] = ()
    operator: str = ""
    literal: str = ""
    beside: bool = False


def steps_of(path: str) -> tuple[Step, ...] | None:
    """Return the names of a path inside braces, None where it isn't one that policy can read."""
    text = path[1:] if path[:1] in {"$", "@"} else path
    found: list[Step] = []
    at = 0
    while at < len(text):
        step = _STEP.match(text, at)
        names = _names(step) if step else []
        if step is None or (step["bracket"] and len(names) > 1):
            return None
        found += [Step(name, beside=True) for name in names[:-1]]
        found.append(_step(names[-1], step))
        at = step.end()
    return tuple(found) if path else None


def _names(step: re.Match[str]) -> list[str]:
    """Return the names of one place, several where they stand in one bracket."""
    several = re.findall("'([^']+)'", step["quoted"] or "")
    names = several or [step["plain"] or step["double"]]
    return [name.replace("\\", "") for name in names]


def _step(name: str, step: re.Match[str]) -> Step:
    compared = steps_of(step["compared"]) if step["compared"] else ()
    filtered = (compared or (), step["operator"] or "", step["literal"] or "")
    return Step(name, step["dots"] == "..", step["bracket"] or "", *filtered)


def relaxed(path: str) -> str:
    """Return a column's path or a sort key as it stands inside braces: both may do without."""
    found = _RELAXED.fullmatch(path)
    inner = path if found is None else found["inner"] or found["bare"] or ""
    return inner if inner[:1] in {"", ".", "$", "@", "["} else f".{inner}"
