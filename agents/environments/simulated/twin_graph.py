"""The calls between the workloads of a dump, and the service at which users come in.

Invariant: every call has an `Edge` that says from which text it comes; what was assumed without
such a text stands in `Graph.guesses`, what leads out of the namespace in `Graph.outside`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.environments.simulated.applications.graph import (
    Call,
    Protocol,
)
from agents.environments.simulated.objects.selectors import matches
from agents.environments.simulated.twin_addresses import (
    Directory,
    Found,
    environment_in,
    found_in,
    names_address,
    texts_of,
)
from agents.environments.simulated.twin_checks import at
from agents.environments.simulated.twin_dump import DumpUnusable
from agents.environments.simulated.twin_programs import protocol_of, speaks_tls
from agents.environments.simulated.twin_workloads import is_ready_in

if TYPE_CHECKING:
    from agents.environments.simulated.objects.kinds import Manifest
    from agents.environments.simulated.twin_dump import Dump
    from agents.environments.simulated.twin_workloads import Workload

_FRONTS = (
    "frontend",
    "front-end",
    "gateway",
    "ingress",
    "web",
    "ui",
    "edge",
    "proxy",
    "nginx",
    "api",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One inferred call, and from what it follows."""

    caller: str
    target: str
    address: str
    critical: bool
    why: str


class Graph:
    """The calls between workloads while they are found."""

    def __init__(self, dump: Dump, workloads: list[Workload]) -> None:
        self.dump = dump
        self.workloads = {workload.name: workload for workload in workloads}
        self.directory = Directory(dump)
        self.selected = {name: self._behind(name) for name in self.directory.services}
        self.guesses: list[str] = []
        self.outside: list[str] = []
        self.edges: list[Edge] = []
        self.calls: dict[str, list[Call]] = {name: [] for name in self.workloads}
        self.protocols = {
            name: protocol_of(workload.container, self.services_of(name))
            for name, workload in self.workloads.items()
        }

    def _behind(self, service: str) -> list[str]:
        """Return the workloads that a service is for, the one of its name first."""
        selector = self.directory.services[service]["spec"].get("selector") or {}
        found = [
            name
            for name, workload in self.workloads.items()
            if selector and matches(selector, workload.template["metadata"].get("labels") or {})
        ]
        if service in self.workloads:
            return [service, *(name for name in found if name != service)]
        return found or self._nearly(selector)

    def _nearly(self, selector: dict[str, str]) -> list[str]:
        """Return the workload whose labels share most pairs with a selector, if one does."""
        shared = {
            name: sum(
                (workload.template["metadata"].get("labels") or {}).get(key) == value
                for key, value in selector.items()
            )
            for name, workload in self.workloads.items()
        }
        most = max(shared.values(), default=0)
        best = [name for name, count in shared.items() if count == most]
        return best if most and len(best) == 1 else []

    def services_of(self, workload: str) -> list[Manifest]:
        """Return the services that are for a workload."""
        return [
            self.directory.services[name]
            for name, behind in self.selected.items()
            if workload in behind
        ]

    def _told(self, text: str) -> None:
        """Enter a call that the user tells of."""
        caller, _, place = text.partition("=")
        service, _, port = place.partition(":")
        if caller not in self.workloads or service not in self.directory.services:
            raise DumpUnusable(
                "expected CALLER=SERVICE[:PORT], a workload and a Service of the dump; got "
                f"{text[:80]!r}"
            )
        number = int(port) if port.isdecimal() else self.directory.port(service)
        found = Found(service=service, host=service, port=number, source="--call")
        self._call(caller, self.workloads[caller], found)

    def note_unreached(self, entry: str) -> None:
        """Note what no request from the entry comes to."""
        left = sorted(self.workloads.keys() - self.reached(entry))
        if left:
            self.guesses.append(
                f"no request from {entry} is known to reach {', '.join(left)}: `--call "
                "CALLER=SERVICE` tells of a call that the dump does not show"
            )

    def connect(self, calls: tuple[str, ...]) -> None:
        """Find every call, and enter those that the user tells of."""
        for name, workload in self.workloads.items():
            before = next(iter(workload.earlier), None)
            earlier = environment_in(self.dump, before) if before else {}
            texts = texts_of(self.dump, workload.container, workload.template)
            found, outside = found_in(self.directory, texts, earlier)
            self.outside += [f"{name}: {text}" for text in outside]
            secrets = [
                item["name"]
                for item in workload.container.get("env") or ()
                if at(item, "valueFrom", "secretKeyRef") and names_address(item["name"])
            ]
            if secrets:
                self.guesses.append(
                    f"{name}: the values of {', '.join(secrets)} come from Secrets, which are not "
                    "read: an address in them is unknown"
                )
            for one in found:
                self._call(name, workload, one)
        for text in calls:
            self._told(text)
        self._cut_cycles()

    def _call(self, name: str, workload: Workload, found: Found) -> None:
        behind = [one for one in self.selected[found.service] if one != name]
        if not behind or name in self.selected[found.service]:
            if not self.selected[found.service]:
                self.outside.append(
                    f"{name}: {found.source}: service {found.service} has no workload"
                )
            return
        target = behind[0]
        protocol, _ = self.protocols[target]
        user = self._user(workload, self.workloads[target], protocol)
        critical = not _is_cache(target, found.service, protocol)
        call = Call(
            target=target,
            address=f"{found.host if not found.guessed else found.service}:{found.port}",
            share=1.0,
            critical=critical,
            variable=found.variable,
            user_variable=user,
            port_variable=found.port_variable,
            tls=speaks_tls(self.workloads[target], protocol),
            peers=tuple(behind[1:]),
        )
        self.calls[name].append(call)
        why = found.source + (f" (guess: {found.guessed})" if found.guessed else "")
        if found.variable is None:
            why += "; fixed: an edit of this text does not move the call"
        self.edges.append(
            Edge(caller=name, target=target, address=call.address, critical=critical, why=why)
        )

    def _user(self, caller: Workload, store: Workload, protocol: Protocol) -> str | None:
        """Return the caller's variable that holds the store's user, now or a revision before."""
        names = {Protocol.MONGO: "MONGO_INITDB_ROOT_USERNAME", Protocol.POSTGRES: "POSTGRES_USER"}
        variable = names.get(protocol, "")
        known = environment_in(self.dump, store.container).get(variable)
        if known is None:
            return None
        for container in (caller.container, *caller.earlier):
            listed = environment_in(self.dump, container)
            mine = [n for n, value in listed.items() if "USER" in n.upper() and value == known]
            stem = store.name.upper().replace("-", "_")
            mine.sort(key=lambda n: stem not in n.upper())
            if mine:
                return mine[0]
        return None

    def _cut_cycles(self) -> None:
        """Leave out the calls that would close a circle: the lab's graphs have none."""
        state: dict[str, int] = {}

        def visit(name: str) -> None:
            state[name] = 1
            kept = []
            for call in self.calls[name]:
                if state.get(call.target) == 1:
                    self.guesses.append(f"left out: {name} -> {call.target} closes a circle")
                    self.edges = [
                        edge
                        for edge in self.edges
                        if (edge.caller, edge.target) != (name, call.target)
                    ]
                    continue
                kept.append(call)
                if call.target not in state:
                    visit(call.target)
            self.calls[name] = kept
            state[name] = 2

        called = {call.target for calls in self.calls.values() for call in calls}
        for name in sorted(self.workloads, key=lambda one: (one in called, one)):
            if name not in state:
                visit(name)

    def reach(self, name: str) -> int:
        """Return how many workloads a request at this one can come to."""
        return len(self.reached(name))

    def reached(self, name: str) -> set[str]:
        """Return the workloads that a request at this one can come to, with itself."""
        seen, waiting = {name}, [name]
        while waiting:
            for call in self.calls[waiting.pop()]:
                if call.target not in seen:
                    seen.add(call.target)
                    waiting.append(call.target)
        return seen

    def troubled(self, name: str) -> list[str]:
        """Return the targets of critical calls of which no pod is ready in the dump."""
        targets = {call.target for call in self.calls[name] if call.critical}
        return sorted(t for t in targets if not any(map(is_ready_in, self.workloads[t].pods)))

    def entry(self, wanted: str | None) -> tuple[str, str, str]:
        """Return (service, workload, why) of where users come in; raises DumpUnusable."""
        able = {name: behind[0] for name, behind in self.selected.items() if behind}
        if not able:
            raise DumpUnusable("expected a Service that selects a workload, got none in the dump")
        if wanted is not None:
            if wanted not in able:
                known = ", ".join(sorted(able))
                raise DumpUnusable(f"expected an entry of {known}; got {wanted[:80]!r}")
            return wanted, able[wanted], "--entry"
        ranked = sorted(able, key=lambda name: self._rank(name, able[name]))
        best = ranked[0]
        return best, able[best], _ENTRIES[self._rank(best, able[best])[0]]

    def _rank(self, service: str, workload: str) -> tuple[int, int, int, str]:
        kind = self.directory.services[service]["spec"].get("type")
        called = any(call.target == workload for calls in self.calls.values() for call in calls)
        store = self.protocols[workload][0] in (*_BEHIND, Protocol.MEMCACHED)
        if service in self._ingresses():
            first = 0
        elif kind in ("LoadBalancer", "NodePort") and not store:
            first = 1 if kind == "LoadBalancer" else 2
        elif not called and not store:
            first = 3
        else:
            first = 4
        parts = {service, *service.split("-")}
        words = [index for index, word in enumerate(_FRONTS) if word in parts]
        return first, min(words, default=len(_FRONTS)), -self.reach(workload), service

    def _ingresses(self) -> set[str]:
        found: set[str] = set()
        waiting: list[object] = [item.get("spec") for item in self.dump.each("ingresses")]
        while waiting:
            value = waiting.pop()
            if isinstance(value, list):
                waiting += value
            elif isinstance(value, dict):
                name = at(value, "service", "name")
                if isinstance(name, str):
                    found.add(name)
                waiting += value.values()
        return found


_BEHIND = (Protocol.MONGO, Protocol.POSTGRES, Protocol.REDIS, Protocol.KAFKA)
_ENTRIES = (
    "an Ingress leads to it",
    "its Service is a LoadBalancer",
    "its Service is a NodePort",
    "nobody calls it; of those the first by name, then by what it reaches",
    "everything is called by something; it is the first by name, then by what it reaches",
)


def _is_cache(workload: str, service: str, protocol: Protocol) -> bool:
    if protocol is Protocol.MEMCACHED:
        return True
    return protocol is Protocol.REDIS and any("cache" in name for name in (workload, service))
