"""The expert's notebook: facts from each observation, and the one line that says them.

Invariant: what is noted stands in the summary or follows from it, because the text is gone one
step later: a model that reads only summaries can decide as the expert did.
"""

import re
from dataclasses import dataclass, field

from agents.memory import LastStep
from learner.pretrain import sight
from learner.pretrain.sight import (
    DeploymentRow,
    Edge,
    Obstacle,
    PodRow,
    PodStory,
    ServiceFacts,
    Template,
)

MAX_SUMMARY = 200
MAX_REFUSAL = 80
PROBE_REFUSED = 126
BAD_SHOWN = 3


@dataclass(slots=True)
class Notes:
    """What is known so far. A dict is None until its table has been read."""

    entry: str
    pods: dict[str, PodRow] | None = None
    endpoints: dict[str, str] | None = None
    policies: dict[str, str] | None = None
    deployments: dict[str, DeploymentRow] = field(default_factory=dict)
    services: dict[str, ServiceFacts] = field(default_factory=dict)
    templates: dict[str, Template] = field(default_factory=dict)
    stories: dict[str, PodStory] = field(default_factory=dict)
    edges: dict[str, list[Edge]] = field(default_factory=dict)
    silent: bool = False
    own: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    """rule -> service -> what that rule alone reads of it."""
    groups: dict[str, object] = field(default_factory=dict)
    """group of rules -> what its rules know together."""

    def service_of(self, pod: str) -> str:
        """Return the service of a pod that the table named, else the name itself."""
        return next((name for name, row in (self.pods or {}).items() if row.pod == pod), pod)

    def keep(self, rule: str, service: str, facts: dict[str, str]) -> None:
        """Add to what a rule alone knows of a service."""
        known = self.own.setdefault(rule, {}).setdefault(service, {})
        known.update(facts)

    def kept(self, rule: str, service: str) -> dict[str, str] | None:
        """Return what a rule alone knows of a service; None when it has not looked."""
        return self.own.get(rule, {}).get(service)

    @property
    def bad_pods(self) -> dict[str, PodRow]:
        """Services with a pod that is not ready."""
        return {name: row for name, row in (self.pods or {}).items() if not row.ready}

    def leaf(self) -> Edge | None:
        """Return the deepest failing call that is known; the users' own when nothing comes in."""
        if self.silent:
            return Edge(caller="", callee=self.entry, obstacle=Obstacle.SILENT, error="")
        caller, found = self.entry, None
        for _ in range(12):
            listed = self.edges.get(caller)
            if not listed:
                return found
            direct = [edge for edge in listed if edge.obstacle is not None]
            found = (direct or listed)[-1]
            if found.obstacle is not None:
                return found
            caller = found.callee
        return found

    def read(self, last: LastStep) -> str:
        """Note what a step showed and return the line that keeps it."""
        if last.refusal is not None:
            words = last.text.partition(":")[2] if last.exit_code == PROBE_REFUSED else last.text
            return f"refused, {last.refusal}: {words.strip()}"[:MAX_REFUSAL]
        line = last.line
        if "NotFound" in last.text and last.exit_code:
            return _first_line(last.text)
        for pattern, reader in READERS:
            match = pattern.match(line)
            if match is not None:
                return reader(self, match, last.text)[:MAX_SUMMARY]
        return _first_line(last.text)


def _first_line(text: str) -> str:
    return text.partition("\n")[0][:MAX_SUMMARY]


def _pods(notes: Notes, _match: re.Match[str], text: str) -> str:
    notes.pods = sight.pods_in(text)
    bad = notes.bad_pods
    if not bad:
        return f"all {len(notes.pods)} pods ready"
    shown = [
        f"{name} 0/1 {row.status}" + (f" restarts {row.restarts}" if row.restarts else "")
        for name, row in list(bad.items())[:BAD_SHOWN]
    ]
    return f"not ready: {', '.join(shown)}; others ready"


def _endpoints(notes: Notes, match: re.Match[str], text: str) -> str:
    found = sight.endpoints_in(text)
    if match["name"]:
        return f"{match['name']} endpoints {found.get(match['name']) or '<none>'}"
    notes.endpoints = found
    empty = [name for name, listed in found.items() if not listed]
    if not empty:
        return "every service has endpoints"
    return f"no endpoints: {', '.join(empty[:BAD_SHOWN])}"


def _policies(notes: Notes, _match: re.Match[str], text: str) -> str:
    notes.policies = sight.policies_in(text)
    if not notes.policies:
        return "no network policy"
    shown = [f"{name} selects {selector}" for name, selector in notes.policies.items()]
    return f"network policy {', '.join(shown[:BAD_SHOWN])}"


def _deployments(notes: Notes, match: re.Match[str], text: str) -> str:
    found = sight.deployments_in(text)
    notes.deployments |= found
    name = match["name"]
    if name is None:
        bad = {key: row for key, row in found.items() if row.wanted == 0 or row.ready < row.wanted}
        shown = [f"{key} {row.ready}/{row.wanted}" for key, row in list(bad.items())[:BAD_SHOWN]]
        return f"deployments not up: {', '.join(shown)}" if shown else "all deployments up"
    row = found.get(name)
    if row is None:
        return _first_line(text)
    more = f", container {row.container}, selector {row.selector}" if row.selector else ""
    return f"deployment {name} ready {row.ready}/{row.wanted}{more}"


def _service(notes: Notes, match: re.Match[str], text: str) -> str:
    name, facts = sight.name_in(text) or match["name"], sight.service_in(text)
    if facts is None:
        return _first_line(text)
    notes.services[name] = facts
    return (
        f"service {name} port {facts.port} targetPort {facts.target} "
        f"endpoints {facts.endpoints or '<none>'} selector {facts.selector}"
    )


def _template(notes: Notes, match: re.Match[str], text: str) -> str:
    name, facts = sight.name_in(text) or match["name"], sight.template_in(text)
    if facts is None:
        return _first_line(text)
    notes.templates[name] = facts
    words = [f"deployment {name} container {facts.container} port {facts.port}"]
    if facts.memory:
        words.append(f"memory limit {facts.memory}")
    if facts.scaled_from is not None:
        words.append(f"scaled from {facts.scaled_from} to 0")
    edge = notes.leaf()
    if edge is not None and edge.caller == name:
        variable = variable_for(facts, edge)
        if variable is not None:
            words.append(f"{variable}={facts.environment[variable]}")
    return ", ".join(words)


def variable_for(facts: Template, edge: Edge) -> str | None:
    """Return the variable of the caller that says where the callee is."""
    stem = re.sub(r"[-.]", "_", edge.callee.upper())
    return next((name for name in facts.environment if name.startswith(f"{stem}_")), None)


def _story(notes: Notes, match: re.Match[str], text: str) -> str:
    name = notes.service_of(match["name"])
    story = notes.stories[name] = sight.story_in(text)
    if story.out_of_memory:
        return f"{name} was OOMKilled"
    if story.probe:
        return f"{name}: Readiness probe failed: {story.probe}"
    return f"{name}: no kill and no failed probe told"


def _logs(notes: Notes, match: re.Match[str], text: str) -> str:
    name = match["name"]
    edges = notes.edges[name] = sight.edges_in(name, text)
    serving = SERVED.search(text) is not None
    if name == notes.entry:
        notes.silent = not edges and not serving
    if not edges:
        told = "serving, no errors" if serving else "no request comes in"
        return f"{name} log: {told}"
    edge = edges[-1]
    via = f"{edge.caller} to " if edge.caller != name else ""
    return f"{name} log: {via}{edge.callee} fails: {edge.error}"


def _rollout(_notes: Notes, match: re.Match[str], text: str) -> str:
    done = "successfully rolled out" in text
    return f"{match['name']} rolled out" if done else _first_line(text)


def _acted(_notes: Notes, _match: re.Match[str], text: str) -> str:
    return "; ".join(text.split("\n"))[:MAX_SUMMARY]


SERVED = re.compile(r"handled \w+|\b200 \d+ms|done, took|served \w+|\bok \w+[ /]")
NAME = r"(?P<name>[a-z0-9][a-z0-9.-]*)"
READERS = (
    (re.compile(r"kubectl get pods$"), _pods),
    (re.compile(rf"kubectl get endpoints(?: {NAME})?$"), _endpoints),
    (re.compile(r"kubectl get networkpolicy$"), _policies),
    (re.compile(rf"kubectl get deploy(?: {NAME})?(?: -o wide)?$"), _deployments),
    (re.compile(rf"kubectl describe service {NAME}$"), _service),
    (re.compile(rf"kubectl describe deploy {NAME}$"), _template),
    (re.compile(rf"kubectl describe pod {NAME}$"), _story),
    (re.compile(rf"kubectl logs deploy/{NAME} --since=\w+$"), _logs),
    (re.compile(rf"kubectl rollout status deploy/{NAME}$"), _rollout),
    (re.compile(r"kubectl (?:patch|scale|set|rollout undo|delete|label|apply) "), _acted),
)
