"""The outsider's scripts against the whole pipeline: an alert in, a decision in, the act seen.

`alert_producer.py` and `approver.py` of `docs/examples/` run as they stand, with a Kafka login and
a key; what becomes of it is read from public topics as a user that has no other rights.
"""

import asyncio
import sys
from pathlib import Path

import pytest

from agents.contracts.approval import ActionApproved
from agents.contracts.execution import ActionExecuted, ActResult
from agents.contracts.incident import IncidentOpened
from streams import contract
from streams.settings import KafkaSettings
from streams.tail import Tail
from streams.topics import ACTIONS_APPROVED, ACTIONS_EXECUTED, INCIDENTS
from tests.flow.stacks import broker_of, pipeline

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]
EXAMPLES = contract.ROOT / "docs" / "examples"
SECONDS = 90


async def run(script: str, *arguments: object, answer: bytes = b"") -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / script),
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, err = await asyncio.wait_for(process.communicate(answer), SECONDS)
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode == 0, err.decode()


async def opened_and_done(kafka: KafkaSettings) -> tuple[IncidentOpened, ActionExecuted]:
    """Follow public topics until the outsider's incident is open and some act was reported."""
    incident: IncidentOpened | None = None
    done: ActionExecuted | None = None
    topics = (INCIDENTS, ACTIONS_APPROVED, ACTIONS_EXECUTED)
    async with asyncio.timeout(SECONDS), Tail(kafka, topics, from_start=True) as tail:
        async for _, event in tail:
            match event.fact:
                case IncidentOpened(group="shop/checkout") as fact:
                    incident = fact
                case ActionApproved() as fact:
                    assert [one.payload.approver for one in fact.decisions] == ["approver"]
                case ActionExecuted() as fact:
                    done = fact
            if incident is not None and done is not None:
                return incident, done
    raise AssertionError("expected the tail to go on until the time is up")


async def test_an_outsider_raises_an_alert_approves_and_sees_the_act() -> None:
    async with pipeline(incidents=1, approver=False) as (stack, _):
        broker, key = broker_of(stack), Path(broker_of(stack).state_dir) / "keys" / "approver.key"
        await run("alert_producer.py", broker.credential_file("producer"))
        login = broker.credential_file("approver")
        await run("approver.py", login, key, "approver", answer=b"y\n")
        opened, done = await opened_and_done(broker.kafka("producer"))
        assert opened.alerts[0].fingerprint == "checkout-5xx"
        assert done.result is ActResult.DONE
