"""What `aoi learn status` shows: the newest checkpoint's manifest, and how far behind it is.

Invariant: the manifest alone is told, nothing is computed anew; neither torch nor Ray is loaded.
A lag that can't be asked for is `unknown`, never a guess.
"""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

import orjson
import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from agents.worker import AoiError
from deploy.cli._login import SAID_NOTHING
from deploy.cli._request_view import plain
from deploy.embedded.broker import EmbeddedBroker
from deploy.embedded.learner_process import LearnerProcess
from deploy.embedded.ray_cluster import RayCluster
from deploy.embedded.settings import EmbeddedSettings
from learner.checkpoint import latest
from learner.manifest import Decision, JudgementTold, Manifest, UpdateTold
from learner.source import KafkaSource
from streams.settings import KafkaSettings
from streams.topic import Outsider

UNKNOWN = "unknown"
LAG_SECONDS = 10.0


def show(*, as_json: bool) -> None:
    """Print the state of this state folder's learner. Raises Damaged."""
    manifest = newest(EmbeddedSettings().state_dir)
    behind = lag({} if manifest is None else manifest.offsets)
    running = processes(EmbeddedSettings().state_dir)
    if as_json:
        typer.echo(orjson.dumps({**content(manifest, behind), "running": running}))
        return
    Console().print(picture(manifest, behind))
    for name, said in running.items():
        typer.echo(f"{name}: {said or 'not running'}")


def processes(state_dir: Path) -> dict[str, str | None]:
    """Return what runs of this state folder: the learner's process and log, Ray's address."""
    driver = LearnerProcess(state_dir)
    found = driver.running()
    told = None if found is None else f"process {found.process.pid}, log {driver.log}"
    return {"learner": told, "ray": RayCluster(state_dir).status().address}


def newest(state_dir: Path) -> Manifest | None:
    """Return the newest manifest of a state folder, or none. Raises Damaged."""
    found = latest(state_dir / "learner" / "checkpoints")
    return None if found is None else found[1]


def lag(offsets: Mapping[int, int]) -> int | None:
    """Return how many failures wait on the topic behind the offsets; none without an answer."""
    settings = _kafka()
    if settings is None:
        return None
    try:
        return asyncio.run(asyncio.wait_for(KafkaSource(settings).lag(offsets), LAG_SECONDS))
    except (AoiError, TimeoutError):
        return None


def _kafka() -> KafkaSettings | None:
    """Return the learner's login: what the environment says, else the running embedded broker."""
    said = KafkaSettings()
    if said.model_fields_set - SAID_NOTHING:
        return said
    broker = EmbeddedBroker()
    if not broker.status().running:
        return None
    return broker.kafka(str(Outsider.LEARNER), topic_prefix=said.topic_prefix)


def content(manifest: Manifest | None, behind: int | None) -> dict[str, object]:
    """Return everything as one JSON object; without a checkpoint its parts are empty."""
    lag_told = UNKNOWN if behind is None else behind
    if manifest is None:
        return {"checkpoint": None, "lag": lag_told}
    turn = manifest.turns[-1] if manifest.turns else None
    judged = None if turn is None else turn.judgement
    proved, dropped = (manifest.by_reason(decision) for decision in Decision)
    return {
        "checkpoint": {
            "number": manifest.number,
            "written_at": manifest.written_at.isoformat(),
            "turns": 0 if turn is None else turn.number,
        },
        "failures": {"seen": len(manifest.ingested), "by_pattern": manifest.by_pattern()},
        "corrections": {
            "proved": sum(proved.values()),
            "dropped": sum(dropped.values()),
            "dropped_by_reason": dropped,
        },
        "curriculum": len(manifest.curriculum),
        "updates": [update.model_dump() for update in _updates(manifest)],
        "judgement": None if judged is None else judged.model_dump(),
        "models": {
            "current": manifest.current.model_id,
            "previous": None if manifest.previous is None else manifest.previous.model_id,
            "candidate": None if manifest.candidate is None else manifest.candidate.model_id,
            "promoted_at": None
            if manifest.promoted_at is None
            else manifest.promoted_at.isoformat(),
        },
        "lag": lag_told,
    }


def picture(manifest: Manifest | None, behind: int | None) -> RenderableType:
    """Return everything as tables for a person."""
    waiting = Text(
        "lag: unknown, Kafka was not asked or did not answer"
        if behind is None
        else f"lag: {behind} failures wait on the topic at most (marks of transactions count)"
    )
    if manifest is None:
        return Group(Text("no checkpoint yet: the learner has not finished a turn"), waiting)
    parts: list[RenderableType] = [
        _head(manifest),
        _counts("Failures by pattern", "pattern", manifest.by_pattern()),
        _corrections(manifest),
    ]
    if updates := _updates(manifest):
        parts.append(_training(updates))
    if manifest.turns and (judged := manifest.turns[-1].judgement) is not None:
        parts.append(_judgement(judged))
    return Group(*parts, waiting)


def _updates(manifest: Manifest) -> tuple[UpdateTold, ...]:
    """Return the updates of the latest turn that had any."""
    return next((turn.updates for turn in reversed(manifest.turns) if turn.updates), ())


def _head(manifest: Manifest) -> Text:
    turns = manifest.turns[-1].number if manifest.turns else 0
    said = (
        f"checkpoint {manifest.number} of {manifest.written_at:%Y-%m-%d %H:%M:%S}, {turns} turns, "
        f"{len(manifest.ingested)} failures seen, {len(manifest.curriculum)} incidents to train on"
    )
    lines = [said, f"serving: {manifest.current.model_id}"]
    if manifest.promoted_at is not None and manifest.previous is not None:
        lines.append(
            f"promoted at {manifest.promoted_at:%Y-%m-%d %H:%M:%S} "
            f"in place of {manifest.previous.model_id}"
        )
    return Text("\n".join(lines))


def _corrections(manifest: Manifest) -> Table:
    rows = {
        f"{decision}: {reason}": count
        for decision in Decision
        for reason, count in manifest.by_reason(decision).items()
    }
    return _counts("Corrections", "what became of failures", rows)


def _counts(title: str, name: str, counts: Mapping[str, int]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(name)
    table.add_column("failures", justify="right")
    for label, count in counts.items():
        table.add_row(plain(label), str(count))
    return table


def _training(updates: Iterable[UpdateTold]) -> Table:
    """Return a line an update; KL in nats a token, to the reference and from the rollouts."""
    table = Table(title="Updates of the latest training", title_justify="left")
    for name in ("update", "success", "informative", "reward", "by part", "KL ref", "KL rollout"):
        table.add_column(name, justify="left" if name == "by part" else "right")
    table.add_column("seconds", justify="right")
    for one in updates:
        table.add_row(
            str(one.number),
            f"{one.success:.0%} of {one.episodes}",
            f"{one.informative} of {one.groups}",
            f"{one.reward:.3f}",
            plain(", ".join(f"{part} {value:.3f}" for part, value in one.rewards.items())),
            f"{one.kl_reference:.4f}",
            f"{one.kl_rollout:.4f}",
            f"{one.seconds:.0f}",
        )
    return table


def _judgement(judged: JudgementTold) -> Table:
    table = Table(title="Candidate against current", title_justify="left", show_header=False)
    interval = f"between {judged.low:+.1%} and {judged.high:+.1%}"
    for name, value in (
        ("candidate", f"{judged.candidate}: {judged.candidate_success:.1%}"),
        ("current", f"{judged.current}: {judged.current_success:.1%}"),
        ("difference", f"{judged.difference:+.1%}, {interval}, on {judged.pairs} pairs"),
        ("verdict", judged.verdict),
        ("reasons", "; ".join(judged.reasons)),
        ("violations", str(judged.violations)),
    ):
        if value:
            table.add_row(name, plain(value))
    return table
