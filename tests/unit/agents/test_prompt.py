"""Prompts: within their budget, and untrusted text inside its envelope."""

from hypothesis import given
from hypothesis import strategies as st

from agents.memory import LastStep, Memory, PastStep
from agents.observer.prompt import CLOSE, OPEN, Situation, messages
from tests.builders import opened


def situation(memory: Memory) -> Situation:
    return Situation(incident=opened(), memory=memory, guidance=(), step=3, max_steps=12)


def test_over_the_budget_the_oldest_summaries_go_first() -> None:
    past = tuple(PastStep(line=f"kubectl get p{n}", summary="s" * 80) for n in range(20))
    memory = Memory(past=past, last=LastStep(line="kubectl logs x", text="the decisive line"))
    (prompt,) = messages(situation(memory), rendering="compact", budget=900)
    assert len(prompt.content) <= 900
    assert "the decisive line" in prompt.content
    assert "get p19" in prompt.content
    assert "get p0 " not in prompt.content


def test_a_huge_observation_keeps_its_head_and_tail() -> None:
    text = "first line\n" + "x" * 9000 + "\nlast line"
    memory = Memory(last=LastStep(line="kubectl logs x", text=text))
    (prompt,) = messages(situation(memory), rendering="compact", budget=2000)
    assert len(prompt.content) <= 2100
    assert "first line" in prompt.content
    assert "last line" in prompt.content


def test_full_rendering_adds_the_rules() -> None:
    system, user = messages(situation(Memory()), rendering="full", budget=2000)
    assert system.role == "system"
    assert user.role == "user"


@given(st.text(alphabet="<>ab\n", max_size=60))
def test_text_from_the_cluster_cannot_close_its_block(hostile: str) -> None:
    memory = Memory(last=LastStep(line="kubectl logs x", text=hostile))
    (prompt,) = messages(situation(memory), rendering="compact", budget=4000)
    blocks = prompt.content.count(OPEN), prompt.content.count(CLOSE)
    assert blocks == (2, 2)
