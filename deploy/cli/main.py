"""Assembles `aoi` from the modules of this folder: `deploy/cli/<noun>.py` is `aoi <noun>`.

Invariant: a run imports the module of its own noun and no other, so that `aoi broker stop` never
loads torch; the help of the others is the first line of their docstring, read without importing.
To add a noun, add a module with `app: typer.Typer`. A module whose app has one command named like
the noun becomes that command itself (`aoi demo`), otherwise a group (`aoi broker start`).
"""

import ast
import importlib
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import typer
from typer.models import CommandInfo

HERE = Path(__file__).parent
PROGRAM = "aoi"


def nouns() -> dict[str, str]:
    """Return every noun with the name of its module, in alphabetical order."""
    modules = sorted(path.stem for path in HERE.glob("*.py"))
    return {
        module.replace("_", "-"): module
        for module in modules
        if module != "main" and not module.startswith("_")
    }


def told(module: str) -> str:
    """Return the first line of a module's docstring without importing the module."""
    tree = ast.parse((HERE / f"{module}.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def build(argv: Sequence[str]) -> typer.Typer:
    """Return the command tree in which only the noun that `argv` names is loaded."""
    root = typer.Typer(
        name=PROGRAM,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_show_locals=False,
    )
    root.callback()(_root)
    wanted = next((word for word in argv if not word.startswith("-")), None)
    for noun, module in nouns().items():
        if noun == wanted:
            _mount(root, noun, module)
        else:
            root.add_typer(typer.Typer(), name=noun, help=told(module))
    return root


def app() -> None:
    """Run the command line (the console script `aoi`).

    What a user can mend is said in one line, with exit code 1; a defect keeps its traceback.
    """
    try:
        build(sys.argv[1:])(prog_name=PROGRAM)
    except Exception as error:
        from deploy.cli import _faults  # noqa: PLC0415 - loads Kafka's clients

        if (text := _faults.told(error)) is None:
            raise
        typer.secho(text, fg="red", err=True)
        sys.exit(1)


def _mount(root: typer.Typer, noun: str, module: str) -> None:
    """Hang a loaded module under its noun, as a command where it holds only that."""
    loaded = importlib.import_module(f"{__package__}.{module}")
    sub = loaded.app
    if not isinstance(sub, typer.Typer):
        raise TypeError(f"expected `app: typer.Typer` in deploy/cli/{module}.py, got {type(sub)}")
    commands = sub.registered_commands
    alone = len(commands) == 1 and not sub.registered_groups and sub.registered_callback is None
    if alone and _name(commands[0]) == noun:
        commands[0].name = noun
        root.registered_commands.append(commands[0])
    else:
        root.add_typer(sub, name=noun, help=told(module))


def _name(command: CommandInfo) -> str:
    """Return the word by which a command is called."""
    return (command.name or str(getattr(command.callback, "__name__", ""))).replace("_", "-")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"{PROGRAM} {metadata.version(PROGRAM)}")
        raise typer.Exit


def _root(
    _version_asked: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    """Autonomous Operations Intelligence: from alerts to verified repairs, over Kafka."""


if __name__ == "__main__":
    app()
