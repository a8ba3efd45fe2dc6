"""The audit chain: every kind of tampering is found, at its place."""

from datetime import UTC, datetime

import pytest

from agents.approval.audit import AuditChain, ProblemKind, verify_chain
from agents.approval.keyring import Keyring, Purpose
from agents.approval.signing import SigningKey
from agents.contracts.audit import AuditKind, AuditRecorded
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
        links.append(AuditKind.ACT_INTENDED, INCIDENT, {"n": n, "seconds": n / 4})
        for n in range(length)
    ]


def problems(
    records: list[AuditRecorded], head: AuditRecorded | None = None
) -> list[tuple[int, ProblemKind]]:
    found = verify_chain(records, KEYRING, now=NOW, head=head)
    return [(problem.index, problem.kind) for problem in found]


def test_an_intact_chain_has_no_problem() -> None:
    records = chain()
    assert problems(records) == []
    assert problems(records, records[-1]) == []
    assert problems(records, records[2]) == []
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
    assert problems(records) == [(2, ProblemKind.CHANGED)]


def test_a_record_that_was_made_anew_breaks_the_link_behind_it() -> None:
    records = chain()
    forged = AuditChain("executor", EVE, records[1]).append(
        AuditKind.ACT_INTENDED, INCIDENT, {"n": 9}
    )
    records[2] = forged
    assert problems(records) == [(2, ProblemKind.UNSIGNED), (3, ProblemKind.BROKEN_LINK)]


def test_gaps_moves_and_repeats_are_found() -> None:
    records = chain()
    assert problems([*records[:2], *records[3:]]) == [(3, ProblemKind.GAP)]
    assert problems(records[1:]) == [(1, ProblemKind.GAP)]
    assert (1, ProblemKind.GAP) in problems([records[0], records[1], records[1], *records[2:]])
    assert problems([records[0], records[2], records[1], *records[3:]])[0] == (2, ProblemKind.GAP)


def test_a_cut_tail_is_found_against_a_published_head() -> None:
    records = chain()
    assert problems(records[:3]) == []
    assert problems(records[:3], records[-1]) == [(3, ProblemKind.TRUNCATED)]
    assert problems([], records[0]) == [(0, ProblemKind.TRUNCATED)]


def test_a_chain_that_was_written_anew_is_found_against_a_published_head() -> None:
    old, new = chain(), AuditChain("executor", KEY)
    again = [new.append(AuditKind.ACT_SETTLED, INCIDENT, {}) for _ in old]
    assert problems(again) == []
    assert problems(again, old[-1]) == [(4, ProblemKind.CHANGED)]


def test_only_the_writer_s_audit_key_counts() -> None:
    assert {kind for _, kind in problems(chain(2, writer="nobody"))} == {ProblemKind.UNKNOWN_KEY}
    assert {kind for _, kind in problems(chain(2, writer="eve", key=EVE))} == {
        ProblemKind.UNKNOWN_KEY
    }
    mixed = [*chain(1), *chain(2, writer="executor/other")[1:]]
    assert (1, ProblemKind.FOREIGN) in problems(mixed)


def test_a_chain_goes_on_from_its_own_head_only() -> None:
    records = chain(2)
    more = AuditChain("executor", KEY, records[-1])
    assert more.head == records[-1]
    assert problems([*records, more.append(AuditKind.ACT_SETTLED, INCIDENT, {})]) == []
    with pytest.raises(ValueError, match="expected a head"):
        AuditChain("gate", KEY, records[-1])
