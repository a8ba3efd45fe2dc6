"""The expert knows every family, and what it knows of withheld ones reaches no demonstration."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agents.contracts.incident import Task
from agents.environments.simulated.splits import families_of
from learner.pretrain.rules.book import RULES, every_rule, withheld_rules
from tests.bench.bench_expert import FAMILIES, WANTED, play

ROOT = Path(__file__).parents[2]
SEEDS = 12
MISSES = 1
"""Of a family and task: 11 of 12, the coarse form of what the benchmark measures over 200."""
WITHHELD = sorted({*families_of("B"), *families_of("D")} - {*families_of("A")})
DIGEST = """
import hashlib, sys
from pathlib import Path
import learner
from learner.pretrain.demonstrations import demonstrate

assert Path(learner.__file__).is_relative_to(sys.argv[1]), learner.__file__
shown = "\\n".join(repr(demonstrate(seed, {})) for seed in range(60))
loaded = [name for name in sys.modules if "rules.withheld" in name]
print(hashlib.sha256(shown.encode()).hexdigest(), len(loaded))
"""


def test_there_is_a_rule_for_each_family_and_it_stands_in_its_place() -> None:
    assert sorted(rule.name for rule in withheld_rules()) == WITHHELD
    assert {rule.name for rule in every_rule() if not rule.review} == set(FAMILIES)
    assert not {rule.name for rule in RULES} & set(WITHHELD)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_expert_solves_incidents_of_every_family(family: str) -> None:
    for task in WANTED:
        played = [play(family, task, number) for number in range(SEEDS)]
        failed = [(one.seed, one.reason) for one in played if not one.success]
        assert len(failed) <= MISSES, (task, failed)
        assert sum(one.refused for one in played) == 0, task


@pytest.mark.parametrize("family", WITHHELD)
def test_without_its_rule_a_withheld_family_is_not_mended(family: str) -> None:
    others = tuple(rule for rule in every_rule() if rule.name != family)
    played = [play(family, Task.MITIGATION, number, others) for number in range(4)]
    assert sum(one.success for one in played) <= 1, played


def _digest(copy: Path) -> tuple[str, int]:
    """Return the digest of a copy's demonstrations, and how many withheld modules it loaded."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", DIGEST, str(copy)],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": f"{copy}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    digest, loaded = done.stdout.split()
    return digest, int(loaded)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the learner, of which files can be deleted."""
    shutil.copytree(
        ROOT / "learner", tmp_path / "learner", ignore=shutil.ignore_patterns("__pycache__")
    )
    return tmp_path


def test_deleting_the_withheld_rules_leaves_demonstrations_byte_equal(copy: Path) -> None:
    rules = copy / "learner/pretrain/rules"
    whole, loaded = _digest(copy)
    assert loaded == 0
    shutil.rmtree(rules / "withheld")
    assert _digest(copy) == (whole, 0)
    (rules / "network_policy.py").unlink()  # the digest does tell of rules that demonstrate
    assert _digest(copy)[0] != whole
