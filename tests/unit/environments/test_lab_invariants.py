"""Random commands never crash the lab, break its invariants, or make it name its own task."""

# ruff: noqa: ISC004 - the commands of a table are longer than a line
import re
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.contracts.command import Access
from agents.contracts.incident import Task
from agents.contracts.plan import Submission, SubmitReason
from agents.environments.simulated.benchmark.problems import PROBLEMS, scenario_of
from agents.environments.simulated.faults.registry import FAMILIES
from agents.environments.simulated.incidents import Difficulty, Scenario, generate
from agents.environments.simulated.kubectl import shell
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.objects.pods import is_ready
from agents.environments.simulated.objects.selectors import matches
from agents.environments.simulated.splits import table
from agents.policy.parse import access_of, parse
from agents.policy.refusal import Refusal

NAMES = ("{service}", "{entry}", "{store}", "nothing-here")
READS = (
    "kubectl get pods -o wide",
    "kubectl get pods -l {label}={name}",
    "kubectl get all",
    "kubectl get deployments,services {name}",
    "kubectl get deployment {name} -o yaml",
    "kubectl get service {name} -o jsonpath='{{.spec.ports[0].targetPort}}'",
    "kubectl get pods -o custom-columns=N:.metadata.name,S:.status.phase",
    "kubectl get pods --sort-by=.status.startTime --no-headers",
    "kubectl get events --field-selector type=Warning",
    "kubectl get pods --field-selector status.phase!=Running",
    "kubectl describe deployment {name}",
    "kubectl describe pods",
    "kubectl describe nodes",
    "kubectl describe pvc",
    "kubectl describe networkpolicies",
    "kubectl describe replicasets",
    "kubectl logs deployment/{name} --tail=20",
    "kubectl logs deployment/{name} --previous",
    "kubectl logs -l {label}={name} --all-containers --prefix --timestamps",
    "kubectl logs deployment/{name} --since=5m",
    "kubectl top pods --sort-by=memory",
    "kubectl top nodes",
    "kubectl events --types=Warning",
    "kubectl rollout history deployment/{name} --revision=1",
    "kubectl rollout status deployment/{name}",
    "kubectl exec deployment/{name} -- env",
    "kubectl exec deployment/{name} -- nslookup {service}",
    "kubectl exec deployment/{name} -- curl -s http://{service}:80/",
    "kubectl get secrets -o yaml",
    "kubectl get -A pods",
    "kubectl api-resources",
    "kubectl cluster-info",
    "kubectl auth can-i get pods",
    "kubectl get pv,pvc,sc",
    "kubectl exec deployment/{store} -- mongo --quiet --eval 'db.getUsers()'",
    "kubectl exec deployment/{name} -- mongosh -u root -p root --eval 'db.getRoles()'",
    "helm list -A",
    "helm status {release}",
    "helm history {release} -o json",
)
LOGIN = (
    'db.getSiblingDB("admin").auth(_getEnv("MONGO_INITDB_ROOT_USERNAME"), '
    '_getEnv("MONGO_INITDB_ROOT_PASSWORD")); '
)
WRITES = (
    "kubectl rollout restart deployment/{name}",
    "kubectl rollout undo deployment/{name}",
    "kubectl scale deployment/{name} --replicas={number}",
    "kubectl set image deployment/{name} *=redis:7.2-alpine",
    "kubectl set env deployment/{name} A={number} LOG_LEVEL-",
    "kubectl set resources deployment/{name} --limits=memory={number}Mi",
    "kubectl set resources deployment/{name} --requests=cpu={number}",
    'kubectl patch service {name} -p \'{{"spec":{{"ports":[{{"port":{number}}}]}}}}\'',
    'kubectl patch service {name} --type=merge -p \'{{"spec":{{"selector":null}}}}\'',
    "kubectl patch deployment {name} --type=json "
    '-p \'[{{"op":"remove","path":"/spec/template/spec/containers/0/{field}"}}]\'',
    'kubectl patch deployment {name} -p \'{{"spec":{{"{field}":{number}}}}}\'',
    'kubectl patch deployment {name} --type=merge -p \'{{"spec":{{"template":{{"spec":'
    '{{"containers":[{{"name":"x","image":"mongo:7.0"}}]}}}}}}}}\'',
    'kubectl patch pod {pod} -p \'{{"metadata":{{"labels":{{"{label}":"gone"}}}}}}\'',
    'kubectl patch replicaset {set} -p \'{{"spec":{{"replicas":{number}}}}}\'',
    'kubectl patch replicaset {set} -p \'{{"spec":{{"template":null}}}}\'',
    'kubectl patch node {node} -p \'{{"spec":{{"taints":[{{"key":"a","effect":'
    '"NoSchedule"}}]}}}}\'',
    "kubectl delete service {name}",
    "kubectl delete deployment {name}",
    "kubectl delete pods {pod}",
    "kubectl delete replicaset {set}",
    "kubectl delete endpoints {name}",
    "kubectl delete pvc -l {label}={name}",
    "kubectl label pod {pod} {label}-",
    "kubectl label deployment {name} a=b --overwrite",
    "kubectl annotate service {name} note=x",
    "kubectl cordon {node}",
    "kubectl uncordon {node}",
    "kubectl drain {node} --ignore-daemonsets",
    "kubectl apply -f - <<'EOF'\n"
    '{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}"}},'
    '"data":{{"a":"b"}}}}\nEOF',
    "kubectl apply -f - <<'EOF'\n"
    '{{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{{"name":"n"}},'
    '"spec":{{"podSelector":{{}},"policyTypes":["Egress"]}}}}\nEOF',
    f"kubectl exec deployment/{{store}} -- mongo --quiet --eval '{LOGIN}"
    'db.getSiblingDB("admin").grantRolesToUser("admin", '
    '[{{role: "readWrite", db: "geo-db"}}])\'',
    f"kubectl exec deployment/{{store}} -- mongo --eval '{LOGIN}"
    'db.getSiblingDB("admin").dropUser("admin")\'',
    'kubectl patch pv {volume} -p \'{{"spec":{{"claimRef":null}}}}\'',
    "kubectl delete pv {volume}",
    "helm rollback {release} {number}",
    "helm upgrade {release} chart --set {store}.tls.mode=requireTLS",
    "helm upgrade {release} chart --set {name}.replicas={number}",
    "kubectl create -f - <<'EOF'\n"
    '{{"apiVersion":"v1","kind":"Service","metadata":{{"name":"s{number}"}},'
    '"spec":{{"ports":[{{"port":80}}]}}}}\nEOF',
)


def fill(lab: Lab, pattern: str, name: str, number: int, field: str) -> str:
    application = lab.scenario.application
    pods = lab.cluster.store.listed("pods", lab.namespace)
    sets = lab.cluster.store.listed("replicasets", lab.namespace)
    places = {
        "service": lab.scenario.service,
        "entry": application.entry,
        "store": _store_of(lab),
        "release": application.release.name if application.release else "none",
        "volume": _first(lab, "persistentvolumes"),
        "label": application.label,
        "node": application.nodes[0],
        "pod": pods[number % len(pods)]["metadata"]["name"] if pods else "none",
        "set": sets[number % len(sets)]["metadata"]["name"] if sets else "none",
        "number": number,
        "field": field,
    }
    return pattern.format(name=name.format(**places), **places)


def _store_of(lab: Lab) -> str:
    components = lab.scenario.application.components
    with_users = [component.name for component in components if component.program.users]
    return (with_users or [components[-1].name])[0]


def _first(lab: Lab, kind: str) -> str:
    listed = lab.cluster.store.listed(kind)
    return str(listed[0]["metadata"]["name"]) if listed else "none"


def check(lab: Lab) -> None:
    """What holds in every cluster, whatever was done to it."""
    store = lab.cluster.store
    pods = store.listed("pods")
    assert len(pods) == len(lab.cluster.runs)
    by_address = {pod["status"].get("podIP"): pod for pod in pods}
    for item in store.listed("endpoints", lab.namespace):
        service = store.get("services", lab.namespace, item["metadata"]["name"])
        if service is not None and not service["spec"].get("selector"):
            continue  # whoever takes the selector away leaves the addresses behind
        listed = {
            address["ip"] for subset in item["subsets"] for address in subset.get("addresses", ())
        }
        assert all(is_ready(by_address[address]) for address in listed)
        if service is not None:
            selector = service["spec"]["selector"]
            wanted = {
                pod["status"]["podIP"]
                for pod in store.listed("pods", lab.namespace)
                if is_ready(pod) and matches(selector, pod["metadata"].get("labels") or {})
            }
            if all(isinstance(p.get("targetPort"), int) for p in service["spec"]["ports"]):
                assert listed == wanted
    versions = [int(item["metadata"]["resourceVersion"]) for item in store.listed("deployments")]
    assert len(set(versions)) == len(versions)
    owners = {
        (item["kind"], item["metadata"]["name"]): item["metadata"]["uid"]
        for kind in ("deployments", "replicasets")
        for item in store.listed(kind, lab.namespace)
    }
    for kind in ("replicasets", "pods"):
        for item in store.listed(kind, lab.namespace):
            for owner in item["metadata"].get("ownerReferences", ()):
                assert owners[(owner["kind"], owner["name"])] == owner["uid"]
    for volume in store.listed("persistentvolumes"):
        bound = volume["status"].get("phase") == "Bound"
        assert not bound or "claimRef" in volume["spec"]
    for item in store.listed("deployments", lab.namespace):
        ready = item["status"].get("readyReplicas", 0)
        assert 0 <= ready <= item["status"].get("replicas", 0)
    epochs = lab.cluster.epochs
    assert all(a.start < b.start for a, b in pairwise(epochs))
    assert all(0 <= epoch.errors <= 1 for epoch in epochs)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(READS + WRITES),
        st.sampled_from(NAMES),
        st.integers(0, 9),
        st.sampled_from(
            ("resources", "image", "name", "env", "ports", "replicas", "selector", "strategy")
        ),
    ),
    max_size=14,
)


INCIDENTS = st.tuples(st.integers(0, 60), st.sampled_from(Difficulty)) | st.sampled_from(
    sorted(PROBLEMS)
)


def scenario_from(incident: tuple[int, Difficulty] | str) -> Scenario:
    if isinstance(incident, str):
        return scenario_of(incident)
    seed, difficulty = incident
    return generate(seed, split="B", task=Task.MITIGATION, difficulty=difficulty)


@given(incident=INCIDENTS, steps=STEPS, pause=st.integers(0, 400))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_commands_never_crash_the_lab(
    incident: tuple[int, Difficulty] | str,
    steps: list[tuple[str, str, int, str]],
    pause: int,
) -> None:
    lab = Lab(scenario_from(incident))
    check(lab)
    for pattern, name, number, field in steps:
        try:
            command = parse(
                fill(lab, pattern, name, number, field), default_namespace=lab.namespace
            )
        except Refusal:
            continue
        version = lab.cluster.store.version
        if access_of(command) is Access.READ:
            output = lab.read(command)
        else:
            output = lab.act(command)
            if output.exit_code and command.verb != "delete":
                assert output.text
        assert "Traceback" not in output.text
        assert output.text.endswith("\n") or not output.text or "jsonpath" in pattern
        assert lab.cluster.store.version >= version
        check(lab)
    lab.tick(pause)
    check(lab)
    lab.judge(Submission(task=Task.MITIGATION, reason=SubmitReason.ANSWERED))


def test_no_output_names_family_task_or_lab() -> None:
    words = set(FAMILIES) | set(table()["splits"]["C"]) | {task.value for task in Task}
    words |= {word.replace("_", "-") for word in words} | {"inject", "fault", "simulat", "aoi"}
    pattern = re.compile(rf"(?<![a-z])({'|'.join(sorted(map(re.escape, words)))})", re.IGNORECASE)
    for number, family in enumerate(sorted(FAMILIES)):
        lab = Lab(generate(number, family=family))
        for template in READS:
            line = fill(lab, template, lab.scenario.service, 1, "env")
            text = lab.read(parse(line, default_namespace=lab.namespace)).text
            assert not pattern.search(text), (line, pattern.search(text))


def test_reads_change_nothing_but_the_clock() -> None:
    lab = Lab(generate(3, task=Task.MITIGATION))
    for template in READS:
        line = fill(lab, template, lab.scenario.service, 1, "env")
        copy = lab.cluster.freeze()
        shell.read(lab.cluster, parse(line, default_namespace=lab.namespace))
        assert lab.cluster.freeze() == copy, line
