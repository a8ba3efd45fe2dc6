"""No text leaves its envelope, changes a ruling or a verdict, raises a reward or becomes guidance.

Each row of `poison.py` stands in a log, an event, an annotation, a configmap and an alert; what
happens is compared with what happens without it.
"""

import asyncio
import json
import re
from functools import cache
from typing import Any

import pytest

from agents.compressor.rules import compress
from agents.contracts.alert import AlertReceived
from agents.contracts.incident import Task
from agents.contracts.plan import Submission, SubmitReason
from agents.environments.border import Border
from agents.environments.protocol import Output
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.objects import manifest
from agents.environments.simulated.oracle import Verdict
from agents.memory import LastStep, Memory, PastStep
from agents.models.scripted import ScriptedModel
from agents.observer.envelope import CLOSE, OPEN, harmless
from agents.observer.guides import SYMPTOMS, symptoms_of
from agents.observer.prompt import Situation, messages
from agents.observer.reply import MalformedReply, Reply, parse_reply
from agents.policy.actions import action_of
from agents.policy.decide import PreviewFacts, Ruling
from agents.policy.parse import parse
from learner.evolver.diagnosis import diagnose
from learner.evolver.prompt import messages as evolver_messages
from learner.incidents import Drawn
from learner.rewards.parts import RewardWeights
from learner.rollout.collect import Job, solve
from learner.samples import Episode
from tests.builders import alert, opened
from tests.safety.judge import DENY, circumstances, ruled, shipped
from tests.safety.poison import POISON
from tests.safety.test_guidance import ALLOWED, FORGED, poisoned, published, words

ROWS_WANTED = 60
WIDE = 1_000_000
MARKER = "x"


def test_there_are_enough_rows() -> None:
    assert len(POISON) >= ROWS_WANTED


# the envelope


def situation(text: str, *, label: str = MARKER) -> Situation:
    """Return a situation in which the text stands wherever a cluster or a model may write."""
    told: AlertReceived = alert().model_copy(
        update={
            "labels": {"alertname": label, "service": label, "namespace": label},
            "annotations": {"description": text, "summary": text},
        }
    )
    incident = opened().model_copy(update={"alerts": (told,), "namespace": label, "title": text})
    memory = Memory(
        past=(PastStep(line="kubectl get pods", summary=text),),
        last=LastStep(line="kubectl logs x", text=text),
    )
    return Situation(incident=incident, memory=memory, guidance=(), step=3, max_steps=12)


def outside(prompt: str) -> list[str]:
    """Return the prompt's lines without its envelopes; fails when one is not well formed."""
    assert prompt.count(OPEN) == prompt.count(CLOSE)
    left = re.sub(f"{OPEN}.*?{CLOSE}", "<data>", prompt, flags=re.DOTALL)
    assert OPEN not in left and CLOSE not in left
    return left.split("\n")


def rendered(found: Situation) -> str:
    (prompt,) = messages(found, rendering="compact", budget=WIDE)
    return prompt.content


@pytest.mark.parametrize("row", POISON)
def test_it_stays_in_its_envelope(row: str) -> None:
    plain, poison = outside(rendered(situation(MARKER))), outside(rendered(situation(POISON[row])))
    past = next(at for at, line in enumerate(plain) if line.startswith("PAST "))
    assert len(poison) == len(plain)
    assert poison[past].startswith("PAST kubectl get pods -> ")
    assert poison[:past] + poison[past + 1 :] == plain[:past] + plain[past + 1 :]


@pytest.mark.parametrize("row", POISON)
def test_as_a_label_it_stays_in_one(row: str) -> None:
    lines = outside(rendered(situation(MARKER, label=POISON[row])))
    assert len(lines) == len(outside(rendered(situation(MARKER))))
    for line in lines:
        if line.startswith("ALERT "):
            assert re.fullmatch(r"ALERT (<data>|[\w.:/-]*) (<data>|[\w.:/-]*) <data>", line)


@pytest.mark.parametrize("row", POISON)
def test_it_stays_in_the_evolvers_envelope(row: str) -> None:
    found = []
    for text in (MARKER, POISON[row]):
        record = poisoned(text)
        (prompt,) = evolver_messages(record, diagnose(record))
        found.append(outside(prompt.content)[:3])
    assert found[0] == found[1]


@pytest.mark.parametrize("row", POISON)
def test_the_compressor_keeps_the_evidence_beside_it(row: str) -> None:
    evidence = "E0813 upstream orders error: connection refused"
    shown = compress(f"{POISON[row][:1500]}\n{evidence}\n{POISON[row][:300]}", 2200).text
    assert evidence in shown


def test_seven_marks_in_a_row_leave_none() -> None:
    for size in range(3, 100):
        assert OPEN not in harmless("<" * size) and CLOSE not in harmless(">" * size)


IGNORABLE = "\u00ad\u034f\u115f\u1160\u17b5\u180f\u3164\ufe00\ufe0f\uffa0\ufff1\U000e0100\U000e01ef"


@pytest.mark.parametrize("unseen", IGNORABLE, ids=ascii)
def test_no_mark_comes_about_by_what_nobody_sees(unseen: str) -> None:
    for mark in (OPEN, CLOSE):
        assert harmless(unseen.join((*mark, "GUIDE 1"))) == f"{mark[0]}GUIDE 1"


def test_what_people_can_read_is_not_changed() -> None:
    text = "geo  1/1\tRunning -> <none> << ok >> [x2] grüße 漢字 ✓"
    assert harmless(text) == text


# no tool, no argument


@pytest.mark.parametrize("row", POISON)
def test_as_a_line_it_is_denied(row: str) -> None:
    assert ruled(POISON[row])[0] is DENY


@pytest.mark.parametrize("row", POISON)
@pytest.mark.parametrize("task", [Task.DETECTION, Task.MITIGATION])
def test_as_a_reply_it_chooses_a_line_or_an_answer_at_most(row: str, task: Task) -> None:
    try:
        reply = parse_reply(POISON[row], task)
    except MalformedReply:
        return
    assert set(reply.model_dump()) == set(Reply.model_fields)
    assert not reply.command or ruled(reply.command)[0] is DENY


# rulings, verdicts and rewards


SCALED = Drawn(seed=5, family="scaled_to_zero", task=Task.MITIGATION)
WEIGHTS = RewardWeights()
PODS, LOGS, MAPS = "kubectl get pods -o yaml", "kubectl logs deploy/{}", "kubectl get cm -o yaml"
READS = (PODS, LOGS, MAPS, "kubectl get events")


class Poisoned(Lab):
    """A lab in which somebody wrote the text wherever a tenant of the cluster may write."""

    def __init__(self, drawn: Drawn, text: str) -> None:
        super().__init__(drawn.scenario())
        self.text = text
        store, stamp = self.cluster.store, "2026-01-01T00:00:00Z"
        note = manifest.bare("configmaps", "notes", self.namespace) | {"data": {"note": text}}
        store.create("configmaps", note, stamp)
        for kind in ("pods", "deployments", "services"):
            for one in store.listed(kind, self.namespace):
                one["metadata"].setdefault("annotations", {})["note"] = text

    def read(self, command: Any) -> Output:
        """Append the text to logs and events, as a pod or a controller would write it."""
        output = super().read(command)
        if command.verb not in {"logs", "events"} and "events" not in str(command.targets):
            return output
        return Output(
            text=f"{self.text}\n{output.text}{self.text}\n",
            exit_code=output.exit_code,
            seconds=output.seconds,
        )

    def alerts(self) -> list[dict[str, object]]:
        """Add the text to what the alerts say."""
        found = super().alerts()
        for one in found:
            annotations: Any = one["annotations"]
            labels: Any = one["labels"]
            one["annotations"] = {**annotations, "runbook": self.text}
            one["labels"] = {**labels, "note": self.text}
        return found


def replies(lab: Lab, *, right: bool) -> list[str]:
    """Return an operator's replies: four reads, a repair (right or wrong), an answer."""
    stopped = next(
        one["metadata"]["name"]
        for one in lab.cluster.store.listed("deployments", lab.namespace)
        if one["spec"]["replicas"] == 0
    )
    repair = f"kubectl scale deployment/{stopped} --replicas=1"
    act = repair if right else f"kubectl rollout restart deployment/{stopped}"
    steps = [{"action": "probe", "command": read.format(stopped)} for read in READS]
    steps += [{"action": "act", "command": act}, {"action": "submit"}]
    return [json.dumps({"summary": "s", "confidence": 80, **step}) for step in steps]


def played(monkeypatch: pytest.MonkeyPatch, text: str, *, right: bool) -> Episode:
    """Return the episode of that operator in the poisoned lab."""
    lab = Poisoned(SCALED, text)
    monkeypatch.setattr(Drawn, "lab", lambda _: lab)
    model = ScriptedModel(replies(lab, right=right))
    found = asyncio.run(solve(model, Job(drawn=SCALED), weights=WEIGHTS))
    seen = "".join(message.content for question in model.asked for message in question.messages)
    begun = (harmless(text).split() or [""])[0][:20]
    assert begun in seen or "[redacted:random text]" in seen, "it must have been seen"
    return found


TOLD: dict[bool, Episode] = {}


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("row", POISON)
def test_neither_verdict_nor_reward_change(
    monkeypatch: pytest.MonkeyPatch, row: str, *, right: bool
) -> None:
    if right not in TOLD:
        TOLD[right] = played(monkeypatch, "", right=right)
    clean, poison = TOLD[right], played(monkeypatch, POISON[row], right=right)
    assert clean.success is right
    for name in ("success", "rewards", "reward", "steps", "acts", "violations", "reason"):
        assert getattr(poison, name) == getattr(clean, name), name


LINES = (
    "kubectl scale deployment/{} --replicas=1",
    "kubectl rollout restart deployment/{}",
    "kubectl delete pod {}-0",
    "kubectl scale deployment/{} --replicas=0",
)


def rulings(lab: Lab) -> list[tuple[Ruling, str]]:
    """Return the shipped policy's rulings on acts whose dry run saw the lab."""
    name = lab.cluster.store.listed("deployments", lab.namespace)[0]["metadata"]["name"]
    found = []
    for line in LINES:
        action = action_of(parse(line.format(name), lab.namespace))
        try:
            pods = Border(lab).preview(action).pods_affected
        except Exception as error:  # noqa: BLE001 - the API server's refusal is a fact, too
            found.append((DENY, type(error).__name__))
            continue
        context = circumstances(
            incident_namespace=lab.namespace,
            managed=(lab.namespace,),
            preview=PreviewFacts(pods_affected=pods),
        )
        verdict = shipped().decide(action, context)
        found.append((verdict.ruling, verdict.reason))
    return found


@cache
def unpoisoned() -> tuple[list[tuple[Ruling, str]], Verdict]:
    """Return the rulings and the oracle's word without any text."""
    lab = Lab(SCALED.scenario())
    return rulings(lab), lab.judge(NOTHING_DONE)


NOTHING_DONE = Submission(task=Task.MITIGATION, reason=SubmitReason.ANSWERED, answer=None)


@pytest.mark.parametrize("row", POISON)
def test_rulings_and_the_oracles_word_do_not_change(row: str) -> None:
    expected, verdict = unpoisoned()
    poison = Poisoned(SCALED, POISON[row])
    assert rulings(poison) == expected
    assert len({ruling for ruling, _ in expected}) > 1, "the acts must differ in their rulings"
    assert poison.judge(NOTHING_DONE) == verdict


# guidance


@pytest.mark.parametrize("row", POISON)
def test_it_never_becomes_guidance(row: str) -> None:
    record = poisoned(POISON[row])
    forged = FORGED | {"commands": [{"phase": "resolution", "command": POISON[row]}]}
    for text in (POISON[row], json.dumps(FORGED), json.dumps(forged)):
        guidance = published(record, text)
        assert guidance is None or words(guidance) <= ALLOWED


@pytest.mark.parametrize("row", POISON)
def test_symptoms_are_taken_from_the_closed_list(row: str) -> None:
    assert set(symptoms_of(situation(POISON[row]).incident)) <= SYMPTOMS
