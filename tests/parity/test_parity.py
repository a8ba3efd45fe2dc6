"""The lab's kubectl beside a real one: the same objects, the same command, the same bytes.

Invariant: a case compares output, exit code and, for writes, every object afterwards; what is left
out of the comparison is what `normal` names, and nothing else.
"""

from __future__ import annotations

import re
from difflib import unified_diff
from functools import cache
from typing import Any

import pytest

from agents.environments.simulated.objects.kinds import clone
from tests.parity.loader import (
    Case,
    Recording,
    State,
    answer,
    applied,
    cluster_of,
    command_of,
    held_by,
    moments,
)

_LEAST = 300
_ASSIGNED = (
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "managedFields",
    "generation",
    "selfLink",
)
_ADDRESSES = ("clusterIP", "clusterIPs", "nodePort", "healthCheckNodePort")
_RESTARTED = "kubectl.kubernetes.io/restartedAt"


@cache
def recording() -> Recording:
    return Recording.load()


def _compared(group: str) -> list[Case]:
    return [case for case in recording().cases if (case.changes is None) is (group == "read")]


def _named(case: Case) -> str:
    return f"{case.index:03d} {case.line[8:60]}"


def test_enough_cases_are_recorded_and_errors_are_among_them() -> None:
    cases = recording().cases
    assert len(cases) >= _LEAST
    assert sum(case.code != 0 for case in cases) >= 80
    assert sum(bool(case.changes) for case in cases) >= 80


def _difference(wanted: str, shown: str) -> str:
    lines = unified_diff(
        wanted.splitlines(keepends=True), shown.splitlines(keepends=True), "kubectl", "lab", n=2
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _normal_text(text: str) -> str:
    """Leave out uids that the API server drew for the command's own object."""
    return re.sub(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID", text)


@pytest.mark.parametrize("case", _compared("read"), ids=_named)
def test_a_read_shows_what_kubectl_shows(case: Case) -> None:
    state = recording().state_before(case)
    namespace = recording().header["namespace"]
    shown = None
    command, cluster = command_of(case, namespace), cluster_of(state, namespace, case.at[0])
    for moment in moments(case, state):
        cluster.now = moment
        shown = answer(cluster, command)
        if (shown.text, shown.exit_code) == (case.output, case.code):
            return
    assert shown is not None
    assert not _difference(case.output, shown.text), _difference(case.output, shown.text)
    assert shown.exit_code == case.code


def normal(item: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return an object without its status and without what a real server draws by itself."""
    if item is None:
        return None
    item = clone(item)
    item.pop("status", None)
    metadata = item["metadata"]
    for key in _ASSIGNED:
        metadata.pop(key, None)
    for key in ("labels", "annotations"):
        if not metadata.get(key):
            metadata.pop(key, None)
    spec = item.get("spec") or {}
    for key in _ADDRESSES:
        spec.pop(key, None)
    for port in spec.get("ports") or ():
        if isinstance(port, dict):
            port.pop("nodePort", None)
    template = (spec.get("template") or {}).get("metadata") or {}
    if _RESTARTED in (template.get("annotations") or {}):
        template["annotations"][_RESTARTED] = "MOMENT"
    if item["kind"] == "Secret":
        item["data"] = sorted(item.get("data") or {})
    return item


def _changed(before: State, after: State) -> dict[str, dict[str, Any] | None]:
    keys = before.keys() | after.keys()
    found = {key: (normal(before.get(key)), normal(after.get(key))) for key in sorted(keys)}
    return {key: new for key, (old, new) in found.items() if old != new}


@pytest.mark.parametrize("case", _compared("write"), ids=_named)
def test_a_write_says_and_does_what_kubectl_does(case: Case) -> None:
    state = recording().state_before(case)
    namespace = recording().header["namespace"]
    cluster = cluster_of(state, namespace, case.at[1])
    shown = answer(cluster, command_of(case, namespace))
    wanted, got = _normal_text(case.output), _normal_text(shown.text)
    assert not _difference(wanted, got), _difference(wanted, got)
    assert shown.exit_code == case.code
    if case.group == "delete" and "--wait=false" in case.line:
        return  # a real pod or claim goes when its controller lets it; the lab asks at once
    after = _changed(state, held_by(cluster, state))
    assert after == _changed(state, applied(state, case.changes or {}))
