"""Descriptions of services, endpoints, ingresses and network policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.clock import instant, seconds_of
from agents.environments.simulated.kubectl.describe_parts import field, pairs
from agents.environments.simulated.objects.selectors import label_selector_text, selector_text

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest

_SHOWN = 3


def describe_service(cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a service without its events."""
    metadata, spec = item["metadata"], item["spec"]
    kind = spec.get("type", "ClusterIP")
    outside = kind == "ExternalName"
    families = spec.get("ipFamilies", [] if outside else ["IPv4"])
    address = spec.get("clusterIP", "")
    addresses = spec.get("clusterIPs") or ([address] if address else [])
    lines = [
        field("Name", metadata["name"]),
        field("Namespace", metadata["namespace"]),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        field("Selector", selector_text(spec.get("selector") or {}) or "<none>"),
        field("Type", kind),
    ]
    if not outside:
        lines.append(field("IP Family Policy", spec.get("ipFamilyPolicy", "SingleStack")))
    lines += [
        field("IP Families", ",".join(families) or "<none>"),
        field("IP", address),
        field("IPs", ",".join(addresses) or "<none>"),
    ]
    for key, title in (("externalIPs", "External IPs"), ("externalName", "External Name")):
        if spec.get(key):
            value = spec[key]
            lines.append(field(title, value if isinstance(value, str) else ",".join(value)))
    listed = cluster.store.get("endpoints", metadata["namespace"], metadata["name"])
    for port in spec.get("ports", ()):
        name, protocol = port.get("name") or "<unset>", port.get("protocol", "TCP")
        lines.append(field("Port", f"{name}\t{port['port']}/{protocol}"))
        lines.append(field("TargetPort", f"{port.get('targetPort', port['port'])}/{protocol}"))
        if port.get("nodePort"):
            lines.append(field("NodePort", f"{name}\t{port['nodePort']}/{protocol}"))
        lines.append(field("Endpoints", _addresses(listed, port.get("name"))))
    lines.append(field("Session Affinity", spec.get("sessionAffinity", "None")))
    if spec.get("externalTrafficPolicy"):
        lines.append(field("External Traffic Policy", spec["externalTrafficPolicy"]))
    if not outside:
        policy = spec.get("internalTrafficPolicy", "Cluster")
        lines.append(field("Internal Traffic Policy", policy))
    return lines


def _addresses(listed: Manifest | None, port_name: str | None) -> str:
    """Return the ready addresses behind a port of a service, at most three."""
    found = [
        f"{address['ip']}:{port['port']}"
        for subset in (listed or {}).get("subsets") or ()
        for port in subset.get("ports", ())
        if (port.get("name") or None) == (port_name or None)
        for address in subset.get("addresses", ())
    ]
    more = f" + {len(found) - _SHOWN} more..." if len(found) > _SHOWN else ""
    return ",".join(found[:_SHOWN]) + more


def describe_endpoints(_cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of endpoints without its events."""
    metadata = item["metadata"]
    lines = [
        field("Name", metadata["name"]),
        field("Namespace", metadata["namespace"]),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        "Subsets:",
    ]
    for subset in item.get("subsets") or ():
        for key, title in (
            ("addresses", "Addresses"),
            ("notReadyAddresses", "NotReadyAddresses"),
        ):
            listed = ",".join(address["ip"] for address in subset.get(key) or ())
            lines.append(f"  {title}:\t{listed or '<none>'}")
        if subset.get("ports"):
            lines += ["  Ports:", "    Name\tPort\tProtocol", "    ----\t----\t--------"]
            lines += [
                f"    {one.get('name') or '<unset>'}\t{one['port']}\t{one.get('protocol', 'TCP')}"
                for one in subset["ports"]
            ]
        lines.append("")
    return lines


def _backend(cluster: Cluster, namespace: str, backend: Manifest) -> str:
    about = backend.get("service")
    if about is None:
        return ""
    name, port = about["name"], about.get("port") or {}
    text = f"{name}:{port.get('number') or port.get('name', '')}"
    service = cluster.store.get("services", namespace, name)
    if service is None:
        return f'{text} (<error: services "{name}" not found>)'
    named = [
        one.get("name")
        for one in service["spec"].get("ports", ())
        if one["port"] == port.get("number")
        or (port.get("name") and one.get("name") == port["name"])
    ]
    listed = cluster.store.get("endpoints", namespace, name)
    return f"{text} ({_addresses(listed, named[-1] if named else None)})"


def describe_ingress(cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of an ingress without its events."""
    metadata, spec = item["metadata"], item["spec"]
    namespace = metadata["namespace"]
    balanced = (item.get("status") or {}).get("loadBalancer") or {}
    given = [str(e.get("ip") or e.get("hostname")) for e in balanced.get("ingress") or ()]
    default = spec.get("defaultBackend")
    fallback = _backend(cluster, namespace, default) if default else "<default>"
    lines = [
        field("Name", metadata["name"]),
        *pairs("Labels", metadata.get("labels")),
        field("Namespace", namespace),
        field("Address", ",".join(given)),
        field("Ingress Class", spec.get("ingressClassName", "<none>")),
        field("Default backend", fallback),
        "Rules:",
        "  Host\tPath\tBackends",
        "  ----\t----\t--------",
    ]
    rules = [rule for rule in spec.get("rules") or () if rule.get("http")]
    for rule in rules:
        lines.append(f"  {rule.get('host') or '*'}\t")
        lines += [
            f"    \t{path.get('path', '')} \t{_backend(cluster, namespace, path['backend'])}"
            for path in rule["http"]["paths"]
        ]
    if not rules:
        lines.append(f"  *\t*\t{fallback}")
    return [*lines, *pairs("Annotations", metadata.get("annotations"), ": ")]


def _ports(ports: list[Manifest] | None) -> list[str]:
    if not ports:
        return ["    To Port: <any> (traffic allowed to all ports)"]
    lines = []
    for port in ports:
        protocol, number = port.get("protocol", "TCP"), port.get("port", "<nil>")
        if "endPort" in port:
            lines.append(f"    To Port Range: {number}-{port['endPort']}/{protocol}")
        else:
            lines.append(f"    To Port: {number}/{protocol}")
    return lines


def _peer(peer: Manifest) -> list[str]:
    lines = []
    for key, title in (
        ("namespaceSelector", "NamespaceSelector"),
        ("podSelector", "PodSelector"),
    ):
        if peer.get(key) is not None:
            lines.append(f"      {title}: {label_selector_text(peer[key]) or '<none>'}")
    if not lines and "ipBlock" in peer:
        block = peer["ipBlock"]
        lines += ["      IPBlock:", f"        CIDR: {block['cidr']}"]
        lines.append(f"        Except: {', '.join(block.get('except') or ())}")
    return lines


def _rules(rules: list[Manifest] | None, word: str, direction: str, side: str) -> list[str]:
    if not rules:
        return [f"    <none> (Selected pods are isolated for {direction} connectivity)"]
    lines = []
    for index, rule in enumerate(rules):
        if index:
            lines.append("    ----------")
        lines += _ports(rule.get("ports"))
        peers = rule.get(word.lower())
        if not peers:
            lines.append(f"    {word}: <any> (traffic not restricted by {side})")
        for peer in peers or ():
            lines += [f"    {word}:", *_peer(peer)]
    return lines


def describe_policy(_cluster: Cluster, item: Manifest) -> list[str]:
    """Return the description of a network policy."""
    metadata, spec = item["metadata"], item["spec"]
    created = instant(seconds_of(metadata["creationTimestamp"]))
    kinds = spec.get("policyTypes") or ["Ingress"]
    everyone = "<none> (Allowing the specific traffic to all pods in this namespace)"
    lines = [
        field("Name", metadata["name"]),
        field("Namespace", metadata["namespace"]),
        field("Created on", created.strftime("%Y-%m-%d %H:%M:%S +0000 UTC")),
        *pairs("Labels", metadata.get("labels")),
        *pairs("Annotations", metadata.get("annotations"), ": "),
        "Spec:",
        f"  PodSelector:     {label_selector_text(spec.get('podSelector') or {}) or everyone}",
    ]
    for kind, word, side in (("Ingress", "From", "source"), ("Egress", "To", "destination")):
        direction = kind.lower()
        if kind in kinds:
            lines.append(f"  Allowing {direction} traffic:")
            lines += _rules(spec.get(direction), word, direction, side)
        else:
            lines.append(f"  Not affecting {direction} traffic")
    return [*lines, f"  Policy Types: {', '.join(kinds)}"]
