"""Asks the broker before a role starts whether it may do all that the registry gives it.

Invariant: a role without a right that it needs does not start; the message names the right. Faust
would hang or lose writes silently instead (`streams/rights.py` derives the rights).
"""

import asyncio
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    TransactionalIdAuthorizationFailed,
)
from aiokafka.errors import KafkaError as AioKafkaError
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from agents.roles import Role
from agents.worker import Fatal, Transient
from streams import login
from streams.rights import Operation, Pattern, Resource, Right, wanted
from streams.settings import KafkaSettings

TIMEOUT_S = 20.0
POLL_S = 0.2
GROUP, TRANSACTION = 0, 1
DENIED = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.UNKNOWN_TOPIC_OR_PART)


def check(role: Role, settings: KafkaSettings) -> None:
    """Return if the login has every right of the role.

    Blocks; not to be called where an event loop runs. Raises Fatal naming what is missing, and
    Transient when the broker does not answer.
    """
    rights = [right for right in wanted(settings) if right.user == str(role)]
    loop = asyncio.new_event_loop()
    try:
        missing = loop.run_until_complete(_coordinated(settings, rights))
        missing += _topics(AdminClient(dict(login.librdkafka(settings))), rights)
    except (KafkaException, AioKafkaError, OSError, TimeoutError) as error:
        raise Transient(
            f"{settings.bootstrap} did not answer {role} (AOI_KAFKA__BOOTSTRAP): {error!r}"
        ) from error
    finally:
        loop.close()
    if missing:
        told = "; ".join(sorted(str(right) for right in missing))
        raise Fatal(
            f"the role {role} lacks rights on {settings.bootstrap} as user "
            f"{settings.username or 'ANONYMOUS'}: {told}. Run `aoi topics apply` as administrator"
        )


def _topics(kafka: AdminClient, rights: Iterable[Right]) -> list[Right]:
    needed = [right for right in rights if right.resource == Resource.TOPIC]
    names = sorted({right.name for right in needed})
    answers = kafka.describe_topics(
        TopicCollection(names), include_authorized_operations=True, request_timeout=TIMEOUT_S
    )
    allowed = {name: _allowed(future) for name, future in answers.items()}
    return [right for right in needed if right.operation not in allowed[right.name]]


async def _coordinated(settings: KafkaSettings, rights: Iterable[Right]) -> list[Right]:
    """Ask for the coordinator of each group and transaction, which only their users may know.

    Not with librdkafka: its consumer group calls crash while a new broker has no coordinator.
    """
    admin = AIOKafkaAdminClient(**login.aiokafka(settings))
    missing: list[Right] = []
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await admin.start()
            for right in rights:
                if right.resource == Resource.GROUP and right.pattern == Pattern.LITERAL:
                    known = await _knows(admin, right.name, GROUP)
                elif right.resource == Resource.TRANSACTIONAL_ID:
                    known = await _knows(admin, f"{right.name}0", TRANSACTION)
                else:
                    continue
                if not known:
                    missing.append(right)
    finally:
        await admin.close()
    return missing


async def _knows(admin: AIOKafkaAdminClient, name: str, kind: int) -> bool:
    while True:
        try:
            await admin.find_coordinator(name, kind)
        except (GroupAuthorizationFailedError, TransactionalIdAuthorizationFailed):
            return False
        except (GroupCoordinatorNotAvailableError, GroupLoadInProgressError):
            await asyncio.sleep(POLL_S)
        else:
            return True


def _allowed(future: "Future[Any]") -> set[str]:
    try:
        described = future.result(TIMEOUT_S)
    except KafkaException as error:
        if error.args[0].code() in DENIED:
            return set()
        raise
    if described.authorized_operations is None:
        return {Operation.READ, Operation.WRITE}  # a broker without an authorizer allows all
    return {operation.name for operation in described.authorized_operations}
