"""The endpoints controller: which addresses stand behind a service.

Invariant: an address is listed when a running pod's labels match the selector; it is ready when
the pod is. A service without a selector is left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.objects.manifest import bare
from agents.environments.simulated.objects.pods import is_ready, target_port
from agents.environments.simulated.objects.selectors import matches
from agents.environments.simulated.objects.store import Key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest


def reconcile(cluster: Cluster, marks: dict[Key, Manifest]) -> None:
    """Work on every service that changed, or that lists or selects a pod that did."""
    changed = {name for kind, _, name in marks if kind == "services"}
    pods = [pod["metadata"] for (kind, _, _), pod in marks.items() if kind == "pods"]
    labels = [metadata.get("labels") or {} for metadata in pods]
    names = _relabelled(cluster, pods)
    if not changed and not labels:
        return
    for name in sorted(changed):
        if cluster.store.get("services", cluster.namespace, name) is None:
            stale = cluster.store.get("endpoints", cluster.namespace, name)
            if stale:
                cluster.store.delete("endpoints", stale)
    for service in cluster.store.each("services", cluster.namespace):
        selector = service["spec"].get("selector")
        if not selector or service["spec"].get("type") == "ExternalName":
            continue
        name = service["metadata"]["name"]
        if (
            name in changed
            or any(matches(selector, item) for item in labels)
            or (names and not names.isdisjoint(_listed(cluster, name)))
        ):
            _publish(cluster, service, selector)


def _relabelled(cluster: Cluster, pods: list[Manifest]) -> set[str]:
    """Return the names of the pods whose labels changed since they were last looked at."""
    changed = set()
    for metadata in pods:
        run = cluster.runs.get(metadata["uid"])
        labels = metadata.get("labels") or {}
        if run is not None and run.labels != labels:
            if run.labels is not None:
                changed.add(metadata["name"])
            run.labels = dict(labels)
    return changed


def _listed(cluster: Cluster, service: str) -> Iterator[str]:
    """Yield the names of the pods that a service's endpoints list."""
    known = cluster.store.get("endpoints", cluster.namespace, service)
    for subset in (known or {}).get("subsets") or ():
        for field in ("addresses", "notReadyAddresses"):
            for address in subset.get(field, ()):
                yield address["targetRef"]["name"]


def _publish(cluster: Cluster, service: Manifest, selector: dict[str, str]) -> None:
    subsets: list[Manifest] = []
    pods = sorted(
        (
            pod
            for pod in cluster.store.each("pods", cluster.namespace)
            if pod["status"].get("podIP") and matches(selector, pod["metadata"].get("labels") or {})
        ),
        key=lambda pod: str(pod["status"]["podIP"]),
    )
    for pod in pods:
        ports = []
        for port in service["spec"].get("ports") or ():
            number = target_port(pod, port.get("targetPort", port["port"]))
            if number is not None:
                entry = {"name": port.get("name"), "port": number, "protocol": "TCP"}
                ports.append({key: value for key, value in entry.items() if value is not None})
        if not ports:
            continue
        address = {
            "ip": pod["status"]["podIP"],
            "nodeName": pod["spec"]["nodeName"],
            "targetRef": {
                "kind": "Pod",
                "name": pod["metadata"]["name"],
                "namespace": pod["metadata"]["namespace"],
                "uid": pod["metadata"]["uid"],
            },
        }
        field = "addresses" if is_ready(pod) else "notReadyAddresses"
        same = next((item for item in subsets if item["ports"] == ports), None)
        if same is None:
            same = {"ports": ports}
            subsets.append(same)
        same.setdefault(field, []).append(address)
    name = service["metadata"]["name"]
    known = cluster.store.get("endpoints", cluster.namespace, name)
    if known is None:
        labels = service["metadata"].get("labels")
        known = bare("endpoints", name, cluster.namespace, labels)
        known["subsets"] = subsets
        cluster.store.create("endpoints", known, cluster.stamp())
    elif known["subsets"] != subsets:
        known["subsets"] = subsets
        cluster.store.touch("endpoints", known)
