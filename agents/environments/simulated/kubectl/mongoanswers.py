"""What a MongoDB server answers to commands that only ask.

Invariant: every answer is read from the server's process and from what it keeps.
"""

from __future__ import annotations

from collections.abc import Callable

from agents.environments.simulated.kubectl.mongodocs import Document, Value
from agents.environments.simulated.kubectl.mongoserver import ADMIN, CommandRefused, Server

STANDALONE = CommandRefused("not running with --replSet", 76, "NoReplicationEnabled")


def _not_replicated(_server: Server, _database: str) -> Document:
    raise STANDALONE


def _hello(server: Server, _database: str) -> Document:
    return {
        "ismaster": True,
        "maxBsonObjectSize": 16777216,
        "maxWireVersion": 9 if server.version.startswith("4.4") else 21,
        "readOnly": False,
        "ok": 1,
    }


def _status(server: Server, _database: str) -> Document:
    return {
        "host": server.run.pod["metadata"]["name"],
        "version": server.version,
        "process": "mongod",
        "pid": 1,
        "uptime": int(server.cluster.now - server.life.start),
        "ok": 1,
    }


def _connection(server: Server, _database: str) -> Document:
    users: list[Value] = []
    if server.who is not None:
        place, _, name = f"{ADMIN}.{server.who}".rpartition(".")
        users.append({"user": name, "db": place.rpartition(".")[2]})
    roles: list[Value] = [
        {"role": role, "db": place} for role, place in server.users.get(server.who or "", ())
    ]
    return {"authInfo": {"authenticatedUsers": users, "authenticatedUserRoles": roles}, "ok": 1}


def _databases(server: Server, _database: str) -> Document:
    listed: list[Value] = [
        {"name": name, "sizeOnDisk": 40960 + len(name) * 4096, "empty": False}
        for name in server.databases()
    ]
    return {"databases": listed, "totalSize": 40960 * len(listed), "ok": 1}


def _stats(server: Server, database: str) -> Document:
    names = server.collections(database)
    objects = sum(server.size(database, name) for name in names)
    return {"db": database, "collections": len(names), "views": 0, "objects": objects, "ok": 1}


def _collections(server: Server, database: str) -> Document:
    batch: list[Value] = [
        {"name": name, "type": "collection"} for name in server.collections(database)
    ]
    cursor: Document = {"id": 0, "ns": f"{database}.$cmd.listCollections", "firstBatch": batch}
    return {"cursor": cursor, "ok": 1}


ANSWERS: dict[str, Callable[[Server, str], Document]] = {
    "ping": lambda _server, _database: {"ok": 1},
    "rolesInfo": lambda _server, _database: {"roles": [], "ok": 1},
    "buildInfo": lambda server, _database: {"version": server.version, "bits": 64, "ok": 1},
    "profile": lambda _server, _database: {"was": 0, "slowms": 100, "sampleRate": 1, "ok": 1},
    "hello": _hello,
    "isMaster": _hello,
    "serverStatus": _status,
    "connectionStatus": _connection,
    "listDatabases": _databases,
    "listCollections": _collections,
    "dbStats": _stats,
    "replSetGetStatus": _not_replicated,
}
