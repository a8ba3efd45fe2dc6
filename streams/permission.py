"""Asks the broker before a role starts whether it may do all that the registry gives it.

Invariant: a role without a right that it needs does not start; the message names the right. Faust
would hang or lose writes silently instead (`streams/rights.py` derives the rights).
"""

from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicCollection,
)
from confluent_kafka.admin import AdminClient

from agents.roles import Role
from agents.worker import Fatal, Transient
from streams import login
from streams.rights import Operation, Pattern, Resource, Right, wanted
from streams.settings import KafkaSettings

TIMEOUT_S = 20.0
DENIED = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)


def check(role: Role, settings: KafkaSettings) -> None:
    """Return if the login has every right of the role that the broker can be asked about.

    Transactional ids can't be asked about; there the first fence tells. Raises Fatal naming what is
    missing, and Transient when the broker does not answer.
    """
    rights = [right for right in wanted(settings) if right.user == str(role)]
    kafka = AdminClient(dict(login.librdkafka(settings)))
    try:
        missing = [*_topics(kafka, rights), *_groups(kafka, rights)]
    except KafkaException as error:
        raise Transient(f"{settings.bootstrap} did not answer {role}: {error}") from error
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


def _groups(kafka: AdminClient, rights: Iterable[Right]) -> list[Right]:
    needed = [
        right
        for right in rights
        if right.resource == Resource.GROUP and right.pattern == Pattern.LITERAL
    ]
    missing: list[Right] = []
    for right in needed:
        # librdkafka answers whether a group may be read, not which operations are allowed
        asked = kafka.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(right.name)], request_timeout=TIMEOUT_S
        )
        try:
            asked[right.name].result(TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() not in DENIED:
                raise
            missing.append(right)
    return missing


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
