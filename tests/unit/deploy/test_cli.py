"""The command line loads the noun that was asked for, and no other; its tables fold."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from agents.contracts.incident import IncidentSnapshot
from deploy.cli import incidents, main
from streams import chain
from tests.builders import NAMESPACE, opened

LOADED = """
import sys
from deploy.cli import main
main.build({argv!r})
print(sorted(name for name in sys.modules if name.startswith("deploy.cli.")))
"""


def loaded(*argv: str) -> str:
    code = LOADED.format(argv=argv)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_help_loads_no_noun() -> None:
    assert loaded("--help") == "['deploy.cli.main']"


def test_a_noun_loads_itself_only() -> None:
    assert loaded("broker", "start") == "['deploy.cli.broker', 'deploy.cli.main']"


def test_help_names_every_noun_with_its_first_line() -> None:
    text = CliRunner().invoke(main.build(["--help"]), ["--help"]).output
    for noun, module in main.nouns().items():
        assert noun in text
        assert main.told(module), f"deploy/cli/{module}.py needs a docstring: it is the help"


@pytest.mark.parametrize("columns", [80, 120])
def test_a_list_of_incidents_cuts_nothing(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    title = "checkout fails " * 9
    long = opened().model_copy(update={"incident_id": "0123abcd-9", "title": title})

    async def found(_: object) -> list[IncidentSnapshot]:
        return [long]

    monkeypatch.setattr(chain, "incidents", found)
    monkeypatch.setattr(incidents, "login", lambda *_: None)
    done = CliRunner().invoke(incidents.app, ["list"], env={"COLUMNS": str(columns)})
    assert done.exit_code == 0 and "…" not in done.output
    for text in ("0123abcd", "2026-11-23 12:00:00", NAMESPACE, "critical"):
        assert text in done.output
    assert done.output.count("checkout") == 9
