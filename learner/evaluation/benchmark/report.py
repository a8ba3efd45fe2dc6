"""An evaluation as one HTML page that stands alone: tables, bars, heat, every problem.

Invariant: nothing is loaded from anywhere; every text is escaped; every number is a `<data>`
element that holds the value of the JSON, so that a program can compare the two.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from string import Template

from agents.contracts.incident import Task
from learner.evaluation.benchmark.evaluation import Evaluation
from learner.evaluation.benchmark.outcomes import Outcome
from learner.evaluation.benchmark.scores import VERDICTS, RowReport, Score, Scores
from learner.evaluation.benchmark.scores import Family as FamilyShares

METRICS = ("avg_at_1", "avg_at_k", "best_at_k")
SHOWN = "avg_at_k"
BAR_WIDTH, BAR_HEIGHT, BAR_GAP, LABEL_WIDTH, VALUE_WIDTH = 320, 16, 8, 120, 60
VERDICT_NAMES = {"aiopslab": "AIOpsLab", "strict": "strict"}


def page(evaluation: Evaluation, outcomes: Sequence[Outcome]) -> str:
    """Return the page. outcomes: of the chosen row and the constants that were played."""
    chosen = evaluation.settings.agent
    text = files("learner.evaluation.benchmark").joinpath("report.html").read_text("utf-8")
    own = [one for one in outcomes if one.row == chosen]
    return Template(text).substitute(
        title=escape(f"{chosen} on {evaluation.settings.tasks}"),
        facts=_facts(evaluation),
        shares=_shares(evaluation),
        bars="".join(_bars(evaluation, verdict) for verdict in VERDICTS),
        groups=_groups(evaluation),
        heat=_heat(evaluation),
        took=_took(evaluation),
        undecidable=_undecidable(evaluation, own),
        problems=_problems(own),
    )


def percent(value: float | None) -> str:
    """Return a share in words."""
    return "-" if value is None else f"{100 * value:.1f} %"


def _scores(row: RowReport, verdict: str) -> Scores:
    return row.aiopslab if verdict == "aiopslab" else row.strict


def _data(value: float | None, shown: str, *path: str) -> str:
    """Return a number as an element. path: the keys that lead to it in the JSON."""
    if value is None:
        return escape(shown)
    name = escape("/".join(path), quote=True)
    return f'<data value="{value!r}" data-path="{name}">{escape(shown)}</data>'


def _path(evaluation: Evaluation, row: str) -> tuple[str, ...]:
    return () if row == evaluation.settings.agent else ("constants", row)


def _facts(evaluation: Evaluation) -> str:
    settings = evaluation.settings
    mean = "means over families" if evaluation.macro else "means over problems"
    told = {
        "agent": settings.agent,
        "model": settings.model or "-",
        "problems": f"{settings.tasks} ({evaluation.aiopslab.problems}), list {settings.problems}",
        "runs": str(settings.runs),
        "seed": str(settings.seed),
        "shares": mean,
        "version": settings.version,
    }
    return "".join(f"<dt>{escape(name)}</dt><dd>{escape(what)}</dd>" for name, what in told.items())


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table; cells of `rows` are HTML, the first of each names its row."""
    told = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = []
    for row in rows:
        first, *others = row
        cells = "".join(cell if cell.startswith("<td") else f"<td>{cell}</td>" for cell in others)
        lines.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    whole = f"<thead><tr>{told}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f'<div class="wide"><table>{whole}</table></div>'


def _tasks(evaluation: Evaluation) -> list[Task]:
    return [task for task in Task if task in evaluation.aiopslab.tasks]


def _shares(evaluation: Evaluation) -> str:
    tasks = _tasks(evaluation)
    head = ["row", "verdict", "avg@1", "avg@k", "95 %", "best@k", *(f"{t} avg@k" for t in tasks)]
    return _table(
        head,
        (
            _share_cells(evaluation, row, verdict, tasks)
            for row in evaluation.rows
            for verdict in VERDICTS
        ),
    )


def _share_cells(
    evaluation: Evaluation, row: str, verdict: str, tasks: Sequence[Task]
) -> list[str]:
    scores = _scores(evaluation.rows[row], verdict)
    path = (*_path(evaluation, row), verdict)
    cells = [escape(row), VERDICT_NAMES[verdict]]
    for metric in METRICS:
        cells.append(
            _data(getattr(scores, metric), percent(getattr(scores, metric)), *path, metric)
        )
        if metric == SHOWN:
            cells.append(_between(scores, path))
    for task in tasks:
        score = scores.tasks.get(task)
        value = None if score is None else score.avg_at_k
        cells.append(_data(value, percent(value), *path, "tasks", task, SHOWN))
    return cells


def _between(score: Score, path: Sequence[str]) -> str:
    found = score.intervals[SHOWN]
    if found is None:
        return "-"
    low, high = (
        _data(value, f"{100 * value:.1f}", *path, "intervals", SHOWN, str(side))
        for side, value in enumerate(found)
    )
    return f"{low} to {high} %"


def _bars(evaluation: Evaluation, verdict: str) -> str:
    figures = []
    for task in (None, *_tasks(evaluation)):
        scores = {
            row: found if task is None else found.tasks.get(task)
            for row, found in (
                (row, _scores(report, verdict)) for row, report in evaluation.rows.items()
            )
        }
        caption = f"{task or 'all'}, {VERDICT_NAMES[verdict]}"
        figures.append(_figure(caption, scores))
    return "".join(figures)


def _figure(caption: str, scores: dict[str, Score] | dict[str, Score | None]) -> str:
    """Return one bar a row with its interval, as SVG."""
    height = len(scores) * (BAR_HEIGHT + BAR_GAP)
    width = LABEL_WIDTH + BAR_WIDTH + VALUE_WIDTH
    parts = []
    for place, (row, score) in enumerate(scores.items()):
        top = place * (BAR_HEIGHT + BAR_GAP) + BAR_GAP / 2
        value = None if score is None else score.avg_at_k
        base = top + BAR_HEIGHT - 4
        parts.append(f'<text x="0" y="{base:g}">{escape(row)}</text>')
        parts.append(
            f'<text class="value" x="{width}" y="{base:g}">{escape(percent(value))}</text>'
        )
        if score is None or value is None:
            continue
        kind = "chosen" if place == 0 else "constant"
        parts.append(
            f'<rect class="{kind}" x="{LABEL_WIDTH}" y="{top:g}" width="{value * BAR_WIDTH:.1f}" '
            f'height="{BAR_HEIGHT}"/>'
        )
        parts.append(_whisker(score, top + BAR_HEIGHT / 2))
    label = escape(f"{caption}: avg@k by row, with 95 % intervals", quote=True)
    return (
        f"<figure><figcaption>{escape(caption)}</figcaption>"
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {width} {height}">{"".join(parts)}'
        "</svg></figure>"
    )


def _whisker(score: Score, middle: float) -> str:
    found = score.intervals[SHOWN]
    if found is None:
        return ""
    low, high = (LABEL_WIDTH + value * BAR_WIDTH for value in found)
    path = (
        f"M{low:.1f} {middle - 4:g}v8M{low:.1f} {middle:g}H{high:.1f}M{high:.1f} {middle - 4:g}v8"
    )
    return f'<path class="whisker" d="{path}"/>'


def _groups(evaluation: Evaluation) -> str:
    names = list(evaluation.groups)
    if not names:
        return ""
    head = [
        "row",
        "verdict",
        *(f"{name} {metric}" for name in names for metric in ("avg@k", "best@k")),
    ]
    rows = []
    for row, report in evaluation.rows.items():
        for verdict in VERDICTS:
            cells = [escape(row), VERDICT_NAMES[verdict]]
            for name in names:
                score: Score = getattr(report.groups[name], verdict)
                path = (*_path(evaluation, row), "groups", name, verdict)
                cells += [
                    _data(getattr(score, metric), percent(getattr(score, metric)), *path, metric)
                    for metric in (SHOWN, "best_at_k")
                ]
            rows.append(cells)
    told = ", ".join(
        f"{name}: {evaluation.groups[name].aiopslab.problems} problems" for name in names
    )
    return f"<h2>Parts of the benchmark</h2><p>{escape(told)}.</p>{_table(head, rows)}"


def _heat(evaluation: Evaluation) -> str:
    tasks = [*_tasks(evaluation)]
    columns = ("all", *map(str, tasks))
    head = ["family", *(f"{name}, {VERDICT_NAMES[v]}" for v in VERDICTS for name in columns)]
    rows = []
    for family, shares in evaluation.families.items():
        rows.append([escape(family), *_heat_cells(family, shares, columns)])
    return _table(head, rows)


def _heat_cells(family: str, shares: FamilyShares, columns: Sequence[str]) -> list[str]:
    cells = []
    for verdict in VERDICTS:
        found: dict[str, float] = getattr(shares, verdict)
        for name in columns:
            value = found.get(name)
            if value is None:
                cells.append("<td></td>")
                continue
            told = _data(value, f"{100 * value:.0f} %", "families", family, verdict, name)
            cells.append(f'<td class="heat" style="--share:{value:.3f}">{told}</td>')
    return cells


def _took(evaluation: Evaluation) -> str:
    names = tuple(type(evaluation.took).model_fields)
    rows = []
    for row, report in evaluation.rows.items():
        path = (*_path(evaluation, row), "took")
        took = report.took.model_dump()
        rows.append(
            [escape(row), *(_data(took[name], f"{took[name]:,.6g}", *path, name) for name in names)]
        )
    return _table(["row", *(name.replace("_", " ") for name in names)], rows)


def _undecidable(evaluation: Evaluation, own: Iterable[Outcome]) -> str:
    score = evaluation.undecidable
    if score is None:
        return ""
    names = ", ".join(sorted({one.problem for one in own if not one.decidable}))
    value = _data(score.avg_at_k, percent(score.avg_at_k), "undecidable", SHOWN)
    return (
        "<h2>Left out of the strict score</h2><p>No evidence decides the label of these "
        f"{score.problems} problems ({value} strictly right): {escape(names)}.</p>"
    )


def _problems(own: Iterable[Outcome]) -> str:
    listed: dict[str, list[Outcome]] = defaultdict(list)
    for one in sorted(own, key=lambda found: found.run):
        listed[one.problem].append(one)
    rows = []
    for name, runs in sorted(listed.items(), key=lambda item: (item[1][0].task, item[0])):
        marks = "".join(_mark(one) for one in runs)
        steps = ", ".join(str(one.steps) for one in runs)
        answers = "; ".join(dict.fromkeys(one.answer or "-" for one in runs))
        rows.append(
            [escape(name), str(runs[0].task), escape(runs[0].family), marks, steps, escape(answers)]
        )
    return _table(["problem", "task", "family", "runs", "steps", "answers"], rows)


def _mark(one: Outcome) -> str:
    kind, sign, word = (
        ("right", "✓", "right under both verdicts")
        if one.aiopslab and one.strict
        else ("half", "A", "right for AIOpsLab alone")
        if one.aiopslab
        else ("half", "S", "right strictly alone")
        if one.strict
        else ("wrong", "✗", "wrong")
    )
    why = escape(f"run {one.run + 1}: {word}; {one.reason}", quote=True)
    return f'<span class="{kind}" title="{why}">{sign}</span>'
