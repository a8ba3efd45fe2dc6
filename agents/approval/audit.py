r"""The audit chain as pure data: every record names the hash of the one before, and is signed.

Invariant: a record cannot be changed, left out, put in or moved without `verify_chain` naming the
index; a cut tail is found against a head that was published elsewhere. Hash: hex SHA-256 of the
canonical JSON of every field but `hash` and `signature`. Signed: `AOI-audit-v1\n` and its 32 bytes.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import JsonValue

from agents.approval.canonical import Domain, canonical_json
from agents.approval.keyring import Keyring, Purpose
from agents.approval.signing import SigningKey, is_signature
from agents.contracts.audit import AuditKind, AuditRecorded
from agents.contracts.ids import IncidentId

NO_RECORD = "0" * 64


class ProblemKind(StrEnum):
    """What is wrong with a chain at one place."""

    CHANGED = "changed"
    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown_key"
    GAP = "gap"
    BROKEN_LINK = "broken_link"
    FOREIGN = "foreign"
    TRUNCATED = "truncated"


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault, and the index at which it shows."""

    index: int
    kind: ProblemKind
    detail: str


class AuditChain:
    """A writer's chain; it holds the head only, records go wherever the caller sends them.

    writer: the name of the key in the keyring, or that name, a slash, and which of its chains.
    A caller whose record was not acknowledged makes the chain anew from the last that was.
    """

    def __init__(self, writer: str, key: SigningKey, head: AuditRecorded | None = None) -> None:
        if head is not None and head.writer != writer:
            raise ValueError(f"expected a head of {writer}, got one of {head.writer}")
        self._writer = writer
        self._key = key
        self._head = head

    @property
    def head(self) -> AuditRecorded | None:
        """The last record, to be published where the chain's own store cannot change it."""
        return self._head

    def append(
        self, kind: AuditKind, incident_id: IncidentId, record: Mapping[str, JsonValue]
    ) -> AuditRecorded:
        """Return the next record, and take it as the head."""
        index = 0 if self._head is None else self._head.index + 1
        previous = NO_RECORD if self._head is None else self._head.hash
        plain = dict(record)
        digest = _digest(self._writer, index, previous, kind, incident_id, plain)
        self._head = AuditRecorded(
            writer=self._writer,
            index=index,
            previous=previous,
            kind=kind,
            incident_id=incident_id,
            record=plain,
            hash=digest,
            signature=self._key.sign_bytes(_signed(digest)),
        )
        return self._head


def verify_chain(
    records: Iterable[AuditRecorded],
    keyring: Keyring,
    *,
    now: datetime,
    head: AuditRecorded | None = None,
) -> list[Problem]:
    """Return every fault of one writer's records in their order; none for an intact chain.

    head: a record that was published; the chain must reach and contain it.
    """
    problems: list[Problem] = []
    before: AuditRecorded | None = None
    hashes: dict[int, str] = {}
    for record in records:
        problems += _problems_of(record, before, keyring, now)
        hashes[record.index] = record.hash
        before = record
    if head is not None and hashes.get(head.index) != head.hash:
        last = -1 if before is None else before.index
        problems.append(
            Problem(
                last + 1 if last < head.index else head.index,
                ProblemKind.TRUNCATED if last < head.index else ProblemKind.CHANGED,
                f"the published head is {head.index}, the last record {last}",
            )
        )
    return problems


def _problems_of(
    record: AuditRecorded, before: AuditRecorded | None, keyring: Keyring, now: datetime
) -> list[Problem]:
    found: list[tuple[ProblemKind, str]] = []
    expected = 0 if before is None else before.index + 1
    previous = NO_RECORD if before is None else before.hash
    if before is not None and record.writer != before.writer:
        found.append((ProblemKind.FOREIGN, f"written by {record.writer}"))
    if record.index != expected:
        found.append((ProblemKind.GAP, f"expected index {expected}, got {record.index}"))
    elif record.previous != previous:
        found.append((ProblemKind.BROKEN_LINK, f"expected to follow {previous}"))
    digest = _digest(
        record.writer,
        record.index,
        record.previous,
        record.kind,
        record.incident_id,
        record.record,
    )
    if digest != record.hash:
        found.append((ProblemKind.CHANGED, f"expected hash {digest}"))
    key = keyring.find(record.writer.partition("/")[0], Purpose.AUDIT, now)
    if key is None:
        found.append((ProblemKind.UNKNOWN_KEY, f"no audit key of {record.writer}"))
    elif not is_signature(key, _signed(record.hash), record.signature):
        found.append((ProblemKind.UNSIGNED, "the signature is not the writer's"))
    return [Problem(record.index, kind, detail) for kind, detail in found]


def _digest(
    writer: str,
    index: int,
    previous: str,
    kind: AuditKind,
    incident_id: str,
    record: dict[str, JsonValue],
) -> str:
    fields = {
        "writer": writer,
        "index": index,
        "previous": previous,
        "kind": kind,
        "incident_id": incident_id,
        "record": record,
    }
    return hashlib.sha256(canonical_json(fields).encode()).hexdigest()


def _signed(digest: str) -> bytes:
    return Domain.AUDIT.value.encode() + bytes.fromhex(digest)
