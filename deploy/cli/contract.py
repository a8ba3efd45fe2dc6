"""The public contract: schemas, AsyncAPI and the table of topics.

Invariant: `check` writes nothing and fails on any difference, so that a change of a model can't
land without its change of the contract.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.syntax import Syntax

from streams import contract

app = typer.Typer(no_args_is_help=True)

Root = Annotated[Path, typer.Option(help="The checkout whose files are meant.")]


@app.command()
def generate(
    root: Root = contract.ROOT,
    allow_breaking: Annotated[
        bool, typer.Option("--allow-breaking", help="Write schemas that break the committed ones.")
    ] = False,
) -> None:
    """Write the generated files."""
    console = Console(stderr=True)
    try:
        written = contract.generate(root, allow_breaking=allow_breaking)
    except contract.BreaksContract as error:
        console.print("[red]This would break those who build on the contract:[/]")
        console.print(str(error), markup=False)
        console.print("Add instead of changing, or say --allow-breaking and name it in the notes.")
        raise typer.Exit(1) from error
    for path in written:
        typer.echo(path)
    console.print(f"{len(written)} files written", highlight=False)


@app.command()
def check(root: Root = contract.ROOT) -> None:
    """Compare the committed files with what would be generated."""
    found = contract.differences(root)
    console = Console()
    for one in found:
        console.print(Syntax(one.diff, "diff", background_color="default", word_wrap=True))
        for line in one.breaking:
            console.print(f"[red]breaking[/] {one.path}: ", end="")
            console.print(line, markup=False)
    if found:
        console.print(f"{len(found)} files differ: run `aoi contract generate`", markup=False)
        raise typer.Exit(1)
    console.print("The contract is as generated.")
