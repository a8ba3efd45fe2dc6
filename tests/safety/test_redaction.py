"""What leaves the border: no planted form, no known value in any spelling, every benign line."""

import base64
import html
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.environments.simulated.incidents import generate
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.references import parse_reference, scenario_of
from agents.policy import digests
from agents.policy.digests import MARK, SecretDigests, hidable
from agents.policy.parse import parse
from agents.policy.redact import Redacted, redact
from tests.safety.planted import BENIGN, BY_FORM

KEY = b"k" * 32
VALUE = "Tr0ub4dor&3/x=y"
QUOTED = "it's-<b>'S3cr\"et"
FORMS_WANTED, OUTPUTS_WANTED = 60, 200


def test_there_are_enough_forms() -> None:
    assert len(BY_FORM) >= FORMS_WANTED


@pytest.mark.parametrize("form", BY_FORM)
def test_a_planted_form_never_comes_through(form: str) -> None:
    text, secret = BY_FORM[form]
    assert secret in text
    result = redact(f"2026-11-23 12:00:00 INFO x\n{text}\nafter")
    assert secret not in result.text
    assert result.count >= 1
    assert result.text.startswith("2026-11-23 12:00:00 INFO x\n")
    assert form.startswith("pem key, cut") or result.text.endswith("\nafter")


@pytest.mark.parametrize("form", BY_FORM)
def test_redacted_text_is_redacted(form: str) -> None:
    once = redact(BY_FORM[form][0])
    assert redact(once.text) == Redacted(once.text, 0)


@pytest.mark.parametrize("text", BENIGN)
def test_a_look_alike_stays(text: str) -> None:
    assert redact(text) == Redacted(text, 0)


SPELLED = {
    "plain": VALUE,
    "quoted": f'"{VALUE}"',
    "in a sentence": f"tried {VALUE}, then gave up",
    "json": json.dumps({"x": VALUE}),
    "base64": base64.b64encode(VALUE.encode()).decode(),
    "base64 without padding": base64.b64encode(VALUE.encode()).decode().rstrip("="),
    "base64 of a line": base64.b64encode(f"{VALUE}\n".encode()).decode(),
    "base64 for urls": base64.urlsafe_b64encode(VALUE.encode()).decode(),
    "hex": VALUE.encode().hex(),
    "HEX": VALUE.encode().hex().upper(),
    "percent-encoded": quote(VALUE, safe=""),
    "in a path": f"/login/{VALUE}/x",
    "behind a tag": f"<b>{VALUE}</b>",
    "glued to letters": f"x{VALUE}x",
    "json of go": VALUE.replace("&", "\\u0026"),
    "json in json of go": VALUE.replace("&", "\\\\u0026"),
    "html": html.escape(VALUE),
    "percent-encoded, lower case": quote(VALUE, safe="").replace("F", "f").replace("D", "d"),
    "percent-encoded, in part": quote(VALUE, safe="!'()*~;,/?:@&=+$#"),
    "base64 of user and value": base64.b64encode(f"user:{VALUE}".encode()).decode(),
    "base64 of users and value": base64.b64encode(f"users:{VALUE}".encode()).decode(),
    "base64 amid more": base64.b64encode(f"{{'a': '{VALUE}', 'b': 1}}".encode()).decode(),
}


@pytest.mark.parametrize("spelling", SPELLED)
def test_a_known_value_is_found_in_every_spelling(spelling: str) -> None:
    text = f"INFO x {SPELLED[spelling]} after"
    result = redact(text, SecretDigests.of(KEY, [VALUE]))
    assert MARK in result.text and result.count == 1
    for told in (VALUE, SPELLED[spelling].strip('"')):
        assert told not in result.text


@pytest.mark.parametrize(
    "spelled",
    [
        json.dumps(QUOTED)[1:-1],
        json.dumps(json.dumps(QUOTED))[3:-3],
        json.dumps(QUOTED)[1:-1].replace("<", "\\u003c").replace(">", "\\u003e"),
        QUOTED.replace("'", "''"),
        QUOTED.replace("'", "'\\''"),
        html.escape(QUOTED),
        html.escape(QUOTED).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
        quote(QUOTED, safe="!'()*~"),
    ],
)
def test_a_known_value_with_quotes_is_found_as_it_is_escaped(spelled: str) -> None:
    assert SecretDigests.of(KEY, [QUOTED]).hide(f"x {spelled} y") == (f"x {MARK} y", 1)


def hashed(text: str, values: list[str]) -> int:
    """Return how many characters are hashed to find values in a text."""
    known, total = SecretDigests.of(KEY, values), 0

    def counted(key: bytes, value: str) -> bytes:
        nonlocal total
        total += len(value)
        return digest(key, value)

    digest = digests._digest
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digests, "_digest", counted)
        known.hide(text)
    return total


@pytest.mark.parametrize("beginning", ["H4sI", "H4sI" * 4, "H4sI" * 9, "aaaa" * 9])
def test_what_is_hashed_grows_with_the_text_alone(beginning: str) -> None:
    """Ten long values that begin alike, as Helm's releases do, and a text full of beginnings."""
    near = f"{beginning}," * 2000
    short, long = ([f"{beginning}-{at}-{'k' * size}" for at in range(10)] for size in (99, 9999))
    once, twice = hashed(near, short), hashed(near * 2, short)
    assert twice <= 2.1 * once
    assert hashed(near, long) <= 1.1 * once
    crowd = [beginning + "k" * size for size in range(250)]
    assert hashed(near, crowd) <= 99 * len(near)


def test_nothing_of_a_known_value_is_kept() -> None:
    known = SecretDigests.of(KEY, [VALUE])
    held = repr([getattr(known, name) for name in type(known).__slots__])
    assert VALUE not in held and VALUE[:4] not in held
    assert VALUE not in repr(known) and repr(KEY) not in repr(known)
    assert all(len(head) == 2 for head in known.heads)
    assert not SecretDigests.of(b"o" * 32, [VALUE]).digests & known.digests


def test_what_can_be_hidden_of_a_secret() -> None:
    names = frozenset({"orders-service"})
    data = {
        "username": "someone-else",
        "password": "secret",
        "other": "password",
        "pin": "12345",
        "peer": "orders-service",
        "api": "q8-xyz",
        "url": "mongodb://admin:S3cr3tPw@orders-service:27017",
        "config": json.dumps({"a": {"b": ["deep-inside-it"]}}),
        "lines": "first-line-of-it\nsecond-line-of-it",
    }
    found = hidable(data, names)
    assert {"q8-xyz", "S3cr3tPw", "deep-inside-it", "second-line-of-it"} <= found
    assert not {"someone-else", "secret", "password", "12345", "orders-service", "admin"} & found


@given(st.text(max_size=300), st.text(alphabet="aB1-&=/", min_size=8, max_size=20))
def test_a_known_value_between_blanks_never_survives(text: str, value: str) -> None:
    known = SecretDigests.of(KEY, [value])
    shown, count = known.hide(f"{text} {value} {text}")
    assert f" {value} " not in shown and count >= 1


@given(st.text(max_size=400))
def test_any_text_can_be_redacted(text: str) -> None:
    result = redact(text, SecretDigests.of(KEY, [VALUE]), frozenset({"token"}))
    assert (result.count == 0) == (result.text == text)


def test_a_service_called_token_keeps_what_its_callers_log() -> None:
    line = "E0813 upstream desc = token: code = Internal desc = mongodb-token: GLIM-51 bad login"
    names = frozenset({"token", "mongodb-token"})
    assert redact(line, names=names) == Redacted(line, 0)
    assert redact(line).count == 2
    assert redact("upstream mongodb-token error: x", names=names).count == 0
    for line in ("connect to token:8080", "dial tcp mongodb-token:27017: refused"):
        assert redact(line, names=names) == Redacted(line, 0)
        assert redact(line).count == 1


@pytest.mark.parametrize(
    "line",
    [
        "token: Zx9-hunter2.Qq",
        "token=refused",
        '"token": "refused"',
        "api-token: refused",
        "token:8080/x",
    ],
)
def test_a_service_called_token_hides_no_secret(line: str) -> None:
    assert redact(line, names=frozenset({"token"})).count == 1


READS = (
    *("get pods", "get deployments -o yaml", "get svc -o json", "get events", "get endpoints"),
    *("get cm -o yaml", "describe pods", "describe deployments", "describe svc", "top pods"),
    *("get networkpolicies -o yaml", "describe nodes", "get pvc,pv -o yaml", "get all"),
)
PROBLEMS = ("noop_detection_social_network-1", "noop_detection_astronomy_shop-1")
BY_NAME_ALONE = ("password", "secret", "token")


def test_of_the_labs_outputs_nothing_but_named_values_and_addresses_of_people_is_hidden() -> None:
    """No form, number or random word errs: whatever changes names a secret or is an e-mail."""
    scenarios = [generate(seed) for seed in range(5)]
    scenarios += [scenario_of(parse_reference(one)) for one in PROBLEMS]
    outputs = changed = 0
    for scenario in scenarios:
        lab = Lab(scenario)
        lines = [f"kubectl {one}" for one in READS]
        lines += [
            f"kubectl logs deploy/{one.name} --tail=50" for one in scenario.application.components
        ]
        for line in lines:
            text = lab.read(parse(line, lab.namespace)).text
            result = redact(text)
            outputs += 1
            changed += bool(result.count)
            before, after = text.split("\n"), result.text.split("\n")
            for raw, shown in zip(before, after, strict=True):
                if raw != shown:
                    named = "[redacted:value]" in shown and any(
                        word in raw.lower() for word in BY_NAME_ALONE
                    )
                    assert named or "[redacted:e-mail]" in shown, (line, raw, shown)
    assert outputs >= OUTPUTS_WANTED
    assert changed <= outputs // 25
