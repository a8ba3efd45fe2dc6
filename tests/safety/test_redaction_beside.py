"""What names, options and programs give away is redacted in every layout, and nothing else is."""

import json
import timeit
from time import process_time

import pytest

from agents.policy.redact import Redacted, redact
from tests.safety.planted_beside import BESIDE, BY_NAME, CARD_CODES, ORDINARY, TOKENS, WITHIN, WORD

PLANTED = {**BESIDE, **BY_NAME}
FORMS_WANTED = 100


def test_there_are_enough_layouts() -> None:
    assert len(PLANTED) >= FORMS_WANTED


@pytest.mark.parametrize("layout", PLANTED)
def test_a_value_beside_its_name_never_comes_through(layout: str) -> None:
    text = PLANTED[layout]
    result = redact(f"before\n{text}\nafter")
    for part in (WORD, WORD[:7], "FiNe", "Qmc0"):
        assert part not in result.text
    assert result.count >= 1
    assert result.text.startswith("before\n") and result.text.endswith("\nafter")
    assert redact(result.text) == Redacted(result.text, 0)


OVER_LINES = {layout: text for layout, text in PLANTED.items() if "\n" in text}


@pytest.mark.parametrize("around", WITHIN)
@pytest.mark.parametrize("layout", OVER_LINES)
def test_a_value_on_another_line_is_found_within_logs_diffs_and_strings(
    layout: str, around: str
) -> None:
    text = WITHIN[around](OVER_LINES[layout])
    result = redact(text)
    for part in (WORD, "FiNe", "Qmc0"):
        assert part not in result.text
    assert result.count >= 1
    assert result.text.count("\n") == text.count("\n")
    assert redact(result.text) == Redacted(result.text, 0)


# amid a line of a log, `-password x` is an option and no line of a diff
@pytest.mark.parametrize("around", sorted(WITHIN.keys() - {"a diff in a log"}))
@pytest.mark.parametrize("text", [text for text in ORDINARY if "\n" in text])
def test_what_only_refers_to_a_secret_stays_within_logs_diffs_and_strings(
    text: str, around: str
) -> None:
    within = WITHIN[around](text)
    assert redact(within) == Redacted(within, 0)


@pytest.mark.parametrize("layout", ["args in yaml", "yaml list", "variable with blanks"])
def test_of_a_string_in_json_the_value_alone_goes(layout: str) -> None:
    told = {"a": OVER_LINES[layout] + '\nport: "80"\t#\\', "b": "ok", "c": 1}
    for depth in range(3):
        text = json.dumps(told)
        for _ in range(depth):
            text = json.dumps(text)
        shown = redact(text).text
        for _ in range(depth):
            shown = json.loads(shown)
        result = json.loads(shown)
        assert result == {**told, "a": result["a"]}
        assert result["a"].endswith('[redacted:value]\nport: "80"\t#\\')


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize("glue", ["_{}", "{}_", "/{}", "{}/", "____{}____"])
def test_a_token_with_a_separator_beside_it_never_comes_through(kind: str, glue: str) -> None:
    assert TOKENS[kind][8:] not in redact(glue.format(TOKENS[kind])).text


@pytest.mark.parametrize("kind", TOKENS)
def test_a_token_never_comes_through(kind: str) -> None:
    text = f"time=x msg={TOKENS[kind]} done"
    assert redact(text).count == 1
    assert TOKENS[kind][8:] not in redact(text).text


@pytest.mark.parametrize("text", CARD_CODES)
def test_the_code_of_a_card_is_hidden_though_it_is_a_short_number(text: str) -> None:
    result = redact(text)
    assert "123" not in result.text and result.count == 1
    assert redact(result.text) == Redacted(result.text, 0)


@pytest.mark.parametrize("text", ORDINARY)
def test_what_only_refers_to_a_secret_stays(text: str) -> None:
    assert redact(text) == Redacted(text, 0)


DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "geo", "annotations": {"deployment.kubernetes.io/revision": "3"}},
    "spec": {
        "template": {
            "spec": {
                "serviceAccountName": "geo",
                "imagePullSecrets": [{"name": "regcred"}],
                "containers": [
                    {
                        "name": "geo",
                        "args": ["--port", "8083", "--token-file", "/var/run/token"],
                        "env": [
                            {"name": "LOG_LEVEL", "value": "info"},
                            {
                                "name": "DB_PASSWORD",
                                "valueFrom": {"secretKeyRef": {"key": "password", "name": "db"}},
                            },
                            {"name": "SECRET_NAME", "value": "db-creds"},
                        ],
                        "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets/x"}],
                    }
                ],
                "volumes": [{"name": "token", "secret": {"secretName": "db-creds"}}],
            }
        }
    },
}
DESCRIBED = """
    Environment:
      LOG_LEVEL:    info
      DB_PASSWORD:  <set to the key 'password' in secret 'db'>  Optional: false
      SECRET_NAME:  db-creds
    Mounts:
      /var/run/secrets/kubernetes.io/serviceaccount from kube-api-access-x2x7q (ro)
  Volumes:
   token:
    Type:        Secret (a volume populated by a Secret)
    SecretName:  db-creds
    Optional:    false
"""


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(DEPLOYMENT),
        json.dumps(DEPLOYMENT, indent=4),
        json.dumps(DEPLOYMENT, separators=(",", ":")),
        json.dumps(json.dumps(DEPLOYMENT)),
        json.dumps(json.dumps(json.dumps(DEPLOYMENT))),
        DESCRIBED,
    ],
)
def test_an_ordinary_deployment_stays_as_it_is(text: str) -> None:
    assert redact(text) == Redacted(text, 0)


HARD = {
    "blanks before a value": lambda size: "password:" + " " * size + "x",
    "blanks in a value": lambda size: "password: a" + " " * size + "b",
    "names": lambda size: "SECRET_" * (size // 7),
    "a long name": lambda size: "a_" * (size // 2) + "password=x",
    "options": lambda size: '--password","' * (size // 13),
    "open blocks": lambda size: "password: |\n" * (size // 12),
    "open lists": lambda size: 'token: [\n"a",\n' * (size // 14),
    "escapes": lambda size: "password: " + "\\" * size + '"x',
    "clients": lambda size: "curl mysql redis-cli -" * (size // 22),
    "colours": lambda size: "\x1b[" * (size // 4) + "password" + "\x1b[0" * (size // 8) + "=x",
    "colours in json": lambda size: "\\" * size + "u001b[0m password=x",
    "comments": lambda size: "- name: PASSWORD " + "# " * (size // 2) + "\n  value: x",
    "nested": lambda size: '"password":{"a":1,' * (size // 18),
    "nested lines": lambda size: "password:\n  a: b\n" * (size // 18),
    "nested keys": lambda size: "".join(
        " " * at + "password:\n" for at in range(int((2 * size) ** 0.5))
    ),
    "words below": lambda size: "password:\n" + "  two words\n" * (size // 12),
    "open keys below": lambda size: "password:\n" * (size // 10),
    "xml": lambda size: '<entry key="password" ' * (size // 22),
    "endings": lambda size: "passwordMain" * (size // 12) + "=x",
    "plurals": lambda size: "tokens: secrets: " * (size // 17),
    "ports": lambda size: "x://a:1/" * (size // 8) + "@",
    "prose": lambda size: "password: not " + "a-" * (size // 2) + "1A",
    "a word below": lambda size: "password:\n  " + "a" * size + "=",
    "words of dots below": lambda size: "password:\n  " + "a." * (size // 2) + "{",
    "described": lambda size: "password:\n----\n" * (size // 15),
    "described, without an end": lambda size: "password:\n----\n" + "token:\n" * (size // 7),
    "timestamps": lambda size: "2026-11-23T12:00:00Z password:\n" * (size // 31),
    "diffs": lambda size: "+- --password\n-- x\n" * (size // 18),
    "heads of diffs": lambda size: "@@ -1 +1 @@\n+password:\n" * (size // 23),
    "escaped lines": lambda size: '"' + r"password:\n  x\n" * (size // 16) + '"',
    "escaped strings": lambda size: r'"password:\n  x",' * (size // 18),
    "escapes of escapes": lambda size: "password" + "\\" * size + "n",
    "glued keys": lambda size: "AKIAIOSFODNN7EXAMPLE" * (size // 20) + "x",
    "glued tokens": lambda size: "npm_" * (size // 4),
    "long words": lambda size: "aB3" * (size // 3) + ".",
}


@pytest.mark.parametrize("text", HARD)
def test_four_times_the_text_takes_no_sixteen_times_as_long(text: str) -> None:
    def seconds(size: int) -> float:
        given = HARD[text](size)
        return min(timeit.repeat(lambda: redact(given), number=1, repeat=3, timer=process_time))

    assert seconds(80_000) < 9 * seconds(20_000)
