"""The three real applications: complete graphs, healthy for an hour, honest about their faults."""

from collections.abc import Callable

import orjson
import pytest

from agents.environments.simulated.applications.astronomy_shop import astronomy_shop
from agents.environments.simulated.applications.deploy import objects_of, programs_of
from agents.environments.simulated.applications.graph import (
    Application,
    Effect,
    impact,
    nominal_load,
)
from agents.environments.simulated.applications.hotel_reservation import hotel_reservation
from agents.environments.simulated.applications.shop_flags import FLAGD, FLAGS
from agents.environments.simulated.applications.social_network import social_network
from agents.environments.simulated.benchmark.problems import scenario_of
from agents.environments.simulated.cluster import Cluster
from agents.environments.simulated.controllers.starting import program_of
from agents.environments.simulated.flags import served
from agents.environments.simulated.kubectl import shell
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.network import Address, backends, find_service, obstacle_at
from agents.policy.parse import parse

MAKERS = (hotel_reservation, social_network, astronomy_shop)
START = 1_767_225_600.0
Maker = Callable[[], Application]


def running(application: Application, *, minutes: float = 70) -> Cluster:
    cluster = Cluster(application, 7, START)
    cluster.traffic_from = START + 600
    cluster.deploy()
    cluster.advance(START + minutes * 60)
    return cluster


@pytest.fixture(scope="module", params=MAKERS, ids=lambda maker: maker.__name__)
def cluster(request: pytest.FixtureRequest) -> Cluster:
    maker: Maker = request.param
    return running(maker())


def shown(cluster: Cluster, line: str) -> tuple[str, int]:
    output = shell.read(cluster, parse(line, default_namespace=cluster.namespace))
    return output.text, output.exit_code


@pytest.mark.parametrize("maker", MAKERS)
def test_every_call_has_a_component_that_listens_at_its_address(maker: Maker) -> None:
    application = maker()
    for component in application.components:
        for call in component.program.calls:
            target = application.component(call.target)
            assert call.address == f"{target.name}:{target.service_port}"
            if call.variable is not None:
                value = next(v.value for v in component.variables if v.name == call.variable)
                assert value is not None
                assert target.name in value


@pytest.mark.parametrize("maker", MAKERS)
def test_the_entry_feels_every_service_of_its_critical_paths(maker: Maker) -> None:
    application = maker()
    load = nominal_load(application)
    for component in application.components:
        for call in component.program.calls:
            if call.critical and load[component.name]:
                assert impact(application, call.target) > 0
                assert load[call.target] > 0


def test_an_hour_is_healthy(cluster: Cluster) -> None:
    assert len(cluster.runs) == len(cluster.application.components)
    assert all(run.ready and run.restarts == 0 for run in cluster.runs.values())
    assert cluster.epochs
    assert all(epoch.errors == 0 for epoch in cluster.epochs)
    assert not [t.failures for e in cluster.epochs for t in e.pods.values() if t.failures]


def test_every_service_is_reached_through_its_endpoints(cluster: Cluster) -> None:
    by_address = {run.address: run for run in cluster.runs.values()}
    for component in cluster.application.components:
        service = find_service(cluster, component.name)
        assert (service is not None) == component.exposed
        if service is None:
            continue
        address = Address(host=component.name, port=component.service_port)
        found = backends(cluster, service, address.port, by_address)
        assert len(found) == component.replicas
        assert all(obstacle_at(cluster, None, run, port, None) is None for run, port in found)


def test_kubectl_shows_what_runs(cluster: Cluster) -> None:
    text, code = shown(cluster, "kubectl get all")
    assert code == 0
    for component in cluster.application.components:
        assert f"deployment.apps/{component.name} " in text
    for kind in ("pods", "deployments", "services", "configmaps", "pvc", "pv", "nodes"):
        for verb in ("get", "describe"):
            text, code = shown(cluster, f"kubectl {verb} {kind}")
            assert code == 0
            assert text


def test_every_pod_fits_what_its_nodes_can_give(cluster: Cluster) -> None:
    nodes = {run.pod["spec"].get("nodeName") for run in cluster.runs.values()}
    assert nodes <= set(cluster.application.nodes)
    for run in cluster.runs.values():
        assert run.life is not None
        assert run.life.program is not None
        component = cluster.application.component(run.life.program.name)
        limit = int(component.limits[1].removesuffix("Mi"))
        assert component.program.memory < limit


def test_objects_are_the_same_every_time() -> None:
    for maker in MAKERS:
        assert maker() == maker()
        assert orjson.dumps(objects_of(maker())) == orjson.dumps(objects_of(maker()))


def test_the_namespaces_are_those_of_the_benchmark() -> None:
    assert [maker().namespace for maker in MAKERS] == [
        "test-hotel-reservation",
        "test-social-network",
        "astronomy-shop",
    ]


def test_one_hotel_image_runs_what_its_command_says() -> None:
    cluster = running(hotel_reservation(), minutes=5)
    deployment = cluster.store.get("deployments", cluster.namespace, "profile")
    assert deployment is not None
    deployment["spec"]["template"]["spec"]["containers"][0]["command"] = ["geo"]
    cluster.store.touch("deployments", deployment, spec=True)
    cluster.settle()
    cluster.advance(cluster.now + 900)
    (pod,) = cluster.pods_of("profile")
    program = program_of(cluster, pod)
    assert program is not None
    assert (program.name, program.port) == ("geo", 8083)
    assert cluster.epochs[-1].errors == pytest.approx(0.95, abs=0.01)


def test_the_broken_build_of_geo_dials_a_store_that_is_not_there() -> None:
    application = hotel_reservation()
    broken = programs_of(application)["yinfangchen/geo:app3"]["geo"]
    assert "mongodb-geo:27777" in broken.crash
    assert "panic: no reachable servers" in broken.crash
    assert application.component("geo").program.crash == ""


def test_every_hotel_store_lets_its_caller_in() -> None:
    application = hotel_reservation()
    for component in application.components:
        for call in component.program.calls:
            users = {u.name: u.roles for u in application.component(call.target).program.users}
            if users:
                assert component.program.eager
                assert call.user is not None
                assert ("readWrite", call.database) in users[call.user]


def test_hand_made_volumes_wait_for_the_claims_of_the_hotel() -> None:
    cluster = running(hotel_reservation(), minutes=5)
    text, _ = shown(cluster, "kubectl get pv --no-headers")
    assert {line.split()[0] for line in text.splitlines()} == {
        f"{name}-pv" for name in ("geo", "profile", "rate", "recommendation", "reservation", "user")
    }
    claims = cluster.store.listed("persistentvolumeclaims", cluster.namespace)
    assert {(c["spec"]["storageClassName"], c["spec"]["volumeName"]) for c in claims} == {
        (f"{name}-storage", f"{name}-pv")
        for name in ("geo", "profile", "rate", "recommendation", "reservation", "user")
    }


def test_every_flag_of_the_file_does_something_and_is_off() -> None:
    listed = orjson.loads(FLAGD)["flags"]
    known = {flag.name for flags in FLAGS.values() for flag in flags}
    assert set(listed) == known
    for body in listed.values():
        assert body["defaultVariant"] == "off"
        assert body["defaultVariant"] in body["variants"]
    names = {component.name for component in astronomy_shop().components}
    assert set(FLAGS) <= names
    astray = [f for flags in FLAGS.values() for f in flags if f.effect is Effect.UNREACHABLE]
    assert all(flag.target in names for flag in astray)


@pytest.mark.parametrize(
    ("variant", "value"), [("100%", 1), ("50%", 0.5), ("10%", 0.1), ("off", None)]
)
def test_a_variant_does_its_share_of_the_largest(variant: str, value: float | None) -> None:
    body = orjson.loads(FLAGD)
    body["flags"]["paymentFailure"]["defaultVariant"] = variant
    assert served(orjson.dumps(body).decode()).get("paymentFailure") == value


@pytest.mark.parametrize(
    ("flag", "variant"),
    [(name, next(iter(body["variants"]))) for name, body in orjson.loads(FLAGD)["flags"].items()],
)
def test_every_flag_is_felt_while_it_is_on(flag: str, variant: str) -> None:
    cluster = running(astronomy_shop(), minutes=20)
    before = cluster.epochs[-1]
    config = cluster.store.get("configmaps", cluster.namespace, "flagd-config")
    assert config is not None
    body = orjson.loads(config["data"]["demo.flagd.json"])
    body["flags"][flag]["defaultVariant"] = variant
    config["data"]["demo.flagd.json"] = orjson.dumps(body).decode()
    cluster.store.touch("configmaps", config)
    cluster.settle()
    cluster.advance(cluster.now + 120)
    after = cluster.epochs[-1]
    assert not after.same(before)
    assert after.errors > 0 or after.latency > 1.2 * before.latency
    body["flags"][flag]["defaultVariant"] = "off"
    config["data"]["demo.flagd.json"] = orjson.dumps(body).decode()
    cluster.store.touch("configmaps", config)
    cluster.settle()
    cluster.advance(cluster.now + 120)
    assert cluster.epochs[-1].same(before)


def test_no_complaint_tells_the_name_of_its_flag() -> None:
    for flags in FLAGS.values():
        for flag in flags:
            told = flag.complaint.lower().replace(" ", "").replace("_", "")
            assert flag.name.lower() not in told
            assert "flag" not in told


@pytest.mark.parametrize(
    "problem",
    [
        "noop_detection_astronomy_shop-1",
        "k8s_target_port-misconfig-detection-1",
        "revoke_auth_mongodb-detection-1",
    ],
)
def test_the_hour_before_an_alert_was_healthy_until_the_fault(problem: str) -> None:
    cluster = Lab(scenario_of(problem)).cluster
    first = cluster.epochs[0]
    assert first.errors == 0
    assert cluster.now - first.start == pytest.approx(3600, abs=30)
    if not problem.startswith("noop"):
        assert cluster.epochs[-1].errors > 0
