r"""The audit chain as pure data: every record names the hash of the one before, and is signed.

Invariant: a record cannot be changed, left out, put in or moved without `audit_proof` naming it; a
cut tail is found against a head, which the writer signs and publishes elsewhere. Hash: hex SHA-256
of the canonical JSON of every field but `hash` and `signature`. Signed: `AOI-audit-v1\n` and its 32
bytes; of a head `AOI-audit-head-v1\n` and its canonical JSON but for the signature.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from pydantic import JsonValue

from agents.approval.canonical import Domain, canonical_json
from agents.approval.keyring import KeyEntry
from agents.approval.signing import SigningKey, is_signature
from agents.contracts.audit import AuditHeadPublished, AuditKind, AuditRecorded
from agents.contracts.ids import IncidentId

NO_RECORD = "0" * 64
NOT_HASHED = frozenset({"hash", "signature"})


class AuditChain:
    """A writer's chain; it holds the head only, records go wherever the caller sends them.

    writer: the name of the key in the keyring, or that name, a slash, and which of its chains.
    A caller whose record was not acknowledged begins another chain, of another writer's name.
    """

    def __init__(self, writer: str, key: SigningKey, head: AuditRecorded | None = None) -> None:
        if head is not None and head.writer != writer:
            raise ValueError(f"expected a head of {writer}, got one of {head.writer}")
        self._writer = writer
        self._key = key
        self._head = head

    @property
    def head(self) -> AuditRecorded | None:
        """The last record."""
        return self._head

    def append(
        self,
        kind: AuditKind,
        incident_id: IncidentId,
        record: Mapping[str, JsonValue],
        at: datetime | None = None,
    ) -> AuditRecorded:
        """Return the next record, and take it as the head."""
        draft = AuditRecorded(
            writer=self._writer,
            index=0 if self._head is None else self._head.index + 1,
            previous=NO_RECORD if self._head is None else self._head.hash,
            kind=kind,
            incident_id=incident_id,
            record=dict(record),
            at=at,
            hash=NO_RECORD,
            signature="",
        )
        digest = digest_of(draft)
        signature = self._key.sign_bytes(_signed(digest))
        self._head = draft.model_copy(update={"hash": digest, "signature": signature})
        return self._head


def sign_head(record: AuditRecorded, key: SigningKey, at: datetime) -> AuditHeadPublished:
    """Return the signed statement that a chain has come to this record."""
    draft = AuditHeadPublished(
        writer=record.writer, index=record.index, hash=record.hash, at=at, signature=""
    )
    return draft.model_copy(update={"signature": key.sign_bytes(_head_bytes(draft))})


def digest_of(record: AuditRecorded) -> str:
    """Return the hash that a record should have."""
    fields = {
        name: getattr(record, name)
        for name in AuditRecorded.model_fields
        if name not in NOT_HASHED and not (name == "at" and record.at is None)
    }
    return hashlib.sha256(canonical_json(fields).encode()).hexdigest()


def is_record_of(key: KeyEntry, record: AuditRecorded) -> bool:
    """Return whether the key signed the hash that the record claims."""
    return is_signature(key, _signed(record.hash), record.signature)


def is_head_of(key: KeyEntry, head: AuditHeadPublished) -> bool:
    """Return whether the key signed the head."""
    return is_signature(key, _head_bytes(head), head.signature)


def _signed(digest: str) -> bytes:
    return Domain.AUDIT.value.encode() + bytes.fromhex(digest)


def _head_bytes(head: AuditHeadPublished) -> bytes:
    fields = {
        name: getattr(head, name) for name in AuditHeadPublished.model_fields if name != "signature"
    }
    return (Domain.AUDIT_HEAD.value + canonical_json(fields)).encode()
