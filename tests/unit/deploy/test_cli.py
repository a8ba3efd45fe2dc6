"""The command line loads the noun that was asked for, and no other."""

import subprocess
import sys

from typer.testing import CliRunner

from deploy.cli import main

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
