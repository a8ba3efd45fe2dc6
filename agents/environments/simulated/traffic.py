"""Requests through the graph at one moment: rates, failures and latencies of every pod.

Invariant: a pure function of the cluster's state; between two changes of state traffic is
constant, so an `Epoch` a change is all that ever has to be computed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.environments.simulated.network import (
    Address,
    Obstacle,
    address_of,
    backends,
    find_service,
    obstacle_at,
)
from agents.environments.simulated.objects.quantity import millicores

if TYPE_CHECKING:
    from agents.environments.simulated.applications.graph import Call
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.controllers.process import PodRun

DEADLINE_MS = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Calls of one pod that fail. `ratio` is the failing share of the calls to this target."""

    target: str
    address: Address
    ip: str
    obstacle: Obstacle
    ratio: float
    critical: bool
    cause: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodTraffic:
    """What one pod serves: requests a second, failing share, mean milliseconds.

    own: (what the process logs, share of its requests) for trouble of its own making.
    """

    rate: float
    errors: float
    latency: float
    failures: tuple[Failure, ...] = ()
    own: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """Traffic from `start` until the next epoch. services: name -> (rate, errors, latency)."""

    start: float
    errors: float
    latency: float
    services: dict[str, tuple[float, float, float]]
    pods: dict[str, PodTraffic]

    def same(self, other: Epoch) -> bool:
        """Return whether the traffic is the same, whenever it began."""
        return (self.errors, self.latency, self.services, self.pods) == (
            other.errors,
            other.latency,
            other.services,
            other.pods,
        )


@dataclass(slots=True)
class _Reach:
    """What one caller finds at one address."""

    errors: float
    latency: float
    failure: Failure | None
    runs: list[tuple[PodRun, float]]


@dataclass(slots=True)
class _Behaviour:
    """How a pod answers, whatever the rate."""

    errors: float = 1.0
    latency: float = DEADLINE_MS
    reaches: list[tuple[Call, _Reach]] = field(default_factory=list)


class _Survey:
    """One measurement: memoises what is asked more than once."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.by_address = {run.address: run for run in cluster.runs.values() if run.address}
        self.known: dict[str, _Behaviour] = {}

    def behaviour(self, run: PodRun) -> _Behaviour:
        uid = run.pod["metadata"]["uid"]
        if uid in self.known:
            return self.known[uid]
        found = self.known[uid] = _Behaviour()  # a cycle meets this: it never answers in time
        life = run.life
        if life is None or life.program is None:
            return found
        good, latency = 1.0, life.program.latency * self._slowness(run)
        for call in life.program.calls:
            reach = self.reach(run, address_of(call, life.environment), call)
            found.reaches.append((call, reach))
            if call.critical:
                good *= 1.0 - min(call.share, 1.0) * reach.errors
                latency += min(call.share, 1.0) * reach.latency
        late = latency > DEADLINE_MS
        found.errors = 1.0 if late and good > 0.5 else round(1.0 - good, 6)  # noqa: PLR2004 - most requests, but late
        found.latency = round(min(latency, 2 * DEADLINE_MS), 3)
        return found

    def _slowness(self, run: PodRun) -> float:
        """Return how much longer work takes because the CPU limit is below the demand."""
        life = run.life
        container = run.pod["spec"]["containers"][0]
        limit = ((container.get("resources") or {}).get("limits") or {}).get("cpu")
        if life is None or life.program is None or not limit:
            return 1.0
        demand = demand_of(self.cluster, run)
        excess = demand / max(1, millicores(limit))
        return 1.0 if excess <= 1.0 else (10.0 * excess) ** 2

    def reach(self, source: PodRun | None, address: Address, call: Call | None) -> _Reach:
        target = call.target if call else self.cluster.application.entry

        def failed(obstacle: Obstacle, ip: str) -> _Reach:
            late = DEADLINE_MS if obstacle is Obstacle.TIMEOUT else 1.0
            failure = Failure(
                target=target,
                address=address,
                ip=ip,
                obstacle=obstacle,
                ratio=1.0,
                critical=call.critical if call else True,
            )
            return _Reach(1.0, late, failure, [])

        service = find_service(self.cluster, address.host)
        if service is None:
            return failed(Obstacle.NO_HOST, "")
        ip = service["spec"].get("clusterIP", "")
        behind = backends(self.cluster, service, address.port, self.by_address)
        if not behind:
            return failed(Obstacle.REFUSED, ip)
        reached: list[tuple[PodRun, float]] = []
        bad, latency = 0.0, 0.0
        first: tuple[Obstacle, Failure | None] | None = None
        for run, port in behind:
            obstacle = obstacle_at(self.cluster, source, run, port, call)
            if obstacle is not None:
                bad += 1.0
                latency += failed(obstacle, ip).latency
                first = first or (obstacle, None)
                continue
            behaviour = self.behaviour(run)
            reached.append((run, 1.0 / len(behind)))
            bad += behaviour.errors
            latency += behaviour.latency
            if behaviour.errors:
                first = first or (Obstacle.UPSTREAM, _root(behaviour))
        failure = None
        if first is not None:
            failure = Failure(
                target=target,
                address=address,
                ip=ip,
                obstacle=first[0],
                ratio=round(bad / len(behind), 6),
                critical=call.critical if call else True,
                cause=first[1],
            )
        return _Reach(bad / len(behind), latency / len(behind), failure, reached)


def _root(behaviour: _Behaviour) -> Failure | None:
    """Return the critical failure because of which a callee answers with errors."""
    for call, reach in behaviour.reaches:
        if call.critical and reach.failure:
            return reach.failure
    return None


def demand_of(cluster: Cluster, run: PodRun) -> float:
    """Return the millicores that a pod would use under its nominal share of the load."""
    life = run.life
    if life is None or life.program is None:
        return 0.0
    name = life.program.name
    rate = cluster.nominal.get(name, 0.0) / max(1, cluster.application.component(name).replicas)
    return life.program.idle + life.program.cost * rate


def measure(cluster: Cluster) -> Epoch:
    """Return the traffic at the present moment."""
    survey = _Survey(cluster)
    application = cluster.application
    entry = application.component(application.entry)
    front = survey.reach(None, Address(host=entry.name, port=entry.service_port), None)
    rates: dict[str, float] = {}
    for run, share in front.runs:
        _flow(survey, run, application.load * share, rates, depth=0)
    pods: dict[str, PodTraffic] = {}
    services: dict[str, tuple[float, float, float]] = {}
    for run in cluster.runs.values():
        life = run.life
        if life is None or life.program is None:
            continue
        uid = run.pod["metadata"]["uid"]
        behaviour = survey.behaviour(run)
        rate = round(rates.get(uid, 0.0), 4)
        pods[uid] = PodTraffic(
            rate=rate,
            errors=behaviour.errors,
            latency=behaviour.latency,
            failures=tuple(reach.failure for _, reach in behaviour.reaches if reach.failure),
        )
        before = services.get(life.program.name, (0.0, 0.0, 0.0))
        services[life.program.name] = (
            before[0] + rate,
            max(before[1], behaviour.errors),
            max(before[2], behaviour.latency),
        )
    return Epoch(
        start=cluster.now,
        errors=round(front.errors, 6),
        latency=round(front.latency, 3),
        services=services,
        pods=pods,
    )


_DEEPEST = 12


def _flow(
    survey: _Survey, run: PodRun, rate: float, rates: dict[str, float], *, depth: int
) -> None:
    """Add a rate at a pod and at whatever it reaches."""
    uid = run.pod["metadata"]["uid"]
    rates[uid] = rates.get(uid, 0.0) + rate
    if depth >= _DEEPEST:
        return
    for call, reach in survey.behaviour(run).reaches:
        for target, share in reach.runs:
            _flow(survey, target, rate * call.share * share, rates, depth=depth + 1)
