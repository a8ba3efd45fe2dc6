"""Procedural incidents: an application, its past, a fault or none, an alert that fires.

Invariant: a scenario is plain data drawn from one integer seed; `build` turns it into a cluster,
and the same scenario always builds the same bytes. A healthy twin went through the same fault
and was mended before its alert ran out, so only the present state tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

from agents.contracts.incident import Task
from agents.environments.simulated import alerts
from agents.environments.simulated.applications.graph import Application, Component, behind, impact
from agents.environments.simulated.applications.hotel import hotel
from agents.environments.simulated.applications.procedural import procedural
from agents.environments.simulated.benchmark.featureflags import concealed
from agents.environments.simulated.benchmark.registry import BENCHMARK, OWN
from agents.environments.simulated.clock import DAY, HOUR, MINUTE
from agents.environments.simulated.cluster import Cluster
from agents.environments.simulated.dice import happens
from agents.environments.simulated.faults.family import (
    Evidence,
    Family,
    Injection,
    main_container,
    revert,
)
from agents.environments.simulated.faults.herrings import scatter
from agents.environments.simulated.faults.recurring import recur
from agents.environments.simulated.faults.registry import FAMILIES
from agents.environments.simulated.objects.manifest import CHANGE_CAUSE, RESTARTED_AT
from agents.environments.simulated.splits import families_of

_HERRINGS_BEFORE = 33 * MINUTE
_EPOCH = 1_767_225_600  # 2026-01-01T00:00:00Z
_SMALLEST_IMPACT = 0.12
_HOTEL_SHARE = 0.08
_NO_VERSION_OF_IT = 0.4
_HOTELS, _DRAWS = 8, 500
"""How many graphs are drawn for two faults: of the hotel, and at most."""


class Difficulty(StrEnum):
    """How much stands in the way of seeing the fault."""

    PLAIN = "plain"
    """One fault, and benign rollouts of before."""
    NOISY = "noisy"
    """Red herrings beside it."""
    RECURRING = "recurring"
    """Herrings, and the fault comes and goes."""
    SEVERAL = "several"
    """Herrings, and a second fault that the first does not hide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One incident before it is built. `family` is what happened, `healthy` that it is over.

    family is empty when nothing ever happened. problem: the benchmark's id. review: no alert fired,
    somebody asks for a look. hidden: what a flag does stands in no ConfigMap. also: (family,
    service) of faults beside the first. herrings: how many red ones. recurring: it comes and goes.
    """

    seed: int
    task: Task
    split: str
    family: str
    service: str
    healthy: bool
    application: Application
    problem: str | None = None
    review: bool = False
    hidden: bool = False
    also: tuple[tuple[str, str], ...] = ()
    herrings: int = 0
    recurring: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundTruth:
    """The right answers. `service`, `system_level` and `fault_type` are None for a healthy lab.

    repairs: lines of which each alone mends it. plans: lines that mend it together. accepted: other
    names that the benchmark takes for the service. also: the truths of the faults beside the first;
    localization then wants every service, analysis the labels of any.
    """

    anomaly: bool
    family: str | None
    service: str | None
    system_level: str | None
    fault_type: str | None
    evidence: tuple[Evidence, ...]
    repairs: tuple[str, ...]
    plans: tuple[tuple[str, ...], ...] = ()
    accepted: tuple[str, ...] = ()
    also: tuple[GroundTruth, ...] = ()

    @property
    def ways(self) -> tuple[tuple[str, ...], ...]:
        """Every known way to mend it, each as the lines that do it."""
        return (*((line,) for line in self.repairs), *self.plans)

    @property
    def services(self) -> tuple[str, ...]:
        """Every faulty service."""
        return tuple(truth.service for truth in (self, *self.also) if truth.service)

    @property
    def facts(self) -> tuple[Evidence, ...]:
        """What a good diagnosis reads, of all faults."""
        return tuple(fact for truth in (self, *self.also) for fact in truth.evidence)


def carriers(application: Application, family: Family) -> list[Component]:
    """Return the components that can carry a family so that users notice."""
    return [
        component
        for component in application.components
        if family.carries(application, component)
        and impact(application, component.name) >= _SMALLEST_IMPACT
    ]


def generate(
    seed: int,
    *,
    split: str = "A",
    family: str | None = None,
    task: Task | None = None,
    healthy: bool | None = None,
    application: str | None = None,
    difficulty: Difficulty = Difficulty.PLAIN,
) -> Scenario:
    """Return the incident of a seed.

    family, task, healthy and application (`hotel` or `procedural`) pin what is otherwise drawn;
    half of the detection incidents are healthy, of the others none. Raises KeyError for a family
    or split that does not exist, ValueError where two faults can't stand beside each other.
    """
    rng = Random(seed)  # noqa: S311 - simulation, no secret
    chosen_task = rng.choice(list(Task))
    chosen_family = rng.choice(families_of(split))
    twin = happens(rng, 0.5)
    task = task or chosen_task
    family = family or chosen_family
    if healthy is None:
        healthy = twin and task is Task.DETECTION
    kind = application or ("hotel" if happens(rng, _HOTEL_SHARE) else "procedural")
    while True:
        graph = hotel(rng) if kind == "hotel" else procedural(rng)
        able = carriers(graph, FAMILIES[family])
        if able:
            break
        kind = "procedural"
    scenario = Scenario(
        seed=seed,
        task=task,
        split=split,
        family=family,
        service=rng.choice(able).name,
        healthy=healthy,
        application=graph,
    )
    return _harder(scenario, difficulty)


def _harder(scenario: Scenario, difficulty: Difficulty) -> Scenario:
    """Return the scenario with what its difficulty adds, drawn apart from everything else."""
    rng = Random(scenario.seed ^ 0xD1FF)  # noqa: S311 - simulation, no secret
    if difficulty is Difficulty.PLAIN:
        return scenario
    noisy = replace(scenario, herrings=rng.randint(1, 3))
    if difficulty is Difficulty.NOISY or scenario.healthy:
        return noisy
    if difficulty is Difficulty.RECURRING:
        return replace(noisy, recurring=True)
    return _with_another(noisy, rng)


def _with_another(scenario: Scenario, rng: Random) -> Scenario:
    """Return the scenario with a second fault that shows beside the first.

    Where no component can carry one, other graphs are drawn until one can.
    """
    kind = scenario.application.name
    for attempt in range(_DRAWS):
        places = _beside(scenario)
        if places:
            return replace(scenario, also=(rng.choice(places),))
        graph = hotel(rng) if kind == "hotel" and attempt < _HOTELS else procedural(rng)
        fits = carriers(graph, FAMILIES[scenario.family])
        if fits:
            scenario = replace(scenario, application=graph, service=rng.choice(fits).name)
    raise ValueError(
        f"expected a split in which {scenario.family} fits beside another fault, "
        f"got {scenario.split!r}"
    )


def _beside(scenario: Scenario) -> list[tuple[str, str]]:
    """Return the (family, component) whose faults neither hide the first nor are hidden by it."""
    graph = scenario.application
    hidden = {scenario.service, *behind(graph, scenario.service)}
    return [
        (name, component.name)
        for name in families_of(scenario.split)
        for component in carriers(graph, FAMILIES[name])
        if name != scenario.family
        and component.name not in hidden
        and scenario.service not in behind(graph, component.name)
    ]


def build(scenario: Scenario) -> tuple[Cluster, GroundTruth, bytes]:
    """Return the cluster at the moment of the alert, the truth, and the state before the fault."""
    rng = Random(scenario.seed ^ 0x5EED)  # noqa: S311 - simulation, no secret
    present = float(_EPOCH + rng.randrange(300 * DAY))
    cluster = Cluster(
        scenario.application, scenario.seed, present - rng.randint(3 * HOUR, 12 * DAY)
    )
    cluster.events.since = present - HOUR
    cluster.traffic_from = present - HOUR
    cluster.deploy()
    cluster.store.create("configmaps", alerts.rules_object(cluster, rng), cluster.stamp())
    cluster.settle()
    if scenario.problem is None:
        _finished_rollouts(cluster, scenario, rng, present)
    if scenario.split == "benchmark":  # what was healthy before is in logs and series
        cluster.advance(max(cluster.now, cluster.traffic_from))
    if scenario.herrings:
        cluster.advance(max(cluster.now, present - _HERRINGS_BEFORE))
        spared = (scenario.service, scenario.application.entry)
        scatter(cluster, spared, scenario.herrings, rng)
    if not scenario.family:
        cluster.advance(present)
        return cluster, _healthy_truth(scenario.application), _kept(cluster, scenario)
    family = _family(scenario)
    component = scenario.application.component(scenario.service)
    if scenario.healthy:
        ended = present - rng.randint(4 * MINUTE, 18 * MINUTE)
        cluster.advance(ended - rng.randint(4 * MINUTE, 9 * MINUTE))
        injection = family.inject(cluster, component, rng)
        cluster.advance(ended)
        revert(cluster, injection)
        truth = _healthy_truth(scenario.application)
        before = _kept(cluster, scenario)
    else:
        cluster.advance(present - rng.randint(*family.lead))
        before = _kept(cluster, scenario)
        injection = family.inject(cluster, component, rng)
        truth = replace(_truth(family, injection), also=_further(cluster, scenario, rng))
        if scenario.recurring:
            recur(cluster, injection, present, rng)
    cluster.advance(present)
    return cluster, truth, before


def _kept(cluster: Cluster, scenario: Scenario) -> bytes:
    """Return the present state if a judge will compare with it; only a mitigation's does."""
    return cluster.freeze() if scenario.task is Task.MITIGATION else b""


def _further(cluster: Cluster, scenario: Scenario, rng: Random) -> tuple[GroundTruth, ...]:
    """Inject the faults beside the first."""
    found = []
    for name, service in scenario.also:
        family, component = FAMILIES[name], scenario.application.component(service)
        found.append(_truth(family, family.inject(cluster, component, rng)))
    return tuple(found)


def _family(scenario: Scenario) -> Family:
    """Return the family that strikes, the benchmark's ones as the scenario hides them."""
    if scenario.split != "benchmark":
        return FAMILIES[scenario.family]
    family = (BENCHMARK | OWN)[scenario.family]
    return concealed(family) if scenario.hidden else family


def _truth(family: Family, injection: Injection) -> GroundTruth:
    return GroundTruth(
        anomaly=True,
        family=family.name,
        service=injection.service,
        system_level=family.system_level or None,
        fault_type=family.fault_type or None,
        evidence=injection.evidence,
        repairs=injection.repairs,
        plans=injection.plans,
        accepted=injection.accepted,
    )


def _healthy_truth(application: Application) -> GroundTruth:
    evidence = (
        Evidence(name="pods", sights=(r"\Aget (pods|deployments|all)\b",)),
        Evidence(name="endpoints", sights=(r"\A(get endpoints|describe services)\b",)),
        Evidence(name="entry_log", sights=(rf"\Alogs [^\n]*{application.entry}",)),
    )
    return GroundTruth(
        anomaly=False,
        family=None,
        service=None,
        system_level=None,
        fault_type=None,
        evidence=evidence,
        repairs=(),
    )


def _finished_rollouts(cluster: Cluster, scenario: Scenario, rng: Random, present: float) -> None:
    """Let a few benign rollouts happen: revisions, old events, logs that begin lately."""
    components = [
        c for c in scenario.application.components if c.name != scenario.application.entry
    ]
    count = rng.randint(0, 3)
    moments = sorted(present - rng.randint(34 * MINUTE, 150 * MINUTE) for _ in range(count))
    for moment in moments:
        cluster.advance(moment)
        component = rng.choice(components)
        deployment = cluster.store.get("deployments", cluster.namespace, component.name)
        if deployment is None:
            continue
        annotations = deployment["metadata"].setdefault("annotations", {})
        template = deployment["spec"]["template"]
        if happens(rng, _NO_VERSION_OF_IT):
            template["metadata"].setdefault("annotations", {})[RESTARTED_AT] = cluster.stamp()
        else:
            container = main_container(deployment)
            name, value = rng.choice(
                (("LOG_FORMAT", "compact"), ("GOGC", "80"), ("TZ", "UTC"), ("WORKERS", "4"))
            )
            listed = container.setdefault("env", [])
            if all(item["name"] != name for item in listed):
                listed.append({"name": name, "value": value})
            annotations[CHANGE_CAUSE] = rng.choice(("routine update", "weekly release", "tuning"))
        cluster.store.touch("deployments", deployment, spec=True)
        cluster.settle()
