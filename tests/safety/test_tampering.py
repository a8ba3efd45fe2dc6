"""The audit: what is done to it is found where it was done, and an honest one has no finding."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from agents.approval.audit import AuditChain, sign_head
from agents.approval.audit_finding import Finding, FindingKind, Head, Link, Place
from agents.approval.audit_proof import verify_trail
from agents.approval.audit_trust import Trust
from agents.approval.keyring import Keyring, Purpose
from agents.approval.signing import SigningKey
from agents.contracts.audit import AuditHeadPublished, AuditKind, AuditRecorded
from agents.contracts.ids import IncidentId

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEYS = {"gate": SigningKey(b"g" * 32), "executor": SigningKey(b"x" * 32)}
EVE = SigningKey(b"e" * 32)
RING = Keyring(
    (
        *(key.entry(name, Purpose.AUDIT) for name, key in KEYS.items()),
        EVE.entry("eve", Purpose.APPROVE),
    )
)
TRUST = Trust(keyring=RING, now=START)
QUICK = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
A_FIELD = settings(QUICK, max_examples=15)
seeds = st.integers(min_value=0, max_value=2**32 - 1)


@dataclass(frozen=True, slots=True)
class Audit:
    """What both topics hold."""

    links: list[Link]
    heads: list[Head]

    def findings(self) -> Sequence[Finding]:
        return verify_trail(self.links, self.heads, TRUST).findings

    def of(self, writer: str) -> list[int]:
        return [at for at, link in enumerate(self.links) if link.record.writer == writer]


def honest(rng: Random, *, closing_heads: bool = True) -> Audit:
    """Write an audit as gate and executors do: chains between each other, restarts, lost answers.

    closing_heads: every chain's last record has a head, as after a clean stop.
    """
    audit = Audit([], [])
    offsets = [rng.randrange(100) for _ in range(3)]
    moment = START - timedelta(hours=1)
    writers = [f"gate/incident-{n}/{rng.randrange(99)}" for n in range(rng.randint(1, 3))]
    writers += [f"executor/{n}" for n in range(rng.randint(1, 3))]
    chains = {name: AuditChain(name, KEYS[name.partition("/")[0]]) for name in writers}
    running = list(writers)
    for step in range(rng.randint(len(writers) * 2, len(writers) * 6)):
        moment += timedelta(seconds=rng.random() * 10)
        writer = writers[step] if step < len(writers) else rng.choice(running)
        record: dict[str, JsonValue] = {
            "approval_id": f"a-{rng.randrange(5)}",
            "n": rng.random(),
            "t": [step, None],
        }
        kind = rng.choice(list(AuditKind))
        link = chains[writer].append(kind, IncidentId(f"i-{step % 3}"), record, moment)
        number = writers.index(writer) % 3
        place = Place(number, offsets[number])
        # a transaction's marks take offsets too, and so does what was never committed
        offsets[number] += rng.randint(1, 3)
        if writer.startswith("executor") and step > len(writers) and rng.random() < 0.1:
            # the answer was lost: the record stands there or not, and this chain is over
            if rng.random() < 0.5:
                audit.links.append(Link(record=link, place=place, key=writer, time=moment))
            running.remove(writer)
            if not running:
                break
            continue
        audit.links.append(Link(record=link, place=place, key=writer, time=moment))
        if writer.startswith("gate") or rng.random() < 0.3:
            audit.heads.append(published(link, moment))
    if closing_heads:
        for writer in writers:
            last = audit.links[audit.of(writer)[-1]].record
            audit.heads.append(published(last, moment))
    return audit


def published(record: AuditRecorded, moment: datetime) -> Head:
    head = sign_head(record, KEYS[record.writer.partition("/")[0]], moment)
    return Head(head=head, place=Place(0, record.index), key=record.writer)


def located(findings: Sequence[Finding], writer: str, index: int) -> list[FindingKind]:
    return [one.kind for one in findings if (one.writer, one.index) == (writer, index)]


def flipped(rng: Random, field: str, old: object) -> object:
    """Return another value of the same kind."""
    match field:
        case "writer":
            return rng.choice(["gate/other", "executor/other", "eve", f"{old}x"])
        case "index":
            return old + rng.choice([-1, 1, 7]) if old else rng.choice([1, 9])  # type: ignore[operator]
        case "kind":
            return rng.choice([kind for kind in AuditKind if kind != old])
        case "record":
            assert isinstance(old, dict)
            return rng.choice([{**old, "n": 2}, {**old, "more": 1}, {}, {"n": old["n"]}])
        case "at":
            assert isinstance(old, datetime)
            return rng.choice([None, old + timedelta(microseconds=1)])
        case "signature":
            assert isinstance(old, str)
            return rng.choice(["", "no base64 !", old.swapcase()])
        case "hash" | "previous":
            assert isinstance(old, str)
            at = rng.randrange(64)
            return f"{old[:at]}{(int(old[at], 16) + 1) % 16:x}{old[at + 1 :]}"
    return f"{old}x"


@QUICK
@given(seed=seeds, closing_heads=st.booleans())
def test_an_honest_audit_has_no_finding(*, seed: int, closing_heads: bool) -> None:
    assert honest(Random(seed), closing_heads=closing_heads).findings() == ()


@pytest.mark.parametrize("field", sorted(AuditRecorded.model_fields))
@A_FIELD
@given(seed=seeds)
def test_a_flipped_field_is_found_at_its_record(field: str, seed: int) -> None:
    rng = Random(seed)
    audit = honest(rng)
    at = rng.randrange(len(audit.links))
    link = audit.links[at]
    old = link.record
    new = old.model_copy(update={field: flipped(rng, field, getattr(old, field))})
    audit.links[at] = replace(link, record=new)
    findings = audit.findings()
    assert located(findings, old.writer, old.index), "nothing says where it was"
    assert any(one.place == link.place for one in findings) or field == "writer"


@QUICK
@given(seeds)
def test_a_record_under_another_key_or_time_is_found(seed: int) -> None:
    rng = Random(seed)
    audit = honest(rng)
    at = rng.randrange(len(audit.links))
    link = audit.links[at]
    assert link.time is not None
    later = link.time + timedelta(seconds=1)
    audit.links[at] = rng.choice([replace(link, key="gate/x"), replace(link, time=later)])
    (finding,) = audit.findings()
    assert finding.place == link.place
    assert finding.kind in {FindingKind.MISPLACED, FindingKind.CHANGED}


@QUICK
@given(seeds)
def test_a_dropped_record_is_found_by_its_number(seed: int) -> None:
    rng = Random(seed)
    audit = honest(rng)
    dropped = audit.links.pop(rng.randrange(len(audit.links))).record
    (finding,) = audit.findings()
    assert (finding.writer, finding.index) == (dropped.writer, dropped.index)
    assert finding.kind in {FindingKind.GAP, FindingKind.TRUNCATED}


@QUICK
@given(seeds)
def test_two_swapped_records_are_found(seed: int) -> None:
    rng = Random(seed)
    audit = honest(rng)
    writer = rng.choice([one.record.writer for one in audit.links if one.record.index])
    first, second = sorted(rng.sample(audit.of(writer), 2))
    one, two = audit.links[first], audit.links[second]
    if rng.random() < 0.5:
        audit.links[first], audit.links[second] = two, one
    else:  # the contents alone: as if the log had been written so
        audit.links[first] = replace(two, place=one.place)
        audit.links[second] = replace(one, place=two.place)
    kinds = located(audit.findings(), writer, one.record.index)
    assert FindingKind.REORDERED in kinds


@QUICK
@given(seeds)
def test_lines_of_two_chains_that_changed_places_are_found(seed: int) -> None:
    rng = Random(seed)
    audit = honest(rng)
    numbers = [link.place.partition for link in audit.links if link.place]
    number = rng.choice([one for one in numbers if numbers.count(one) > 1])
    first, second = sorted(rng.sample([n for n, one in enumerate(numbers) if one == number], 2))
    earlier, later = audit.links[first], audit.links[second]
    audit.links[first], audit.links[second] = later, earlier
    assert any(
        one.kind is FindingKind.REORDERED and one.place == earlier.place for one in audit.findings()
    )


@QUICK
@given(seeds)
def test_a_repeated_record_is_found(seed: int) -> None:
    rng = Random(seed)
    audit = honest(rng)
    at = rng.randrange(len(audit.links))
    link = audit.links[at]
    again = replace(link, place=Place(7, 0))
    audit.links.insert(rng.randrange(at, len(audit.links)) + 1, again)
    (finding,) = audit.findings()
    assert finding.kind is FindingKind.DUPLICATED
    assert (finding.writer, finding.index) == (link.record.writer, link.record.index)
    assert finding.place == again.place


@QUICK
@given(seeds)
def test_a_cut_tail_is_found_where_it_was_cut(seed: int) -> None:
    rng = Random(seed)
    audit = honest(rng)
    writer = rng.choice(audit.links).record.writer
    cut = rng.choice(audit.of(writer))
    index = audit.links[cut].record.index
    kept = [link for at, link in enumerate(audit.links) if at < cut or link.record.writer != writer]
    (finding,) = Audit(kept, audit.heads).findings()
    assert (finding.kind, finding.writer, finding.index) == (FindingKind.TRUNCATED, writer, index)


@QUICK
@given(seeds)
def test_a_log_that_ends_early_is_found_in_every_chain_that_went_on(seed: int) -> None:
    rng = Random(seed)
    audit = honest(rng)
    cut = rng.randrange(len(audit.links))
    firsts: dict[str, int] = {}
    for link in audit.links[cut:]:
        firsts.setdefault(link.record.writer, link.record.index)
    findings = Audit(audit.links[:cut], audit.heads).findings()
    assert {one.kind for one in findings} == {FindingKind.TRUNCATED}
    assert {one.writer: one.index for one in findings} == firsts


@pytest.mark.parametrize("field", sorted(AuditHeadPublished.model_fields))
@A_FIELD
@given(seed=seeds)
def test_a_forged_head_is_found(field: str, seed: int) -> None:
    rng = Random(seed)
    audit = honest(rng)
    at = rng.randrange(len(audit.heads))
    read = audit.heads[at]
    new = flipped(rng, field, getattr(read.head, field)) or START
    forged = read.head.model_copy(update={field: new})
    audit.heads[at] = replace(read, head=forged)
    bad = [one for one in audit.findings() if one.in_heads]
    assert [(one.writer, one.index, one.place) for one in bad] == [
        (forged.writer, forged.index, read.place)
    ]


@QUICK
@given(seeds)
def test_a_head_that_another_key_signed_is_found(seed: int) -> None:
    rng = Random(seed)
    audit = honest(rng)
    at = rng.randrange(len(audit.heads))
    read = audit.heads[at]
    record = next(link.record for link in audit.links if link.record.hash == read.head.hash)
    audit.heads[at] = replace(read, head=sign_head(record, EVE, read.head.at))
    (finding,) = audit.findings()
    assert (finding.kind, finding.place) == (FindingKind.FORGED_HEAD, read.place)


@QUICK
@given(seeds)
def test_a_history_that_its_own_writer_writes_anew_contradicts_its_heads(seed: int) -> None:
    rng = Random(seed)
    audit = honest(rng)
    writer = rng.choice([head.head.writer for head in audit.heads])
    again = AuditChain(writer, KEYS[writer.partition("/")[0]])
    for at in audit.of(writer):
        old = audit.links[at].record
        new = again.append(old.kind, old.incident_id, {"approval_id": "other"}, old.at)
        audit.links[at] = replace(audit.links[at], record=new)
    kinds = {one.kind for one in audit.findings() if one.writer == writer}
    assert kinds == {FindingKind.REWRITTEN}


@QUICK
@given(seeds)
def test_a_chain_that_an_outsider_adds_is_found(seed: int) -> None:
    rng = Random(seed)
    audit = honest(rng)
    writer = rng.choice(["gate/i/new", "executor/new", "eve", "nobody"])
    alien = AuditChain(writer, EVE).append(AuditKind.ORDER_SIGNED, IncidentId("i"), {}, START)
    audit.links.append(Link(record=alien, place=Place(9, 0), key=writer, time=START))
    (finding,) = audit.findings()
    assert finding.kind in {FindingKind.UNSIGNED, FindingKind.UNKNOWN_KEY}
    assert finding.place == Place(9, 0)
