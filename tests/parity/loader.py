"""A lab that holds recorded objects, and the lab's answer to a recorded command.

Invariant: nothing moves in a loaded cluster but what a command changes: its controllers do not
work, as those of the recorded cluster had ended.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from agents.contracts.command import Access, Command, Flag, Target
from agents.environments.protocol import Output
from agents.environments.simulated.applications.procedural import procedural
from agents.environments.simulated.clock import moment_of
from agents.environments.simulated.cluster import Cluster
from agents.environments.simulated.kubectl import shell
from agents.environments.simulated.objects.kinds import Manifest, clone
from agents.environments.simulated.objects.patching import merge
from agents.policy.parse import access_of, parse
from agents.policy.refusal import ReasonCode, Refusal

FIXTURES = Path(__file__).with_name("fixtures")

State = dict[str, Manifest]

_FOR_THE_LAB = frozenset({ReasonCode.UNKNOWN_KIND, ReasonCode.BAD_FLAG_VALUE, ReasonCode.BAD_NAME})
"""Refusals of the parser, which is a safety gate, that kubectl itself would answer in its words."""


class StillCluster(Cluster):
    """A cluster whose controllers have ended."""

    def settle(self) -> None:
        """Forget what changed; nobody works on it."""
        self.store.take_marks()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One recorded command. `changes` is None for a read; `before` are the changes until then."""

    index: int
    group: str
    line: str
    output: str
    code: int
    at: tuple[float, float]
    stdin: str | None = None
    user: str = "admin"
    changes: dict[str, Any] | None = None


@dataclass(slots=True)
class Recording:
    """Both fixtures, and the state before each case."""

    header: dict[str, str]
    objects: State
    cases: list[Case]
    _states: dict[int, State] = field(default_factory=dict)

    @classmethod
    def load(cls) -> Recording:
        """Read the fixtures."""
        held = json.loads((FIXTURES / "objects.json").read_text())
        told = json.loads((FIXTURES / "cases.json").read_text())
        cases = [
            Case(index=index, **{**entry, "at": tuple(entry["at"])})
            for index, entry in enumerate(told["cases"])
        ]
        return cls(told["header"], held["objects"], cases)

    def state_before(self, case: Case) -> State:
        """Return every object as it was before a case."""
        if not self._states:
            state = self.objects
            for entry in self.cases:
                self._states[entry.index] = state
                if entry.changes:
                    state = applied(state, entry.changes)
        return self._states[case.index]


def applied(state: State, changes: dict[str, Any]) -> State:
    """Return the state after changes; the old one stays as it was."""
    result = dict(state)
    for key, patch in changes.items():
        if patch is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key, {}), patch)
    return result


def cluster_of(state: State, namespace: str, now: float) -> StillCluster:
    """Return a still cluster that holds the objects at a moment."""
    application = replace(procedural(Random(0)), namespace=namespace)
    cluster = StillCluster(application, 0, now)
    for key, item in state.items():
        kind = key.partition(" ")[0]
        copy = clone(item)
        metadata = dict(copy["metadata"])
        cluster.store.create(kind, copy, metadata["creationTimestamp"])
        copy["metadata"] = metadata
    cluster.store.version = max(
        (int(item["metadata"].get("resourceVersion", 0)) for item in state.values()), default=0
    )
    cluster.settle()
    return cluster


def held_by(cluster: Cluster, like: State) -> State:
    """Return the objects of a cluster under the keys of a state."""
    found = {}
    for kind in {key.partition(" ")[0] for key in like} | {"horizontalpodautoscalers"}:
        for item in cluster.store.each(kind):
            metadata = item["metadata"]
            found[f"{kind} {metadata.get('namespace', '')} {metadata['name']}"] = item
    return found


def command_of(case: Case, namespace: str) -> Command:
    """Return the typed command.

    Where the parser refuses a word that kubectl would answer to, the words are taken as they stand.
    """
    line = case.line
    if case.stdin is not None:
        line = f"{line} <<'EOF'\n{case.stdin}EOF\n"
    try:
        return parse(line, default_namespace=namespace)
    except Refusal as refusal:
        if refusal.code not in _FOR_THE_LAB:
            raise
    return _by_hand(case.line, namespace)


def _by_hand(line: str, namespace: str) -> Command:
    """Read `kubectl VERB KINDS NAME... --flag=value`, whatever the kinds and values are."""
    words = shlex.split(line)[1:]
    verb, positional, flags = words[0], [], []
    pairs: list[tuple[str, str | None]]
    rest = iter(words[1:])
    short = {"-l": "selector", "-o": "output"}
    for word in rest:
        if word in short:
            flags.append(Flag(name=short[word], value=next(rest)))
        elif word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            flags.append(Flag(name=name, value=value if equals else next(rest)))
        else:
            positional.append(word)
    if "/" in positional[0]:
        pairs = [(kind, name) for kind, _, name in (word.partition("/") for word in positional)]
    else:
        names: list[str | None] = [*positional[1:]] or [None]
        pairs = [(kind, name) for kind in positional[0].split(",") for name in names]
    targets = [Target(kind=_canonical(kind), name=name) for kind, name in pairs]
    return Command(
        program="kubectl",
        verb=verb,
        targets=tuple(targets),
        flags=tuple(sorted(flags, key=lambda flag: flag.name)),
        namespace=namespace,
    )


def _canonical(kind: str) -> str:
    """Return the kind that a word names, or the word where it names none."""
    try:
        return parse(f"kubectl get {kind}").targets[0].kind
    except Refusal:
        return kind


def answer(cluster: Cluster, command: Command) -> Output:
    """Return what the lab answers; a write changes the cluster."""
    run = shell.write if access_of(command) is Access.WRITE else shell.read
    return run(cluster, command)


def moments(case: Case, state: State) -> list[float]:
    """Return moments within the recorded run, one for each way in which its ages can differ.

    An age moves on at whole seconds, and at the fraction of a second of each event's time.
    """
    begin, end = case.at
    found = {begin, end}
    fractions = {0.0}
    for item in state.values():
        seen = (item.get("eventTime"), (item.get("series") or {}).get("lastObservedTime"))
        fractions |= {moment_of(text) % 1.0 for text in seen if text}
    for second in range(int(begin), int(end) + 1):
        found |= {second + fraction + 1e-6 for fraction in fractions}
    return sorted(moment for moment in found if begin <= moment <= end)
