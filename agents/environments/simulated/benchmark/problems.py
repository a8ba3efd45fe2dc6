"""AIOpsLab's problems: ids, applications, faults and right answers, and how each becomes a lab.

Invariant: `PROBLEMS` is the paper's 86 and `astronomy_shop_kafka_queue_problems-mitigation-1`, in
the benchmark's order; no other code knows an id. `OWN_PROBLEMS` are ours and in no score of the
benchmark.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from agents.contracts.incident import Task
from agents.environments.simulated.applications.astronomy_shop import astronomy_shop
from agents.environments.simulated.applications.graph import Effect, impact
from agents.environments.simulated.applications.hotel_reservation import (
    hotel_reservation,
    wrong_address,
)
from agents.environments.simulated.applications.social_network import social_network
from agents.environments.simulated.applications.ticketing import ticketing
from agents.environments.simulated.benchmark.featureflags import FLAGS, PREFIX, effect_of
from agents.environments.simulated.benchmark.registry import BENCHMARK
from agents.environments.simulated.dice import draw, happens
from agents.environments.simulated.incidents import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agents.environments.simulated.applications.graph import Application

HOTEL, SOCIAL, SHOP = "hotel-reservation", "social-network", "astronomy-shop"
TICKETING = "ticketing"
APPLICATIONS: dict[str, Callable[[], Application]] = {
    HOTEL: hotel_reservation,
    SOCIAL: social_network,
    SHOP: astronomy_shop,
    TICKETING: ticketing,
}
_D, _L, _A, _M = Task.DETECTION, Task.LOCALIZATION, Task.ANALYSIS, Task.MITIGATION
_ALL = (_D, _L, _A, _M)
_SEEN = (_D, _L)
_NOTICED = 0.02
"""The share of requests that a broken component costs, below which nobody would call it broken."""
_UNDECIDABLE = ("user_unregistered_mongodb", "wrong_bin_usage")
"""Families whose labels no evidence tells from a neighbour's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem. service is None where nothing is wrong or nothing is asked.

    decidable: whether evidence can decide the right answer; the strict score leaves out the rest.
    """

    id: str
    task: Task
    application: str
    family: str
    service: str | None
    decidable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One family at one place. form: the id, with `{task}`."""

    form: str
    application: str
    family: str
    service: str | None
    tasks: tuple[Task, ...]


def _rows() -> Iterator[_Row]:
    def row(
        form: str,
        application: str,
        family: str,
        service: str | None,
        tasks: tuple[Task, ...] = _ALL,
    ) -> _Row:
        return _Row(form=form, application=application, family=family, service=service, tasks=tasks)

    for family in ("revoke_auth_mongodb", "user_unregistered_mongodb"):
        for number, store in ((1, "mongodb-geo"), (2, "mongodb-rate")):
            yield row(f"{family}-{{task}}-{number}", HOTEL, family, store)
    yield row("misconfig_app_hotel_res-{task}-1", HOTEL, "misconfig_app", "geo")
    yield row("container_kill-{task}", HOTEL, "container_kill", "geo", _SEEN)
    for family in ("pod_failure", "pod_kill", "network_loss", "network_delay"):
        yield row(f"{family}_hotel_res-{{task}}-1", HOTEL, family, "user", _SEEN)
    yield row("noop_detection_hotel_reservation-1", HOTEL, "", None, (_D,))
    yield row(
        "redeploy_without_PV-{task}-1", HOTEL, "redeploy_without_PV", "mongodb-geo", (_D, _A, _M)
    )
    yield row("wrong_bin_usage-{task}-1", HOTEL, "wrong_bin_usage", "profile")
    for number, service in enumerate(("user-service", "text-service", "post-storage-service"), 1):
        family = "k8s_target_port-misconfig"
        yield row(f"{family}-{{task}}-{number}", SOCIAL, family, service)
    yield row("auth_miss_mongodb-{task}-1", SOCIAL, "auth_miss_mongodb", "url-shorten-mongodb")
    yield row("scale_pod_zero_social_net-{task}-1", SOCIAL, "scale_pod_zero", "user-service")
    yield row(
        "assign_to_non_existent_node_social_net-{task}-1",
        SOCIAL,
        "assign_to_non_existent_node",
        "user-service",
    )
    yield row("noop_detection_social_network-1", SOCIAL, "", None, (_D,))
    yield row("noop_detection_astronomy_shop-1", SHOP, "", None, (_D,))
    for name in FLAGS:
        tasks = (*_SEEN, _M) if name == "kafka_queue_problems" else _SEEN
        family = f"{PREFIX}{name}"
        yield row(f"{family}-{{task}}-1", SHOP, family, _FLAGGED[name], tasks)


def _own_rows() -> Iterator[_Row]:
    """Yield our own problems."""
    yield _Row(
        form="egress_denied_ticketing-{task}-1",
        application=TICKETING,
        family="egress_denied",
        service="booking",
        tasks=_ALL,
    )


_FLAGGED = {
    "ad_service_failure": "ad",
    "ad_service_high_cpu": "ad",
    "ad_service_manual_gc": "ad",
    "cart_service_failure": "cart",
    "image_slow_load": "frontend",
    "kafka_queue_problems": "kafka",
    "loadgenerator_flood_homepage": "frontend",
    "payment_service_failure": "payment",
    "payment_service_unreachable": "checkout",
    "product_catalog_service_failure": "product-catalog",
    "recommendation_service_cache_failure": "recommendation",
}


def _problems(rows: list[_Row]) -> dict[str, Problem]:
    found = (
        Problem(
            id=row.form.format(task=task.value),
            task=task,
            application=row.application,
            family=row.family,
            service=row.service,
            decidable=not (task is _A and row.family in _UNDECIDABLE),
        )
        for task in _ALL
        for row in rows
        if task in row.tasks
    )
    return {problem.id: problem for problem in found}


PROBLEMS = _problems(list(_rows()))
OWN_PROBLEMS = _problems(list(_own_rows()))
EVERY_PROBLEM = PROBLEMS | OWN_PROBLEMS


def scenario_of(problem_id: str, *, seed: int = 0) -> Scenario:
    """Return the scenario of a problem; another seed has other pods and moments, the same fault.

    Raises KeyError for an id that is no problem's.
    """
    problem = EVERY_PROBLEM[problem_id]
    return Scenario(
        seed=draw("problem", problem_id, seed) % (1 << 32),
        task=problem.task,
        split="benchmark",
        family=problem.family,
        service=problem.service or "",
        healthy=problem.family == "",
        application=APPLICATIONS[problem.application](),
        problem=problem_id,
        review=True,
    )


def home_of(family: str) -> str:
    """Return the application in which the benchmark has a family."""
    return next(p.application for p in PROBLEMS.values() if p.family == family)


def tasks_of(family: str) -> tuple[Task, ...]:
    """Return the tasks that the balanced set asks of a family: those that have an answer."""
    found = BENCHMARK[family]
    at_one_place = any(p.family == family and p.task is _L for p in PROBLEMS.values())
    seen = _SEEN if at_one_place else (_D,)
    analysis = (_A,) if found.system_level else ()
    mitigation = (_M,) if found.mendable and not family.startswith(PREFIX) else ()
    return (*seen, *analysis, *mitigation)


def balanced(seed: int, family: str, task: Task) -> Scenario:
    """Return one incident of the balanced set.

    The family strikes any component that can carry it, with the same chance; half of detection is
    a healthy twin; what a flag does has no ConfigMap that says so. Raises KeyError.
    """
    rng = Random(draw("balanced", family, task.value, seed))  # noqa: S311 - simulation
    application = APPLICATIONS[home_of(family)]()
    if family == "misconfig_app":
        application = _breakable(application)
    flagged = family.startswith(PREFIX)
    able = [
        component.name
        for component in application.components
        if _can_carry(application, family, component.name, flagged=flagged)
    ]
    return Scenario(
        seed=rng.getrandbits(32),
        task=task,
        split="benchmark",
        family=family,
        service=rng.choice(able),
        healthy=task is _D and happens(rng, 0.5),
        application=application,
        review=True,
        hidden=flagged,
    )


def _can_carry(application: Application, family: str, name: str, *, flagged: bool) -> bool:
    component = application.component(name)
    if impact(application, name) < _NOTICED:
        return False
    if not flagged:
        return BENCHMARK[family].carries(application, component)
    calls = component.program.calls
    effect, _ = effect_of(application, FLAGS[family.removeprefix(PREFIX)][0])
    if effect is Effect.UNREACHABLE:  # nobody misses the answer of a call that is not critical
        calls = tuple(call for call in calls if call.critical)
    return bool(calls) and bool(application.callers(name))


def _breakable(application: Application) -> Application:
    """Return the application with a broken build of every service's image."""
    broken = tuple(
        (f"yinfangchen/{component.name}:app3", component.name, wrong_address(component.name))
        for component in application.components
        if component.command and component.name != application.entry
    )
    return replace(application, broken_images=broken)
