"""Whether one process reaches another: names, services, endpoints, policies, listeners.

Invariant: an obstacle is found in state or not at all; the order of the checks is the order in
which a packet meets them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from agents.environments.simulated.controllers.transport import requires_tls
from agents.environments.simulated.objects.pickling import quick
from agents.environments.simulated.objects.pods import target_port, workload_of
from agents.environments.simulated.objects.selectors import matches_selector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agents.environments.simulated.applications.graph import Call
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.controllers.process import Life, PodRun
    from agents.environments.simulated.objects.kinds import Manifest

_LAST_PORT = 65_535
_PORT_DIGITS = 5


class Obstacle(StrEnum):
    """What a caller meets on the way."""

    NO_HOST = "no_host"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    TLS = "tls"
    ACCOUNT = "account"
    ROLE = "role"
    """The store knows the user and does not let it."""
    FOREIGN = "foreign"
    """Something answers that does not know the method."""
    UPSTREAM = "upstream"
    """The callee answers that it could not do its part."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a caller goes, as its configuration says."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@lru_cache(maxsize=4096)
def parse_address(text: str, default_port: int) -> Address:
    """Read `host:port`, `scheme://user@host:port/path` or `host`."""
    scheme, mark, rest = text.partition("://")
    body = (rest if mark else text).split("/", 1)[0].rsplit("@", 1)[-1]
    host, colon, port = body.rpartition(":")
    if not colon:
        return Address(host=body, port=80 if scheme in ("http", "grpc") and mark else default_port)
    return Address(host=host, port=_port_number(port))


def _port_number(text: str) -> int:
    """Return the port of an address, 0 for what is none."""
    number = int(text) if text.isdecimal() and len(text) <= _PORT_DIGITS else 0
    return number if number <= _LAST_PORT else 0


def address_of(call: Call, environment: dict[str, str]) -> Address:
    """Return where a call goes in this environment."""
    default = int(call.address.rsplit(":", 1)[1])
    own = environment.get(call.port_variable or "", "")
    default = _port_number(own) if own.isdecimal() else default
    return parse_address(environment.get(call.variable or "", "") or call.address, default)


_MOST_ALIASES = 8
_DOMAIN = "svc.cluster.local"


def _named(cluster: Cluster, host: str) -> Manifest | None:
    """Return the service whose name in the cluster's DNS `host` is, or None."""
    namespace = cluster.namespace
    full = f"{namespace}.{_DOMAIN}"
    searched = ("", namespace, f"{namespace}.svc", full)
    name, _, rest = host.lower().removesuffix(".").partition(".")
    if rest not in ((full,) if host.endswith(".") else searched):
        return None
    return cluster.store.get("services", namespace, name)


def find_service(cluster: Cluster, host: str) -> Manifest | None:
    """Return the service that a host name or cluster IP means inside the namespace.

    Names are read as a resolver reads them: in any case; one with a dot at its end is complete,
    and nothing of the search list is tried on it. An ExternalName sends the asker on.
    """
    namespace = cluster.namespace
    for _ in range(_MOST_ALIASES):
        found = _named(cluster, host)
        if found is None:
            break
        if found["spec"].get("type") != "ExternalName":
            return found
        host = str(found["spec"].get("externalName", ""))
    for service in cluster.store.each("services", namespace):
        if service["spec"].get("clusterIP") == host:
            return service
    return None


def backends(
    cluster: Cluster, service: Manifest, port: int, by_address: dict[str, PodRun]
) -> list[tuple[PodRun, int]]:
    """Return the ready (pod, port) pairs behind a port of a service."""
    entry = next(
        (item for item in service["spec"].get("ports") or () if item["port"] == port), None
    )
    listed = cluster.store.get("endpoints", cluster.namespace, service["metadata"]["name"])
    if entry is None or listed is None:
        return []
    found = []
    for subset in listed.get("subsets") or ():
        for address in subset.get("addresses", ()):
            run = by_address.get(address["ip"])
            if run is None:
                continue
            number = target_port(run.pod, entry.get("targetPort", port))
            if number is not None:
                found.append((run, number))
    return found


def admitted(cluster: Cluster, source: PodRun | None, target: PodRun, port: int) -> bool:
    """Return whether network policies let `source` (None: from outside) reach a port."""
    policies = list(cluster.store.each("networkpolicies", cluster.namespace))
    return _allowed(policies, "Ingress", target, source, port) and (
        source is None or _allowed(policies, "Egress", source, target, port)
    )


def _allowed(
    policies: Iterable[Manifest], direction: str, subject: PodRun, peer: PodRun | None, port: int
) -> bool:
    isolated = False
    rules_field, peers_field = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
    for policy in policies:
        spec = policy["spec"]
        kinds = spec.get("policyTypes") or (
            ["Ingress", "Egress"] if "egress" in spec else ["Ingress"]
        )
        labels = subject.pod["metadata"].get("labels") or {}
        if direction not in kinds or not matches_selector(spec.get("podSelector") or {}, labels):
            continue
        isolated = True
        for rule in spec.get(rules_field) or ():
            ports = rule.get("ports")
            if ports and all(
                target_port(subject.pod, item.get("port", port)) != port for item in ports
            ):
                continue
            peers = rule.get(peers_field)
            if not peers or any(_is_peer(item, peer) for item in peers):
                return True
    return not isolated


def _is_peer(rule: Manifest, peer: PodRun | None) -> bool:
    if "ipBlock" in rule:
        return bool(rule["ipBlock"].get("cidr") == "0.0.0.0/0")
    if peer is None:
        return False
    if "podSelector" not in rule:
        return "namespaceSelector" in rule
    return matches_selector(rule["podSelector"] or {}, peer.pod["metadata"].get("labels") or {})


def obstacle_at(
    cluster: Cluster, source: PodRun | None, target: PodRun, port: int, call: Call | None
) -> Obstacle | None:
    """Return what stands between a caller and one pod's port, or None."""
    if not admitted(cluster, source, target, port):
        return Obstacle.TIMEOUT
    if cut_off(cluster, source) or cut_off(cluster, target):
        return Obstacle.TIMEOUT
    life = target.life
    if life is None or life.program is None or not target.accepts(cluster.now, port):
        return Obstacle.REFUSED
    return _greeting(cluster, source, life, call) if call else None


def cut_off(cluster: Cluster, run: PodRun | None) -> bool:
    """Return whether a disturbance lets no packet of this pod arrive in time."""
    if run is None or not cluster.disturbances:
        return False
    owner = workload_of(run.pod)
    return any(item.component == owner and item.cuts for item in cluster.disturbances)


def _greeting(cluster: Cluster, source: PodRun | None, life: Life, call: Call) -> Obstacle | None:
    """Return why a process that listens does not serve this caller, or None."""
    program = life.program
    if program is None:
        return Obstacle.REFUSED
    if not call.tls and requires_tls(program.protocol, life.arguments):
        return Obstacle.TLS
    if program.name != call.target and program.name not in call.peers:
        return Obstacle.FOREIGN
    if program.account_variable and call.user_variable and source and source.life:
        mine = source.life.environment.get(call.user_variable)
        if mine != life.environment.get(program.account_variable):
            return Obstacle.ACCOUNT
    if program.users and call.database:
        environment = source.life.environment if source and source.life else {}
        user = environment.get(call.user_variable or "") or call.user or ""
        roles = cluster.accounts.get(program.name, {}).get(user)
        if roles is None:
            return Obstacle.ACCOUNT
        if not may_write(roles, call.database):
            return Obstacle.ROLE
    return None


def may_write(roles: tuple[tuple[str, str], ...], database: str) -> bool:
    """Return whether MongoDB's built-in roles let somebody read and write a database."""
    return any(
        (role in ("readWrite", "dbOwner") and place == database)
        or (role in ("readWriteAnyDatabase", "root") and place == "admin")
        for role, place in roles
    )
