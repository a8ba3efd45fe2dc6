"""Problems of our own beside the benchmark's: a fault, and where it strikes.

They show how a fault and a task are added (docs/lab.md).
"""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING

from agents.environments.simulated.faults.family import (
    Evidence,
    Family,
    Injection,
    Original,
    caller_complains,
)
from agents.environments.simulated.objects.manifest import bare

if TYPE_CHECKING:
    from agents.environments.simulated.applications.graph import Application, Component
    from agents.environments.simulated.cluster import Cluster

_POLICY = "default-egress"
_LET_OUT = '{"spec":{"egress":[{}]}}'


def _calls_somebody(_application: Application, component: Component) -> bool:
    return any(call.critical for call in component.program.calls)


def _deny_egress(cluster: Cluster, component: Component, _rng: Random) -> Injection:
    """Let nothing out of a component's pods: whatever they call does not answer."""
    policy = bare("networkpolicies", _POLICY, cluster.namespace)
    policy["metadata"]["generation"] = 1
    policy["spec"] = {
        "podSelector": {"matchLabels": {cluster.application.label: component.name}},
        "policyTypes": ["Egress"],
    }
    cluster.store.create("networkpolicies", policy, cluster.stamp())
    cluster.settle()
    name = re.escape(component.name)
    return Injection(
        service=component.name,
        originals=(Original(kind="networkpolicies", name=_POLICY, manifest=None),),
        evidence=(
            caller_complains(component.name),
            Evidence(name="own_error", sights=(rf"\Alogs [^\n]*{name}[\s\S]*",)),
            Evidence(name="policy", sights=(rf"\A(get|describe) networkpolicies[\s\S]*{_POLICY}",)),
        ),
        repairs=(
            f"kubectl delete networkpolicy {_POLICY}",
            f"kubectl patch networkpolicy {_POLICY} --type=merge -p '{_LET_OUT}'",
        ),
    )


FAMILIES = (
    Family(
        name="egress_denied",
        system_level="Virtualization",
        fault_type="Network/Storage Issue",
        carries=_calls_somebody,
        inject=_deny_egress,
    ),
)
