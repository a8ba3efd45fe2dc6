"""Small dumps as a real API server writes them: zero values left out, more than a lab reads.

Invariant: every object is of namespace `shop`, at noon of 2026-03-01.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import orjson

Json = dict[str, Any]
NOON = "2026-03-01T12:00:00Z"
MORNING = "2026-03-01T07:00:00Z"
_REVISION = "deployment.kubernetes.io/revision"


def container(
    image: str = "app:1",
    *,
    port: int = 8080,
    env: dict[str, str | dict[str, tuple[str, str]]] | None = None,
    args: list[str] | None = None,
    probe: str | None = None,
) -> Json:
    """Return the container `main`. env: values, or {reference: (name, key)}."""
    body: Json = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"containerPort": port, "protocol": "TCP"}],
        "resources": {"limits": {"memory": "256Mi"}, "requests": {"memory": "64Mi"}},
        "env": [
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            *(_variable(name, value) for name, value in (env or {}).items()),
        ],
    }
    if args:
        body["args"] = args
    if probe:
        body["readinessProbe"] = {
            "httpGet": {"path": probe, "port": port, "scheme": "HTTP"},
            "periodSeconds": 10,
            "timeoutSeconds": 1,
            "successThreshold": 1,
            "failureThreshold": 3,
        }
    return body


def _variable(name: str, value: str | dict[str, tuple[str, str]]) -> Json:
    if isinstance(value, str):
        return {"name": name, "value": value}
    ((field, (holder, key)),) = value.items()
    return {"name": name, "valueFrom": {field: {"name": holder, "key": key}}}


def deployment(name: str, main: Json, *, earlier: Json | None = None) -> Json:
    """Return a Deployment of one replica; `dump_of` writes its replica sets beside it."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-{name}",
            "generation": 2,
            "creationTimestamp": MORNING,
            "annotations": {_REVISION: "2" if earlier else "1"},
            "managedFields": [{"manager": "kubectl"}],
        },
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
            },
            "template": _template(name, main),
        },
        "status": {"replicas": 1, "observedGeneration": 2},
        "earlier": earlier,
    }


def _template(name: str, main: Json, **labels: str) -> Json:
    return {
        "metadata": {"labels": {"app": name, **labels}, "creationTimestamp": None},
        "spec": {"containers": [deepcopy(main)], "restartPolicy": "Always"},
    }


def _set(name: str, digest: str, main: Json, revision: int, count: int) -> Json:
    labels = {"app": name, "pod-template-hash": digest}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{name}-{digest}",
            "namespace": "shop",
            "uid": f"uid-{name}-{digest}",
            "labels": labels,
            "annotations": {_REVISION: str(revision)},
            "creationTimestamp": MORNING,
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": f"uid-{name}"}
            ],
        },
        "spec": {
            "replicas": count,
            "selector": {"matchLabels": labels},
            "template": _template(name, main, **{"pod-template-hash": digest}),
        },
        "status": {"replicas": count},
    }


def pod(
    of: Json,
    state: Json | None = None,
    *,
    last: Json | None = None,
    restarts: int = 0,
    ready: bool | None = None,
) -> Json:
    """Return the pod of a Deployment; it runs and is ready unless said."""
    name = of["metadata"]["name"]
    state = state or {"running": {"startedAt": MORNING}}
    up = ("running" in state) if ready is None else ready
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{name}-5d9c7b8f6d-x2x2x",
            "namespace": "shop",
            "uid": f"uid-pod-{name}",
            "creationTimestamp": MORNING,
            "labels": {"app": name, "pod-template-hash": "5d9c7b8f6d"},
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{name}-5d9c7b8f6d"}
            ],
        },
        "spec": {"nodeName": "node-a", "containers": of["spec"]["template"]["spec"]["containers"]},
        "status": {
            "phase": "Running",
            "startTime": MORNING,
            "conditions": [
                {"type": "Ready", "status": str(up), "lastTransitionTime": NOON},
            ],
            "containerStatuses": [
                {
                    "name": "main",
                    "ready": up,
                    "restartCount": restarts,
                    "state": state,
                    "lastState": last or {},
                }
            ],
        },
    }


def service(
    name: str,
    port: int,
    *,
    target: int | None = None,
    selects: str | None = None,
    kind: str = "ClusterIP",
) -> Json:
    """Return a Service for the workload of its name, or for another."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": MORNING},
        "spec": {
            "type": kind,
            "clusterIP": f"10.0.0.{sum(map(ord, name)) % 250 + 1}",
            "selector": {"app": selects or name},
            "ports": [{"port": port, "targetPort": target or port, "protocol": "TCP"}],
        },
    }


def dump_of(*objects: Json) -> bytes:
    """Return what `kubectl get -o json` prints of these objects and their replica sets."""
    items = []
    for item in objects:
        body = {key: value for key, value in item.items() if key != "earlier"}
        items.append(body)
        if item["kind"] != "Deployment":
            continue
        name, earlier = item["metadata"]["name"], item["earlier"]
        main = item["spec"]["template"]["spec"]["containers"][0]
        items.append(_set(name, "5d9c7b8f6d", main, 2 if earlier else 1, 1))
        if earlier is not None and earlier != main:
            items.append(_set(name, "7f6b5c4d3e", earlier, 1, 0))
    return orjson.dumps({"apiVersion": "v1", "kind": "List", "items": items})
