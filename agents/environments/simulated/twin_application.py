"""From the workloads of a dump to an application: components, their programs, sizes and pace.

Invariant: no component reaches its CPU limit under the load that the twin is given; everything
that was assumed stands in `Inferred.guesses`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.environments.simulated.applications.graph import (
    Application,
    Component,
    nominal_load,
)
from agents.environments.simulated.objects.quantity import millicores
from agents.environments.simulated.twin_checks import at
from agents.environments.simulated.twin_graph import Edge, Graph
from agents.environments.simulated.twin_programs import behaviour_of

if TYPE_CHECKING:
    from agents.environments.simulated.twin_dump import Dump
    from agents.environments.simulated.twin_programs import Behaviour
    from agents.environments.simulated.twin_workloads import Workload

_LOAD = 20.0
_MOST_COST = 1.0
_BUSY = 0.4
"""The share of its CPU limit that a component uses under the nominal load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """An application, its programs by workload, and how all of it was found."""

    application: Application
    behaviours: dict[str, Behaviour]
    protocols: dict[str, str]
    edges: tuple[Edge, ...]
    entry_from: str
    guesses: tuple[str, ...]
    outside: tuple[str, ...]


def infer(
    dump: Dump, workloads: list[Workload], entry: str | None, calls: tuple[str, ...] = ()
) -> Inferred:
    """Return the application of a dump.

    calls: `CALLER=SERVICE[:PORT]`, what the dump does not show. Raises DumpUnusable where users
    can't come in, and for a call between what is not there.
    """
    graph = Graph(dump, workloads)
    graph.connect(calls)
    front, first, why = graph.entry(entry)
    graph.note_unreached(first)
    behaviours = {
        name: behaviour_of(dump, workload, graph.services_of(name), troubled=graph.troubled(name))
        for name, workload in graph.workloads.items()
    }
    guesses = [f"{name}: {guess}" for name, one in behaviours.items() for guess in one.guesses]
    components = tuple(
        _component(graph, workload, behaviours[name], front if name == first else None)
        for name, workload in graph.workloads.items()
    )
    application = Application(
        name=dump.namespace,
        namespace=dump.namespace,
        entry=first,
        load=_LOAD,
        components=components,
        front=front,
        nodes=_nodes(dump),
        storage_class=_storage_class(dump),
    )
    application = _paced(application, behaviours, graph)
    return Inferred(
        application=application,
        behaviours=behaviours,
        protocols={name: f"{p} ({source})" for name, (p, source) in graph.protocols.items()},
        edges=tuple(graph.edges),
        entry_from=why,
        guesses=(*graph.guesses, *guesses),
        outside=tuple(dict.fromkeys(graph.outside)),
    )


def _component(
    graph: Graph, workload: Workload, behaviour: Behaviour, front: str | None
) -> Component:
    services = graph.services_of(workload.name)
    if front is not None:
        services = [graph.directory.services[front]]
    container = workload.container
    calls = tuple(graph.calls[workload.name])
    behaviour.main = replace(behaviour.main, calls=calls)
    behaviour.images = {
        image: replace(program, calls=calls) for image, program in behaviour.images.items()
    }
    port = services[0]["spec"]["ports"][0] if services else {}
    return Component(
        name=workload.name,
        program=behaviour.main,
        image=container["image"],
        container=container["name"],
        port_name=str(port.get("name", "")),
        service_port=int(port.get("port", behaviour.main.port)),
        replicas=max(1, workload.deployment["spec"]["replicas"]),
        exposed=bool(services),
    )


def _paced(application: Application, behaviours: dict[str, Behaviour], graph: Graph) -> Application:
    """Give every request a cost with which no component reaches its CPU limit."""
    rates = nominal_load(application)
    components = []
    for component in application.components:
        limit = at(graph.workloads[component.name].container, "resources", "limits", "cpu")
        rate = max(1.0, rates[component.name] / component.replicas)
        room = _BUSY * millicores(limit) if limit else _MOST_COST * rate
        cost = round(min(_MOST_COST, room / rate), 6)
        behaviour = behaviours[component.name]
        behaviour.main = replace(behaviour.main, cost=cost)
        behaviour.images = {
            image: replace(program, cost=cost) for image, program in behaviour.images.items()
        }
        components.append(replace(component, program=behaviour.main))
    return replace(application, components=tuple(components))


def _nodes(dump: Dump) -> tuple[str, ...]:
    named = [item["metadata"]["name"] for item in dump.each("nodes")]
    named += [pod["spec"]["nodeName"] for pod in dump.each("pods") if pod["spec"].get("nodeName")]
    return tuple(sorted(dict.fromkeys(named))) or ("node-1",)


def _storage_class(dump: Dump) -> str:
    bound = [
        str(item["spec"].get("storageClassName", ""))
        for item in dump.each("persistentvolumeclaims")
        if item["status"]["phase"] == "Bound" and item["spec"].get("storageClassName")
    ]
    return max(bound, key=bound.count) if bound else "standard"
