"""`create`, `apply`, `expose` and `autoscale`: objects that come from a manifest or a workload.

Invariant: what is created has what the API server fills in; `apply` keeps what was applied last in
its annotation, and removes what the manifest no longer holds.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import orjson

from agents.environments.simulated.dice import draw
from agents.environments.simulated.kubectl.documents import document
from agents.environments.simulated.kubectl.editing import save
from agents.environments.simulated.kubectl.errors import CommandFailed, invalid, qualified
from agents.environments.simulated.kubectl.jsonpath import escaped
from agents.environments.simulated.kubectl.output import LAST_APPLIED, qualified_name
from agents.environments.simulated.kubectl.selecting import find, namespace_of
from agents.environments.simulated.objects.kinds import BY_NAME, KINDS, Kind, Manifest
from agents.environments.simulated.objects.manifest import bare
from agents.environments.simulated.objects.patching import PatchFailed, deletions, strategic
from agents.environments.simulated.objects.rejected import Rejected
from agents.environments.simulated.objects.rules import check_name

if TYPE_CHECKING:
    from agents.contracts.command import Command
    from agents.environments.simulated.cluster import Cluster

_CREATABLE = (
    "configmaps",
    "secrets",
    "services",
    "deployments",
    "serviceaccounts",
    "persistentvolumeclaims",
    "persistentvolumes",
    "networkpolicies",
)
_INSIST = "if you choose to ignore these errors, turn validation off with --validate=false"
_NO_ANNOTATION = (
    f"is missing the {LAST_APPLIED} annotation which is required by kubectl apply. kubectl apply "
    "should only be used on resources created declaratively by either kubectl create "
    "--save-config or kubectl apply. The missing annotation will be patched automatically."
)
_DEPRECATED_CPU = (
    "Flag --cpu-percent has been deprecated, Use --cpu with percentage or resource quantity format "
    "(e.g., '70%' for utilization or '500m' for milliCPU).\n"
)
_EXPOSED = ("pods", "services", "deployments", "replicasets", "replicationcontrollers")


def _body(command: Command) -> tuple[Kind, Manifest]:
    """Return the kind and the object of a manifest, or fail as kubectl does before it asks."""
    body = document(command.stdin or "")
    body = body if isinstance(body, dict) else {}
    for field in ("apiVersion", "kind"):
        if not isinstance(body.get(field) or None, str):
            problem = f"error validating data: {field} not set; {_INSIST}"
            raise CommandFailed(f'error: error validating "STDIN": {problem}')
    metadata = body.get("metadata")
    body["metadata"] = metadata if isinstance(metadata, dict) else {}
    kind = BY_NAME.get(body["kind"])
    if kind is None or body["apiVersion"] != kind.api_version:
        name, space = body["metadata"].get("name", ""), body["metadata"].get("namespace", "")
        raise CommandFailed(
            f'error: resource mapping not found for name: "{name}" namespace: "{space}" from '
            f'"STDIN": no matches for kind "{body["kind"]}" in version "{body["apiVersion"]}"\n'
            "ensure CRDs are installed first"
        )
    return kind, body


def apply(cluster: Cluster, command: Command) -> str:
    """Run `apply -f -` or `create -f -` with one object."""
    kind, body = _body(command)
    metadata = body["metadata"]
    name = metadata.get("name", "")
    for field in ("name", "namespace"):
        if not isinstance(metadata.get(field) or "", str):
            raise CommandFailed(f"error: unable to decode STDIN: metadata.{field} is no string")
    if kind.plural not in _CREATABLE:
        raise CommandFailed(
            f'Error from server (Forbidden): error when creating "STDIN": {kind.qualified} '
            f'"{name}" is forbidden'
        )
    if kind.namespaced:
        metadata["namespace"] = metadata.get("namespace") or namespace_of(command)
    else:
        metadata.pop("namespace", None)
    place = metadata.get("namespace", "")
    if kind.namespaced and place != cluster.namespace:
        raise CommandFailed(
            f'Error from server (NotFound): error when creating "STDIN": namespaces '
            f'"{place}" not found'
        )
    known = cluster.store.get(kind.plural, place, name)
    if command.verb == "create" and known is not None:
        raise CommandFailed(
            f'Error from server (AlreadyExists): error when creating "STDIN": '
            f'{kind.qualified} "{name}" already exists'
        )
    if command.verb == "apply":
        _remember(body)
    if known is None:
        return create(cluster, kind.plural, body, from_manifest=True)
    return _applied(cluster, kind, known, body)


def _remember(body: Manifest) -> None:
    """Write the manifest into the annotation that the next apply compares with."""
    annotations = body["metadata"].get("annotations") or {}
    if not isinstance(annotations, dict):
        return  # the API server says what is wrong with it
    body["metadata"]["annotations"] = annotations
    annotations.pop(LAST_APPLIED, None)
    text = escaped(orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode())
    body["metadata"]["annotations"] = {**annotations, LAST_APPLIED: f"{text}\n"}


def _applied(cluster: Cluster, kind: Kind, known: Manifest, body: Manifest) -> str:
    last = (known["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    name = body["metadata"]["name"]
    warning = "" if last else f"Warning: resource {kind.plural}/{name} {_NO_ANNOTATION}\n"
    body.pop("status", None)
    before = _last_applied(last or "")
    try:
        changed = strategic(known, deletions(before, body), ordered=True)
    except PatchFailed as error:
        raise CommandFailed(f"Error from server (BadRequest): {error}") from None
    word = "configured" if save(cluster, kind.plural, changed) else "unchanged"
    return f"{warning}{qualified_name(known)} {word}\n"


def _last_applied(text: str) -> Manifest:
    """Return what was applied last without its annotations; nothing where it can't be read."""
    try:
        before = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(before, dict):
        return {}
    if isinstance(before.get("metadata"), dict):
        before["metadata"].pop("annotations", None)
    return before


def _assign(cluster: Cluster, kind: str, body: Manifest) -> None:
    """Fill in what the API server assigns to a new object of a kind."""
    metadata, spec = body["metadata"], body.get("spec")
    if kind == "services" and isinstance(spec, dict):
        _assign_address(cluster, body)
    if kind == "secrets":
        body.setdefault("type", "Opaque")
        plain = body.pop("stringData", None) or {}
        encoded = {key: b64encode(str(value).encode()).decode() for key, value in plain.items()}
        if encoded:
            body["data"] = {**(body.get("data") or {}), **encoded}
    if kind == "deployments":
        metadata["generation"] = 1
        body["status"] = {}
    if kind == "persistentvolumes":
        body["status"] = {"phase": "Available"}
        metadata.setdefault("finalizers", ["kubernetes.io/pv-protection"])
        if isinstance(spec, dict):
            spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
            spec.setdefault("volumeMode", "Filesystem")
            if isinstance(spec.get("hostPath"), dict):
                spec["hostPath"].setdefault("type", "")
    if kind == "persistentvolumeclaims":
        body["status"] = {"phase": "Pending"}
        metadata.setdefault("finalizers", ["kubernetes.io/pvc-protection"])
        if isinstance(spec, dict):
            spec.pop("volumeName", None)
            spec.setdefault("storageClassName", cluster.application.storage_class)


def _assign_address(cluster: Cluster, body: Manifest) -> None:
    """Give a service its addresses and node ports."""
    spec = body["spec"]
    if spec.get("type") == "ExternalName":
        return
    number = draw(cluster.seed, "service", body["metadata"]["name"], cluster.store.version)
    address = f"10.96.{number % 200 + 20}.{number // 200 % 250 + 2}"
    spec["clusterIP"] = "None" if spec.get("clusterIP") == "None" else address
    spec["clusterIPs"] = [spec["clusterIP"]]
    if spec.get("type") in ("NodePort", "LoadBalancer"):
        spec.setdefault("externalTrafficPolicy", "Cluster")
        if spec["type"] == "LoadBalancer":
            spec.setdefault("allocateLoadBalancerNodePorts", True)
        for index, port in enumerate(spec.get("ports") or ()):
            port.setdefault("nodePort", 30_000 + (number + index) % 2768)
    body["status"] = {"loadBalancer": {}}


def create(cluster: Cluster, kind: str, body: Manifest, *, from_manifest: bool = False) -> str:
    """Store a new object with what the API server assigns and fills in."""
    metadata = body["metadata"]
    for field in ("uid", "resourceVersion", "creationTimestamp", "ownerReferences"):
        metadata.pop(field, None)
    try:
        check_name(metadata.get("name", ""))
    except Rejected as error:
        raise invalid(kind, metadata.get("name", ""), str(error)) from None
    body["apiVersion"] = KINDS[kind].api_version
    _assign(cluster, kind, body)
    save(cluster, kind, body, new=True, from_manifest=from_manifest)
    return f"{qualified_name(body)} created\n"


def _selector(kind: str, item: Manifest) -> dict[str, str]:
    """Return the labels of the pods behind what is exposed."""
    if kind == "pods":
        return dict(item["metadata"].get("labels") or {})
    selector = item["spec"].get("selector") or {}
    return dict(selector if kind == "services" else selector.get("matchLabels") or {})


def _port(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def expose(cluster: Cluster, command: Command) -> str:
    """Run `expose`: a service for the pods of a pod, a service or a workload."""
    target = command.targets[0]
    if target.kind not in _EXPOSED:
        name = KINDS[target.kind].name if target.kind in KINDS else target.kind
        raise CommandFailed(f"error: cannot expose a {name}")
    item = find(cluster, command, target.kind, target.name or "")
    namespace = item["metadata"]["namespace"]
    body = bare(
        "services",
        command.flag("name") or item["metadata"]["name"],
        namespace,
        item["metadata"].get("labels"),
    )
    number = _port(command.flag("port") or "")
    port: Manifest = {
        "port": number,
        "protocol": command.flag("protocol") or "TCP",
        "targetPort": _port(command.flag("target-port") or str(number)),
    }
    body["spec"] = {"ports": [port], "selector": _selector(target.kind, item)}
    if command.flag("type"):
        body["spec"]["type"] = command.flag("type")
    _absent(cluster, "services", body)
    create(cluster, "services", body)
    return f"{qualified_name(body)} exposed\n"


def _absent(cluster: Cluster, kind: str, body: Manifest) -> None:
    name, namespace = body["metadata"]["name"], body["metadata"]["namespace"]
    if cluster.store.get(kind, namespace, name) is not None:
        raise CommandFailed(
            f'Error from server (AlreadyExists): {qualified(kind)} "{name}" already exists'
        )


def autoscale(cluster: Cluster, command: Command) -> str:
    """Run `autoscale`: an autoscaler on the processor time of a workload."""
    target = command.targets[0]
    most, least = int(command.flag("max") or 0), int(command.flag("min") or -1)
    if most < least:
        raise CommandFailed(
            f"error: --max=MAXPODS must be larger or equal to --min=MINPODS, max: {most}, "
            f"min: {least}"
        )
    share = command.flag("cpu-percent")
    warning = _DEPRECATED_CPU if share else ""
    item = find(cluster, command, target.kind, target.name or "")
    kind, name = KINDS[target.kind], command.flag("name") or item["metadata"]["name"]
    body = bare("horizontalpodautoscalers", name, item["metadata"]["namespace"])
    cpu: dict[str, Any] = {"averageUtilization": int(share or 80), "type": "Utilization"}
    body["spec"] = {
        "maxReplicas": most,
        "metrics": [{"resource": {"name": "cpu", "target": cpu}, "type": "Resource"}],
        "minReplicas": max(1, least),
        "scaleTargetRef": {
            "apiVersion": kind.api_version,
            "kind": kind.name,
            "name": item["metadata"]["name"],
        },
    }
    body["status"] = {"currentMetrics": None, "desiredReplicas": 0}
    if cluster.store.get("horizontalpodautoscalers", item["metadata"]["namespace"], name):
        raise CommandFailed(
            f"{warning}error: failed to create autoscaling/v2 HPA and the configuration is "
            "incompatible with autoscaling/v1: empty input"
        )
    create(cluster, "horizontalpodautoscalers", body)
    return f"{warning}{qualified_name(body)} autoscaled\n"
