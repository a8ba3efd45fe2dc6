"""`kubectl exec`: the few programs that diagnosis needs, run where a pod's process runs.

Invariant: what a program prints follows from the pod's environment and from the same network
checks that traffic meets.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.environments.simulated.applications.graph import Protocol
from agents.environments.simulated.kubectl import mongoshell
from agents.environments.simulated.kubectl.errors import CommandFailed
from agents.environments.simulated.kubectl.logs import pods_behind
from agents.environments.simulated.kubectl.mongoshell import has_shell
from agents.environments.simulated.network import (
    Address,
    Obstacle,
    backends,
    find_service,
    obstacle_at,
    parse_address,
)
from agents.policy.mongo import MONGO_SHELLS

if TYPE_CHECKING:
    from agents.contracts.command import Command
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.controllers.process import PodRun

_HIDDEN = re.compile(r"PASS|SECRET|TOKEN|KEY")


def run(cluster: Cluster, command: Command) -> str:
    """Return what the program prints; raises `CommandFailed` with its exit code."""
    return _program(cluster, _process(cluster, command), command.inner[0], command.inner[1:])


def repair(cluster: Cluster, command: Command) -> str:
    """Run a repair of users and roles in a MongoDB pod; raises `CommandFailed`."""
    program = command.inner[0]
    if program not in MONGO_SHELLS:  # what reads is no write
        raise CommandFailed('error: unknown command "exec" for "kubectl"')
    source = _process(cluster, command)
    if not has_shell(source, program):
        raise _no_program(program)
    return mongoshell.repair(cluster, source, command.inner)


def _process(cluster: Cluster, command: Command) -> PodRun:
    """Return the running pod that a command means; raises `CommandFailed`."""
    target = command.targets[0]
    pods = pods_behind(cluster, command, target.kind, target.name or "")
    pod = pods[0] if pods else None
    source = cluster.runs.get(pod["metadata"]["uid"]) if pod else None
    if source is None or source.life is None or pod is None:
        name = pod["metadata"]["name"] if pod else target.name
        raise CommandFailed(
            "error: Internal error occurred: unable to upgrade connection: container not found "
            f'("{name}")'
        )
    return source


def _program(cluster: Cluster, source: PodRun, program: str, arguments: tuple[str, ...]) -> str:
    if program in ("env", "printenv"):
        return _env(source, arguments)
    if program == "nslookup":
        return _nslookup(cluster, arguments[0])
    if program in ("curl", "wget"):
        return _fetch(cluster, source, program, arguments)
    if program == "cat":
        return _cat(source, arguments)
    if has_shell(source, program):
        return mongoshell.ask(cluster, source, (program, *arguments))
    raise _no_program(program)


def _no_program(program: str) -> CommandFailed:
    return CommandFailed(
        "error: Internal error occurred: Internal error occurred: error executing command in "
        f'container: exec: "{program}": executable file not found in $PATH',
    )


def _env(source: PodRun, names: tuple[str, ...]) -> str:
    life = source.life
    values = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/bin:/bin"}
    values["HOSTNAME"] = source.pod["metadata"]["name"]
    values |= life.environment if life else {}
    values |= {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    shown = {key: "REDACTED" if _HIDDEN.search(key) else value for key, value in values.items()}
    if names:
        if any(name not in shown for name in names):
            raise CommandFailed("command terminated with exit code 1")
        return "".join(f"{shown[name]}\n" for name in names)
    return "".join(f"{key}={value}\n" for key, value in shown.items())


def _nslookup(cluster: Cluster, host: str) -> str:
    head = "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\n"
    service = find_service(cluster, host)
    if service is None:
        raise CommandFailed(
            f"{head}** server can't find {host}: NXDOMAIN\n\ncommand terminated with exit code 1"
        )
    name = f"{service['metadata']['name']}.{cluster.namespace}.svc.cluster.local"
    return f"{head}Name:\t{name}\nAddress: {service['spec'].get('clusterIP', '')}\n\n"


def _cat(source: PodRun, paths: tuple[str, ...]) -> str:
    known = {
        "/etc/hostname": f"{source.pod['metadata']['name']}\n",
        "/etc/resolv.conf": (
            f"search {source.pod['metadata']['namespace']}.svc.cluster.local svc.cluster.local "
            "cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"
        ),
    }
    out = []
    for path in paths:
        if path not in known:
            raise CommandFailed(
                f"cat: {path}: No such file or directory\ncommand terminated with exit code 1"
            )
        out.append(known[path])
    return "".join(out)


def _fetch(cluster: Cluster, source: PodRun, program: str, arguments: tuple[str, ...]) -> str:
    takes_value = ("-m", "--max-time", "--connect-timeout", "-o", "-X", "-w", "-T", "-O")
    words = [
        word
        for index, word in enumerate(arguments)
        if not word.startswith("-") and (index == 0 or arguments[index - 1] not in takes_value)
    ]
    url = words[-1] if words else ""
    address = parse_address(url if "://" in url else f"http://{url}", 80)
    obstacle = _obstacle(cluster, source, address)
    if obstacle is not None:
        raise CommandFailed(_complaint(program, obstacle, address))
    return "ok\n"


def _obstacle(cluster: Cluster, source: PodRun, address: Address) -> Obstacle | None:
    if address.host in ("localhost", "127.0.0.1"):
        return None if source.listens(cluster.now) == address.port else Obstacle.REFUSED
    service = find_service(cluster, address.host)
    if service is None:
        return Obstacle.NO_HOST
    by_address = {run.address: run for run in cluster.runs.values() if run.address}
    behind = backends(cluster, service, address.port, by_address)
    if not behind:
        return Obstacle.REFUSED
    target, port = behind[0]
    obstacle = obstacle_at(cluster, source, target, port, None)
    program = target.life.program if target.life else None
    if obstacle is None and program is not None and program.protocol is not Protocol.HTTP:
        return Obstacle.FOREIGN
    return obstacle


def _complaint(program: str, obstacle: Obstacle, address: Address) -> str:
    host, port = address.host, address.port
    if program == "curl":
        text, code = {
            Obstacle.NO_HOST: (f"curl: (6) Could not resolve host: {host}", 6),
            Obstacle.TIMEOUT: (
                f"curl: (28) Failed to connect to {host} port {port}: timed out",
                28,
            ),
            Obstacle.FOREIGN: ("curl: (1) Received HTTP/0.9 when not allowed", 1),
        }.get(
            obstacle, (f"curl: (7) Failed to connect to {host} port {port}: Connection refused", 7)
        )
    else:
        text, code = {
            Obstacle.NO_HOST: (f"wget: bad address '{host}:{port}'", 1),
            Obstacle.TIMEOUT: ("wget: download timed out", 1),
            Obstacle.FOREIGN: ("wget: error getting response", 1),
        }.get(obstacle, (f"wget: can't connect to remote host ({host}): Connection refused", 1))
    return f"{text}\ncommand terminated with exit code {code}"
