"""A Secret that comes out as an object: its values are taken out, what tells of it stays."""

import base64
import json

import pytest

from agents.policy.redact import Redacted, redact

PLAIN = "Correct horse, battery!"
CODED = base64.b64encode(PLAIN.encode()).decode()
HIDDEN = "[redacted:secret data]"


def secret(member: str, **values: str) -> dict[str, object]:
    return {"kind": "Secret", member: values, "metadata": {"name": "licence-of-geo"}}


BY_SHAPE = {
    "yaml": f"kind: Secret\ndata:\n  licence: {CODED}\nmetadata:\n  name: licence-of-geo",
    "yaml list": f"items:\n- kind: Secret\n  data:\n    licence: {CODED}\n  name: licence-of-geo",
    "json": json.dumps(secret("data", licence=CODED)),
    "json over lines": json.dumps(secret("data", licence=CODED), indent=2),
    "annotation": f"kind: Secret\nlast: {json.dumps(json.dumps(secret('data', licence=CODED)))}",
    "yaml, plain": f"kind: Secret\nstringData:\n  licence: {PLAIN}\nname: licence-of-geo",
    "yaml list, plain": f"- kind: Secret\n  stringData:\n    licence: {PLAIN}\n  n: licence-of-geo",
    "yaml over lines, plain": f"kind: Secret\nstringData:\n  licence: |\n    a\n    {PLAIN}\n",
    "json, plain": json.dumps(secret("stringData", licence=PLAIN)),
    "json over lines, plain": json.dumps(secret("stringData", licence=PLAIN), indent=2),
    "annotation, plain": "kind: Secret\nlast: "
    + json.dumps(json.dumps(secret("stringData", licence=PLAIN))),
}


@pytest.mark.parametrize("shape", BY_SHAPE)
def test_no_value_of_a_secret_is_left(shape: str) -> None:
    text = BY_SHAPE[shape]
    result = redact(text)
    assert PLAIN not in result.text and CODED not in result.text
    assert result.count == result.text.count(HIDDEN) >= 1
    assert result.text.count("licence") == text.count("licence")
    assert redact(result.text) == Redacted(result.text, 0)


def test_each_value_is_counted_and_what_stands_around_the_data_stays() -> None:
    text = (
        f"kind: Secret\ndata:\n  a: {CODED}\n  b: {CODED}\nstringData:\n  c: {PLAIN}\ntype: Opaque"
    )
    wanted = text.replace(CODED, HIDDEN).replace(PLAIN, HIDDEN)
    assert redact(text) == Redacted(wanted, 3)
    beside = f"{text}\nnote: password=x1y2z3"
    named = "\nnote: password=[redacted:value]"
    assert redact(beside) == Redacted(wanted + named, 4)
    line = f'INFO {{"kind":"Secret","data":{{"a":"{CODED}","b":"{CODED}"}},"type":"Opaque"}} end'
    assert redact(line) == Redacted(line.replace(CODED, HIDDEN), 2)


def test_of_several_secrets_each_is_hidden_and_nothing_between_them_is_lost() -> None:
    one = f"kind: Secret\nname: a\ndata:\n  a: {CODED}\ntype: Opaque\n"
    text = f"{one}---\n{one.replace('name: a', 'name: b')}end"
    assert redact(text) == Redacted(text.replace(CODED, HIDDEN), 2)


@pytest.mark.parametrize(
    "text",
    [
        f"kind: ConfigMap\ndata:\n  licence: {CODED}\n",
        "kind: Secret\ndata:\n  words: not base64!\n  empty: \n",
        "kind: Secret\nmetadata:\n  name: licence-of-geo\n",
    ],
)
def test_what_is_no_value_of_a_secret_stays(text: str) -> None:
    assert redact(text) == Redacted(text, 0)
