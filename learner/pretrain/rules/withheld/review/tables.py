"""What kubectl's and helm's tables say that only a review asks for.

Invariant: a function of text alone; rows of an unknown form are left out.
"""

import re
from dataclasses import dataclass

UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
POD = re.compile(
    r"^(?P<pod>(?P<service>[a-z0-9][a-z0-9.-]*?)-(?P<hash>[a-z0-9]{6,10})-[a-z0-9]{5})\s+"
    r"(?P<ready>\d+)/(?P<total>\d+)\s+(?P<status>\S+)\s+(?P<restarts>\d+)"
    r"(?: \((?P<ago>\w+) ago\))?\s+(?P<age>\w+)",
    re.MULTILINE,
)
USAGE = re.compile(r"^(?P<pod>\S+)\s+(?P<cpu>\d+)m\s+(?P<memory>\d+)Mi$", re.MULTILINE)
CLAIM = re.compile(r"^(?P<name>\S+)\s+(?P<phase>Bound|Pending|Lost)\b", re.MULTILINE)
VOLUME = re.compile(
    r"^(?P<name>\S+)\s+\S+\s+\S+\s+\S+\s+(?P<phase>Released|Available|Bound|Failed)"
    r"\s+(?:\S+/(?P<claim>\S+))?",
    re.MULTILINE,
)
COMMAND = re.compile(
    r"^(?P<name>[a-z0-9][a-z0-9.-]*)\s+\[(?P<command>[^\]\s]+)[^\]]*\]$", re.MULTILINE
)
CONFIG = re.compile(r"^(?P<name>\S+)\s+\d+\s+\w+$", re.MULTILINE)
FLAG = re.compile(r'^\s*"(?P<name>[\w.-]+)": \{')
DESCRIPTION = re.compile(r'"description": "(?P<text>[^"]*)"')
DEFAULT = re.compile(r'"defaultVariant": "(?P<variant>[^"]*)"')
OFF = ("off", "false", "disabled")
REVISION = re.compile(r"^(?P<number>\d+)\s+\t?.*\bdeployed\b", re.MULTILINE)
USER = re.compile(r'"user" : "(?P<user>[^"]+)"(?P<rest>.*?)(?="_id"|\Z)', re.DOTALL)
ROLE = re.compile(r'"role" : "(?P<role>[^"]+)"')
WORD = re.compile(r'"([^"\s]+)"')
OWN_DATABASES = ("admin", "config", "local")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A pod of a service. restarted: seconds since its last restart, None if there was none."""

    service: str
    pod: str
    template: str
    ready: bool
    status: str
    restarts: int
    restarted: float | None
    age: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A feature flag that is on."""

    name: str
    variant: str
    description: str


def seconds_in(text: str) -> float:
    """Return the seconds of an age such as `7d14h` or `2m35s`."""
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)([dhms])", text))


def rows_in(text: str) -> list[Row]:
    """Return the rows of `get pods`."""
    return [
        Row(
            service=match["service"],
            pod=match["pod"],
            template=match["hash"],
            ready=match["ready"] == match["total"],
            status=match["status"],
            restarts=int(match["restarts"]),
            restarted=seconds_in(match["ago"]) if match["ago"] else None,
            age=seconds_in(match["age"]),
        )
        for match in POD.finditer(text)
    ]


def usage_in(text: str) -> dict[str, int]:
    """Return the millicores of each pod of `top pods`."""
    return {match["pod"]: int(match["cpu"]) for match in USAGE.finditer(text)}


def claims_in(text: str) -> dict[str, str]:
    """Return the phase of each claim of `get pvc`."""
    return {match["name"]: match["phase"] for match in CLAIM.finditer(text)}


def volumes_in(text: str) -> dict[str, tuple[str, str]]:
    """Return (phase, claim) of each volume of `get pv`."""
    return {
        match["name"]: (match["phase"], match["claim"] or "") for match in VOLUME.finditer(text)
    }


def commands_in(text: str) -> dict[str, str]:
    """Return the first word of each deployment's command."""
    return {match["name"]: match["command"] for match in COMMAND.finditer(text)}


def configs_in(text: str) -> tuple[str, ...]:
    """Return the names of `get configmaps`."""
    return tuple(match["name"] for match in CONFIG.finditer(text))


def flags_in(text: str) -> tuple[Flag, ...]:
    """Return the flags that are on in a described ConfigMap, repeated lines folded or not.

    A default that stands under a flag's name is that flag's: folding keeps a line's first place.
    """
    found, name, description = [], "", ""
    for line in text.split("\n"):
        flag, told, default = FLAG.search(line), DESCRIPTION.search(line), DEFAULT.search(line)
        if flag and flag["name"] not in ("flags", "variants"):
            name, description = flag["name"], ""
        if told:
            description = told["text"]
        if default and name and default["variant"] not in OFF:
            found.append(Flag(name=name, variant=default["variant"], description=description))
    return tuple(found)


def revision_in(text: str) -> str:
    """Return the number of the deployed revision of `helm history`; empty where there is none."""
    found = REVISION.search(text)
    return found["number"] if found else ""


def users_in(text: str) -> dict[str, tuple[str, ...]]:
    """Return the roles of each user that the Mongo shell lists."""
    return {
        match["user"]: tuple(role["role"] for role in ROLE.finditer(match["rest"]))
        for match in USER.finditer(text)
    }


def databases_in(text: str) -> tuple[str, ...]:
    """Return the databases of applications in a printed list of names."""
    return tuple(name for name in WORD.findall(text) if name not in OWN_DATABASES)
