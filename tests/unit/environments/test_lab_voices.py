"""What the real applications log: own formats, own words for every obstacle, nothing of a fault."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from string import Formatter

import orjson
import pytest

from agents.environments.simulated.applications.astronomy_shop import astronomy_shop
from agents.environments.simulated.applications.graph import Application
from agents.environments.simulated.applications.hotel_reservation import (
    hotel_reservation,
    wrong_address,
)
from agents.environments.simulated.applications.shop_flags import FLAGD, FLAGS
from agents.environments.simulated.applications.social_network import social_network
from agents.environments.simulated.cluster import Cluster
from agents.environments.simulated.faults.registry import FAMILIES
from agents.environments.simulated.network import Obstacle
from agents.environments.simulated.telemetry import logs
from agents.environments.simulated.telemetry.voice import Voice, voice_of
from agents.environments.simulated.telemetry.voices import VOICES

START = 1_767_225_600.0
APPLICATIONS = (hotel_reservation(), social_network(), astronomy_shop())
WORDS = {
    "callee": "c",
    "host": "h",
    "port": 1,
    "ip": "i",
    "user": "u",
    "database": "d",
    "collection": "e",
    "detail": "x",
    "error": "x",
    "name": "n",
}


def running(application: Application) -> Cluster:
    cluster = Cluster(application, 7, START)
    cluster.traffic_from = START
    cluster.deploy()
    cluster.advance(START + 900)
    return cluster


def log_of(cluster: Cluster, component: str, *, tail: int | None = None) -> str:
    (pod,) = cluster.pods_of(component)
    run = cluster.runs[pod["metadata"]["uid"]]
    lines = logs.read(cluster, run, run.lives[-1], tail=tail, since=None)
    return "\n".join(text for _, text in lines)


def edit(cluster: Cluster, component: str, **fields: object) -> None:
    deployment = cluster.store.get("deployments", cluster.namespace, component)
    assert deployment is not None
    deployment["spec"]["template"]["spec"]["containers"][0].update(fields)
    cluster.store.touch("deployments", deployment, spec=True)
    cluster.settle()
    cluster.advance(cluster.now + 240)


def switch(cluster: Cluster, flag: str, variant: str) -> None:
    config = cluster.store.get("configmaps", cluster.namespace, "flagd-config")
    assert config is not None
    body = orjson.loads(config["data"]["demo.flagd.json"])
    body["flags"][flag]["defaultVariant"] = variant
    config["data"]["demo.flagd.json"] = orjson.dumps(body).decode()
    cluster.store.touch("configmaps", config)
    cluster.settle()
    cluster.advance(cluster.now + 240)


def fixed_texts(voice: Voice) -> Iterator[str]:
    yield from (voice.failed, voice.upstream, voice.listening, voice.closing, *voice.opening)
    groups: list[Mapping[object, object]] = [voice.routine, voice.harmless]  # type: ignore[list-item]
    for group in groups:
        for texts in group.values():
            assert isinstance(texts, tuple)
            yield from texts
    for errors in (voice.errors, *voice.clients.values()):
        yield from errors.values()


def test_every_program_speaks_with_a_voice_that_exists() -> None:
    for application in APPLICATIONS:
        for component in application.components:
            program = component.program
            store = program.account_variable or component.image.startswith(
                ("mongo:", "redis:", "memcached:", "valkey/")
            )
            assert (program.voice in VOICES) != bool(store)


@pytest.mark.parametrize("name", sorted(VOICES))
def test_a_voice_has_words_for_every_obstacle(name: str) -> None:
    voice = VOICES[name]
    for obstacle in set(Obstacle) - {Obstacle.UPSTREAM}:
        assert voice.errors[obstacle].format(**WORDS)
    for errors in voice.clients.values():
        for text in errors.values():
            assert text.format(**WORDS)
    for text in (voice.failed, voice.upstream, voice.listening, *voice.opening):
        assert {field for _, field, _, _ in Formatter().parse(text) if field} <= set(WORDS)
    assert "{callee}" in voice.failed or all(
        "{callee}" in voice.errors[obstacle] for obstacle in set(Obstacle) - {Obstacle.UPSTREAM}
    )


@pytest.mark.parametrize("seed", range(30))
def test_an_invented_voice_has_words_for_every_obstacle_too(seed: int) -> None:
    voice = voice_of(f"app-{seed}", seed)
    assert set(voice.errors) == set(Obstacle) - {Obstacle.UPSTREAM}
    assert "geo-db" in voice.errors[Obstacle.ROLE].format(**{**WORDS, "database": "geo-db"})


def test_no_fixed_text_names_a_fault() -> None:
    names = {*FAMILIES, *orjson.loads(FLAGD)["flags"]}
    names |= {re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower() for name in names}
    texts = [text for voice in VOICES.values() for text in fixed_texts(voice)]
    texts += [flag.complaint for flags in FLAGS.values() for flag in flags]
    for text in texts:
        told = text.lower()
        assert not [name for name in names if name.lower() in told]
        assert not [name for name in names if name.replace("_", " ") in told]


def test_healthy_logs_hold_routine_and_harmless_warnings_but_no_failure() -> None:
    cluster = running(astronomy_shop())
    text = log_of(cluster, "checkout")
    assert '"severity":"info"' in text
    assert "payment went through" in text
    assert '"severity":"warning"' in text
    assert '"severity":"error"' not in text
    assert all(orjson.loads(line) for line in text.splitlines())
    assert "Consumed record" in log_of(cluster, "fraud-detection")
    assert "Failed" not in log_of(cluster, "ad")


def test_what_a_log_shows_does_not_depend_on_how_much_is_read() -> None:
    cluster = running(astronomy_shop())
    for component in ("cart", "frontend", "kafka"):
        whole = log_of(cluster, component).splitlines()
        for count in (1, 7, 20):
            assert log_of(cluster, component, tail=count).splitlines() == whole[-count:]


def test_a_broken_build_panics_in_its_own_words() -> None:
    cluster = running(hotel_reservation())
    edit(cluster, "geo", image="yinfangchen/geo:app3")
    text = log_of(cluster, "geo")
    assert re.search(r"INF cmd/geo/main\.go:\d+ > Read database URL: mongodb-geo:27777", text)
    assert "\npanic: no reachable servers\n\ngoroutine 1 [running]:\n" in text
    assert "info:" not in text
    assert "ERR" in log_of(cluster, "search")


@pytest.mark.parametrize("name", ["search", "profile", "user"])
def test_the_last_words_of_a_broken_build_are_of_its_own_service(name: str) -> None:
    words = wrong_address(name)
    assert f"/workspace/cmd/{name}/main.go" in words
    assert "geo" not in words
    dialled = re.findall(r"connection to (\S+)", words)
    real = {f"{c.name}:{c.service_port}" for c in hotel_reservation().components}
    assert dialled
    assert not real & set(dialled)


def test_a_lost_role_is_told_by_caller_and_store() -> None:
    cluster = running(hotel_reservation())
    assert "ACCESS" not in log_of(cluster, "mongodb-geo")
    cluster.accounts["mongodb-geo"]["admin"] = (("userAdminAnyDatabase", "admin"),)
    cluster.remeasure()
    cluster.advance(cluster.now + 240)
    caller = log_of(cluster, "geo")
    assert "not authorized on geo-db to execute command { find: " in caller
    store = log_of(cluster, "mongodb-geo")
    assert "Checking authorization failed" in store
    assert "not authorized on geo-db" in log_of(cluster, "frontend")


def test_an_unknown_user_is_told_by_the_process_that_gives_up_and_by_the_store() -> None:
    cluster = running(hotel_reservation())
    del cluster.accounts["mongodb-rate"]["admin"]
    edit(cluster, "rate", env=[{"name": "GOGC", "value": "80"}])
    text = log_of(cluster, "rate")
    assert "panic: " in text
    assert "Authentication failed" in text
    assert "serving on port" not in text
    assert 'Could not find user \\"admin\\"' in log_of(cluster, "mongodb-rate")


def test_a_store_that_wants_tls_is_heard_on_both_sides() -> None:
    cluster = running(social_network())
    edit(cluster, "url-shorten-mongodb", args=["--tlsMode", "requireTLS"])
    caller = log_of(cluster, "url-shorten-service")
    assert "<error>: (UrlShortenHandler.h:" in caller
    assert "connection closed calling ismaster on 'url-shorten-mongodb:27017'" in caller
    assert "SSLHandshakeFailed" in log_of(cluster, "url-shorten-mongodb")
    assert "url-shorten-mongodb" in log_of(cluster, "nginx-thrift")


@pytest.mark.parametrize(
    ("flag", "variant", "component", "level"),
    [
        ("paymentFailure", "100%", "payment", "error"),
        ("productCatalogFailure", "on", "product-catalog", "error"),
        ("kafkaQueueProblems", "on", "checkout", "warn"),
        ("recommendationCacheFailure", "on", "recommendation", "WARN"),
    ],
)
def test_trouble_of_its_own_making_is_an_error_when_requests_fail_of_it(
    flag: str, variant: str, component: str, level: str
) -> None:
    cluster = running(astronomy_shop())
    complaint = next(f.complaint for f in FLAGS[component] if f.name == flag)
    assert complaint not in log_of(cluster, component)
    switch(cluster, flag, variant)
    lines = [x for x in log_of(cluster, component).splitlines() if complaint in x]
    assert lines
    assert all(level in line for line in lines)


def test_a_killed_process_says_no_farewell() -> None:
    cluster = running(hotel_reservation())
    (pod,) = cluster.pods_of("user")
    run = cluster.runs[pod["metadata"]["uid"]]
    life = run.lives[-1]
    life.end, life.exit_code, life.reason = cluster.now, 137, "Error"
    assert "SIGTERM" not in log_of(cluster, "user")
    life.exit_code = 143
    assert "SIGTERM" in log_of(cluster, "user")
