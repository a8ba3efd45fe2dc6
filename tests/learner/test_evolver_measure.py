"""The Evolver's evaluation, its recipe's options, and the checkpoint that ships."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from agents.contracts.incident import Task
from agents.models.local import LocalModel
from agents.models.protocol import Question
from agents.models.scripted import ScriptedModel
from deploy.embedded.shipped import SHIPPED_EVOLVER
from learner.evolver import pretrain
from learner.evolver.correction import render
from learner.evolver.diagnosis import diagnose
from learner.evolver.measure import SEEDS, Failed, measure, spoiled
from learner.evolver.prompt import messages
from learner.models import reference_of


@pytest.fixture(scope="module")
def failures() -> list[Failed]:
    return spoiled(12, first=9)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_experts_own_words_score_in_full(failures: list[Failed]) -> None:
    right = {
        messages(one.record, diagnose(one.record))[0].content: render(one.right) for one in failures
    }

    def script(question: Question) -> str:
        return right[question.messages[0].content]

    shares = asyncio.run(measure(ScriptedModel(script), failures))
    whole = shares["all"]
    assert (whole.count, whole.parsed, whole.same, whole.cause) == (12, 1.0, 1.0, 1.0)
    assert whole.resolved == 1.0
    assert shares[Task.LOCALIZATION].resolved is None
    assert shares[Task.LOCALIZATION].line("x").endswith("| 100 % | - | 100 % | 100 % |")


def test_what_is_no_correction_scores_nothing(failures: list[Failed]) -> None:
    whole = asyncio.run(measure(ScriptedModel(lambda _: "{}"), failures))["all"]
    assert (whole.parsed, whole.same, whole.cause, whole.resolved) == (0.0, 0.0, 0.0, 0.0)


def test_seeds_of_training_validation_and_evaluation_are_apart() -> None:
    most = 1 << 32
    assert (
        len({seeds // most for seeds in (pretrain.TRAIN_SEEDS, pretrain.VALID_SEEDS, SEEDS)}) == 3
    )


def test_the_options_describe_a_run() -> None:
    chosen = pretrain.parser().parse_args(["--quick", "--out", "x"])
    run = pretrain.run_of(chosen)
    assert run.limit is not None and run.minutes <= 3 and run.work == Path("x/work")
    cuda = pretrain.run_of(pretrain.parser().parse_args(["--device", "cuda", "--minutes", "8"]))
    assert cuda.limit is None and cuda.training().compiled
    assert cuda.init.is_dir() and cuda.observer.is_dir() and pretrain.TEMPLATE.is_file()


def test_the_shipped_evolver_writes_corrections(failures: list[Failed]) -> None:
    model = LocalModel(SHIPPED_EVOLVER, max_batch=6)
    try:
        whole = asyncio.run(measure(model, failures[:6]))["all"]
    finally:
        model.close()
    assert whole.parsed == 1.0
    assert whole.same >= 0.5


def test_the_card_tells_the_digest_of_the_weights() -> None:
    assert reference_of(SHIPPED_EVOLVER).digest in (SHIPPED_EVOLVER / "README.md").read_text()
    assert all(file.stat().st_size < 16_000_000 for file in SHIPPED_EVOLVER.iterdir())
