"""Lists that policies write out: Cedar makes a set of them at every question, so it gets them made.

Invariant: each list becomes an attribute, holding the same strings, of an entity whose type no
folder may name; nothing else of a policy is changed.
"""

import json
from collections.abc import Mapping

import cedarpy
from pydantic import JsonValue

TYPE, _MEMBERS = "AOI__List", "members"
_FEWEST = 2


class Pool:
    """The lists seen so far, each once."""

    def __init__(self) -> None:
        self._lists: dict[tuple[str, ...], str] = {}

    def lifted(self, policy: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Return a policy, in Cedar's JSON form, with its lists as attributes."""
        return {name: self._lifted(one) for name, one in policy.items()}

    def _lifted(self, part: JsonValue) -> JsonValue:
        if isinstance(part, list):
            return [self._lifted(one) for one in part]
        if not isinstance(part, dict):
            return part
        words = _words(part)
        if words is None:
            return self.lifted(part)
        name = self._lists.setdefault(words, str(len(self._lists)))
        entity: JsonValue = {"__entity": {"type": TYPE, "id": name}}
        return {".": {"left": {"Value": entity}, "attr": _MEMBERS}}

    def entities(self) -> cedarpy.Entities:
        """Return the entities that hold the lists."""
        return cedarpy.Entities.from_json_str(
            json.dumps(
                [
                    {
                        "uid": {"type": TYPE, "id": name},
                        "attrs": {_MEMBERS: list(words)},
                        "parents": [],
                    }
                    for words, name in self._lists.items()
                ]
            )
        )


def _words(part: dict[str, JsonValue]) -> tuple[str, ...] | None:
    """Return the strings of a list that holds several and nothing else, else None."""
    listed = part.get("Set")
    if len(part) != 1 or not isinstance(listed, list) or len(listed) < _FEWEST:
        return None
    words = [one.get("Value") if isinstance(one, dict) else None for one in listed]
    strings = tuple(word for word in words if isinstance(word, str))
    return strings if len(strings) == len(listed) else None
