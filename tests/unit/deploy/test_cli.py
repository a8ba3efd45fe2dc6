"""The command line loads the noun that was asked for, and no other; its tables fold."""

import io
import subprocess
import sys

from rich.console import Console
from typer.testing import CliRunner

from deploy.cli import incidents, main
from tests.builders import opened

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


def test_a_narrow_list_of_incidents_cuts_no_id() -> None:
    long = opened().model_copy(update={"incident_id": "0123abcd-9", "title": "checkout " * 9})
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(incidents._table([long]))
    text = console.export_text()
    assert "0123abcd" in text and "…" not in text
