"""The recorded scene: two lab applications on a real API server, and objects in every state.

Invariant: what is applied is the lab's own objects, less what an API server assigns; statuses,
replica sets, pods, endpoints and most events are then the real controllers' own.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from agents.environments.simulated.incidents import generate
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.objects.kinds import KINDS, Manifest, clone
from agents.environments.simulated.objects.pods import workload_of

if TYPE_CHECKING:
    from tests.parity.controlplane import ControlPlane

EXTRAS = Path(__file__).with_name("extras.yaml")
SEEDS = (7, 2)
"""Incidents whose applications are applied; the first one's namespace is the commands' own."""

_APPLIED = (
    "serviceaccounts",
    "configmaps",
    "secrets",
    "persistentvolumeclaims",
    "services",
    "networkpolicies",
    "deployments",
)
_ASSIGNED = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")
_STATE = "parity.test/state"
_READER_ROLE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reads-the-cluster}
rules:
- apiGroups: ["", storage.k8s.io]
  resources: [nodes, persistentvolumes, storageclasses]
  verbs: [get, list, watch]
"""
_SETTLED_SECONDS = 120.0


def labs() -> list[Lab]:
    """Return the labs whose objects are applied."""
    return [Lab(generate(seed, application="procedural")) for seed in SEEDS]


def _bare(item: Manifest) -> Manifest:
    """Return an object as a user would write it."""
    item = clone(item)
    item["metadata"] = {
        key: value for key, value in item["metadata"].items() if key not in _ASSIGNED
    }
    annotations = item["metadata"].get("annotations") or {}
    item["metadata"]["annotations"] = {
        key: value for key, value in annotations.items() if not key.startswith("deployment.")
    }
    if item["kind"] != "Node":
        item.pop("status", None)
    spec = item.get("spec") or {}
    for key in ("clusterIP", "clusterIPs", "volumeName"):
        spec.pop(key, None)
    return item


def _applied(lab: Lab) -> list[Manifest]:
    store = lab.cluster.store
    waiting = {
        workload_of(pod)
        for pod in store.each("pods", lab.namespace)
        if any(
            "waiting" in status["state"] for status in pod["status"].get("containerStatuses", ())
        )
    }
    found = []
    for kind in _APPLIED:
        for item in store.listed(kind, lab.namespace):
            body = _bare(item)
            if kind == "deployments" and item["metadata"]["name"] in waiting:
                metadata = body["spec"]["template"]["metadata"]
                metadata["annotations"] = {
                    **(metadata.get("annotations") or {}),
                    _STATE: "ImagePullBackOff",
                }
            if kind != "serviceaccounts" or item["metadata"]["name"] != "default":
                found.append(body)
    return found


def _list(items: list[Manifest]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def set_up(plane: ControlPlane, *, say: bool = True) -> None:
    """Apply everything and wait until the controllers are quiet."""
    apps = labs()
    nodes = {
        item["metadata"]["name"]: item for lab in apps for item in lab.cluster.store.each("nodes")
    }
    for index, node in enumerate(nodes.values()):
        node["status"]["addresses"][0]["address"] = f"172.18.0.{index + 2}"
        node["status"]["nodeInfo"] |= {
            "bootID": f"b007-{index}",
            "kubeProxyVersion": "",
            "machineID": f"3a11-{index}",
            "systemUUID": f"5e12-{index}",
        }
    plane.must(["create", "-f", "-"], _list([_bare(node) for node in nodes.values()]))
    classes = {
        item["metadata"]["name"]: _bare(item)
        for lab in apps
        for item in lab.cluster.store.each("storageclasses")
    }
    plane.must(["create", "-f", "-"], _list(list(classes.values())))
    plane.must(["create", "-f", "-"], _READER_ROLE)
    for role in ("view", "reads-the-cluster"):
        plane.must(
            [
                "create",
                "clusterrolebinding",
                f"reader-{role}",
                f"--clusterrole={role}",
                "--user=reader",
            ]
        )
    for lab in apps:
        plane.must(["create", "namespace", lab.namespace])
    plane.must(["label", "namespace", apps[1].namespace, "team=a"])
    plane.must(["wait", "--for=create", "serviceaccount/default", "--timeout=30s"])
    for lab in apps:
        plane.must(["create", "-f", "-"], _list(_applied(lab)))
        _bind(plane, lab)
    plane.must(["create", "-f", "-"], EXTRAS.read_text())
    _roll(plane)
    _wait_quiet(plane, say=say)
    plane.must(["create", "-f", "-"], _list(_kubelet_events(plane)))


def _bind(plane: ControlPlane, lab: Lab) -> None:
    """Make the volumes that a provisioner would have made for the application's claims."""
    claims = json.loads(plane.must(["get", "pvc", "-n", lab.namespace, "-o", "json"]))["items"]
    volumes = []
    for claim in claims:
        metadata, spec = claim["metadata"], claim["spec"]
        volumes.append(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": f"pvc-{metadata['uid']}"},
                "spec": {
                    "accessModes": spec["accessModes"],
                    "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                    "claimRef": {
                        "apiVersion": "v1",
                        "kind": "PersistentVolumeClaim",
                        "name": metadata["name"],
                        "namespace": metadata["namespace"],
                        "uid": metadata["uid"],
                    },
                    "hostPath": {"path": f"/opt/{metadata['name']}", "type": "DirectoryOrCreate"},
                    "persistentVolumeReclaimPolicy": "Delete",
                    "storageClassName": spec["storageClassName"],
                },
            }
        )
    if volumes:
        plane.must(["create", "-f", "-"], _list(volumes))


def _roll(plane: ControlPlane) -> None:
    """Give one deployment a history of four revisions, the third of them with a cause."""
    plane.must(["rollout", "status", "deployment/plain", "--timeout=60s"])
    plane.must(["set", "image", "deployment/plain", "plain=example/plain:2"])
    plane.must(["rollout", "status", "deployment/plain", "--timeout=60s"])
    plane.must(["annotate", "deployment/plain", "kubernetes.io/change-cause=level to info"])
    plane.must(["set", "env", "deployment/plain", "MODE=slow"])
    plane.must(["rollout", "status", "deployment/plain", "--timeout=60s"])
    plane.must(["set", "image", "deployment/frontend", "frontend=example/frontend:next"])
    plane.must(["rollout", "status", "deployment/frontend", "--timeout=60s"])


def _wait_quiet(plane: ControlPlane, *, say: bool) -> None:
    """Wait until the stuck rollout is given up, the jobs are done and the autoscaler has failed."""
    deadline = time.monotonic() + _SETTLED_SECONDS
    while time.monotonic() < deadline:
        time.sleep(3)
        stuck = plane.must(["get", "deployment", "stuck", "-o", "json"])
        scaler = plane.must(["get", "hpa", "bridge", "-o", "json"])
        job = plane.must(["get", "job", "migrate", "-o", "json"])
        signs = (
            "ProgressDeadlineExceeded" in stuck,
            "FailedGetResourceMetric" in scaler,
            '"Complete"' in job,
        )
        if say:
            sys.stderr.write(f"quiet: {signs}\n")
        if all(signs):
            return
    raise RuntimeError(f"the scene was not quiet in {_SETTLED_SECONDS} s")


def _kubelet_events(plane: ControlPlane) -> list[Manifest]:
    """Return what a kubelet would have told of the pods on its node."""
    pods = json.loads(plane.must(["get", "pods", "-o", "json"]))["items"]
    now = time.time()

    def stamp(ago: float) -> str:
        return datetime.fromtimestamp(now - ago, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    found = []
    for pod in pods:
        node = pod["spec"].get("nodeName")
        status = pod["status"].get("containerStatuses") or []
        if not node or not status:
            continue
        image = pod["spec"]["containers"][0]["image"]
        waiting = status[0]["state"].get("waiting", {}).get("reason")
        told = {
            "ImagePullBackOff": [
                ("Normal", "Pulling", f'Pulling image "{image}"', 4, 95),
                ("Warning", "Failed", "Error: ErrImagePull", 4, 94),
                ("Normal", "BackOff", f'Back-off pulling image "{image}"', 6, 92),
                ("Warning", "Failed", "Error: ImagePullBackOff", 6, 92),
            ],
            "CrashLoopBackOff": [
                ("Normal", "Started", "Container started", 5, 93),
                ("Warning", "BackOff", "Back-off restarting failed container main", 7, 80),
            ],
            None: [
                (
                    "Normal",
                    "Pulled",
                    f'Container image "{image}" already present on machine',
                    1,
                    31,
                ),
                ("Normal", "Created", "Container created", 1, 30),
                ("Normal", "Started", "Container started", 1, 30),
            ],
        }.get(waiting, [])
        for index, (kind, reason, message, count, first) in enumerate(told):
            found.append(_event(pod, node, (kind, reason, message), count, index))
            found[-1]["firstTimestamp"] = stamp(first)
            found[-1]["lastTimestamp"] = stamp(first if count == 1 else index)
    return found


def _event(
    pod: Manifest, node: str, what: tuple[str, str, str], count: int, index: int
) -> Manifest:
    metadata = pod["metadata"]
    kind, reason, message = what
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{metadata['name']}.{index:016x}",
            "namespace": metadata["namespace"],
        },
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "resourceVersion": metadata["resourceVersion"],
            "uid": metadata["uid"],
            "fieldPath": f"spec.containers{{{pod['spec']['containers'][0]['name']}}}",
        },
        "reason": reason,
        "message": message,
        "source": {"component": "kubelet", "host": node},
        "count": count,
        "type": kind,
        "reportingComponent": "kubelet",
        "reportingInstance": node,
    }


def dump(plane: ControlPlane) -> dict[str, Manifest]:
    """Return every object of the kinds that the lab knows, by `kind namespace name`."""
    text = plane.must(["get", ",".join(KINDS), "-A", "-o", "json"])
    text = text[text.index("{") :]  # a warning of a deprecated kind stands before it
    plurals = {kind.name: kind.plural for kind in KINDS.values()}
    found = {}
    for item in json.loads(text)["items"]:
        metadata = item["metadata"]
        namespace = metadata.get("namespace", "")
        if namespace in ("kube-system", "kube-public"):
            continue
        found[f"{plurals[item['kind']]} {namespace} {metadata['name']}"] = item
    return found


def placeholders(objects: dict[str, Manifest]) -> dict[str, str]:
    """Return the names that commands can't know before: pods of deployments, and the namespaces."""
    spaces = [lab.namespace for lab in labs()]
    names = {"main": spaces[0], "other": spaces[1]}
    for key, item in sorted(objects.items()):
        kind, namespace, name = key.split(" ")
        if kind == "pods" and namespace == spaces[0] and item["metadata"].get("ownerReferences"):
            names.setdefault(f"pod:{workload_of(item)}", name)
        if kind == "replicasets" and namespace == spaces[0]:
            names.setdefault(f"rs:{name.rsplit('-', 1)[0]}", name)
        if kind == "nodes":
            names.setdefault(f"node{sum(entry.startswith('node') for entry in names)}", name)
        if kind == "persistentvolumes" and name != "spare":
            names.setdefault("volume", name)
    return names


def extras() -> list[Manifest]:
    """Return the objects of `extras.yaml`."""
    return list(yaml.safe_load_all(EXTRAS.read_text()))
