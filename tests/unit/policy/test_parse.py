"""Lines to commands: every form of a flag, every spelling of a target, one canonical command."""

import pytest

from agents.contracts.command import Access, Command, Flag, Target
from agents.policy.kinds import kind_of
from agents.policy.parse import access_of, parse
from agents.policy.refusal import Place, Refusal
from agents.policy.render import line_of, quote, render
from agents.policy.verbs import READS, REFUSED, VERBS, WRITES


def pods(**changes: object) -> Command:
    fields: dict[str, object] = {
        "program": "kubectl",
        "verb": "get",
        "targets": (Target(kind="pods"),),
        "namespace": "x",
    }
    return Command.model_validate(fields | changes)


@pytest.mark.parametrize(
    "line",
    [
        "kubectl get pods -n x",
        "kubectl get pods -nx",
        "kubectl get pods -n=x",
        "kubectl get pods --namespace x",
        "kubectl get pods --namespace=x",
        "kubectl -n x get pods",
        "kubectl --namespace=x get pods",
        "kubectl get -n x pods",
        "kubectl get po -n x",
        "kubectl get pod -n 'x'",
        'kubectl get Pods -n "x"',
        "  kubectl   get\tpods  -n x \n",
        "kubectl get pods -n x --no-headers=false",
    ],
)
def test_every_form_is_the_same_command(line: str) -> None:
    assert parse(line, "other") == pods()


def test_kinds_and_names_are_told_once_each_in_the_order_of_the_line() -> None:
    assert parse("kubectl get svc,po,services,pod b a b", "x").targets == (
        Target(kind="services", name="b"),
        Target(kind="services", name="a"),
        Target(kind="pods", name="b"),
        Target(kind="pods", name="a"),
    )


def test_the_default_namespace_stands_in_where_the_line_has_none() -> None:
    assert parse("kubectl get pods", "x") == pods()
    assert parse("kubectl get pods").namespace is None
    assert parse("kubectl get pods -A", "x") == pods(namespace=None, all_namespaces=True)
    assert parse("kubectl get nodes", "x").namespace is None
    assert parse("kubectl get nodes,pods", "x").namespace == "x"
    assert parse("kubectl version", "x").namespace is None
    assert parse("helm rollback r", "x").namespace == "x"


def test_short_flags_may_be_written_together() -> None:
    assert parse("kubectl get pods -Aowide") == pods(
        namespace=None, all_namespaces=True, flags=(Flag(name="output", value="wide"),)
    )
    assert parse("kubectl exec -it p -n x -- env") == parse("kubectl exec p -n x -- env")


def test_flags_are_sorted_and_named_in_full() -> None:
    command = parse("kubectl logs p -p --tail 5 -c app -n x --since=1h")
    assert [(flag.name, flag.value) for flag in command.flags] == [
        ("container", "app"),
        ("previous", "true"),
        ("since", "1h"),
        ("tail", "5"),
    ]
    assert command.flag("tail") == "5"
    assert command.flag("output") is None


@pytest.mark.parametrize(
    ("words", "targets"),
    [
        ("get pods,svc", [("pods", None), ("services", None)]),
        ("get pod a b", [("pods", "a"), ("pods", "b")]),
        ("get pod a a", [("pods", "a")]),
        ("get po,svc a", [("pods", "a"), ("services", "a")]),
        ("get deploy/x svc/y", [("deployments", "x"), ("services", "y")]),
        ("get deployments.apps x", [("deployments", "x")]),
        ("get deployment.v1.apps/x", [("deployments", "x")]),
        ("get all", [("all", None)]),
        ("logs x", [("pods", "x")]),
        ("logs deploy/x", [("deployments", "x")]),
        ("logs -l app=x", []),
        ("describe svc x", [("services", "x")]),
        ("rollout undo deployment/x", [("deployments", "x")]),
        ("rollout undo deployment x", [("deployments", "x")]),
        ("cordon n", [("nodes", "n")]),
        ("top no", [("nodes", None)]),
        ("get clusterrole system:node", [("clusterroles", "system:node")]),
        ("get clusterrole/system:node", [("clusterroles", "system:node")]),
    ],
)
def test_targets_are_canonical(words: str, targets: list[tuple[str, str | None]]) -> None:
    command = parse(f"kubectl {words}", "x")
    assert [(target.kind, target.name) for target in command.targets] == targets


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("kubectl get", "missing_target"),
        ("kubectl scale deploy x", "missing_flag"),
        ("kubectl scale deploy --replicas=1", "missing_target"),
        ("kubectl wait pod/x", "missing_flag"),
        ("kubectl get pods -n", "bad_flag_value"),
        ("kubectl get pods --tail=1", "unknown_flag"),
        ("kubectl get pods -z", "unknown_flag"),
        ("kubectl get pods -o wide -o yaml", "repeated_flag"),
        ("kubectl get pods --show-labels=maybe", "bad_flag_value"),
        ("kubectl logs", "missing_target"),
        ("kubectl logs a b c", "bad_operand"),
        ("kubectl exec p env", "bad_operand"),
        ("kubectl exec p --", "inner_program"),
        ("kubectl get pods -- x", "bad_operand"),
        ("kubectl set image deploy/x", "bad_operand"),
        ("kubectl set image deploy/x a=", "bad_operand"),
        ("kubectl label pod x -n x 'a b=c'", "bad_operand"),
        ("kubectl explain", "missing_target"),
        ("kubectl explain foo.bar", "unknown_kind"),
        ("kubectl auth can-i list", "missing_target"),
        ("kubectl apply -f -", "here_document"),
        ("kubectl version x", "bad_operand"),
        ("helm rollback", "missing_target"),
        ("helm rollback r x", "bad_operand"),
        ("helm upgrade r ../x", "bad_operand"),
        ("kubectl get deploy/", "bad_name"),
        ("kubectl get deploy/x/y", "bad_name"),
        ("kubectl get /x", "bad_name"),
        ("kubectl get pod/x svc", "bad_name"),
    ],
)
def test_a_refusal_names_its_reason(line: str, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse(line, "x")
    assert caught.value.code == code
    assert str(caught.value).startswith(f"{code}: ")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("kubectl gett pods", "kubectl get"),
        ("kubectl get deploymnts", "deployments"),
        ("kubectl get pods --selectr=a=b", "--selector"),
        ("kubectl logs x -f", "--tail"),
        ("kubectl edit deploy x", "patch"),
        ("kubectl exec p env", "kubectl exec p -- env"),
        ("helm get values r", "helm status"),
    ],
)
def test_a_refusal_shows_the_allowed_way(line: str, hint: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse(line, "x")
    assert hint in (caught.value.hint or "")


def test_a_default_namespace_is_checked_like_any_other() -> None:
    with pytest.raises(Refusal) as caught:
        parse("kubectl get pods", "x --as=admin")
    assert caught.value.code == "bad_name"


def test_access_follows_the_verb_and_inside_a_container_the_program() -> None:
    assert access_of(parse("kubectl get pods")) is Access.READ
    assert access_of(parse("kubectl delete pod x")) is Access.WRITE
    assert access_of(parse("kubectl exec x -- env")) is Access.READ
    repair = 'kubectl exec x -- mongosh --eval \'db.getSiblingDB("a").dropUser("b")\''
    assert access_of(parse(repair)) is Access.WRITE


def test_no_verb_both_reads_and_writes_and_none_is_taken_and_refused() -> None:
    assert not READS.keys() & WRITES.keys()
    assert not REFUSED.keys() & VERBS.keys()


def test_an_argv_has_no_word_of_a_shell() -> None:
    command = parse('kubectl patch svc x -n y -p \'{"a": "$(id) `id` ; |"}\'')
    assert render(command) == [
        "kubectl",
        "patch",
        "services/x",
        "--namespace=y",
        '--patch={"a": "$(id) `id` ; |"}',
    ]


def test_a_here_document_that_holds_its_own_tag_gets_another() -> None:
    text = "kubectl apply -n x -f - <<'END'\na: |\n  EOF\nEOF\nEOF_\nEND\n"
    command = parse(text)
    assert parse(line_of(command)) == command


@pytest.mark.parametrize("value", ["it's", "'", "a 'b' c", 'say "no"', "$HOME", "a\\b", "\u00e4"])
def test_a_word_is_quoted_so_that_it_reads_back(value: str) -> None:
    pair = f"note={value}"
    command = parse(f"kubectl annotate deploy geo {quote(pair)}", "shop")
    assert command.operands == (pair,)
    assert parse(line_of(command)) == command
    assert render(command)[-2:] == [pair, "--namespace=shop"]


def test_a_document_that_holds_its_own_end_gets_another() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: |\n    EOF\n"
    command = parse(f"kubectl apply -f - <<'X'\n{text}X\n", "shop")
    assert line_of(command).splitlines()[0].endswith(" <<'EOF'")
    for ends, tag in (("EOF\n", "EOF_"), ("EOF\nEOF_\n", "EOF__")):
        held = command.model_copy(update={"stdin": f"# x\n{ends}{text}"})
        line = line_of(held)
        assert line.splitlines()[0].endswith(f" <<'{tag}'")
        assert line.endswith(f"\n{tag}\n")
        assert parse(line).stdin == held.stdin


@pytest.mark.parametrize(
    ("spelling", "known"),
    [
        ("deploy.apps", True),
        ("deployments.v1.apps", True),
        ("deployments.v1.apps.", True),
        ("pods.", True),
        ("pods..", False),
        ("pods.v1", True),
        ("deploy.extensions", False),
        ("deploy..apps", False),
        ("deploy.apps ", False),
    ],
)
def test_a_kind_may_have_its_version_and_group(spelling: str, *, known: bool) -> None:
    if known:
        assert kind_of(spelling).plural in {"deployments", "pods"}
        return
    with pytest.raises(Refusal, match=r"^unknown_kind: "):
        kind_of(spelling)


@pytest.mark.parametrize(
    ("line", "told", "at"),
    [
        ("kubectl --as=x get pods", "--as is never taken", (8, 14)),
        ("kubectl -s x get pods", "--server is never taken", (8, 10)),
        ("kubectl -sx get pods", "--server is never taken", (8, 11)),
    ],
)
def test_a_flag_before_the_verb_that_is_never_taken_is_told(
    line: str, told: str, at: tuple[int, int]
) -> None:
    with pytest.raises(Refusal) as caught:
        parse(line, "x")
    refusal = caught.value
    assert (refusal.message, refusal.place) == (told, Place(*at))
    assert refusal.hint


def test_as_many_objects_as_are_taken_and_no_more() -> None:
    names = " ".join(f"p{at}" for at in range(200))
    assert len(parse(f"kubectl get pods {names}", "x").targets) == 200
    with pytest.raises(Refusal, match=r"^bad_operand: expected at most 200 objects"):
        parse(f"kubectl get pods {names} more", "x")
