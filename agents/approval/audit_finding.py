"""What the check of an audit is given and what it says: links with their places, findings, reports.

Invariant: a finding names the writer, the record's number, what was expected and what was there,
and the place in the log wherever there is a record to point at.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from agents.contracts.audit import AuditHeadPublished, AuditRecorded


class FindingKind(StrEnum):
    """What is wrong with an audit at one place."""

    CHANGED = "changed"
    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown_key"
    GAP = "gap"
    BROKEN_LINK = "broken_link"
    DUPLICATED = "duplicated"
    FORKED = "forked"
    REORDERED = "reordered"
    MISPLACED = "misplaced"
    TRUNCATED = "truncated"
    REWRITTEN = "rewritten"
    FORGED_HEAD = "forged_head"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a record stands in its topic."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A record as it was read. `key` and `time` are those of its envelope, None where it has none.

    Links of one partition are in the order in which they were read.
    """

    record: AuditRecorded
    place: Place | None = None
    key: str | None = None
    time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A published head as it was read; its place is in the topic of heads."""

    head: AuditHeadPublished
    place: Place | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault. `place` of a gap is the record behind it; a cut tail has none.

    in_heads: the place is in the topic of heads, otherwise in the audit.
    """

    kind: FindingKind
    writer: str
    index: int
    expected: str
    actual: str
    place: Place | None = None
    in_heads: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """One writer's chain: how far it goes, how far heads vouch for it, what is wrong with it.

    begins: the number of its oldest record where retention took those before it, else 0.
    anchored: whether a head vouches for the record before that beginning; None where that is 0.
    """

    writer: str
    records: int
    last: int
    head: int | None
    head_at: datetime | None
    begins: int = 0
    anchored: bool | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailReport:
    """Every chain, and everything that is wrong, in the order of the log."""

    chains: tuple[ChainReport, ...]
    findings: tuple[Finding, ...]

    @property
    def intact(self) -> bool:
        """Whether nothing was found."""
        return not self.findings
