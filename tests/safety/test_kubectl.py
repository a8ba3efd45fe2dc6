"""Attack table, row kubectl: what is refused by the parser, denied by policy, or asked for."""

import pytest

from tests.safety.judge import ASK, DENY, ruled


@pytest.mark.parametrize(
    "line",
    [
        "kubectl get -f x.yaml",
        "kubectl get -fx.yaml",
        "kubectl get -k .",
        "kubectl get -k.",
        "kubectl get pods -w",
        "kubectl get pods -Aw",
        "kubectl get pods -s http://evil",
        "kubectl get pods -shttp://evil",
        "kubectl get pods -v=9",
        "kubectl get pods -v9",
        "kubectl logs x -f",
        "kubectl logs x -pf",
        "kubectl get pods --AS=x",
        "kubectl get pods --as_group=x",
        "kubectl get pods -as x",
        "kubectl get pods --all-namespace",
        "kubectl get pods --namespac hotel-1",
        "kubectl get pods '--as=x'",
        'kubectl get pods "--as" x',
        "kubectl get pods -n hotel-1 -n kube-system",
        "kubectl get pods -n hotel-1 --namespace=kube-system",
        "kubectl get pods -n --as=x",
        "kubectl get pods -- --as=x",
    ],
)
def test_a_flag_cannot_be_smuggled(line: str) -> None:
    assert ruled(line)[0] is DENY


SECRET_KINDS = ["secret", "secrets", "Secret", "SECRETS", "secrets.v1.", "secret.v1"]


@pytest.mark.parametrize("kind", SECRET_KINDS)
@pytest.mark.parametrize(
    "form",
    [
        "kubectl get {} -o yaml",
        "kubectl get {} x -oyaml",
        "kubectl get {} x -o json",
        "kubectl get {} x -o=json",
        "kubectl get {} x --output json",
        "kubectl get {} x -o jsonpath='{{.data.password}}'",
        "kubectl get {} x -o jsonpath={{.data}}",
        "kubectl get {} x -o jsonpath-as-json='{{.data}}'",
        "kubectl get {} -o custom-columns=P:.data.password",
        "kubectl get {} --sort-by=.data.password",
        "kubectl get {} -L password",
        "kubectl get {}/x -o yaml",
        "kubectl get pods,{} -o yaml",
        "kubectl get {},pods -o yaml",
        "kubectl get pod/x {}/x -o yaml",
        "kubectl -n hotel-1 get {} -o yaml",
        "kubectl get {} -A",
        "kubectl get {} -n kube-system",
    ],
)
def test_no_spelling_shows_the_value_of_a_secret(kind: str, form: str) -> None:
    ruling, reason = ruled(form.format(kind))
    assert ruling is DENY
    assert reason in {"secret_values", "unknown_kind", "namespace_not_managed"}


POD_SPEC = '{{"spec":{{"template":{{"spec":{{{}}}}}}}}}'
MEMBERS = [
    '"securityContext":{"runAsUser":0}',
    '"containers":[{"name":"x","securityContext":{"privileged":true}}]',
    '"containers":[{"name":"x","ports":[{"hostPort":80}]}]',
    '"volumes":[{"name":"x","hostPath":{"path":"/"}}]',
    '"hostNetwork":true',
    '"hostPID":true',
    '"hostIPC":true',
    '"serviceAccountName":"admin"',
    '"serviceAccount":"admin"',
    '"automountServiceAccountToken":true',
    '"shareProcessNamespace":true',
    '"containers":[{"name":"x","lifecycle":{"preStop":{"exec":{"command":["id"]}}}}]',
    '"volumes":[{"name":"x","projected":{"sources":[{"serviceAccountToken":{"path":"t"}}]}}]',
    '"volumes":[{"name":"x","csi":{"driver":"d"}}]',
    '"volumes":[{"name":"x","flexVolume":{"driver":"d"}}]',
    '"volumes":[{"name":"x","gitRepo":{"repository":"r"}}]',
    '"$patch":"replace"',
    '"$retainKeys":["containers"]',
    '"containers":null',
]


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("strategy", ["strategic", "merge"])
def test_a_member_that_is_never_written_is_denied_in_a_patch(member: str, strategy: str) -> None:
    patch = POD_SPEC.format(member)
    line = f"kubectl patch deploy x --type={strategy} -p '{patch}'"
    assert ruled(line) == (DENY, "member_never_written")


@pytest.mark.parametrize(
    "patch",
    [
        '{"metadata":{"finalizers":null}}',
        '{"metadata":{"finalizers":[]}}',
        '{"metadata":{"$deleteFromPrimitiveList/finalizers":["x"]}}',
        '{"metadata":{"ownerReferences":[]}}',
        '{"metadata":null}',
        '{"spec":null}',
        '{"metadata":{"deletionTimestamp":null}}',
    ],
)
@pytest.mark.parametrize("kind", ["deploy", "svc", "pvc", "pod"])
def test_finalizers_and_whole_parts_are_denied_on_any_kind(patch: str, kind: str) -> None:
    assert ruled(f"kubectl patch {kind} x -p '{patch}'") == (DENY, "member_never_written")


@pytest.mark.parametrize(
    "operation",
    [
        '{"op":"remove","path":"/metadata/finalizers"}',
        '{"op":"replace","path":"/metadata/finalizers/0","value":"x"}',
        '{"op":"remove","path":"/metadata"}',
        '{"op":"replace","path":"","value":{}}',
        '{"op":"replace","path":"/spec","value":{}}',
        '{"op":"replace","path":"/spec/template/spec","value":{"hostNetwork":true}}',
        '{"op":"replace","path":"/spec/template/spec/containers/0","value":{}}',
        '{"op":"add","path":"/spec/template/spec/hostPID","value":true}',
        '{"op":"add","path":"/spec/template/spec/volumes/-","value":{"hostPath":{"path":"/"}}}',
        '{"op":"move","from":"/spec/template/spec/securityContext","path":"/spec/x"}',
        '{"op":"copy","from":"/metadata/ownerReferences","path":"/spec/x"}',
        (
            '{"op":"add","path":"/spec/template/spec/containers/0/securityContext/privileged",'
            '"value":true}'
        ),
    ],
)
def test_a_json_pointer_reaches_no_member_that_is_never_written(operation: str) -> None:
    line = f"kubectl patch deploy x --type=json -p '[{operation}]'"
    assert ruled(line) == (DENY, "member_never_written")


@pytest.mark.parametrize(
    "member",
    [
        '"containers":[{"name":"x","command":["geo"]}]',
        '"containers":[{"name":"x","args":null}]',
        '"containers":[{"name":"x","envFrom":[{"configMapRef":{"name":"c"}}]}]',
        '"containers":[{"name":"x","env":[{"name":"A","valueFrom":{"secretKeyRef":{"name":"c"}}}]}]',
        '"volumes":[{"name":"x","secret":{"secretName":"c"}}]',
        '"volumes":[{"name":"x","configMap":{"name":"c"}}]',
    ],
)
def test_what_repairs_need_is_asked_for(member: str) -> None:
    assert ruled(f"kubectl patch deploy x -p '{POD_SPEC.format(member)}'")[0] is ASK


def test_a_merge_patch_that_replaces_the_containers_is_denied_and_a_strategic_one_asked() -> None:
    patch = POD_SPEC.format('"containers":[{"name":"x","image":"y:1"}]')
    assert ruled(f"kubectl patch deploy x --type=merge -p '{patch}'")[0] is DENY
    assert ruled(f"kubectl patch deploy x -p '{patch}'")[0] is ASK


@pytest.mark.parametrize("member", ["hostPath: {path: /}", "hostNetwork: true"])
def test_a_manifest_is_read_as_closely_as_a_patch(member: str) -> None:
    manifest = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n"
        f"spec:\n  template:\n    spec:\n      volumes:\n      - {member}\n"
    )
    line = f"kubectl apply -f - <<'EOF'\n{manifest}EOF\n"
    assert ruled(line) == (DENY, "member_never_written")


@pytest.mark.parametrize(
    "line",
    [
        'kubectl patch deploy x -p \'{"metadata":{"annotations":{"note":"--dry-run=server"}}}\'',
        "kubectl annotate deploy x 'note=kubectl delete ns x --as=admin'",
        "kubectl set env deploy/x 'NOTE=--dry-run=client'",
    ],
)
def test_a_dry_run_in_data_stays_data(line: str) -> None:
    assert ruled(line)[0] is ASK


def test_a_manifest_cannot_leave_the_namespace_of_its_line() -> None:
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: kube-system}\n"
    line = f"kubectl apply -n hotel-1 -f - <<'EOF'\n{manifest}EOF\n"
    assert ruled(line) == (DENY, "missing_namespace")
