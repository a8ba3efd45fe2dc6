"""What counts as a secret or as personal data, at the edges: one character more or less."""

import base64
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.policy import entropy, layers, personal
from agents.policy.digests import MARK, SecretDigests, hidable
from agents.policy.named import hide
from agents.policy.redact import Redacted, redact
from agents.policy.spellings import spellings

KEY = b"k" * 32


def known(*values: str) -> SecretDigests:
    return SecretDigests.of(KEY, values)


@pytest.mark.parametrize(
    ("text", "shown", "count"),
    [
        ("abcd", MARK, 1),
        ("abc", "abc", 0),
        ("(abcd)(abcd)", f"({MARK})({MARK})", 2),
        ("xabcd", "xabcd", 0),
        ("abcdx", "abcdx", 0),
        ("abcd9", "abcd9", 0),
        ("_abcd_", f"_{MARK}_", 1),
        ("abcd-abcd", f"{MARK}-{MARK}", 2),
        ("abcd efgh-1", f"{MARK} efgh-1", 1),
        ("", "", 0),
    ],
)
def test_a_known_value_is_a_word_of_its_own(text: str, shown: str, count: int) -> None:
    assert known("abcd", "abc").hide(text) == (shown, count)


def test_of_two_known_values_the_longer_is_hidden_whole() -> None:
    both = known("hunter", "hunter.2-x")
    assert both.hide("a hunter.2-x b hunter c") == (f"a {MARK} b {MARK} c", 2)
    assert both.hide("hunter.2-yy") == (f"{MARK}.2-yy", 1)
    assert known("hunter.2-x", "2-x.more").hide("hunter.2-x.more") == (f"{MARK}.more", 1)
    assert known().hide("hunter") == ("hunter", 0)
    assert both.hide("hunted") == ("hunted", 0)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("xabcd-efgx", f"x{MARK}x"),
        ("xabcd-efg.yabcd-efg", f"x{MARK}.y{MARK}"),
        ("abcd-efgabcd-efg", MARK),
        ("xabcd-ef", "xabcd-ef"),
    ],
)
def test_a_known_value_of_eight_characters_is_found_inside_a_word(text: str, shown: str) -> None:
    assert known("abcd-efg").hide(text)[0] == shown


@pytest.mark.parametrize("length", [255, 256, 257, 300, 383, 384, 5000])
def test_a_long_value_is_hidden_whole_and_once(length: int) -> None:
    value = "".join(f"{number:x}-" for number in range(length))[:length]
    assert known(value).hide(f"x{value}y") == (f"x{MARK}y", 1)
    cut = known(value).hide(value[7:])[0]
    assert length < 257 or value[-100:] not in cut


def test_values_that_begin_alike_in_crowds_are_each_hidden() -> None:
    crowd = ["q" * 32 + "-" * size + "z" for size in range(1, 60)]
    for value in crowd:
        assert known(*crowd).hide(f"({value})") == (f"({MARK})", 1)


def test_what_helm_keeps_of_a_release_is_no_value() -> None:
    assert hidable({"release": "H4sIAAAAAAAA"}, frozenset()) == set()
    assert hidable({"release": "Zx9-hunter2"}, frozenset()) == {"Zx9-hunter2"}
    assert hidable({"other": "H4sIAAAAAAAA"}, frozenset()) == {"H4sIAAAAAAAA"}


@pytest.mark.parametrize(
    "value", ["a b+c/d", 'quo"te\\d', "größe 1", "lone \ud800 half", "tail==", "new\nline"]
)
def test_a_value_is_found_as_programs_spell_it(value: str) -> None:
    form = json.dumps(value)[1:-1]
    assert known(value).hide(f"x {form} y") == (f"x {MARK} y", 1)
    if "\ud800" not in value:
        for coded in (value.encode().hex(), value.encode().hex().upper()):
            assert known(value).hide(coded) == (MARK, 1)


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("grö&ße 1", "gr\\u00f6&\\u00dfe 1"),
        ("grö&ße 1", "grö\\u0026ße 1"),
        ("grö&ße 1", "gr\\u00f6\\u0026\\u00dfe 1"),
        ("grö&ße 1", "grö\\\\u0026ße 1"),
        ("grö&ße 1", "gr\\\\u00f6&\\\\u00dfe 1"),
        ("it's 'mine'", "it''s ''mine''"),
        ("it's 'mine'", "it'\\''s '\\''mine'\\''"),
        ("a<\"b\">'c'", "a&lt;&quot;b&quot;&gt;&#x27;c&#x27;"),
        ("a<\"b\">'c'", "a&lt;\"b\"&gt;'c'"),
        ("a<\"b\">'c'", "a&lt;&#34;b&#34;&gt;&#39;c&#39;"),
        ("a/b c!~", "a%2Fb%20c%21~"),
        ("a/b c!~", "a%2fb+c%21~"),
        ("a/b c!~", "a%2Fb%20c!~"),
        ("a/b c!~", "a/b%20c!~"),
    ],
)
def test_a_value_is_found_in_the_spelling_of(value: str, form: str) -> None:
    assert form in spellings(value)
    assert known(value).hide(f"x {form} y") == (f"x {MARK} y", 1)


def test_a_value_is_found_in_base64_with_and_without_its_padding() -> None:
    for value in ("tr0ub4dor&3", "tr0ub4dor&", "s\xfc\xdfer\xff\xfe>?"):
        for raw in (value.encode(), value.encode() + b"\n"):
            for coded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
                word = coded.decode()
                assert known(value).hide(f"x {word} y") == (f"x {MARK} y", 1)
                assert known(value).hide(f"x {word.rstrip('=')} y") == (f"x {MARK} y", 1)


def test_a_value_in_a_form_field_has_plus_for_blank() -> None:
    for spelled in ("tr0ub4 d/x", "tr0ub4%20d%2Fx", "tr0ub4+d%2Fx"):
        assert known("tr0ub4 d/x").hide(f"q={spelled}&") == (f"q={MARK}&", 1), spelled


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ("abcde", False),
        ("ab-def", True),
        ("abcdef", False),
        ("123456", False),
        ("abc123", True),
        ("abcdefg", False),
        ("abcdefgh", True),
        ("12345678", True),
        ("Postgres", False),
        ("-----BEGIN", False),
        ("a-----b", True),
        ("  ab-def  ", True),
    ],
)
def test_a_value_is_hidable_that_is_no_ordinary_word(value: str, *, hidden: bool) -> None:
    assert (value.strip() in hidable({"x": value}, frozenset())) is hidden


def test_parts_of_a_value_count_when_they_are_mixed() -> None:
    assert hidable({"x": "k=Ab1-defg;l=abcd1234;m=ABCD-efg"}, frozenset()) >= {
        "Ab1-defg",
        "ABCD-efg",
    }
    assert "abcd1234" not in hidable({"x": "k=Ab1-defg;l=abcd1234"}, frozenset())
    assert hidable({"x": ' ["deep-1", {"a": "deep-2"}]'}, frozenset()) >= {"deep-1", "deep-2"}
    assert hidable({"x": '{"a": ["deep-3"]}'}, frozenset()) >= {"deep-3"}
    assert not hidable({"x": '{"a": '}, frozenset()) & {"a"}
    assert not hidable({"USER": "orders-1", "x": "orders-2"}, frozenset({"orders-2"}))


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("4111111111111111", True),
        ("4111 1111 1111 1111", True),
        ("4111-1111-1111-1111", True),
        ("4111111111111112", False),
        ("4111 1111-1111 1111", False),
        ("411 11111 1111 1111", False),
        ("4111111 1 1111 1111", False),
        ("378282246310005", True),
        ("3782 822463 10005", True),
        ("4222222222222", True),
        ("30569309025904", True),
        ("5555555555554444", True),
        ("555555555555444", False),
        ("9111111111111111", False),
    ],
)
def test_a_card_number_is_told_by_network_length_groups_and_check_digit(
    text: str, *, taken: bool
) -> None:
    assert personal.card(text) == (len(text) if taken else 0)
    if text[0] in "23456":
        wanted = "[redacted:card number]" if taken else text
        assert personal.hide(f"paid {text} today") == (f"paid {wanted} today", int(taken))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("DE89370400440532013000", 22),
        ("DE89 3704 0044 0532 0130 00", 27),
        ("NO9386011117947", 15),
        ("DE89 3704 0044 0532 0130 01", 0),
        ("GB82 WEST 1234 5698 7654 32 PAID", 27),
        ("DE893704004405320130", 0),
    ],
)
def test_a_bank_account_is_told_by_its_check_digits(text: str, size: int) -> None:
    assert personal.iban(text) == size


@pytest.mark.parametrize(("digits", "taken"), [(8, False), (9, True), (15, True), (16, False)])
def test_a_phone_number_has_nine_to_fifteen_digits(digits: int, *, taken: bool) -> None:
    text = "+" + "49 30 123456789012345"[: digits + 2]
    assert personal.phone(text) == (len(text) if taken else 0)


HIDDEN = "[redacted:value]"
RANDOM = "aB3xQ9zL0pW7vK2mT5rY8cN1dF4gH6jS"


@pytest.mark.parametrize(
    ("word", "drawn"),
    [
        (RANDOM, True),
        (RANDOM.lower(), False),
        (RANDOM.upper(), False),
        ("aaBBBB" + RANDOM[6:].swapcase(), True),
        ("abc-ABC-123-xyz-XYZ-456-qrs-789-tuv", False),
        ("aB1" * 11, False),
        ("ab12cd34ef56ab12cd34ef56AB12CD34", False),
        ("abcdefghijklmABCDEFGHIJKLM123456", False),
        ("nopqrstuvwxyz1NOPQRSTUVWXYZ2-3a4", True),
        ("abCdefghijklmnOpqrstuv1xyz2bcdE3", True),
        ("abCdefghijklmnOpqrstuv1xyz2bcdef", False),
        ("________" + RANDOM, True),
        ("/-" * 20 + RANDOM + "_" * 40, True),
        ("-a" * 20 + RANDOM, False),
        ("_" * 40 + "aB3xQ9zL0", False),
    ],
)
def test_random_words_are_mixed_spread_and_of_high_entropy(word: str, *, drawn: bool) -> None:
    assert entropy.is_random(word) is drawn
    wanted = "[redacted:random text]" if drawn else word
    assert entropy.hide(f"INFO {word} end") == (f"INFO {wanted} end", int(drawn))


@pytest.mark.parametrize(
    "text",
    [
        *("4111111111111111", "DE89370400440532013000", "+4915112345678", "415-555-2671"),
        *("078-05-1120", "AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE" * 2, "dapi" + "01ab" * 8),
        *("shpat_" + "01ab" * 8, "glsa_" + "aB3x" * 8, "xoxb-123456789012-abcdef"),
        *("hvs." + "aB3x" * 8, "abcdef.0123456789abcdef", "a@b.example"),
        *("ghp_" + "a1B2" * 9, ("ghp_" + "a1B2" * 9) * 2, ("npm_" + "a1B2" * 9) * 2),
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9.dGVzdHNpZ25hdHVyZQ",
    ],
)
@pytest.mark.parametrize("glue", ["_{}", "{}_", "_{}_", "({})"])
def test_a_separator_beside_it_hides_no_form(text: str, glue: str) -> None:
    shown = redact(glue.format(text)).text
    assert re.fullmatch(r"[_(]?\[redacted:[a-z -]+\][_)]?", shown), shown
    assert text[0] in "ae+" or redact(f"x{text}").text == f"x{text}"  # may begin within a word


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"a":"pass:\\n  x1y2z3-a","b":"\\n"}', f'{{"a":"pass:\\n  {HIDDEN}","b":"\\n"}}'),
        ('"pass: |\\r\\n\\tx \\\\ y\\r\\nz"', f'"pass: |\\r\\n\\t{HIDDEN}\\r\\nz"'),
        ("{'a': 'pass: |\\n  it', 'b': 1}", f"{{'a': 'pass: |\\n  {HIDDEN}', 'b': 1}}"),
        (
            '"{\\"a\\":\\"pass:\\\\n  x\\",\\"b\\":1}"',
            f'"{{\\"a\\":\\"pass:\\\\n  {HIDDEN}\\",\\"b\\":1}}"',
        ),
        (
            "[pod/x/c] pass:\n[pod/y/c] a: b\n[pod/x/c]   x",
            f"[pod/x/c] pass:\n[pod/y/c] a: b\n[pod/x/c]   {HIDDEN}",
        ),
        (
            "@@ -1,2 +1,2 @@\n pass: |\n-  a b\n+  c\n   d\nend",
            f"@@ -1,2 +1,2 @@\n pass: |\n-  {HIDDEN}\n+  {HIDDEN}\n   {HIDDEN}\nend",
        ),
        (
            "@@ -1 +1 @@\n-pass:\n-  a\n+port:\n+  b",
            f"@@ -1 +1 @@\n-pass:\n-  {HIDDEN}\n+port:\n+  b",
        ),
        ("pass:\r\n  a-b\r\nport: 1\r", f"pass:\r\n  {HIDDEN}\r\nport: 1\r"),
    ],
)
def test_what_stands_around_a_value_is_put_back(text: str, shown: str) -> None:
    result = redact(text)
    assert result.text == shown
    assert redact(shown) == Redacted(shown, 0)


@given(st.text(alphabet="pas:\\ntr\"'| -+@\n\r", max_size=120))
def test_no_layer_loses_anything_where_nothing_is_hidden(text: str) -> None:
    assert layers.hide(text, lambda part: (part, 1))[0] == text
    assert layers.hide(text, lambda part: (part, 0)) == (text, 0)


def test_every_random_word_is_hidden_and_counted() -> None:
    text = f'first "{RANDOM}" {RANDOM[::-1]}== ./{RANDOM}'
    hidden = "[redacted:random text]"
    assert entropy.hide(text) == (f'first "{hidden}" {hidden} ./{RANDOM}', 2)
    assert entropy.bits("aabb") == 1.0
    assert entropy.bits("abcdefgh") == 3.0
    assert entropy.bits("aaaa") == 0.0


@pytest.mark.parametrize(
    ("text", "shown", "count"),
    [
        ("password=x1 token: t0k3n", "password=[redacted:value] token: [redacted:value]", 2),
        ('password="x1y2z3"', 'password="[redacted:value]"', 1),
        ("password='x1y2z3'", "password='[redacted:value]'", 1),
        ('{\\"password\\": \\"x1y2z3\\"}', '{\\"password\\": \\"[redacted:value]\\"}', 1),
        ("mysql --password x1y2z3 db", "mysql --password [redacted:value] db", 1),
        (
            "- name: DB_PASSWORD\n  value: x1y2z3\n- name: B\n  value: y",
            "- name: DB_PASSWORD\n  value: [redacted:value]\n- name: B\n  value: y",
            1,
        ),
        ("a\npassword=x1y2z3\nb", "a\npassword=[redacted:value]\nb", 1),
        ("password: <none>", "password: <none>", 0),
        ("password: 12", "password: 12", 0),
        ("password: ''", "password: ''", 0),
        ("compass: north", "compass: north", 0),
        ("x://a:b@h y://c:d@h", "x://[redacted:credentials]@h y://[redacted:credentials]@h", 2),
    ],
)
def test_a_named_value_goes_and_its_name_its_quotes_and_its_line_stay(
    text: str, shown: str, count: int
) -> None:
    assert redact(text) == Redacted(shown, count)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password:\n  x1y2z3-a\nuser: bob", f"password:\n  {HIDDEN}\nuser: bob"),
        ("password:\n  x1y2z3-a\n  user: bob", f"password:\n  {HIDDEN}\n  user: bob"),
        ("password:\n\n  x1y2z3-a\nuser: bob", f"password:\n\n  {HIDDEN}\nuser: bob"),
        ("password:\n  x1y2z3-a", f"password:\n  {HIDDEN}"),
        ("password:\nuser", "password:\nuser"),
        (
            "password: |\n  one two\n\n    three\nuser: bob",
            f"password: |\n  {HIDDEN}\n\n    {HIDDEN}\nuser: bob",
        ),
        ("password: >-\n  one two\nuser: bob", f"password: >-\n  {HIDDEN}\nuser: bob"),
        (f"password: |\n  {HIDDEN}\n  two", f"password: |\n  {HIDDEN}\n  {HIDDEN}"),
        (
            "password:\n- a-1-x\n- 'b-2-y'\nuser: bob",
            f"password:\n- {HIDDEN}\n- '{HIDDEN}'\nuser: bob",
        ),
        ("password: [\n  a-1-x,\n  b-2-y\n]", f"password: [\n  {HIDDEN},\n  {HIDDEN}\n]"),
        (
            "- --db-password\n- x1y2z3-a\n- --port\n- 8080",
            f"- --db-password\n- {HIDDEN}\n- --port\n- 8080",
        ),
        (
            "name: DB_PASSWORD\nvalue: |\n  one two\n  three\nuser: bob",
            f"name: DB_PASSWORD\nvalue: |\n  {HIDDEN}\n  {HIDDEN}\nuser: bob",
        ),
        ("name: DB_PASSWORD\nvalue:\n  x1y2z3-a", f"name: DB_PASSWORD\nvalue:\n  {HIDDEN}"),
        ("name: DB_PASSWORD\nvalue: |", "name: DB_PASSWORD\nvalue: |"),
        ('password="x1y2z3-a', f'password="{HIDDEN}'),
        ("password='a'", f"password='{HIDDEN}'"),
        ("password=[x1y2z3-a]", f"password=[{HIDDEN}]"),
        ('password=\\"\\"', 'password=\\"\\"'),
        ("password=''x1y2z3-a", f"password=''{HIDDEN}"),
    ],
)
def test_of_a_value_below_its_name_the_value_alone_goes(text: str, shown: str) -> None:
    assert hide(text, frozenset()) == (shown, shown.count(HIDDEN) - text.count(HIDDEN))


def test_a_log_of_a_service_keeps_what_it_tells_of_that_service_alone() -> None:
    names = frozenset({"token", "auth-token"})
    for line in ("token: refused", "x auth-token: refused", "token: ERR-12 refused"):
        assert redact(line, names=names) == Redacted(line, 0), line
    for line in ("my-token: refused", "token: Zx9hunter2", "token:refused", "token = refused."):
        assert redact(line, names=names).count == 1, line


def test_everything_that_is_hidden_is_counted() -> None:
    text = (
        f"AKIAABCDEFGHIJKLMNOP a@b.example password=x1y2z3 hunter-22 {RANDOM} +49 30 1234567 "
        "4111111111111111 AKIAABCDEFGHIJKLMNOQ"
    )
    shown = redact(text, known("hunter-22"))
    assert shown.count == shown.text.count("[redacted:") == 8
    twice = "+49 30 1234567, +49 30 7654321"
    assert personal.hide(twice) == ("[redacted:phone number], [redacted:phone number]", 2)
