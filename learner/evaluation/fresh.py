"""Incidents that nobody has trained on or looked at: drawn for one candidate and one look.

Invariant: the seeds derive from the candidate's digest, so they can't be known before the weights
are; they lie in a range of their own, far from demonstrations (from 1 << 32), training (1 << 40),
surveys (1 << 44), evaluation (1 << 48) and the labs of stacks (below 1e9, and from 1 << 50).
"""

from collections.abc import Sequence
from uuid import UUID

from agents.contracts.ids import derive
from agents.contracts.incident import Task
from learner.incidents import Drawn, paired
from learner.models import ModelRef

SEEDS = range(1 << 51, (1 << 51) + (1 << 50))
SEEDS_A_LOOK = 1 << 16


def first_seed(candidate: ModelRef, look: int) -> int:
    """Return where the seeds of a look begin; 65,536 belong to it.

    look: told apart, so that judging the same weights again meets other incidents. Two looks share
    seeds with a probability of 2^-34.
    """
    drawn = UUID(derive("judgement", candidate.digest, look)).int
    return SEEDS.start + drawn % (len(SEEDS) // SEEDS_A_LOOK) * SEEDS_A_LOOK


def fresh(
    candidate: ModelRef, families: Sequence[str], tasks: Sequence[Task], count: int, *, look: int
) -> list[Drawn]:
    """Return incidents for a look at a candidate, families and tasks in turn (see `paired`).

    Raises ValueError for more than 65,536.
    """
    if count > SEEDS_A_LOOK:
        raise ValueError(f"expected at most {SEEDS_A_LOOK} incidents a look, got {count}")
    return paired(families, tasks, count, first=first_seed(candidate, look))
