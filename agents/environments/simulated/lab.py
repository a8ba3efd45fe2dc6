"""The face of one lab: read, preview, act, verify, watch alerts, and be judged.

    scenario = generate(7, task=Task.MITIGATION)      # incidents.py: same seed, same bytes
    lab = Lab(scenario)                               # sync, no I/O, own virtual clock
    lab.namespace                                     # e.g. "ferry-3fa91"
    lab.clock                                         # virtual datetime (UTC)
    lab.tick(30)                                      # let 30 virtual seconds pass
    lab.alerts()                                      # Alertmanager v4 alert objects, now firing
    lab.read(parse("kubectl get pods"))               # Output(text, exit_code, seconds)
    lab.preview(action)                               # Preview, or raises ActionRejected
    lab.act(action_or_command)                        # Output; the state moves
    lab.versions(preview.touched)                     # the same objects, present versions
    lab.verify(action)                                # (healthy, sentence)
    lab.evidence_read()                               # names of the facts read so far
    lab.ground_truth                                  # GroundTruth; .evidence has all the names
    lab.judge(submission)                             # Verdict(success, aiopslab, strict, reason)

Invariant: time moves only by `tick` and by the seconds that commands cost; `judge` and `preview`
work on copies. `Cluster` (cluster.py) holds all state; this module holds none of its own but the
list of what was read.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import TYPE_CHECKING

from agents.contracts.action import Action, Preview, RunMongoRepair, Touched
from agents.contracts.command import Command
from agents.contracts.plan import Submission
from agents.environments.border import Confidential
from agents.environments.protocol import Output
from agents.environments.simulated import alerts, dryrun
from agents.environments.simulated.clock import instant
from agents.environments.simulated.controllers.deployments import finished
from agents.environments.simulated.controllers.process import LAST_BACKOFF
from agents.environments.simulated.incidents import build
from agents.environments.simulated.kubectl import shell
from agents.environments.simulated.objects.pods import is_ready
from agents.environments.simulated.oracle import Verdict, judge
from agents.environments.simulated.telemetry.metrics import Metric, average
from agents.policy.commands import plain_command

if TYPE_CHECKING:
    from agents.environments.simulated.incidents import GroundTruth, Scenario
    from agents.environments.simulated.objects.kinds import Manifest

_PATIENCE = 90.0
_STEP = 5.0
_TOLERATED = 0.01


class Lab:
    """One lab, built from a scenario at the moment of its alert."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.cluster, self.ground_truth, self._before = build(scenario)
        self.changed = False
        self._read: set[str] = set()

    ground_truth: GroundTruth

    @property
    def namespace(self) -> str:
        """The application's namespace, this lab's own."""
        return self.cluster.namespace

    @property
    def clock(self) -> datetime:
        """The virtual present, in UTC."""
        return instant(self.cluster.now)

    def tick(self, seconds: float) -> None:
        """Let virtual seconds pass."""
        self.cluster.advance(self.cluster.now + seconds)

    def read(self, command: Command) -> Output:
        """Run a read command, then let its seconds pass."""
        output = shell.read(self.cluster, command)
        self._note(command, output.text)
        self.tick(output.seconds)
        return output

    def act(self, action: Action | Command) -> Output:
        """Do an action or a write command, then let its seconds pass."""
        command = action if isinstance(action, Command) else plain_command(action)
        output = shell.write(self.cluster, command)
        self.changed = self.changed or output.exit_code == 0
        self.tick(output.seconds)
        return output

    def preview(self, action: Action) -> Preview:
        """Dry-run an action; raises `ActionRejected` with the API server's words."""
        return dryrun.preview(self.cluster, action)

    def versions(self, touched: tuple[Touched, ...]) -> tuple[Touched, ...]:
        """Return the same objects with their present `resourceVersion`."""
        found = []
        for item in touched:
            manifest = self.cluster.store.get(item.kind, item.namespace or "", item.name)
            version = manifest["metadata"]["resourceVersion"] if manifest else None
            found.append(item.model_copy(update={"resource_version": version}))
        return tuple(found)

    def verify(self, action: Action) -> tuple[bool, str]:
        """Wait until what the action touched is rolled out, then say whether users are served.

        Waits at most 90 virtual seconds, after a repair of users until the longest back-off of
        clients that gave up is over, and half a minute for the error ratio.
        """
        command = plain_command(action)
        targets = [t.name for t in command.targets if t.kind == "deployments" and t.name]
        if command.program == "helm":  # a release is all of the application's workloads
            listed = self.cluster.store.listed("deployments", self.namespace)
            targets = [item["metadata"]["name"] for item in listed]
        deadline = self.cluster.now + _PATIENCE
        while self.cluster.now < deadline and not all(map(self._rolled_out, targets)):
            self.tick(_STEP)
        for name in targets:
            if not self._rolled_out(name):
                return False, f"deployment {name} is not rolled out after {_PATIENCE:g}s"
        if isinstance(action, RunMongoRepair):
            deadline = self.cluster.now + LAST_BACKOFF
            while self.cluster.now < deadline and not all(map(is_ready, self._pods())):
                self.tick(_STEP)
        self.tick(30.0)
        for pod in self._pods():
            if not is_ready(pod):
                return False, f"pod {pod['metadata']['name']} is not ready"
        errors = average(self.cluster, Metric.ERROR_RATIO, self.cluster.now - 20, self.cluster.now)
        if errors > _TOLERATED:
            return False, f"{errors:.0%} of requests still fail"
        return True, "rolled out, all pods ready, requests succeed"

    def _pods(self) -> list[Manifest]:
        return self.cluster.store.listed("pods", self.namespace)

    def _rolled_out(self, name: str) -> bool:
        deployment = self.cluster.store.get("deployments", self.namespace, name)
        return deployment is None or finished(deployment)

    def alerts(self) -> list[dict[str, object]]:
        """Return the alerts that fire now, as Alertmanager's webhook (version 4) carries them."""
        task = self.scenario.task.value
        if self.scenario.review:
            return [alerts.review(self.cluster, task)]
        firing = [alerts.evaluate(self.cluster, rule) for rule in alerts.rules_of(self.cluster)]
        return [alerts.webhook_alert(self.cluster, item, task) for item in firing if item]

    def judge(self, submission: Submission) -> Verdict:
        """Return the verdict on a submission, by the state and the ground truth."""
        return judge(
            self.cluster,
            self.scenario.task,
            self.ground_truth,
            submission,
            self._before,
            changed=self.changed,
        )

    def confidential(self) -> Confidential:
        """Return the values of Secrets, for the border to hash, and names that are no secret."""
        store = self.cluster.store
        found = store.listed("secrets")
        services = frozenset(one["metadata"]["name"] for one in store.each("services"))
        return Confidential(
            version=(
                services,
                *((s["metadata"]["uid"], s["metadata"]["resourceVersion"]) for s in found),
            ),
            secrets=tuple(_decoded(one.get("data") or {}) for one in found),
            names=services | {one["metadata"]["name"] for one in found} | {self.namespace},
            services=services,
        )

    def evidence_read(self) -> set[str]:
        """Return the names of the facts that were read so far."""
        return set(self._read)

    def _note(self, command: Command, text: str) -> None:
        names = " ".join(f"{t.kind}/{t.name}" if t.name else t.kind for t in command.targets)
        flags = " ".join(f"--{flag.name}={flag.value}" for flag in command.flags)
        shown = f"{command.verb} {names} {flags}\n{text}"
        for fact in self.ground_truth.facts:
            if fact.name not in self._read and fact.seen_in(shown):
                self._read.add(fact.name)


def _decoded(data: dict[str, str]) -> dict[str, str]:
    """Return a Secret's values as programs read them; one that is no base64 stays as it is."""
    found = {}
    for key, value in data.items():
        try:
            found[key] = base64.b64decode(value, validate=True).decode(errors="replace")
        except (binascii.Error, ValueError):
            found[key] = str(value)
    return found
