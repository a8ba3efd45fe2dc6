"""Properties over generated lines, actions and texts: no crash, no slip, linear time."""

import contextlib
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from agents.approval.canonical import canonical_json
from agents.contracts.action import (
    Action,
    ApplyManifest,
    CordonNode,
    DeletePod,
    DeleteResource,
    HelmRollback,
    LabelResource,
    PatchResource,
    RestartRollout,
    RunMongoRepair,
    ScaleWorkload,
    SetEnv,
    SetImage,
    SetResources,
    UndoRollout,
    Workload,
)
from agents.contracts.command import Command
from agents.policy.actions import action_of, command_of, words_of
from agents.policy.parse import parse
from agents.policy.redact import redact
from agents.policy.refusal import Refusal
from agents.policy.render import line_of, quote, render
from agents.policy.shell import split
from agents.policy.verbs import VERBS
from tests.safety.attacks import ROWS
from tests.safety.canary import CANARIES
from tests.safety.judge import ALLOW, ASK, DENY, circumstances, ruled, shipped
from tests.safety.test_prompt import HARMLESS, PLANTED

QUICK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)

names = st.from_regex(r"[a-z]([-a-z0-9]{0,12}[a-z0-9])?", fullmatch=True)
words = st.one_of(
    st.sampled_from(sorted({word for key in VERBS for word in key.split()})),
    st.sampled_from(
        ["pods", "svc", "deploy/geo", "-n", "-A", "-o", "yaml", "--", "-l", "a=b", "-"]
    ),
    st.sampled_from(["'", '"', "<<EOF", "$(", "`", ";", "|", "\\", "{a,b}", "\n", "#", "EOF"]),
    names,
    st.text(max_size=8),
)


@QUICK
@given(st.one_of(st.text(max_size=200), st.lists(words, max_size=12).map(" ".join)))
@example("kubectl apply -f - <<'EOF'\n'EOF'\nEOF")
def test_no_text_makes_the_parser_raise_anything_but_a_refusal(text: str) -> None:
    for line in (text, f"kubectl {text}", f"kubectl exec x -- {text}", f"helm {text}"):
        try:
            command = parse(line, "hotel-1")
        except Refusal:
            continue
        assert parse(line_of(command)) == command
        assert ruled(line)[0] in {ALLOW, ASK, DENY}


@QUICK
@given(st.sampled_from(CANARIES), st.data())
def test_a_canary_with_a_piece_changed_is_refused_or_read_the_same_way_again(
    line: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(line)))
    to = data.draw(st.integers(at, min(len(line), at + 6)))
    changed = line[:at] + data.draw(st.one_of(st.text(max_size=3), words)) + line[to:]
    try:
        command = parse(changed, "hotel-1")
    except Refusal:
        return
    assert parse(line_of(command)) == command


@pytest.mark.parametrize("line", CANARIES)
def test_a_canary_is_rebuilt_and_read_back_as_itself(line: str) -> None:
    command = parse(line, "hotel-1")
    assert parse(line_of(command)) == command
    assert parse(line_of(command), "other") == command
    assert Command.model_validate_json(command.model_dump_json()) == command
    head = line_of(command).split(" <<'EOF")[0]
    assert [word.text for word in split(head).words] == render(command)


@QUICK
@given(st.sampled_from(CANARIES), st.sampled_from([line for _, line, _ in ROWS if len(line) < 200]))
def test_an_attack_that_follows_a_canary_is_refused(line: str, attack: str) -> None:
    assume("<<" not in line and attack.strip())
    for glue in ("; ", "\n", " && ", " | ", " & ", " `", " $("):
        with pytest.raises(Refusal):
            parse(line + glue + attack, "hotel-1")


@QUICK
@given(st.lists(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Z"]))))
def test_a_quoted_word_is_one_word_and_itself(texts: list[str]) -> None:
    line = " ".join(["kubectl", *(quote(text) for text in texts)])
    try:
        read = [word.text for word in split(line).words]
    except Refusal as refusal:
        # blanks that cannot be seen are refused even inside quotes
        read = ["kubectl", *texts] if refusal.code == "control_character" else []
    assert read == ["kubectl", *texts]


workloads = st.builds(
    Workload,
    kind=st.sampled_from(["deployments", "statefulsets"]),
    namespace=names,
    name=names,
)
values = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), max_size=20)
mongo_words = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,20}", fullmatch=True)
variables = st.from_regex(r"[A-Z][A-Z0-9_]{0,20}", fullmatch=True)


def pairs(keys: st.SearchStrategy[str], of: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    table = st.dictionaries(keys, st.one_of(st.none(), of), min_size=1, max_size=4)
    return table.map(lambda found: tuple(sorted(found.items())))


env_names = st.from_regex(r"[A-F][A-F0-9_]{0,10}", fullmatch=True)
amounts = st.dictionaries(
    st.sampled_from(["cpu", "memory"]), st.sampled_from(["100m", "1Gi", "0.5"]), min_size=1
).map(lambda found: tuple(sorted(found.items())))
actions: st.SearchStrategy[Action] = st.one_of(
    st.builds(RestartRollout, workload=workloads),
    st.builds(
        UndoRollout, workload=workloads, revision=st.one_of(st.none(), st.integers(1, 10**6))
    ),
    st.builds(ScaleWorkload, workload=workloads, replicas=st.integers(0, 1000)),
    st.builds(
        SetImage,
        workload=workloads,
        container=names,
        image=st.sampled_from(["a", "r:5/x@sha256:0"]),
    ),
    st.builds(
        SetEnv,
        workload=workloads,
        container=st.one_of(st.none(), names),
        variables=pairs(env_names, values),
    ),
    st.builds(
        SetResources,
        workload=workloads,
        container=st.one_of(st.none(), names),
        requests=amounts,
        limits=amounts,
    ),
    st.builds(
        PatchResource,
        kind=st.sampled_from(["services", "deployments", "configmaps"]),
        namespace=names,
        name=names,
        strategy=st.sampled_from(["strategic", "merge"]),
        patch=values.map(lambda text: canonical_json({"data": {"a": text}})),
    ),
    st.builds(
        ApplyManifest,
        mode=st.sampled_from(["apply", "create"]),
        kind=st.just("configmaps"),
        namespace=st.just("hotel-1"),
        name=st.just("x"),
        manifest=values.map(
            lambda text: canonical_json(
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": "x", "namespace": "hotel-1"},
                    "data": {"a": text},
                }
            )
        ),
    ),
    st.builds(DeletePod, namespace=names, name=names, force=st.booleans()),
    st.builds(
        DeleteResource,
        kind=st.sampled_from(["services", "networkpolicies"]),
        namespace=names,
        name=names,
    ),
    st.builds(
        LabelResource,
        field=st.just("annotations"),
        kind=st.just("pods"),
        namespace=names,
        name=names,
        pairs=pairs(names, values),
        overwrite=st.booleans(),
    ),
    st.builds(CordonNode, name=names, unschedulable=st.booleans()),
    st.builds(
        RunMongoRepair,
        namespace=names,
        pod=names,
        container=st.one_of(st.none(), names),
        shell=st.sampled_from(["mongo", "mongosh"]),
        operation=st.just("grant_roles"),
        database=mongo_words,
        user=mongo_words,
        login_variables=st.one_of(st.none(), st.tuples(variables, variables)),
        roles=st.lists(st.tuples(mongo_words, mongo_words), min_size=1, max_size=3).map(tuple),
    ),
    st.builds(
        RunMongoRepair,
        namespace=names,
        pod=names,
        operation=st.just("create_user"),
        database=mongo_words,
        user=mongo_words,
        password_variable=variables,
        roles=st.lists(st.tuples(mongo_words, mongo_words), min_size=1, max_size=3).map(tuple),
    ),
    st.builds(
        HelmRollback,
        namespace=names,
        release=names,
        revision=st.one_of(st.none(), st.integers(1, 10**6)),
    ),
)


@settings(QUICK, max_examples=400)
@given(actions)
def test_an_action_is_the_action_of_its_own_command(action: Action) -> None:
    command = command_of(action)
    assert action_of(command) == action
    assert action_of(parse(line_of(command))) == action
    assert words_of(action).endswith((".", "another.")) or ":" in words_of(action)


@QUICK
@given(actions)
def test_no_action_is_allowed_unasked_but_restarts_and_rollbacks(action: Action) -> None:
    namespace = getattr(action, "namespace", None) or "hotel-1"
    verdict = shipped().decide(action, circumstances(managed=("*",), incident_namespace=namespace))
    if verdict.ruling is ALLOW:
        assert isinstance(action, RestartRollout | UndoRollout | DeletePod)


@QUICK
@given(
    st.lists(st.sampled_from(HARMLESS), max_size=8),
    st.sampled_from(PLANTED),
    st.from_regex(r"[A-Z][a-z0-9]{2}[A-Za-z0-9]{6,30}", fullmatch=True),
)
def test_a_secret_among_ordinary_lines_is_all_that_goes(
    lines: list[str], form: str, secret: str
) -> None:
    assume(secret not in form and secret not in "\n".join(lines))
    result = redact("\n".join([*lines, form.format(secret), *lines]))
    assert secret not in result.text
    assert result.text.startswith("\n".join(lines))
    assert result.text.endswith("\n".join(lines))


@QUICK
@given(st.text())
def test_redaction_never_raises_and_is_done_after_one_pass(text: str) -> None:
    once = redact(text)
    assert redact(once.text).text == once.text


def seconds(work: Callable[[str], object], text: str) -> float:
    """Return the least time of three runs."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        with contextlib.suppress(Refusal):
            work(text)
        times.append(time.perf_counter() - start)
    return min(times)


PIECES = ["a", "'", '"', "{", "a=", "-", "--", "$(", "`", "\\", "EOF\n", "pass", "secret-", "A1_"]
PIECES += ["eyJ", "a.a@", "://a:", "name: token\n", "-----BEGIN PRIVATE KEY-----", "bearer ", "/a"]


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("prefix", ["", "kubectl get ", "kubectl apply -f - <<'EOF'\n", "password"])
def test_time_is_bounded_by_the_length_of_the_text(piece: str, prefix: str) -> None:
    def line(size: int) -> str:
        return prefix + piece * (size // len(piece))

    assert seconds(parse, line(4_000)) < 0.05
    assert seconds(parse, line(60_000)) < 0.5
    assert seconds(redact, line(60_000)) < 0.5
