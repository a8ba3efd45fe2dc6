"""Jaeger's spans of sampled requests in a window, as CSV in AIOpsLab's columns.

Invariant: a trace follows from the seed, the second in which it began and the traffic of that
moment; it fails exactly as often as the entry does, only where a pod's own failures say, and a
span lasts at least as long as the spans below it.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from agents.environments.simulated.applications.graph import Protocol
from agents.environments.simulated.dice import digits, draw, happens
from agents.environments.simulated.disturbance import DEADLINE_MS
from agents.environments.simulated.network import Obstacle
from agents.environments.simulated.telemetry.metrics import epoch_at
from agents.environments.simulated.traffic import PodTraffic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.environments.simulated.applications.graph import Call, Program
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.traffic import Epoch, Failure

MOST_TRACES = 200
COLUMNS = (
    "trace_id",
    "span_id",
    "parent_span",
    "service_name",
    "operation_name",
    "start_time",
    "duration",
    "has_error",
    "response",
)
ROOT = "ROOT"
"""What stands for the parent of a span that has none."""
_DEEPEST = 12
_MOST_REPEATS = 4
_HTTP: dict[Obstacle | None, str] = {
    Obstacle.TIMEOUT: "504",
    Obstacle.ACCOUNT: "401",
    Obstacle.FOREIGN: "404",
    Obstacle.UPSTREAM: "500",
    None: "500",
}
_RPC: dict[Obstacle | None, str] = {
    Obstacle.TIMEOUT: "DEADLINE_EXCEEDED",
    Obstacle.ACCOUNT: "UNAUTHENTICATED",
    Obstacle.FOREIGN: "UNIMPLEMENTED",
    Obstacle.UPSTREAM: "INTERNAL",
    None: "INTERNAL",
}
_OPERATIONS: dict[Protocol, str] = {
    Protocol.HTTP: "HTTP /",
    Protocol.GRPC: "/{name}/Handle",
    Protocol.THRIFT: "{name}_handle",
    Protocol.KAFKA: "publish",
    Protocol.MONGO: "mongo_find",
    Protocol.POSTGRES: "SELECT",
    Protocol.REDIS: "redis_get",
    Protocol.MEMCACHED: "memcached_get",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span; start and duration in microseconds. A call that reached nobody is its caller's."""

    trace_id: str
    span_id: str
    parent: str
    service: str
    operation: str
    start: int
    duration: int
    error: bool
    response: str


def traces(cluster: Cluster, start: float, end: float, *, most: int = MOST_TRACES) -> list[Span]:
    """Return the spans of at most `most` requests that began in [start, end), oldest first."""
    if not cluster.epochs:
        return []
    first, last = max(start, cluster.epochs[0].start), min(end, cluster.now)
    seconds = range(int(first) + 1, int(last))
    most = min(most, MOST_TRACES)
    stride = max(1, -(-len(seconds) // most)) if most > 0 else 0
    found: list[Span] = []
    for second in seconds[::stride] if stride else ():
        found += _Trace(cluster, second).spans()
    return found


def csv_file(cluster: Cluster, start: float, end: float) -> str:
    """Return the window's traces as one CSV text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for span in traces(cluster, start, end):
        writer.writerow(
            (
                span.trace_id,
                span.span_id,
                span.parent,
                span.service,
                span.operation,
                span.start,
                span.duration,
                span.error,
                span.response,
            )
        )
    return text.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    """One call as it arrives. `fails` was decided by the caller's share of failures."""

    service: str
    parent: str
    start: float
    fails: bool
    depth: int


class _Trace:
    """One request's way through the graph; times in milliseconds after its start."""

    def __init__(self, cluster: Cluster, second: int) -> None:
        seed = draw(cluster.seed, "trace", second)
        self.cluster = cluster
        self.rng = Random(seed)  # noqa: S311 - simulation, no secret
        self.id = digits(16, cluster.seed, "trace", second)
        self.moment = second + self.rng.random()
        self.epoch = cluster.epochs[epoch_at(cluster, second)]
        self.pods = pods_at(cluster, self.epoch)
        self.found: list[Span] = []

    def spans(self) -> list[Span]:
        """Return the spans, a parent before its children; none where nobody serves the entry."""
        entry = self.cluster.application.entry
        pods = self.pods.get(entry, [])
        rate = sum(traffic.rate for _, traffic in pods)
        if not rate:
            return []
        errors = sum(traffic.rate * traffic.errors for _, traffic in pods) / rate
        fails = happens(self.rng, errors)
        self._serve(_Visit(service=entry, parent=ROOT, start=0.0, fails=fails, depth=0))
        return sorted(self.found, key=lambda span: (span.start, -span.duration))

    def _serve(self, visit: _Visit) -> float:
        """Add the span of a service's work and of all below it; return its end."""
        program, traffic = self._pod(visit)
        if program is None or traffic is None or visit.depth > _DEEPEST:
            return visit.start  # nobody of that name served then
        identity = self._identity()
        own = _own_work(self.epoch, program, traffic) * self.rng.uniform(0.5, 1.5)
        reason, cause = self._reason(program, traffic) if visit.fails else (None, None)
        at = visit.start + own / 2
        for call in program.calls:
            failure = _failing(traffic, call)
            if cause is not None and call.target == cause.target:
                at = self._fail(program, cause, identity, at, visit.depth)
                break
            for _ in range(self._times(call)):
                blocked = failure is not None and happens(self.rng, failure.ratio)
                if failure is not None and call.critical and (failure.ratio >= 1.0 or blocked):
                    break  # had it been made, this request would have failed of it
                if failure is not None and blocked:
                    at = self._fail(program, failure, identity, at, visit.depth)
                    continue
                at = self._serve(
                    _Visit(
                        service=call.target,
                        parent=identity,
                        start=at,
                        fails=False,
                        depth=visit.depth + 1,
                    )
                )
        self._note(visit, identity, program, at + own / 2, reason)
        return at + own / 2

    def _fail(self, caller: Program, failure: Failure, parent: str, at: float, depth: int) -> float:
        """Add a call that fails: below the callee, or as the caller's own where none was met."""
        if failure.obstacle is Obstacle.UPSTREAM:
            return self._serve(
                _Visit(service=failure.target, parent=parent, start=at, fails=True, depth=depth + 1)
            )
        target = self.cluster.application.component(failure.target).program
        lasts = DEADLINE_MS if failure.obstacle is Obstacle.TIMEOUT else self.rng.uniform(0.5, 1.5)
        self._add(
            parent=parent,
            identity=self._identity(),
            service=caller.name,
            operation=f"{failure.target}: {operation_of(target)}",
            times=(at, at + lasts),
            response=_response(target, failure.obstacle),
            error=True,
        )
        return at + lasts

    def _reason(
        self, program: Program, traffic: PodTraffic
    ) -> tuple[Obstacle | None, Failure | None]:
        """Return why a request fails here: a failing call, or the process itself (no call)."""
        choices = [
            (failure, min(1.0, call.share) * failure.ratio)
            for call in program.calls
            if call.critical and (failure := _failing(traffic, call)) is not None
        ]
        blamed = 1.0
        for _, weight in choices:
            blamed *= 1.0 - weight
        alone = max(0.0, traffic.errors - (1.0 - blamed))  # what no call explains
        total = sum(weight for _, weight in choices) + alone
        pick = self.rng.random() * total
        for failure, weight in choices:
            pick -= weight
            if pick < 0:
                return Obstacle.UPSTREAM, failure
        late = traffic.latency > DEADLINE_MS
        return (Obstacle.TIMEOUT if late else Obstacle.UPSTREAM), None

    def _times(self, call: Call) -> int:
        whole = int(call.share)
        times = whole + happens(self.rng, call.share - whole)
        return min(times, _MOST_REPEATS)

    def _pod(self, visit: _Visit) -> tuple[Program | None, PodTraffic | None]:
        """Return a pod of the service that may answer so, drawn by the requests it gets."""
        pods = self.pods.get(visit.service, [])
        weights = [t.rate * (t.errors if visit.fails else 1.0 - t.errors) for _, t in pods]
        if not sum(weights):
            weights = [t.rate for _, t in pods]
        if not sum(weights):
            return (None, None) if not pods else pods[0]
        return self.rng.choices(pods, weights)[0]

    def _note(
        self,
        visit: _Visit,
        identity: str,
        program: Program,
        end: float,
        reason: Obstacle | None,
    ) -> None:
        self._add(
            parent=visit.parent,
            identity=identity,
            service=program.name,
            operation=operation_of(program),
            times=(visit.start, end),
            response=_response(program, reason) if visit.fails else _fine(program),
            error=visit.fails,
        )

    def _add(
        self,
        *,
        parent: str,
        identity: str,
        service: str,
        operation: str,
        times: tuple[float, float],
        response: str,
        error: bool,
    ) -> None:
        begin = int(self.moment * 1e6) + round(times[0] * 1000)
        end = int(self.moment * 1e6) + round(times[1] * 1000)
        self.found.append(
            Span(
                trace_id=self.id,
                span_id=identity,
                parent=parent,
                service=service,
                operation=operation,
                start=begin,
                duration=end - begin,
                error=error,
                response=response,
            )
        )

    def _identity(self) -> str:
        return f"{self.rng.getrandbits(64):016x}"


def pods_at(cluster: Cluster, epoch: Epoch) -> dict[str, list[tuple[Program, PodTraffic]]]:
    """Return the pods of each service that served in an epoch.

    Where none of them is left, the service stands for them: why they failed went with them.
    """
    found: dict[str, list[tuple[Program, PodTraffic]]] = {}
    for program, traffic in _known(cluster, epoch):
        found.setdefault(program.name, []).append((program, traffic))
    for component in cluster.application.components:
        rate, errors, latency = epoch.services.get(component.program.name, (0.0, 0.0, 0.0))
        if rate and component.program.name not in found:
            gone = PodTraffic(rate=rate, errors=errors, latency=latency)
            found[component.program.name] = [(component.program, gone)]
    return found


def _known(cluster: Cluster, epoch: Epoch) -> Iterator[tuple[Program, PodTraffic]]:
    for uid, traffic in epoch.pods.items():
        run = cluster.runs.get(uid)
        program = run.lives[-1].program if run and run.lives else None
        if program is not None:
            yield program, traffic


def operation_of(program: Program) -> str:
    """Return what a program's server span is called."""
    return _OPERATIONS[program.protocol].format(name=program.name)


def _failing(traffic: PodTraffic, call: Call) -> Failure | None:
    return next((item for item in traffic.failures if item.target == call.target), None)


def _own_work(epoch: Epoch, program: Program, traffic: PodTraffic) -> float:
    """Return the milliseconds of a pod's mean latency that its critical calls do not explain."""
    below = 0.0
    for call in program.calls:
        if not call.critical:
            continue
        failure = _failing(traffic, call)
        if failure is None or failure.obstacle is Obstacle.UPSTREAM:
            lasts = epoch.services.get(call.target, (0.0, 0.0, 0.0))[2]
        else:
            lasts = DEADLINE_MS if failure.obstacle is Obstacle.TIMEOUT else 1.0
        below += min(1.0, call.share) * lasts
    return max(traffic.latency - below, min(program.latency, traffic.latency))


def _fine(program: Program) -> str:
    return "200" if program.protocol is Protocol.HTTP else "OK"


def _response(program: Program, reason: Obstacle | None) -> str:
    if program.protocol is Protocol.HTTP:
        return _HTTP.get(reason, "503")
    return _RPC.get(reason, "UNAVAILABLE")
