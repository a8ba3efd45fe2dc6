"""All state of one lab, and the loop that lets its controllers work until they are quiet.

Invariant: between two calls of `advance` or `settle` nothing is left to do at the present moment.
Controllers are functions over this object; they read marks, write through the store, and set
deadlines; only this loop moves the clock.
"""

import pickle
from math import ceil

from agents.environments.simulated import clock
from agents.environments.simulated.applications.charts import first_revision, installed
from agents.environments.simulated.applications.deploy import (
    accounts_of,
    cluster_objects,
    programs_of,
)
from agents.environments.simulated.applications.graph import Application, Flag, nominal_load
from agents.environments.simulated.applications.releases import Revision
from agents.environments.simulated.controllers import (
    autoscaler,
    deployments,
    endpoints,
    kubelet,
    replicasets,
    scheduler,
    volumes,
)
from agents.environments.simulated.controllers.process import PodRun
from agents.environments.simulated.disturbance import Disturbance, Planned
from agents.environments.simulated.objects.kinds import Manifest
from agents.environments.simulated.objects.pods import workload_of
from agents.environments.simulated.objects.store import Store
from agents.environments.simulated.telemetry.events import Recorder
from agents.environments.simulated.traffic import Epoch, measure

_MAX_ROUNDS = 200
_CROWD = 120
"""With as many pods, what comes within a second comes together: no settling for each of them."""


class Cluster:
    """A namespace's application on its nodes, at one virtual moment.

    runs: what the kubelets know of each pod, by uid. epochs: traffic, piecewise constant, oldest
    first; an epoch holds from its start to the start of the next one. accounts: what stores with
    users keep as data: component -> user -> its (role, database) pairs. releases: helm's history
    of each release, oldest first. hidden_flags: feature flags that are on and stand in no
    ConfigMap, by component. agenda: what will happen by itself, the next first.
    """

    def __init__(self, application: Application, seed: int, now: float) -> None:
        self.application = application
        self.seed = seed
        self.now = now
        self.store = Store(seed)
        self.events = Recorder(seed)
        self.programs = programs_of(application)
        self.nominal = nominal_load(application)
        self.runs: dict[str, PodRun] = {}
        self.pulled: set[str] = set()
        self.addresses = 1
        self.deadlines: dict[tuple[str, str], float] = {}
        self.epochs: list[Epoch] = []
        self.traffic_from = 0.0
        self.accounts = accounts_of(application)
        self.releases: dict[str, list[Revision]] = {}
        self.disturbances: list[Disturbance] = []
        self.hidden_flags: dict[str, tuple[Flag, ...]] = {}
        self.agenda: list[Planned] = []

    @property
    def namespace(self) -> str:
        """The application's own namespace."""
        return self.application.namespace

    def stamp(self) -> str:
        """Return the present as Kubernetes writes it."""
        return clock.rfc3339(int(self.now))

    def deploy(self) -> None:
        """Create the application's objects; they come up as time passes."""
        first = first_revision(self.application, self.now)
        if first and self.application.release:
            self.releases[self.application.release.name] = [first]
        objects = installed(self.application, first)
        for kind, body in (*cluster_objects(self.application), *objects):
            self.store.create(kind, body, self.stamp())
        self.settle()

    def settle(self) -> None:
        """Let every controller work until nothing is left to do at this moment."""
        moved = False
        for _ in range(_MAX_ROUNDS):
            marks = self.store.take_marks()
            if not marks:
                break
            moved = True
            autoscaler.reconcile(self, marks)
            volumes.reconcile(self, marks)
            deployments.reconcile(self, marks)
            replicasets.reconcile(self, marks)
            scheduler.reconcile(self, marks)
            kubelet.reconcile(self, marks)
            endpoints.reconcile(self, marks)
        else:
            raise RuntimeError(f"controllers did not settle in {_MAX_ROUNDS} rounds")
        if moved:
            self._note_traffic()

    def _note_traffic(self) -> None:
        if self.now < self.traffic_from:
            return
        epoch = measure(self)
        if self.epochs and self.epochs[-1].start == self.now:
            self.epochs[-1] = epoch
        elif not self.epochs or not self.epochs[-1].same(epoch):
            self.epochs.append(epoch)

    def remeasure(self) -> None:
        """Measure the traffic anew after something that no object tells of has changed."""
        self.settle()
        self._note_traffic()

    def advance(self, until: float) -> None:
        """Move the clock to `until`, waking whoever has a deadline on the way."""
        self.settle()
        while True:
            run = min(self.runs.values(), key=PodRun.due, default=None)
            due = run.due() if run else float("inf")
            other = min(self.deadlines.values(), default=float("inf"))
            planned = self.agenda[0].due if self.agenda else float("inf")
            if min(due, other, planned) > until:
                break
            self.now = max(self.now, min(due, other, planned))
            if planned <= min(due, other):
                self.agenda.pop(0).deed(self)
            elif run and due <= other:
                self._wake(run, until)
            else:
                deployments.check_deadlines(self)
            self.settle()
        self.now = max(self.now, until)
        if self.now >= self.traffic_from and not self.epochs:
            self._note_traffic()
        kubelet.refresh(self)

    def _wake(self, first: PodRun, until: float) -> None:
        """Wake the pod whose turn it is; in a crowd, all whose turn comes within the second."""
        if len(self.runs) < _CROWD:
            kubelet.wake(self, first)
            return
        self.now = max(self.now, min(until, float(ceil(self.now))))
        for run in sorted(self.runs.values(), key=PodRun.due):
            if run.due() > self.now:
                break
            kubelet.wake(self, run)

    def fork(self) -> "Cluster":
        """Return a copy that shares nothing mutable with this one."""
        return thaw(self.freeze())

    def freeze(self) -> bytes:
        """Return the whole state as bytes for `thaw`."""
        return pickle.dumps(self, pickle.HIGHEST_PROTOCOL)

    def runs_of(self, component: str) -> list[PodRun]:
        """Return what the kubelets know of a component's pods."""
        return [run for run in self.runs.values() if workload_of(run.pod) == component]

    def pods_of(self, deployment: str) -> list[Manifest]:
        """Return the pods that a deployment owns through its replica sets, newest last."""
        owners = {
            item["metadata"]["name"]
            for item in self.store.each("replicasets", self.namespace)
            if owned_by(item, deployment)
        }
        return [
            pod
            for pod in self.store.each("pods", self.namespace)
            if any(owner["name"] in owners for owner in pod["metadata"].get("ownerReferences", ()))
        ]


def owned_by(item: Manifest, name: str) -> bool:
    """Return whether an owner reference names this owner."""
    return any(owner["name"] == name for owner in item["metadata"].get("ownerReferences", ()))


def thaw(state: bytes) -> Cluster:
    """Return the cluster that `freeze` wrote; only for bytes of this process."""
    cluster: Cluster = pickle.loads(state)  # noqa: S301 - our own bytes, never from outside
    return cluster
