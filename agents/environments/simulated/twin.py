"""A lab built from a dump of a real namespace: the failure as it is, to try corrections on.

    dump.json -> read_dump     twin_dump, twin_checks
              -> workloads_of  twin_workloads
              -> infer         twin_application, twin_graph, twin_addresses, twin_programs
              -> furnish       twin_objects
              -> revive        twin_pods
              -> TwinLab       (here), twin_health

Invariant: a twin holds no value of a Secret; a pod that is ready in the dump and not in the twin,
or the other way round, is named in `TwinLab.unlike`. There is no ground truth: a correction is
judged by the state it leaves, against the state of the dump.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.contracts.incident import Task
from agents.environments.simulated.benchmark.rules import reported_ready
from agents.environments.simulated.clock import MINUTE
from agents.environments.simulated.cluster import Cluster, thaw
from agents.environments.simulated.dice import draw
from agents.environments.simulated.incidents import GroundTruth, Scenario
from agents.environments.simulated.kubectl import shell
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.oracle import SETTLING, Verdict, collateral
from agents.environments.simulated.twin_application import Inferred, infer
from agents.environments.simulated.twin_dump import COMMAND, Dump, DumpUnusable, read_dump
from agents.environments.simulated.twin_health import (
    ailment,
    differences,
    obstructing,
    without_policies,
)
from agents.environments.simulated.twin_objects import furnish, put
from agents.environments.simulated.twin_pods import align, own, revive
from agents.environments.simulated.twin_workloads import Workload, workloads_of
from agents.policy.parse import parse

if TYPE_CHECKING:
    from agents.contracts.plan import Submission
    from agents.environments.simulated.applications.deploy import Programs

WARM_UP = 20 * MINUTE
"""Virtual seconds that pods run before the dump's moment: back-offs are at their longest then."""
_TRAFFIC = 10 * MINUTE
_SEEDS = 2**31
_AS_THEY_ARE = (
    "configmaps",
    "horizontalpodautoscalers",
    "ingresses",
    "networkpolicies",
    "persistentvolumeclaims",
    "serviceaccounts",
    "services",
)
"""Kinds whose objects no controller of the lab writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """What a twin was built from and how."""

    dump: Dump
    workloads: tuple[Workload, ...]
    inferred: Inferred
    notes: tuple[str, ...]


class TwinLab(Lab):
    """A lab whose incident is a dump. `unlike`: in what the twin differs from it, as built."""

    def __init__(
        self,
        content: bytes,
        *,
        entry: str | None = None,
        calls: tuple[str, ...] = (),
        images: tuple[str, ...] = (),
    ) -> None:
        """Build the twin.

        entry: the Service at which users come in. calls: `CALLER=SERVICE[:PORT]` that the dump does
        not show. images: what can be pulled though the dump does not know it.
        Raises DumpUnusable for what is no dump of one namespace, or has no such entry.
        """
        dump = read_dump(content)
        workloads, notes = workloads_of(dump)
        inferred = infer(dump, workloads, entry, calls)
        self.twin = Twin(
            dump=dump,
            workloads=tuple(workloads),
            inferred=inferred,
            notes=(*dump.notes, *notes),
        )
        self.cluster = _cluster(self.twin, images)
        _try_showing(self.cluster)
        self.scenario = Scenario(
            seed=self.cluster.seed,
            task=Task.MITIGATION,
            split="twin",
            family="",
            service="",
            healthy=False,
            application=inferred.application,
            review=True,
        )
        self.ground_truth = GroundTruth(
            anomaly=True,
            family=None,
            service=None,
            system_level=None,
            fault_type=None,
            evidence=(),
            repairs=(),
        )
        self.unlike = differences(self.cluster, workloads)
        self._before = without_policies(self.cluster, obstructing(self.cluster)).freeze()
        self.changed = False
        self._read = set()

    def ailment(self) -> str | None:
        """Return what is wrong with the twin at present, or None."""
        return ailment(self.cluster)

    def judge(self, submission: Submission) -> Verdict:
        """Return whether the state, some minutes on, is healthy and nothing of the dump is lost."""
        del submission  # a twin asks for a state, not for an answer
        now = self.cluster.fork()
        content = reported_ready(now)
        problem = collateral(thaw(self._before), now)
        now.advance(now.now + SETTLING)
        problem = problem or ailment(now)
        return Verdict(
            success=problem is None,
            aiopslab=content,
            strict=problem is None,
            reason=problem or "all workloads and the traffic are healthy",
        )


def _cluster(twin: Twin, images: tuple[str, ...]) -> Cluster:
    """Return the cluster at the moment of the dump."""
    dump, workloads = twin.dump, list(twin.workloads)
    application = twin.inferred.application
    start = dump.present - WARM_UP
    cluster = Cluster(application, draw("twin", dump.namespace) % _SEEDS, start)
    cluster.programs = _programs(twin, images)
    cluster.events.since = dump.present
    cluster.traffic_from = dump.present - _TRAFFIC
    furnish(cluster, dump, workloads)
    for workload in workloads:
        revive(cluster, dump, workload)
    cluster.advance(cluster.traffic_from)
    cluster.remeasure()
    cluster.advance(dump.present)
    cluster.events.since = 0.0
    align(cluster, dump)
    for event in dump.each("events"):
        put(cluster, "events", event)
    for workload in workloads:
        own(cluster, workload)
    cluster.remeasure()
    return cluster


def _try_showing(cluster: Cluster) -> None:
    """Show once what comes from the dump as it is; raises DumpUnusable for what can't be shown."""
    for kind in _AS_THEY_ARE:
        for form in (f"get {kind} -o wide", f"describe {kind}"):
            command = parse(f"kubectl {form}", default_namespace=cluster.namespace)
            try:
                shell.read(cluster, command)
            except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
                raise DumpUnusable(
                    f"{kind}: one of them is not as the API server stores it and can't be shown "
                    f"({type(error).__name__}: {error}); take the dump anew with `{COMMAND}`"
                ) from error


def _programs(twin: Twin, images: tuple[str, ...]) -> Programs:
    """Return what every image runs; what is missing can't be pulled."""
    table: Programs = {}
    for name, behaviour in twin.inferred.behaviours.items():
        for image, program in behaviour.images.items():
            table.setdefault(image, {})[name] = program
            for word in behaviour.commands:
                table[image][f"{name}:{word}"] = program
    for image in images:
        for name, behaviour in twin.inferred.behaviours.items():
            table.setdefault(image, {})[name] = behaviour.main
            for word in behaviour.commands:
                table[image][f"{name}:{word}"] = behaviour.main
    return table
