"""Replies: what is taken, what is refused, and that demonstrations read back as written."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.contracts.incident import Task
from agents.contracts.plan import Analysis
from agents.observer.reply import MalformedReply, Reply, ReplyAction, parse_reply, reply_text


@pytest.mark.parametrize(
    ("task", "answer", "expected"),
    [
        (Task.DETECTION, '"yes"', "Yes"),
        (Task.LOCALIZATION, '["geo"]', ("geo",)),
        (Task.LOCALIZATION, '"geo"', ("geo",)),
        (
            Task.ANALYSIS,
            '{"system_level": "Application", "fault_type": "Misconfiguration"}',
            Analysis(system_level="Application", fault_type="Misconfiguration"),
        ),
        (Task.MITIGATION, '"done"', None),
    ],
)
def test_an_answer_takes_its_task_s_form(task: Task, answer: str, expected: object) -> None:
    assert parse_reply(f'{{"action": "submit", "answer": {answer}}}', task).answer == expected


@pytest.mark.parametrize(
    ("task", "text", "says"),
    [
        (Task.MITIGATION, "the pods are fine", "not one JSON object"),
        (Task.MITIGATION, '[{"action": "submit"}]', "expected a JSON object"),
        (Task.MITIGATION, '{"action": "delete everything"}', "action"),
        (Task.MITIGATION, '{"action": "probe"}', "command"),
        (Task.DETECTION, '{"action": "submit"}', "expected Yes or No"),
        (Task.DETECTION, '{"action": "submit", "answer": "maybe"}', "expected Yes or No"),
        (Task.ANALYSIS, '{"action": "submit", "answer": "x"}', "system_level"),
        (Task.DETECTION, '{"action": "act", "command": "kubectl x"}', "reads only"),
        (Task.MITIGATION, '{"action": "probe", "command": "x", "confidence": 101}', "confidence"),
        (Task.MITIGATION, "x" * 30_000, "30000 characters"),
    ],
)
def test_a_malformed_reply_says_what_was_expected(task: Task, text: str, says: str) -> None:
    with pytest.raises(MalformedReply, match=says):
        parse_reply(text, task)


def test_a_fence_is_tolerated() -> None:
    fenced = '```json\n{"action": "probe", "command": "kubectl get pods"}\n```'
    assert parse_reply(fenced, Task.MITIGATION).command == "kubectl get pods"


@given(st.text(max_size=300), st.sampled_from(Task))
def test_no_text_raises_anything_else(text: str, task: Task) -> None:
    with suppress(MalformedReply):
        parse_reply(text, task)


WORDS = st.text(st.characters(codec="utf-8"), max_size=40).map(lambda text: " ".join(text.split()))


@given(WORDS, WORDS, st.integers(0, 100), st.text(min_size=1, max_size=60).filter(str.strip))
def test_a_written_reply_reads_back(
    summary: str, target: str, confidence: int, command: str
) -> None:
    reply = Reply(
        summary=summary,
        target=target,
        confidence=confidence,
        action=ReplyAction.PROBE,
        command=command,
    )
    assert parse_reply(reply_text(reply), Task.MITIGATION) == reply
