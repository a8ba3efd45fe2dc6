"""What stands around a hidden value: the lines of a diff, of a string, of a map, a service's name.

Each row is one step beside the rows of `test_hiding.py`: what is hidden there is hidden here, too,
what stays there stays here, and every value is counted once.
"""

import json

import pytest

from agents.policy.redact import Redacted, redact

HIDDEN = "[redacted:value]"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # a text may begin within a diff
        ("+password: x1y2 z3", f"+password: {HIDDEN}"),
        ("+port: 1\n+password: x1y2 z3", f"+port: 1\n+password: {HIDDEN}"),
        # without a head a line's first `-` is its own
        (
            "flags of x:\n-password x1y2z3-a\n+verbose on",
            f"flags of x:\n-password {HIDDEN}\n+verbose on",
        ),
        # of several strings each is read, and each value is counted
        (
            '{"a":"pass:\\n  x1y2","b":"pass:\\n  z3-a"}',
            f'{{"a":"pass:\\n  {HIDDEN}","b":"pass:\\n  {HIDDEN}"}}',
        ),
        # only the first word below a name amid a line is its value, but a whole list is
        ("INFO password:\n  x1y2z3-a\n  more", f"INFO password:\n  {HIDDEN}\n  more"),
        (
            "INFO password:\n  - x1y2z3-a\n  - x1y2z3-b\nuser: bob",
            f"INFO password:\n  - {HIDDEN}\n  - {HIDDEN}\nuser: bob",
        ),
        # an item below an item that is a name alone
        ("- password:\n- x1y2z3-a\n- --port", f"- password:\n- {HIDDEN}\n- --port"),
        (
            "password:\n  my old\n  two words\nuser: bob",
            f"password:\n  {HIDDEN}\n  {HIDDEN}\nuser: bob",
        ),
        # members beside the value
        (
            "password:\n  type: x\n\n  value: x1y2z3-a\nuser: bob",
            f"password:\n  type: x\n\n  value: {HIDDEN}\nuser: bob",
        ),
        (
            "password:\n  from:\n    key: b\n  value: x1y2z3-a\nuser: bob",
            f"password:\n  from:\n    key: b\n  value: {HIDDEN}\nuser: bob",
        ),
        (
            "password:\n  type: x\n  value: |\n    one two\n  note: y\nuser: bob",
            f"password:\n  type: x\n  value: |\n    {HIDDEN}\n  note: y\nuser: bob",
        ),
        # a Secret's name amid another one
        ('my_secret="shop/db"', f'my_secret="{HIDDEN}"'),
        ('-secret="shop/db"', f'-secret="{HIDDEN}"'),
    ],
)
def test_the_values_go_and_the_lines_around_them_stay(text: str, shown: str) -> None:
    assert redact(text) == Redacted(shown, shown.count(HIDDEN))
    assert redact(shown) == Redacted(shown, 0)


@pytest.mark.parametrize(
    "text",
    [
        # no option begins with the column of a diff, in none of its parts
        "@@ -1 +1 @@\n-token refused\n+token accepted\n@@ -9 +9 @@\n-a: 1\n+a: 2",
        # nor is a list a diff
        "-AUTH: LOGIN\n-SIZE: 1000",
        "features:\n-AUTH: LOGIN\n-SIZE: 1000",
        # a string of one line is no line of its own
        '{"result":"pass: all twelve","log":"a\\nb"}',
        "ERROR in password:\n  see the manual",
        # settings in quotes, and nothing in quotes
        'password: "true"',
        '{"password":"none"}',
        "password=\"''\"",
        "password: '\"'",
        # a note, whatever it is made of
        "password: # see README_2.md",
        'INFO secret="shop/db"',
    ],
)
def test_what_is_no_value_stays(text: str) -> None:
    assert redact(text) == Redacted(text, 0)


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_the_quotes_of_a_string_are_put_back_at_their_depth(depth: int) -> None:
    told, wanted = 'password: "x1y2z3"\nport: "80"', f'password: "{HIDDEN}"\nport: "80"'
    for _ in range(depth + 1):
        told, wanted = json.dumps(told), json.dumps(wanted)
    assert redact(told) == Redacted(wanted, 1)


@pytest.mark.parametrize("line", ["auth-token: refused", "x auth-token: refused by token"])
def test_the_whole_name_of_a_service_counts(line: str) -> None:
    assert redact(line, names=frozenset({"auth-token"})) == Redacted(line, 0)
    for other in ("token", "auth", "my-auth-token"):
        assert redact(line, names=frozenset({other})).count == 1, other


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("dial token:8080 refused", 0),
        ("dial x-token:8080 refused", 1),
        ("dial token=8080 refused", 1),
        ("http://x-token:8080/x refused", 0),
        ("http://h/?token=8080 refused", 1),
        ("://x-token:8080/x refused", 0),  # what is left of a cut line
    ],
)
def test_a_number_is_a_port_behind_a_colon_and_a_service_or_in_an_address(
    line: str, count: int
) -> None:
    assert redact(line, names=frozenset({"token"})).count == count
