"""What the strict verdict refuses beside a repaired fault, and the different repairs it takes."""

from functools import cache

import orjson
import pytest

from agents.contracts.incident import Task
from agents.contracts.plan import Analysis, Submission, SubmitReason
from agents.environments.simulated.controllers.starting import answers
from agents.environments.simulated.faults.recurring import threats
from agents.environments.simulated.faults.registry import FAMILIES
from agents.environments.simulated.incidents import Difficulty, generate
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.objects.kinds import Manifest, clone
from agents.environments.simulated.oracle import Verdict
from agents.environments.simulated.player import Player
from agents.environments.simulated.references import scenario_of

EVERY = pytest.mark.parametrize("family", sorted(FAMILIES))
_VOLUME = "/spec/template/spec/volumes/0"
_KAFKA = "astronomy_shop_kafka_queue_problems-mitigation-1"
_NODE = "assign_to_non_existent_node_social_net-mitigation-1"
_REDEPLOY = "redeploy_without_PV-mitigation-1"
_AT = "/spec/template/spec/containers/0"


def of(family: str, seed: int = 3) -> str:
    split = "D" if family in ("liveness_probe", "service_account") else "B"
    return f"seed-{seed}:split={split},family={family},task=mitigation"


def verdict(lab: Lab, answer: str | tuple[str, ...] | Analysis | None = None) -> Verdict:
    return lab.judge(
        Submission(task=lab.scenario.task, reason=SubmitReason.ANSWERED, answer=answer)
    )


def play(lab: Lab, *lines: str) -> None:
    player = Player(lab)
    for line in lines:
        turn = player.line(line)
        assert turn.exit_code == 0, (line, turn.text)


def patch(kind: str, name: str, body: object, how: str = "merge") -> str:
    return f"kubectl patch {kind} {name} --type={how} -p '{orjson.dumps(body).decode()}'"


def change(name: str, path: str, value: object, op: str = "add") -> str:
    return patch("deployment", name, [{"op": op, "path": path, "value": value}], "json")


def apply(body: object) -> str:
    return f"kubectl apply -f - <<'EOF'\n{orjson.dumps(body).decode()}\nEOF"


def deployment(lab: Lab, name: str) -> Manifest:
    found = lab.cluster.store.get("deployments", lab.namespace, name)
    assert found is not None
    return found


@cache
def shop_flags() -> tuple[str, str, str]:
    lab = Lab(scenario_of(_KAFKA))
    place = lab.scenario.application.flags
    assert place is not None
    body = lab.cluster.store.get("configmaps", lab.namespace, place[0])
    assert body is not None
    return place[0], place[1], body["data"][place[1]]


def policed() -> tuple[Lab, str, str, str]:
    """Return a mended lab, a component without fault, a cache that is not critical, a store."""
    lab = Lab(scenario_of(of("network_policy")))
    play(lab, lab.ground_truth.repairs[0])
    application = lab.scenario.application
    service = lab.ground_truth.service
    other = next(c for c in application.components if c.name not in (application.entry, service))
    spare = next(
        k.target for c in application.components for k in c.program.calls if not k.critical
    )
    store = next(c.name for c in application.components if c.volume)
    return lab, other.name, spare, store


def harm(what: str, lab: Lab, other: str, spare: str, store: str) -> tuple[list[str], str]:
    """Return the lines that do some harm, and what the reason has to say of it."""
    container = deployment(lab, other)["spec"]["template"]["spec"]["containers"][0]["name"]
    inner = {"spec": {"template": {"spec": {"containers": [{"name": container}]}}}}
    secured = clone(inner)
    secured["spec"]["template"]["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    labels = deployment(lab, spare)["spec"]["selector"]["matchLabels"]
    config = lab.scenario.application.configs[0]
    secret = lab.scenario.application.secrets[0]
    claim = f"{store}-data"
    fresh = lab.cluster.store.get("persistentvolumeclaims", lab.namespace, claim)
    assert fresh is not None
    empty = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": claim, "namespace": lab.namespace},
        "spec": {k: v for k, v in fresh["spec"].items() if k != "volumeName"},
    }
    deny = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny", "namespace": lab.namespace},
        "spec": {"podSelector": {"matchLabels": labels}, "policyTypes": ["Ingress"]},
    }
    taint = {"spec": {"taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}]}}
    cases: dict[str, tuple[list[str], str]] = {
        "a port of a cache": (
            [
                patch(
                    "service",
                    spare,
                    [{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 1}],
                    "json",
                )
            ],
            "points at port 1",
        ),
        "a policy on a cache": ([apply(deny)], f"to {spare} fail"),
        "an empty claim": ([f"kubectl delete pvc {claim}", apply(empty)], "had its data"),
        "a volume": ([f"kubectl delete pv {fresh['spec']['volumeName']}"], "had its data"),
        "a volume that is gone with its pod": (
            [change(store, _VOLUME, {"name": "data", "emptyDir": {}}, "replace")],
            "gone with its pod",
        ),
        "a setting": (
            [patch("configmap", config[0], {"data": {config[1][0][0]: "garbage"}})],
            f"the value of {config[1][0][0]}",
        ),
        "a secret": (
            [patch("secret", secret[0], {"data": {secret[1][0]: ""}})],
            "the value of",
        ),
        "a paused deployment": ([patch("deployment", other, {"spec": {"paused": True}})], "paused"),
        "no requests": (
            [change(other, f"{_AT}/resources/requests", None, "remove")],
            "lost its cpu request",
        ),
        "huge limits": (
            [f"kubectl set resources deployment/{other} --limits=memory=1000Gi"],
            "memory limit of 1000Gi",
        ),
        "privileges": ([patch("deployment", other, secured, "strategic")], "securityContext"),
        "a probe that asks nobody": (
            [change(other, f"{_AT}/readinessProbe", {"exec": {"command": ["true"]}}, "replace")],
            "readinessProbe",
        ),
        "no history": (
            [patch("deployment", other, {"spec": {"revisionHistoryLimit": 0}})],
            "revisionHistoryLimit",
        ),
        "another strategy": (
            [
                patch(
                    "deployment",
                    other,
                    {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}},
                )
            ],
            "strategy",
        ),
        "twenty replicas": ([f"kubectl scale deployment/{other} --replicas=20"], "far too many"),
        "tainted nodes": (
            [patch("node", node, taint) for node in lab.scenario.application.nodes],
            "taints",
        ),
        "renamed nodes": (
            [
                f"kubectl label node {n} kubernetes.io/hostname=x --overwrite"
                for n in lab.scenario.application.nodes
            ],
            "kubernetes.io/hostname",
        ),
        "a type of service": (
            [
                patch(
                    "service",
                    spare,
                    {"spec": {"type": "ExternalName", "externalName": "x.example", "ports": None}},
                )
            ],
            "another type",
        ),
    }
    return cases[what]


@pytest.mark.parametrize(
    "what",
    [
        "a port of a cache",
        "a policy on a cache",
        "an empty claim",
        "a volume",
        "a volume that is gone with its pod",
        "a setting",
        "a secret",
        "a paused deployment",
        "no requests",
        "huge limits",
        "privileges",
        "a probe that asks nobody",
        "no history",
        "another strategy",
        "twenty replicas",
        "tainted nodes",
        "renamed nodes",
        "a type of service",
    ],
)
def test_harm_beside_the_repair_is_refused_and_told(what: str) -> None:
    lab, other, spare, store = policed()
    assert verdict(lab).strict
    lines, told = harm(what, lab, other, spare, store)
    play(lab, *lines)
    found = verdict(lab)
    assert not found.strict
    assert told in found.reason


@pytest.mark.parametrize(
    ("family", "guard", "value"),
    [
        ("readiness_probe", "readinessProbe", {"exec": {"command": ["true"]}}),
        ("liveness_probe", "livenessProbe", {"exec": {"command": ["true"]}}),
        ("liveness_probe", "livenessProbe/initialDelaySeconds", 9_999_999),
        ("liveness_probe", "livenessProbe/failureThreshold", 1000),
        ("memory_limit", "resources/limits/memory", "1000Gi"),
    ],
)
def test_a_guard_that_guards_nothing_is_no_repair(family: str, guard: str, value: object) -> None:
    lab = Lab(scenario_of(of(family)))
    play(lab, change(str(lab.ground_truth.service), f"{_AT}/{guard}", value))
    assert not verdict(lab).strict
    assert verdict(lab).reason.startswith(f"deployment {lab.ground_truth.service} has a ")


def test_a_store_keeps_its_data() -> None:
    reference = of("unbound_volume")
    service = str(Lab(scenario_of(reference)).ground_truth.service)
    for line in (
        change(service, _VOLUME, {"name": "data", "emptyDir": {}}, "replace"),
        change(service, f"{_VOLUME}/persistentVolumeClaim/claimName", "zone-pg-data", "replace"),
    ):
        lab = Lab(scenario_of(reference))
        play(lab, line)
        assert not verdict(lab).strict
        assert verdict(lab).reason.startswith(f"deployment {service} ")


def test_the_namespace_that_was_deployed_anew_wants_its_old_data() -> None:
    lab = Lab(scenario_of(_REDEPLOY))
    for item in lab.cluster.store.listed("persistentvolumeclaims", lab.namespace):
        name, body = item["metadata"]["name"], clone(item)
        body["spec"]["storageClassName"] = lab.scenario.application.storage_class
        body["metadata"] = {"name": name, "namespace": lab.namespace}
        del body["status"]
        play(lab, f"kubectl delete pvc {name}", apply(body))
    found = verdict(lab)
    assert not found.strict
    assert "had its data" in found.reason


def test_a_thinner_deployment_is_no_repair() -> None:
    lab = Lab(scenario_of(of("unbound_volume")))
    name = str(lab.ground_truth.service)
    spec = deployment(lab, name)["spec"]
    container = dict(spec["template"]["spec"]["containers"][0])
    container.pop("volumeMounts")
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": lab.namespace},
        "spec": {
            "replicas": spec["replicas"],
            "selector": spec["selector"],
            "template": {
                "metadata": {"labels": spec["template"]["metadata"]["labels"]},
                "spec": {"containers": [container]},
            },
        },
    }
    play(lab, f"kubectl delete deployment {name}", apply(body))
    assert not verdict(lab).strict


@pytest.mark.parametrize("seed", [3, 4, 6])
def test_labels_on_live_pods_are_gone_with_them(seed: int) -> None:
    lab = Lab(scenario_of(of("service_selector", seed)))
    name = str(lab.ground_truth.service)
    service = lab.cluster.store.get("services", lab.namespace, name)
    assert service is not None
    labels = " ".join(f"{key}={value}" for key, value in service["spec"]["selector"].items())
    for run in lab.cluster.runs_of(name):
        play(lab, f"kubectl label pod {run.pod['metadata']['name']} {labels} --overwrite")
    assert "once they are made anew" in verdict(lab).reason


def test_a_label_on_the_pods_template_is_a_repair() -> None:
    lab = Lab(scenario_of(of("service_selector")))
    name = str(lab.ground_truth.service)
    service = lab.cluster.store.get("services", lab.namespace, name)
    assert service is not None
    labels = {"spec": {"template": {"metadata": {"labels": service["spec"]["selector"]}}}}
    play(lab, patch("deployment", name, labels))
    assert verdict(lab).strict


@pytest.mark.parametrize("text", ["not json", "", "{}"])
def test_an_unreadable_file_of_flags_is_no_repair(text: str) -> None:
    config, key, _ = shop_flags()
    lab = Lab(scenario_of(_KAFKA))
    play(lab, patch("configmap", config, {"data": {key: text}}))
    assert verdict(lab).reason == "the file of the feature flags can't be read"


def test_a_repair_of_one_flag_leaves_the_others() -> None:
    config, key, text = shop_flags()
    flags = orjson.loads(text)["flags"]
    flags["kafkaQueueProblems"]["defaultVariant"] = "off"
    fewer = {name: body for name, body in flags.items() if name == "kafkaQueueProblems"}
    more = clone(flags)
    more["adFailure"]["defaultVariant"] = "on"
    for body, told in ((fewer, "is gone"), (more, "flag adFailure is switched otherwise")):
        lab = Lab(scenario_of(_KAFKA))
        file = orjson.dumps({"flags": body}).decode()
        play(lab, patch("configmap", config, {"data": {key: file}}))
        assert told in verdict(lab).reason


def test_where_a_pod_runs_is_asked_of_the_scheduler_and_of_true_labels() -> None:
    name = str(Lab(scenario_of(_NODE)).ground_truth.service)
    pinned = {"nodeSelector": None, "nodeName": "kind-worker"}
    for line in (
        "kubectl label node kind-worker kubernetes.io/hostname=extra-node --overwrite",
        patch("deployment", name, {"spec": {"template": {"spec": pinned}}}),
    ):
        lab = Lab(scenario_of(_NODE))
        play(lab, line)
        assert not verdict(lab).strict
    lab = Lab(scenario_of(_NODE))
    there = {"nodeSelector": {"kubernetes.io/hostname": "kind-worker2"}}
    play(lab, patch("deployment", name, {"spec": {"template": {"spec": there}}}))
    assert verdict(lab).strict


@pytest.mark.parametrize(
    ("family", "edit"),
    [
        ("readiness_probe", ("readinessProbe", "tcpSocket")),
        ("memory_limit", ("resources/limits/memory", "1Gi")),
        ("memory_limit", ("resources/limits/memory", "900Mi")),
    ],
)
def test_other_repairs_of_a_template_pass(family: str, edit: tuple[str, str]) -> None:
    lab = Lab(scenario_of(of(family)))
    name = str(lab.ground_truth.service)
    field, value = edit
    port = lab.scenario.application.component(name).program.port
    wanted = {value: {"port": port}} if value == "tcpSocket" else value
    play(lab, change(name, f"{_AT}/{field}", wanted, "replace"))
    assert verdict(lab).strict, verdict(lab).reason


def test_a_service_made_anew_or_named_ports_pass() -> None:
    for way in ("anew", "name"):
        lab = Lab(scenario_of(of("service_target_port")))
        name = str(lab.ground_truth.service)
        component = lab.scenario.application.component(name)
        ports = [{"port": component.service_port, "targetPort": component.program.port}]
        body = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": lab.namespace},
            "spec": {
                "selector": deployment(lab, name)["spec"]["selector"]["matchLabels"],
                "ports": ports,
            },
        }
        path = {"op": "replace", "path": "/spec/ports/0/targetPort", "value": component.port_name}
        lines = (
            [f"kubectl delete service {name}", apply(body)]
            if way == "anew"
            else [patch("service", name, [path], "json")]
        )
        play(lab, *lines)
        assert verdict(lab).strict, (way, verdict(lab).reason)


@EVERY
def test_every_way_of_the_truth_can_be_typed_and_passes(family: str) -> None:
    for seed in (3, 5):
        for way in Lab(scenario_of(of(family, seed))).ground_truth.ways:
            lab = Lab(scenario_of(of(family, seed)))
            play(lab, *way)
            assert verdict(lab).strict, (way, verdict(lab).reason)


@pytest.mark.parametrize("family", ["revoke_auth_mongodb", "user_unregistered_mongodb"])
def test_a_repair_of_a_stores_users_names_its_pod(family: str) -> None:
    reference = f"{family}-mitigation-1"
    for way in Lab(scenario_of(reference)).ground_truth.ways:
        lab = Lab(scenario_of(reference))
        play(lab, *way)
        assert verdict(lab).strict, verdict(lab).reason


@EVERY
def test_every_way_ends_a_fault_that_comes_and_goes(family: str) -> None:
    reference = f"{of(family)},difficulty=recurring"
    for way in Lab(scenario_of(reference)).ground_truth.ways:
        lab = Lab(scenario_of(reference))
        play(lab, *way)
        assert verdict(lab).strict, (way, verdict(lab).reason)
        lab.tick(1800)
        assert verdict(lab).strict, (way, verdict(lab).reason)


@EVERY
def test_waiting_and_a_touch_end_no_fault_that_comes_and_goes(family: str) -> None:
    lab = Lab(scenario_of(f"{of(family)},difficulty=recurring"))
    while threats(lab.cluster)[0].bad:
        lab.tick(15)
    lab.tick(30)
    name = str(lab.ground_truth.service)
    play(lab, f"kubectl rollout restart deployment/{name}")
    found = verdict(lab)
    assert not found.strict
    assert found.reason.startswith("the fault is away at present and will come back")
    lab.tick(1200)
    seen = set()
    for _ in range(60):
        lab.tick(30)
        seen.add(lab.cluster.epochs[-1].errors > 0)
    assert seen == {True, False}


def test_two_faults_are_two_in_every_seed() -> None:
    drawn = [
        generate(seed, split="B", task=Task.MITIGATION, difficulty=Difficulty.SEVERAL)
        for seed in range(60)
    ]
    assert all(len(scenario.also) == 1 for scenario in drawn)
    again = [
        generate(seed, split="B", task=Task.MITIGATION, difficulty=Difficulty.SEVERAL)
        for seed in range(60)
    ]
    assert drawn == again


def test_a_needless_change_of_a_healthy_system_is_refused_in_mitigation_too() -> None:
    lab = Lab(generate(1, task=Task.MITIGATION, healthy=True))
    assert verdict(lab).strict
    play(lab, f"kubectl rollout restart deployment/{lab.scenario.application.entry}")
    assert verdict(lab).reason == "a healthy system was changed"
    assert not verdict(lab).strict


def test_nothing_is_at_fault_can_be_answered() -> None:
    for task in (Task.ANALYSIS, Task.LOCALIZATION):
        lab = Lab(generate(1, task=task, healthy=True))
        assert verdict(lab, "none").strict
        assert not verdict(lab, None).strict
        turn = Player(lab).line("submit none")
        assert turn.verdict is not None
        assert turn.verdict.strict
    lab = Lab(generate(1, task=Task.ANALYSIS, healthy=True))
    label = Analysis(system_level="Application", fault_type="Code Defect")
    assert not verdict(lab, label).strict


def test_reasons_are_in_plain_words() -> None:
    lab = Lab(generate(3, family="scaled_to_zero", task=Task.LOCALIZATION))
    service = lab.ground_truth.service
    assert verdict(lab, ("a", "b")).reason == f"expected {service}, got a and b"
    assert verdict(lab, ()).reason == f"expected {service}, got no service"
    lab = Lab(generate(3, family="scaled_to_zero", task=Task.DETECTION, healthy=False))
    assert verdict(lab, "No").reason == "expected Yes, got No"
    assert verdict(lab, None).reason == "expected Yes, got no answer"


@pytest.mark.parametrize(
    ("command", "passes"),
    [
        (["true"], True),
        (["false"], False),
        (["sh", "-c", "exit 1"], False),
        (["sh", "-c", "redis-cli ping || exit 1"], True),
    ],
)
def test_a_probe_that_always_fails_is_never_answered(command: list[str], *, passes: bool) -> None:
    lab = Lab(generate(1))
    run = next(run for run in lab.cluster.runs.values() if run.life and run.life.program)
    assert run.life is not None
    assert run.life.program is not None
    program = run.life.program
    assert answers(run, {"exec": {"command": command}}, program, program.port) is passes


@pytest.mark.parametrize(
    "arguments",
    [["--tlsMode=requireTLS"], ["--tlsMode", "requireTLS"], ["--sslMode=requireSSL"]],
)
def test_tls_is_required_in_every_spelling(arguments: list[str]) -> None:
    lab = Lab(scenario_of("auth_miss_mongodb-mitigation-1"))
    play(lab, change(str(lab.ground_truth.service), f"{_AT}/args", arguments, "replace"))
    assert not verdict(lab).strict
    lab = Lab(scenario_of("auth_miss_mongodb-mitigation-1"))
    play(lab, change(str(lab.ground_truth.service), f"{_AT}/args", ["--tlsMode=preferTLS"]))
    assert verdict(lab).strict
