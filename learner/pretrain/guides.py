"""Guidance in demonstrations: the path of an earlier run, with placeholders for every name.

Invariant: a guide holds no name of an instance. The expert lets a guide choose its order and its
repair, and trusts it no further: a wrong guide costs a look, never the answer.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from random import Random

MAX_GUIDE = 8
NO_GUIDE, RIGHT_GUIDE = 0.5, 0.3
Guide = tuple[str, ...]
Pool = Mapping[tuple[str, str], Sequence[Guide]]
"""(family, task) -> guides that came from solved incidents of it."""


class Survey(StrEnum):
    """General looks, before any rule has something to say."""

    PODS = "pods"
    LOGS = "logs"
    ENDPOINTS = "endpoints"


ORDERS: tuple[tuple[float, tuple[Survey, ...]], ...] = (
    (0.60, (Survey.PODS, Survey.LOGS, Survey.ENDPOINTS)),
    (0.25, (Survey.LOGS, Survey.PODS, Survey.ENDPOINTS)),
    (0.15, (Survey.PODS, Survey.ENDPOINTS, Survey.LOGS)),
)

_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(kubectl logs deploy)/\S+ --since=\S+"), r"\1/<service>"),
    (re.compile(r"(kubectl describe (?:service|pod|deploy)) \S+"), r"\1 <service>"),
    (re.compile(r"(kubectl get (?:deploy|endpoints)) [a-z0-9]\S*"), r"\1 <service>"),
    (re.compile(r"(kubectl rollout (?:undo|status) deploy)/\S+"), r"\1/<service>"),
    (re.compile(r"(kubectl scale deploy)/\S+ --replicas=\d+"), r"\1/<service> --replicas=<count>"),
    (re.compile(r"(kubectl set env deploy)/\S+ [A-Z0-9_]+=\S+"), r"\1/<service> <name>=<address>"),
    (re.compile(r"(kubectl set resources deploy)/\S+ --limits=memory=\S+"),
     r"\1/<service> --limits=memory=<amount>"),
    (re.compile(r"(kubectl (?:delete|patch) networkpolicy) \S+"), r"\1 <policy>"),
    (re.compile(r"(kubectl patch (?:service|deploy)) \S+"), r"\1 <service>"),
    (re.compile(r'"(port|targetPort|replicas|value)":\d+'), r'"\1":<number>'),
    (re.compile(r'"selector":\{[^}]*\}'), '"selector":{<label>}'),
)  # fmt: skip


def templated(line: str) -> str:
    """Return the line with placeholders for names, numbers and labels."""
    for pattern, form in _FORMS:
        line = pattern.sub(form, line)
    return line


def guide_of(lines: Iterable[str]) -> Guide:
    """Return the guide that a run's lines make; repeats are left out."""
    return tuple(dict.fromkeys(templated(line) for line in lines))[:MAX_GUIDE]


def pool_of(runs: Iterable[tuple[str, str, Sequence[str]]]) -> Pool:
    """Return the pool of (family, task, lines) of solved runs, each guide once."""
    found: dict[tuple[str, str], dict[Guide, None]] = defaultdict(dict)
    for family, task, lines in runs:
        guide = guide_of(lines)
        if guide:
            found[(family, task)][guide] = None
    return {key: tuple(guides) for key, guides in found.items()}


def drawn_guide(pool: Pool, family: str, task: str, rng: Random) -> Guide:
    """Return no guide (50 %), a right one (30 %), or a wrong one (20 %)."""
    chance = rng.random()
    if chance < NO_GUIDE or not pool:
        return ()
    right = chance < NO_GUIDE + RIGHT_GUIDE
    keys = [key for key in pool if (key[0] == family) is right and key[1] == task]
    return rng.choice(pool[rng.choice(keys)]) if keys else ()


def drawn_order(rng: Random) -> tuple[Survey, ...]:
    """Return an order of surveys, the usual ones more often."""
    return rng.choices([order for _, order in ORDERS], [weight for weight, _ in ORDERS])[0]


def order_in(guide: Guide, usual: tuple[Survey, ...]) -> tuple[Survey, ...]:
    """Return the order of surveys that a guide suggests, the usual ones after it."""
    marks = {
        "kubectl get pods": Survey.PODS,
        "kubectl logs deploy/<service>": Survey.LOGS,
        "kubectl get endpoints": Survey.ENDPOINTS,
    }
    told = [marks[line] for line in guide if line in marks]
    return tuple(dict.fromkeys((*told, *usual)))
