"""Holds the labs of one run: opens them, watches their alerts, judges their submissions.

Invariant: a lab is touched only through its handles; the host itself ticks, reads alerts and asks
for verdicts, and never changes a cluster's state.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from agents.approval.signing import SigningKey, sign_judgement
from agents.contracts.feedback import Judgement, JudgementPayload, OutcomeJudged
from agents.contracts.incident import Task
from agents.contracts.plan import PlanProposed
from agents.environments.simulated.incidents import generate
from agents.environments.simulated.lab import Lab
from deploy.embedded.lab.alerting import Alert, Alerting
from deploy.embedded.lab.settings import LabSettings

JUDGE = "lab"
TASKS: tuple[Task, ...] = (
    Task.MITIGATION,
    Task.MITIGATION,
    Task.DETECTION,
    Task.MITIGATION,
    Task.LOCALIZATION,
    Task.MITIGATION,
    Task.ANALYSIS,
    Task.MITIGATION,
)
"""Mitigation is the product's work; the other three are a part of every run."""


@dataclass(slots=True, kw_only=True)
class LabHost:
    """The labs by namespace. `judged` holds the incidents that already have a verdict."""

    key: SigningKey
    labs: dict[str, Lab] = field(default_factory=dict)
    alerting: dict[str, Alerting] = field(default_factory=dict)
    judged: set[str] = field(default_factory=set)

    def open(self, settings: LabSettings, number: int) -> Lab:
        """Open the incident of this number; equal settings and numbers give equal labs."""
        scenario = generate(
            settings.seed * 1000 + number,
            split=settings.splits[number % len(settings.splits)],
            application=settings.applications[number % len(settings.applications)],
            family=settings.family,
            task=settings.task or TASKS[number % len(TASKS)],
        )
        lab = Lab(scenario)
        self.labs[lab.namespace] = lab
        self.alerting[lab.namespace] = Alerting()
        return lab

    def changed_alerts(self, namespace: str) -> list[Alert]:
        """Return the alerts of a lab that began or ended since the last call."""
        return self.alerting[namespace].changes(self.labs[namespace].alerts(), datetime.now(UTC))

    def tick(self, seconds: float) -> None:
        """Let virtual time pass in every lab."""
        for lab in self.labs.values():
            lab.tick(seconds)

    def judge(self, plan: PlanProposed) -> OutcomeJudged | None:
        """Return the signed verdict on a submission; None for another's or a repeated one."""
        lab = self.labs.get(plan.namespace or "")
        if lab is None or plan.submission is None or plan.incident_id in self.judged:
            return None
        self.judged.add(plan.incident_id)
        verdict = lab.judge(plan.submission)
        payload = JudgementPayload(
            incident_id=plan.incident_id,
            plan_id=plan.plan_id,
            judgement=Judgement.SUCCESS if verdict.success else Judgement.FAILURE,
            judge=JUDGE,
            judged_at=datetime.now(UTC),
            reason=verdict.reason[:2000],
        )
        return sign_judgement(self.key, payload)
