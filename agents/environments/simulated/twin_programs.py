"""What the processes of a workload are like, inferred from its specs and from what its pods show.

Invariant: a program behaves as the dump shows it for the present template; every guess that makes
it fail is told in `Behaviour.guesses`, with what would mend it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from agents.environments.simulated.applications.graph import (
    STORES,
    TLS_ARGUMENTS,
    Program,
    Protocol,
)
from agents.environments.simulated.objects.quantity import mebibytes, millicores
from agents.environments.simulated.twin_addresses import environment_in
from agents.environments.simulated.twin_checks import at
from agents.environments.simulated.twin_workloads import KILLED, killed_by_probe, shown

if TYPE_CHECKING:
    from agents.environments.simulated.objects.kinds import Manifest
    from agents.environments.simulated.twin_dump import Dump
    from agents.environments.simulated.twin_workloads import Shown, Workload

NEVER = 10**9
"""Seconds until a process listens that does not."""
_BY_PORT = {
    27017: Protocol.MONGO,
    6379: Protocol.REDIS,
    5432: Protocol.POSTGRES,
    11211: Protocol.MEMCACHED,
    9092: Protocol.KAFKA,
}
_BY_WORD = {
    "mongo": Protocol.MONGO,
    "redis": Protocol.REDIS,
    "valkey": Protocol.REDIS,
    "postgres": Protocol.POSTGRES,
    "memcache": Protocol.MEMCACHED,
    "kafka": Protocol.KAFKA,
    "grpc": Protocol.GRPC,
    "thrift": Protocol.THRIFT,
}
_ACCOUNTS = {
    Protocol.MONGO: ("MONGO_INITDB_ROOT_USERNAME",),
    Protocol.POSTGRES: ("POSTGRES_USER",),
}
_PORT_VARIABLES = ("PORT", "HTTP_PORT", "GRPC_PORT", "SERVER_PORT", "LISTEN_PORT", "APP_PORT")
_MEMORY = 64
_PROBES = ("readinessProbe", "livenessProbe")


@dataclass(slots=True)
class Behaviour:
    """The programs of a workload by image; an image that is missing can't be pulled.

    commands: program words that the images have. guesses: what was assumed, and why.
    """

    main: Program
    images: dict[str, Program] = field(default_factory=dict)
    commands: set[str] = field(default_factory=set)
    guesses: list[str] = field(default_factory=list)
    protocol_from: str = ""


def protocol_of(container: Manifest, services: list[Manifest]) -> tuple[Protocol, str]:
    """Return what a container speaks on its main port, and from what that follows."""
    image = container["image"].rsplit("/", 1)[-1].partition(":")[0].partition("@")[0].lower()
    exporter = "exporter" in image or "express" in image or "commander" in image
    for word, protocol in _BY_WORD.items():
        if word in image and not exporter:
            return protocol, f"image {container['image']}"
    ports = [int(port["containerPort"]) for port in container.get("ports") or ()]
    ports += [int(port["port"]) for item in services for port in item["spec"]["ports"]]
    names = [str(port.get("name", "")) for port in container.get("ports") or ()]
    names += [str(port.get("name", "")) for item in services for port in item["spec"]["ports"]]
    for number in () if exporter else ports[:1]:
        if number in _BY_PORT:
            return _BY_PORT[number], f"port {number}"
    for name in names:
        for word, protocol in _BY_WORD.items():
            if word in name.lower() and not exporter:
                return protocol, f"port name {name}"
    return Protocol.HTTP, "nothing says otherwise"


def behaviour_of(
    dump: Dump, workload: Workload, services: list[Manifest], *, troubled: list[str]
) -> Behaviour:
    """Return what a workload's images run. troubled: targets of its calls that are down."""
    container = workload.container
    protocol, why = protocol_of(container, services)
    now = shown(dump, workload, workload.sets[-1])
    ports, port_variable = _ports(dump, workload, services, now, protocol)
    environment = environment_in(dump, container)
    account = next((name for name in _ACCOUNTS.get(protocol, ()) if name in environment), None)
    limit_cpu = at(container, "resources", "limits", "cpu")
    program = Program(
        name=workload.name,
        protocol=protocol,
        port=ports[0] if ports else 0,
        memory=_memory(container),
        idle=max(1, min(5, millicores(limit_cpu) // 4)) if limit_cpu else 5,
        cost=0.0,
        latency=2.0,
        start=2,
        account_variable=account,
        port_variable=port_variable,
        further=tuple(ports[1:]),
    )
    found = Behaviour(main=program, protocol_from=why)
    found.commands = _words(container)
    for replica_set in workload.sets:
        main = replica_set["spec"]["template"]["spec"]["containers"][0]
        if not shown(dump, workload, replica_set).unpullable:
            found.images[main["image"]] = program
        found.commands |= _words(main)
    if now.unpullable:
        found.images.pop(container["image"], None)
        found.guesses.append(f"image {container['image']} can't be pulled: its pods say so")
    if now.oom:
        _starve(workload, found)
    elif now.crash is not None:
        _crash(dump, workload, found, now.crash, troubled)
    elif now.unready is not None:
        _unready(dump, workload, found, now.unready, troubled)
    return found


def _words(container: Manifest) -> set[str]:
    command = container.get("command")
    return {str(command[0]).rsplit("/", 1)[-1]} if command else set()


def _memory(container: Manifest) -> int:
    """Return a working set in MiB: what is requested, else half of the limit."""
    wanted = at(container, "resources", "requests", "memory")
    limit = at(container, "resources", "limits", "memory")
    size = mebibytes(wanted) if wanted else (mebibytes(limit) / 2 if limit else _MEMORY)
    return max(1, int(min(size, 0.8 * mebibytes(limit)) if limit else size))


def _ports(
    dump: Dump, workload: Workload, services: list[Manifest], now: Shown, protocol: Protocol
) -> tuple[list[int], str | None]:
    """Return the ports on which the process listens, the main one first, and its variable."""
    container = workload.container
    ports = [int(port["containerPort"]) for port in container.get("ports") or ()]
    environment = environment_in(dump, container)
    variable = next(
        (name for name in _PORT_VARIABLES if environment.get(name, "").isdecimal()), None
    )
    if not ports and variable:
        ports = [int(environment[variable])]
    asked = {
        kind: port
        for kind in _PROBES
        if (port := probe_port(container.get(kind) or {}, container)) is not None
    }
    if not ports:
        targets = [
            port["targetPort"]
            for item in services
            for port in item["spec"]["ports"]
            if isinstance(port["targetPort"], int)
        ]
        default = next((number for number, one in _BY_PORT.items() if one is protocol), None)
        ports = targets or list(asked.values()) or ([default] if default else [])
    killed = killed_by_probe(dump, workload) or (
        now.crash is not None and now.crash[1] in KILLED and not now.crash[0]
    )
    if now.ready and "readinessProbe" in asked:
        ports.append(asked["readinessProbe"])
    if now.ready and "livenessProbe" in asked and not killed:
        ports.append(asked["livenessProbe"])
    return list(dict.fromkeys(ports)), variable


def probe_port(probe: Manifest, container: Manifest) -> int | None:
    """Return the number of the port that a probe asks, or None."""
    how = probe.get("tcpSocket") or probe.get("httpGet") or probe.get("grpc") or {}
    port = how.get("port")
    if isinstance(port, str):
        named = [p for p in container.get("ports") or () if p.get("name") == port]
        return int(named[0]["containerPort"]) if named else None
    return port if isinstance(port, int) else None


def _starve(workload: Workload, found: Behaviour) -> None:
    """Let the process need more memory than its limit, less than the limit before."""
    limit = at(workload.container, "resources", "limits", "memory")
    if not limit:
        found.guesses.append("OOMKilled without a memory limit: the node's memory, not simulated")
        return
    size = mebibytes(limit)
    needed = int(size * 1.25) + 1
    before = [
        mebibytes(str(at(container, "resources", "limits", "memory")))
        for container in workload.earlier
        if at(container, "resources", "limits", "memory")
    ]
    larger = [one for one in before if one > size]
    if larger:
        needed = max(int(size) + 1, min(needed, int(larger[0])))
    _everywhere(found, memory=needed)
    found.guesses.append(
        f"OOMKilled at a limit of {limit}: its working set is taken to be {needed}Mi"
    )


def _everywhere(found: Behaviour, **changes: object) -> None:
    """Change the program of every image."""
    found.images = {
        image: replace(program, **changes)  # type: ignore[arg-type]
        for image, program in found.images.items()
    }
    found.main = replace(found.main, **changes)  # type: ignore[arg-type]


def _present_image(workload: Workload, found: Behaviour, **changes: object) -> None:
    image = workload.container["image"]
    if image in found.images:
        found.images[image] = replace(found.images[image], **changes)  # type: ignore[arg-type]


def _unanswered(workload: Workload, found: Behaviour, kind: str) -> bool:
    """Return whether a probe asks a port on which the process does not listen."""
    probe = workload.container.get(kind)
    asked = probe_port(probe or {}, workload.container)
    return bool(probe) and asked is not None and asked not in _listening(found)


def _listening(found: Behaviour) -> set[int]:
    return {found.main.port, *found.main.further}


def _crash(
    dump: Dump, workload: Workload, found: Behaviour, crash: tuple[str, int], troubled: list[str]
) -> None:
    """Let the process give up as its pods show, for the reason that the revisions suggest."""
    message, code = crash
    if code in KILLED and not message:
        if _unanswered(workload, found, "livenessProbe"):
            asked = probe_port(workload.container["livenessProbe"], workload.container)
            found.guesses.append(f"restarted by its liveness probe: nothing listens on {asked}")
            return
        if killed_by_probe(dump, workload) and _sick(workload, found, "livenessProbe"):
            return
        if not any(c.get("livenessProbe") for c in (workload.container,)):
            code = code or 1
    words = message or f"exit code {code}"
    container, before = workload.container, next(iter(workload.earlier), None)
    if before is not None and before["image"] != container["image"]:
        _present_image(workload, found, crash=words, exit_code=code)
        found.guesses.append(
            f"crashes ({words[:60]}): image {container['image']} is taken to be broken, "
            f"{before['image']} of the revision before to work"
        )
        return
    refuses, needs, commands = _changed(before, container) if before else ((), (), set())
    found.commands -= commands
    if refuses or needs or commands:
        _everywhere(found, refuses=refuses, needs=needs, last_words=words, exit_code=code)
        named = ", ".join([*(name for name, _ in refuses), *needs, *sorted(commands)])
        found.guesses.append(
            f"crashes ({words[:60]}): what the last revision changed is taken for it: {named}"
        )
    elif troubled:
        _everywhere(found, eager=True)
        found.guesses.append(
            f"crashes ({words[:60]}): taken to give up because of {', '.join(troubled)}"
        )
    else:
        _present_image(workload, found, crash=words, exit_code=code)
        found.guesses.append(
            f"crashes ({words[:60]}): no earlier revision says why, so only another image mends it"
        )


def _changed(
    before: Manifest, now: Manifest
) -> tuple[tuple[tuple[str, str | None], ...], tuple[str, ...], set[str]]:
    """Return what a revision changed: settings with a new value, variables gone, commands."""
    old = {item["name"]: item for item in before.get("env") or ()}
    new = {item["name"]: item for item in now.get("env") or ()}
    refuses: list[tuple[str, str | None]] = [
        (name, str(item.get("value", "")))
        for name, item in new.items()
        if item != old.get(name) and not item.get("valueFrom")
    ]
    words = set(before.get("args") or ())
    refuses += [(word, None) for word in now.get("args") or () if word not in words]
    gone = tuple(name for name in old if name not in new)
    return tuple(refuses), gone, _words(now) - _words(before)


def _unready(
    dump: Dump, workload: Workload, found: Behaviour, words: str, troubled: list[str]
) -> None:
    """Let the process stay unready as its pods show."""
    del dump
    asked = probe_port(workload.container.get("readinessProbe") or {}, workload.container)
    if _unanswered(workload, found, "readinessProbe"):
        found.guesses.append(f"not ready: its probe asks port {asked}, where nothing listens")
        return
    if troubled:
        found.guesses.append(
            f"not ready in the dump, perhaps because of {', '.join(troubled)}: a probe that "
            "follows a dependency is not simulated"
        )
        return
    if _sick(workload, found, "readinessProbe"):
        return
    before = next(iter(workload.earlier), None)
    if before is not None and before["image"] != workload.container["image"]:
        _present_image(workload, found, start=NEVER)
        found.guesses.append(
            f"not ready: image {workload.container['image']} is taken to be broken"
        )
        return
    _everywhere(found, start=NEVER)
    found.guesses.append(
        "not ready, and neither its probe nor an earlier revision says why"
        f"{f' ({words[:80]})' if words else ''}: nothing in the lab mends it"
    )


def _sick(workload: Workload, found: Behaviour, kind: str) -> bool:
    """Blame the path of a probe that the last revision changed; return whether there is one."""
    path = at(workload.container, kind, "httpGet", "path")
    before = next(iter(workload.earlier), None)
    old = at(before, kind, "httpGet", "path") if before else None
    if path is None or old == path or (before is not None and old is None):
        return False
    if before is None:
        return False
    _everywhere(found, sick_paths=(str(path),))
    found.guesses.append(
        f"its {kind} asks {path}, {old} in the revision before: taken for the fault"
    )
    return True


def speaks_tls(workload: Workload, protocol: Protocol) -> bool:
    """Return whether callers of a store are taken to speak TLS.

    They are unless a revision without the TLS arguments shows that the store wants it only lately.
    """
    pair = TLS_ARGUMENTS.get(protocol)
    if pair is None or protocol not in STORES:
        return False
    if not _has(workload.container, pair):
        return pair[1] in (workload.container.get("args") or ())
    return all(_has(container, pair) for container in workload.earlier)


def _has(container: Manifest, pair: tuple[str, str]) -> bool:
    words = list(container.get("args") or ())
    return any((words[i], words[i + 1]) == pair for i in range(len(words) - 1))
