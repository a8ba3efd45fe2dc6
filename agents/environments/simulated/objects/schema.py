"""The parts of Kubernetes' schema that the lab reads: types, defaults, and the API's rules.

Invariant: an object that passes `admit` can be read by every controller without a check; what
does not pass raises `Rejected` with the API server's words.
"""

from __future__ import annotations

import re
from typing import Any

from agents.environments.simulated.objects.kinds import Manifest
from agents.environments.simulated.objects.quantity import amount
from agents.environments.simulated.objects.selectors import matches


class Rejected(ValueError):
    """The object breaks a rule. `decoding` when it could not even be read."""

    def __init__(self, text: str, *, decoding: bool = False) -> None:
        super().__init__(text)
        self.decoding = decoding


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
    )


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
        _deployment(result["spec"], before)
    elif kind == "services":
        _service(result["spec"], before)
    elif kind == "persistentvolumeclaims":
        _claim(result["spec"], before)
    return result


def _deployment(spec: Manifest, before: Manifest | None) -> None:
    spec.setdefault("replicas", 1)
    if spec["replicas"] < 0:
        raise Rejected(
            f"spec.replicas: Invalid value: {spec['replicas']}: must be greater than or equal to 0"
        )
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    template.setdefault("spec", {}).setdefault("containers", [])
    selector = spec.setdefault("selector", {})
    _strategy(spec)
    labels = template["metadata"].get("labels") or {}
    if not selector.get("matchLabels"):
        raise Rejected("spec.selector: Required value")
    if before is not None and selector != before["spec"]["selector"]:
        raise Rejected("spec.selector: Invalid value: field is immutable")
    if not matches(selector["matchLabels"], labels):
        shown = ", ".join(f'"{key}":"{value}"' for key, value in sorted(labels.items()))
        raise Rejected(
            f"spec.template.metadata.labels: Invalid value: {{{shown}}}: "
            "`selector` does not match template `labels`"
        )
    containers = template["spec"]["containers"]
    if not containers:
        raise Rejected("spec.template.spec.containers: Required value")
    for index, container in enumerate(containers):
        _container(container, f"spec.template.spec.containers[{index}]")
    names = {volume.get("name") for volume in template["spec"].get("volumes") or ()}
    for container in containers:
        for mount in container.get("volumeMounts") or ():
            if mount.get("name") not in names:
                raise Rejected(
                    "spec.template.spec.containers[0].volumeMounts[0].name: Not found: "
                    f'"{mount.get("name")}"'
                )


def _strategy(spec: Manifest) -> None:
    strategy = spec.setdefault("strategy", {})
    kind = strategy.setdefault("type", "RollingUpdate")
    if kind not in ("Recreate", "RollingUpdate"):
        raise Rejected(
            f'spec.strategy.type: Unsupported value: "{kind}": supported values: '
            '"Recreate", "RollingUpdate"'
        )
    rolling = strategy.get("rollingUpdate")
    if kind == "Recreate":
        if rolling:
            raise Rejected(
                "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy "
                "`type` is 'Recreate'"
            )
        strategy.pop("rollingUpdate", None)
        return
    rolling = strategy.setdefault("rollingUpdate", {})
    for field in ("maxSurge", "maxUnavailable"):
        value = rolling.setdefault(field, "25%")
        if isinstance(value, str) and not re.fullmatch(r"\d{1,3}%", value):
            raise Rejected(f'spec.strategy.rollingUpdate.{field}: Invalid value: "{value}"')


def _container(container: Manifest, path: str) -> None:
    for field in ("name", "image"):
        if not container.get(field):
            raise Rejected(f"{path}.{field}: Required value")
    container.setdefault("resources", {})
    container.setdefault("imagePullPolicy", "IfNotPresent")
    for port in container.get("ports") or ():
        _port(port.get("containerPort"), f"{path}.ports[0].containerPort")
    for item in container.get("env") or ():
        if not item.get("name"):
            raise Rejected(f"{path}.env[0].name: Required value")
        for reference in (item.get("valueFrom") or {}).values():
            if not reference.get("name") or not reference.get("key"):
                raise Rejected(f"{path}.env[0].valueFrom: Invalid value: must specify a key")
    _resources(container["resources"], path)
    for field in ("readinessProbe", "livenessProbe"):
        probe = container.get(field)
        if probe:
            _probe(probe, f"{path}.{field}")
        else:
            container.pop(field, None)


def _resources(resources: Manifest, path: str) -> None:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for name, wanted in requests.items():
        if name in limits and amount(wanted) > amount(limits[name]):
            raise Rejected(
                f'{path}.resources.requests: Invalid value: "{wanted}": must be less than or '
                f"equal to {name} limit of {limits[name]}"
            )


def _probe(probe: Manifest, path: str) -> None:
    handlers = [key for key in ("tcpSocket", "httpGet", "grpc", "exec") if probe.get(key)]
    if not handlers:
        raise Rejected(f"{path}: Required value: must specify a handler type")
    if len(handlers) > 1:
        raise Rejected(f"{path}.{handlers[0]}: Forbidden: may not specify more than 1 handler type")
    if handlers[0] != "exec":
        _port(probe[handlers[0]].get("port"), f"{path}.{handlers[0]}.port")
    for field, default in (
        ("initialDelaySeconds", 0),
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ):
        if probe.setdefault(field, default) < (0 if field == "initialDelaySeconds" else 1):
            probe[field] = default


def _port(value: Any, path: str) -> None:  # noqa: ANN401 - JSON
    if value is None:
        raise Rejected(f"{path}: Required value")
    if isinstance(value, int) and not 1 <= value <= 65_535:  # noqa: PLR2004 - the last port
        raise Rejected(f"{path}: Invalid value: {value}: must be between 1 and 65535, inclusive")


def _service(spec: Manifest, before: Manifest | None) -> None:
    ports = spec.get("ports") or []
    if not ports:
        raise Rejected("spec.ports: Required value")
    for index, port in enumerate(ports):
        _port(port.get("port"), f"spec.ports[{index}].port")
        _port(port.setdefault("targetPort", port["port"]), f"spec.ports[{index}].targetPort")
        port.setdefault("protocol", "TCP")
        if len(ports) > 1 and not port.get("name"):
            raise Rejected(f"spec.ports[{index}].name: Required value")
    numbers = [port["port"] for port in ports]
    for index, number in enumerate(numbers):
        if number in numbers[:index]:
            raise Rejected(f"spec.ports[{index}]: Duplicate value: {number}")
    if before is not None and spec.get("clusterIP") != before["spec"].get("clusterIP"):
        raise Rejected(
            "spec.clusterIPs[0]: Invalid value: []string(nil): primary clusterIP can not be unset"
        )


def _claim(spec: Manifest, before: Manifest | None) -> None:
    spec.setdefault("accessModes", ["ReadWriteOnce"])
    spec.setdefault("volumeMode", "Filesystem")
    if "storage" not in (spec.get("resources") or {}).get("requests", {}):
        raise Rejected("spec.resources[storage]: Required value")
    if before is not None and spec != before["spec"]:
        raise Rejected(
            "spec: Forbidden: spec is immutable after creation except resources.requests and "
            "volumeAttributesClassName for bound claims"
        )
