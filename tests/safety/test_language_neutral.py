"""An approver in another language: node's own crypto, our request, our verification, one act."""

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.approval.canonical import canonical_json
from agents.contracts.approval import ActionDecided, DecisionVerdict
from agents.contracts.execution import ActResult
from tests.doubles.court import Court
from tests.doubles.pipeline import PERSON
from tests.safety.test_approvals import court

NODE = shutil.which("node")
APPROVER = Path(__file__).parents[2] / "docs" / "examples" / "approver.mjs"
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


def decide(request: str, key: Path, verdict: str = "approve") -> subprocess.CompletedProcess[str]:
    """Let node decide a request, as it stands in JSON."""
    return subprocess.run(
        [NODE or "", str(APPROVER), str(key), "alice", verdict],
        input=request,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def key(tmp_path: Path) -> Path:
    PERSON.save(tmp_path / "alice.key")
    return tmp_path / "alice.key"


async def present() -> Court:
    """Return a request that is open by this machine's clock, which node reads."""
    made = await court()
    made.moved_to(datetime.now(UTC))
    return made


def request_of(made: Court, **changes: object) -> str:
    """Return the request as it stands on the topic, in JSON."""
    plain = json.loads(made.asked.model_dump_json())
    return json.dumps(plain | changes)


@pytest.mark.parametrize("verdict", ["approve", "refuse"])
async def test_a_decision_of_node_is_one_of_ours_byte_for_byte(key: Path, verdict: str) -> None:
    made = await present()
    done = decide(request_of(made), key, verdict)
    assert done.returncode == 0, done.stderr
    decision = ActionDecided.model_validate_json(done.stdout)
    assert decision == made.decision(verdict=DecisionVerdict(verdict))


async def test_a_decision_of_node_is_verified_ordered_and_done(key: Path) -> None:
    made = await present()
    done = decide(request_of(made), key)
    assert await made.answer(ActionDecided.model_validate_json(done.stdout)) == "approved"
    assert (await made.execute(made.order)).result is ActResult.DONE
    assert len(made.pipeline.cluster.acts) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"action_hash": "0" * 64}, "another action"),
        ({"order_hash": "0" * 64}, "another order"),
        ({"order_hash": None}, "another order"),
        ({"severity": "info"}, "another order"),
        ({"confidence": 99}, "another order"),
        ({"expires": "2020-01-01T00:00:00Z"}, "expired"),
        ({"requested_at": "yesterday"}, "expected a time"),
    ],
)
async def test_node_signs_no_request_that_lies(
    key: Path, changes: dict[str, object], reason: str
) -> None:
    made = await present()
    done = decide(request_of(made, **changes), key)
    assert done.returncode == 1
    assert reason in done.stderr
    assert done.stdout == ""


async def test_node_tells_the_typed_act_and_rollback_not_the_words_that_nobody_signs(
    key: Path,
) -> None:
    made = await present()
    done = decide(request_of(made, words="Restart \u202eit.", line="kubectl get pods"), key)
    assert done.returncode == 0, done.stderr
    assert f"approve: {canonical_json(made.asked.action)}" in done.stderr
    assert made.asked.preview.rollback is not None
    assert f"rollback: {canonical_json(made.asked.preview.rollback)}" in done.stderr
    assert "Restart" not in done.stderr
    assert "get pods" not in done.stderr


def test_node_reads_no_key_that_others_may_read(key: Path) -> None:
    key.chmod(0o644)
    done = decide("{}", key)
    assert done.returncode == 1
    assert "chmod 600" in done.stderr
