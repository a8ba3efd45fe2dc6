"""Objects of a dump, checked kind by kind, with the API server's defaults filled in.

Invariant: an object that passes can be read by every controller without a check; what does not
raises ValueError (`Rejected`, or a quantity that can't be read) with what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agents.environments.simulated.clock import moment_of
from agents.environments.simulated.objects.kinds import BY_NAME
from agents.environments.simulated.objects.manifest import REVISION
from agents.environments.simulated.objects.quantity import amount
from agents.environments.simulated.objects.schema import Rejected, admit

if TYPE_CHECKING:
    from agents.environments.simulated.objects.kinds import Manifest

_TEMPLATED = ("deployments", "replicasets", "statefulsets", "daemonsets")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_MOST_REPLICAS = 1000
_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z")
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,251}[A-Za-z0-9])?")


def checked(kind: str, item: Manifest) -> Manifest | None:
    """Return the object as the lab keeps it, None where it can't; raises Rejected."""
    body = {key: value for key, value in item.items() if value is not None}
    metadata = dict(item["metadata"])
    for field in ("managedFields", "selfLink"):
        metadata.pop(field, None)
    annotations = metadata.get("annotations")
    if isinstance(annotations, dict):
        metadata["annotations"] = {k: v for k, v in annotations.items() if k != APPLIED}
    body["metadata"] = metadata
    body = admit("pods", body, None)  # of a pod only the metadata is decoded
    _metadata(body["metadata"])
    if kind in _TEMPLATED:
        return _templated(kind, body)
    check = _CHECKS.get(kind)
    return check(body) if check else None


def _metadata(metadata: Manifest) -> None:
    for owner in entries(metadata, "ownerReferences"):
        if not isinstance(owner.get("name"), str) or not isinstance(owner.get("kind"), str):
            raise Rejected("metadata.ownerReferences: expected kind and name")
    stamp = metadata.get("creationTimestamp")
    if not isinstance(stamp, str) or moment(stamp) is None:
        metadata.pop("creationTimestamp", None)
    if not isinstance(metadata.get("uid"), str):
        metadata.pop("uid", None)
    annotations = metadata.get("annotations") or {}
    if not str(annotations.get(REVISION, "0")).isdecimal():
        raise Rejected(f"metadata.annotations: {REVISION} is {annotations[REVISION]!r}, no number")
    generation = metadata.get("generation")
    if not isinstance(generation, int) or isinstance(generation, bool):
        metadata["generation"] = 1


def entries(value: Manifest, *path: str) -> list[Manifest]:
    """Return the objects of a list at a path, none where there is none; raises Rejected."""
    found = at(value, *path)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Rejected(f"{'.'.join(path)}: expected a list of objects")
    return found


def at(value: object, *path: str) -> Any:  # noqa: ANN401 - JSON
    """Return what stands at a path of objects, or None."""
    for part in path:
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def moment(text: object) -> float | None:
    """Return the seconds of an RFC 3339 text in UTC, or None."""
    if not isinstance(text, str) or not _STAMP.fullmatch(text):
        return None
    try:
        return moment_of(text)
    except ValueError:
        return None


def _templated(kind: str, body: Manifest) -> Manifest:
    """Return a workload or a replica set with its template's defaults filled in."""
    spec = body.get("spec")
    if not isinstance(spec, dict):
        raise Rejected("spec: Required value")
    shaped = dict(spec)
    if kind != "deployments":
        shaped.pop("strategy", None)
    full = admit("deployments", {**body, "spec": shaped}, None)["spec"]
    for container in full["template"]["spec"]["containers"]:
        for port in container.get("ports") or ():
            if not isinstance(port.get("containerPort"), int):
                raise Rejected("ports[0].containerPort: Required value")
    _references(full["template"]["spec"])
    if full["replicas"] > _MOST_REPLICAS:
        raise Rejected(f"spec.replicas: a lab runs at most {_MOST_REPLICAS}")
    if kind == "replicasets":
        kept = ("replicas", "selector", "template")
        full = {key: full[key] for key in kept}
    body["spec"] = full
    status = body.get("status")
    body["status"] = status if isinstance(status, dict) else {}
    body["status"]["conditions"] = _conditions(body["status"])
    return body


def _references(spec: Manifest) -> None:
    """Check that what a pod refers to is named."""
    for volume in spec.get("volumes") or ():
        claim = volume.get("persistentVolumeClaim")
        if claim is not None and "claimName" not in claim:
            raise Rejected("volumes[0].persistentVolumeClaim.claimName: Required value")
    for container in spec["containers"]:
        for source in container.get("envFrom") or ():
            for field in ("configMapRef", "secretRef"):
                if field in source and "name" not in source[field]:
                    raise Rejected(f"envFrom[0].{field}.name: Required value")


def _conditions(status: Manifest) -> list[Manifest]:
    """Return the conditions that have all that a controller reads of one."""
    fields = ("type", "status", "reason", "message", "lastTransitionTime")
    found = [
        one
        for one in entries(status, "conditions")
        if all(isinstance(one.get(field), str) for field in fields)
    ]
    for one in found:
        one.setdefault("lastUpdateTime", one["lastTransitionTime"])
    return found


def _service(body: Manifest) -> Manifest | None:
    spec = body.get("spec")
    if not isinstance(spec, dict) or spec.get("type") == "ExternalName" or not spec.get("ports"):
        return None
    for field in ("clusterIPs", "ipFamilies", "externalIPs"):
        listed = spec.get(field)
        if listed is not None and not (
            isinstance(listed, list) and all(isinstance(one, str) for one in listed)
        ):
            raise Rejected(f"spec.{field}: expected a list of texts")
    return admit("services", {**body, "status": {"loadBalancer": {}}}, None)


def _pod(body: Manifest) -> Manifest:
    spec, status = body.get("spec"), body.get("status")
    body["spec"] = spec if isinstance(spec, dict) else {}
    body["status"] = status if isinstance(status, dict) else {}
    for field in ("containers", "initContainers"):
        entries(body["spec"], field)
    for field in ("conditions", "containerStatuses", "initContainerStatuses"):
        entries(body["status"], field)
    node = body["spec"].get("nodeName")
    if node is not None and (not isinstance(node, str) or not NAME.fullmatch(node)):
        raise Rejected("spec.nodeName: expected the name of a node")
    return body


def _event(body: Manifest) -> Manifest | None:
    involved = body.get("involvedObject")
    if not isinstance(involved, dict) or not isinstance(involved.get("name"), str):
        return None
    texts = {field: body.get(field) for field in ("reason", "message", "type")}
    if not all(isinstance(text, str) for text in texts.values()):
        return None
    last = (
        body.get("lastTimestamp")
        or body.get("eventTime")
        or at(body, "metadata", "creationTimestamp")
    )
    seconds = moment(last)
    if seconds is None or involved.get("kind") not in BY_NAME:
        return None
    stamp = f"{str(last)[:19]}Z"
    first = body.get("firstTimestamp")
    count = body.get("count")
    source = body.get("source")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": body["metadata"],
        "involvedObject": {key: str(value) for key, value in involved.items()},
        **texts,
        "source": {k: str(v) for k, v in source.items()} if isinstance(source, dict) else {},
        "firstTimestamp": f"{str(first)[:19]}Z" if moment(first) is not None else stamp,
        "lastTimestamp": stamp,
        "count": count if isinstance(count, int) and not isinstance(count, bool) else 1,
        "reportingComponent": str(body.get("reportingComponent") or ""),
        "reportingInstance": str(body.get("reportingInstance") or ""),
    }


def _policy(body: Manifest) -> Manifest:
    policy = admit("networkpolicies", body, None)
    _selectors(policy["spec"])
    return policy


def _node(body: Manifest) -> Manifest:
    node = admit("nodes", body, None)
    for name in ("cpu", "memory"):
        amount(str(at(node, "status", "allocatable", name)))
    if any("key" not in taint or "effect" not in taint for taint in node["spec"].get("taints", ())):
        raise Rejected("spec.taints: expected key and effect")
    return node


def _selectors(value: object) -> None:
    """Check every label selector below a value, as the API server does."""
    if isinstance(value, list):
        for one in value:
            _selectors(one)
    elif isinstance(value, dict):
        for expression in value.get("matchExpressions") or ():
            if expression.get("operator") not in _OPERATORS or "key" not in expression:
                raise Rejected(f"matchExpressions: {str(expression)[:80]} is not a valid selector")
        for one in value.values():
            _selectors(one)


def _endpoints(body: Manifest) -> Manifest:
    for subset in entries(body, "subsets"):
        for field in ("addresses", "notReadyAddresses", "ports"):
            entries(subset, field)
    body.setdefault("subsets", [])
    return body


def _claim(body: Manifest) -> Manifest:
    claim = admit("persistentvolumeclaims", body, None)
    phase = at(body, "status", "phase")
    claim["status"] = {"phase": "Pending"}
    if phase == "Bound":
        size = claim["spec"]["resources"]["requests"]["storage"]
        claim["status"] = {
            "accessModes": claim["spec"]["accessModes"],
            "capacity": {"storage": size},
            "phase": "Bound",
        }
    return claim


_CHECKS: dict[str, Callable[[Manifest], Manifest | None]] = {
    "configmaps": lambda body: admit("configmaps", body, None),
    "endpoints": _endpoints,
    "events": _event,
    "horizontalpodautoscalers": lambda body: body,
    "ingresses": lambda body: body,
    "networkpolicies": _policy,
    "nodes": _node,
    "persistentvolumeclaims": _claim,
    "pods": _pod,
    "serviceaccounts": lambda body: body,
    "services": _service,
}
"""What a lab keeps beside workloads and the names of Secrets; the rest is left out."""
