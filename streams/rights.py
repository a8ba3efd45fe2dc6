"""Who may do what on the broker, derived from the registry: the table of topics *is* the ACL.

Invariant: a user has WRITE and READ on exactly the topics that name it as writer and reader, READ
on groups of its own name, and, if it writes transactions (a reducer, the learner), WRITE on
transactional ids of its own name. READ and WRITE imply DESCRIBE, and an idempotent producer needs
no more than WRITE.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from streams.settings import KafkaSettings
from streams.topic import Topic
from streams.topics import TOPICS, TRANSACTIONAL


class Resource(StrEnum):
    """What an access rule is about."""

    TOPIC = "TOPIC"
    GROUP = "GROUP"
    TRANSACTIONAL_ID = "TRANSACTIONAL_ID"


class Pattern(StrEnum):
    """Whether a rule names one resource or all whose names begin so."""

    LITERAL = "LITERAL"
    PREFIXED = "PREFIXED"


class Operation(StrEnum):
    """What a rule allows."""

    READ = "READ"
    WRITE = "WRITE"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Right:
    """One permission of one user; there are no denials, since what nobody allowed is denied."""

    user: str
    resource: str
    pattern: str
    name: str
    operation: str

    def __str__(self) -> str:
        star = "*" if self.pattern == Pattern.PREFIXED else ""
        return f"{self.user}: {self.operation} {self.resource} {self.name}{star}"


def wanted(settings: KafkaSettings, topics: Iterable[Topic] = TOPICS) -> frozenset[Right]:
    """Return every right that the registry gives, under the prefix of the settings."""
    rights: set[Right] = set()
    for topic in topics:
        name = settings.topic(topic.name)
        rights |= {_on_topic(str(user), name, Operation.WRITE) for user in topic.writers}
        for user in map(str, topic.readers):
            rights.add(_on_topic(user, name, Operation.READ))
            rights |= _on_group(user, settings.group(user))
    for user in map(str, TRANSACTIONAL):
        rights.add(
            Right(
                user=user,
                resource=Resource.TRANSACTIONAL_ID,
                pattern=Pattern.PREFIXED,
                name=f"{settings.group(user)}-",
                operation=Operation.WRITE,
            )
        )
    return frozenset(rights)


def _on_topic(user: str, name: str, operation: Operation) -> Right:
    return Right(
        user=user,
        resource=Resource.TOPIC,
        pattern=Pattern.LITERAL,
        name=name,
        operation=operation,
    )


def _on_group(user: str, group: str) -> set[Right]:
    """Return READ on a user's group and on groups that carry its name and a dash in front."""
    return {
        Right(
            user=user,
            resource=Resource.GROUP,
            pattern=pattern,
            name=name,
            operation=Operation.READ,
        )
        for pattern, name in ((Pattern.LITERAL, group), (Pattern.PREFIXED, f"{group}-"))
    }
