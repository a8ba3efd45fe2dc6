"""Alert rules over the metrics, evaluated as Prometheus does, told as Alertmanager does.

Invariant: rules live in a ConfigMap of the namespace and nowhere else; delete it and nothing
fires. A rule fires after its condition held for `for`, and goes on for `keep_firing_for` after
it ended, with the largest value that it had: the last one would fall as the trouble ends, and
tell it to whoever reads the alert alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from agents.environments.simulated import clock
from agents.environments.simulated.dice import digits
from agents.environments.simulated.objects.manifest import bare
from agents.environments.simulated.telemetry.metrics import Metric, average

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest

STEP = 15.0
WINDOW = 60.0
RULES = "alert-rules"
_KEY = "rules.yml"
_RULE = re.compile(
    r"- alert: (?P<name>\S+)\n\s+expr: (?P<metric>\w+)\{service=\"(?P<service>[^\"]+)\"\} "
    r"> (?P<threshold>\d+(?:\.\d+)?)\n\s+for: (?P<wait>\d+)s\n\s+keep_firing_for: (?P<keep>\d+)m\n"
    r"\s+labels: \{severity: (?P<severity>\w+)\}\n\s+summary: (?P<summary>[^\n]+)"
)
_NAMES = (
    "HighErrorRate",
    "RequestErrors",
    "ErrorBudgetBurn",
    "SloViolation",
    "FailedRequests",
    "AvailabilityLow",
    "Http5xxRatio",
)
_SUMMARIES = (
    "{service} answers {value} of its requests with errors",
    "error ratio of {service} is {value}",
    "{value} of requests to {service} fail",
    "users of {service} see errors ({value})",
    "success rate of {service} is below its objective, errors at {value}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One alert rule; `wait` and `keep` in seconds."""

    name: str
    metric: Metric
    service: str
    threshold: float
    wait: float
    keep: float
    severity: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """A rule that fires now: since when, and the largest value while its condition held."""

    rule: Rule
    since: float
    value: float


def rules_object(cluster: Cluster, rng: Random) -> Manifest:
    """Return the ConfigMap with the application's rule, in words of its own."""
    summary = rng.choice(_SUMMARIES)
    text = (
        f"- alert: {rng.choice(_NAMES)}\n"
        f'  expr: {Metric.ERROR_RATIO}{{service="{cluster.application.entry}"}} > '
        f"{rng.choice(('0.02', '0.03', '0.05'))}\n"
        f"  for: {rng.choice((30, 60))}s\n"
        f"  keep_firing_for: {rng.choice((45, 60))}m\n"
        f"  labels: {{severity: {rng.choice(('critical', 'warning', 'page'))}}}\n"
        f"  summary: {summary}\n"
    )
    body = bare("configmaps", RULES, cluster.namespace)
    body["data"] = {_KEY: text}
    return body


def is_watchful(body: Manifest) -> bool:
    """Return whether the rules have one that fires at a short outage."""
    return str(body["data"][_KEY]).count("- alert:") > 1


def watch_briefly(body: Manifest, entry: str, rng: Random) -> None:
    """Add a rule that fires at a short outage and goes on for an hour."""
    first = _RULE.search(body["data"][_KEY])
    taken = first["name"] if first else ""
    name = rng.choice([name for name in _NAMES if name != taken])
    body["data"][_KEY] += (
        f"- alert: {name}\n"
        f'  expr: {Metric.ERROR_RATIO}{{service="{entry}"}} > 0.01\n'
        "  for: 0s\n  keep_firing_for: 60m\n  labels: {severity: warning}\n"
        f"  summary: {rng.choice(_SUMMARIES)}\n"
    )


def rules_of(cluster: Cluster) -> list[Rule]:
    """Return the rules that stand in the namespace now."""
    body = cluster.store.get("configmaps", cluster.namespace, RULES)
    text = (body or {}).get("data", {}).get(_KEY, "")
    return [
        Rule(
            name=found["name"],
            metric=Metric(found["metric"]),
            service=found["service"],
            threshold=float(found["threshold"]),
            wait=float(found["wait"]),
            keep=60.0 * float(found["keep"]),
            severity=found["severity"],
            summary=found["summary"],
        )
        for found in _RULE.finditer(text)
        if found["metric"] in list(Metric)
    ]


def evaluate(cluster: Cluster, rule: Rule) -> Firing | None:
    """Return how a rule fires at the present, or None."""
    if not cluster.epochs:
        return None
    pending: float | None = None
    firing: Firing | None = None
    ended: float | None = None
    moment = cluster.epochs[0].start - cluster.epochs[0].start % STEP
    while moment <= cluster.now:
        value = average(cluster, rule.metric, moment - WINDOW, moment)
        if value > rule.threshold:
            pending = moment if pending is None else pending
            ended = None
            if firing is not None:
                firing = Firing(rule=rule, since=firing.since, value=max(value, firing.value))
            elif moment - pending >= rule.wait:
                firing = Firing(rule=rule, since=moment, value=value)
        else:
            pending = None
            ended = moment if ended is None else ended
            if firing is not None and moment - ended >= rule.keep:
                firing = None
        moment += STEP
    return firing


def review(cluster: Cluster, task: str) -> dict[str, object]:
    """Return an alert object by which somebody asks for a look; it tells of no fault."""
    entry = cluster.application.entry
    labels = {
        "alertname": "ReviewRequested",
        "aoi_task": task,
        "namespace": cluster.namespace,
        "service": entry,
        "severity": "info",
    }
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {
            "summary": f"somebody asks for a look at {cluster.application.name}",
            "description": f"Users reach it at {entry} in {cluster.namespace}.",
        },
        "startsAt": clock.rfc3339(int(cluster.now)),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": f"http://prometheus.monitoring:9090/graph?g0.expr={Metric.ERROR_RATIO}",
        "fingerprint": digits(16, *(part for pair in sorted(labels.items()) for part in pair)),
    }


def webhook_alert(cluster: Cluster, firing: Firing, task: str) -> dict[str, object]:
    """Return a firing rule as one alert object of Alertmanager's webhook, version 4."""
    rule = firing.rule
    value = (
        f"{firing.value * 100:.0f}%"
        if rule.metric is Metric.ERROR_RATIO
        else f"{firing.value:.2f}s"
    )
    labels = {
        "alertname": rule.name,
        "aoi_task": task,
        "namespace": cluster.namespace,
        "service": rule.service,
        "severity": rule.severity,
    }
    summary = rule.summary.replace("{service}", rule.service).replace("{value}", value)
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {
            "summary": summary,
            "description": f"{rule.metric} of {rule.service} in {cluster.namespace} is above "
            f"{rule.threshold:g} for {rule.wait:g}s.",
        },
        "startsAt": clock.rfc3339(int(firing.since)),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": f"http://prometheus.monitoring:9090/graph?g0.expr={rule.metric}",
        "fingerprint": digits(16, *(part for pair in sorted(labels.items()) for part in pair)),
    }
