"""kubectl's own words: tables, errors and exit codes on small, known states."""

import re

import pytest

from agents.contracts.action import Action
from agents.contracts.incident import Task
from agents.environments.protocol import ActionRejected
from agents.environments.simulated.handles import SimulatedPreview, SimulatedRead, SimulatedWrite
from agents.environments.simulated.incidents import generate
from agents.environments.simulated.kubectl.jsonpath import BadTemplate, evaluate
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.objects.patching import inverse, json_patch, merge, strategic
from agents.environments.simulated.objects.quantity import amount, memory_text
from agents.environments.simulated.objects.selectors import parse_selector, select
from agents.policy.actions import action_of
from agents.policy.parse import parse


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab(generate(11, family="scaled_to_zero", task=Task.MITIGATION, application="hotel"))


def shown(lab: Lab, line: str) -> tuple[str, int]:
    output = lab.read(parse(line, default_namespace=lab.namespace))
    return output.text, output.exit_code


def test_get_pods_has_the_columns_and_spacing_of_kubectl(lab: Lab) -> None:
    lines = shown(lab, "kubectl get pods")[0].splitlines()
    assert re.fullmatch(r"NAME +READY   STATUS    RESTARTS   AGE", lines[0])
    start = lines[0].index("READY")
    assert all(line[start - 3 : start] == "   " for line in lines)
    assert all(re.fullmatch(r"[a-z0-9-]+ +1/1     Running   0          \S+", x) for x in lines[1:])


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("get deployment x", 'Error from server (NotFound): deployments.apps "x" not found\n'),
        ("get pod x", 'Error from server (NotFound): pods "x" not found\n'),
        ("describe service x", 'Error from server (NotFound): services "x" not found\n'),
        ("get nodes x", 'Error from server (NotFound): nodes "x" not found\n'),
        (
            "get networkpolicy x",
            'Error from server (NotFound): networkpolicies.networking.k8s.io "x" not found\n',
        ),
    ],
)
def test_a_missing_name_is_told_as_the_server_tells_it(lab: Lab, line: str, text: str) -> None:
    assert shown(lab, f"kubectl {line}") == (text, 1)


def test_an_empty_list_is_no_error(lab: Lab) -> None:
    text = f"No resources found in {lab.namespace} namespace.\n"
    assert shown(lab, "kubectl get jobs") == (text, 0)
    assert shown(lab, "kubectl get pods -l a=b") == (text, 0)


def test_what_is_zero_shows(lab: Lab) -> None:
    service = lab.scenario.service
    assert re.search(rf"^{service} +0/0 ", shown(lab, "kubectl get deployments")[0], re.MULTILINE)
    endpoints = shown(lab, "kubectl get endpoints")[0]
    assert re.search(rf"^{service} +<none> ", endpoints, re.MULTILINE)


def test_the_caller_of_a_failing_service_names_it_and_the_error(lab: Lab) -> None:
    caller = lab.scenario.application.callers(lab.scenario.service)[0]
    text = shown(lab, f"kubectl logs deployment/{caller} --tail=20")[0]
    assert len(text.splitlines()) == 20
    assert lab.scenario.service in text


def test_output_forms(lab: Lab) -> None:
    name = lab.scenario.application.entry
    assert shown(lab, f"kubectl get service {name} -o name") == (f"service/{name}\n", 0)
    assert shown(lab, f"kubectl get deploy {name} -o name") == (f"deployment.apps/{name}\n", 0)
    path = "jsonpath='{.spec.ports[*].port}'"
    assert shown(lab, f"kubectl get service {name} -o {path}") == ("5000", 0)
    text = shown(lab, f"kubectl get service {name} -o custom-columns=A:.metadata.name,B:.x")[0]
    assert text == f"A          B\n{name}   <none>\n"
    assert shown(lab, "kubectl get pods -o json")[0].startswith('{\n    "apiVersion": "v1"')
    assert 'creationTimestamp: "' in shown(lab, f"kubectl get service {name} -o yaml")[0]


def test_a_finished_rollout_and_its_history(lab: Lab) -> None:
    text, code = shown(lab, "kubectl rollout status deployment/frontend")
    assert (text, code) == ('deployment "frontend" successfully rolled out\n', 0)
    text = shown(lab, "kubectl rollout history deployment/frontend")[0]
    assert text == "deployment.apps/frontend \nREVISION  CHANGE-CAUSE\n1         <none>\n\n"


def test_secrets_never_show_their_values() -> None:
    other = Lab(generate(2, application="procedural"))
    for line in ("get secrets -o yaml", "get secrets -o json", "describe secrets"):
        assert "c2VjcmV0" not in shown(other, f"kubectl {line}")[0]


def test_what_was_applied_to_a_secret_shows_no_value_either() -> None:
    other = Lab(generate(2, application="procedural"))
    body = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: made\ndata:\n  key: c2VjcmV0\n"
    text = f"kubectl apply -f - <<'EOF'\n{body}EOF\n"
    command = parse(text, default_namespace=other.namespace)
    assert "c2VjcmV0" not in other.preview(action_of(command)).diff
    assert other.act(command).exit_code == 0
    for form in ("get secret made -o yaml", "get secrets -o json", "describe secret made"):
        assert "c2VjcmV0" not in shown(other, f"kubectl {form}")[0]


async def test_the_handles_share_one_lab() -> None:
    lab = Lab(generate(0, family="scaled_to_zero", task=Task.MITIGATION))
    action = action_of(parse(lab.ground_truth.repairs[0], default_namespace=lab.namespace))
    preview = await SimulatedPreview(lab).preview(action)
    write = SimulatedWrite(lab)
    assert await write.versions(preview.touched) == preview.touched
    assert (await write.act(action)).exit_code == 0
    assert (await write.verify(action))[0]
    read = parse("kubectl get deployments", default_namespace=lab.namespace)
    assert " 0/0 " not in (await SimulatedRead(lab).read(read)).text
    assert not hasattr(SimulatedRead(lab), "act")
    assert not hasattr(SimulatedPreview(lab), "act")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("scale deployment/nothing --replicas=1", 'deployments.apps "nothing" not found'),
        ("set image deployment/{name} nope=a:1", 'unable to find container named "nope"'),
        (
            'patch service {name} -p \'{{"spec":{{"ports":[{{"port":0}}]}}}}\'',
            "must be between 1 and 65535, inclusive",
        ),
        (
            'patch deployment {name} -p \'{{"spec":{{"replicas":"two"}}}}\'',
            'patch: Invalid value: "map[spec:map[replicas:two]]": unrecognized type: int32',
        ),
        (
            "set resources deployment/{name} --requests=cpu=9",
            "must be less than or equal to cpu limit",
        ),
        ("rollout undo deployment/{name} --to-revision=77", "unable to find specified revision 77"),
        (
            'patch deployment {name} --type=json -p \'[{{"op":"remove","path":"/spec/a"}}]\'',
            "the server rejected our request due to an error in our request",
        ),
    ],
)
def test_a_dry_run_is_refused_in_the_servers_words(lab: Lab, line: str, words: str) -> None:
    name = lab.scenario.application.entry
    text = f"kubectl {line.format(name=name)}"
    action: Action = action_of(parse(text, default_namespace=lab.namespace))
    before = lab.cluster.freeze()
    with pytest.raises(ActionRejected, match=re.escape(words)):
        lab.preview(action)
    assert lab.cluster.freeze() == before


def test_patches() -> None:
    pod = {"spec": {"containers": [{"name": "a", "image": "1", "env": [{"name": "X"}]}], "n": 1}}
    patch = {"spec": {"containers": [{"name": "a", "image": "2"}], "n": None}}
    assert strategic(pod, patch) == {
        "spec": {"containers": [{"name": "a", "image": "2", "env": [{"name": "X"}]}]}
    }
    assert merge(pod, patch) == {"spec": {"containers": [{"name": "a", "image": "2"}]}}
    assert json_patch(pod, [{"op": "replace", "path": "/spec/n", "value": 2}])["spec"]["n"] == 2
    changed = merge(pod, patch)
    assert merge(changed, inverse(pod, changed)) == pod


def test_jsonpath_templates() -> None:
    data = {"items": [{"m": {"n": "a", "k.x/y": 1}}, {"m": {"n": "b"}}]}
    template = r'{range .items[*]}{.m.n}{"\t"}{.m.k\.x/y}{"\n"}{end}'
    assert evaluate(data, template) == "a\t1\nb\t\n"
    assert evaluate(data, '{.items[?(@.m.n=="b")].m.n}') == "b"
    assert evaluate(data, "{.items[-1].m.n}") == "b"
    assert evaluate(data, "{.nothing}") == ""


@pytest.mark.parametrize(
    ("template", "printed"),
    [
        ("{.l[*]} {.m.*}", "1 2 3 v w"),
        ("{.m[*]}", ""),
        ("{range .i[*]}{$.n} {@.n},{end}", "a a,b b,"),
        ("{range $.i[*]}{.n}{end}", "ab"),
        (".m.k", ".m.k"),
        ("{.l[0,2]} {.l[2, 0]} {.i[0,-1].n}", "1 3 3 1 a b"),
        ("{.l[0:3:2]} {.l[::2]} {.l[1:2]} {.l[-1:]}", "1 3 1 3 2 3"),
    ],
)
def test_a_jsonpath_means_what_it_means_to_kubectl(template: str, printed: str) -> None:
    data = {"m": {"k": "v", "j": "w"}, "l": [1, 2, 3], "i": [{"n": "a"}, {"n": "b"}], "n": "r"}
    assert evaluate(data, template) == printed


@pytest.mark.parametrize("index", ["-:1", "0:2:0", "0,", "a"])
def test_an_index_that_is_no_number_is_an_error(index: str) -> None:
    with pytest.raises(BadTemplate, match=f"invalid array index {index}"):
        evaluate({"l": [1, 2]}, f"{{.l[{index}]}}")


def test_quantities_and_selectors() -> None:
    assert amount("250m") == 0.25
    assert amount("1Gi") == 2**30
    assert memory_text(512 * 2**20) == "512Mi"
    with pytest.raises(ValueError, match="quantities must match"):
        amount("lots")
    labels = {"app": "a", "tier": "x"}
    assert select(parse_selector("app in (a,b),tier!=y,!gone"), labels)
    assert not select(parse_selector("app notin (a)"), labels)
