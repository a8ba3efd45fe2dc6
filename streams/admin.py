"""Makes a cluster's topics and rights equal to the registry's: `plan` compares, `apply` mends.

Invariant: nothing is deleted but rights of our users under our prefix, partitions never shrink, and
a second `apply` changes nothing. `plan` is pure; `streams/cluster.py` talks to the broker.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from streams import rights
from streams.rights import Right
from streams.settings import KafkaSettings
from streams.topic import Topic
from streams.topics import TOPICS


class TopicShrinks(Exception):
    """A topic has more partitions than the registry says; Kafka cannot take any away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicState:
    """A topic as it is, or is to be; `config` holds only keys that the registry speaks of."""

    name: str
    partitions: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterState:
    """Topics by name on the broker, and the rights of our users."""

    topics: Mapping[str, TopicState]
    rights: frozenset[Right]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """What has to be done; `foreign` rights lie outside our prefix: told, not touched."""

    create: tuple[TopicState, ...] = ()
    grow: Mapping[str, int] = field(default_factory=dict)
    alter: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    grant: tuple[Right, ...] = ()
    revoke: tuple[Right, ...] = ()
    foreign: tuple[Right, ...] = ()

    @property
    def empty(self) -> bool:
        """Tell whether the cluster is as the registry wants it."""
        return not (self.create or self.grow or self.alter or self.grant or self.revoke)

    def lines(self) -> tuple[str, ...]:
        """Return one line a change, for people."""
        return (
            *(f"+ topic {topic.name} ({topic.partitions} partitions)" for topic in self.create),
            *(f"~ topic {name}: {count} partitions" for name, count in self.grow.items()),
            *(
                f"~ topic {name}: {key}={value}"
                for name, config in self.alter.items()
                for key, value in config.items()
            ),
            *(f"+ {right}" for right in self.grant),
            *(f"- {right}" for right in self.revoke),
            *(f"? {right} (outside our prefix: left alone)" for right in self.foreign),
        )


def wanted(settings: KafkaSettings, topics: Iterable[Topic] = TOPICS) -> ClusterState:
    """Return the cluster as the registry wants it."""
    topics = tuple(topics)
    states = (
        TopicState(
            name=settings.topic(topic.name),
            partitions=topic.partitions,
            config=topic.kafka_config(),
        )
        for topic in topics
    )
    return ClusterState(
        topics={state.name: state for state in states}, rights=rights.wanted(settings, topics)
    )


def plan(existing: ClusterState, wanted: ClusterState, *, prefix: str) -> Diff:
    """Compare; raises TopicShrinks where the registry asks for fewer partitions."""
    create: list[TopicState] = []
    grow: dict[str, int] = {}
    alter: dict[str, Mapping[str, str]] = {}
    for name, want in wanted.topics.items():
        have = existing.topics.get(name)
        if have is None:
            create.append(want)
            continue
        if have.partitions > want.partitions:
            raise TopicShrinks(
                f"expected at most {want.partitions} partitions of {name}, found "
                f"{have.partitions}: raise the registry's number, or make the topic anew by hand"
            )
        if have.partitions < want.partitions:
            grow[name] = want.partitions
        changed = {
            key: value for key, value in want.config.items() if have.config.get(key) != value
        }
        if changed:
            alter[name] = changed
    surplus = existing.rights - wanted.rights
    ours = {right for right in surplus if right.name.startswith(prefix)}
    return Diff(
        create=tuple(create),
        grow=grow,
        alter=alter,
        grant=tuple(sorted(wanted.rights - existing.rights)),
        revoke=tuple(sorted(ours)),
        foreign=tuple(sorted(surplus - ours)),
    )
