"""As whom a command reaches Kafka, and how its errors are shown.

Invariant: a login comes from the option, else from `AOI_KAFKA__...`, else from the embedded
broker's credential file of the user that the command needs; never from anything else.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer
from rich.console import Console

from agents.settings import Places
from deploy.cli._faults import told
from deploy.embedded.broker import EmbeddedBroker
from deploy.embedded.credentials import ADMIN
from deploy.embedded.settings import EmbeddedSettings
from deploy.embedded.users import DEFAULT_USERS
from streams import logging
from streams.settings import KafkaSettings

T = TypeVar("T")
SAID_NOTHING = {"topic_prefix", "replication_factor"}
FAILED = 1
INTERRUPTED = 130

Credentials = Annotated[
    Path | None,
    typer.Option(
        "--credentials",
        help="Kafka credential file. Default: AOI_KAFKA__..., else the embedded broker's.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsJsonLines = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


def places() -> Places:
    """Return where keys and keyring live: beside the embedded broker's state, unless said."""
    return Places(state_dir=EmbeddedSettings().state_dir)


def login(user: str, credentials: Path | None = None) -> KafkaSettings:
    """Return the login for a command that acts as `user`."""
    said = KafkaSettings()
    if credentials is not None:
        return KafkaSettings.of_file(credentials, topic_prefix=said.topic_prefix)
    if said.model_fields_set - SAID_NOTHING:
        return said
    return embedded(user)


def embedded(user: str) -> KafkaSettings:
    """Return the embedded broker's login of a user, with the prefix that the environment says."""
    if user not in {ADMIN, *DEFAULT_USERS}:
        fail(f"expected a user of {', '.join(sorted(DEFAULT_USERS))}, got {user!r}")
    broker = EmbeddedBroker()
    if not broker.status().running:
        fail("no broker: run `aoi broker start`, or set AOI_KAFKA__BOOTSTRAP and a user")
    return broker.kafka(user, topic_prefix=KafkaSettings().topic_prefix)


def run(work: Coroutine[object, object, T]) -> T:
    """Run to the end; an error that names its remedy is shown without a traceback."""
    logging.terse()
    with shown():
        return asyncio.run(work)


@contextmanager
def shown() -> Iterator[None]:
    """Show the errors that users can act on, and leave with exit code 1."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise typer.Exit(INTERRUPTED) from error
    except Exception as error:
        if (text := told(error)) is None:
            raise
        fail(text, error)


def fail(message: str, cause: Exception | None = None) -> NoReturn:
    """Print a message to standard error and leave with exit code 1."""
    Console(stderr=True).print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(FAILED) from cause
