"""A namespace as `kubectl get -o json` gives it, checked before anything is built from it.

    kubectl get deploy,sts,ds,rs,svc,endpoints,cm,sa,pvc,netpol,hpa,ingress,pods,events
        -n NAMESPACE -o json > dump.json

Invariant: what `read_dump` returns has the types that the controllers rely on; values of Secrets
never pass it. Whatever is wrong raises `DumpUnusable` with what was expected, got, and to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from agents.environments.simulated.clock import moment_of
from agents.environments.simulated.objects.kinds import BY_NAME
from agents.environments.simulated.objects.manifest import REVISION
from agents.environments.simulated.objects.quantity import amount
from agents.environments.simulated.objects.schema import Rejected, admit

if TYPE_CHECKING:
    from agents.environments.simulated.objects.kinds import Manifest

COMMAND = (
    "kubectl get deploy,sts,ds,rs,svc,endpoints,cm,sa,pvc,netpol,hpa,ingress,pods,events "
    "-n NAMESPACE -o json"
)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,251}[A-Za-z0-9])?")
_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z")
_TEMPLATED = ("deployments", "replicasets", "statefulsets", "daemonsets")
_MAPPED = {"statefulsets", "daemonsets"}
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_STRIP = (
    "leave secrets out of the command, or take the values out: jq '(.items[] | select(.kind == "
    '"Secret")) |= (del(.data, .stringData, .metadata.annotations))\' dump.json'
)
_DEEPEST = 60
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_MOST_REPLICAS = 1000


class DumpUnusable(ValueError):
    """The file is no dump of one namespace that a lab may be built from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """Objects of one namespace by kind, in the order of the file. present: its newest moment."""

    namespace: str
    present: float
    objects: dict[str, list[Manifest]]
    notes: tuple[str, ...]

    def each(self, kind: str) -> list[Manifest]:
        """Return the objects of a kind."""
        return self.objects.get(kind, [])

    def get(self, kind: str, name: str) -> Manifest | None:
        """Return an object, or None."""
        return next((one for one in self.each(kind) if one["metadata"]["name"] == name), None)


def read_dump(content: bytes) -> Dump:
    """Return the dump of one namespace; raises DumpUnusable."""
    items = _items(content)
    objects: dict[str, list[Manifest]] = {}
    notes: list[str] = []
    left: dict[str, int] = {}
    for index, item in enumerate(items):
        kind = BY_NAME.get(_identity(item, index))
        if kind is None or not (kind.namespaced or kind.plural == "nodes"):
            left[str(item["kind"])] = left.get(str(item["kind"]), 0) + 1
            continue
        try:
            body = _checked(kind.plural, item)
        except ValueError as error:  # Rejected, or a quantity that can't be read
            if isinstance(error, DumpUnusable):
                raise
            name = item["metadata"]["name"]
            raise DumpUnusable(
                f"{kind.name} {name!r} is not as the API server stores it: {error}; take the "
                f"dump anew with `{COMMAND}`"
            ) from None
        if body is None:
            left[kind.name] = left.get(kind.name, 0) + 1
        else:
            objects.setdefault(kind.plural, []).append(body)
    notes += [f"left out: {count} {kind}" for kind, count in sorted(left.items())]
    namespace = _namespace(objects)
    if not any(objects.get(kind) for kind in ("deployments", *sorted(_MAPPED))):
        raise DumpUnusable(
            f"expected a Deployment, StatefulSet or DaemonSet, got none; use `{COMMAND}`"
        )
    _unique(objects)
    return Dump(namespace=namespace, present=_present(objects), objects=objects, notes=tuple(notes))


def _items(content: bytes) -> list[Any]:
    lines = content.lstrip(b"\xef\xbb\xbf").lstrip()
    while lines.startswith(b"Warning:"):  # standard error in the same file
        lines = lines.partition(b"\n")[2].lstrip()
    try:
        document = orjson.loads(lines)
    except orjson.JSONDecodeError as error:
        raise DumpUnusable(f"expected JSON as `{COMMAND}` prints it: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        got = document.get("kind") if isinstance(document, dict) else type(document).__name__
        raise DumpUnusable(
            f"expected a List with `items`, got {str(got)[:60]}; use `{COMMAND}`, without a name"
        )
    if _depth(document, 0) > _DEEPEST:
        raise DumpUnusable(f"expected objects at most {_DEEPEST} levels deep")
    items: list[Any] = document["items"]
    return items


def _depth(value: object, level: int) -> int:
    if level > _DEEPEST:
        return level
    if isinstance(value, dict):
        return max((_depth(one, level + 1) for one in value.values()), default=level)
    if isinstance(value, list):
        return max((_depth(one, level + 1) for one in value), default=level)
    return level


def _identity(item: Any, index: int) -> str:  # noqa: ANN401 - JSON
    """Return the item's kind once its kind and name are sure to be texts."""
    metadata = item.get("metadata") if isinstance(item, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    kind = item.get("kind") if isinstance(item, dict) else None
    if not isinstance(kind, str) or not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DumpUnusable(
            f"items[{index}]: expected an object with kind and metadata.name, got kind "
            f"{str(kind)[:40]!r} and name {str(name)[:40]!r}"
        )
    return kind


def _checked(kind: str, item: Manifest) -> Manifest | None:
    """Return the object as the lab keeps it, None where it can't; raises Rejected."""
    if kind == "secrets":
        return _secret(item)
    body = {key: value for key, value in item.items() if value is not None}
    metadata = dict(item["metadata"])
    for field in ("managedFields", "selfLink"):
        metadata.pop(field, None)
    annotations = metadata.get("annotations")
    if isinstance(annotations, dict):
        metadata["annotations"] = {k: v for k, v in annotations.items() if k != _APPLIED}
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
    if node is not None and (not isinstance(node, str) or not _NAME.fullmatch(node)):
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


def _secret(item: Manifest) -> Manifest:
    """Return the name alone; raises DumpUnusable where a value stands."""
    name = item["metadata"]["name"]
    annotations = at(item, "metadata", "annotations") or {}
    if item.get("data") or item.get("stringData") or _APPLIED in annotations:
        raise DumpUnusable(
            f"Secret {name!r} comes with its values, which a twin never reads: {_STRIP}"
        )
    kind = item.get("type")
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": str(item["metadata"].get("namespace", ""))},
        "type": kind if isinstance(kind, str) else "Opaque",
    }


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


def _namespace(objects: dict[str, list[Manifest]]) -> str:
    names: dict[str, None] = {}
    for item in _all(objects):
        name = item["metadata"].get("namespace")
        if item.get("kind") == "Node":
            continue
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise DumpUnusable(
                f"{item.get('kind')} {item['metadata']['name']!r}: expected a namespace, got none"
            )
        names[name] = None
    if len(names) != 1:
        got = ", ".join(list(names)[:4]) or "no object that a lab knows"
        raise DumpUnusable(f"expected the objects of one namespace, got {got}; use `{COMMAND}`")
    return next(iter(names))


def _all(objects: dict[str, list[Manifest]]) -> Iterator[Manifest]:
    for items in objects.values():
        yield from items


def _unique(objects: dict[str, list[Manifest]]) -> None:
    for kind, items in objects.items():
        names = [item["metadata"]["name"] for item in items]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None and kind != "events":
            raise DumpUnusable(f"expected {kind}/{twice} once, got it twice")


_MOMENTS = frozenset(
    {"creationTimestamp", "startedAt", "finishedAt", "lastTransitionTime", "lastTimestamp"}
)
_UNDATED = 1_767_225_600.0


def _present(objects: dict[str, list[Manifest]]) -> float:
    """Return the newest moment that any object tells of."""
    newest = 0.0
    waiting: list[object] = list(_all(objects))
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            for key, one in value.items():
                if key in _MOMENTS:
                    newest = max(newest, moment(one) or 0.0)
                elif isinstance(one, dict | list):
                    waiting.append(one)
        elif isinstance(value, list):
            waiting += value
    return float(int(newest)) or _UNDATED
