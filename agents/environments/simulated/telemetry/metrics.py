"""Series over time from the epochs of traffic: error ratio, latency and request rate.

Invariant: a series is a piecewise constant function; averages are integrals, never samples.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.traffic import Epoch


class Metric(StrEnum):
    """What an alert rule can watch at the entry of the application."""

    ERROR_RATIO = "error_ratio"
    LATENCY = "latency"


def _value(epoch: Epoch, metric: Metric) -> float:
    return epoch.errors if metric is Metric.ERROR_RATIO else epoch.latency / 1000


def average(cluster: Cluster, metric: Metric, start: float, end: float) -> float:
    """Return the mean of an entry metric over [start, end]; 0 before there was traffic."""
    epochs = cluster.epochs
    if not epochs or end <= start:
        return _value(epochs[-1], metric) if epochs else 0.0
    total, until = 0.0, end
    for epoch in reversed(epochs):
        begin = max(epoch.start, start)
        if begin < until:
            total += _value(epoch, metric) * (until - begin)
            until = begin
        if epoch.start <= start:
            break
    return total / (end - start)


def service_now(cluster: Cluster, service: str) -> tuple[float, float, float]:
    """Return (requests a second, error ratio, milliseconds) of a service at present."""
    if not cluster.epochs:
        return 0.0, 0.0, 0.0
    return cluster.epochs[-1].services.get(service, (0.0, 1.0, 0.0))


def epoch_at(cluster: Cluster, moment: float) -> int:
    """Return the index of the epoch that holds at a moment, -1 before the first."""
    return bisect_right(cluster.epochs, moment, key=lambda epoch: epoch.start) - 1
