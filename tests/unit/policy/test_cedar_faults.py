"""Where a policy stands in a file: what Cedar does not tell."""

from agents.policy.cedar_faults import places

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
