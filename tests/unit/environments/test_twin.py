"""A twin fails as its dump does, and what mends the one mends the other."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.contracts.incident import Task
from agents.contracts.plan import Submission, SubmitReason
from agents.environments.simulated.applications.graph import STORES, Protocol
from agents.environments.simulated.faults.registry import FAMILIES
from agents.environments.simulated.incidents import Scenario, generate
from agents.environments.simulated.kubectl.cells_pods import pod_status
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.objects.pods import is_ready
from agents.environments.simulated.oracle import Verdict
from agents.environments.simulated.telemetry.metrics import Metric, average
from agents.environments.simulated.twin import TwinLab
from agents.environments.simulated.twin_dump import COMMAND, DumpUnusable
from agents.policy.parse import parse
from tests.unit.environments.dumps import container, deployment, dump_of, pod, service

SEEDS = range(2)
RECORDED = Path(__file__).parents[2] / "parity" / "fixtures" / "objects.json"
EVERY = pytest.mark.parametrize("family", sorted(FAMILIES))


@cache
def incident(family: str, seed: int, *, healthy: bool = False) -> tuple[Lab, bytes]:
    task = Task.DETECTION if healthy else Task.MITIGATION
    lab = Lab(generate(seed, family=family, task=task, healthy=healthy, application="procedural"))
    line = COMMAND.replace(" -n NAMESPACE", "")
    return lab, lab.read(parse(line, default_namespace=lab.namespace)).text.encode()


def twin_of(scenario: Scenario, content: bytes) -> TwinLab:
    """Build the twin, told of the calls that the dump does not show: those without a variable."""
    application = scenario.application
    hidden = tuple(
        f"{component.name}={call.address}"
        for component in application.components
        for call in component.program.calls
        if call.variable is None
    )
    return TwinLab(content, entry=application.entry, calls=hidden)


def words(lab: Lab) -> dict[str, str]:
    """Return the STATUS of the pods that are not ready."""
    return {
        item["metadata"]["name"]: pod_status(item)
        for item in lab.cluster.store.listed("pods", lab.namespace)
        if not is_ready(item)
    }


def act(lab: Lab, line: str) -> int:
    return lab.act(parse(line, default_namespace=lab.namespace)).exit_code


def judged(lab: Lab) -> Verdict:
    return lab.judge(Submission(task=Task.MITIGATION, reason=SubmitReason.ANSWERED, answer=None))


@EVERY
def test_a_twin_fails_as_its_lab_does(family: str) -> None:
    for seed in SEEDS:
        lab, content = incident(family, seed)
        twin = twin_of(lab.scenario, content)
        assert twin.unlike == ()
        assert words(twin) == words(lab)
        assert twin.ailment() is not None
        faulty = lab.scenario.application.component(lab.scenario.service)
        if faulty.program.protocol is not Protocol.MEMCACHED:  # a cache: nobody needs it
            now = twin.cluster.now
            assert average(twin.cluster, Metric.ERROR_RATIO, now - 180, now) > 0


@EVERY
def test_every_repair_of_the_lab_mends_the_twin_and_nothing_else_does(family: str) -> None:
    for seed in SEEDS:
        lab, content = incident(family, seed)
        for way in lab.ground_truth.ways:
            twin = twin_of(lab.scenario, content)
            assert not judged(twin).success
            assert [act(twin, line) for line in way] == [0] * len(way)
            assert judged(twin).reason == "all workloads and the traffic are healthy"
        twin = twin_of(lab.scenario, content)
        assert (
            act(twin, f"kubectl rollout restart deployment/{lab.scenario.application.entry}") == 0
        )
        assert not judged(twin).success


@pytest.mark.parametrize("seed", range(4))
def test_the_twin_of_a_healthy_lab_is_healthy(seed: int) -> None:
    lab, content = incident("service_selector", seed, healthy=True)
    twin = twin_of(lab.scenario, content)
    assert twin.ailment() is None
    assert twin.unlike == ()
    twin.tick(3600)
    assert twin.ailment() is None


def test_the_calls_that_a_dump_shows_are_found_and_no_others() -> None:
    lab, content = incident("service_selector", 0, healthy=True)
    wanted = {
        (component.name, call.target)
        for component in lab.scenario.application.components
        for call in component.program.calls
        if call.variable is not None
    }
    found = TwinLab(content).twin.inferred.edges
    assert {(edge.caller, edge.target) for edge in found} == wanted
    assert all(edge.why.startswith("env ") for edge in found)


def test_objects_keep_their_names_uids_and_ages() -> None:
    lab, content = incident("memory_limit", 0)
    twin = TwinLab(content)
    for kind in ("pods", "deployments", "replicasets", "services", "configmaps"):
        assert [
            (
                item["metadata"]["name"],
                item["metadata"]["uid"],
                item["metadata"]["creationTimestamp"],
            )
            for item in lab.cluster.store.listed(kind, lab.namespace)
        ] == [
            (
                item["metadata"]["name"],
                item["metadata"]["uid"],
                item["metadata"]["creationTimestamp"],
            )
            for item in twin.cluster.store.listed(kind, twin.namespace)
        ]


def test_what_is_lost_beside_a_correction_fails_it() -> None:
    lab, content = incident("upstream_address", 0)
    twin = twin_of(lab.scenario, content)
    assert act(twin, lab.ground_truth.repairs[0]) == 0
    spare = next(c for c in lab.scenario.application.components if c.program.protocol in STORES)
    assert act(twin, f"kubectl set env deployment/{spare.name} NEW=1") == 0
    assert judged(twin).success
    assert act(twin, f"kubectl delete service {spare.name}") == 0
    assert f"service {spare.name} is gone" in judged(twin).reason


def test_a_policy_that_is_not_in_the_way_may_not_go() -> None:
    lab, content = incident("scaled_to_zero", 0)
    document = orjson.loads(content.partition(b"\n")[2])
    document["items"].append(
        {
            "kind": "NetworkPolicy",
            "metadata": {"name": "keep", "namespace": lab.namespace},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]},
        }
    )
    twin = twin_of(lab.scenario, orjson.dumps(document))
    assert act(twin, lab.ground_truth.repairs[0]) == 0
    assert judged(twin).success
    assert act(twin, "kubectl delete networkpolicy keep") == 0
    assert judged(twin).reason == "networkpolicy keep is gone"


def test_objects_of_a_real_api_server_make_a_twin() -> None:
    recorded = json.loads(RECORDED.read_text())
    namespace = recorded["header"]["namespace"]
    items = [
        item
        for item in recorded["objects"].values()
        if item["metadata"].get("namespace") == namespace and item["kind"] != "Secret"
    ]
    twin = TwinLab(orjson.dumps({"kind": "List", "items": items}))
    names = {item["metadata"]["name"] for item in items if item["kind"] == "Deployment"}
    assert names <= {workload.name for workload in twin.twin.workloads}
    assert twin.unlike == ()
    assert twin.ailment() is not None  # pods of that namespace can't pull their images


def test_values_of_secrets_are_refused_and_names_are_taken() -> None:
    client = deployment("client", container(env={"PASSWORD": {"secretKeyRef": ("login", "word")}}))
    secret = {"kind": "Secret", "metadata": {"name": "login", "namespace": "shop"}}
    base = [client, pod(client), service("client", 8080)]
    with pytest.raises(DumpUnusable, match=r"never reads: leave secrets out .* jq"):
        TwinLab(dump_of(*base, {**secret, "data": {"word": "aHVudGVyMg=="}}))
    twin = TwinLab(dump_of(*base, secret))
    assert twin.ailment() is None
    assert b"aHVudGVyMg" not in twin.cluster.freeze()


def broken(
    before: dict[str, Any], now: dict[str, Any], *, state: dict[str, Any], **status: Any
) -> TwinLab:
    """Return the twin of an application whose `cart` went from one container to another."""
    front = deployment("frontend", container(env={"CART_ADDR": "cart:8080"}))
    cart = deployment("cart", now, earlier=before)
    entry = service("frontend", 8080, kind="LoadBalancer")
    return TwinLab(
        dump_of(front, pod(front), entry, cart, pod(cart, state, **status), service("cart", 8080))
    )


CRASHING = {"waiting": {"reason": "CrashLoopBackOff"}}
LAST = {
    "terminated": {
        "exitCode": 3,
        "reason": "Error",
        "message": "panic: bad config",
        "finishedAt": "2026-03-01T11:59:00Z",
    }
}


def test_a_crash_since_a_new_image_is_mended_by_the_old_one_alone() -> None:
    def build() -> TwinLab:
        return broken(
            container("cart:1"), container("cart:2"), state=CRASHING, last=LAST, restarts=9
        )

    twin = build()
    assert set(words(twin).values()) == {"CrashLoopBackOff"}
    logs = twin.read(parse("kubectl logs deployment/cart", default_namespace="shop")).text
    assert "panic: bad config" in logs
    described = twin.read(parse("kubectl describe pods cart", default_namespace="shop")).text
    assert "Exit Code:    3" in described
    assert act(twin, "kubectl rollout restart deployment/cart") == 0
    assert not judged(twin).success
    twin = build()
    assert act(twin, "kubectl set image deployment/cart main=cart:1") == 0
    assert judged(twin).success


def test_a_crash_since_a_new_setting_is_mended_by_taking_it_back() -> None:
    def build() -> TwinLab:
        return broken(
            container(env={"MODE": "fast"}),
            container(env={"MODE": "turbo"}),
            state=CRASHING,
            last=LAST,
        )

    twin = build()
    assert act(twin, "kubectl set env deployment/cart MODE=slow") == 0
    assert judged(twin).success
    twin = build()
    assert act(twin, "kubectl set env deployment/cart OTHER=1") == 0
    assert not judged(twin).success


def test_a_crash_without_a_cause_is_told_as_one() -> None:
    same = container("cart:1")
    twin = broken(same, same, state=CRASHING, last=LAST)
    assert any("no earlier revision says why" in guess for guess in twin.twin.inferred.guesses)
    assert act(twin, "kubectl rollout restart deployment/cart") == 0
    assert not judged(twin).success


def test_a_probe_whose_path_was_changed_is_the_fault() -> None:
    twin = broken(
        container(probe="/healthz"),
        container(probe="/helth"),
        state={"running": {"startedAt": "2026-03-01T11:00:00Z"}},
        ready=False,
    )
    assert set(words(twin).values()) == {"Running"}
    assert act(twin, "kubectl rollout undo deployment/cart") == 0
    assert judged(twin).success


def test_an_image_is_pulled_only_if_it_is_known() -> None:
    state = {"waiting": {"reason": "ImagePullBackOff"}}
    front = deployment("frontend", container("web:2"))
    content = dump_of(front, pod(front, state), service("frontend", 80, target=8080))
    twin = TwinLab(content)
    assert set(words(twin).values()) == {"ImagePullBackOff"}
    assert act(twin, "kubectl set image deployment/frontend main=web:3") == 0
    assert not judged(twin).success
    twin = TwinLab(content, images=("web:3",))
    assert act(twin, "kubectl set image deployment/frontend main=web:3") == 0
    assert judged(twin).success


@pytest.mark.parametrize(
    ("configuration", "critical"),
    [
        ({"env": {"DB_URL": "postgres://u:p@db:5432/x?sslmode=off"}}, True),
        ({"env": {"DB_HOST": "db", "DB_PORT": "5432"}}, True),
        ({"env": {"DSN": "host=db.shop.svc user=x port=5432"}}, True),
        ({"env": {"STORE": "db.shop.svc.cluster.local:5432"}}, True),
        ({"env": {"DB_URL": "jdbc:postgresql://db/x"}}, True),
        ({"env": {"A": "x", "HOSTS": "other.example:1,db:5432"}}, True),
        ({"args": ["--database", "db:5432"]}, True),
        ({"args": ["--database-host=db"]}, True),
        ({"env": {"KIND": "db"}}, None),
        ({"env": {"DB_URL": "http://db.example.com:5432"}}, None),
    ],
)
def test_addresses_are_found_in_many_forms(configuration: dict[str, Any], critical: Any) -> None:
    front = deployment("frontend", container(**configuration))
    db = deployment("db", container("postgres:16", port=5432))
    twin = TwinLab(
        dump_of(front, pod(front), service("frontend", 8080), db, pod(db), service("db", 5432))
    )
    found = [(e.caller, e.target, e.critical) for e in twin.twin.inferred.edges]
    assert found == ([] if critical is None else [("frontend", "db", critical)])
    assert twin.ailment() is None


def test_a_wrong_port_of_its_own_variable_fails_and_is_mended() -> None:
    front = deployment("frontend", container(env={"DB_HOST": "db", "DB_PORT": "5433"}))
    db = deployment("db", container("postgres:16", port=5432))
    twin = TwinLab(
        dump_of(front, pod(front), service("frontend", 8080), db, pod(db), service("db", 5432))
    )
    assert "db:5433" in (twin.ailment() or "")
    assert act(twin, "kubectl set env deployment/frontend DB_PORT=5432") == 0
    assert judged(twin).success


def test_an_address_that_is_nearly_a_service_is_a_guess_that_is_told() -> None:
    front = deployment("frontend", container(env={"CART_ADDR": "kart:8080"}))
    cart = deployment("cart", container())
    twin = TwinLab(
        dump_of(
            front, pod(front), service("frontend", 8080), cart, pod(cart), service("cart", 8080)
        )
    )
    (edge,) = twin.twin.inferred.edges
    assert "guess: 'kart' is no Service; CART_ADDR is called after cart" in edge.why
    assert "no_host" in (twin.ailment() or "")
    assert act(twin, "kubectl set env deployment/frontend CART_ADDR=cart:8080") == 0
    assert judged(twin).success


def test_the_entry_is_where_users_come_in() -> None:
    one, two = deployment("alpha", container()), deployment("omega", container())
    base = (one, pod(one), two, pod(two))
    plain = (service("alpha", 8080), service("omega", 8080))
    open_ = (service("alpha", 8080), service("omega", 8080, kind="LoadBalancer"))
    assert TwinLab(dump_of(*base, *plain)).twin.inferred.application.entry == "alpha"
    assert TwinLab(dump_of(*base, *open_)).twin.inferred.application.entry == "omega"
    assert TwinLab(dump_of(*base, *open_), entry="alpha").scenario.application.entry == "alpha"
    with pytest.raises(DumpUnusable, match="expected an entry of alpha, omega; got 'beta'"):
        TwinLab(dump_of(*base, *plain), entry="beta")
    with pytest.raises(DumpUnusable, match="CALLER=SERVICE"):
        TwinLab(dump_of(*base, *plain), calls=("alpha>omega",))


def test_a_service_may_have_another_name_than_its_workload() -> None:
    front = deployment("web-server", container(env={"CART_ADDR": "basket:80"}))
    cart = deployment("cart-v2", container())
    twin = TwinLab(
        dump_of(
            front,
            pod(front),
            service("www", 80, target=8080, selects="web-server", kind="NodePort"),
            cart,
            pod(cart),
            service("basket", 80, target=8080, selects="cart-v2"),
        )
    )
    assert twin.ailment() is None
    assert act(twin, "kubectl scale deployment/cart-v2 --replicas=0") == 0
    assert "basket:80" in (twin.ailment() or "")


def test_a_circle_of_calls_is_cut_and_told() -> None:
    one = deployment("alpha", container(env={"OMEGA_URL": "http://omega:8080"}))
    two = deployment("omega", container(env={"ALPHA_URL": "http://alpha:8080"}))
    twin = TwinLab(
        dump_of(one, pod(one), two, pod(two), service("alpha", 8080), service("omega", 8080))
    )
    assert len(twin.twin.inferred.edges) == 1
    assert any("closes a circle" in guess for guess in twin.twin.inferred.guesses)
    assert twin.ailment() is None


def test_callers_of_a_store_that_always_wanted_tls_speak_it() -> None:
    secure = ["--tlsMode", "requireTLS"]
    front = deployment("frontend", container(env={"DB_URL": "mongodb://db:27017"}))
    db = deployment("db", container("mongo:7", port=27017, args=secure))
    services = (service("frontend", 8080), service("db", 27017))
    assert TwinLab(dump_of(front, pod(front), *services, db, pod(db))).ailment() is None
    lately = deployment(
        "db",
        container("mongo:7", port=27017, args=secure),
        earlier=container("mongo:7", port=27017),
    )
    twin = TwinLab(dump_of(front, pod(front), *services, lately, pod(lately)))
    assert "tls" in (twin.ailment() or "")


def test_what_can_not_be_reproduced_is_told() -> None:
    front = deployment("frontend", container())
    waiting = pod(front, {"waiting": {"reason": "PodInitializing"}}, ready=False)
    waiting["status"]["initContainerStatuses"] = [
        {"name": "setup", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    ]
    (line,) = TwinLab(dump_of(front, waiting, service("frontend", 8080))).unlike
    assert "not ready (CrashLoopBackOff) in the dump, ready (Running) in the twin" in line


def test_nodes_of_the_dump_are_taken() -> None:
    front = deployment("frontend", container())
    node = {
        "kind": "Node",
        "metadata": {"name": "node-a", "labels": {"disk": "ssd"}},
        "spec": {},
        "status": {"allocatable": {"cpu": "2", "memory": "4Gi"}, "capacity": {"cpu": "2"}},
    }
    twin = TwinLab(dump_of(front, pod(front), service("frontend", 8080), node))
    assert twin.ailment() is None
    assert act(twin, "kubectl set resources deployment/frontend --requests=cpu=3") == 0
    assert not judged(twin).success


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "expected JSON"),
        (b"[]", "expected a List"),
        (b'{"kind": "Pod"}', "expected a List"),
        (b'{"items": []}', "one namespace"),
        (b'{"items": [1]}', r"items\[0\]: expected an object"),
        (dump_of(service("alpha", 80)), "expected a Deployment"),
        (dump_of(deployment("alpha", container())), "expected a Service"),
        (dump_of({**service("a", 80), "metadata": {"name": "a", "namespace": "b"}},
                 service("c", 80)), "one namespace, got b, shop"),
        (dump_of(deployment("a", container()), deployment("a", container())), "got it twice"),
    ],
)  # fmt: skip
def test_what_is_no_dump_is_refused_with_what_to_do(content: bytes, told: str) -> None:
    with pytest.raises(DumpUnusable, match=told):
        TwinLab(content)


@pytest.mark.parametrize(
    ("where", "what", "told"),
    [
        ("volumes", [{"name": "a", "persistentVolumeClaim": {}}], "claimName"),
        ("containers", [{**container(), "envFrom": [{"secretRef": {}}]}], "secretRef.name"),
        ("containers", [{**container(), "resources": {"limits": {"memory": "1x"}}}], "quantit"),
        ("containers", [], "containers: Required value"),
    ],
)
def test_what_no_api_server_stores_is_refused(where: str, what: object, told: str) -> None:
    front = deployment("frontend", container())
    front["spec"]["template"]["spec"][where] = what
    items = orjson.loads(dump_of(front | {"kind": "Other"}, service("frontend", 8080)))["items"]
    items[0]["kind"] = "Deployment"
    with pytest.raises(DumpUnusable, match=told):
        TwinLab(orjson.dumps({"items": items}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 99999) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_junk_in_a_dump_is_never_a_defect(data: st.DataObject) -> None:
    document: Any = orjson.loads(SMALL)
    for _ in range(data.draw(st.integers(1, 3))):
        place: Any = document["items"]
        while True:
            if not place or not isinstance(place, dict | list):
                break
            keys = sorted(place) if isinstance(place, dict) else range(len(place))
            key = data.draw(st.sampled_from(keys))
            deeper = place[key]
            if not isinstance(deeper, dict | list) or data.draw(st.integers(0, 5)) == 0:
                place[key] = data.draw(JSON)
                break
            place = deeper
    try:
        twin = TwinLab(json.dumps(document).encode("utf-8", "replace"))
    except DumpUnusable:
        return  # said what is wrong; anything else is a defect
    twin.tick(120)
    twin.ailment()


@given(content=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_junk_is_no_dump(content: bytes) -> None:
    with pytest.raises(DumpUnusable):
        TwinLab(content)


_FRONT = deployment("frontend", container(env={"CART_ADDR": "cart:8080"}, probe="/ok"))
_CART = deployment("cart", container("cart:2"), earlier=container("cart:1"))
SMALL = dump_of(
    _FRONT,
    pod(_FRONT),
    service("frontend", 8080, kind="LoadBalancer"),
    _CART,
    pod(_CART, CRASHING, last=LAST),
    service("cart", 8080),
    {"kind": "ConfigMap", "metadata": {"name": "cm", "namespace": "shop"}, "data": {"a": "b"}},
    {"kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "shop"}},
)
