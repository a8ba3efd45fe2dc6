"""The expert: solves incidents of the families that it has rules for, in more than one order.

    read LAST -> note it -> a rule finds the cause? -> (repair, check) -> submit
                                |no: a rule's look, else the next survey: pods, log, endpoints

Invariant: it sees the Situation alone, exactly what a model is shown. What it does wrong on
purpose (a detour) is marked as nothing to learn; the way back is.
"""

from dataclasses import dataclass, field
from random import Random

from agents.contracts.incident import Task
from agents.contracts.plan import Analysis
from agents.memory import LastStep
from agents.observer.prompt import Situation
from agents.observer.reply import Reply, ReplyAction
from learner.pretrain.chance import happens
from learner.pretrain.detours import detour
from learner.pretrain.guides import Survey, templated
from learner.pretrain.notes import MAX_SUMMARY, Notes
from learner.pretrain.rules.book import RULES
from learner.pretrain.rules.rule import Finding, Look, Rule

SINCE = "2m"
SPARE_STEPS = 4
ENOUGH = 0.7
USUAL_REPAIR = 0.75
REVIEW = "ReviewRequested"
"""The alert of a review that somebody asked for: nothing has fired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A reply, and whether a model should learn it."""

    reply: Reply
    teach: bool = True


@dataclass(slots=True)
class Expert:
    """One expert for one incident. `guide` may name a repair, which then is the one it takes."""

    task: Task
    rng: Random
    order: tuple[Survey, ...]
    guide: tuple[str, ...] = ()
    detours: bool = True
    rules: tuple[Rule, ...] = RULES
    notes: Notes | None = None
    asked: list[str] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)
    checks: int = 0
    found: tuple[Rule, Finding, None] | None = None
    reviewing: bool = False

    def advise(self, situation: Situation) -> Advice:
        """Return the next reply."""
        incident = situation.incident
        if self.notes is None:
            self.notes = Notes(entry=incident.alerts[0].labels.get("service", ""))
            self._begin(incident.alerts[0].labels.get("alertname", ""))
        notes, last = self.notes, situation.memory.last
        summary = self._read(notes, last) if last is not None else ""
        left = situation.max_steps - situation.step
        rule, finding, look = self.found or self._judge(notes)
        if finding is None and look is not None and not self._wants(look):
            finding, look = Finding(service=look.service), None
        if self.reviewing and left == 0 and not self.found:
            look = None  # the last step answers
        if self.task is Task.DETECTION:
            return self._detect(notes, summary, finding, look)
        if finding is None:
            line = look.line if look else self._survey(notes)
            if line is None or left == 0:
                return self._submit(summary, None, self._guess(notes))
            return self._probe(summary, line, notes, left)
        if self.task is Task.MITIGATION and rule is not None:
            self.found = (rule, finding, None)
            return self._mend(situation, summary, rule, finding)
        return self._submit(summary, rule, finding)

    def _begin(self, alert: str) -> None:
        """Take the rules of the occasion; without any for a review, those of alerts must do."""
        reviewing = alert == REVIEW and any(rule.review for rule in self.rules)
        self.rules = tuple(rule for rule in self.rules if rule.review is reviewing)
        self.reviewing = reviewing

    def _read(self, notes: Notes, last: LastStep) -> str:
        """Note the step and return the line that keeps it: a rule's own where one has it."""
        summary = notes.read(last)
        own = [line for rule in self.rules if (line := rule.read(notes, last)) is not None]
        return own[0][:MAX_SUMMARY] if own else summary

    def _judge(self, notes: Notes) -> tuple[Rule | None, Finding | None, Look | None]:
        """Return the first rule that finds the cause, else the first look that is wanted."""
        wanted: tuple[Rule, Look] | None = None
        for rule in self.rules:
            verdict = rule.look(notes)
            if isinstance(verdict, Finding):
                return rule, verdict, None
            if isinstance(verdict, Look) and verdict.line not in self.asked:
                if rule.cautious:
                    return rule, None, verdict
                wanted = wanted or (rule, verdict)
        return (wanted[0], None, wanted[1]) if wanted else (None, None, None)

    def _wants(self, look: Look) -> bool:
        """Return whether to take a look that only makes sure: mostly where the cause matters."""
        if look.needed:
            return True
        if self.reviewing:
            return self.task is not Task.DETECTION
        share = {Task.DETECTION: 0.0, Task.LOCALIZATION: 0.3}.get(self.task, 1.0)
        return happens(self.rng, share)

    def _survey(self, notes: Notes) -> str | None:
        if self.reviewing:
            return None  # its rules ask for all that they need
        for survey in self.order:
            if survey is Survey.PODS and notes.pods is None:
                return "kubectl get pods"
            if survey is Survey.ENDPOINTS and notes.endpoints is None:
                return "kubectl get endpoints"
            if survey is Survey.LOGS:
                line = self._next_log(notes)
                if line is not None:
                    return line
        return None

    def _next_log(self, notes: Notes) -> str | None:
        leaf = notes.leaf()
        if notes.entry not in notes.edges:
            name = notes.entry
        elif leaf is not None and leaf.obstacle is None and leaf.callee not in notes.edges:
            name = leaf.callee
        else:
            return None
        return f"kubectl logs deploy/{name} --since={SINCE}"

    def _detect(
        self, notes: Notes, summary: str, finding: Finding | None, look: Look | None
    ) -> Advice:
        if self.reviewing:
            if finding is None and look is not None:
                return self._probe(summary, look.line, notes, 0)
            return self._answer(
                summary, finding.service if finding else "", 90, "Yes" if finding else "No"
            )
        bad, leaf = notes.bad_pods, notes.leaf()
        if finding is not None or bad or leaf is not None:
            target = finding.service if finding else next(iter(bad), leaf.callee if leaf else "")
            return self._answer(summary, target, 95, "Yes")
        serving = notes.entry in notes.edges
        line = look.line if look else self._survey(notes)
        if line is None or (notes.pods is not None and serving and happens(self.rng, ENOUGH)):
            return self._answer(summary, "", 90, "No")
        return self._probe(summary, line, notes, 0)

    def _guess(self, notes: Notes) -> Finding:
        leaf = notes.leaf()
        return Finding(service=next(iter(notes.bad_pods), leaf.callee if leaf else notes.entry))

    def _submit(self, summary: str, rule: Rule | None, finding: Finding) -> Advice:
        confidence = 95 if rule else 30
        match self.task:
            case Task.LOCALIZATION:
                return self._answer(summary, finding.service, confidence, (finding.service,))
            case Task.ANALYSIS:
                labels = Analysis(
                    system_level=rule.system_level if rule else "Application",
                    fault_type=rule.fault_type if rule else "Misconfiguration",
                )
                return self._answer(summary, finding.service, confidence, labels)
            case _:
                return self._answer(summary, finding.service, confidence, None)

    def _mend(self, situation: Situation, summary: str, rule: Rule, finding: Finding) -> Advice:
        """Repair, check, submit; another valid repair once where the first was not done."""
        assert self.notes is not None  # noqa: S101 - set by `advise`
        last = situation.memory.last
        failed = last is not None and (last.refusal is not None or last.exit_code != 0)
        if self.acts and not failed and not self._unfinished(rule, finding):
            return self._after(summary, rule, finding)
        look = None if self.acts else rule.prepare(self.notes, finding)
        if look is not None and look.line not in self.asked:
            return self._probe(summary, look.line, self.notes, 0)
        repairs = [
            line for line in rule.repairs(self.notes, finding, self.rng) if line not in self.acts
        ]
        if not repairs or (len(self.acts) > 1 and not rule.together):
            return self._answer(summary, finding.service, 40, None)
        line = repairs[0] if rule.together else self._chosen(repairs)
        self.acts.append(line)
        return self._reply(summary, finding.service, 95, ReplyAction.ACT, line)

    def _unfinished(self, rule: Rule, finding: Finding) -> bool:
        """Return whether a repair of several acts has some left."""
        assert self.notes is not None  # noqa: S101 - set by `advise`
        if not rule.together:
            return False
        return any(line not in self.acts for line in rule.repairs(self.notes, finding, self.rng))

    def _chosen(self, repairs: list[str]) -> str:
        for line in repairs:
            if templated(line) in self.guide:
                return line
        return repairs[0] if happens(self.rng, USUAL_REPAIR) else self.rng.choice(repairs)

    def _after(self, summary: str, rule: Rule, finding: Finding) -> Advice:
        self.checks += 1
        if self.checks == 1:
            line = rule.check(finding)
        elif self.checks == 2 and "rolled out" not in summary and "rollout" in self.asked[-1]:  # noqa: PLR2004 - the second check
            line = "kubectl get pods"
        else:
            return self._answer(summary, finding.service, 98, None)
        self.asked.append(line)
        return self._reply(summary, finding.service, 95, ReplyAction.PROBE, line)

    def _probe(self, summary: str, line: str, notes: Notes, left: int) -> Advice:
        leaf = notes.leaf()
        target = next(iter(notes.bad_pods), leaf.callee if leaf else "")
        known = bool(notes.bad_pods) or (leaf is not None and leaf.obstacle is not None)
        confidence = 60 if known else 30 if target else 10
        if self.detours and left > SPARE_STEPS:
            astray = detour(line, self.rng)
            if astray is not None:
                advice = self._reply(summary, target, confidence, ReplyAction.PROBE, astray)
                self.detours = False
                return Advice(reply=advice.reply, teach=False)
        self.asked.append(line)
        return self._reply(summary, target, confidence, ReplyAction.PROBE, line)

    def _answer(
        self,
        summary: str,
        target: str,
        confidence: int,
        answer: str | tuple[str, ...] | Analysis | None,
    ) -> Advice:
        return Advice(
            reply=Reply(
                summary=summary,
                target=target,
                confidence=confidence,
                action=ReplyAction.SUBMIT,
                answer=answer,
            )
        )

    def _reply(
        self, summary: str, target: str, confidence: int, action: ReplyAction, line: str
    ) -> Advice:
        return Advice(
            reply=Reply(
                summary=summary, target=target, confidence=confidence, action=action, command=line
            )
        )
