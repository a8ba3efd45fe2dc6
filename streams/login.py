"""The same login in the words of aiokafka and librdkafka (Faust's: `streams/faust_login.py`).

Invariant: all are derived from one `KafkaSettings`; TLS, where used, checks the broker's name.
"""

import ssl
from collections.abc import Mapping
from typing import TypedDict

from streams.settings import KafkaSettings, Mechanism, SecurityProtocol


class AiokafkaLogin(TypedDict, total=False):
    """Keyword arguments that every aiokafka client takes."""

    bootstrap_servers: str
    security_protocol: SecurityProtocol
    sasl_mechanism: Mechanism
    sasl_plain_username: str
    sasl_plain_password: str
    ssl_context: ssl.SSLContext


def tls(settings: KafkaSettings) -> ssl.SSLContext | None:
    """Return the TLS context, or none where the protocol has no TLS; raises `OSError`."""
    if not settings.protocol.endswith("SSL"):
        return None
    cafile = None if settings.cafile is None else str(settings.cafile)
    try:
        return ssl.create_default_context(cafile=cafile)
    except OSError as error:
        why = "expected a PEM bundle of certificates" if isinstance(error, ssl.SSLError) else None
        raise OSError(error.errno, why or error.strerror, cafile) from error


def aiokafka(settings: KafkaSettings) -> AiokafkaLogin:
    """Return the arguments for `AIOKafkaProducer(**login)` and `AIOKafkaConsumer(**login)`."""
    login = AiokafkaLogin(bootstrap_servers=settings.bootstrap, security_protocol=settings.protocol)
    if settings.username is not None:
        login["sasl_mechanism"] = settings.mechanism
        login["sasl_plain_username"] = settings.username
        login["sasl_plain_password"] = settings.secret()
    context = tls(settings)
    if context is not None:
        login["ssl_context"] = context
    return login


def librdkafka(settings: KafkaSettings) -> Mapping[str, str | int]:
    """Return the configuration for confluent-kafka's clients."""
    login: dict[str, str | int] = {
        "bootstrap.servers": settings.bootstrap,
        "security.protocol": settings.protocol,
        # librdkafka prints every refused connection to standard error; errors come as exceptions
        "log_level": 0,
    }
    if settings.username is not None:
        login["sasl.mechanism"] = settings.mechanism
        login["sasl.username"] = settings.username
        login["sasl.password"] = settings.secret()
    if settings.cafile is not None:
        login["ssl.ca.location"] = str(settings.cafile)
    return login
