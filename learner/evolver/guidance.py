"""Guidance: a proved correction as the fact that the Observer's prompt shows, and nothing else.

    correction --steps--> grammar --> names, oracle --> GuidancePublished
                 (its summary fields stay here)

Invariant: what is published is made of the grammar's words, placeholders and the closed list of
symptoms alone. A second look compares it with every name that the trajectory holds and with what
the judge said; each of the two suffices without the other.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from agents.contracts.guidance import GuidancePublished
from agents.contracts.ids import GuidanceId, derive
from agents.contracts.trajectory import TrajectoryRecord
from agents.observer.guides import SYMPTOMS
from learner.evolver.correction import Correction
from learner.evolver.grammar import FIELDS, FIXED, KINDS, NAMED, PLACEHOLDERS, kind_of

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_LEAST_LETTERS = 3
VOCABULARY = frozenset(
    {"kubectl", "get", "describe", "delete", "patch", "o", "p", "wide", "type", "json", "merge"}
    | {"op", "path", "value", "replace", "add", "remove", "null", "0", "deploy"}
    | {word for line in FIXED for word in _WORD.findall(line)}
    | {kind for kinds in NAMED.values() for kind in kinds}
    | KINDS
    | FIELDS
    | PLACEHOLDERS
)
"""Every word that a step can hold; one of them in a log is no name."""


class Leaks(ValueError):
    """The guidance would tell of an instance or of the judge; the message says by which word."""


def guidance_of(
    record: TrajectoryRecord,
    correction: Correction,
    *,
    gain: float,
    now: datetime,
    keep_days: float,
) -> GuidancePublished:
    """Return the guidance that a correction makes for failures like the record's.

    gain: the share of fresh siblings that it wins, less what it loses (-1..1). Raises Leaks, also
    for symptoms that are not of the closed list or none at all.
    """
    steps = correction.steps
    for step in steps:
        if kind_of(step) is None:
            raise Leaks(f"expected a line of the grammar, found {step[:80]!r}")
    symptoms = record.symptoms
    if not symptoms or not set(symptoms) <= SYMPTOMS:
        raise Leaks(f"expected symptoms of the closed list, found {symptoms!r}"[:200])
    found = leak(steps, record)
    if found is not None:
        raise Leaks(f"expected no word of the incident, found {found!r}")
    signature = signature_of(record)
    return GuidancePublished(
        guidance_id=GuidanceId(derive("guidance", signature, *steps)),
        signature=signature,
        task=record.task,
        symptoms=symptoms,
        steps=steps,
        provenance=(record.incident_id,),
        proved=True,
        gain=gain,
        expires=now + timedelta(days=keep_days),
    )


def signature_of(record: TrajectoryRecord) -> str:
    """Return what failures of the same kind share: the task and the symptoms, sorted."""
    return f"{record.task}/{'-'.join(sorted(set(record.symptoms)))}"


def leak(texts: Iterable[str], record: TrajectoryRecord) -> str | None:
    """Return the first word of the texts that the record holds as a name or the judge said."""
    known = names_in(record) | words_of_oracle(record)
    for text in texts:
        for found in _WORD.finditer(text):
            if found.group().lower() in known:
                return found.group()
    return None


def names_in(record: TrajectoryRecord) -> frozenset[str]:
    """Return every word of the record that is not of the vocabulary, in lower case.

    Namespaces, services, pods, hashes, addresses, ports and counts are among them, and so is every
    other word that a cluster or a model wrote.
    """
    answer = record.submission.model_dump_json() if record.submission else ""
    texts = [record.namespace or "", record.title, answer]
    for step in record.steps:
        texts += [step.line or "", step.summary, step.observation or "", step.refusal or ""]
    return _foreign(texts)


def words_of_oracle(record: TrajectoryRecord) -> frozenset[str]:
    """Return the words of the judge that are not of the vocabulary, in lower case."""
    return _foreign((record.reason, record.judge or ""))


def _foreign(texts: Iterable[str]) -> frozenset[str]:
    words = {word.lower().rstrip(".-_") for text in texts for word in _WORD.findall(text)}
    parts = {part for word in words for part in re.split(r"[._-]", word)}
    allowed = {word.lower() for word in VOCABULARY}
    long = {part for part in parts if len(part) >= _LEAST_LETTERS or part.isdigit()}
    return frozenset((words | long) - allowed)
