"""What the check of an audit says of each fault: expected and actual, and the place."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from agents.approval.audit import AuditChain, sign_head
from agents.approval.audit_finding import ChainReport, Head, Link, Place
from agents.approval.audit_proof import verify_trail
from agents.approval.audit_trust import Trust
from agents.approval.keyring import Keyring, Purpose
from agents.approval.signing import SigningKey
from agents.contracts.audit import AuditKind
from agents.contracts.ids import IncidentId
from tests.safety.test_tampering import KEYS, START, TRUST, published

WRITER = "gate/i/1"
LENGTH = 5
HEAD_AT = START - timedelta(minutes=1)


def written() -> tuple[list[Link], list[Head]]:
    """Return a chain of five records at the offsets 10, 12, ..., and the head of its last one."""
    chain, links = AuditChain(WRITER, KEYS["gate"]), []
    for number in range(LENGTH):
        moment = START - timedelta(minutes=10 - number)
        record = chain.append(AuditKind.ORDER_SIGNED, IncidentId("i"), {"n": number}, moment)
        place = Place(0, 10 + 2 * number)
        links.append(Link(record=record, place=place, key=WRITER, time=moment))
    return links, [published(links[-1].record, HEAD_AT)]


LINKS, HEADS = written()
FIRST, SECOND, THIRD, FOURTH, LAST = LINKS
OTHER = THIRD.record.model_copy(update={"record": {"n": 9}})
UNSIGNED = THIRD.record.model_copy(update={"signature": "AAAA"})
LONE = THIRD.record.model_copy(update={"previous": "f" * 64})
UP_TO = f"up to record 4 with hash {LAST.record.hash}, as its head says"


def report(links: Sequence[Link], heads: Sequence[Head] = HEADS) -> ChainReport:
    (chain,) = verify_trail(links, heads, TRUST).chains
    return chain


def test_an_honest_chain_is_told_with_its_length_and_its_head() -> None:
    assert report(LINKS) == ChainReport(
        writer=WRITER, records=LENGTH, last=4, head=4, head_at=HEAD_AT, begins=0, anchored=None
    )
    assert report(LINKS, []) == ChainReport(
        writer=WRITER, records=LENGTH, last=4, head=None, head_at=None
    )


@pytest.mark.parametrize(
    ("links", "told"),
    [
        (
            [FIRST, SECOND, replace(THIRD, record=UNSIGNED), FOURTH, LAST],
            ("unsigned", 2, "the writer's signature", "AAAA", "0/14"),
        ),
        ([FIRST, SECOND, FOURTH, LAST], ("gap", 2, "record 2", "record 3 next", "0/16")),
        ([FIRST, FOURTH, LAST], ("gap", 1, "records 1-2", "record 3 next", "0/16")),
        (LINKS[1:], ("gap", 0, "record 0", "record 1 next", "0/12")),
        (LINKS[:3], ("truncated", 3, UP_TO, "record 2 is the last", "None")),
        (LINKS[:1], ("truncated", 1, UP_TO, "record 0 is the last", "None")),
        ([], ("truncated", 0, UP_TO, "no record", "None")),
        (
            [FIRST, SECOND, replace(THIRD, key="gate/x"), FOURTH, LAST],
            ("misplaced", 2, "the key gate/i/1", "gate/x", "0/14"),
        ),
        (
            [FIRST, SECOND, replace(THIRD, time=START), FOURTH, LAST],
            (
                "changed",
                2,
                "the time 2026-11-23T11:52:00+00:00",
                "2026-11-23 12:00:00+00:00",
                "0/14",
            ),
        ),
        (
            [FIRST, SECOND, THIRD, replace(THIRD, place=Place(0, 15)), FOURTH, LAST],
            ("duplicated", 2, "once, at 0/14", "again", "0/15"),
        ),
        (
            [FIRST, SECOND, *[replace(one, place=None) for one in (THIRD, THIRD)], FOURTH, LAST],
            ("duplicated", 2, "once", "again", "None"),
        ),
        (
            [
                FIRST,
                replace(SECOND, place=Place(0, 14)),
                replace(THIRD, place=Place(0, 12)),
                *LINKS[3:],
            ],
            ("reordered", 2, "an offset above 14", "0/12", "0/12"),
        ),
        (
            [FIRST, THIRD, replace(SECOND, place=Place(0, 15)), FOURTH, LAST],
            ("reordered", 1, "a number above 2", "1", "0/15"),
        ),
    ],
)
def test_a_fault_says_what_was_expected_and_what_is_there(
    links: Sequence[Link], told: tuple[str, int, str, str, str]
) -> None:
    (fault,) = report(links).findings
    found = (fault.kind, fault.index, fault.expected, fault.actual, str(fault.place))
    assert found == told
    assert (fault.writer, fault.in_heads) == (WRITER, False)


def test_a_changed_record_and_a_lone_one_name_both_hashes() -> None:
    (fault,) = report([FIRST, SECOND, replace(THIRD, record=OTHER), FOURTH, LAST]).findings
    assert (fault.kind, fault.index, fault.actual) == ("changed", 2, THIRD.record.hash)
    assert len(fault.expected) == 64 and fault.expected != fault.actual
    faults = report([FIRST, SECOND, replace(THIRD, record=LONE), FOURTH, LAST]).findings
    broken = next(one for one in faults if one.kind == "broken_link")
    assert (broken.expected, broken.actual) == (SECOND.record.hash, "f" * 64)


def test_a_key_that_nobody_knows_and_a_head_that_nobody_signed_are_told() -> None:
    chain = AuditChain("executor/9", KEYS["gate"])  # signed by another's key
    record = chain.append(AuditKind.ORDER_SIGNED, IncidentId("i"), {}, START)
    (fault,) = report([Link(record=record, place=Place(1, 0), key="executor/9")], []).findings
    assert (fault.kind, fault.actual) == ("unsigned", record.signature)
    chain = AuditChain("nobody", KEYS["gate"])
    record = chain.append(AuditKind.ORDER_SIGNED, IncidentId("i"), {}, START)
    (fault,) = report([Link(record=record, place=Place(1, 0), key="nobody")], []).findings
    told = (fault.kind, fault.expected, fault.actual)
    assert told == ("unknown_key", "an audit key of nobody", "none")
    forged = HEADS[0].head.model_copy(update={"signature": "AAAA"})
    (fault,) = report(LINKS, [replace(HEADS[0], head=forged)]).findings
    assert (fault.kind, fault.in_heads) == ("forged_head", True)
    assert fault.expected == f"a head with the signature of {WRITER}"
    assert fault.actual == f"{forged.hash} with AAAA"


def test_a_revoked_key_counts_for_its_own_writer_alone_and_where_it_is_asked_for() -> None:
    old, new, other = (SigningKey(bytes([n]) * 32) for n in (7, 8, 9))
    revoked = old.entry("gate", Purpose.AUDIT).model_copy(update={"revoked": True})
    approver = other.entry("gate", Purpose.APPROVE).model_copy(update={"revoked": True})
    foreign = other.entry("executor", Purpose.AUDIT)
    keyring = Keyring((revoked, new.entry("gate", Purpose.AUDIT), foreign))
    strict, lenient = (Trust(keyring=keyring, now=START, revoked=one) for one in (False, True))
    ring = Keyring((approver, new.entry("gate", Purpose.APPROVE)))
    assert Trust(keyring=ring, now=START, revoked=True).keys("gate/i/1", None) == []

    def public(trust: Trust, writer: str) -> list[str]:
        return [key.public_key for key in trust.keys(writer, START)]

    assert public(strict, "gate/i/1") == [keyring.keys[1].public_key]
    assert public(lenient, "gate/i/1") == [keyring.keys[1].public_key, revoked.public_key]
    assert public(lenient, "executor/1") == [foreign.public_key]


def test_a_head_that_contradicts_its_record_names_both_hashes() -> None:
    chain = AuditChain(WRITER, KEYS["gate"])
    other = [
        chain.append(AuditKind.ORDER_SIGNED, IncidentId("i"), {"x": n}, START) for n in range(5)
    ]
    false = replace(HEADS[0], head=sign_head(other[4], KEYS["gate"], HEAD_AT))
    faults = report(LINKS, [false, false]).findings
    told = [(one.kind, one.index, one.expected, one.actual) for one in faults]
    assert told == [("rewritten", 4, other[4].hash, LAST.record.hash)]
