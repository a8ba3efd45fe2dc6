"""The parts of Kubernetes' schema that the lab reads: types, defaults, and the API's rules.

Invariant: an object that passes `admit` can be read by every controller without a check; what
does not pass raises `Rejected` with the API server's words.
"""

from __future__ import annotations

from typing import Any

from agents.environments.simulated.objects import rules
from agents.environments.simulated.objects.kinds import Manifest
from agents.environments.simulated.objects.quantity import amount
from agents.environments.simulated.objects.rejected import Rejected

__all__ = ["Rejected", "admit"]

Shape = dict[str, Any] | list[Any] | type | str
_TEXTS = {"*": str}
_PROBE: Shape = {
    "tcpSocket": {"port": "port"},
    "httpGet": {"path": str, "port": "port", "scheme": str},
    "grpc": {"port": int},
    "exec": {"command": [str]},
    "initialDelaySeconds": int,
    "timeoutSeconds": int,
    "periodSeconds": int,
    "successThreshold": int,
    "failureThreshold": int,
}
_REFERENCE: Shape = {"name": str, "key": str, "optional": bool}
_CONTAINER: Shape = {
    "name": str,
    "image": str,
    "imagePullPolicy": str,
    "command": [str],
    "args": [str],
    "ports": [{"name": str, "containerPort": int, "protocol": str}],
    "env": [
        {
            "name": str,
            "value": str,
            "valueFrom": {"configMapKeyRef": _REFERENCE, "secretKeyRef": _REFERENCE},
        }
    ],
    "envFrom": [{"configMapRef": {"name": str}, "secretRef": {"name": str}}],
    "resources": {"limits": {"*": "quantity"}, "requests": {"*": "quantity"}},
    "readinessProbe": _PROBE,
    "livenessProbe": _PROBE,
    "startupProbe": _PROBE,
    "volumeMounts": [{"name": str, "mountPath": str, "readOnly": bool}],
}
_POD_SPEC: Shape = {
    "containers": [_CONTAINER],
    "nodeSelector": _TEXTS,
    "nodeName": str,
    "serviceAccountName": str,
    "serviceAccount": str,
    "tolerations": [{"key": str, "effect": str, "operator": str, "value": str}],
    "volumes": [{"name": str, "persistentVolumeClaim": {"claimName": str}}],
}
_SELECTOR: Shape = {
    "matchLabels": _TEXTS,
    "matchExpressions": [{"key": str, "operator": str, "values": [str]}],
}
_METADATA: Shape = {"name": str, "namespace": str, "labels": _TEXTS, "annotations": _TEXTS}
_PEERS: Shape = [
    {"podSelector": _SELECTOR, "namespaceSelector": _SELECTOR, "ipBlock": {"cidr": str}}
]
_NETWORK_PORTS: Shape = [{"port": "port", "protocol": str}]
SHAPES: dict[str, dict[str, Any]] = {
    "deployments": {
        "replicas": int,
        "selector": _SELECTOR,
        "strategy": {"type": str, "rollingUpdate": {"maxSurge": "port", "maxUnavailable": "port"}},
        "template": {"metadata": _METADATA, "spec": _POD_SPEC},
        "revisionHistoryLimit": int,
        "progressDeadlineSeconds": int,
        "minReadySeconds": int,
        "paused": bool,
    },
    "services": {
        "selector": _TEXTS,
        "type": str,
        "clusterIP": str,
        "ports": [
            {"name": str, "port": int, "targetPort": "port", "protocol": str, "nodePort": int}
        ],
    },
    "networkpolicies": {
        "podSelector": _SELECTOR,
        "policyTypes": [str],
        "ingress": [{"from": _PEERS, "ports": _NETWORK_PORTS}],
        "egress": [{"to": _PEERS, "ports": _NETWORK_PORTS}],
    },
    "persistentvolumeclaims": {
        "accessModes": [str],
        "resources": {"requests": {"storage": "quantity"}},
        "storageClassName": str,
        "volumeName": str,
        "volumeMode": str,
    },
    "persistentvolumes": {
        "accessModes": [str],
        "capacity": {"*": "quantity"},
        "claimRef": {"*": str},
        "hostPath": {"path": str, "type": str},
        "persistentVolumeReclaimPolicy": str,
        "storageClassName": str,
        "volumeMode": str,
    },
    "nodes": {"unschedulable": bool, "taints": [{"key": str, "effect": str}]},
}
_GO = {str: "string", int: "int32", bool: "bool"}


def _kind_word(value: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return {"str": "string", "list": "array", "dict": "object"}.get(type(value).__name__, "null")


def _refuse(value: Any, path: str, wanted: str) -> Rejected:  # noqa: ANN401 - JSON
    return Rejected(
        f"json: cannot unmarshal {_kind_word(value)} into Go struct field {path} of type {wanted}",
        decoding=True,
        converting=_unconverted(value, wanted),
    )


def _unconverted(value: Any, wanted: str) -> str:  # noqa: ANN401 - JSON
    """Return what a strategic merge patch is refused with for a value of another type."""
    go = {str: "string", bool: "bool", int: "int64", float: "float64"}.get(type(value), "map")
    if wanted == "[]object":
        return f"cannot restore slice from {go}"
    if wanted == "object":
        return f"cannot restore struct from: {go}"
    if go in ("int64", "float64"):
        return f"cannot convert {go} to {wanted}"
    return f"unrecognized type: {wanted}"


def _scalar(value: Any, shape: Shape, path: str) -> Any:  # noqa: ANN401 - JSON
    if shape == "quantity":
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise _refuse(value, path, "resource.Quantity")
        text = str(value)
        try:
            amount(text)
        except ValueError as error:
            raise Rejected(str(error), decoding=True) from None
        return text
    if shape == "port":
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise _refuse(value, path, "intstr.IntOrString")
        return value
    wanted = shape if isinstance(shape, type) else str
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise _refuse(value, path, _GO.get(wanted, "object"))
    return value


def _decode(value: Any, shape: Shape, path: str) -> Any:  # noqa: ANN401 - JSON
    """Return the value with its types checked, nulls dropped and unknown members kept."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            raise _refuse(value, path, "object")
        anything = shape.get("*")
        result = {}
        for key, entry in value.items():
            if entry is None and (anything is not str):
                continue
            inner = shape.get(key, anything)
            where = f"{path}.{key}"
            if inner is str and anything is str and entry is None:
                result[key] = ""
            else:
                result[key] = entry if inner is None else _decode(entry, inner, where)
        return result
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise _refuse(value, path, "[]object")
        return [_decode(entry, shape[0], path) for entry in value]
    return _scalar(value, shape, path)


def admit(kind: str, manifest: Manifest, before: Manifest | None) -> Manifest:
    """Return the object as it would be stored; raises `Rejected`."""
    result = {**manifest, "metadata": _decode(manifest["metadata"], _METADATA, "metadata")}
    if kind in SHAPES:
        spec = manifest.get("spec")
        result["spec"] = _decode(spec if spec is not None else {}, SHAPES[kind], "spec")
    if kind == "configmaps":
        result["data"] = _decode(manifest.get("data") or {}, _TEXTS, "data")
    if kind == "secrets":
        result["data"] = _decode(manifest.get("data") or {}, _TEXTS, "data")
    if kind == "deployments":
        rules.deployment(result["spec"], before)
    elif kind == "services":
        rules.service(result["spec"], before)
    elif kind == "networkpolicies":
        rules.policy(result["spec"])
    elif kind == "horizontalpodautoscalers":
        rules.autoscaler(result.get("spec") or {})
    elif kind == "persistentvolumeclaims":
        rules.claim(result["spec"], before)
    elif kind == "persistentvolumes":
        rules.volume(result["spec"])
    return result
