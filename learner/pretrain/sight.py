"""What kubectl's texts say, as facts: the eyes of the expert.

Invariant: everything here is a function of text that an Observer was shown; nothing of the lab is
imported. Unknown forms give nothing, never a guess.
"""

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum

POD = re.compile(
    r"^(?P<service>[a-z0-9][a-z0-9.-]*?)-[a-z0-9]{6,10}-[a-z0-9]{5}\s+(?P<ready>\d+)/(?P<total>\d+)"
    r"\s+(?P<status>\S+)\s+(?P<restarts>\d+)",
    re.MULTILINE,
)
POD_NAME = re.compile(r"^([a-z0-9][a-z0-9.-]*?-[a-z0-9]{6,10}-[a-z0-9]{5})\s", re.MULTILINE)
ROW = re.compile(r"^(?P<name>\S+)\s+(?P<rest>\S.*)$", re.MULTILINE)
DEPLOYMENT = re.compile(
    r"^(?P<name>[a-z0-9][a-z0-9.-]*)\s+(?P<ready>\d+)/(?P<wanted>\d+)\s+\d+\s+\d+\s+\S+"
    r"(?:\s+(?P<container>\S+)\s+(?P<image>\S+)\s+(?P<selector>\S+))?",
    re.MULTILINE,
)
FAILED = re.compile(
    r"(?:call to (?P<a>\S+) failed|failed to call (?P<b>\S+)|could not reach (?P<c>\S+)"
    r"|(?<![\w-])(?P<d>[a-z0-9.-]+) request failed|error talking to (?P<e>\S+)"
    r"|upstream (?P<f>\S+) error|(?<![\w-])(?P<g>[a-z0-9.-]+) unavailable): (?P<error>.*)"
)
UPSTREAM = re.compile(
    r"^(?:rpc error: code = Unavailable desc = |status 502: |code = Internal desc = |HTTP 500: "
    r"|bad answer: )(?P<detail>.*)$"
)
CAUSE = re.compile(r"^(?P<callee>[a-z0-9.-]+): (?P<error>.*)$")
FOLDED = re.compile(r" \[x\d+\]$")
PLACE = re.compile(r"(?P<host>[a-z0-9][a-z0-9.-]*?)(?:/[\d.]+)?:(?P<port>\d{2,5})\b")


class Obstacle(StrEnum):
    """Why a call failed, as far as the caller's words tell; SILENT: no request came in at all."""

    NO_HOST = "no_host"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    SILENT = "silent"
    OTHER = "other"


WORDS: tuple[tuple[Obstacle, re.Pattern[str]], ...] = (
    (
        Obstacle.NO_HOST,
        re.compile(
            r"no such host|ENOTFOUND|not known|UnknownHost|name \S+ unknown|cannot resolve"
            r"|lookup empty"
        ),
    ),
    (
        Obstacle.REFUSED,
        re.compile(r"connection refused|ECONNREFUSED|Connection refused|refused|nobody listens"),
    ),
    (
        Obstacle.TIMEOUT,
        re.compile(r"timeout|ETIMEDOUT|timed out|no answer from|deadline at"),
    ),
)
NOT_REFUSED = re.compile(r"TLS|plaintext")


@dataclass(frozen=True, slots=True, kw_only=True)
class PodRow:
    """The worst pod of a service in `get pods`."""

    pod: str
    ready: bool
    status: str
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A failing call. `obstacle` is None when the callee answered with an error of its own."""

    caller: str
    callee: str
    obstacle: Obstacle | None
    error: str
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFacts:
    """`describe service`: ports, endpoints (empty when there are none), selector."""

    port: int
    target: str
    endpoints: str
    selector: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRow:
    """A row of `get deploy`; container, image and selector only of `-o wide`."""

    ready: int
    wanted: int
    container: str | None
    image: str | None
    selector: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """`describe deploy`: what the pods are made of."""

    container: str | None
    image: str | None
    port: int | None
    memory: str | None
    environment: dict[str, str] = field(default_factory=dict)
    readiness: str | None = None
    scaled_from: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodStory:
    """`describe pod`: whether it was killed for memory, and which probe failed.

    events: whether it tells events at all; of a name's beginning, newer kubectl tells none.
    """

    out_of_memory: bool
    probe: str | None
    events: bool = True


def name_in(text: str) -> str | None:
    """Return the name of what a `describe` describes."""
    found = re.search(r"^Name:\s+(\S+)", text, re.MULTILINE)
    return found[1] if found else None


def pods_in(text: str) -> dict[str, PodRow]:
    """Return the worst pod of each service of a `get pods` table."""
    found: dict[str, PodRow] = {}
    for match in POD.finditer(text):
        row = PodRow(
            pod=match.group(0).split()[0],
            ready=match["ready"] == match["total"],
            status=match["status"],
            restarts=int(match["restarts"]),
        )
        known = found.get(match["service"])
        if known is None or known.ready:
            found[match["service"]] = row
    return found


def endpoints_in(text: str) -> dict[str, str]:
    """Return the ENDPOINTS of each service of a `get endpoints` table; empty for `<none>`."""
    found = {}
    for match in ROW.finditer(text):
        cell = match["rest"].split()[0]
        if cell == "<none>" or re.match(r"[\d.]+:\d+", cell):
            found[match["name"]] = "" if cell == "<none>" else cell
    return found


def deployments_in(text: str) -> dict[str, DeploymentRow]:
    """Return the rows of a `get deploy` table."""
    return {
        match["name"]: DeploymentRow(
            ready=int(match["ready"]),
            wanted=int(match["wanted"]),
            container=match["container"],
            image=match["image"],
            selector=match["selector"],
        )
        for match in DEPLOYMENT.finditer(text)
    }


def policies_in(text: str) -> dict[str, str]:
    """Return the POD-SELECTOR of each policy of a `get networkpolicy` table."""
    rows = [match for match in ROW.finditer(text) if match["name"] != "NAME"]
    return {row["name"]: row["rest"].split()[0] for row in rows if "=" in row["rest"]}


def service_in(text: str) -> ServiceFacts | None:
    """Return the facts of one `describe service`."""
    port = re.search(r"^Port:\s+\S+\s+(\d+)/", text, re.MULTILINE)
    target = re.search(r"^TargetPort:\s+(\S+?)(?:/|$)", text, re.MULTILINE)
    selector = re.search(r"^Selector:[ \t]+(\S+)", text, re.MULTILINE)
    endpoints = re.search(r"^Endpoints:[ \t]*(\S*)", text, re.MULTILINE)
    if port is None or target is None or endpoints is None:
        return None
    return ServiceFacts(
        port=int(port[1]),
        target=target[1],
        endpoints="" if endpoints[1] == "<none>" else endpoints[1],
        selector=selector[1] if selector else "",
    )


def template_in(text: str) -> Template | None:
    """Return the facts of one `describe deploy`."""
    if "Pod Template:" not in text and "Containers:" not in text:
        return None
    image = re.search(r"^\s+Image:\s+(\S+)", text, re.MULTILINE)
    container = re.search(r"^\s+Containers:\n\s+(\S+):$", text, re.MULTILINE)
    port = re.search(r"^\s+Port:\s+(\d+)/", text, re.MULTILINE)
    memory = re.search(r"Limits:\n(?:\s+cpu:\s+\S+\n)?\s+memory:\s+(\S+)", text)
    readiness = re.search(r"^\s+Readiness:\s+(.+)$", text, re.MULTILINE)
    scaled = re.search(r"[Ss]caled down replica set \S+ from (\d+) to 0", text)
    pairs = re.findall(r"^\s+([A-Z][A-Z0-9_]*):\s+(\S+)$", text, re.MULTILINE)
    return Template(
        container=container[1] if container else None,
        image=image[1] if image else None,
        port=int(port[1]) if port else None,
        memory=memory[1] if memory else None,
        environment=dict(pairs),
        readiness=readiness[1] if readiness else None,
        scaled_from=int(scaled[1]) if scaled else None,
    )


def story_in(text: str) -> PodStory:
    """Return what one `describe pod` tells of the past."""
    probe = re.search(r"Readiness probe failed: (.*)", text)
    return PodStory(
        out_of_memory="OOMKilled" in text,
        probe=FOLDED.sub("", probe[1]) if probe else None,
        events=tells_events(text),
    )


def tells_events(text: str) -> bool:
    """Return whether a `describe` has a section of events, be it empty."""
    return re.search(r"^Events:", text, re.MULTILINE) is not None


def log_text(line: str) -> str:
    """Return the message of a log line: of JSON lines the field with blanks in it."""
    start = line.find("{")
    if start == 0:
        try:
            fields = json.loads(FOLDED.sub("", line))
        except ValueError:
            return line
        texts = [str(value) for value in fields.values() if " " in str(value)]
        return max(texts, key=len, default=line)
    return FOLDED.sub("", line).removesuffix('"')


def edges_in(caller: str, text: str) -> list[Edge]:
    """Return the failing calls that a log tells of, the newest last, each once."""
    found: dict[tuple[str, str], Edge] = {}
    for line in text.split("\n"):
        match = FAILED.search(log_text(line))
        if match is None:
            continue
        callee = next(name for key, name in match.groupdict().items() if name and key != "error")
        edge = leaf_of(caller, callee, match["error"])
        found.pop((edge.caller, edge.callee), None)
        found[(edge.caller, edge.callee)] = edge
    return list(found.values())


def leaf_of(caller: str, callee: str, error: str) -> Edge:
    """Return the deepest failing call that an error text names."""
    upstream = UPSTREAM.match(error)
    if upstream is not None:
        cause = CAUSE.match(upstream["detail"])
        if cause is not None:
            return leaf_of(callee, cause["callee"], cause["error"])
        return Edge(caller=caller, callee=callee, obstacle=None, error=error)
    places = list(PLACE.finditer(error))
    return Edge(
        caller=caller,
        callee=callee,
        obstacle=_obstacle(error),
        error=error,
        port=int(places[-1]["port"]) if places else None,
    )


def _obstacle(error: str) -> Obstacle:
    for obstacle, words in WORDS:
        if words.search(error) and not (obstacle is Obstacle.REFUSED and NOT_REFUSED.search(error)):
            return obstacle
    return Obstacle.OTHER
