"""Addresses in a workload's configuration that name Services of its namespace.

Invariant: an address is found in a text of the dump, and `Found.source` says in which; a value
that comes from a Secret is never looked at.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.environments.simulated.network import parse_address
from agents.environments.simulated.twin_checks import at

if TYPE_CHECKING:
    from agents.environments.simulated.objects.kinds import Manifest
    from agents.environments.simulated.twin_dump import Dump

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.:-]*)://(?:[^\s/@]*@)?([^\s/?#\"'@]+)")
_PAIR = re.compile(r"(?<![\w.:/@-])([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?):(\d{2,5})(?![\w.:])")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_DSN = re.compile(r"\bhost=([A-Za-z0-9.-]+)(?:\s+(?:\S+\s+)*?port=(\d+))?")
_FLAG = re.compile(r"--?([A-Za-z0-9_.-]+)=(.*)", re.DOTALL)
_EXPANDED = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")
_HINT = re.compile(
    r"(^|[_.-])(ADDR|ADDRESS|ADDRESSES|HOST|HOSTS|HOSTNAME|URL|URI|ENDPOINT|ENDPOINTS|SERVER|"
    r"SERVERS|DSN|BROKER|BROKERS|BOOTSTRAP|SERVICE|UPSTREAM|TARGET|BACKEND|NODES)([_.-]|$)",
    re.IGNORECASE,
)
_ENDING = re.compile(
    r"(_(SERVICE|ADDR|ADDRESS|HOST|HOSTNAME|URL|URI|ENDPOINT|SERVER|PORT|DSN|GRPC|HTTP))+$"
)
_SCHEME_PORTS = {"http": 80, "grpc": 80, "ws": 80, "https": 443, "wss": 443}
_LIKE = 0.8
_LONGEST = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text of a container's configuration. variable: the environment variable that holds it."""

    source: str
    name: str
    value: str
    variable: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An address that means a service. variable: an edit of it moves the call.

    port_variable: the variable that holds the port alone. guessed: why it is no plain match.
    """

    service: str
    host: str
    port: int
    source: str
    variable: str | None = None
    port_variable: str | None = None
    guessed: str = ""


def names_address(name: str) -> bool:
    """Return whether a variable or a flag is called as one that holds an address."""
    return _HINT.search(name) is not None


def texts_of(dump: Dump, container: Manifest, template: Manifest) -> list[Text]:
    """Return what a container's environment, arguments and mounted ConfigMaps say."""
    environment = environment_in(dump, container)
    found = [
        Text(source=f"env {name}", name=name, value=_expanded(value, environment), variable=name)
        for name, value in environment.items()
    ]
    words = [*(container.get("command") or ()), *(container.get("args") or ())]
    for index, word in enumerate(words):
        flag = _FLAG.fullmatch(word)
        before = words[index - 1] if index and words[index - 1].startswith("-") else ""
        name = flag[1] if flag else before.lstrip("-")
        value = _expanded(flag[2] if flag else word, environment)
        source = f"argument {name or index + 1}"  # never its value, which may hold a password
        found.append(Text(source=source, name=name, value=value))
    for volume in template["spec"].get("volumes") or ():
        config = at(volume, "configMap", "name")
        body = dump.get("configmaps", config) if isinstance(config, str) else None
        for key, value in ((body or {}).get("data") or {}).items():
            found.append(
                Text(source=f"file {key} of configmap {config}", name="", value=value[:_LONGEST])
            )
    return found


def environment_in(dump: Dump, container: Manifest) -> dict[str, str]:
    """Return the variables of a container whose values stand in the dump."""
    found: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        body = dump.get("configmaps", str(at(source, "configMapRef", "name")))
        found |= (body or {}).get("data") or {}
    for item in container.get("env") or ():
        reference = at(item, "valueFrom", "configMapKeyRef")
        if isinstance(reference, dict):
            data = (dump.get("configmaps", str(reference.get("name"))) or {}).get("data") or {}
            if str(reference.get("key")) in data:
                found[item["name"]] = data[str(reference.get("key"))]
        elif not item.get("valueFrom"):
            found[item["name"]] = item.get("value", "")
    return found


def _expanded(value: str, environment: dict[str, str]) -> str:
    return _EXPANDED.sub(lambda match: environment.get(match[1], match[0]), value)


class Directory:
    """The Services of a namespace, by every name that means one."""

    def __init__(self, dump: Dump) -> None:
        self.services = {item["metadata"]["name"]: item for item in dump.each("services")}
        self._names = {}
        space = dump.namespace
        for name, item in self.services.items():
            for ending in ("", f".{space}", f".{space}.svc", f".{space}.svc.cluster.local"):
                self._names[f"{name}{ending}"] = name
            self._names[f"{name}.{space}.svc.cluster.local."] = name
            address = item["spec"].get("clusterIP", "")
            if address and address != "None":
                self._names[address] = name

    def named(self, host: str) -> str | None:
        """Return the service that a host name or cluster IP means, or None."""
        return self._names.get(host)

    def port(self, service: str) -> int:
        """Return the first port of a service."""
        return int(self.services[service]["spec"]["ports"][0]["port"])

    def like(self, host: str, variable: str) -> tuple[str, str] | None:
        """Return (service, why) that was perhaps meant by an address that means none."""
        plain = _ENDING.sub("", variable.upper()).replace("_", "-").lower()
        for name in self.services:
            if plain and name.replace(".", "-") == plain:
                return name, f"{host!r} is no Service; {variable} is called after {name}"
        close = difflib.get_close_matches(host.partition(".")[0], self.services, n=1, cutoff=_LIKE)
        if not close:
            return None
        return close[0], f"{host!r} is no Service; {close[0]} is nearly called so"


def addresses_in(text: Text) -> Iterator[tuple[str, int | None]]:
    """Yield (host, port or None) of every address that a text may hold."""
    value = text.value
    urls = list(_URL.finditer(value))
    for match in urls:
        scheme = match[1].rpartition(":")[2].lower()
        for part in match[2].split(","):
            host, colon, port = part.partition(":")
            number = int(port) if port.isdecimal() else _SCHEME_PORTS.get(scheme)
            if _HOST.fullmatch(host):
                yield host, number if colon or number else None
    if urls and text.variable is not None:
        return
    rest = _URL.sub(" ", value)
    for match in _DSN.finditer(rest):
        yield match[1], int(match[2]) if match[2] else None
    for match in _PAIR.finditer(rest):
        yield match[1], int(match[2])
    whole = value.strip()
    if text.name and names_address(text.name) and _HOST.fullmatch(whole):
        yield whole, None


def found_in(
    directory: Directory, texts: list[Text], earlier: dict[str, str]
) -> tuple[list[Found], list[str]]:
    """Return the addresses that mean services, and the ones that mean nothing here.

    earlier: the variables of the latest revision that is not the present one.
    """
    found: dict[tuple[str, int], Found] = {}
    outside: list[str] = []
    values = {text.variable: text.value for text in texts if text.variable}
    for text in texts:
        for host, port in addresses_in(text):
            service, guessed = directory.named(host), ""
            if service is None:
                likely = _meant(directory, text, host, port, earlier)
                if likely is None:
                    outside.append(f"{text.source}: {host}" + (f":{port}" if port else ""))
                    continue
                service, guessed = likely
            port_variable, apart = (None, None) if port else _sibling(text, values)
            number = port or apart or directory.port(service)
            one = Found(
                service=service,
                host=host,
                port=number,
                source=text.source,
                variable=_movable(text, host, number),
                port_variable=port_variable,
                guessed=guessed,
            )
            known = found.get((service, number))
            if known is None or (known.variable is None and one.variable is not None):
                found[service, number] = one
    return list(found.values()), outside


def _meant(
    directory: Directory, text: Text, host: str, port: int | None, earlier: dict[str, str]
) -> tuple[str, str] | None:
    """Return (service, why) for an address that means no service, if one was meant."""
    if text.variable is None or (port is None and not names_address(text.name)):
        return None
    before = earlier.get(text.variable)
    if before is not None and before != text.value:
        old = Text(source=text.source, name=text.name, value=before, variable=text.variable)
        for one, _ in addresses_in(old):
            service = directory.named(one)
            if service is not None:
                return service, f"the revision before called {service}, this one {host!r}"
    return None if "." in host or host == "localhost" else directory.like(host, text.variable)


def _sibling(text: Text, values: dict[str, str]) -> tuple[str | None, int | None]:
    """Return the variable that holds the port of a host's variable, and the port."""
    if text.variable is None:
        return None, None
    stem = re.sub(r"(_HOST|_HOSTNAME|_ADDR|_ADDRESS|_SERVER|_SERVICE_HOST)$", "", text.variable)
    for name in (f"{stem}_PORT", f"{stem}_SERVICE_PORT"):
        if name in values and values[name].isdecimal() and 0 < int(values[name]) < 2**16:
            return name, int(values[name])
    return None, None


def _movable(text: Text, host: str, port: int) -> str | None:
    """Return the variable, if the lab reads from its value exactly this address."""
    if text.variable is None:
        return None
    address = parse_address(text.value, port)
    return text.variable if (address.host, address.port) == (host, port) else None
