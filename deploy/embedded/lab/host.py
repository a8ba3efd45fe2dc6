"""Holds the labs of one run: opens them, watches their alerts, judges their submissions.

Invariant: a lab is touched only through its handles; the host itself ticks, reads alerts and asks
for verdicts, and never changes a cluster's state. A held lab is not reached at all: it can't be
read, raises no alert, and its time stands still until its round is released.
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
from learner.incidents import Drawn, siblings

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


SIBLING_SEEDS, SEEDS_A_ROUND = 1 << 50, 1 << 40
"""What is added to an incident's seed to draw its siblings: far from all other uses of seeds."""


@dataclass(slots=True, kw_only=True)
class LabHost:
    """The released labs by namespace, and the held ones.

    drawn: every lab by reference. rounds: namespaces by round; siblings have the same place.
    judged: the incidents that already have a verdict.
    """

    key: SigningKey
    labs: dict[str, Lab] = field(default_factory=dict)
    held: dict[str, Lab] = field(default_factory=dict)
    drawn: dict[str, Drawn] = field(default_factory=dict)
    rounds: list[tuple[str, ...]] = field(default_factory=list)
    alerting: dict[str, Alerting] = field(default_factory=dict)
    judged: set[str] = field(default_factory=set)

    def open(self, settings: LabSettings) -> None:
        """Open all rounds and release the first; equal settings give equal labs."""
        numbers = range(settings.incidents)
        first = tuple(self._opened(_drawn(settings, number)) for number in numbers)
        self.rounds.append(first)
        for later in range(2, settings.rounds + 1):
            drawn = [sibling(self.drawn[name], number=later) for name in first]
            self.rounds.append(tuple(map(self._opened, drawn)))
        self.release(1)

    def release(self, number: int) -> int:
        """Let a round begin, once, and return how many labs it has; KeyError without it."""
        if not 1 <= number <= len(self.rounds):
            raise KeyError(number)
        names = self.rounds[number - 1]
        for namespace in names:
            if (lab := self.held.pop(namespace, None)) is not None:
                self.alerting[namespace] = Alerting()
                self.labs[namespace] = lab
        return len(names)

    def catalogue(self) -> dict[str, dict[str, object]]:
        """Return what each released lab is, in the fields of `Drawn`.

        What is still held is left out: nothing may be learned from what it will be tested on.
        """
        return {name: self.drawn[name].model_dump(mode="json") for name in self.labs}

    def changed_alerts(self, namespace: str) -> list[Alert]:
        """Return the alerts of a lab that began or ended since the last call."""
        return self.alerting[namespace].changes(self.labs[namespace].alerts(), datetime.now(UTC))

    def tick(self, seconds: float) -> None:
        """Let virtual time pass in every released lab; in the held ones it stands still."""
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

    def _opened(self, drawn: Drawn) -> str:
        """Build a lab and hold it; a namespace that is taken is drawn again by the next seed."""
        lab = drawn.lab()
        while lab.namespace in self.drawn:
            drawn = drawn.model_copy(update={"seed": drawn.seed + SIBLING_SEEDS})
            lab = drawn.lab()
        # what the seed decided is written down, so that the reference tells all of it
        self.drawn[lab.namespace] = drawn.model_copy(update={"healthy": lab.scenario.healthy})
        self.held[lab.namespace] = lab
        return lab.namespace


def sibling(drawn: Drawn, *, number: int = 2) -> Drawn:
    """Return the incident of that round: the same family, task, application and split."""
    first = drawn.seed + SIBLING_SEEDS + (number - 2) * SEEDS_A_ROUND
    return siblings(drawn, 1, first=first)[0]


def _drawn(settings: LabSettings, number: int) -> Drawn:
    """Return the incident of this number; its family is drawn by the seed unless it is set."""
    seed = settings.seed * 1000 + number
    split = settings.splits[number % len(settings.splits)]
    application = settings.applications[number % len(settings.applications)]
    task = settings.task or TASKS[number % len(TASKS)]
    scenario = generate(
        seed, split=split, application=application, family=settings.family, task=task
    )
    return Drawn(
        seed=seed,
        family=scenario.family,
        task=task,
        split=split,
        application=application,
        healthy=scenario.healthy,
    )
