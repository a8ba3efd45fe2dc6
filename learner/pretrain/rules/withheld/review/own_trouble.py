"""A process that complains of itself: slow, paused, growing, behind, or failing on its own."""

from collections import Counter
from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict
from learner.pretrain.rules.withheld.review.ledger import Ledger, ledger_of

AT_ONCE = 4
"""Services whose logs are read in one look: more would be cut."""
MUCH, TIMES = 500, 4
"""Millicores, and how many times the next one's, from which a process has no more to give."""


def saturated(ledger: Ledger) -> str | None:
    """Return the service that takes far more CPU than any other."""
    most = sorted((ledger.usage or {}).items(), key=lambda item: -item[1])[:2]
    if len(most) < 2 or most[0][1] < MUCH or most[0][1] < TIMES * most[1][1]:  # noqa: PLR2004
        return None
    return most[0][0]


def _look(notes: Notes) -> Verdict:
    ledger = ledger_of(notes)
    if ledger.troubles:
        said: Counter[str] = Counter()
        for service, _, times in ledger.troubles:
            said[service] += times
        return Finding(service=said.most_common(1)[0][0])
    busy = saturated(ledger)
    rows = [
        row
        for name, row in (ledger.rows or {}).items()
        if name not in ledger.swept and name not in ledger.calls
    ]
    rows.sort(key=lambda row: row.service != busy)
    if not rows:
        return Finding(service=busy) if busy else None
    hashes = ",".join(row.template for row in rows[:AT_ONCE])
    line = f"kubectl logs -l 'pod-template-hash in ({hashes})' --since=2m --prefix --tail=10"
    return Look(line=line, service=busy or rows[0].service, needed=busy is None)


def _repairs(_notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    return (f"kubectl rollout restart deploy/{finding.service}",)


RULE = Rule(
    name="review_own_trouble",
    system_level="Application",
    fault_type="Code Defect",
    look=_look,
    repairs=_repairs,
    cautious=True,
    review=True,
    rank=90,
)
