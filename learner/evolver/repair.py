"""Repair: the Evolver's model writes corrections of one failure, each different one once.

Invariant: what comes back was parsed strictly; a text that is no correction comes back as such,
with the reason, and is never mended.
"""

import asyncio
from dataclasses import dataclass

from agents.contracts.ids import derive
from agents.contracts.trajectory import TrajectoryRecord
from agents.models.protocol import Model, Question
from learner.evolver.correction import Correction, MalformedCorrection, parse_correction
from learner.evolver.diagnosis import Diagnosis
from learner.evolver.prompt import REPLY_TOKENS, messages

TEMPERATURE = 0.8
SEED_MASK = 0x7FFF_FFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """A correction and where it came from; number 0 is the greedy one."""

    correction: Correction
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """A text that is no correction, and why."""

    reason: str
    number: int


async def repair(
    model: Model,
    record: TrajectoryRecord,
    diagnosis: Diagnosis,
    *,
    count: int,
    seed: int,
    temperature: float = TEMPERATURE,
    rendering: str = "compact",
) -> list[Repaired | Malformed]:
    """Return at most `count` corrections: the greedy one, then samples with seeds of their own.

    Corrections with the same steps are one. Raises what the model raises.
    """
    asked = messages(record, diagnosis, rendering=rendering)

    async def one(number: int) -> Repaired | Malformed:
        question = Question(
            messages=asked,
            max_tokens=REPLY_TOKENS,
            seed=int(derive("repair", record.incident_id, seed, number)[:8], 16) & SEED_MASK,
            temperature=temperature if number else 0.0,
        )
        text = (await model.answer(question)).text
        try:
            return Repaired(correction=parse_correction(text, record.task), number=number)
        except MalformedCorrection as error:
            return Malformed(reason=str(error), number=number)

    found = await asyncio.gather(*(one(number) for number in range(count)))
    different: dict[object, Repaired | Malformed] = {}
    for made in found:
        key = made.correction.steps if isinstance(made, Repaired) else made.reason
        different.setdefault(key, made)
    return list(different.values())
