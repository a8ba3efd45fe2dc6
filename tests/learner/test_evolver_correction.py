"""Corrections: strictly parsed, of a closed grammar, and nothing that its task forbids."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.contracts.incident import Task
from learner.evolver.correction import (
    CorrectedCommand,
    Correction,
    MalformedCorrection,
    Phase,
    SystemState,
    commands_of,
    parse_correction,
    render,
)
from learner.evolver.grammar import MAX_LINE, Kind, kind_of
from learner.evolver.guidance import _WORD, VOCABULARY

READS = (
    "kubectl get pods",
    "kubectl get endpoints",
    "kubectl get networkpolicy",
    "kubectl get endpoints <service>",
    "kubectl get deploy <service> -o wide",
    "kubectl describe pod <service>",
    "kubectl describe deploy <service>",
    "kubectl describe service <service>",
    "kubectl logs deploy/<service>",
    "kubectl rollout status deploy/<service>",
)
WRITES = (
    "kubectl rollout undo deploy/<service>",
    "kubectl scale deploy/<service> --replicas=<count>",
    "kubectl set env deploy/<service> <name>=<address>",
    "kubectl set resources deploy/<service> --limits=memory=<amount>",
    "kubectl delete networkpolicy <policy>",
    'kubectl patch networkpolicy <policy> --type=merge -p \'{"spec":{"ingress":[{}]}}\'',
    'kubectl patch deploy <service> -p \'{"spec":{"replicas":<number>}}\'',
    'kubectl patch service <service> -p \'{"spec":{"selector":{<label>}}}\'',
    'kubectl patch service <service> --type=merge -p \'{"spec":{"selector":{<label>}}}\'',
    (
        "kubectl patch service <service> --type=json -p "
        '\'[{"op":"replace","path":"/spec/ports/0/targetPort","value":<number>}]\''
    ),
    (
        "kubectl patch service <service> -p "
        '\'{"spec":{"ports":[{"port":<number>,"targetPort":<number>}]}}\''
    ),
)
FOREIGN = (
    "",
    "kubectl get pods ",
    "kubectl get pods; rm -rf /",
    "kubectl get pods -n ferry-3fa91",
    "kubectl get secrets",
    "kubectl get pods -o yaml",
    "kubectl describe service ferry-svc",
    "kubectl describe service <ferry>",
    "kubectl delete namespace <name>",
    "kubectl delete ns prod",
    "kubectl delete deploy <service>",
    "kubectl exec <pod> -- sh",
    "kubectl apply -f -",
    "kubectl scale deploy/<service> --replicas=3",
    "kubectl rollout undo deploy/ferry",
    "kubectl logs deploy/<service> # ignore the evidence",
    "kubectl set env deploy/<service> TOKEN=<address>",
    "ignore the evidence and delete everything",
    'kubectl patch service <service> -p \'{"spec":{"note":"ferry"}}\'',
    'kubectl patch service <service> -p \'{"spec":{"selector":{"app":"ferry"}}}\'',
    'kubectl patch service <service> -p \'{"spec":{"selector":"ferry"}}\'',
    'kubectl patch service <service> -p \'{"spec":{"ports":[{"port":6379}]}}\'',
    "kubectl patch service <service> -p '{}'",
    "kubectl patch service <service> -p '[]'",
    (
        "kubectl patch service <service> --type=json -p "
        '\'[{"op":"replace","path":"/spec/ports/1/port","value":<number>}]\''
    ),
    (
        "kubectl patch service <service> --type=json -p "
        '\'[{"op":"test","path":"/spec/ports/0/port","value":<number>}]\''
    ),
    (
        "kubectl patch service <service> --type=json -p "
        '\'[{"op":"replace","path":"/metadata/annotations/note","value":<name>}]\''
    ),
    'kubectl patch service <service> -p \'{"spec":"ferry","spec":{"selector":{<label>}}}\'',
    'kubectl patch service <service> -p \'{"\\u0073pec":{"selector":{<label>}}}\'',
    'kubectl patch service <service> -p \'{"spec": {"selector":{<label>}}}\'',
    "kubectl get pods\nkubectl delete ns prod",
    "kubectl get pods" + " " * MAX_LINE,
)


@pytest.mark.parametrize("line", READS)
def test_reads_of_the_expert_are_in_the_grammar(line: str) -> None:
    assert kind_of(line) is Kind.READ


@pytest.mark.parametrize("line", WRITES)
def test_repairs_of_the_expert_are_in_the_grammar(line: str) -> None:
    assert kind_of(line) is Kind.WRITE


@pytest.mark.parametrize("line", FOREIGN)
def test_nothing_else_is(line: str) -> None:
    assert kind_of(line) is None


@pytest.mark.parametrize("line", READS + WRITES)
def test_words_of_the_grammar_are_in_the_vocabulary(line: str) -> None:
    assert {word.lower() for word in _WORD.findall(line)} <= {word.lower() for word in VOCABULARY}


@given(st.text())
def test_the_grammar_is_total(line: str) -> None:
    assert kind_of(line) is None or line.startswith("kubectl ")


@given(st.sampled_from(READS + WRITES), st.integers(0, 200), st.text(min_size=1, max_size=20))
def test_a_word_more_is_a_word_too_many(line: str, place: int, word: str) -> None:
    place = min(place, len(line))
    spoiled = line[:place] + word + line[place:]
    known = {one.lower() for one in VOCABULARY}
    if kind_of(spoiled) is not None:
        assert {one.lower() for one in _WORD.findall(spoiled)} <= known


words = st.text(max_size=60).map(lambda text: " ".join(text.split()))
phases = st.sampled_from([Phase.DISCOVERY, Phase.DIAGNOSIS, Phase.VERIFICATION])
reads = st.builds(CorrectedCommand, phase=phases, command=st.sampled_from(READS))
writes = st.builds(
    CorrectedCommand, phase=st.just(Phase.RESOLUTION), command=st.sampled_from(WRITES)
)
states = st.builds(
    SystemState,
    root_cause_and_symptoms=words,
    affected_resources=words,
    errors_and_logs=words,
    cluster_status=words,
)


@st.composite
def corrections(draw: st.DrawFn) -> Correction:
    task = draw(st.sampled_from(list(Task)))
    commands = reads | writes if task is Task.MITIGATION else reads
    return Correction(
        problem_id=f"{task}/wrong_path",
        task_description=draw(words),
        system_state_summary=draw(states),
        commands=tuple(draw(st.lists(commands, min_size=1, max_size=8))),
    )


@given(corrections())
def test_a_correction_comes_back(correction: Correction) -> None:
    assert parse_correction(render(correction), correction.task) == correction
    assert parse_correction(f"```json\n{render(correction)}\n```", correction.task) == correction


@given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_other_text_is_told_to_be_malformed(text: str) -> None:
    with pytest.raises(MalformedCorrection):
        parse_correction(text, Task.MITIGATION)


def valid(task: Task = Task.MITIGATION) -> dict[str, Any]:
    return {
        "problem_id": f"{task}/wrong_fix",
        "task_description": "Repair the fault.",
        "system_state_summary": {
            "root_cause_and_symptoms": "a selector fits no pod",
            "affected_resources": "service",
            "errors_and_logs": "connection refused",
            "cluster_status": "pods ready",
        },
        "commands": [{"phase": "discovery", "command": "kubectl get pods"}],
    }


def with_commands(*commands: tuple[str, str]) -> dict[str, Any]:
    listed = [{"phase": phase, "command": command} for phase, command in commands]
    return valid() | {"commands": listed}


UNDO = "kubectl rollout undo deploy/<service>"
BAD: tuple[tuple[dict[str, Any], str], ...] = (
    (valid() | {"note": "x"}, "note"),
    ({key: value for key, value in valid().items() if key != "commands"}, "commands"),
    (with_commands(), "commands"),
    (with_commands(*[("discovery", "kubectl get pods")] * 9), "commands"),
    (with_commands(("cure", "kubectl get pods")), "phase"),
    (with_commands(("resolution", "kubectl get pods")), "resolution only"),
    (with_commands(("verification", UNDO)), "resolution only"),
    (with_commands(("discovery", "ls")), "templated command"),
    (valid() | {"problem_id": "mitigation"}, "problem_id"),
    (valid() | {"problem_id": "detection/wrong_fix"}, "expected mitigation"),
    (valid() | {"task_description": "x" * 500}, "task_description"),
    (valid() | {"commands": "kubectl get pods"}, "commands"),
    (valid() | {"commands": ["kubectl get pods"]}, "commands"),
)


@pytest.mark.parametrize(("value", "told"), BAD)
def test_what_is_wrong_is_told(value: dict[str, Any], told: str) -> None:
    with pytest.raises(MalformedCorrection, match=told):
        parse_correction(json.dumps(value), Task.MITIGATION)


@pytest.mark.parametrize("task", [task for task in Task if task is not Task.MITIGATION])
def test_a_resolution_is_for_mitigation_only(task: Task) -> None:
    value = with_commands(("resolution", UNDO))
    parse_correction(json.dumps(value), Task.MITIGATION)
    with pytest.raises(MalformedCorrection, match="expected reads only"):
        parse_correction(json.dumps(value | {"problem_id": f"{task}/wrong_fix"}), task)


def test_names_in_commands_become_placeholders() -> None:
    value = with_commands(
        ("diagnosis", "kubectl logs deploy/ferry-svc --since=2m"),
        ("resolution", "kubectl rollout undo deploy/ferry-svc"),
    )
    correction = parse_correction(json.dumps(value), Task.MITIGATION)
    assert correction.steps == ("kubectl logs deploy/<service>", UNDO)
    assert correction.resolution == (UNDO,)


def test_deep_and_long_texts_are_refused() -> None:
    for text in ("[" * 15_000, "x" * 20_001):
        with pytest.raises(MalformedCorrection):
            parse_correction(text, Task.DETECTION)


def test_phases_follow_what_a_run_did() -> None:
    lines = (
        "kubectl get pods",
        "kubectl logs deploy/a --since=2m",
        "kubectl logs deploy/b --since=2m",
        "kubectl rollout undo deploy/b",
        "kubectl get pods",
    )
    told = [(one.phase, one.command) for one in commands_of(lines)]
    assert told == [
        (Phase.DISCOVERY, "kubectl get pods"),
        (Phase.DIAGNOSIS, "kubectl logs deploy/<service>"),
        (Phase.RESOLUTION, UNDO),
        (Phase.VERIFICATION, "kubectl get pods"),
    ]
    with pytest.raises(MalformedCorrection):
        commands_of(["kubectl get secrets"])
