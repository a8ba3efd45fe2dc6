"""Commands to actions: one typed act each, in one sentence, and nothing that a flag would hide."""

import pytest

from agents.contracts.action import (
    ACTION,
    Action,
    ApplyManifest,
    DeletePod,
    PatchResource,
    Preview,
    RestartRollout,
    RunMongoRepair,
    SetEnv,
    UndoRollout,
    Workload,
)
from agents.contracts.approval import Risk
from agents.policy.actions import action_of, command_of, read_act, words_of
from agents.policy.manifest import read_document
from agents.policy.parse import parse
from agents.policy.refusal import Place, Refusal
from agents.policy.render import line_of
from agents.policy.risk import risk_of

WORKLOAD = Workload(kind="deployments", namespace="x", name="geo")


def acted(line: str) -> Action:
    return action_of(parse(line, "x"))


@pytest.mark.parametrize(
    ("line", "canonical", "words"),
    [
        (
            "kubectl rollout restart deploy geo",
            "kubectl rollout restart deployments/geo --namespace=x",
            "Restart all pods of deployment geo in namespace x, one after another.",
        ),
        (
            "kubectl rollout undo deploy/geo --to-revision 2",
            "kubectl rollout undo deployments/geo --namespace=x --to-revision=2",
            "Roll deployment geo in namespace x back to revision 2.",
        ),
        (
            "kubectl scale --replicas=3 sts geo",
            "kubectl scale statefulsets/geo --namespace=x --replicas=3",
            "Scale statefulset geo in namespace x to 3 replicas.",
        ),
        (
            "kubectl set env deploy geo B- A=1",
            "kubectl set env deployments/geo A=1 B- --namespace=x",
            (
                "Change the environment of every container of deployment geo in namespace x: "
                "A=1, remove B."
            ),
        ),
        (
            'kubectl patch svc geo --type=json -p \'[{"path": "/spec", "op": "test"}]\'',
            (
                "kubectl patch services/geo --namespace=x "
                '\'--patch=[{"op":"test","path":"/spec"}]\' --type=json'
            ),
            'Change service geo in namespace x by a json patch: [{"op":"test","path":"/spec"}]',
        ),
        (
            "kubectl delete pod a --force --grace-period=0 --wait=false",
            "kubectl delete pods a --namespace=x --force --grace-period=0",
            (
                "Delete pod a in namespace x at once, without waiting for it to stop; "
                "its controller makes another."
            ),
        ),
        (
            "kubectl uncordon n1",
            "kubectl uncordon nodes/n1",
            "Let new pods onto node n1.",
        ),
        (
            "helm rollback r 3 --wait",
            "helm rollback r 3 --namespace=x",
            "Roll helm release r in namespace x back to revision 3.",
        ),
    ],
)
def test_an_act_has_one_line_and_one_sentence(line: str, canonical: str, words: str) -> None:
    action = acted(line)
    assert line_of(command_of(action)) == canonical
    assert words_of(action) == words
    assert ACTION.validate_json(ACTION.dump_json(action)) == action


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("kubectl get pods", "not_a_write"),
        ("kubectl exec x -- env", "not_a_write"),
        ("kubectl set selector svc x a=b", "no_typed_action"),
        ("kubectl set image deploy/x '*=a'", "bad_operand"),
        ("kubectl set image pod/x a=b", "bad_operand"),
        ("kubectl scale deploy x --replicas=1001", "bad_operand"),
        ("kubectl rollout undo deploy x --to-revision=0", "bad_operand"),
        ("kubectl set env deploy x A=1 A=2", "bad_operand"),
        ("kubectl label pod x a=1 a-", "bad_operand"),
        ("kubectl set resources deploy x", "missing_flag"),
        ("kubectl delete pod x --force --grace-period=5", "refused_flag"),
        ("kubectl delete pod x -l a=b", "refused_flag"),
    ],
)
def test_what_has_no_typed_act_is_refused(line: str, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        acted(line)
    assert caught.value.code == code


def test_an_act_names_its_namespace() -> None:
    with pytest.raises(Refusal) as caught:
        action_of(parse("kubectl rollout restart deploy x"))
    assert caught.value.code == "missing_namespace"


@pytest.mark.parametrize(
    "action",
    [
        SetEnv(workload=WORKLOAD, variables=(("A", "1\x00"),)),
        SetEnv(workload=WORKLOAD, variables=(("B", "1"), ("A", "1"))),
        SetEnv(workload=WORKLOAD, variables=(("A=B", "1"),)),
        SetEnv(workload=WORKLOAD, variables=(("--all", "1"),)),
        PatchResource(kind="pods --all", namespace="x", name="y", strategy="merge", patch="{}"),
        PatchResource(kind="pods", namespace="x", name="y", strategy="merge", patch='{ "a": 1}'),
        ApplyManifest(mode="apply", kind="configmaps", namespace="x", name="y", manifest="{}"),
        ApplyManifest(
            mode="apply",
            kind="configmaps",
            namespace="x",
            name="other",
            manifest='{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"y","namespace":"x"}}',
        ),
        RunMongoRepair(
            namespace="x", pod="p", operation="create_user", database="d", user="u", roles=()
        ),
    ],
)
def test_an_action_that_its_own_line_does_not_say_is_refused(action: Action) -> None:
    with pytest.raises(Refusal):
        command_of(action)


@pytest.mark.parametrize(
    "text",
    [
        "a: 0644",
        "a: 1:30",
        "a: 2026-01-01",
        "a: 1_000",
        "a: yes",
        'a: "1.0"',
        "a: 1.50",
        "a: ~",
    ],
)
def test_a_manifest_is_read_as_kubectl_reads_it(text: str) -> None:
    expected: dict[str, object] = {
        "a: 0644": 420,
        "a: 1:30": "1:30",
        "a: 2026-01-01": "2026-01-01",
        "a: 1_000": "1_000",
        "a: yes": True,
        'a: "1.0"': "1.0",
        "a: 1.50": 1.5,
        "a: ~": None,
    }
    assert read_document(text) == {"a": expected[text]}


@pytest.mark.parametrize(
    "text", ["{a: 1, a: 2}", "1: a", "a: !!str b", "a: &x b", "<<: {a: b}", "a: .inf\nb: *x", "["]
)
def test_text_that_two_readers_could_take_apart_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_document(text)
    assert caught.value.code == "bad_manifest"


def test_risk_is_low_only_for_what_is_small_and_known() -> None:
    def seen(pods: int, rollback: Action | None = None) -> Preview:
        return Preview(diff="", touched=(), rollback=rollback, pods_affected=pods)

    restart, undo = RestartRollout(workload=WORKLOAD), UndoRollout(workload=WORKLOAD)
    assert risk_of(restart, seen(1)) is Risk.LOW
    assert risk_of(restart, None) is Risk.MEDIUM
    assert risk_of(restart, seen(4)) is Risk.MEDIUM
    assert risk_of(restart, seen(11)) is Risk.HIGH
    assert risk_of(undo, seen(1)) is Risk.MEDIUM
    assert risk_of(undo, seen(1, undo)) is Risk.LOW
    assert risk_of(DeletePod(namespace="x", name="p"), seen(1)) is Risk.LOW
    assert risk_of(DeletePod(namespace="x", name="p", force=True), seen(1)) is Risk.HIGH
    assert risk_of(acted("kubectl scale deploy x --replicas=0"), seen(1, undo)) is Risk.HIGH
    assert risk_of(acted("kubectl delete svc x"), seen(0)) is Risk.HIGH
    assert risk_of(acted("kubectl patch svc x -p '{}'"), seen(0)) is Risk.MEDIUM


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("kubectl delete deploy x «--force»", "--force"),
        ("kubectl set env deploy/x A=b «API_TOKEN=y»", "a secret"),
        ("kubectl patch deploy x --type=json «-p '{}'»", "the patch"),
        ("kubectl apply -f - «<<'EOF'\na: b\nEOF»", "the manifest"),
        ("«kubectl delete pod a b»", "the whole command"),
    ],
)
def test_a_refused_act_says_where_in_its_line(line: str, place: str) -> None:
    start, end = line.index("«"), line.index("»") - 1
    with pytest.raises(Refusal) as caught:
        read_act(line.replace("«", "").replace("»", ""), "x")
    assert caught.value.place == Place(start, end), place
