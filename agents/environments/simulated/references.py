"""An incident's reference: one word that names it, and that builds it again anywhere.

    scale_pod_zero_social_net-mitigation-1        a problem of the benchmark
    scale_pod_zero_social_net-mitigation-1@3      the same with names, ids and times of seed 3
    seed-7                                        the procedural incident of a seed
    seed-7:split=B,task=mitigation,healthy=true   the same with options pinned

    reference := PROBLEM [ "@" SEED ] | "seed-" SEED [ ":" option ( "," option )* ]
    option    := NAME "=" VALUE

Invariant: `str(parse_reference(text))` names the incident that `text` names, and parses to the
same reference. An option is a keyword of `incidents.generate`, read by that keyword's own type,
so a new one there is understood here at once.
"""

from __future__ import annotations

import difflib
import inspect
import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from agents.environments.simulated.benchmark import problems
from agents.environments.simulated.faults.registry import FAMILIES
from agents.environments.simulated.incidents import Scenario, generate
from agents.environments.simulated.splits import families_of, table

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_SEED = 18
"""Digits; all of them fit into 64 bits."""
_SEED = rf"(?:0|[1-9][0-9]{{0,{_LONGEST_SEED - 1}}})"
_PROCEDURAL = re.compile(rf"seed-(?P<seed>{_SEED})(?::(?P<options>.*))?", re.ASCII)
_PROBLEM = re.compile(rf"(?P<problem>[A-Za-z][\w-]*)(?:@(?P<seed>{_SEED}))?", re.ASCII)
_VALUE = re.compile(r"[\w.+-]+", re.ASCII)
_SHOWN = 3

Value = bool | int | float | str


class UnknownIncident(LookupError):
    """A reference names no incident; the message says what was expected and what is near."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A problem of the benchmark, or a procedural incident where `problem` is None.

    options: name and value, in the order of `generate`'s keywords; only of a procedural one.
    """

    problem: str | None = None
    seed: int = 0
    options: tuple[tuple[str, Value], ...] = ()

    def __str__(self) -> str:
        """Return the reference's one canonical text."""
        if self.problem is not None:
            return f"{self.problem}@{self.seed}" if self.seed else self.problem
        told = ",".join(f"{name}={_text(value)}" for name, value in self.options)
        return f"seed-{self.seed}:{told}" if told else f"seed-{self.seed}"


@lru_cache(maxsize=1)
def option_types() -> dict[str, Any]:
    """Return the type of every option of a procedural incident, by its name."""
    hints = get_type_hints(generate)
    return {
        name: hints[name]
        for name, parameter in inspect.signature(generate).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def choices() -> dict[str, tuple[str, ...]]:
    """Return the values of the options that are names of something, by the option's name."""
    able = []
    for split in table()["splits"]:
        try:
            families_of(split)
        except KeyError:
            continue
        able.append(split)
    return {
        "split": tuple(able),
        "family": tuple(FAMILIES),
        "application": ("hotel", "procedural"),
    }


def procedural(seed: int, **options: object) -> Reference:
    """Return the reference of a procedural incident; options that are None are left out.

    Raises UnknownIncident for an option or a value that does not exist.
    """
    if not 0 <= seed < 10**_LONGEST_SEED:
        raise UnknownIncident(f"expected a seed of 0 to {10**_LONGEST_SEED - 1}, got {seed}")
    if unknown := options.keys() - option_types().keys():
        raise _unknown("an option", min(unknown), option_types())
    given = [
        (name, _value(name, _text(options[name])))
        for name in option_types()
        if options.get(name) is not None
    ]
    return Reference(seed=seed, options=tuple(given))


def parse_reference(text: str) -> Reference:
    """Return what a text refers to; raises UnknownIncident, with near matches."""
    if found := _PROCEDURAL.fullmatch(text):
        return procedural(int(found["seed"]), **_options(found["options"]))
    found = _PROBLEM.fullmatch(text)
    if found is None or found["problem"] not in problems.EVERY_PROBLEM:
        name = found["problem"] if found else text
        raise UnknownIncident(
            f"expected seed-NUMBER or a problem of `aoi lab list`, got {text[:80]!r}"
            f"{_near(name, problems.EVERY_PROBLEM)}"
        )
    return Reference(problem=found["problem"], seed=int(found["seed"] or 0))


def scenario_of(reference: str | Reference) -> Scenario:
    """Return the incident that a reference names; raises UnknownIncident."""
    known = parse_reference(reference) if isinstance(reference, str) else reference
    if known.problem is not None:
        return problems.scenario_of(known.problem, seed=known.seed)
    options: dict[str, Any] = dict(known.options)
    return generate(known.seed, **options)


def _options(text: str | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in () if text is None else text.split(","):
        name, sign, value = part.partition("=")
        if not sign or _VALUE.fullmatch(value) is None:
            raise UnknownIncident(f"expected NAME=VALUE, got {part[:80]!r}")
        if name in found:
            raise UnknownIncident(f"expected option {name} once, got it twice")
        found[name] = value
    return found


def _value(name: str, text: str) -> Value:
    names = choices().get(name)
    if names is not None and text not in names:
        raise _unknown(f"a value of {name}", text, names)
    try:
        value: Value = TypeAdapter(option_types()[name]).validate_strings(text)
    except ValidationError as error:
        raise UnknownIncident(f"{name}: {error.errors()[0]['msg']}, got {text[:80]!r}") from None
    return value


def _unknown(what: str, given: str, names: Iterable[str]) -> UnknownIncident:
    known = list(names)
    return UnknownIncident(
        f"expected {what} ({', '.join(known)}), got {given[:80]!r}{_near(given, known)}"
    )


def _near(given: str, names: Iterable[str]) -> str:
    """Return the names that were perhaps meant, as the end of a message, or nothing."""
    known = list(names)
    close = difflib.get_close_matches(given, known, n=_SHOWN, cutoff=0.5)
    holding = [name for name in known if given and given in name]
    near = list(dict.fromkeys((*close, *holding)))[:_SHOWN]
    return f"; near: {', '.join(near)}" if near else ""


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value.value) if isinstance(value, Enum) else str(value)
