"""`aoi eval`: what it prints, writes and refuses, and what it does not load."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner, Result

from deploy.cli import eval as command

ROWS = ("always-yes", "best-constant", "do-nothing", "random")
LOADED = """
import sys
from typer.testing import CliRunner
from deploy.cli import eval as command
done = CliRunner().invoke(command.app, sys.argv[1:])
print(done.exit_code, sorted({"torch", "transformers", "ray"} & sys.modules.keys()))
"""


def invoked(*argv: str) -> Result:
    return CliRunner().invoke(command.app, [*argv, "--processes", "1"])


@pytest.fixture
def small(tmp_path: Path) -> tuple[str, ...]:
    path = tmp_path / "few.txt"
    path.write_text("".join(f"seed-{number}\n" for number in range(6)), encoding="utf-8")
    return ("--tasks", str(path), "--out", str(tmp_path / "out"))


def test_the_last_line_is_json_and_the_constants_are_always_there(
    tmp_path: Path, small: tuple[str, ...]
) -> None:
    page = tmp_path / "mine" / "page.html"
    done = invoked("--agent", "expert", *small, "--json", "--report", str(page))
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    found = orjson.loads(lines[-1])
    for verdict in ("aiopslab", "strict"):
        assert found[verdict].keys() >= {"avg_at_1", "avg_at_k", "best_at_k", "tasks"}
    assert tuple(found["constants"]) == ROWS
    for row in ("expert", *ROWS):
        assert any(row in line for line in lines[:-1]), row
    out = tmp_path / "out"
    assert orjson.loads((out / "report.json").read_bytes()) == found
    assert page.read_text("utf-8") == (out / "report.html").read_text("utf-8")
    # six incidents, a line a row that was played, and the settings
    assert len((out / "results.jsonl").read_bytes().splitlines()) == 6 * 4 + 1


def test_a_second_run_goes_on_and_says_the_same(small: tuple[str, ...]) -> None:
    first = invoked("--agent", "always-yes", *small, "--json")
    again = invoked("--agent", "always-yes", *small, "--json")
    assert first.exit_code == 0
    assert first.stdout == again.stdout


@pytest.mark.parametrize("row", ROWS)
def test_a_constant_may_be_the_chosen_row(small: tuple[str, ...], row: str) -> None:
    done = invoked("--agent", row, *small, "--json")
    assert done.exit_code == 0, done.output
    found = orjson.loads(done.stdout.splitlines()[-1])
    assert found["settings"]["agent"] == row
    chosen = {name: found[name] for name in found["constants"][row]}
    assert chosen == found["constants"][row]


def test_other_settings_in_the_same_folder_are_refused(small: tuple[str, ...]) -> None:
    assert invoked("--agent", "random", *small).exit_code == 0
    done = invoked("--agent", "random", *small, "--runs", "3")
    assert done.exit_code == 1
    assert "runs 1, now 3" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--agent", "expert", "--tasks", "nothing"), "expected one of all"),
        (("--agent", "expert", "--model", "x"), "--model is of --agent model"),
        (("--agent", "model", "--model", "nowhere"), "expected a checkpoint in nowhere"),
        (("--agent", "model", "--model", "http://h/v1", "--tasks", "D"), "#<name of the model>"),
    ],
)
def test_a_mistake_is_told_in_a_line(tmp_path: Path, argv: tuple[str, ...], said: str) -> None:
    done = invoked(*argv, "--out", str(tmp_path / "out"))
    assert done.exit_code == 1
    assert said in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_constants_need_no_torch(small: tuple[str, ...]) -> None:
    argv = ("--agent", "always-yes", *small, "--processes", "1")
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *argv], check=True, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "0 []"
