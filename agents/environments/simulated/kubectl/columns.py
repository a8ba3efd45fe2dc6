"""The columns of every kind's table, narrow and wide.

Invariant: headers and cells are those of the API server's table printer; a kind without columns
of its own has NAME and AGE.
"""

from agents.environments.simulated.kubectl.cells import NONE, Columns, age_of, template_cells
from agents.environments.simulated.kubectl.cells_events import EVENTS, EVENTS_WIDE
from agents.environments.simulated.kubectl.cells_others import OTHERS
from agents.environments.simulated.kubectl.cells_pods import PODS
from agents.environments.simulated.kubectl.cells_storage import CLAIMS, CLASSES, VOLUMES
from agents.environments.simulated.objects.kinds import Manifest
from agents.environments.simulated.objects.selectors import label_selector_text, selector_text


def _deployment(item: Manifest, now: float) -> list[str]:
    status = item["status"]
    return [
        item["metadata"]["name"],
        f"{status.get('readyReplicas', 0)}/{item['spec']['replicas']}",
        str(status.get("updatedReplicas", 0)),
        str(status.get("availableReplicas", 0)),
        age_of(item, now),
    ]


def _replica_set(item: Manifest, now: float) -> list[str]:
    status = item["status"]
    return [
        item["metadata"]["name"],
        str(item["spec"]["replicas"]),
        str(status.get("replicas", 0)),
        str(status.get("readyReplicas", 0)),
        age_of(item, now),
    ]


def _ports(service: Manifest) -> str:
    found = []
    for port in service["spec"].get("ports", ()):
        node = f":{port['nodePort']}" if "nodePort" in port else ""
        found.append(f"{port['port']}{node}/{port.get('protocol', 'TCP')}")
    return ",".join(found) or NONE


def _external(item: Manifest) -> str:
    spec = item["spec"]
    kind = spec.get("type", "ClusterIP")
    if kind == "ExternalName":
        return str(spec.get("externalName", ""))
    addresses = list(spec.get("externalIPs") or ())
    if kind != "LoadBalancer":
        return ",".join(addresses) or NONE
    balanced = (item.get("status") or {}).get("loadBalancer") or {}
    given = [str(e.get("ip") or e.get("hostname")) for e in balanced.get("ingress") or ()]
    return ",".join([*given, *addresses]) or "<pending>"


def _service(item: Manifest, now: float) -> list[str]:
    spec = item["spec"]
    return [
        item["metadata"]["name"],
        spec.get("type", "ClusterIP"),
        spec.get("clusterIP") or NONE,
        _external(item),
        _ports(item),
        age_of(item, now),
    ]


def endpoint_list(item: Manifest | None) -> str:
    """Return the ENDPOINTS column: at most three ready addresses.

    Without any subset it is `<none>`; with unready addresses alone it is empty, as kubectl has it.
    """
    if not (item or {}).get("subsets"):
        return NONE
    found = [
        f"{address['ip']}:{port['port']}"
        for subset in (item or {}).get("subsets") or ()
        for port in subset.get("ports", ())
        for address in subset.get("addresses", ())
    ]
    more = f" + {len(found) - 3} more..." if len(found) > 3 else ""  # noqa: PLR2004 - kubectl shows three
    return ",".join(found[:3]) + more


def _node(item: Manifest, now: float) -> list[str]:
    ready = [c["status"] for c in item["status"]["conditions"] if c["type"] == "Ready"]
    status = "Ready" if ready in ([], ["True"]) else "NotReady"
    if item["spec"].get("unschedulable"):
        status += ",SchedulingDisabled"
    prefix = "node-role.kubernetes.io/"
    roles = [
        key.removeprefix(prefix)
        for key in item["metadata"].get("labels") or ()
        if key.startswith(prefix)
    ]
    version = item["status"]["nodeInfo"]["kubeletVersion"]
    return [item["metadata"]["name"], status, ",".join(roles) or NONE, age_of(item, now), version]


def address_of(node: Manifest, kind: str) -> str:
    """Return a node's first address of a kind."""
    found = [one["address"] for one in node["status"]["addresses"] if one["type"] == kind]
    return str(found[0]) if found else NONE


def _node_wide(item: Manifest, _now: float) -> list[str]:
    info = item["status"]["nodeInfo"]
    return [
        address_of(item, "InternalIP"),
        address_of(item, "ExternalIP"),
        info["osImage"],
        f"{info['kernelVersion']} ({info['architecture']})",
        info["containerRuntimeVersion"],
    ]


def _policy(item: Manifest, now: float) -> list[str]:
    selector = label_selector_text(item["spec"].get("podSelector") or {})
    return [item["metadata"]["name"], selector or NONE, age_of(item, now)]


def _named(item: Manifest, now: float) -> list[str]:
    return [item["metadata"]["name"], age_of(item, now)]


def _data(item: Manifest, now: float) -> list[str]:
    count = len(item.get("data") or {}) + len(item.get("binaryData") or {})
    return [item["metadata"]["name"], str(count), age_of(item, now)]


def _secret(item: Manifest, now: float) -> list[str]:
    name, count, old = _data(item, now)
    return [name, item.get("type", "Opaque"), count, old]


_TEMPLATE = ("CONTAINERS", "IMAGES", "SELECTOR")
COLUMNS: dict[str, Columns] = {
    "pods": PODS,
    "deployments": Columns(
        header=("NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"),
        cells=_deployment,
        wide=_TEMPLATE,
        wide_cells=template_cells,
    ),
    "replicasets": Columns(
        header=("NAME", "DESIRED", "CURRENT", "READY", "AGE"),
        cells=_replica_set,
        wide=_TEMPLATE,
        wide_cells=template_cells,
    ),
    "services": Columns(
        header=("NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"),
        cells=_service,
        wide=("SELECTOR",),
        wide_cells=lambda item, _: [selector_text(item["spec"].get("selector") or {}) or NONE],
    ),
    "endpoints": Columns(
        header=("NAME", "ENDPOINTS", "AGE"),
        cells=lambda item, now: [item["metadata"]["name"], endpoint_list(item), age_of(item, now)],
    ),
    "configmaps": Columns(header=("NAME", "DATA", "AGE"), cells=_data),
    "secrets": Columns(header=("NAME", "TYPE", "DATA", "AGE"), cells=_secret),
    "nodes": Columns(
        header=("NAME", "STATUS", "ROLES", "AGE", "VERSION"),
        cells=_node,
        wide=("INTERNAL-IP", "EXTERNAL-IP", "OS-IMAGE", "KERNEL-VERSION", "CONTAINER-RUNTIME"),
        wide_cells=_node_wide,
    ),
    "events": EVENTS,
    "events wide": EVENTS_WIDE,
    "persistentvolumeclaims": CLAIMS,
    "persistentvolumes": VOLUMES,
    "networkpolicies": Columns(header=("NAME", "POD-SELECTOR", "AGE"), cells=_policy),
    "namespaces": Columns(
        header=("NAME", "STATUS", "AGE"),
        cells=lambda item, now: [
            item["metadata"]["name"],
            (item.get("status") or {}).get("phase", "Active"),
            age_of(item, now),
        ],
    ),
    "storageclasses": CLASSES,
    **OTHERS,
}
PLAIN = Columns(header=("NAME", "AGE"), cells=_named)
