"""The same login in Faust's words; apart from `streams/login.py`, since Faust is slow to import."""

import faust
from faust.types.auth import CredentialsT

from streams.login import tls
from streams.settings import KafkaSettings


def broker(settings: KafkaSettings) -> list[str]:
    """Return the value for Faust's `broker=`."""
    return [f"aiokafka://{address.strip()}" for address in settings.bootstrap.split(",")]


def credentials(settings: KafkaSettings) -> CredentialsT | None:
    """Return the value for Faust's `broker_credentials=`; none for an open broker."""
    context = tls(settings)
    if settings.username is not None:
        return faust.SASLCredentials(
            username=settings.username,
            password=settings.secret(),
            mechanism=settings.mechanism,
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context=context)
