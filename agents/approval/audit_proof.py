"""The check of an audit: every chain from its first record, every head, against the keyring alone.

Invariant: whoever holds none of the writers' keys can alter nothing that a head vouches for without
a finding at that place; an honest history (restarts, several writers between each other, a tail
that no head covers yet) has none. Pure: who reads the records is `streams/audit.py`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agents.approval.audit import NO_RECORD, digest_of, is_head_of, is_record_of
from agents.approval.audit_finding import (
    ChainReport,
    Finding,
    FindingKind,
    Head,
    Link,
    Place,
    TrailReport,
)
from agents.approval.audit_trust import Trust
from agents.approval.keyring import Keyring
from agents.contracts.audit import AuditHeadPublished, AuditRecorded


def verify_chain(
    records: Iterable[AuditRecorded],
    keyring: Keyring,
    *,
    now: datetime,
    heads: Iterable[AuditHeadPublished] = (),
) -> list[Finding]:
    """Return every fault of some records in their order; none for intact chains."""
    links = [Link(record=record) for record in records]
    published = [Head(head=head) for head in heads]
    return list(verify_trail(links, published, Trust(keyring=keyring, now=now)).findings)


def verify_trail(links: Iterable[Link], heads: Iterable[Head], trust: Trust) -> TrailReport:
    """Return what every writer's chain is like, and every finding, in the order of the log."""
    by_writer: dict[str, _Chain] = {}
    last: dict[int, Place] = {}
    oldest: dict[int, datetime] = {}
    for link in links:
        writer = link.record.writer
        chain = by_writer.setdefault(writer, _Chain(writer, trust))
        chain.links.append(link)
        if link.place is None:
            continue
        number = link.place.partition
        before = last.get(number)
        if before is not None and link.place <= before:
            chain.add(FindingKind.REORDERED, link, f"an offset above {before.offset}", link.place)
        last[number] = link.place if before is None else max(before, link.place)
        if link.time is not None:
            oldest[number] = min(link.time, oldest.get(number, link.time))
    for head in heads:
        chain = by_writer.setdefault(head.head.writer, _Chain(head.head.writer, trust))
        chain.heads.append(head)
    reports = tuple(by_writer[writer].report(oldest) for writer in sorted(by_writer))
    found = [one for report in reports for one in report.findings]
    return TrailReport(chains=reports, findings=tuple(sorted(found, key=_position)))


@dataclass(slots=True)
class _Chain:
    """One writer's links and heads while they are checked."""

    writer: str
    trust: Trust
    links: list[Link] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    digests: dict[int, str] = field(default_factory=dict)

    def report(self, oldest: dict[int, datetime]) -> ChainReport:
        whole = [link for link in self.links if self._check_record(link)]
        heads = [head for head in self.heads if self._check_head(head)]
        numbered: dict[int, list[Link]] = defaultdict(list)
        for link in self.links:
            numbered[link.record.index].append(link)
        self._check_order(whole)
        self._check_repeats(numbered, {id(link) for link in whole})
        self._check_links(numbered, heads)
        self._check_heads(numbered, heads)
        # a record that was changed may claim any number: only others say how far the chain goes
        vouched = {head.head.index for head in heads} & numbered.keys()
        top = max({link.record.index for link in whole} | vouched, default=-1)
        begins = self._check_gaps(numbered, top)
        self._check_tail(numbered, heads, top, oldest)
        newest = max((head.head for head in heads), key=lambda one: one.index, default=None)
        return ChainReport(
            writer=self.writer,
            records=len(self.links),
            last=top,
            head=None if newest is None else newest.index,
            head_at=None if newest is None else newest.at,
            begins=begins,
            anchored=None if begins == 0 else any(h.head.index == begins - 1 for h in heads),
            findings=tuple(self.findings),
        )

    def add(self, kind: FindingKind, link: Link, expected: str, actual: object) -> None:
        self._add(kind, link.record.index, expected, str(actual), link.place)

    def _add(
        self,
        kind: FindingKind,
        index: int,
        expected: str,
        actual: str,
        place: Place | None = None,
        *,
        in_heads: bool = False,
    ) -> None:
        self.findings.append(
            Finding(
                kind=kind,
                writer=self.writer,
                index=index,
                expected=expected,
                actual=actual,
                place=place,
                in_heads=in_heads,
            )
        )

    def _check_record(self, link: Link) -> bool:
        """Check a record alone; return whether its content is the one that its hash names."""
        record = link.record
        digest = self.digests[id(link)] = digest_of(record)
        if digest != record.hash:
            self.add(FindingKind.CHANGED, link, digest, record.hash)
        if link.key not in {None, record.writer}:
            self.add(FindingKind.MISPLACED, link, f"the key {record.writer}", link.key)
        if record.at is not None and link.time not in {None, record.at}:
            self.add(FindingKind.CHANGED, link, f"the time {record.at.isoformat()}", link.time)
        keys = self.trust.keys(self.writer, record.at)
        if not keys:
            self.add(FindingKind.UNKNOWN_KEY, link, f"an audit key of {self.writer}", "none")
        elif not any(is_record_of(key, record) for key in keys):
            self.add(FindingKind.UNSIGNED, link, "the writer's signature", record.signature)
        return digest == record.hash

    def _check_head(self, read: Head) -> bool:
        """Return whether a head is the writer's own; another proves nothing."""
        head = read.head
        keys = self.trust.keys(self.writer, head.at)
        if any(is_head_of(key, head) for key in keys):
            return True
        self._add(
            FindingKind.FORGED_HEAD if keys else FindingKind.UNKNOWN_KEY,
            head.index,
            f"a head with the signature of {self.writer}",
            f"{head.hash} with {head.signature}",
            read.place,
            in_heads=True,
        )
        return False

    def _check_order(self, whole: Sequence[Link]) -> None:
        highest: dict[int, int] = {}
        for link in whole:
            number = -1 if link.place is None else link.place.partition
            before = highest.get(number, -1)
            if link.record.index < before:
                self.add(FindingKind.REORDERED, link, f"a number above {before}", link.record.index)
            highest[number] = max(before, link.record.index)

    def _check_repeats(self, numbered: dict[int, list[Link]], whole: set[int]) -> None:
        for links in numbered.values():
            first, *others = [link for link in links if id(link) in whole] or links
            for link in others:
                if link.record == first.record:
                    place = "once" if first.place is None else f"once, at {first.place}"
                    self.add(FindingKind.DUPLICATED, link, place, "again")
                else:
                    self.add(FindingKind.FORKED, link, first.record.hash, link.record.hash)

    def _check_links(self, numbered: dict[int, list[Link]], heads: Sequence[Head]) -> None:
        published: dict[int, set[str]] = defaultdict(set)
        for head in heads:
            published[head.head.index].add(head.head.hash)
        for index, links in numbered.items():
            before = numbered.get(index - 1)
            if index == 0:
                known = [NO_RECORD]
            elif before is None:
                known = sorted(published[index - 1])
            else:  # what the one before claims, or what its content gives: one fault, one finding
                known = [one.record.hash for one in before]
                known += [self.digests[id(one)] for one in before]
            for link in links:
                if known and link.record.previous not in known:
                    self.add(FindingKind.BROKEN_LINK, link, known[0], link.record.previous)

    def _check_heads(self, numbered: dict[int, list[Link]], heads: Sequence[Head]) -> None:
        told: set[tuple[int, str]] = set()
        for head in (one.head for one in heads):
            links = numbered.get(head.index, [])
            known = {link.record.hash for link in links} | {self.digests[id(one)] for one in links}
            if links and head.hash not in known and (head.index, head.hash) not in told:
                told.add((head.index, head.hash))
                self.add(FindingKind.REWRITTEN, links[0], head.hash, links[0].record.hash)

    def _check_gaps(self, numbered: dict[int, list[Link]], top: int) -> int:
        """Find what is missing below the last number; return where a retained chain begins."""
        begins = 0
        for first, behind in _missing(numbered, top):
            if first == 0 and self.trust.retained:
                begins = behind
                continue
            link = numbered[behind][0]
            told = f"record {first}" if first == behind - 1 else f"records {first}-{behind - 1}"
            self._add(FindingKind.GAP, first, told, f"record {behind} next", link.place)
        return begins

    def _check_tail(
        self,
        numbered: dict[int, list[Link]],
        heads: Sequence[Head],
        top: int,
        oldest: dict[int, datetime],
    ) -> None:
        cut = [one for one in heads if one.head.index > top and one.head.index not in numbered]
        if self.trust.retained and not self.links:
            # a writer's heads have the partition number of its records
            cut = [one for one in cut if not _taken(one, oldest)]
        if cut:
            head = max((one.head for one in cut), key=lambda one: one.index)
            actual = "no record" if top < 0 else f"record {top} is the last"
            self._add(
                FindingKind.TRUNCATED,
                top + 1,
                f"up to record {head.index} with hash {head.hash}, as its head says",
                actual,
            )


def _missing(numbered: dict[int, list[Link]], top: int) -> Iterator[tuple[int, int]]:
    """Yield each run of numbers that is missing: its first, and the number behind it."""
    expected = 0
    for index in sorted(index for index in numbered if index <= top):
        if index > expected:
            yield expected, index
        expected = index + 1


def _taken(head: Head, oldest: dict[int, datetime]) -> bool:
    """Return whether retention can have taken what a head vouches for: the log begins later."""
    begin = None if head.place is None else oldest.get(head.place.partition)
    return begin is not None and head.head.at < begin


def _position(finding: Finding) -> tuple[bool, Place, str, int]:
    place = finding.place
    return place is None, place or Place(0, 0), finding.writer, finding.index
