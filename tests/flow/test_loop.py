"""The loop on the real broker: an alert becomes a diagnosed, approved, executed, judged repair."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.contracts.execution import ActResult
from agents.contracts.trajectory import Outcome, TrajectoryRecord
from agents.policy.decide import SHIPPED, Policy
from streams.topics import (
    ACTIONS_APPROVED,
    ACTIONS_EXECUTED,
    ACTIONS_REQUESTED,
    AUDIT,
    INCIDENTS,
    LEDGER,
    TRAJECTORIES_FAILED,
)
from tests.flow.stacks import Seen, broker_of, pipeline, until_closed

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]
INCIDENTS_WANTED = 4
EDIT_SECONDS = 30


async def test_a_storm_of_alerts_is_repaired_and_every_step_stands_on_a_topic(
    tmp_path: Path,
) -> None:
    rules = shutil.copytree(SHIPPED, tmp_path / "rules")
    zones = {"AOI_GATE__POLICY_DIR": str(rules)}
    async with pipeline(incidents=INCIDENTS_WANTED, zones=zones) as (stack, seen):
        await until_closed(stack, seen, incidents=INCIDENTS_WANTED, seconds=90)
        closed = seen.closed(stack.namespaces)
        assert {one.outcome for one in closed} <= {Outcome.SUCCESS, Outcome.FAILURE}
        assert any(one.outcome is Outcome.SUCCESS for one in closed)
        _acts_follow_their_signatures(seen)
        failed = [event.fact for event in seen.of(TRAJECTORIES_FAILED)]
        assert {one.incident_id for one in failed if isinstance(one, TrajectoryRecord)} == {
            one.incident_id for one in closed if one.outcome is Outcome.FAILURE
        }
        _chain_is_shown(broker_of(stack).state_dir, closed[0].incident_id)
        _audit_verifies(broker_of(stack).state_dir)
        await _edits_are_noticed(broker_of(stack).state_dir / "log", rules)


async def _edits_are_noticed(logs: Path, rules: Path) -> None:
    """The running Gate and Executor take an edit of the policy, and keep a wrong one out."""
    (rules / "settings.toml").write_text("[freeze]\nnow = true\n")
    version = Policy.load(rules).version
    await _both_said(logs, lambda said: said.get("before") and said["version"] == version)
    (rules / "never.cedar").write_text("forbid (")
    await _both_said(
        logs,
        lambda said: said["event"] == "policy edit refused" and said["version"] == version,
    )


async def _both_said(logs: Path, wanted: Callable[[dict[str, str]], object]) -> None:
    for _ in range(EDIT_SECONDS):
        lines = [line for zone in ("gate", "executor") for line in _lines(logs / f"{zone}.log")]
        said = [json.loads(line) for line in lines if '"event": "policy ' in line]
        if {one["role"] for one in said if wanted(one)} == {"gate", "executor"}:
            return
        await asyncio.sleep(1.0)
    raise AssertionError(f"expected both roles to say so within {EDIT_SECONDS} s, got {said}")


def _lines(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8").splitlines()


def _acts_follow_their_signatures(seen: Seen) -> None:
    """Every act has one request, one signed order, one intent, one outcome, an audit."""
    of = seen.of
    asked = [event.fact.approval_id for event in of(ACTIONS_REQUESTED)]
    ordered = [event.fact.approval_id for event in of(ACTIONS_APPROVED)]
    done = [event.fact for event in of(ACTIONS_EXECUTED)]
    assert len(asked) == len(set(asked)) == INCIDENTS_WANTED
    assert set(ordered) == set(asked)
    assert {one.approval_id for one in done} == set(asked)
    assert {one.result for one in done} == {ActResult.DONE}
    intents = [event.fact for event in of(LEDGER) if type(event.fact).__name__ == "ActIntended"]
    assert len(intents) == INCIDENTS_WANTED
    audited = {str(event.fact.record.get("approval_id")) for event in of(AUDIT)}
    assert set(asked) <= audited
    assert len(of(INCIDENTS)) >= INCIDENTS_WANTED


def _chain_is_shown(state_dir: object, incident_id: str) -> None:
    """`aoi incidents show` prints the whole chain from the topics alone."""
    shown = subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", "incidents", "show", incident_id, "--json"],
        env={**os.environ, "AOI_STATE_DIR": str(state_dir)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    kinds = {link["type"].split(".")[2] for link in json.loads(shown.stdout)["links"]}
    assert kinds >= {
        "AlertGrouped",
        "IncidentOpened",
        "ModelRequested",
        "ModelReplied",
        "PlanProposed",
        "ObservationRecorded",
        "ApprovalRequested",
        "ActionApproved",
        "ActionExecuted",
        "AuditRecorded",
        "TrajectoryClosed",
        "IncidentClosed",
    }


def _audit_verifies(state_dir: object) -> None:
    """`aoi audit verify` finds every chain of gate and executor intact, while they run."""
    verified = subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", "audit", "verify", "--json"],
        env={**os.environ, "AOI_STATE_DIR": str(state_dir)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    chains = json.loads(verified.stdout)["chains"]
    writers = [one["writer"].split("/")[0] for one in chains]
    assert writers.count("gate") == INCIDENTS_WANTED
    assert writers.count("executor") >= 1
    assert all(one["head"] == one["last"] for one in chains if one["writer"].startswith("gate"))
