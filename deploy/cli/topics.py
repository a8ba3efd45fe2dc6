"""List the topics of the contract, and make a cluster's topics and rights equal to it."""

import json
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from deploy.cli._login import shown
from deploy.embedded.broker import EmbeddedBroker
from streams import cluster
from streams.settings import KafkaSettings
from streams.topic import Topic
from streams.topics import TOPICS

app = typer.Typer(no_args_is_help=True)

Credentials = typer.Option(
    None,
    "--credentials",
    help="Credential file of an administrator. Default: AOI_KAFKA__..., else the embedded broker.",
)


@app.command("list")
def list_topics(
    as_json: bool = typer.Option(False, "--json", help="Print one JSON array."),
) -> None:
    """List every topic: who writes, who reads, how long it is kept. Asks no broker."""
    if as_json:
        typer.echo(json.dumps([_row(topic) for topic in TOPICS], indent=2))
        return
    table = Table("topic", "visibility", "partitions", "kept", "written by", "read by")
    for topic in TOPICS:
        table.add_row(
            topic.name,
            str(topic.visibility),
            str(topic.partitions),
            _kept(topic),
            ", ".join(map(str, topic.writers)),
            ", ".join(map(str, topic.readers)),
        )
    Console().print(table)


@app.command()
def diff(credentials: Path | None = Credentials) -> None:
    """Show what `apply` would do; exit code 2 when there is something to do."""
    settings = _login(credentials)
    with shown():
        found = cluster.compare(cluster.client(settings), settings)
    for line in found.lines():
        typer.echo(line)
    if not found.empty:
        raise typer.Exit(2)
    typer.echo(f"{settings.bootstrap} agrees with the registry ({len(TOPICS)} topics)")


@app.command()
def apply(credentials: Path | None = Credentials) -> None:
    """Create and alter topics, grant and revoke rights; a second run changes nothing."""
    settings = _login(credentials)
    with shown():
        done = cluster.apply(settings)
    for line in done.lines():
        typer.echo(line)
    changes = "nothing to change" if done.empty else f"{len(done.lines())} changes"
    typer.echo(f"{settings.bootstrap}: {changes}")


def _login(credentials: Path | None) -> KafkaSettings:
    """Return an administrator's login: a file, the environment, or the embedded broker's admin."""
    if credentials is not None:
        return KafkaSettings.of_file(credentials)
    said = KafkaSettings()
    if said.model_fields_set - {"topic_prefix", "replication_factor"}:
        return said
    broker = EmbeddedBroker()
    if not broker.status().running:
        typer.secho(
            "no broker: run `aoi broker start`, or set AOI_KAFKA__BOOTSTRAP", fg="red", err=True
        )
        raise typer.Exit(1)
    return broker.kafka(topic_prefix=said.topic_prefix)


def _kept(topic: Topic) -> str:
    if topic.compacted:
        return "compacted"
    days = topic.retention_ms / 86_400_000
    return "for ever" if topic.retention_ms < 0 else f"{days:g} d"


def _row(topic: Topic) -> dict[str, object]:
    return {
        "name": topic.name,
        "key": str(topic.key),
        "visibility": str(topic.visibility),
        "partitions": topic.partitions,
        "writers": [str(user) for user in topic.writers],
        "readers": [str(user) for user in topic.readers],
        "config": topic.kafka_config(),
    }
