"""What a fault family is: who can carry it, how it edits state, what is true afterwards.

Invariant: the answer labels are AIOpsLab's vocabulary; `SYSTEM_LEVELS` and `FAULT_TYPES` are all
of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from agents.environments.simulated.clock import MINUTE
from agents.environments.simulated.objects.kinds import clone

if TYPE_CHECKING:
    from agents.environments.simulated.applications.graph import Application, Component
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest

SYSTEM_LEVELS = ("Hardware", "Operating System", "Virtualization", "Application")
FAULT_TYPES = (
    "Misconfiguration",
    "Code Defect",
    "Authentication Issue",
    "Network/Storage Issue",
    "Operation Error",
    "Dependency Problem",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A fact that a good diagnosis reads.

    sights: regular expressions (multi-line) over `verb kind/name ...` + newline + output; one
    match in one output is enough.
    """

    name: str
    sights: tuple[str, ...]

    def seen_in(self, text: str) -> bool:
        """Return whether this output shows the fact."""
        return any(re.search(sight, text, re.MULTILINE) for sight in self.sights)


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """An object as it was before an injection; `manifest` None when it did not exist."""

    kind: str
    name: str
    manifest: Manifest | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """What was done to whom.

    repairs: lines of which each alone mends it; plans: lines that mend it together. accepted: other
    names that the benchmark takes for the service. calm: ends what no object tells of.
    """

    service: str
    originals: tuple[Original, ...]
    evidence: tuple[Evidence, ...]
    repairs: tuple[str, ...]
    plans: tuple[tuple[str, ...], ...] = ()
    accepted: tuple[str, ...] = ()
    calm: Callable[[Cluster], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One kind of fault. `carries` says which components can have it.

    The labels are empty where the benchmark has none. mendable: its cause can be repaired from
    inside the cluster. lead: how long before the alert it strikes, in seconds, from and to.
    """

    name: str
    system_level: str
    fault_type: str
    carries: Callable[[Application, Component], bool]
    inject: Callable[[Cluster, Component, Random], Injection]
    mendable: bool = True
    lead: tuple[int, int] = (4 * MINUTE, 24 * MINUTE)


def edit(cluster: Cluster, kind: str, name: str) -> tuple[Manifest, Original]:
    """Return an object to edit and what it was; the caller touches the store afterwards."""
    manifest = cluster.store.get(kind, cluster.namespace, name)
    if manifest is None:
        raise KeyError(f"expected {kind}/{name} in {cluster.namespace}")
    return manifest, Original(kind=kind, name=name, manifest=clone(manifest))


def commit(cluster: Cluster, kind: str, manifest: Manifest) -> None:
    """Store an edited object and let the controllers work."""
    cluster.store.touch(kind, manifest, spec=True)
    cluster.settle()


def revert(cluster: Cluster, injection: Injection) -> None:
    """Put back what an injection changed, as a person who knows would."""
    for original in injection.originals:
        now = cluster.store.get(original.kind, cluster.namespace, original.name)
        if original.manifest is None:
            if now is not None:
                cluster.store.delete(original.kind, now)
        elif now is not None:
            for field in ("spec", "data"):
                if field in original.manifest:
                    now[field] = clone(original.manifest[field])
            cluster.store.touch(original.kind, now, spec=True)
        else:
            cluster.store.create(original.kind, clone(original.manifest), cluster.stamp())
    cluster.settle()
    if injection.calm is not None:
        injection.calm(cluster)
        cluster.remeasure()


def replaceable(application: Application, component: Component) -> bool:
    """Return whether a broken template takes the whole component down."""
    return application.strategy == "Recreate" or component.replicas == 1


def main_container(deployment: Manifest) -> Manifest:
    """Return the first container of a deployment's template."""
    container: Manifest = deployment["spec"]["template"]["spec"]["containers"][0]
    return container


def caller_complains(name: str) -> Evidence:
    """Return the fact that a caller's log names the callee that fails."""
    return Evidence(name="caller_error", sights=(rf"\Alogs [\s\S]*\b{re.escape(name)}\b",))
