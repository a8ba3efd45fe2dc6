"""Lines and documents at the edge of what is taken: what each becomes, and where it is too much."""

import pytest

from agents.contracts.action import ApplyManifest, SetEnv, SetResources
from agents.contracts.command import Command, Flag, Target
from agents.policy.actions import action_of, read_act
from agents.policy.facts import facts_of
from agents.policy.inner import inner_access, runnable, says_secret
from agents.policy.manifest import MAX_DEPTH, read_document, read_object
from agents.policy.mongo import MongoCall, read_mongo
from agents.policy.parse import parse
from agents.policy.redact import Redacted, redact
from agents.policy.refusal import Place, Refusal
from agents.policy.render import line_of
from agents.policy.shell import MAX_DOCUMENT, MAX_LINE, split

POD = Target(kind="pods", name="x")
MAP = '{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"x"{}}}}}'


def refused(line: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read_act(line, "shop")
    return caught.value


def test_each_amount_and_each_variable_is_in_the_act() -> None:
    limits = "--limits=memory=2Gi,cpu=1 --requests=cpu=100m -c a"
    act = action_of(parse(f"kubectl set resources deploy/x {limits}", "shop"))
    assert isinstance(act, SetResources)
    assert (act.limits, act.requests) == ((("cpu", "1"), ("memory", "2Gi")), (("cpu", "100m"),))
    assert act.container == "a"
    act = action_of(parse("kubectl set env deploy/x B=c=d A- --overwrite -c a", "shop"))
    assert isinstance(act, SetEnv)
    assert act.variables == (("A", None), ("B", "c=d"))
    assert act.container == "a"


@pytest.mark.parametrize(
    "line",
    [
        "kubectl delete pod x «--grace-period=5»",
        "kubectl delete pod x «--grace-period 5»",
        "kubectl delete pod x -n shop «--grace-period 5» --wait",
        "kubectl delete «--grace-period=5» pod x",
        "kubectl delete svc x «--force» --wait",
        "kubectl patch svc x --type=json «-p{}»",
        "kubectl patch svc x --type=json «--patch={}» -n shop",
        "kubectl patch svc x «--patch {}» --type=json",
        "kubectl set env deploy/x «A_TOKEN=y» B=c",
        "kubectl label pod x a=b «--selector=c»",
    ],
)
def test_a_refusal_points_at_the_flag_with_its_value(line: str) -> None:
    start, end = line.index("«"), line.index("»") - 1
    assert refused(line.replace("«", "").replace("»", "")).place == Place(start, end)


def test_a_here_document_ends_at_its_tag_and_has_a_size() -> None:
    head = "kubectl apply -f - <<'EOF'\n"
    body = "a" * (MAX_DOCUMENT - 1)
    assert split(f"{head}{body}\nEOF").document == f"{body}\n"
    assert split(f"{head}b\nEOFx\nEOF\n \n").document == "b\nEOFx\n"
    assert split(f"{head}EOF").document == ""
    with pytest.raises(Refusal) as caught:
        split(f"{head}{body}b\nEOF")
    too_long = caught.value
    assert too_long.code == "too_long"
    assert too_long.place is not None
    assert too_long.place.start == len(head) + MAX_DOCUMENT
    assert too_long.hint == "kubectl patch changes one member of an object"
    assert too_long.message.startswith("expected a here-document of at most 65536 characters, got")
    for text in (f"{head}EOF\nb\nEOF", f"{head}b\n EOF", f"{head}b EOF"):
        with pytest.raises(Refusal) as caught:
            split(text)
        assert caught.value.code == "here_document", text


@pytest.mark.parametrize(("text", "longest"), [("'", 807), ("it's ", 2242), ("a b", 4036)])
def test_what_grows_too_long_when_it_is_written_out_is_refused(text: str, longest: int) -> None:
    def line(size: int) -> str:
        return f'kubectl patch deploy geo -n hotel-1 -p "{(text * size)[:size]}"'

    command = parse(line(longest))
    assert parse(line_of(command)) == command
    for size in (longest + 5, MAX_LINE):
        with pytest.raises(Refusal) as caught:
            parse(line(size))
        assert caught.value.code == "too_long"


def test_a_document_may_be_so_deep_and_no_deeper() -> None:
    for depth, taken in ((MAX_DEPTH, True), (MAX_DEPTH + 1, False)):
        for text in ("[" * depth + "]" * depth, "- " * depth + "a"):
            if taken:
                read_document(text)
            else:
                with pytest.raises(Refusal, match="at most 32 deep"):
                    read_document(text)
    flat = "\n".join(f"a{n}: {{b: [c]}}" for n in range(MAX_DEPTH * 2))
    assert read_document(flat) == {f"a{n}": {"b": ["c"]} for n in range(MAX_DEPTH * 2)}


@pytest.mark.parametrize("member", ["items", "Items", "namespace"])
def test_what_kubectl_would_take_for_a_list_is_no_object(member: str) -> None:
    text = f'{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"a"}},"{member}":[]}}'
    with pytest.raises(Refusal, match=f"no object has a member '{member}' at its top") as caught:
        read_object(text, "shop")
    assert caught.value.code == "bad_manifest"
    named = {"kind": "configmaps", "namespace": "shop", "name": "a"}
    typed = ApplyManifest(mode="apply", manifest=text, **named)  # as no parser would make it
    with pytest.raises(Refusal, match="at its top"):
        facts_of(typed)


def test_what_was_last_applied_is_kubectl_s_to_write() -> None:
    text = (
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","annotations":'
        '{"kubectl.kubernetes.io/last-applied-configuration":"{}"}}}'
    )
    with pytest.raises(Refusal, match=r"kubectl alone writes .*last-applied-configuration"):
        read_object(text, "shop")


def test_the_namespace_of_an_object_is_the_line_s_or_its_own() -> None:
    own = MAP.format(',"namespace":"shop"')
    for text, line in ((own, None), (own, "shop"), (MAP.format(""), "shop")):
        assert read_object(text, line)[:3] == ("configmaps", "shop", "x")
        assert '"namespace":"shop"' in read_object(text, line)[3]
    for text, line in ((own, "mail"), (MAP.format(""), None), (MAP.format(',"namespace":1'), None)):
        with pytest.raises(Refusal, match=r"^missing_namespace: expected one namespace"):
            read_object(text, line)
    act = read_act(f"kubectl create -f - <<'EOF'\n{own}\nEOF")
    assert isinstance(act, ApplyManifest)
    assert (act.mode, act.kind, act.namespace, act.name) == ("create", "configmaps", "shop", "x")


def test_a_question_to_mongo_keeps_its_shell_its_database_and_its_statements() -> None:
    call = read_mongo(("mongo", "admin", "--port=1", "--eval", "show dbs; db.stats();"))
    assert call == MongoCall(
        shell="mongo", operation="ask", database="admin", statements=("show dbs", "db.stats()")
    )
    bare = read_mongo(("mongosh", "--eval=db.stats()", "mongodb://127.0.0.1:27017/"))
    assert bare.database is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("curl geo -X", "curl takes GET after -X; got ''"),
        ("curl geo -o", "curl takes /dev/null after -o; got ''"),
        ("curl geo -m", "curl takes seconds after -m; got ''"),
        ("wget -qO- geo -O", "wget takes - after -O; got ''"),
        ("mongosh --eval", "the Mongo shell takes another value of --eval; got ''"),
        ("nslookup", "nslookup takes one SERVICE[.NAMESPACE[.svc]]; got ''"),
        ("mongosh a b", "the Mongo shell takes a database and --eval, -u, --username, -p, "),
        ("mongosh --quiet x", "the Mongo shell takes --eval 'STATEMENT': nobody sits at a "),
        ("mongosh -u=a --eval x", "the Mongo shell takes a database and --eval, "),
    ],
)
def test_a_flag_without_its_value_is_told(words: str, told: str) -> None:
    with pytest.raises(Refusal) as caught:
        inner_access(tuple(words.split()))
    assert caught.value.message.startswith(told)


def test_the_old_and_the_new_form_of_logs_are_one() -> None:
    old, new = parse("kubectl logs a b", "shop"), parse("kubectl logs a -c b", "shop")
    assert old == new
    assert old.targets == (Target(kind="pods", name="a"),)
    assert old.flags == (Flag(name="container", value="b"),)
    assert (
        refused("kubectl logs a b -c c").message == "kubectl logs expects no further word, got 'b'"
    )
    assert parse("kubectl auth can-i get pods x").operands == ("get", "pods", "x")
    assert parse("kubectl cordon n1 node/n2").targets == (
        Target(kind="nodes", name="n1"),
        Target(kind="nodes", name="n2"),
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("id AKIAABCDEFGHIJKLMNOP.", "id [redacted:cloud key]."),
        ("a@b.example says", "[redacted:e-mail] says"),
        ("name: A_TOKEN\nvalue: x1y2z3", "name: A_TOKEN\nvalue: [redacted:value]"),
        ("password: X1Y2Z3X", "password: [redacted:value]"),
        ("password=\\", "password=\\"),
    ],
)
def test_what_is_taken_out_leaves_its_mark_and_nothing_else(text: str, shown: str) -> None:
    assert redact(text) == Redacted(shown, int(text != shown))


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (
            Command(program="kubectl", verb="get", targets=(POD,), namespace="shop"),
            ("not_a_write", "get changes nothing", "propose it as a probe", None),
        ),
        (
            Command(program="kubectl", verb="delete", targets=(POD,), all_namespaces=True),
            (
                "several_objects",
                "an act is in one namespace, got -A",
                "-n NAMESPACE",
                "--all-namespaces",
            ),
        ),
        (
            Command(program="kubectl", verb="delete", targets=(POD,)),
            ("missing_namespace", "an act names its namespace", "add -n NAMESPACE", None),
        ),
    ],
)
def test_a_command_that_is_no_act_is_told_why(command: Command, told: tuple[object, ...]) -> None:
    with pytest.raises(Refusal) as caught:
        action_of(command)
    refusal = caught.value
    assert (refusal.code, refusal.message, refusal.hint, refusal.about) == told
    assert refusal.place is None


@pytest.mark.parametrize("source", ["-f -", "-f-", "-f=-"])
def test_a_manifest_is_read_from_standard_input_however_it_is_written(source: str) -> None:
    document = MAP.format("")
    act = read_act(f"kubectl apply {source} <<'EOF'\n{document}\nEOF", "shop")
    assert isinstance(act, ApplyManifest)
    for other, value in (("-fx", "x"), ("-f=x", "x"), ("-f x", "x"), ("-f=x=", "x=")):
        told = refused(f"kubectl apply {other} <<'EOF'\n{document}\nEOF")
        assert (told.code, told.message.partition(":")[0]) == (
            "refused_flag",
            f"-f {value} is not read",
        )


def test_a_short_switch_may_say_its_value() -> None:
    assert parse("kubectl logs p -p=true") == parse("kubectl logs p -p")
    assert parse("kubectl logs p -p=false") == parse("kubectl logs p")
    for line in ("kubectl logs p -p=maybe", "kubectl logs p -p="):
        with pytest.raises(Refusal) as caught:
            parse(line)
        assert (caught.value.code, caught.value.place) == ("bad_flag_value", Place(15, len(line)))


def test_only_logs_is_told_that_f_follows() -> None:
    follows, file = refused("kubectl logs p -f"), refused("kubectl get pods -f")
    assert (follows.message, file.message) == (
        "--follow is never taken",
        "--filename is never taken",
    )


def test_what_else_curl_writes_out_stays_as_it_is() -> None:
    line = "kubectl exec p -- curl -sS -w '%{http_code}' http://geo:80/a"
    assert parse(line, "shop").inner[3] == r"\n%{http_code}"
    assert runnable(("curl", "-H", "%x: y", "http://geo/")) == (
        "curl",
        "-H",
        "%x: y",
        "http://geo/",
    )


def test_a_name_that_says_a_secret_in_json_alone_is_no_such_file() -> None:
    says_secret.cache_clear()
    assert says_secret("auth")
    assert parse("kubectl exec p -- cat /etc/auth", "shop").inner == ("cat", "/etc/auth")


@pytest.mark.parametrize(
    "document",
    [
        "? {" + "a," * 2025 + "}\n: x\n",
        "? [" + "[" * 90 + "]" * 91 + "\n: x",
        "x" * 900 + ": 1\n" + "x" * 900 + ": 1",
    ],
)
def test_a_refused_name_of_a_member_is_told_in_short(document: str) -> None:
    told = refused(f"kubectl apply -f - <<'EOF'\n{document}\nEOF")
    assert (told.code, len(str(told)) < 250) == ("bad_manifest", True)
