"""`mongo` and `mongosh` in a MongoDB pod: they connect, log in, run a script and end.

Which of the two a container has follows from its image's version: mongo up to 5, mongosh from 5,
both where the image does not tell.

Invariant: what runs has been read by `agents.policy.mongo`; `ask` changes nothing, `repair` changes
users and roles of the pod's own server alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.environments.simulated.applications.graph import TLS_ARGUMENTS, Protocol
from agents.environments.simulated.dice import uid
from agents.environments.simulated.kubectl.errors import CommandFailed
from agents.environments.simulated.kubectl.mongoserver import (
    USUAL_VERSION,
    CommandRefused,
    Server,
    version_of,
)
from agents.environments.simulated.kubectl.mongosession import (
    NOTHING,
    Result,
    ScriptFailed,
    Session,
)
from agents.environments.simulated.network import Obstacle, backends, find_service, obstacle_at
from agents.policy.mongo import MONGO_SHELLS, read_mongo
from agents.policy.refusal import Refusal

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.controllers.process import PodRun
    from agents.environments.simulated.kubectl.mongodocs import Document
    from agents.policy.mongo import MongoCall

_LOCAL = ("localhost", "127.0.0.1")
_SWITCHES = ("--quiet", "--norc", "--nodb")
_SHORT = {"-u": "--username", "-p": "--password"}
_URI = re.compile(r"(?:mongodb://[^/:]+(?::(?P<port>\d+))?/)?(?P<database>[\w-]*)")
_BOTH = 5
"""The major version whose images have both shells."""


@dataclass(slots=True)
class _Arguments:
    """The argv of a shell, sorted."""

    flags: dict[str, str]
    quiet: bool
    database: str
    port: int

    @property
    def host(self) -> str:
        host = self.flags.get("--host", _LOCAL[1])
        return _LOCAL[1] if host in _LOCAL else host


def has_shell(source: PodRun, program: str) -> bool:
    """Return whether the pod's image brings this Mongo shell."""
    life = source.life
    runs = life.program if life else None
    if program not in MONGO_SHELLS or runs is None or runs.protocol is not Protocol.MONGO:
        return False
    version = version_of(source.pod["spec"]["containers"][0]["image"])
    if version is None:
        return True
    major = int(version.partition(".")[0])
    return major <= _BOTH if program == "mongo" else major >= _BOTH


def ask(cluster: Cluster, source: PodRun, argv: tuple[str, ...]) -> str:
    """Return what a question prints; raises `CommandFailed`."""
    call = _read(argv)
    if call.operation != "ask":
        raise CommandFailed("error: a repair of users and roles is no question")
    return _run(cluster, source, argv, call)


def repair(cluster: Cluster, source: PodRun, argv: tuple[str, ...]) -> str:
    """Run a repair and return what it prints; raises `CommandFailed`."""
    call = _read(argv)
    if call.operation == "ask":
        raise CommandFailed("error: a question repairs nothing")
    return _run(cluster, source, argv, call)


def users_of(cluster: Cluster, pod: str) -> list[Document]:
    """Return the users that the server in a pod keeps."""
    found = next((run for run in cluster.runs.values() if run.pod["metadata"]["name"] == pod), None)
    life = found.life if found else None
    if found is None or life is None or life.program is None:
        return []
    return Server(cluster=cluster, run=found, life=life, program=life.program).document()


def _read(argv: tuple[str, ...]) -> MongoCall:
    try:
        return read_mongo(argv)
    except Refusal as refusal:
        raise CommandFailed(f"error: {refusal}") from None


def _run(cluster: Cluster, source: PodRun, argv: tuple[str, ...], call: MongoCall) -> str:
    arguments = _sorted(argv)
    legacy = argv[0] == "mongo"
    head = _banner(source, arguments) if legacy and not arguments.quiet else []
    try:
        server = _connect(cluster, source, arguments, legacy=legacy)
        if head:
            session = uid(cluster.seed, "session", cluster.now)
            head.append(f'Implicit session: session {{ "id" : UUID("{session}") }}')
            head.append(f"MongoDB server version: {server.version}")
    except ScriptFailed as failure:
        raise _ended([*head, failure.text], failure.exit_code) from None
    script = arguments.flags["--eval"]
    life = source.life
    session_of = Session(
        server=server,
        legacy=legacy,
        database=arguments.database or "test",
        environment=dict(life.environment) if life else {},
        script=script,
        out=head,
    )
    try:
        _script(session_of, call, script)
    except ScriptFailed as failure:
        raise _ended([*session_of.out, failure.text], failure.exit_code) from None
    return "".join(f"{line}\n" for line in session_of.out)


def _script(session: Session, call: MongoCall, script: str) -> None:
    foreign, name = (r"\bprocess\.", "process") if session.legacy else (r"\b_getEnv\(", "_getEnv")
    if found := re.search(foreign, script):
        raise session.failed(f"ReferenceError: {name} is not defined", script[found.start() :])
    parts = [part.strip() for part in script.split(";") if part.strip()]
    last: Result = NOTHING
    for at, part in enumerate(parts):
        repairs = call.operation != "ask" and at == len(parts) - 1
        last = session.repair(call, part) if repairs else session.evaluate(part)
    session.show(last)


def _ended(lines: list[str], exit_code: int) -> CommandFailed:
    text = "".join(f"{line}\n" for line in lines)
    return CommandFailed(f"{text}command terminated with exit code {exit_code}", exit_code)


def _sorted(argv: tuple[str, ...]) -> _Arguments:
    flags: dict[str, str] = {}
    database, port = "", 27017
    words = iter(argv[1:])
    for word in words:
        if word in _SWITCHES:
            continue
        if word.startswith("-"):
            name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
            flags[_SHORT.get(name, name)] = value if equals else next(words, "")
        elif found := _URI.fullmatch(word):
            database, port = found["database"], int(found["port"] or port)
    return _Arguments(flags, "--quiet" in argv, database, int(flags.get("--port", port)))


def _banner(source: PodRun, arguments: _Arguments) -> list[str]:
    version = version_of(source.pod["spec"]["containers"][0]["image"]) or USUAL_VERSION
    login = arguments.flags.get("--authenticationDatabase")
    options = f"authSource={login}&" if login else ""
    where = f"{arguments.host}:{arguments.port}/{arguments.database}"
    return [
        f"MongoDB shell version v{version}",
        f"connecting to: mongodb://{where}?{options}compressors=disabled&gssapiServiceName=mongodb",
    ]


def _connect(cluster: Cluster, source: PodRun, arguments: _Arguments, *, legacy: bool) -> Server:
    """Return the server, logged in where the arguments say so; raises `ScriptFailed`."""
    target, obstacle = _target(cluster, source, arguments)
    life = target.life if target else None
    program = life.program if life else None
    tls = TLS_ARGUMENTS[Protocol.MONGO][1]
    if obstacle is None and life is not None and tls in life.arguments:
        obstacle = Obstacle.TLS
    if obstacle is not None or target is None or life is None or program is None:
        raise _unconnected(obstacle or Obstacle.REFUSED, arguments, legacy=legacy)
    server = Server(cluster=cluster, run=target, life=life, program=program)
    user = arguments.flags.get("--username")
    if user is not None:
        place = arguments.flags.get("--authenticationDatabase") or arguments.database or "admin"
        try:
            server.login(user, arguments.flags.get("--password", ""), place)
        except CommandRefused as refused:
            text = f"MongoServerError: {refused.text}"
            raise ScriptFailed(_legacy(refused.text) if legacy else text, 1) from None
    return server


def _target(
    cluster: Cluster, source: PodRun, arguments: _Arguments
) -> tuple[PodRun | None, Obstacle | None]:
    if arguments.host in _LOCAL:
        listens = source.listens(cluster.now) == arguments.port
        return source, None if listens else Obstacle.REFUSED
    service = find_service(cluster, arguments.host)
    if service is None:
        return None, Obstacle.NO_HOST
    by_address = {run.address: run for run in cluster.runs.values() if run.address}
    behind = backends(cluster, service, arguments.port, by_address)
    if not behind:
        return None, Obstacle.REFUSED
    target, port = behind[0]
    obstacle = obstacle_at(cluster, source, target, port, None)
    program = target.life.program if target.life else None
    if obstacle is None and program is not None and program.protocol is not Protocol.MONGO:
        return target, Obstacle.FOREIGN
    return target, obstacle


def _unconnected(obstacle: Obstacle, arguments: _Arguments, *, legacy: bool) -> ScriptFailed:
    where = f"{arguments.host}:{arguments.port}"
    if not legacy:
        text = {
            Obstacle.NO_HOST: f"MongoNetworkError: getaddrinfo ENOTFOUND {arguments.host}",
            Obstacle.TIMEOUT: "MongoServerSelectionError: Server selection timed out after 2000 ms",
            Obstacle.TLS: f"MongoServerSelectionError: connection <monitor> to {where} closed",
            Obstacle.FOREIGN: f"MongoServerSelectionError: connection <monitor> to {where} closed",
        }.get(obstacle, f"MongoNetworkError: connect ECONNREFUSED {where}")
        return ScriptFailed(text, 1)
    lost = f"network error while attempting to run command 'isMaster' on host '{where}' "
    attempt = f"couldn't connect to server {where}, connection attempt failed: "
    text = {
        Obstacle.NO_HOST: f"{attempt}HostNotFound: Could not find address for {where}: "
        "SocketException: Host not found (authoritative)",
        Obstacle.TIMEOUT: f"{attempt}NetworkTimeout: Error connecting to {where} :: caused by :: "
        "Socket operation timed out",
        Obstacle.TLS: lost,
        Obstacle.FOREIGN: lost,
    }.get(
        obstacle,
        f"{attempt}SocketException: Error connecting to {where} :: caused by :: Connection refused",
    )
    return ScriptFailed(_legacy(text), 1)


def _legacy(text: str) -> str:
    return (
        f"Error: {text} :\nconnect@src/mongo/shell/mongo.js:374:17\n@(connect):2:6\n"
        "exception: connect failed\nexiting with code 1"
    )
