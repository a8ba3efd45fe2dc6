"""A small part of the chaos matrix in the ordinary suite: one kill, one freeze, real processes."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from agents.contracts.execution import ActResult
from deploy.embedded.broker import EmbeddedBroker
from streams import cluster
from tests.chaos.executor_matrix import Case, cases, chosen, matrix


@pytest.mark.parametrize("words", [["kil"], ["kill", ""], ["--case", "kill in akt"]])
def test_a_word_that_names_no_case_is_no_green_table(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        chosen(words)
    assert ended.value.code == 2
    assert f"got {words[-1]!r}" in capsys.readouterr().err


def test_the_command_line_names_a_fate_a_case_or_all() -> None:
    assert chosen([]) == list(cases())
    assert {case.fate for case in chosen(["freeze"])} == {"freeze"}
    assert chosen(["--case", "kill in act"]) == [Case("kill", "act")]
    assert chosen(["--case", "broker after rollback, act harms"]) == [
        Case("broker", "rollback", after=True, harmful=True)
    ]


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_a_killed_and_a_frozen_executor_act_once(
    make_broker: Callable[[], AbstractContextManager[EmbeddedBroker]],
) -> None:
    with make_broker() as broker:
        await asyncio.to_thread(broker.start)
        await asyncio.to_thread(cluster.apply, broker.kafka())
        async with matrix(broker) as played:
            killed, _ = await played.run(Case("kill", "check"))
            assert (killed.last_word.result, len(killed.acts)) == (ActResult.DONE, 1)
            frozen, _ = await played.run(Case("freeze", "act"))
            assert (frozen.last_word.result, len(frozen.acts)) == (ActResult.DONE, 1)
