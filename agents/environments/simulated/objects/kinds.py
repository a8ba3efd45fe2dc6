"""The kinds that the lab knows: their plural, API group, names and where they live.

Invariant: a canonical kind is the lower-case plural; every other module speaks only that.
"""

from dataclasses import dataclass
from typing import Any

import orjson

Manifest = dict[str, Any]
"""One object in Kubernetes' JSON form: typed by its API, not by us."""


def clone(item: Manifest) -> Manifest:
    """Return a deep copy; JSON there and back is several times faster than `deepcopy`."""
    copy: Manifest = orjson.loads(orjson.dumps(item))
    return copy


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One resource kind. `group` is empty for the core group."""

    plural: str
    singular: str
    name: str
    group: str = ""
    version: str = "v1"
    short: tuple[str, ...] = ()
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The apiVersion text."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """The plural with its group, as API errors and tables name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_singular(self) -> str:
        """The singular with its group, as `kubectl -o name` prints it."""
        return f"{self.singular}.{self.group}" if self.group else self.singular


def _kind(plural: str, name: str, group: str = "", *short: str, cluster: bool = False) -> Kind:
    version = "v2" if group == "autoscaling" else "v1"
    return Kind(
        plural=plural,
        singular=name.lower(),
        name=name,
        group=group,
        version=version,
        short=short,
        namespaced=not cluster,
    )


_ALL = (
    _kind("configmaps", "ConfigMap", "", "cm"),
    _kind("endpoints", "Endpoints", "", "ep"),
    _kind("events", "Event", "", "ev"),
    _kind("namespaces", "Namespace", "", "ns", cluster=True),
    _kind("nodes", "Node", "", "no", cluster=True),
    _kind("persistentvolumeclaims", "PersistentVolumeClaim", "", "pvc"),
    _kind("persistentvolumes", "PersistentVolume", "", "pv", cluster=True),
    _kind("pods", "Pod", "", "po"),
    _kind("secrets", "Secret"),
    _kind("serviceaccounts", "ServiceAccount", "", "sa"),
    _kind("services", "Service", "", "svc"),
    _kind("daemonsets", "DaemonSet", "apps", "ds"),
    _kind("deployments", "Deployment", "apps", "deploy"),
    _kind("replicasets", "ReplicaSet", "apps", "rs"),
    _kind("statefulsets", "StatefulSet", "apps", "sts"),
    _kind("horizontalpodautoscalers", "HorizontalPodAutoscaler", "autoscaling", "hpa"),
    _kind("cronjobs", "CronJob", "batch", "cj"),
    _kind("jobs", "Job", "batch"),
    _kind("leases", "Lease", "coordination.k8s.io"),
    _kind("ingresses", "Ingress", "networking.k8s.io", "ing"),
    _kind("networkpolicies", "NetworkPolicy", "networking.k8s.io", "netpol"),
    _kind("storageclasses", "StorageClass", "storage.k8s.io", "sc", cluster=True),
)
KINDS: dict[str, Kind] = {kind.plural: kind for kind in _ALL}
BY_NAME: dict[str, Kind] = {kind.name: kind for kind in _ALL}
ALIASES: dict[str, str] = {
    alias: kind.plural
    for kind in _ALL
    for alias in (
        kind.plural,
        kind.singular,
        *kind.short,
        kind.qualified,
        f"{kind.singular}.{kind.group}" if kind.group else kind.singular,
    )
}
IN_ALL = ("pods", "services", "daemonsets", "deployments", "replicasets", "statefulsets")
"""What `kubectl get all` lists, in its order (autoscalers and jobs follow)."""
ALL_CATEGORY = (*IN_ALL, "horizontalpodautoscalers", "cronjobs", "jobs")
WORKLOADS = ("deployments", "statefulsets", "daemonsets")
