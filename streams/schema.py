"""The JSON Schemas of public facts, and what would break those who build on them.

Invariant: `breaking_changes` is empty when every document that the old schema took is taken by the
new one and no field of the old one has gone. Pure; `streams/contract.py` reads and writes files.
"""

from collections.abc import Iterable, Iterator, Mapping

from agents.contracts.model_base import TYPE_PREFIX, Fact
from streams.topic import Visibility
from streams.topics import TOPICS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = Mapping[str, object]
Place = tuple[str, ...]

LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
EXACT = ("pattern", "format")
UNIONS = ("anyOf", "oneOf")
MAX_DEPTH = 40


def public_facts() -> tuple[type[Fact], ...]:
    """Return the facts of public topics, in the order of the registry."""
    public = (topic for topic in TOPICS if topic.visibility is not Visibility.INTERNAL)
    return tuple(dict.fromkeys(fact for topic in public for fact in topic.facts))


def name_of(fact: type[Fact]) -> str:
    """Return the name under which a fact's schema is filed, such as `AlertReceived.v1`."""
    return fact.TYPE.removeprefix(TYPE_PREFIX)


def schema_of(fact: type[Fact]) -> dict[str, object]:
    """Return the JSON Schema (2020-12) of what readers of a fact accept."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:aoi:schema:{name_of(fact)}",
        **fact.model_json_schema(mode="validation"),
    }


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """Return one line a removed field, narrowed type or bound, or newly required field."""
    return list(dict.fromkeys(_Comparison(old, new).changes(old, new, ())))


class _Comparison:
    """Two documents, each with the definitions that its references point into."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new

    def changes(self, old: Schema, new: Schema, place: Place) -> Iterator[str]:
        """Tell what `new` refuses of `old`, or lacks."""
        if len(place) > MAX_DEPTH:
            return
        wide = [_resolved(one, self._old) for one in _alternatives(_resolved(old, self._old))]
        narrow = [_resolved(one, self._new) for one in _alternatives(_resolved(new, self._new))]
        for before in wide:
            found = [list(self._single(before, after, place)) for after in narrow]
            yield from min(found, key=len)

    def _single(self, old: Schema, new: Schema, place: Place) -> Iterator[str]:
        yield from _narrowed_type(old, new, place)
        yield from _narrowed_values(old, new, place)
        yield from _narrowed_bounds(old, new, place)
        yield from self._members(old, new, place)
        yield from self._items(old, new, place)

    def _members(self, old: Schema, new: Schema, place: Place) -> Iterator[str]:
        before, after = _mapping(old.get("properties")), _mapping(new.get("properties"))
        for name in _texts(new.get("required")):
            if name not in _texts(old.get("required")):
                yield f"{_told((*place, name))}: is required now"
        for name, content in before.items():
            if name not in after:
                yield f"{_told((*place, name))}: was removed"
            else:
                inner = (_mapping(content), _mapping(after[name]))
                yield from self.changes(*inner, (*place, name))
        yield from self._others(old, new, place)

    def _others(self, old: Schema, new: Schema, place: Place) -> Iterator[str]:
        before = old.get("additionalProperties", True)
        after = new.get("additionalProperties", True)
        if after is False and before is not False:
            yield f"{_told(place)}: other fields are refused now"
        elif isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from self.changes(before, after, (*place, "*"))

    def _items(self, old: Schema, new: Schema, place: Place) -> Iterator[str]:
        before, after = old.get("prefixItems"), new.get("prefixItems")
        if isinstance(before, list) and isinstance(after, list):
            for number, (one, other) in enumerate(zip(before, after, strict=False)):
                yield from self.changes(one, other, (*place, f"[{number}]"))
        if isinstance(old.get("items"), Mapping) and isinstance(new.get("items"), Mapping):
            inner = (_mapping(old["items"]), _mapping(new["items"]))
            yield from self.changes(*inner, (*place, "[]"))


def _narrowed_type(old: Schema, new: Schema, place: Place) -> Iterator[str]:
    before, after = _types(old), _types(new)
    if "number" in after:
        after = after | {"integer"}
    if after and not before:
        yield f"{_told(place)}: was of any type, is {_listed(after)} now"
    elif after and not before <= after:
        yield f"{_told(place)}: was {_listed(before)}, is {_listed(after)} now"


def _narrowed_values(old: Schema, new: Schema, place: Place) -> Iterator[str]:
    before, after = _values(old), _values(new)
    if after is not None and before is None:
        yield f"{_told(place)}: takes only {_listed(after)} now"
    elif after is not None and before is not None and not before <= after:
        yield f"{_told(place)}: no longer takes {_listed(before - after)}"


def _narrowed_bounds(old: Schema, new: Schema, place: Place) -> Iterator[str]:
    for names, sign in ((LOWER_BOUNDS, 1), (UPPER_BOUNDS, -1)):
        for name in names:
            before, after = old.get(name), new.get(name)
            if not isinstance(after, int | float):
                continue
            if not isinstance(before, int | float) or sign * after > sign * before:
                yield f"{_told(place)}: {name} was {before}, is {after} now"
    for name in EXACT:
        if name in new and new[name] != old.get(name):
            yield f"{_told(place)}: {name} was {old.get(name)}, is {new[name]} now"


def _alternatives(schema: Schema) -> list[Schema]:
    for union in UNIONS:
        found = schema.get(union)
        if isinstance(found, list) and found:
            return [one for inner in found for one in _alternatives(inner)]
    return [schema]


def _resolved(schema: Schema, document: Schema) -> Schema:
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    found: object = document
    for part in reference.removeprefix("#/").split("/"):
        found = _mapping(found).get(part)
    return _resolved(_mapping(found), document)


def _types(schema: Schema) -> frozenset[str]:
    given = schema.get("type")
    return frozenset([given]) if isinstance(given, str) else frozenset(_texts(given))


def _values(schema: Schema) -> frozenset[str] | None:
    if "const" in schema:
        return frozenset([repr(schema["const"])])
    given = schema.get("enum")
    return frozenset(map(repr, given)) if isinstance(given, list) else None


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _mapping(value: object) -> Schema:
    return value if isinstance(value, Mapping) else {}


def _listed(values: Iterable[str]) -> str:
    return ", ".join(sorted(values))


def _told(place: Place) -> str:
    return ".".join(place) or "the fact"
