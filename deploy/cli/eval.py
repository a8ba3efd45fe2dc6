"""Measure an agent on the benchmark's problems or on fresh ones, beside constant answers."""

import os
from importlib import metadata
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from agents.models.protocol import ModelUnavailable
from agents.settings import ModelSettings
from deploy.cli._eval_view import tables
from deploy.cli._login import INTERRUPTED, AsJson, fail
from learner.evaluation.benchmark import evaluation, report
from learner.evaluation.benchmark.agents import Recipe, Row
from learner.evaluation.benchmark.evaluation import Evaluation
from learner.evaluation.benchmark.journal import Journal, OtherSettings, Settings
from learner.evaluation.benchmark.scores import Prices
from learner.evaluation.benchmark.sets import NoProblems, ProblemSet, problem_set

app = typer.Typer()

PROGRAM = "aoi"
FOLDER = Path("evaluation")
PLAIN_WIDTH = 150


@app.command("eval")
def evaluate(  # noqa: PLR0913, PLR0917 - one option each
    agent: Row = typer.Option(Row.MODEL, "--agent", help="Who is measured."),
    model: str | None = typer.Option(
        None,
        "--model",
        metavar="REF",
        help="Folder of a checkpoint, or http://HOST:PORT/v1#NAME of an endpoint that speaks "
        "OpenAI's interface (its key: AOI_MODEL__API_KEY). Default: the shipped checkpoint.",
    ),
    tasks: str = typer.Option(
        "all",
        "--tasks",
        metavar="all|paper|training|unseen|balanced|A|B|D|FILE",
        help="The benchmark or a part of it, balanced incidents, a split, or one reference a line.",
    ),
    runs: int | None = typer.Option(
        None, "--runs", min=1, help="Runs of each problem: 5 of the benchmark's, else 1."
    ),
    seed: int = typer.Option(0, "--seed", min=0, help="Draws the incidents' surroundings."),
    seeds: int = typer.Option(
        20, "--seeds", min=1, help="Incidents of each family and task: balanced, A, B and D."
    ),
    out: Path | None = typer.Option(
        None,
        "--out",
        help="Folder of results.jsonl, report.json and report.html; an evaluation that was cut "
        "short there goes on. Default: evaluation/<agent>-<tasks>.",
    ),
    report_file: Path | None = typer.Option(
        None, "--report", metavar="FILE.html", help="Write the report here too."
    ),
    processes: int = typer.Option(
        os.cpu_count() or 1, "--processes", min=1, help="Processes side by side."
    ),
    batch: int = typer.Option(
        16, "--batch", min=1, help="Episodes that one process plays side by side."
    ),
    price_in: float = typer.Option(
        0.0, "--price-in", min=0, help="Cost of a million prompt tokens."
    ),
    price_out: float = typer.Option(
        0.0, "--price-out", min=0, help="Cost of a million completion tokens."
    ),
    as_json: AsJson = False,
) -> None:
    """Let an agent solve problems in the lab and tell its shares beside those of constants."""
    recipe = _recipe(agent, model, batch)
    try:
        problems = problem_set(tasks, seed=seed, seeds=seeds)
    except NoProblems as error:
        fail(str(error), error)
    settings = evaluation.settings_of(
        problems,
        recipe,
        runs=runs or problems.usual_runs,
        seed=seed,
        version=metadata.version(PROGRAM),
        model=_identity(recipe),
    )
    folder = out or FOLDER / f"{agent}-{problems.name}"
    prices = Prices(per_million_in=price_in, per_million_out=price_out)
    found, page = _measured(folder, problems, recipe, settings, processes, prices)
    (folder / "report.json").write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    for path in {folder / "report.html", report_file or folder / "report.html"}:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    console.print(tables(found))
    Console(stderr=True).print(f"report: {report_file or folder / 'report.html'}", style="dim")
    if as_json:
        typer.echo(found.model_dump_json())


def _recipe(agent: Row, model: str | None, batch: int) -> Recipe:
    """Return what makes the agent. A model that is given to another agent is a mistake."""
    if agent is not Row.MODEL:
        if model is not None:
            fail(f"--model is of --agent model; {agent} asks none")
        return Recipe(row=agent, batch=batch)
    said = ModelSettings()
    if model is None:
        from deploy.embedded.shipped import SHIPPED_MODEL  # noqa: PLC0415 - loads the learner's

        model = str(said.path or SHIPPED_MODEL)
    recipe = Recipe(
        row=agent,
        model=model,
        api_key=said.api_key,
        timeout_seconds=said.timeout_seconds,
        batch=batch,
    )
    if recipe.endpoint and "#" not in model:
        fail(f"expected {model}#<name of the model>, got {model}")
    return recipe


def _identity(recipe: Recipe) -> str:
    """Return what pins the weights: a checkpoint's id with its digest, or the endpoint."""
    if recipe.row is not Row.MODEL or recipe.endpoint:
        return recipe.model
    from agents.models.digest import digest_of, id_of  # noqa: PLC0415 - only for a checkpoint

    folder = Path(recipe.model)
    try:
        return id_of(folder, digest_of(folder))
    except FileNotFoundError as error:
        fail(f"expected a checkpoint in {folder}: {error}", error)


def _measured(
    folder: Path,
    problems: ProblemSet,
    recipe: Recipe,
    settings: Settings,
    processes: int,
    prices: Prices,
) -> tuple[Evaluation, str]:
    """Play what is missing behind a bar; return the evaluation and its page."""
    count = evaluation.total(problems, settings.runs, recipe)
    columns = (TextColumn("episodes"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    path = evaluation.results_in(folder)
    try:
        with (
            Journal(path, settings) as journal,
            Progress(*columns, console=Console(stderr=True)) as bar,
        ):
            task = bar.add_task("episodes", total=count, completed=len(journal.done))
            outcomes = evaluation.gathered(
                journal,
                problems,
                recipe,
                runs=settings.runs,
                processes=1 if recipe.endpoint else processes,
                told=lambda more: bar.advance(task, more),
            )
    except KeyboardInterrupt:
        kept = max(0, path.read_bytes().count(b"\n") - 1)
        Console(stderr=True).print(
            f"stopped with {kept} of {count} episodes kept in {path}; the same command goes on",
            soft_wrap=True,
            markup=False,
            highlight=False,
        )
        raise typer.Exit(INTERRUPTED) from None
    except (OtherSettings, ModelUnavailable) as error:
        fail(str(error), error)
    found = evaluation.evaluation_of(settings, outcomes, macro=problems.macro, prices=prices)
    return found, report.page(found, outcomes)
