"""Where a policy stands in a file: what Cedar does not tell."""

import pytest

from agents.policy.cedar_faults import places, too_deep

FIRST = '@id("a;b")\npermit (principal, action, resource);'
SECOND = "forbid (principal, action, resource)"


def test_each_policy_has_the_line_on_which_it_begins() -> None:
    text = f"// one; two\n\n{FIRST}\n// more\n{SECOND};"
    assert places(text) == [(3, FIRST), (6, f"{SECOND};")]
    assert places(FIRST) == [(1, FIRST)]


def test_what_has_no_end_is_a_policy_that_begins_somewhere() -> None:
    assert places(f"{FIRST}\n\n{SECOND}") == [(1, FIRST), (4, SECOND)]
    assert places(SECOND) == [(1, SECOND)]
    assert places("// nothing;\n") == []


@pytest.mark.parametrize(
    ("body", "deep"),
    [
        ("(" * 99 + ")" * 99, False),
        ("{" * 98 + "}" * 98, False),
        ("[" * 99 + "]" * 99, False),
        ("(" * 100 + ")" * 100, True),
        ("()" * 1000, False),
        (f'"{"(" * 1000}"', False),
        (f'"\\"{"(" * 1000}"', False),
        (f"// {'(' * 1000}\n", False),
        (f"// {'(' * 1000}\r", False),
        ("a || b && " * 250, False),
        ("a || b && " * 250 + " + c", True),
        ("if " * 501, True),
        ("gif " * 501, False),
        (".a" * 501, True),
        ("a < b > c" * 500, False),
        ("a < b > c" * 501, True),
        ("(a > b)" * 500 + "(" * 100, True),
        (f'["a", {"1," * 1000} "b"]', False),
    ],
)
def test_a_policy_is_too_deep_by_its_brackets_or_its_operators(body: str, *, deep: bool) -> None:
    text = f"{FIRST}\n{SECOND} when {{ {body} }};"
    assert too_deep(text) == ("the policy that begins on line 3" if deep else "")
    assert too_deep(f"{FIRST * 600}{text}") == (
        "the policy that begins on line 603" if deep else ""
    )
