"""What we run is what a real kubectl understood: recorded argv, exit codes and requests."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agents.contracts.command import Access
from agents.policy.parse import access_of
from agents.policy.render import render
from tests.safety.canary import CANARIES
from tests.safety.judge import runs
from tests.safety.meaning import asked_by

RECORDED = json.loads((Path(__file__).parent / "fixtures" / "kubectl.json").read_text())
CASES: list[dict[str, Any]] = RECORDED["cases"]
# no kubelet and no metrics stand behind the control plane: these end there, after the request
WITHOUT_KUBELET = {"logs", "exec", "top"}


def shown(value: object) -> str | None:
    return value["line"][:70] if isinstance(value, dict) else None


@pytest.mark.parametrize("case", CASES, ids=shown)
def test_the_argv_is_the_one_that_kubectl_ran(case: dict[str, Any]) -> None:
    assert render(runs(case["line"])) == case["argv"]


@pytest.mark.parametrize("case", CASES, ids=shown)
def test_kubectl_asked_for_what_the_typed_command_says(case: dict[str, Any]) -> None:
    command = runs(case["line"])
    if command.verb not in WITHOUT_KUBELET:
        assert case["code"] == 0, case["output"]
    assert "unknown" not in case.get("output", "")
    meant, requests = asked_by(command), case["requests"]
    for asked in meant:
        assert any(asked.is_met_by(request) for request in requests), asked
    if access_of(command) is Access.WRITE:
        assert meant
    for request in requests:
        if request["method"] != "GET":
            assert any(asked.is_met_by(request) for asked in meant), request


def test_a_question_about_rights_names_its_verb_and_its_kind() -> None:
    for case in CASES:
        command = runs(case["line"])
        if command.verb == "auth can-i" and command.operands:
            texts = " ".join(case["requests"][-1]["body"]["texts"])
            kind, _, name = command.operands[1].partition("/")
            assert all(
                text in texts for text in (command.namespace, command.operands[0], kind, name)
            )


def test_only_discovery_and_objects_of_the_line_s_namespace_were_asked_for() -> None:
    for case in CASES:
        for request in case["requests"]:
            assert "/namespaces/elsewhere" not in request["path"]


def test_every_benign_line_of_kubectl_is_recorded() -> None:
    lines = [line for line in CANARIES if line.startswith("kubectl ")]
    assert [case["line"] for case in CASES] == lines
    assert len(lines) >= 150
    verbs = Counter(runs(line).verb for line in lines)
    assert len(verbs) >= 25
