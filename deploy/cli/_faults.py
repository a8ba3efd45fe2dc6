"""Which errors a user can act on, and how each is said in one line.

    our own (SPEAKING)    their text
    settings              the variable, what it should be and what it is
    Kafka out of reach    the address and AOI_KAFKA__BOOTSTRAP
    files                 the file and what is wrong with it

Invariant: anything else is a defect, of which None is told: it keeps its traceback.
"""

import re
from collections.abc import Iterator

from aiokafka.errors import KafkaConnectionError, KafkaError
from confluent_kafka import KafkaError as LibrdkafkaError
from confluent_kafka import KafkaException
from pydantic import ValidationError
from pydantic_settings import SettingsError

from agents.approval.keyring import KeyringInvalid
from agents.worker import AoiError
from deploy.embedded.errors import EmbeddedError
from streams import settings_fault
from streams.admin import TopicShrinks
from streams.chain import NoSuchIncident
from streams.cluster import ClusterRefused

SPEAKING = (AoiError, EmbeddedError, KeyringInvalid, ClusterRefused, TopicShrinks, NoSuchIncident)
AWAY = frozenset(
    {
        LibrdkafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001 - librdkafka's own codes begin so
        LibrdkafkaError._RESOLVE,  # noqa: SLF001
        LibrdkafkaError._TIMED_OUT,  # noqa: SLF001
        LibrdkafkaError._TRANSPORT,  # noqa: SLF001
    }
)
ADDRESS = re.compile(r"\('([^']+)', (\d+)")


def told(error: BaseException) -> str | None:
    """Return what to say of an error, or None where only a traceback helps."""
    away = next((one for one in _causes(error) if _is_away(one)), None)
    if away is not None:
        found = ADDRESS.search(str(away))
        where = f" at {found[1]}:{found[2]}" if found else ""
        return (
            f"Kafka{where} does not answer or refuses the login: check AOI_KAFKA__BOOTSTRAP and "
            "the credentials, or run `aoi broker start`"
        )
    if isinstance(error, ValidationError | SettingsError):
        return settings_fault.told(error)
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, (*SPEAKING, KafkaError, KafkaException, OSError)):
        return str(error) or repr(error)
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _is_away(error: BaseException) -> bool:
    if isinstance(error, KafkaException):
        first = error.args[0] if error.args else None
        return isinstance(first, LibrdkafkaError) and first.code() in AWAY
    return isinstance(error, KafkaConnectionError)
