"""The ledger of a review: what all of its rules know, and who reads it out of each step.

    kubectl get pods            rows           kubectl get pvc | pv         claims, volumes
    kubectl logs deploy/X       calls, words   kubectl top pods             usage
    kubectl logs -l HASHES      troubles       kubectl describe configmap   flags

Invariant: it is kept in the expert's notes, one an incident.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from agents.memory import LastStep
from learner.pretrain.notes import Notes
from learner.pretrain.rules.withheld.review import lines, tables
from learner.pretrain.rules.withheld.review.lines import Call, Hindrance, LastWords
from learner.pretrain.rules.withheld.review.tables import Flag, Row

GROUP = "review"
SHOWN = 3
LATELY = 210.0
"""Seconds in which a start is news; what an operator finished earlier is not."""
ORDER = (
    Hindrance.NO_HOST,
    Hindrance.REFUSED,
    Hindrance.CLOSED,
    Hindrance.OTHER,
    None,
    Hindrance.TIMEOUT,
)
"""Which of a log's failing calls tells most of the cause, the best first."""


@dataclass(slots=True)
class Ledger:
    """What is known. A table is None until it has been read."""

    rows: dict[str, Row] | None = None
    calls: dict[str, list[Call]] = field(default_factory=dict)
    words: dict[str, LastWords] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    """service -> what its described pod says of nodes: the selector that no node has, or empty."""
    claims: dict[str, str] | None = None
    volumes: dict[str, tuple[str, str]] | None = None
    commands: dict[str, str] | None = None
    usage: dict[str, int] | None = None
    configs: tuple[str, ...] | None = None
    flags: dict[str, tuple[Flag, ...]] = field(default_factory=dict)
    releases: dict[str, str] = field(default_factory=dict)
    """described object -> the helm release that it belongs to."""
    revisions: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    users: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    databases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    swept: set[str] = field(default_factory=set)
    troubles: list[tuple[str, str, int]] = field(default_factory=list)

    @property
    def unready(self) -> list[Row]:
        """Services with a pod that is not ready."""
        return [row for row in (self.rows or {}).values() if not row.ready]

    @property
    def begun_lately(self) -> list[Row]:
        """Services of which a pod or a container is new, unless all are."""
        rows = list((self.rows or {}).values())
        new = [row for row in rows if row.age < LATELY or _under(row.restarted, LATELY)]
        return new if len(new) * 2 < len(rows) else []

    def service_of(self, pod: str) -> str:
        """Return the service of a pod that the table named, else the name itself."""
        return next((row.service for row in (self.rows or {}).values() if row.pod == pod), pod)

    def chase(self, entry: str) -> tuple[Call | None, str]:
        """Return the deepest failing call that is known, and whose log would tell more, if any."""
        caller, found = entry, None
        for _ in range(12):
            listed = self.calls.get(caller)
            if listed is None:
                return found, caller
            if not listed:
                return found, ""
            found = min(listed, key=lambda call: (ORDER.index(call.hindrance), -call.times))
            if found.hindrance not in (None, Hindrance.TIMEOUT):
                return found, ""
            caller = found.callee
        return found, ""


def _under(value: float | None, most: float) -> bool:
    return value is not None and value < most


def ledger_of(notes: Notes) -> Ledger:
    """Return the incident's ledger."""
    found = notes.groups.setdefault(GROUP, Ledger())
    assert isinstance(found, Ledger)  # noqa: S101 - nobody else takes this name
    return found


def read(notes: Notes, last: LastStep) -> str | None:
    """Enter what a step showed and return the line that keeps it."""
    if last.refusal is not None:
        return None
    for pattern, reader in _READERS:
        match = pattern.match(last.line)
        if match is not None:
            return reader(ledger_of(notes), match, last.text)
    return None


def _pods(ledger: Ledger, _match: re.Match[str], text: str) -> str:
    found: dict[str, Row] = {}
    for row in tables.rows_in(text):
        known = found.get(row.service)
        if known is None or known.ready:
            found[row.service] = row
    ledger.rows = found
    if ledger.unready:
        shown = [f"{row.service} {row.status}" for row in ledger.unready[:SHOWN]]
        return f"not ready: {', '.join(shown)}"
    if ledger.begun_lately:
        shown = [f"{row.service} restarts {row.restarts}" for row in ledger.begun_lately[:SHOWN]]
        return f"began lately: {', '.join(shown)}"
    return f"all {len(found)} services ready, none new"


def _log(ledger: Ledger, match: re.Match[str], text: str) -> str:
    name = ledger.service_of(match["name"])
    ledger.calls[name] = lines.calls_in(name, text)
    ledger.words[name] = words = lines.last_words_in(text)
    ledger.troubles += lines.troubles_in(text, name)
    if words.denied or words.login:
        return f"{name} gives up: its user is not let in at {words.store}"
    if words.gave_up:
        return f"{name} gives up{f', it dials {words.dialled}' if words.dialled else ''}"
    if not ledger.calls[name]:
        return f"{name} log: no failing call"
    call = ledger.calls[name][-1]
    return f"{name} log: {call.caller} to {call.callee} fails: {call.error}"


def _described_pod(ledger: Ledger, match: re.Match[str], text: str) -> str | None:
    name = ledger.service_of(match["name"])
    mismatch = "didn't match Pod's node affinity/selector" in text
    found = re.search(r"^Node-Selectors:\s+(\S+=\S+)", text, re.MULTILINE)
    ledger.refused[name] = found[1] if mismatch and found else ""
    return f"{name}: no node has {found[1]}" if mismatch and found else None


def _described(ledger: Ledger, match: re.Match[str], text: str) -> str | None:
    name = match["name"]
    release = re.search(r"meta\.helm\.sh/release-name: (\S+)", text)
    if release is not None:
        ledger.releases[name] = release[1]
    if match["kind"] == "configmap":
        ledger.flags[name] = on = tables.flags_in(text)
        shown = [f"{flag.name} is {flag.variant} ({flag.description})" for flag in on[:SHOWN]]
        return f"{name}: {', '.join(shown)}" if shown else f"{name}: every flag is off"
    arguments = re.search(r"^( +)Args:\n((?:\1 +\S.*\n)+)", text, re.MULTILINE)
    ledger.arguments[name] = " ".join(arguments[2].split()) if arguments else ""
    if ledger.arguments[name]:
        return f"{name} runs with {ledger.arguments[name]}"
    return None


def _claims(ledger: Ledger, _match: re.Match[str], text: str) -> str:
    ledger.claims = tables.claims_in(text)
    waiting = [name for name, phase in ledger.claims.items() if phase != "Bound"]
    return f"claims not bound: {', '.join(waiting)}" if waiting else "every claim is bound"


def _volumes(ledger: Ledger, _match: re.Match[str], text: str) -> str:
    ledger.volumes = tables.volumes_in(text)
    free = [name for name, (phase, _) in ledger.volumes.items() if phase == "Released"]
    return f"volumes released: {', '.join(free)}" if free else "no volume is released"


def _commands(ledger: Ledger, _match: re.Match[str], text: str) -> str:
    ledger.commands = tables.commands_in(text)
    other = [
        f"{name} runs {word}" for name, word in ledger.commands.items() if not alike(name, word)
    ]
    return ", ".join(other[:SHOWN]) or "every deployment runs the program of its name"


def alike(name: str, command: str) -> bool:
    """Return whether a command is spelled like the deployment that runs it."""
    words = (name, command.rpartition("/")[2])
    spelled = [re.sub(r"[^a-z0-9]", "", word.lower()) for word in words]
    return spelled[0] == spelled[1]


def _usage(ledger: Ledger, _match: re.Match[str], text: str) -> str:
    ledger.usage = {ledger.service_of(pod): cpu for pod, cpu in tables.usage_in(text).items()}
    most = sorted(ledger.usage.items(), key=lambda item: -item[1])[:SHOWN]
    return "most CPU: " + ", ".join(f"{name} {cpu}m" for name, cpu in most)


def _configs(ledger: Ledger, _match: re.Match[str], text: str) -> str:
    ledger.configs = tables.configs_in(text)
    return f"configmaps {', '.join(ledger.configs)}"


def _sweep(ledger: Ledger, match: re.Match[str], text: str) -> str:
    asked = match["hashes"].split(",")
    found = lines.troubles_in(text)
    ledger.troubles += [(ledger.service_of(pod), said, times) for pod, said, times in found]
    ledger.swept |= {row.service for row in (ledger.rows or {}).values() if row.template in asked}
    told = [f"{ledger.service_of(pod)}: {said}" for pod, said, _ in found[:2]]
    return "; ".join(told) or f"{len(asked)} services: no trouble in their logs"


def _history(ledger: Ledger, match: re.Match[str], text: str) -> str:
    ledger.revisions[match["name"]] = tables.revision_in(text)
    return f"release {match['name']} is at revision {ledger.revisions[match['name']]}"


def _mongo(ledger: Ledger, match: re.Match[str], text: str) -> str:
    name = ledger.service_of(match["name"])
    if "getUsers" in match["script"]:
        ledger.users[name] = tables.users_in(text)
        shown = [f"{user}: {'+'.join(roles)}" for user, roles in ledger.users[name].items()]
        return f"{name} users {', '.join(shown)}"
    ledger.databases[name] = tables.databases_in(text)
    return f"{name} databases {', '.join(ledger.databases[name])}"


_N = r"(?P<name>[a-z0-9][a-z0-9.-]*)"
_READERS: tuple[tuple[re.Pattern[str], Callable[[Ledger, re.Match[str], str], str | None]], ...] = (
    (re.compile(r"kubectl get pods$"), _pods),
    (re.compile(rf"kubectl logs (?:deploy/)?{_N} "), _log),
    (re.compile(r"kubectl logs -l '?pod-template-hash in \((?P<hashes>[a-z0-9,]+)\)"), _sweep),
    (re.compile(rf"kubectl describe pod {_N}$"), _described_pod),
    (re.compile(rf"kubectl describe (?P<kind>configmap|deploy) {_N}$"), _described),
    (re.compile(r"kubectl get pvc$"), _claims),
    (re.compile(r"kubectl get pv$"), _volumes),
    (re.compile(r"kubectl get deploy -o '?custom-columns="), _commands),
    (re.compile(r"kubectl top pods$"), _usage),
    (re.compile(r"kubectl get configmaps$"), _configs),
    (re.compile(rf"helm history {_N}$"), _history),
    (re.compile(rf"kubectl exec {_N} -- mongo (?P<script>.*)"), _mongo),
)
