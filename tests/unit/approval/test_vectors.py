"""The vectors for other languages: up to date, and made again by node's own crypto."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from agents.approval.vectors import main, vectors

DOCS = Path(__file__).parents[3] / "docs"
FILE = DOCS / "contract" / "approval_vectors.json"


def test_the_committed_vectors_are_the_present_ones(tmp_path: Path) -> None:
    assert json.loads(FILE.read_text(encoding="utf-8")) == vectors()
    main([str(tmp_path / "again.json")])
    assert (tmp_path / "again.json").read_bytes() == FILE.read_bytes()


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_javascript_makes_the_same_bytes_and_signatures() -> None:
    done = verified(str(FILE))
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "20 vectors made again, all equal: 3 actions, 2 orders, 5 signed, 10 numbers\n"
    )


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_called_without_vectors_it_says_how_to_call_it() -> None:
    done = verified()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: node verify_approval_vectors.mjs VECTORS.json")


def verified(*words: str) -> subprocess.CompletedProcess[str]:
    program = [str(shutil.which("node")), str(DOCS / "examples" / "verify_approval_vectors.mjs")]
    return subprocess.run(
        [*program, *words], capture_output=True, text=True, timeout=60, check=False
    )
