"""Every object of the state before against the one of the same name now.

Invariant: objects may be added (what they harm shows in the traffic), none may be gone, and of
each the fields that no repair has to change are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.environments.simulated.collateral import data, templates
from agents.environments.simulated.objects.selectors import matches

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.collateral.reach import Reach
    from agents.environments.simulated.objects.kinds import Manifest

_KEPT = (
    "namespaces",
    "nodes",
    "storageclasses",
    "persistentvolumeclaims",
    "configmaps",
    "secrets",
    "serviceaccounts",
    "networkpolicies",
    "horizontalpodautoscalers",
    "deployments",
    "services",
)
"""What an object names comes before it, so that the cause is told and not its effect."""
_SAME_SPEC = ("networkpolicies", "horizontalpodautoscalers")
_CLASS_FIELDS = ("provisioner", "reclaimPolicy", "volumeBindingMode", "parameters")
_SERVICE_FIELDS = {
    "type": "ClusterIP",
    "externalName": None,
    "sessionAffinity": "None",
    "publishNotReadyAddresses": False,
    "externalTrafficPolicy": None,
    "loadBalancerSourceRanges": None,
}
_MORE_REPLICAS = 4


def damage(base: Cluster, now: Cluster, reach: Reach) -> str | None:
    """Return what is gone or worse than before beside the fault, in plain words, or None."""
    problem = data.lost(base, now, reach)
    if problem:
        return problem
    for kind in _KEPT:
        for item in base.store.listed(kind):
            name = item["metadata"]["name"]
            present = now.store.get(kind, item["metadata"].get("namespace", ""), name)
            if present is None:
                return f"{_singular(kind)} {name} is gone"
            problem = _object(base, now, kind, (item, present), reach)
            if problem:
                return problem
    added = {n["metadata"]["name"] for n in now.store.each("nodes")} - {
        n["metadata"]["name"] for n in base.store.each("nodes")
    }
    if added:
        return f"node {min(added)} was added, and there is no such machine"
    return None if reach.anyone else _selected(base, now)


def too_few(base: Cluster, now: Cluster) -> str | None:
    """Return which deployment has fewer replicas than before, or far more, or None."""
    for item in base.store.listed("deployments"):
        metadata = item["metadata"]
        present = now.store.get("deployments", metadata["namespace"], metadata["name"])
        count, was = (present or item)["spec"]["replicas"], item["spec"]["replicas"]
        if count < was:
            return f"deployment {metadata['name']} has {count} replicas, {was} before"
        if count > max(3 * was, was + _MORE_REPLICAS):
            return f"deployment {metadata['name']} has {count} replicas, {was} before: far too many"
    return None


def _singular(kind: str) -> str:
    return "networkpolicy" if kind == "networkpolicies" else kind.removesuffix("s")


def _object(
    base: Cluster, now: Cluster, kind: str, pair: tuple[Manifest, Manifest], reach: Reach
) -> str | None:
    was, present = pair
    name = was["metadata"]["name"]
    if kind == "nodes":
        return _node(was, present)
    if kind in ("configmaps", "secrets"):
        return data.changed_values(base, (kind, name), pair, reach)
    if kind in _SAME_SPEC and was["spec"] != present["spec"]:
        return f"{_singular(kind)} {name} was changed"
    if kind == "storageclasses" and any(was.get(f) != present.get(f) for f in _CLASS_FIELDS):
        return f"storageclass {name} was changed"
    if kind == "services":
        return _service(was, present, within=name in reach)
    if kind == "deployments":
        return templates.deployment(base, now, pair, reach)
    return None


def _node(was: Manifest, now: Manifest) -> str | None:
    name = was["metadata"]["name"]
    if now["spec"].get("unschedulable") and not was["spec"].get("unschedulable"):
        return f"node {name} is cordoned"
    if (was["spec"].get("taints") or []) != (now["spec"].get("taints") or []):
        return f"node {name} has other taints than before"
    labels = now["metadata"].get("labels") or {}
    for key, value in (was["metadata"].get("labels") or {}).items():
        if labels.get(key) != value:
            return f"node {name} had the label {key}={value}, it has {labels.get(key)} now"
    return None


def _service(was: Manifest, now: Manifest, *, within: bool) -> str | None:
    name, before, spec = was["metadata"]["name"], was["spec"], now["spec"]
    for field, default in _SERVICE_FIELDS.items():
        if _or(before.get(field), default) != _or(spec.get(field), default):
            return f"service {name} has another {field} than before"
    if (before.get("clusterIP") == "None") != (spec.get("clusterIP") == "None"):
        return f"service {name} is {'no longer ' if before['clusterIP'] == 'None' else ''}headless"
    ports = {_port(item): item.get("targetPort", item["port"]) for item in spec.get("ports") or ()}
    for item in before.get("ports") or ():
        if _port(item) not in ports:
            return f"service {name} lost port {item['port']}"
        target = item.get("targetPort", item["port"])
        if not within and ports[_port(item)] != target:
            return f"service {name} points at port {ports[_port(item)]}, before at {target}"
    if not within and (before.get("selector") or {}) != (spec.get("selector") or {}):
        return f"service {name} has another selector than before"
    return None


def _port(item: Manifest) -> tuple[int, str]:
    return item["port"], item.get("protocol", "TCP")


def _or(value: Any, default: Any) -> Any:  # noqa: ANN401 - JSON
    return default if value is None else value


def _selected(base: Cluster, now: Cluster) -> str | None:
    """Return which service no longer selects the pods that templates would make, or None."""
    for item in base.store.listed("services", base.namespace):
        name = item["metadata"]["name"]
        present = now.store.get("services", now.namespace, name)
        before, after = _makers(base, item), _makers(now, present or item)
        if before and before != after:
            whom = ", ".join(sorted(after)) or "nobody"
            return (
                f"service {name} selects the pods of {whom} once they are made anew, "
                f"before those of {', '.join(sorted(before))}"
            )
    return None


def _makers(cluster: Cluster, service: Manifest) -> set[str]:
    """Return the deployments whose template makes pods that a service selects."""
    selector = service["spec"].get("selector")
    return {
        item["metadata"]["name"]
        for item in cluster.store.each("deployments", cluster.namespace)
        if selector and matches(selector, item["spec"]["template"]["metadata"].get("labels") or {})
    }
