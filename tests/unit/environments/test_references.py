"""One word names an incident; it reads back as itself, and builds the same incident again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.contracts.incident import Task
from agents.environments.simulated.benchmark import problems
from agents.environments.simulated.benchmark.problems import PROBLEMS
from agents.environments.simulated.faults.registry import FAMILIES
from agents.environments.simulated.incidents import Difficulty, generate
from agents.environments.simulated.references import (
    Reference,
    UnknownIncident,
    option_types,
    parse_reference,
    procedural,
    scenario_of,
)

SEEDS = st.integers(min_value=0, max_value=10**18 - 1)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "split": st.sampled_from("ABD"),
        "family": st.sampled_from(sorted(FAMILIES)),
        "task": st.sampled_from(Task),
        "healthy": st.booleans(),
        "application": st.sampled_from(("hotel", "procedural")),
        "difficulty": st.sampled_from(Difficulty),
    },
)


@given(SEEDS, OPTIONS)
def test_procedural_references_read_back_as_themselves(
    seed: int, options: dict[str, object]
) -> None:
    reference = procedural(seed, **options)
    assert dict(reference.options) == options
    assert parse_reference(str(reference)) == reference


@given(st.sampled_from(sorted(PROBLEMS)), SEEDS)
def test_problem_references_read_back_as_themselves(problem: str, seed: int) -> None:
    reference = Reference(problem=problem, seed=seed)
    assert parse_reference(str(reference)) == reference
    assert scenario_of(str(reference)) == problems.scenario_of(problem, seed=seed)


def test_every_option_of_the_generator_has_a_sample_above() -> None:
    assert set(option_types()) == {
        "split", "family", "task", "healthy", "application", "difficulty"
    }  # fmt: skip


def test_options_pin_what_is_drawn() -> None:
    text = "seed-7:split=B,task=mitigation,difficulty=several"
    expected = generate(7, split="B", task=Task.MITIGATION, difficulty=Difficulty.SEVERAL)
    assert scenario_of(text) == expected
    assert scenario_of("seed-7") == generate(7)


def test_the_order_of_options_does_not_matter() -> None:
    text = "seed-7:healthy=true,split=B"
    assert str(parse_reference(text)) == "seed-7:split=B,healthy=true"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "seed-NUMBER"),
        ("seed-", "seed-NUMBER"),
        ("seed-07", "seed-NUMBER"),
        ("seed--1", "seed-NUMBER"),
        ("seed-7 ", "seed-NUMBER"),
        ("seed-9999999999999999999", "seed-NUMBER"),
        ("seed-7:", "NAME=VALUE"),
        ("seed-7:split", "NAME=VALUE"),
        ("seed-7:split=A,", "NAME=VALUE"),
        ("seed-7:split=A,split=B", "once"),
        ("seed-7:split=C", r"\(A, B, D\), got 'C'"),
        ("seed-7:helthy=true", "near: healthy"),
        ("seed-7:healthy=perhaps", "boolean"),
        ("seed-7:healthy=None", "boolean"),
        ("seed-7:task=mitigate", "'mitigation'"),
        ("seed-7:family=image_unpulable", "near: image_unpullable"),
        ("seed-7:application=hotl", "near: hotel"),
        ("scale_pod_zero", "near: scale_pod_zero_social_net-"),
        ("scale_pod_zero_social_net-mitigation-2", "near: scale_pod_zero_social_net-mitigation-1"),
        ("scale_pod_zero_social_net-mitigation-1@", "seed-NUMBER"),
        ("scale_pod_zero_social_net-mitigation-1@x", "seed-NUMBER"),
    ],
)
def test_what_is_no_reference_is_told_with_what_is_near(text: str, told: str) -> None:
    with pytest.raises(UnknownIncident, match=told):
        parse_reference(text)


@given(st.text(max_size=60))
def test_any_text_is_a_reference_or_told_not_to_be(text: str) -> None:
    try:
        reference = parse_reference(text)
    except UnknownIncident:
        return
    assert parse_reference(str(reference)) == reference
