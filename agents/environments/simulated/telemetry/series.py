"""Prometheus' series of one lab over a window, as long CSV: timestamp, metric, labels, value.

Invariant: a sample depends on its own moment and on the past alone, never on the window in which
it is asked for; so counters are monotone and two windows agree where they overlap. Counters count
from when traffic was first observed. A pod that is gone has taken its series with it.
"""

from __future__ import annotations

import csv
import io
from copy import copy
from dataclasses import dataclass, replace
from math import ceil, log
from typing import TYPE_CHECKING

from agents.environments.simulated.clock import MINUTE
from agents.environments.simulated.disturbance import DEADLINE_MS
from agents.environments.simulated.telemetry.metrics import epoch_at
from agents.environments.simulated.telemetry.usage import usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.controllers.process import PodRun
    from agents.environments.simulated.traffic import Epoch

STEP = 15
"""Seconds between two samples of a series."""
QUANTILES = (0.5, 0.9, 0.99)
COLUMNS = ("timestamp", "metric", "labels", "value")
_RATE_WINDOW = 60.0
_MIB = 1024 * 1024

Labels = tuple[tuple[str, str], ...]
_Totals = dict[tuple[str, str, str], float]
"""(service, calling service or empty, code) -> requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One value of one series. timestamp: seconds since the epoch."""

    timestamp: int
    metric: str
    labels: Labels
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """What an application calls its series; `milliseconds` is the unit of its durations."""

    requests: str
    calls: str
    duration: str
    service: str
    caller: str
    milliseconds: bool


def names_of(prefix: str) -> _Names:
    """Return the names with the application's own prefix, or Istio's where it has none."""
    if prefix:
        return _Names(
            requests=f"{prefix}_requests_total",
            calls=f"{prefix}_client_requests_total",
            duration=f"{prefix}_request_duration_seconds",
            service="service",
            caller="client",
            milliseconds=False,
        )
    return _Names(
        requests="istio_requests_total",
        calls="istio_client_requests_total",
        duration="istio_request_duration_milliseconds",
        service="destination_service",
        caller="source_workload",
        milliseconds=True,
    )


def quantile(mean: float, share: float) -> float:
    """Return the milliseconds below which this share of requests stays.

    Durations are taken as exponentially distributed around their mean, cut where callers give up.
    """
    return min(-mean * log(1.0 - share), 2 * DEADLINE_MS)


def samples(cluster: Cluster, start: float, end: float) -> list[Sample]:
    """Return every series at each whole step of [start, end], no earlier than the traffic."""
    if not cluster.epochs:
        return []
    first = max(start, cluster.epochs[0].start)
    moments = range(ceil(first / STEP) * STEP, int(min(end, cluster.now)) + 1, STEP)
    if not moments:
        return []
    found = list(_service_samples(cluster, moments))
    for run in cluster.runs.values():
        found += _pod_samples(cluster, run, moments)
    return found


def csv_files(cluster: Cluster, start: float, end: float) -> dict[str, str]:
    """Return the text of one CSV file a metric, by file name."""
    by_metric: dict[str, list[Sample]] = {}
    for sample in samples(cluster, start, end):
        by_metric.setdefault(sample.metric, []).append(sample)
    return {f"{name}.csv": _csv(by_metric[name]) for name in sorted(by_metric)}


def _csv(found: list[Sample]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for sample in sorted(found, key=lambda item: (item.labels, item.timestamp)):
        labels = ",".join(f'{key}="{value}"' for key, value in sample.labels)
        writer.writerow((sample.timestamp, sample.metric, labels, f"{sample.value:.6g}"))
    return text.getvalue()


def _spans(cluster: Cluster, start: float, end: float) -> Iterator[tuple[Epoch, float]]:
    """Yield each epoch of [start, end] with the seconds that it lasts there."""
    epochs = cluster.epochs
    for index in range(max(0, epoch_at(cluster, start)), len(epochs)):
        epoch = epochs[index]
        if epoch.start >= end:
            return
        until = epochs[index + 1].start if index + 1 < len(epochs) else end
        seconds = min(until, end) - max(epoch.start, start)
        if seconds > 0:
            yield epoch, seconds


def _rates(cluster: Cluster, epoch: Epoch) -> _Totals:
    """Return requests a second in an epoch: answered by a service, and asked by a caller."""
    rates: _Totals = {}

    def add(service: str, caller: str, rate: float, errors: float) -> None:
        for code, share in (("200", 1.0 - errors), ("500", errors)):
            key = (service, caller, code)
            rates[key] = rates.get(key, 0.0) + rate * share

    rest = {name: rate for name, (rate, _, _) in epoch.services.items()}
    for uid, traffic in epoch.pods.items():
        run = cluster.runs.get(uid)
        program = run.lives[-1].program if run and run.lives else None
        if program is None or program.name not in rest:
            continue
        rest[program.name] -= traffic.rate
        add(program.name, "", traffic.rate, traffic.errors)
        failing = {failure.target: failure.ratio for failure in traffic.failures}
        for call in program.calls:
            rate = traffic.rate * call.share
            add(call.target, program.name, rate, failing.get(call.target, 0.0))
    for name, rate in rest.items():  # what pods served that are gone
        add(name, "", max(0.0, rate), epoch.services[name][1])
    return rates


def _service_samples(cluster: Cluster, moments: range) -> Iterator[Sample]:
    names = names_of(cluster.application.metrics)
    known = {epoch.start: _rates(cluster, epoch) for epoch in cluster.epochs}
    before: _Totals = {}
    index = 0
    for moment in moments:
        while index < epoch_at(cluster, moment):  # whole epochs, each added once and in order
            epoch, following = cluster.epochs[index : index + 2]
            before = _added(before, known[epoch.start], following.start - epoch.start)
            index += 1
        epoch = cluster.epochs[index]
        totals = _added(before, known[epoch.start], moment - epoch.start)
        for (service, caller, code), value in sorted(totals.items()):
            asked = ((names.caller, caller),) if caller else ()
            labels = (*asked, (names.service, service), ("response_code", code))
            metric = names.calls if caller else names.requests
            yield Sample(timestamp=moment, metric=metric, labels=labels, value=round(value, 6))
        yield from _recorded(cluster, moment, names, known)


def _added(before: _Totals, rates: _Totals, seconds: float) -> _Totals:
    """Return totals after some seconds at these rates; what was counted once stays."""
    after = dict(before)
    for key, rate in rates.items():
        after[key] = after.get(key, 0.0) + rate * seconds
    return after


def _recorded(
    cluster: Cluster, moment: int, names: _Names, known: dict[float, _Totals]
) -> Iterator[Sample]:
    """Yield the last minute's rates, error ratios and latency quantiles of each service."""
    begin = max(moment - _RATE_WINDOW, cluster.epochs[0].start)
    sums: dict[str, tuple[float, float, float]] = {}
    for epoch, seconds in _spans(cluster, begin, moment):
        for service, (_, _, latency) in epoch.services.items():
            good = known[epoch.start].get((service, "", "200"), 0.0) * seconds
            bad = known[epoch.start].get((service, "", "500"), 0.0) * seconds
            was = sums.get(service, (0.0, 0.0, 0.0))
            count = good + bad
            sums[service] = (was[0] + count, was[1] + bad, was[2] + count * latency)
    seconds = moment - begin
    for service, (count, bad, milliseconds) in sorted(sums.items()):
        labels = ((names.service, service),)
        rate = round(count / seconds, 6)
        yield Sample(timestamp=moment, metric="service:requests:rate1m", labels=labels, value=rate)
        if not count:
            continue  # a ratio of nothing is no number
        yield Sample(
            timestamp=moment,
            metric="service:errors:ratio1m",
            labels=labels,
            value=round(bad / count, 6),
        )
        scale = 1.0 if names.milliseconds else 0.001
        for share in QUANTILES:
            value = quantile(milliseconds / count, share) * scale
            ranked = (*labels, ("quantile", f"{share:g}"))
            yield Sample(
                timestamp=moment, metric=names.duration, labels=ranked, value=round(value, 6)
            )


def _at(cluster: Cluster, run: PodRun, moment: float) -> Cluster | None:
    """Return the cluster as a past moment saw one pod; None while its container did not run."""
    life = next(
        (
            item
            for item in run.lives
            if item.start <= moment and (item.end is None or moment < item.end)
        ),
        None,
    )
    if life is None:
        return None
    then = copy(cluster)
    then.now = moment
    then.epochs = cluster.epochs[: epoch_at(cluster, moment) + 1]
    begun = life.leaking is not None and life.leaking <= moment
    past = replace(life, end=None, leaking=life.leaking if begun else None)
    then.runs = cluster.runs | {run.pod["metadata"]["uid"]: replace(run, lives=[past])}
    return then


def _pod_samples(cluster: Cluster, run: PodRun, moments: range) -> Iterator[Sample]:
    metadata = run.pod["metadata"]
    labels = (
        ("namespace", str(metadata["namespace"])),
        ("pod", str(metadata["name"])),
        ("container", str(run.pod["spec"]["containers"][0]["name"])),
    )
    born = min((life.start for life in run.lives), default=run.since)
    used = _counter_of_cpu(cluster, run)
    for moment in moments:
        if moment < born:
            continue

        def sample(metric: str, value: float, moment: int = moment) -> Sample:
            return Sample(timestamp=moment, metric=metric, labels=labels, value=value)

        later = sum(1 for life in run.lives if life.start > moment)
        yield sample("kube_pod_container_status_restarts_total", max(0, run.restarts - later))
        then = _at(cluster, run, moment)
        now = usage(then, run.pod) if then else None
        yield sample("container_cpu_usage_seconds_total", used(moment))
        if now is not None:
            yield sample("container_memory_working_set_bytes", now[1] * _MIB)


def _counter_of_cpu(cluster: Cluster, run: PodRun) -> Callable[[float], float]:
    """Return the function from a moment to the core seconds used until then.

    What is used when a minute of the clock begins counts for the whole minute; asked for rising
    moments only.
    """
    at, total = cluster.epochs[0].start, 0.0

    def piece(until: float) -> float:
        then = _at(cluster, run, at)
        now = usage(then, run.pod) if then else None
        return (now[0] if now else 0) / 1000 * (until - at)

    def used(moment: float) -> float:
        nonlocal at, total
        edge = moment // MINUTE * MINUTE
        while at < edge:  # whole minutes, each added once and in order
            until = (at // MINUTE + 1) * MINUTE
            total += piece(until)
            at = until
        return total + piece(max(moment, at))

    return used
