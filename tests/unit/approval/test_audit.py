"""The audit chain: every kind of tampering is found, at its place."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.approval.audit import AuditChain, digest_of, sign_head
from agents.approval.audit_finding import Finding, FindingKind, Head, Link, Place
from agents.approval.audit_proof import verify_chain, verify_trail
from agents.approval.audit_trust import Trust
from agents.approval.keyring import Keyring, Purpose
from agents.approval.signing import SigningKey
from agents.contracts.audit import AuditHeadPublished, AuditKind, AuditRecorded
from agents.contracts.ids import IncidentId

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY, EVE = SigningKey(b"a" * 32), SigningKey(b"e" * 32)
KEYRING = Keyring((KEY.entry("executor", Purpose.AUDIT), EVE.entry("eve", Purpose.APPROVE)))
INCIDENT = IncidentId("incident-1")


def chain(
    length: int = 5, *, writer: str = "executor", key: SigningKey = KEY
) -> list[AuditRecorded]:
    links = AuditChain(writer, key)
    return [
        links.append(AuditKind.ACT_INTENDED, INCIDENT, {"n": n, "seconds": n / 4}, NOW)
        for n in range(length)
    ]


def head(record: AuditRecorded, key: SigningKey = KEY) -> AuditHeadPublished:
    return sign_head(record, key, NOW)


def found(records: list[AuditRecorded], *heads: AuditHeadPublished) -> list[Finding]:
    return verify_chain(records, KEYRING, now=NOW, heads=heads)


def problems(
    records: list[AuditRecorded], *heads: AuditHeadPublished
) -> list[tuple[int, FindingKind]]:
    return [(one.index, one.kind) for one in found(records, *heads)]


def placed(records: list[AuditRecorded], start: int = 0) -> list[Link]:
    return [
        Link(record=record, place=Place(0, start + offset), key=record.writer, time=NOW)
        for offset, record in enumerate(records)
    ]


def test_an_intact_chain_has_no_problem() -> None:
    records = chain()
    assert problems(records) == []
    assert problems(records, head(records[-1])) == []
    assert problems(records, head(records[2])) == []
    assert problems([AuditRecorded.model_validate_json(r.model_dump_json()) for r in records]) == []
    assert problems(chain(writer=f"executor/{INCIDENT}")) == []
    assert problems([]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"record": {"n": 9, "seconds": 0.5}},
        {"kind": AuditKind.ACT_SETTLED},
        {"incident_id": "incident-2"},
    ],
)
def test_a_changed_record_is_found_at_its_index(change: dict[str, object]) -> None:
    records = chain()
    records[2] = records[2].model_copy(update=change)
    assert problems(records) == [(2, FindingKind.CHANGED)]


def test_a_record_that_was_made_anew_breaks_the_link_behind_it() -> None:
    records = chain()
    forged = AuditChain("executor", EVE, records[1]).append(
        AuditKind.ACT_INTENDED, INCIDENT, {"n": 9}
    )
    records[2] = forged
    assert problems(records) == [(2, FindingKind.UNSIGNED), (3, FindingKind.BROKEN_LINK)]


def test_gaps_moves_and_repeats_are_found() -> None:
    records = chain()
    assert problems([*records[:2], *records[3:]]) == [(2, FindingKind.GAP)]
    assert problems(records[1:]) == [(0, FindingKind.GAP)]
    again = [records[0], records[1], records[1], *records[2:]]
    assert problems(again) == [(1, FindingKind.DUPLICATED)]
    swapped = [records[0], records[2], records[1], *records[3:]]
    assert problems(swapped) == [(1, FindingKind.REORDERED)]
    (gap,) = found([records[0], records[4]])
    assert (gap.expected, gap.actual) == ("records 1-3", "record 4 next")


def test_a_cut_tail_is_found_against_a_published_head() -> None:
    records = chain()
    assert problems(records[:3]) == []
    assert problems(records[:3], head(records[-1])) == [(3, FindingKind.TRUNCATED)]
    assert problems([], head(records[0])) == [(0, FindingKind.TRUNCATED)]


def test_a_chain_that_was_written_anew_is_found_against_a_published_head() -> None:
    old, new = chain(), AuditChain("executor", KEY)
    again = [new.append(AuditKind.ACT_SETTLED, INCIDENT, {}) for _ in old]
    assert problems(again) == []
    assert problems(again, head(old[-1])) == [(4, FindingKind.REWRITTEN)]


def test_only_the_writer_s_audit_key_counts() -> None:
    assert {kind for _, kind in problems(chain(2, writer="nobody"))} == {FindingKind.UNKNOWN_KEY}
    assert {kind for _, kind in problems(chain(2, writer="eve", key=EVE))} == {
        FindingKind.UNKNOWN_KEY
    }
    mixed = [*chain(1), *chain(2, writer="executor/other")[1:]]
    assert problems(mixed) == [(0, FindingKind.GAP)]


def test_a_chain_goes_on_from_its_own_head_only() -> None:
    records = chain(2)
    more = AuditChain("executor", KEY, records[-1])
    assert more.head == records[-1]
    assert problems([*records, more.append(AuditKind.ACT_SETTLED, INCIDENT, {})]) == []
    with pytest.raises(ValueError, match="expected a head"):
        AuditChain("gate", KEY, records[-1])


def test_a_forged_head_is_named_and_vouches_for_nothing() -> None:
    records = chain()
    forged = head(records[-1]).model_copy(update={"hash": "f" * 64})
    assert problems(records, forged) == [(4, FindingKind.FORGED_HEAD)]
    beyond = head(chain(9)[-1], EVE)
    assert problems(records, beyond) == [(8, FindingKind.FORGED_HEAD)]


def test_two_records_of_one_number_are_a_fork() -> None:
    records = chain(2)
    other = AuditChain("executor", KEY, records[0]).append(AuditKind.ACT_SETTLED, INCIDENT, {}, NOW)
    (fork,) = found([*records, other])
    assert (fork.kind, fork.index) == (FindingKind.FORKED, 1)
    assert (fork.expected, fork.actual) == (records[1].hash, other.hash)


def test_a_record_without_a_time_of_its_own_is_hashed_as_older_writers_did() -> None:
    old = AuditChain("executor", KEY).append(AuditKind.ACT_SETTLED, INCIDENT, {})
    as_written = old.model_dump(mode="json", exclude={"at"})
    assert problems([AuditRecorded.model_validate(as_written)]) == []
    dated = old.model_copy(update={"at": NOW})
    assert problems([dated]) == [(0, FindingKind.CHANGED)]


def test_findings_name_the_place_of_the_record() -> None:
    links = placed(chain(), start=40)
    cut = [*links[:2], *links[3:]]
    trust = Trust(keyring=KEYRING, now=NOW)
    (gap,) = verify_trail(cut, (), trust).findings
    assert gap.place == Place(0, 43)
    late = Link(record=links[1].record, place=Place(0, 41), key="executor", time=NOW)
    elsewhere = Link(record=late.record, place=late.place, key="gate", time=late.time)
    (found_at,) = verify_trail([links[0], elsewhere], (), trust).findings
    assert (found_at.kind, found_at.place) == (FindingKind.MISPLACED, Place(0, 41))
    moved = Link(
        record=late.record, place=late.place, key=late.key, time=NOW + timedelta(seconds=1)
    )
    (changed,) = verify_trail([links[0], moved], (), trust).findings
    assert (changed.kind, changed.place) == (FindingKind.CHANGED, Place(0, 41))


def test_a_log_that_is_not_in_the_order_of_its_offsets_is_found() -> None:
    links = [*placed(chain(1)), *placed(chain(1, writer="executor/2"), start=1)]
    trust = Trust(keyring=KEYRING, now=NOW)
    assert verify_trail(links, (), trust).intact
    (finding,) = verify_trail(links[::-1], (), trust).findings
    assert (finding.kind, finding.place) == (FindingKind.REORDERED, Place(0, 0))


def test_what_retention_took_is_told_only_where_retention_is_said() -> None:
    records = chain()
    kept, heads = placed(records[3:], start=3), [Head(head=head(records[2]), place=Place(0, 0))]
    strict = verify_trail(kept, heads, Trust(keyring=KEYRING, now=NOW))
    assert [(one.kind, one.index) for one in strict.findings] == [(FindingKind.GAP, 0)]
    told = verify_trail(kept, heads, Trust(keyring=KEYRING, now=NOW, retained=True))
    assert told.intact
    assert (told.chains[0].begins, told.chains[0].anchored) == (3, True)
    bare = verify_trail(kept, (), Trust(keyring=KEYRING, now=NOW, retained=True))
    assert bare.chains[0].anchored is False
    other = head(chain(3, writer="executor")[0].model_copy(update={"index": 2}))
    wrong = verify_trail(kept, [Head(head=other)], Trust(keyring=KEYRING, now=NOW, retained=True))
    assert [one.kind for one in wrong.findings] == [FindingKind.BROKEN_LINK]


def test_a_chain_that_retention_took_whole_is_older_than_the_log() -> None:
    retained = Trust(keyring=KEYRING, now=NOW, retained=True)
    gone = sign_head(chain(2, writer="executor/old")[-1], KEY, NOW - timedelta(days=1))
    links = placed(chain(2))
    assert verify_trail(links, [Head(head=gone, place=Place(0, 0))], retained).intact
    fresh = sign_head(chain(2, writer="executor/old")[-1], KEY, NOW)
    report = verify_trail(links, [Head(head=fresh, place=Place(0, 0))], retained)
    assert [one.kind for one in report.findings] == [FindingKind.TRUNCATED]


def test_a_revoked_key_counts_only_where_that_is_said() -> None:
    revoked = KEY.entry("executor", Purpose.AUDIT).model_copy(update={"revoked": True})
    ring = Keyring((revoked, EVE.entry("executor", Purpose.AUDIT)))
    links = placed(chain(1))
    strict = verify_trail(links, (), Trust(keyring=ring, now=NOW))
    assert [one.kind for one in strict.findings] == [FindingKind.UNSIGNED]
    assert verify_trail(links, (), Trust(keyring=ring, now=NOW, revoked=True)).intact


def test_a_record_counts_with_the_key_of_its_own_time() -> None:
    rotated = NOW + timedelta(days=1)
    old = KEY.entry("executor", Purpose.AUDIT).model_copy(update={"not_after": rotated})
    new = EVE.entry("executor", Purpose.AUDIT).model_copy(update={"not_before": rotated})
    trust = Trust(keyring=Keyring((old, new)), now=NOW + timedelta(days=9))
    later = AuditChain("executor/2", EVE)
    link = later.append(AuditKind.ACT_SETTLED, INCIDENT, {}, rotated + timedelta(hours=1))
    assert verify_trail([*placed(chain(2)), Link(record=link)], (), trust).intact
    early = AuditChain("executor/3", EVE).append(AuditKind.ACT_SETTLED, INCIDENT, {}, NOW)
    (finding,) = verify_trail([Link(record=early)], (), trust).findings
    assert finding.kind is FindingKind.UNSIGNED


def test_a_record_of_an_older_writer_is_hashed_without_its_time() -> None:
    old = chain(1)[0].model_copy(update={"at": None})
    others = [old.model_copy(update={"record": {"n": 9}}), old.model_copy(update={"index": 7})]
    assert len({digest_of(one) for one in (old, *others, chain(1)[0])}) == 4
