"""Training pairs: really failed, really corrected, of training families, in serving's words."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agents.contracts.incident import Task
from agents.contracts.model import Message
from agents.contracts.trajectory import Outcome
from agents.environments.simulated import splits
from agents.environments.simulated.incidents import generate
from agents.models.chat import ChatFormat
from learner.evolver import pairs as module
from learner.evolver.correction import parse_correction
from learner.evolver.corruption import WEIGHTS, Flaw
from learner.evolver.diagnosis import diagnose
from learner.evolver.guidance import leak
from learner.evolver.pairs import Pair, Pairing, by_expert, pairs
from learner.evolver.prompt import REPLY_TOKENS, messages
from learner.pretrain.guides import guide_of

OBSERVER = Path(__file__).parents[2] / "deploy" / "models" / "observer-6m"


@pytest.fixture(scope="module")
def drawn() -> list[Pair]:
    return [pair for seed in range(70_000, 70_030) for pair in pairs(seed)]


def test_pairs_are_failures_with_corrections(drawn: list[Pair]) -> None:
    assert len(drawn) > 40
    for pair in drawn:
        assert pair.record.outcome is Outcome.FAILURE
        assert parse_correction(pair.lesson.reply, pair.record.task) == pair.correction
        assert bool(pair.correction.resolution) is (pair.record.task is Task.MITIGATION)


def test_the_steps_are_those_of_the_experts_guide(drawn: list[Pair]) -> None:
    for pair in drawn[::5]:
        guide = guide_of(by_expert(pair.scenario).lines)
        assert pair.correction.steps == guide


def test_a_correction_holds_no_name_of_its_instance(drawn: list[Pair]) -> None:
    for pair in drawn:
        assert leak(pair.correction.steps, pair.record) is None
        names = {one.name for one in pair.scenario.application.components}
        state = pair.correction.system_state_summary
        for field in state.model_dump().values():
            assert not names & set(field.replace(",", " ").split())


def test_the_prompt_is_servings(drawn: list[Pair]) -> None:
    for pair in drawn[::5]:
        (message,) = messages(pair.record, diagnose(pair.record))
        assert message == Message(role="user", content=pair.lesson.prompt)


def test_a_pair_fits_the_model(drawn: list[Pair]) -> None:
    chat = ChatFormat(OBSERVER)
    for pair in drawn:
        prompt = chat.prompt_ids([Message(role="user", content=pair.lesson.prompt)])
        reply = chat.reply_ids(pair.lesson.reply)
        assert len(reply) <= REPLY_TOKENS
        assert len(prompt) + len(reply) < 4096


def test_a_seed_gives_the_same_pairs(drawn: list[Pair]) -> None:
    seed = drawn[0].scenario.seed
    again = list(pairs(seed))
    assert again == [pair for pair in drawn if pair.scenario.seed == seed]
    assert Pairing()(seed).lessons == tuple(pair.lesson for pair in again)


def test_no_held_out_family_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def noted(seed: int, **kwargs: Any) -> Any:
        scenario = generate(seed, **kwargs)
        asked.append(scenario.family)
        return scenario

    solved = by_expert(generate(1))
    monkeypatch.setattr(module, "generate", noted)
    monkeypatch.setattr(module, "by_expert", lambda _: solved)
    for seed in range(400):
        for _ in pairs(seed, flaws=0):
            pass
    table = splits.table()["splits"]
    assert set(asked) == set(table["A"])
    assert not set(asked) & {*table["B"], *table["C"], *table["D"]}


def test_every_flaw_is_drawn_and_fails(drawn: list[Pair]) -> None:
    found = Counter(pair.flaw for pair in drawn)
    assert set(WEIGHTS) == set(Flaw)
    assert set(found) == set(Flaw)
