"""What a person may write into a cluster never stops the lab, however strange it is."""

import json
import time

import pytest

from agents.environments.simulated.controllers.images import canonical
from agents.environments.simulated.controllers.processes import candidates
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.network import find_service
from agents.environments.simulated.player import REFUSED_EXIT, Player
from agents.environments.simulated.references import scenario_of

HOTEL = "scale_pod_zero_social_net-mitigation-1"


def player(reference: str = "seed-7:task=mitigation") -> Player:
    return Player(Lab(scenario_of(reference)))


def applied(body: object) -> str:
    return f"kubectl apply -f - <<'EOF'\n{json.dumps(body)}\nEOF"


def patched(kind: str, name: str, body: object, how: str = "merge") -> str:
    return f"kubectl patch {kind} {name} --type={how} -p '{json.dumps(body)}'"


def config_map(**members: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", **members}


def rules(threshold: str, summary: str) -> str:
    return (
        '- alert: A\n  expr: error_ratio{service="geo"} > '
        f"{threshold}\n  for: 0s\n  keep_firing_for: 1m\n  labels: {{severity: page}}\n"
        f"  summary: {summary}\n"
    )


LINES = {
    "a service without ports": patched(
        "service", "geo", {"spec": {"type": "ExternalName", "externalName": "x.y", "ports": None}}
    ),
    "an alias of itself": patched(
        "service", "geo", {"spec": {"type": "ExternalName", "externalName": "geo"}}
    ),
    "a threshold that is no number": patched(
        "configmap", "alert-rules", {"data": {"rules.yml": rules("1.2.3", "s")}}
    ),
    "a summary with other places": patched(
        "configmap", "alert-rules", {"data": {"rules.yml": rules("0", "{nobody} {0} {value:%} {")}}
    ),
    "a revision in letters": "kubectl annotate deployment geo "
    "deployment.kubernetes.io/revision=abc --overwrite",
    "a revision without end": "kubectl annotate deployment geo "
    f"deployment.kubernetes.io/revision={'9' * 4000} --overwrite",
    "annotations in a text": applied(config_map(metadata={"name": "n", "annotations": "x"})),
    "a name in a list": applied(config_map(metadata={"name": ["n"]})),
    "a namespace in a list": applied(config_map(metadata={"name": "n", "namespace": [1]})),
    "a kind in a list": applied({"apiVersion": "v1", "kind": ["ConfigMap"]}),
    "what was applied last in letters": "kubectl annotate deployment geo "
    "kubectl.kubernetes.io/last-applied-configuration=abc --overwrite",
    "a merge key in a list": patched(
        "deployment",
        "geo",
        {"spec": {"template": {"spec": {"containers": [{"name": []}]}}}},
        "strategic",
    ),
    "a claim without a name": patched(
        "deployment",
        "geo",
        {"spec": {"template": {"spec": {"volumes": [{"name": "v", "persistentVolumeClaim": {}}]}}}},
    ),
    "a node without labels": "kubectl patch node kind-worker --type=merge "
    """-p '{"metadata":{"labels":null}}'""",
    "an index that is no number": patched(
        "service", "geo", [{"op": "add", "path": "/spec/ports/²", "value": 1}], "json"
    ),
    "a port that is no number": "kubectl set env deployment/frontend 'GEO_ADDR=geo:²'",
    "a port of digits without end": f"kubectl set env deployment/frontend PORT={'9' * 3900}",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
def test_what_is_written_never_stops_the_lab(line: str) -> None:
    one = player()
    names = {item["metadata"]["name"] for item in one.lab.cluster.store.each("services")}
    for each in (line, "alerts", "tick 60", "kubectl describe services", line, "tick 60", "alerts"):
        assert one.line(each).exit_code <= REFUSED_EXIT
    for read in ("kubectl get services", "kubectl get deployments -o wide"):
        assert one.line(read).exit_code == 0
    for name in sorted(names):
        assert one.line(applied(_service_of(one, name))).text
    assert one.line("kubectl rollout restart deployment/geo").text


def _service_of(one: Player, name: str) -> object:
    found = one.lab.cluster.store.get("services", one.lab.namespace, name)
    assert found is not None
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": found["spec"],
    }


def test_an_unreadable_revision_is_written_anew() -> None:
    one = player()
    shown = "kubectl get deployment geo -o jsonpath='{.metadata.annotations}'"
    assert one.line(LINES["a revision in letters"]).exit_code == 0
    assert "abc" not in one.line(shown).text


def test_a_rule_that_cannot_be_read_is_no_rule() -> None:
    one = player()
    one.line(LINES["a threshold that is no number"])
    assert one.line("alerts").text == "no alert fires\n"
    one.line(LINES["a summary with other places"])
    one.line("tick 60")
    assert "{nobody}" in one.line("alerts").text


def test_nodes_hold_what_they_can_and_a_thousand_replicas_cost_little() -> None:
    one = player(HOTEL)
    started = time.process_time()
    assert one.line("kubectl scale deployment/user-service --replicas=1000").exit_code == 0
    one.line("tick 60")
    assert time.process_time() - started < 10.0  # seconds: what must not happen is minutes
    pods = one.lab.cluster.store.listed("pods", one.lab.namespace)
    assert len(pods) >= 1000
    placed: dict[str, int] = {}
    for pod in pods:
        node = pod["spec"].get("nodeName")
        if node:
            placed[node] = placed.get(node, 0) + 1
    assert max(placed.values()) == 110
    events = one.line("kubectl get events --field-selector reason=FailedScheduling").text
    assert "Too many pods" in events


def test_replicas_without_end_fill_the_store_and_no_more() -> None:
    one = player(HOTEL)
    assert one.line("kubectl scale deployment/user-service --replicas=1000").exit_code == 0
    for replicas in (10**6, 2**31 - 1):
        spec = {"spec": {"replicas": replicas}}
        assert one.line(patched("deployment", "user-service", spec)).exit_code == 0
    assert one.lab.cluster.store.count("pods") == 2000
    events = one.line("kubectl get events --field-selector reason=FailedCreate").text
    assert "database space exceeded" in events


HOSTS = {
    "geo": True,
    "GEO": True,
    "geo.{namespace}": True,
    "geo.{namespace}.svc": True,
    "geo.{namespace}.SVC.cluster.local": True,
    "geo.{namespace}.svc.cluster.local.": True,
    "geo.": False,
    "geo.{namespace}.": False,
    "geo.elsewhere": False,
    "geo..": False,
}


@pytest.mark.parametrize(("host", "found"), HOSTS.items())
def test_hosts_are_read_as_a_resolver_reads_them(host: str, found: bool) -> None:  # noqa: FBT001
    cluster = player().lab.cluster
    service = find_service(cluster, host.format(namespace=cluster.namespace))
    assert (service is not None) is found


def test_an_alias_leads_to_what_it_names() -> None:
    one = player()
    other = {"spec": {"type": "ExternalName", "externalName": "rate", "ports": None}}
    one.line(patched("service", "geo", other))
    service = find_service(one.lab.cluster, "geo")
    assert service is not None and service["metadata"]["name"] == "rate"


@pytest.mark.parametrize(
    ("image", "same"),
    [
        ("mongo:4.4.6", "docker.io/library/mongo:4.4.6"),
        ("mongo", "docker.io/library/mongo:latest"),
        ("docker.io/mongo", "docker.io/library/mongo:latest"),
        ("index.docker.io/library/mongo:1", "docker.io/library/mongo:1"),
        ("a/b", "docker.io/a/b:latest"),
        ("localhost:5000/b", "localhost:5000/b:latest"),
        ("ghcr.io/a/b@sha256:1", "ghcr.io/a/b@sha256:1"),
    ],
)
def test_an_image_has_one_full_reference(image: str, same: str) -> None:
    assert canonical(image) == same


def test_an_image_runs_however_it_is_written() -> None:
    one = player("revoke_auth_mongodb-mitigation-1")
    shown = "kubectl get deployment mongodb-geo -o jsonpath='{..containers[0].image}'"
    image = one.line(shown).text
    name = one.line("kubectl get deployment mongodb-geo -o jsonpath='{..containers[0].name}'").text
    one.line(f"kubectl set image deployment/mongodb-geo {name}={canonical(image)}")
    one.line("tick 120")
    assert "successfully rolled out" in one.line("kubectl rollout status deploy/mongodb-geo").text


@pytest.mark.parametrize(
    ("command", "args", "process"),
    [
        (["profile"], ["-x"], [["profile", "-x"]]),
        (
            ["sh", "-c", "exec profile -x"],
            None,
            [["sh", "-c", "exec profile -x"], ["profile", "-x"]],
        ),
        (["/bin/bash", "-ec", "cd /go && A=1 exec /go/bin/profile"], None, None),
        (["sh", "-c"], ["profile"], [["sh", "-c", "profile"], ["profile"]]),
        (["sh", "-c", "'"], None, [["sh", "-c", "'"]]),
        (["sh"], ["-c"], [["sh", "-c"]]),
        (None, ["x"], []),
    ],
)
def test_a_shell_runs_what_it_is_given(
    command: list[str] | None, args: list[str] | None, process: list[list[str]] | None
) -> None:
    given = {"command": command} if command else {}
    found = list(candidates({**given, **({"args": args} if args else {})}))
    assert found == process if process is not None else found[-1] == ["/go/bin/profile"]


def test_a_wrong_binary_is_mended_by_a_shell_that_starts_the_right_one() -> None:
    one = player("wrong_bin_usage-mitigation-1")
    spec = {
        "containers": [{"name": "hotel-reserv-profile", "command": ["sh", "-c", "exec profile"]}]
    }
    line = patched("deployment", "profile", {"spec": {"template": {"spec": spec}}}, "strategic")
    assert one.line(line).exit_code == 0
    one.line("tick 120")
    verdict = one.line("submit").verdict
    assert verdict is not None and verdict.strict, verdict


@pytest.mark.parametrize(
    "change",
    [
        {"op": "remove", "path": "/spec"},
        {"op": "replace", "path": "/spec", "value": 0},
        {"op": "add", "path": "/spec/claimRef", "value": "0"},
        {"op": "add", "path": "/spec/claimRef", "value": {"name": {}, "namespace": "n"}},
        {"op": "add", "path": "/spec/claimRef", "value": {"name": "n"}},
        {"op": "remove", "path": "/spec/capacity"},
    ],
    ids=str,
)
def test_a_volume_that_cannot_be_read_is_refused(change: dict[str, object]) -> None:
    one = player("revoke_auth_mongodb-mitigation-1")
    turn = one.line(patched("pv", "rate-pv", [change], "json"))
    assert turn.exit_code not in {0, REFUSED_EXIT} and "nvalid" in turn.text, turn.text
    assert one.line("kubectl get pv").exit_code == 0
