"""Which literal values are secrets that an act must not publish, and which only refer to one."""

import base64

import pytest
from pydantic import JsonValue

from agents.approval.canonical import canonical_json
from agents.policy.actions import read_act
from agents.policy.literals import secret_member, secret_name
from agents.policy.refusal import Refusal

KEY = "AKIAIOSFODNN7EXAMPLE"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "x"),
        ("DB_PASSWORD", "123"),
        ("CVV", "123"),
        ("DB_PASSWORD", "12345678"),
        ("DB_PASSWORD", "truex"),
        ("DB_PASSWORD", "$HUNTER2"),
        ("DB_PASSWORD", "$(cat /run/secrets/pw)"),
        ("DB_PASSWORD", "process.env.HUNTER2"),
        ("DB_PASSWORD", "${DB_PASSWORD:hunter2}"),
        ("DB_PASSWORD", "$__file{/x}y"),
        ("DB_DSN", "hunter2secret$(P)"),
        ("DB_DSN", "u:hunter2@tcp($(HOST):3306)/d"),
        ("secret", "hunter2"),
        ("SECRET", "db"),
        ("kubernetes.io/change-cause", "set password: hunter2"),
        ("DB_PASSWORD", "x$(DB_PASSWORD)"),
        ("DB_PASSWORD", "${DB_PASSWORD:-hunter2}"),
        ("JWT_SIGNING_KEY", "x"),
        ("URL", "postgres://u:pw1234@h/d"),
        ("URL", "postgres://u:a$(PW)@h/d"),
        ("OPTS", "-Dpassword=hunter2 -Xmx1g"),
        ("OPTS", "$apr1$saltsalt$abcdefghijklmnopqrstuv"),
        ("OPTS", "a@b.example password=hunter2"),
        ("x.io/token", "hunter2"),
        ("x.io/auth-secret", "Hunter2!x"),
        ("note", "mysql -uroot -phunter2-root"),
        ("note", "# rotate the password: hunter"),
        ("note", "[redacted:e-mail] has password=hunter2"),
        ("AKIAIOSFODNN7EXAMPLE", "$(KEY)"),
    ],
)
def test_a_literal_is_told_by_its_name_or_by_its_form(name: str, value: str) -> None:
    assert secret_name([("A", "b"), (name, value)]) == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", ""),
        ("DB_PASSWORD", "$(OTHER)"),
        ("DB_PASSWORD", " ${OTHER} "),
        ("URL", "postgres://u:$(PW)@h/d"),
        ("URL", "postgres://u:${PW}@h:5432/d?sslmode=off"),
        ("DB_DSN", "u:$(PW)@tcp(db:3306)/d"),
        ("CONTACT", "anna@example.org, +49 151 12345678"),
        ("TOKEN_URL", "http://auth/oauth/token"),
        ("TOKEN_TTL", "3600"),
        ("PASSWORD_FILE", "/etc/db/password"),
        ("SECRET_NAME", "db-creds"),
        ("MAX_TOKENS", "4096"),
        ("nginx.ingress.kubernetes.io/auth-secret", "hotel-1/basic-auth"),
        ("note", "mysql -uroot -p$MYSQL_ROOT_PASSWORD -h db"),
        ("note", "copied: password=[redacted:value]"),
        ("compass", "north"),
        ("ALLOW_EMPTY_PASSWORD", "yes"),
        ("MYSQL_ALLOW_EMPTY_PASSWORD", "true"),
        ("USE_PASSWORD", "False"),
        ("DISABLE_AUTH", "true"),
        ("AUTH", "none"),
        ("SESSION_COOKIE_SECURE", "true"),
        ("COOKIE_SAMESITE", "lax"),
        ("CSRF_COOKIE_HTTPONLY", "true"),
        ("TOKEN_LEEWAY", "60"),
        ("ACCESS_TOKEN_LIFETIME", "5m"),
        ("REFRESH_TOKEN_VALIDITY", "30d"),
        ("REFRESH_TOKEN_VALIDITY", "2592000"),
        ("TOKEN_LIFESPAN", "12000"),
        ("OAUTH2_PROXY_COOKIE_REFRESH", "1h"),
        ("ACCESS_TOKEN", "1h30m"),
        ("LOGIN_TOKENS", "5"),
        ("DB_PASSWORD", "${DB_PASSWORD:}"),
        ("DB_PASSWORD", "${DB_PASSWORD:-}"),
        ("API_TOKEN", "${env:API_TOKEN}"),
        ("GF_PASSWORD", "$__file{/etc/secrets/db}"),
        ("DB_DSN", "$(DSN)"),
        ("BASIC_PASSWORD", "$(A)$(B)"),
        ("DB_DSN", "$(USER):$(PW)@tcp($(HOST):3306)/d"),
        ("DB_DSN", "host=db user=u password=$(PW) dbname=d"),
        ("secret", "db"),
        ("kubernetes.io/change-cause", "rotate token: the old one expired"),
    ],
)
def test_what_refers_or_tells_about_a_secret_is_no_literal(name: str, value: str) -> None:
    assert secret_name([(name, value)]) is None


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def pod(**container: JsonValue) -> JsonValue:
    return {"spec": {"containers": [{"name": "x", **container}]}}


@pytest.mark.parametrize(
    ("document", "name"),
    [
        (pod(env=[{"name": "A", "value": "b"}, {"name": "PGPASS", "value": "x"}]), "PGPASS"),
        (pod(args=["--port", "80", "--password", "hunter2"]), "args"),
        (pod(command=["sh", "-c", "mysqladmin -uroot -phunter2 ping"]), "command"),
        ({"data": {"password": "x"}}, "password"),
        ({"data": {"a.yaml": "db:\n  password: hunter2\n"}}, "a.yaml"),
        ([{"op": "add", "path": "/data/db~1password", "value": "hunter2"}], "db/password"),
        ([{"op": "add", "path": "/data", "value": {"password": "x"}}], "password"),
        ({"metadata": {"annotations": {"note": "password=hunter2"}}}, "note"),
        ({"data": {"password": 12345678}}, "password"),
        ({"data": {"password": "$(HUNTER2)"}}, "password"),
        ({"data": {"password": "$HUNTER2"}}, "password"),
        ({"data": {"secret": "db"}}, "secret"),
        ([{"op": "add", "path": "/data/password", "value": "$(HUNTER2)"}], "password"),
        ([{"op": "add", "path": "/data", "value": {"password": "$(HUNTER2)"}}], "password"),
        ({"binaryData": {"app.conf": encoded("password=hunter2\n")}}, "app.conf"),
        ({"binaryData": {"password": encoded("hunter2")}}, "password"),
        ([{"op": "add", "path": "/binaryData/x", "value": encoded("password=hunter2")}], "x"),
        ([{"op": "add", "path": "/binaryData", "value": {"x": encoded("token=hunter2")}}], "x"),
        (pod(command=["x", "--password"], args=["hunter2"]), "args"),
        (pod(env=[{"name": "PASSWORD", "value": "$HUNTER2"}]), "PASSWORD"),
        ({"data": {"a.conf": "# password: hunter2\nport 80\n"}}, "a.conf"),
        ({"data": [{"name": "PASSWORD", "value": "$(HUNTER2)"}]}, "PASSWORD"),
        ({"name": "db", "data": {"password": "$(HUNTER2)"}}, "password"),
        ({"binaryData": {"password": encoded("$(HUNTER2)")}}, "password"),
        ({"spec": {"passwords": [12345678]}}, "passwords"),
        (pod(args=["-c", "设置pwd=hunter2x"]), "args"),
        (["password=hunter2"], ""),
        ({"data": {"a.conf": "# requirepass foobared\nrequirepass hunter2\n"}}, "a.conf"),
    ],
)
def test_a_document_holds_one_where_a_name_stands_over_a_string(
    document: JsonValue, name: str
) -> None:
    assert secret_member(document, canonical_json(document)) == name


@pytest.mark.parametrize(
    "document",
    [
        pod(
            env=[
                {
                    "name": "DB_PASSWORD",
                    "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}},
                },
                {"name": "URL", "value": "postgres://u:$(DB_PASSWORD)@h/d"},
            ]
        ),
        pod(args=["--requirepass", "$(REDIS_PASSWORD)", "--token-file", "/var/run/token"]),
        {"spec": {"volumes": [{"name": "token", "secret": {"secretName": "db-creds"}}]}},
        {"spec": {"imagePullSecrets": [{"name": "regcred"}], "serviceAccountName": "token"}},
        [{"op": "replace", "path": "/spec/replicas", "value": 2}],
        [{"op": "remove", "path": "/data/password"}],
        {"data": {"redis.conf": "port 6379\n# requirepass foobared\n; the token: ask us\n"}},
        {"data": {"grafana.ini": "[db]\npassword = $__file{/etc/secrets/db}\n"}},
        {"data": {"a.yml": "db:\n  password: ${DB_PASSWORD:}\n  token: ${env:TOKEN}\n"}},
        {"data": {"a.yml": "# token: the token that is sent\ntoken: ${TOKEN}\n"}},
        {"data": {"a.conf": "password=$DB_PASSWORD\n", "password": "${DB_PASSWORD}"}},
        {"data": {"my.cnf": "# password = your_password\nport=3306"}},
        {"binaryData": {"a.conf": encoded("port=80\n")}},
        {"spec": {"match": [{"path": "/token", "value": "exact"}]}},
        {"data": {"init.js": "db.createUser({user: 'root', pwd: process.env.ROOT_PW})\n"}},
        {"data": {"run.sh": "#!/bin/sh\nPASSWORD=$(cat /run/secrets/pw)\nexport TOKEN=$TOKEN\n"}},
        {"data": {"my.cnf": "[client]\n# password = your_password\nport=3306\n"}},
        {"metadata": {"labels": {"secret": "db"}}},
        {"spec": {"ports": [{"port": 8080}], "tokenExpirationSeconds": 3600}},
        {"spec": {"automountServiceAccountToken": False}},
        pod(command=["x", "--token-file"], args=["/var/run/token"]),
        {"data": {"password": None}},
        {"spec": {"template": {"spec": {"containers": [{"image": "x@sha256:" + "0f" * 32}]}}}},
    ],
)
def test_a_document_that_refers_holds_none(document: JsonValue) -> None:
    assert secret_member(document, canonical_json(document)) is None


def test_a_variable_that_refers_can_be_set_and_a_secret_removed() -> None:
    line = "kubectl set env deploy/x DB_URL='postgres://u:$(PW)@h/d' DB_PASSWORD-"
    assert read_act(line, "hotel-1").type == "SetEnv"


@pytest.mark.parametrize(
    "value",
    ["AKIAIOSFODNN7EXAMPLE", "https://u:pw1@h", "key: AKIAIOSFODNN7EXAMPLE", "glsa_" + "a1B2" * 8],
)
def test_the_short_look_overlooks_no_form(value: str) -> None:
    document: JsonValue = {"a": [{"b": value}]}
    assert secret_member(document, canonical_json(document)) == "b"


def test_binary_data_that_is_no_base64_is_read_as_it_is() -> None:
    for text in ("\x80", "a", "AA=="):
        held: JsonValue = {"binaryData": {"DB_PASSWORD": text}}
        assert secret_member(held, canonical_json(held)) == "DB_PASSWORD"


@pytest.mark.parametrize(
    "document",
    [
        [{"op": "add", "path": "token", "value": "x"}],
        {"binaryData": {"x": [KEY]}},
        {"binaryData": {"x": {"y": "password=hunter2x9"}}},
        {"binaryData": {"x": {"DB_PASSWORD": "$(HUNTER2)"}}},  # nothing is expanded there
        {"data": {KEY: None}},
        {"data": {KEY: {"a": True}}},
        {"data": {KEY: []}},
        {"data": {KEY: "true"}},
        {"data": {KEY: False}},
    ],
)
def test_a_name_may_be_the_secret_and_a_value_stand_deeper(document: JsonValue) -> None:
    assert secret_member(document, canonical_json(document)) is not None


@pytest.mark.parametrize("pair", [f"{KEY}=true", f"{KEY}-"])
def test_a_variable_called_like_a_key_is_not_set(pair: str) -> None:
    with pytest.raises(Refusal, match=r"^secret_literal: "):
        read_act(f"kubectl set env deploy/x {pair}", "hotel-1")


def test_a_text_without_a_name_is_called_one() -> None:
    with pytest.raises(Refusal, match=r"^secret_literal: a text looks like a secret"):
        read_act("kubectl patch svc x --type=json -p '[\"password=hunter2\"]'", "hotel-1")
