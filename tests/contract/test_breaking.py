"""What counts as breaking, change by change, and what does not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from streams import schema
from streams.schema import breaking_changes


def fact(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


TEXT, NUMBER, WHOLE = {"type": "string"}, {"type": "number"}, {"type": "integer"}
NULL = {"type": "null"}

BREAKING = {
    "removed field": (fact(a=TEXT, b=TEXT), fact(a=TEXT), "b: was removed"),
    "new required field": (fact(a=TEXT), fact(("b",), a=TEXT, b=TEXT), "b: is required now"),
    "now required": (fact(a=TEXT), fact(("a",), a=TEXT), "a: is required now"),
    "other type": (fact(a=TEXT), fact(a=WHOLE), "a: was string, is integer now"),
    "narrowed type": (fact(a=NUMBER), fact(a=WHOLE), "a: was number, is integer now"),
    "typed": (fact(a={}), fact(a=TEXT), "a: was of any type, is string now"),
    "no longer null": (fact(a={"anyOf": [TEXT, NULL]}), fact(a=TEXT), "a: was null, is string now"),
    "enumerated": (fact(a=TEXT), fact(a=TEXT | {"enum": ["x"]}), "a: takes only 'x' now"),
    "less of an enumeration": (
        fact(a={"enum": ["x", "y"]}),
        fact(a={"enum": ["x"]}),
        "a: no longer takes 'y'",
    ),
    "other constant": (fact(a={"const": 1}), fact(a={"const": 2}), "a: no longer takes 1"),
    "shorter": (
        fact(a=TEXT | {"maxLength": 9}),
        fact(a=TEXT | {"maxLength": 8}),
        "a: maxLength was 9, is 8 now",
    ),
    "bounded": (fact(a=WHOLE), fact(a=WHOLE | {"minimum": 0}), "a: minimum was None, is 0 now"),
    "patterned": (fact(a=TEXT), fact(a=TEXT | {"pattern": "^x"}), "a: pattern was None, is ^x now"),
    "closed": (fact(), fact() | {"additionalProperties": False}, "other fields are refused now"),
    "inside a list": (
        fact(a={"type": "array", "items": fact(b=TEXT)}),
        fact(a={"type": "array", "items": fact()}),
        "a.[].b: was removed",
    ),
    "inside a map": (
        fact(a={"additionalProperties": TEXT}),
        fact(a={"additionalProperties": WHOLE}),
        "a.*: was string, is integer now",
    ),
    "inside a tuple": (
        fact(a={"prefixItems": [TEXT]}),
        fact(a={"prefixItems": [WHOLE]}),
        "a.[0]: was string, is integer now",
    ),
    "behind a reference": (
        fact(a={"$ref": "#/$defs/A"}) | {"$defs": {"A": fact(b=TEXT)}},
        fact(a={"$ref": "#/$defs/Z"}) | {"$defs": {"Z": fact()}},
        "a.b: was removed",
    ),
    "one of several": (
        fact(a={"oneOf": [TEXT, WHOLE]}),
        fact(a={"oneOf": [TEXT, NULL]}),
        "a: was integer, is string now",
    ),
}

HARMLESS = {
    "new field": (fact(a=TEXT), fact(a=TEXT, b=TEXT)),
    "no longer required": (fact(("a",), a=TEXT), fact(a=TEXT)),
    "widened type": (fact(a=WHOLE), fact(a=NUMBER)),
    "now also null": (fact(a=TEXT), fact(a={"anyOf": [TEXT, NULL]})),
    "one more value": (fact(a={"enum": ["x"]}), fact(a={"enum": ["y", "x"]})),
    "longer": (fact(a=TEXT | {"maxLength": 8}), fact(a=TEXT | {"maxLength": 9})),
    "other words": (fact(a=TEXT), fact(a=TEXT | {"description": "d", "title": "t"})),
    "opened": (fact() | {"additionalProperties": False}, fact()),
    "one more alternative": (fact(a={"oneOf": [TEXT]}), fact(a={"oneOf": [WHOLE, TEXT]})),
}


@pytest.mark.parametrize("case", BREAKING)
def test_a_breaking_change_is_told(case: str) -> None:
    old, new, told = BREAKING[case]
    assert any(line.endswith(told) for line in breaking_changes(old, new))


@pytest.mark.parametrize("case", HARMLESS)
def test_an_addition_is_none(case: str) -> None:
    old, new = HARMLESS[case]
    assert breaking_changes(old, new) == []


@pytest.mark.parametrize("kind", schema.public_facts(), ids=lambda kind: kind.__name__)
def test_no_schema_breaks_itself(kind: type) -> None:
    whole = schema.schema_of(kind)
    assert breaking_changes(whole, whole) == []


LEAF = st.sampled_from(
    [{}, TEXT, NUMBER, WHOLE, NULL, {"type": "string", "maxLength": 2}, {"enum": ["x", 1]}]
)
FIELDS = st.dictionaries(
    st.sampled_from("ab"), LEAF | st.lists(LEAF, min_size=1).map(lambda several: {"anyOf": several})
)
SCHEMAS = st.tuples(FIELDS, st.sets(st.sampled_from("ab")), st.booleans()).map(
    lambda drawn: (
        fact(tuple(sorted(drawn[1])), **drawn[0])
        | ({"additionalProperties": False} if drawn[2] else {})
    )
)
VALUE = st.none() | st.integers(0, 2) | st.floats(0, 2) | st.sampled_from(["x", "yy", "zzz"])


@given(old=SCHEMAS, new=SCHEMAS, value=st.dictionaries(st.sampled_from("abc"), VALUE))
def test_what_the_old_schema_took_the_unbroken_new_one_takes(
    old: dict[str, Any], new: dict[str, Any], value: dict[str, Any]
) -> None:
    if breaking_changes(old, new) or not Draft202012Validator(old).is_valid(value):
        return
    undeclared = set(value) - set(old["properties"])
    if undeclared & set(new["properties"]):
        return
    assert Draft202012Validator(new).is_valid(value)
