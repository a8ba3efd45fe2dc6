"""Properties over generated lines, actions and texts: no crash, no slip, linear time."""

import contextlib
import json
import sys
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from agents.contracts.action import Action, DeletePod, RestartRollout, UndoRollout
from agents.contracts.approval import ActionRefused, PreviewRequested
from agents.contracts.command import Command
from agents.contracts.plan import PlanKind, PlanProposed
from agents.gate import GateReducer
from agents.policy.actions import action_of, command_of, words_of
from agents.policy.mongo import read_mongo
from agents.policy.parse import parse
from agents.policy.redact import redact
from agents.policy.refusal import Refusal
from agents.policy.render import line_of, quote, render
from agents.policy.shell import MAX_LINE, split
from agents.policy.verbs import VERBS
from tests.builders import MODEL, event
from tests.doubles.pipeline import GATE, GATE_SETTINGS
from tests.safety.attacks import ROWS
from tests.safety.canary import CANARIES
from tests.safety.fuzz_parser import text_of
from tests.safety.generated import actions, commands, names, role_lists
from tests.safety.judge import ALLOW, circumstances, shipped
from tests.safety.oracle import check
from tests.safety.test_prompt import HARMLESS, PLANTED

QUICK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)

ACT: dict[str, object] = {
    "incident_id": "i-1",
    "plan_id": "p-1",
    "iteration": 1,
    "kind": PlanKind.ACTION,
    "namespace": "hotel-1",
    "severity": "critical",
    "confidence": 80,
    "model_id": MODEL,
}

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
        check(line)


@QUICK
@given(st.binary(max_size=300))
def test_no_bytes_make_the_parser_raise_anything_but_a_refusal(data: bytes) -> None:
    check(text_of(data))


@QUICK
@given(st.sampled_from(CANARIES), st.data())
def test_a_canary_with_a_piece_changed_is_refused_or_read_the_same_way_again(
    line: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(line)))
    to = data.draw(st.integers(at, min(len(line), at + 6)))
    changed = line[:at] + data.draw(st.one_of(st.text(max_size=3), words)) + line[to:]
    check(changed)


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


@pytest.mark.parametrize("key", sorted(VERBS))
def test_any_command_of_a_verb_is_read_back_from_its_own_line(key: str) -> None:
    @settings(QUICK, max_examples=15, suppress_health_check=list(HealthCheck))
    @given(commands(key))
    def read_back(command: Command) -> None:
        assert parse(line_of(command)) == command
        head = line_of(command).split(" <<'EOF")[0]
        assert [word.text for word in split(head).words] == render(command)

    read_back()


@settings(QUICK, max_examples=300)
@given(actions)
def test_an_action_is_the_action_of_its_own_command(action: Action) -> None:
    command = command_of(action)
    assert action_of(command) == action
    assert action_of(parse(line_of(command))) == action
    assert words_of(action).endswith((".", "another.")) or ":" in words_of(action)


def patched(values: object) -> str:
    text = json.dumps({"metadata": {"annotations": values}})
    return f"kubectl patch deploy geo -p {quote(text)}"


@settings(QUICK, max_examples=200)
@given(
    st.one_of(
        st.sampled_from(CANARIES),
        st.text(max_size=60).map("kubectl {}".format),
        actions.map(lambda action: line_of(command_of(action))),
        st.dictionaries(names, st.text(st.characters(codec="utf-8"))).map(patched),
        role_lists().map(
            lambda roles: (
                "kubectl exec m -- mongosh x --eval "
                + quote(f'db.grantRolesToUser("u", {roles[0]})')
            )
        ),
    )
)
@example(patched({"a": "\u202e"}))
def test_the_gate_answers_every_line_with_a_dry_run_or_a_refusal(line: str) -> None:
    gate = GateReducer(settings=GATE_SETTINGS, policy=shipped(), key=GATE)
    plan = PlanProposed.model_validate({**ACT, "line": line})
    answers = [
        output.fact
        for output in gate.advance(gate.initial("i-1"), event(plan, key="i-1")).outputs
        if isinstance(output.fact, ActionRefused | PreviewRequested)
    ]
    assert len(answers) == 1
    for answer in answers:
        if isinstance(answer, ActionRefused):
            assert answer.reason != "policy_error", answer.message
        else:
            assert line_of(command_of(answer.action))


@QUICK
@given(role_lists())
def test_roles_mean_what_they_say_however_they_are_called(
    spelled: tuple[str, tuple[tuple[str, str | None], ...]],
) -> None:
    text, roles = spelled
    call = read_mongo(("mongosh", "--eval", f'db.getSiblingDB("x").grantRolesToUser("u", {text})'))
    assert call.roles == tuple((role, "x" if place is None else place) for role, place in roles)


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
    """Return the least CPU time of three runs, which a busy machine does not change."""
    times = []
    for _ in range(3):
        start = time.thread_time()
        with contextlib.suppress(Refusal):
            work(text)
        times.append(time.thread_time() - start)
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


def calls(work: Callable[[str], object], text: str) -> int:
    """Return how many functions are called, those of C included: the same number in every run."""
    count = 0

    def seen(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        with contextlib.suppress(Refusal):
            work(text)
    finally:
        sys.setprofile(before)
    return count


LONG = ["kubectl get pods {}", "kubectl set env deploy/x {}", "kubectl exec x -- curl {}"]
LONG += ["kubectl patch deploy x -p '{}'", "kubectl get {}", "{}"]


@pytest.mark.parametrize(
    "piece", ["a ", "a=b ", "--no-headers ", "'a' ", '"a\\"" ', "a/b,", "{", "é"]
)
@pytest.mark.parametrize("form", LONG)
def test_twice_the_line_is_at_most_twice_the_work(form: str, piece: str) -> None:
    def work(size: int) -> int:
        return calls(lambda line: parse(line, "hotel-1"), form.replace("{}", piece * size))

    parse("kubectl get pods", "hotel-1")
    work(10)  # what is made once is made
    few, many = work(200), work(400)
    assert many <= 2 * few + 100


@pytest.mark.parametrize("kinds", [["po"], ["po", "svc", "deploy", "rs"]])
@pytest.mark.parametrize("different", [1, 10**6])
def test_kinds_and_names_of_one_line_do_not_multiply(kinds: list[str], different: int) -> None:
    def work(size: int) -> int:
        names = " ".join(f"a{number % different}" for number in range(20 * size))
        line = f"kubectl get {','.join(kinds * 10 * size)} {names}"
        assert len(line) < MAX_LINE
        return calls(lambda text: parse(text, "hotel-1"), line)

    work(1)  # what is made once is made
    few, many = work(3), work(6)
    assert many <= 2 * few + 100
