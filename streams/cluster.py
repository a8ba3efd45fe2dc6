"""Reads a cluster's topics and rights, and carries out a `Diff`; needs an administrator's login.

Invariant: `mend` returns only when new topics have leaders and rights are in force; any part that
the broker refused raises with the broker's reason, and running it again goes on from there.
"""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from streams import admin as registry
from streams import login
from streams.admin import ClusterState, Diff, TopicState
from streams.rights import Right
from streams.settings import KafkaSettings
from streams.topic import ALL_USERS, Topic
from streams.topics import TOPICS

TIMEOUT_S = 30.0
POLL_S = 0.05
PRINCIPAL = "User:"
USERS = frozenset(str(user) for user in ALL_USERS)


class ClusterRefused(Exception):
    """The broker did not carry out a change."""


def client(settings: KafkaSettings) -> AdminClient:
    """Return an admin client for this login."""
    return AdminClient(dict(login.librdkafka(settings)))


def compare(kafka: AdminClient, settings: KafkaSettings, topics: Iterable[Topic] = TOPICS) -> Diff:
    """Return what the cluster lacks; raises TopicShrinks."""
    wanted = registry.wanted(settings, topics)
    existing = ClusterState(topics=_topics(kafka, wanted.topics), rights=_rights(kafka))
    return registry.plan(existing, wanted, prefix=settings.topic_prefix)


def apply(settings: KafkaSettings, topics: Iterable[Topic] = TOPICS) -> Diff:
    """Make the cluster as the registry wants it, and return what was done."""
    kafka = client(settings)
    diff = compare(kafka, settings, topics)
    mend(kafka, diff, replication_factor=settings.replication_factor)
    return diff


def mend(kafka: AdminClient, diff: Diff, *, replication_factor: int = -1) -> None:
    """Carry out a diff; raises ClusterRefused."""
    if diff.create:
        new = [
            NewTopic(
                topic.name,
                num_partitions=topic.partitions,
                replication_factor=replication_factor,
                config=dict(topic.config),
            )
            for topic in diff.create
        ]
        _settle("create topic", kafka.create_topics(new, operation_timeout=TIMEOUT_S))
    if diff.grow:
        more = [NewPartitions(name, count) for name, count in diff.grow.items()]
        _settle("add partitions to", kafka.create_partitions(more, operation_timeout=TIMEOUT_S))
    if diff.alter:
        altered = [_altered(name, config) for name, config in diff.alter.items()]
        _settle("configure", kafka.incremental_alter_configs(altered))
    if diff.grant:
        _settle("grant", kafka.create_acls([_binding(right) for right in diff.grant]))
    if diff.revoke:
        _settle("revoke", kafka.delete_acls([_filter(right) for right in diff.revoke]))
    _await_topics(kafka, {topic.name: topic.partitions for topic in diff.create} | dict(diff.grow))
    _await_rights(kafka, granted=frozenset(diff.grant), revoked=frozenset(diff.revoke))


def _settle(verb: str, futures: Mapping[Any, Future[Any]]) -> None:
    for subject, future in futures.items():
        try:
            future.result(TIMEOUT_S)
        except KafkaException as error:
            raise ClusterRefused(f"cannot {verb} {subject}: {error}") from error


def _await_topics(kafka: AdminClient, partitions: Mapping[str, int]) -> None:
    """Wait until every partition of new topics has a leader."""
    deadline = time.monotonic() + TIMEOUT_S
    waiting = dict(partitions)
    while waiting:
        known = kafka.list_topics(timeout=TIMEOUT_S).topics
        for name, count in list(waiting.items()):
            found = known[name].partitions.values() if name in known else ()
            if sum(partition.leader >= 0 for partition in found) >= count:
                del waiting[name]
        if waiting and time.monotonic() > deadline:
            raise ClusterRefused(f"no leaders after {TIMEOUT_S:.0f} s for {', '.join(waiting)}")
        if waiting:
            time.sleep(POLL_S)


def _await_rights(
    kafka: AdminClient, *, granted: frozenset[Right], revoked: frozenset[Right]
) -> None:
    """Wait until the broker's authorizer knows: it learns of rights after they are acknowledged."""
    deadline = time.monotonic() + TIMEOUT_S
    while granted or revoked:
        known = _rights(kafka)
        if granted <= known and not revoked & known:
            return
        if time.monotonic() > deadline:
            raise ClusterRefused(f"rights are not in force after {TIMEOUT_S:.0f} s")
        time.sleep(POLL_S)


def _topics(kafka: AdminClient, wanted: Mapping[str, TopicState]) -> dict[str, TopicState]:
    known = kafka.list_topics(timeout=TIMEOUT_S).topics
    present = [name for name in wanted if name in known]
    if not present:
        return {}
    asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in present]
    answers = kafka.describe_configs(asked)
    states: dict[str, TopicState] = {}
    for resource, future in answers.items():
        entries = future.result(TIMEOUT_S)
        keys = wanted[resource.name].config
        states[resource.name] = TopicState(
            name=resource.name,
            partitions=len(known[resource.name].partitions),
            config={key: str(entries[key].value) for key in keys if key in entries},
        )
    return states


def _rights(kafka: AdminClient) -> frozenset[Right]:
    anything = AclBindingFilter(
        ResourceType.ANY,
        None,  # type: ignore[arg-type]  # none: any name; the stubs say otherwise
        ResourcePatternType.ANY,
        None,  # type: ignore[arg-type]  # likewise
        None,  # type: ignore[arg-type]  # likewise
        AclOperation.ANY,
        AclPermissionType.ALLOW,
    )
    found = kafka.describe_acls(anything).result(TIMEOUT_S)
    return frozenset(
        Right(
            user=acl.principal.removeprefix(PRINCIPAL),
            resource=acl.restype.name,
            pattern=acl.resource_pattern_type.name,
            name=acl.name,
            operation=acl.operation.name,
        )
        for acl in found
        if acl.principal.removeprefix(PRINCIPAL) in USERS
    )


def _altered(name: str, config: Mapping[str, str]) -> ConfigResource:
    entries = [
        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        for key, value in config.items()
    ]
    return ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=entries)


def _binding(right: Right) -> AclBinding:
    return AclBinding(*_words(right))


def _filter(right: Right) -> AclBindingFilter:
    return AclBindingFilter(*_words(right))


def _words(
    right: Right,
) -> tuple[ResourceType, str, ResourcePatternType, str, str, AclOperation, AclPermissionType]:
    return (
        ResourceType[right.resource],
        right.name,
        ResourcePatternType[right.pattern],
        f"{PRINCIPAL}{right.user}",
        "*",
        AclOperation[right.operation],
        AclPermissionType.ALLOW,
    )
