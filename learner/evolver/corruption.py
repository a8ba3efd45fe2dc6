"""A clumsy Observer: the expert's replies, spoiled in the ways in which small models go wrong.

Invariant: it is deterministic given its rng, and everything that it does is done in the lab, so
that what it sees is real. Whether the run failed is the oracle's to say, not the corruption's.
"""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from agents.contracts.incident import Task
from agents.contracts.plan import Analysis
from agents.observer.prompt import Situation
from agents.observer.reply import Reply, ReplyAction, reply_text
from learner.pretrain.chance import happens
from learner.pretrain.expert import Expert


class Flaw(StrEnum):
    """How the run is spoiled; each is seen in models that are trained too little.

    hasty: it answers before it knows. garbled: it can't copy a name, and asks for it again and
    again. misnamed: the path is right, the answer is not. unfit: it repairs something else.
    astray: it reads what has nothing to do with it. malformed: replies that can't be read.
    forbidden: it insists on what policy refuses.
    """

    HASTY = "hasty"
    GARBLED = "garbled"
    MISNAMED = "misnamed"
    UNFIT = "unfit"
    ASTRAY = "astray"
    MALFORMED = "malformed"
    FORBIDDEN = "forbidden"


WEIGHTS: dict[Flaw, float] = {
    Flaw.HASTY: 0.16,
    Flaw.GARBLED: 0.26,
    Flaw.MISNAMED: 0.18,
    Flaw.UNFIT: 0.18,
    Flaw.ASTRAY: 0.10,
    Flaw.MALFORMED: 0.06,
    Flaw.FORBIDDEN: 0.06,
}
IDLE = (
    *("kubectl get events", "kubectl top pods", "kubectl get services", "kubectl get configmaps"),
    *("kubectl get deploy", "kubectl get nodes", "kubectl get networkpolicy", "kubectl get hpa"),
    *("kubectl get replicasets", "kubectl describe deploy {}", "kubectl get pods -o wide"),
    *("kubectl logs deploy/{} --since=2m", "kubectl describe service {}", "kubectl get endpoints"),
)
UNFIT = (
    *("kubectl rollout restart deploy/{}", "kubectl rollout undo deploy/{}"),
    *("kubectl scale deploy/{} --replicas=2", "kubectl delete pod {}"),
    *("kubectl set resources deploy/{} --limits=memory=512Mi", "kubectl delete networkpolicy {}"),
    *('kubectl patch service {} -p \'{{"spec":{{"selector":{{"app":"{}"}}}}}}\'',),
)
FORBIDDEN = (
    *("kubectl get pods | grep -v Running", "kubectl logs deploy/{} --since=2m | tail -20"),
    *("kubectl exec -it {} -- sh", "kubectl get secrets -o yaml", "kubectl edit deploy {}"),
    *("kubectl get pods && kubectl get svc", "curl http://{}:8080/health"),
)
LABELS = (
    ("Virtualization", "Misconfiguration"),
    ("Virtualization", "Operation Error"),
    ("Virtualization", "Network/Storage Issue"),
    ("Application", "Misconfiguration"),
    ("Application", "Code Defect"),
    ("Application", "Authentication Issue"),
)
STUBBORN, GARBLED_AGAIN, CHECKED = 0.7, 0.35, 0.5
USUAL_START = 4


@dataclass(slots=True, kw_only=True)
class Clumsy:
    """One spoiled run. names: the services there are; start: the step at which it goes wrong."""

    expert: Expert
    flaw: Flaw
    names: tuple[str, ...]
    rng: Random
    start: int = field(init=False)
    stubborn: bool = field(init=False)
    _line: str = field(init=False, default="")
    _name: str = field(init=False, default="")
    _acted: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.start = self.rng.randint(1, USUAL_START)
        self.stubborn = happens(self.rng, STUBBORN)

    def reply(self, situation: Situation) -> str:
        """Return the text of the next reply."""
        right = self.expert.advise(situation).reply
        text = self._spoiled(situation, right)
        if text != reply_text(right):
            self._forget(right)
        return text

    def _spoiled(self, situation: Situation, right: Reply) -> str:
        ends = right.action is ReplyAction.SUBMIT
        if situation.step < self.start and not ends:
            return reply_text(right)
        match self.flaw:
            case Flaw.GARBLED:
                return self._garbled(situation, right)
            case Flaw.ASTRAY if situation.step < situation.max_steps:
                return self._astray(situation, right)
            case Flaw.MALFORMED:
                return self._malformed(right)
            case Flaw.FORBIDDEN:
                return self._forbidden(situation, right)
            case Flaw.UNFIT if self.expert.task is Task.MITIGATION:
                return self._unfit(right)
            case Flaw.HASTY:
                return self._wrong_answer(right)
        return self._wrong_answer(right) if ends else reply_text(right)

    def _forget(self, right: Reply) -> None:
        """Take from the expert's mind what it advised and nobody did, so that it asks again."""
        for listed in (self.expert.asked, self.expert.acts):
            if right.command and right.command in listed[-1:]:
                listed.pop()

    def _garbled(self, situation: Situation, right: Reply) -> str:
        """Ask for a name that is not there, then mostly go on asking; the answer is as wrong."""
        if not self._line:
            name = next((name for name in self._longest() if name in right.command), "")
            if not name:
                if right.action is ReplyAction.SUBMIT:
                    return self._wrong_answer(right)
                return reply_text(right)
            self._name = self._misread(name)
            self._line = right.command.replace(name, self._name)
            return self._said(right, self._line, right.action)
        if not self.stubborn or situation.step == situation.max_steps:
            return self._wrong_answer(right)
        if happens(self.rng, GARBLED_AGAIN):
            stem = self.rng.choice(
                ("kubectl describe pod {}", "kubectl describe service {}", "kubectl get deploy {}")
            )
            self._line = stem.format(self._name)
        return self._said(right, self._line, ReplyAction.PROBE)

    def _astray(self, situation: Situation, right: Reply) -> str:
        if situation.step > self.start + 2 and not self.stubborn:
            return self._wrong_answer(right)
        if not self._line or happens(self.rng, 0.6):
            self._line = self.rng.choice(IDLE).format(self.rng.choice(self.names))
        return self._said(right, self._line, ReplyAction.PROBE)

    def _malformed(self, right: Reply) -> str:
        text = reply_text(right)
        return self.rng.choice(
            (
                text[: self.rng.randint(5, max(6, len(text) - 2))],
                text.replace(
                    f'"confidence": {right.confidence}',
                    f'"confidence": {right.confidence}{self.rng.choice(("00", "9", "5"))}',
                ),
                text.replace('"action"', '"act"'),
                json.dumps({"summary": right.summary, "action": "act", "command": ""}),
            )
        )

    def _forbidden(self, situation: Situation, right: Reply) -> str:
        if situation.step > self.start + 2 and not self.stubborn:
            return self._wrong_answer(right)
        if not self._line or happens(self.rng, 0.5):
            self._line = self.rng.choice(FORBIDDEN).format(self.rng.choice(self.names))
        writes = self.expert.task is Task.MITIGATION and happens(self.rng, 0.2)
        return self._said(right, self._line, ReplyAction.ACT if writes else ReplyAction.PROBE)

    def _unfit(self, right: Reply) -> str:
        """Repair the wrong thing in place of the right one, then check it, or not."""
        if self._acted:
            if right.action is ReplyAction.PROBE and happens(self.rng, CHECKED):
                return reply_text(right)
            return self._wrong_answer(right)
        if right.action is ReplyAction.PROBE and happens(self.rng, 0.5):
            return reply_text(right)
        self._acted = True
        self._forget(right)
        line = self.rng.choice(UNFIT)
        target = right.target or self.rng.choice(self.names)
        wrong = self.rng.choice((target, self.rng.choice(self.names), self._misread(target)))
        if right.action is ReplyAction.ACT:
            # the expert goes on as if this had been its own repair
            self.expert.acts.append(line.format(wrong, wrong))
        return self._said(right, line.format(wrong, wrong), ReplyAction.ACT)

    def _wrong_answer(self, right: Reply) -> str:
        answer: str | tuple[str, ...] | Analysis | None = None
        match self.expert.task:
            case Task.DETECTION:
                known = right.answer if isinstance(right.answer, str) else None
                flipped = {"Yes": "No", "No": "Yes"}
                answer = flipped[known] if known else self.rng.choice(("Yes", "No"))
            case Task.LOCALIZATION:
                wrong = self._name or self.rng.choice(
                    [self.names[0], *(name for name in self.names if name != right.target)]
                )
                answer = (self._misread(wrong) if happens(self.rng, 0.2) else wrong,)
            case Task.ANALYSIS:
                level, kind = self.rng.choice(LABELS)
                answer = Analysis(system_level=level, fault_type=kind)
        return reply_text(
            Reply(
                summary=right.summary,
                target=right.target,
                confidence=self.rng.choice((30, 60, 90, 95)),
                action=ReplyAction.SUBMIT,
                answer=answer,
            )
        )

    def _said(self, right: Reply, line: str, action: ReplyAction) -> str:
        if action is ReplyAction.SUBMIT:
            action = ReplyAction.PROBE
        return reply_text(
            right.model_copy(update={"command": line, "action": action, "answer": None})
        )

    def _longest(self) -> list[str]:
        return sorted(self.names, key=len, reverse=True)

    def _misread(self, name: str) -> str:
        """Return a name that looks like it: a part of another one, a syllable lost or moved."""
        parts = name.split("-")
        other = self.rng.choice(self.names).split("-")
        at = self.rng.randrange(len(parts))
        word = parts[at]
        cut = self.rng.randint(1, max(1, len(word) - 1))
        parts[at] = self.rng.choice(
            (self.rng.choice(other), word[:cut] + word[cut + 1 :], word[:cut] + other[0][:4])
        )
        return "-".join(part for part in parts if part) or name
