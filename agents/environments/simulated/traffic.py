"""Requests through the graph at one moment: rates, failures and latencies of every pod.

Invariant: a pure function of the cluster's state; between two changes of state traffic is
constant, so an `Epoch` a change is all that ever has to be computed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.environments.simulated.applications.graph import Effect
from agents.environments.simulated.disturbance import DEADLINE_MS
from agents.environments.simulated.flags import Active, active, switched_on, total
from agents.environments.simulated.network import (
    Address,
    Obstacle,
    address_of,
    backends,
    find_service,
    obstacle_at,
)
from agents.environments.simulated.objects.pickling import quick
from agents.environments.simulated.objects.pods import workload_of
from agents.environments.simulated.objects.quantity import millicores

if TYPE_CHECKING:
    from agents.environments.simulated.applications.graph import Call, Flag
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.controllers.process import PodRun
    from agents.environments.simulated.objects.kinds import Manifest

NOWHERE = "badAddress"
"""Where a flag sends calls that shall not arrive."""


@quick
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


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class PodTraffic:
    """What one pod serves: requests a second, failing share, mean milliseconds.

    own: (what the process logs, share of its requests) for trouble of its own making. burn:
    millicores that it uses beyond its work.
    """

    rate: float
    errors: float
    latency: float
    failures: tuple[Failure, ...] = ()
    own: tuple[tuple[str, float], ...] = ()
    burn: float = 0.0


@quick
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
    own: tuple[tuple[str, float], ...] = ()
    burn: float = 0.0


class _Survey:
    """One measurement: memoises what is asked more than once."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.by_address = {run.address: run for run in cluster.runs.values() if run.address}
        self.known: dict[str, _Behaviour] = {}
        self.places: dict[Address, tuple[Manifest | None, list[tuple[PodRun, int]]]] = {}
        self.on = switched_on(cluster)
        self.flood = max(1.0, *(amount for _, amount in self._floods()))

    def _floods(self) -> list[tuple[str, float]]:
        """Return (component, times the load) of every running process that floods the entry."""
        found = [("", 1.0)]
        for run in self.cluster.runs.values():
            program = run.life.program if run.life else None
            if program is not None and (program.flags or program.name in self.cluster.hidden_flags):
                flags = active(self.cluster, program, self.on)
                found.append((program.name, total(flags, Effect.FLOOD)))
        return found

    def behaviour(self, run: PodRun) -> _Behaviour:
        uid = run.pod["metadata"]["uid"]
        if uid in self.known:
            return self.known[uid]
        found = self.known[uid] = _Behaviour()  # a cycle meets this: it never answers in time
        life = run.life
        if life is None or life.program is None:
            return found
        flags = self._flags(run)
        good, latency = 1.0, life.program.latency * self._slowness(run, flags)
        astray = {flag.target for flag, _ in flags if flag.effect is Effect.UNREACHABLE}
        for call in life.program.calls:
            address = address_of(call, life.environment)
            if call.target in astray:
                address = Address(host=NOWHERE, port=address.port)
            reach = self.reach(run, address, call)
            found.reaches.append((call, reach))
            if call.critical:
                good *= 1.0 - min(call.share, 1.0) * reach.errors
                latency += min(call.share, 1.0) * reach.latency
        latency += (_slower(flags) if flags else 0.0) + self._delay(run)
        good *= 1.0 - min(1.0, total(flags, Effect.ERRORS))
        found.burn = total(flags, Effect.BURN)
        found.own = tuple((f.complaint, share_of(f, n)) for f, n in flags if f.complaint)
        late = latency > DEADLINE_MS
        found.errors = 1.0 if late and good > 0.5 else round(1.0 - good, 6)  # noqa: PLR2004 - most requests, but late
        found.latency = round(min(latency, 2 * DEADLINE_MS), 3)
        return found

    def _flags(self, run: PodRun) -> Active:
        program = run.life.program if run.life else None
        if program is None or not (program.flags or self.cluster.hidden_flags):
            return ()
        return active(self.cluster, program, self.on)

    def _delay(self, run: PodRun) -> float:
        """Return the milliseconds by which the pod's packets are late."""
        if not self.cluster.disturbances:
            return 0.0
        owner = workload_of(run.pod)
        return sum(item.delay for item in self.cluster.disturbances if item.component == owner)

    def _slowness(self, run: PodRun, flags: Active) -> float:
        """Return how much longer work takes because the CPU limit is below the demand."""
        life = run.life
        container = run.pod["spec"]["containers"][0]
        limit = ((container.get("resources") or {}).get("limits") or {}).get("cpu")
        if life is None or life.program is None or not limit:
            return 1.0
        demand = demand_of(self.cluster, run, self.flood) + total(flags, Effect.BURN)
        excess = demand / max(1, millicores(limit))
        return 1.0 if excess <= 1.0 else (10.0 * excess) ** 2

    def _behind(self, address: Address) -> tuple[Manifest | None, list[tuple[PodRun, int]]]:
        """Return the service at an address and the ready (pod, port) pairs behind it."""
        known = self.places.get(address)
        if known is None:
            service = find_service(self.cluster, address.host)
            found = (
                backends(self.cluster, service, address.port, self.by_address) if service else []
            )
            known = self.places[address] = (service, found)
        return known

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

        service, behind = self._behind(address)
        if service is None:
            return failed(Obstacle.NO_HOST, "")
        ip = service["spec"].get("clusterIP", "")
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


def _slower(flags: Active) -> float:
    """Return the milliseconds that flags add to a request on average.

    A process that stands still twice a minute for P ms keeps a request waiting P / 2 for the share
    P / 30,000 of all requests.
    """
    pauses = total(flags, Effect.PAUSES)
    leak = total(flags, Effect.LEAK)
    lag = total(flags, Effect.LAG)
    return total(flags, Effect.DELAY) + pauses * pauses / 60_000 + leak * 4 + lag


def share_of(flag: Flag, amount: float) -> float:
    """Return the share of requests that a process complains of while a flag bites."""
    return min(1.0, amount) if flag.effect is Effect.ERRORS else 0.3


def demand_of(cluster: Cluster, run: PodRun, flood: float = 1.0) -> float:
    """Return the millicores that a pod would use under its nominal share of `flood` loads."""
    life = run.life
    if life is None or life.program is None:
        return 0.0
    name = life.program.name
    if name not in cluster.nominal:
        return float(life.program.idle)
    replicas = max(1, cluster.application.component(name).replicas)
    rate = flood * cluster.nominal.get(name, 0.0) / replicas
    return life.program.idle + life.program.cost * rate


def measure(cluster: Cluster) -> Epoch:
    """Return the traffic at the present moment."""
    survey = _Survey(cluster)
    application = cluster.application
    entry = application.component(application.entry)
    front = survey.reach(
        None, Address(host=application.front or entry.name, port=entry.service_port), None
    )
    rates: dict[str, float] = {}
    for run, share in front.runs:
        _flow(survey, run, application.load * survey.flood * share, rates, depth=0)
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
            own=behaviour.own,
            burn=behaviour.burn,
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
