"""The verbs that tell of the cluster itself: top, version, api-resources, auth can-i, explain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.kubectl.errors import CommandFailed
from agents.environments.simulated.kubectl.selecting import find, listed
from agents.environments.simulated.kubectl.served import (
    KUSTOMIZE,
    RESOURCES,
    VERSION,
    group_of,
    resource_of,
)
from agents.environments.simulated.kubectl.tables import table
from agents.environments.simulated.objects.kinds import KINDS
from agents.environments.simulated.objects.quantity import mebibytes, millicores
from agents.environments.simulated.telemetry.usage import usage

if TYPE_CHECKING:
    from agents.contracts.command import Command
    from agents.environments.simulated.cluster import Cluster


def top(cluster: Cluster, command: Command) -> str:
    """Return the output of `top pods` or `top nodes`."""
    if command.kind == "nodes":
        return _top_nodes(cluster, command)
    pods = (
        [find(cluster, command, "pods", command.name)]
        if command.name
        else listed(cluster, command, "pods")
    )
    found = [(pod, used) for pod in pods if (used := usage(cluster, pod)) is not None]
    if not found:
        return f"No resources found in {command.namespace or 'default'} namespace.\n"
    order = {"cpu": 0, "memory": 1}.get(command.flag("sort-by") or "", -1)
    if order >= 0:
        found.sort(key=lambda item: -item[1][order])
    header = ["NAME", "CPU(cores)", "MEMORY(bytes)"]
    rows = [[pod["metadata"]["name"], f"{cpu}m", f"{memory}Mi"] for pod, (cpu, memory) in found]
    if command.all_namespaces:
        header.insert(0, "NAMESPACE")
        rows = [[cluster.namespace, *row] for row in rows]
    return table(rows if command.flag("no-headers") == "true" else [header, *rows])


def _top_nodes(cluster: Cluster, command: Command) -> str:
    totals: dict[str, list[int]] = {}
    for run in cluster.runs.values():
        node = run.pod["spec"].get("nodeName")
        used = usage(cluster, run.pod) if node else None
        if node and used:
            sums = totals.setdefault(node, [0, 0])
            sums[0] += used[0]
            sums[1] += used[1]
    rows = [["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"]]
    for node in listed(cluster, command, "nodes"):
        name = node["metadata"]["name"]
        if command.name not in (None, name):
            continue
        cpu, memory = totals.get(name, [0, 0])
        cpu, memory = cpu + 120, memory + 900
        size = node["status"]["allocatable"]
        cores, mib = millicores(size["cpu"]), mebibytes(size["memory"])
        rows.append(
            [
                name,
                f"{cpu}m",
                f"{cpu * 100 // cores}%",
                f"{memory}Mi",
                f"{int(memory * 100 / mib)}%",
            ]
        )
    return table(rows)


def version(_cluster: Cluster, command: Command) -> str:
    """Return the versions of client and server."""
    text = f"Client Version: {VERSION}\nKustomize Version: {KUSTOMIZE}\n"
    return text if command.flag("client") == "true" else f"{text}Server Version: {VERSION}\n"


def api_resources(_cluster: Cluster, command: Command) -> str:
    """Return the kinds that the API server serves."""
    namespaced, group = command.flag("namespaced"), command.flag("api-group")
    rows = [
        row
        for row in RESOURCES
        if namespaced in (None, row[3]) and (group is None or group_of(row) == group)
    ]
    if command.flag("output") == "name":
        return "".join(".".join(filter(None, (row[0], group_of(row)))) + "\n" for row in rows)
    header = ("NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND")
    return table(rows if command.flag("no-headers") == "true" else [header, *rows])


def cluster_info(_cluster: Cluster, _command: Command) -> str:
    """Return where the control plane is."""
    base = "https://127.0.0.1:6443"
    return (
        f"Kubernetes control plane is running at {base}\n"
        f"CoreDNS is running at {base}/api/v1/namespaces/kube-system/services/"
        "kube-dns:dns/proxy\n\n"
        "To further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.\n"
    )


def config_view(cluster: Cluster, _command: Command) -> str:
    """Return the kubeconfig without its secrets."""
    return (
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: DATA+OMITTED\n"
        "    server: https://127.0.0.1:6443\n  name: lab\ncontexts:\n- context:\n"
        f"    cluster: lab\n    namespace: {cluster.namespace}\n    user: reader\n  name: lab\n"
        "current-context: lab\nkind: Config\nusers:\n- name: reader\n  user:\n    token: REDACTED\n"
    )


_READING = ("get", "list", "watch")


def can_i(_cluster: Cluster, command: Command) -> str:
    """Return whether the reader may do something: it may read everything but secrets."""
    if command.flag("list") == "true":
        rows = [
            ["Resources", "Non-Resource URLs", "Resource Names", "Verbs"],
            ["*.*", "[]", "[]", "[get list watch]"],
        ]
        return table(rows)
    verb, *about = command.operands or ("",)
    word = about[0].partition("/")[0] if about else ""
    row = resource_of(word)
    warning = ""
    if row is None:
        warning = f"Warning: the server doesn't have a resource type '{word}'\n\n"
    elif row[3] == "false" and not command.all_namespaces:
        group = f" in group '{group_of(row)}'" if group_of(row) else ""
        warning = f"Warning: resource '{row[0]}' is not namespace scoped{group}\n\n"
    if verb not in _READING or row is None or row[0] == "secrets":
        raise CommandFailed(f"{warning}no")
    return f"{warning}yes\n"


def explain(_cluster: Cluster, command: Command) -> str:
    """Return the head of a kind's explanation."""
    word = (command.operands[0] if command.operands else "").partition(".")[0].lower()
    for kind in KINDS.values():
        if word in (kind.plural, kind.singular, *kind.short):
            group = f"GROUP:      {kind.group}\n" if kind.group else ""
            return f"{group}KIND:       {kind.name}\nVERSION:    {kind.version}\n\n"
    raise CommandFailed(f'error: the server doesn\'t have a resource type "{word}"')
