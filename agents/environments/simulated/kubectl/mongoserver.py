"""A MongoDB server as its shells meet it: logins, rights, and commands on users and roles.

A login is right when the password is the container's MONGO_INITDB_ROOT_PASSWORD for the user that
MONGO_INITDB_ROOT_USERNAME names, and that or the user's own name for every other user, since the
lab keeps no password. Users live in `admin`; one of another database is kept as `DATABASE.USER`.

Invariant: users and roles are `cluster.accounts` and nothing else; a command changes all that it
says or raises `CommandRefused` with the server's words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.environments.simulated.dice import draw, uid
from agents.environments.simulated.kubectl.mongodocs import Document, Uuid

if TYPE_CHECKING:
    from agents.environments.simulated.applications.graph import Program
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.controllers.process import Life, PodRun

Roles = tuple[tuple[str, str], ...]

ADMIN = "admin"
USUAL_VERSION = "4.4.6"
"""What runs in an image whose tag does not tell."""
_ROOT_USER, _ROOT_PASSWORD = "MONGO_INITDB_ROOT_USERNAME", "MONGO_INITDB_ROOT_PASSWORD"
_OF_A_DATABASE = ("read", "readWrite", "dbAdmin", "dbOwner", "userAdmin")
_OF_ALL = (
    "root",
    "readAnyDatabase",
    "readWriteAnyDatabase",
    "userAdminAnyDatabase",
    "dbAdminAnyDatabase",
    "clusterAdmin",
    "clusterManager",
    "clusterMonitor",
    "hostManager",
    "backup",
    "restore",
    "__system",
)
_MANAGE = (("userAdmin", "dbOwner"), ("root", "userAdminAnyDatabase", "__system"))
_READ = (
    ("read", "readWrite", "dbAdmin", "dbOwner"),
    ("root", "readAnyDatabase", "readWriteAnyDatabase", "dbAdminAnyDatabase", "__system"),
)
_MONITOR: tuple[tuple[str, ...], tuple[str, ...]] = (
    (),
    ("root", "clusterAdmin", "clusterMonitor", "__system"),
)
_NEEDS = {
    "usersInfo": _MANAGE,
    "rolesInfo": _MANAGE,
    "createUser": _MANAGE,
    "grantRolesToUser": _MANAGE,
    "dropUser": _MANAGE,
    "serverStatus": _MONITOR,
    "replSetGetStatus": _MONITOR,
    "replSetGetConfig": _MONITOR,
    "dbStats": _READ,
    "listCollections": _READ,
    "collStats": _READ,
    "count": _READ,
    "profile": _READ,
}
"""Command -> (roles on its database, roles on admin) of which one lets a user run it."""
_FREE = ("ping", "hello", "isMaster", "buildInfo", "connectionStatus")


class CommandRefused(Exception):
    """The server does not do a command; text, code and the code's name are its own."""

    def __init__(self, text: str, code: int, name: str) -> None:
        super().__init__(text)
        self.text, self.code, self.name = text, code, name


@dataclass(slots=True)
class Server:
    """One mongod process, and who is logged in over one connection to it (`DATABASE.USER`)."""

    cluster: Cluster
    run: PodRun
    life: Life
    program: Program
    who: str | None = None

    @property
    def guarded(self) -> bool:
        """Whether access control is on."""
        return bool(self.program.users)

    @property
    def users(self) -> dict[str, Roles]:
        """The users of this store: name (in admin) or `DATABASE.USER` -> roles."""
        return self.cluster.accounts.get(self.program.name, {})

    @property
    def version(self) -> str:
        """The version, as the image's tag says it."""
        return version_of(self.run.pod["spec"]["containers"][0]["image"]) or USUAL_VERSION

    def login(self, user: str, password: str, database: str) -> None:
        """Log in; raises `CommandRefused`."""
        name = _stored(user, database)
        right = self.life.environment.get(_ROOT_PASSWORD)
        root = name == self.life.environment.get(_ROOT_USER)
        fitting = {right} if root else {right, user}
        if name not in self.users or password not in fitting:
            raise CommandRefused("Authentication failed.", 18, "AuthenticationFailed")
        self.who = name

    def check(self, command: str, database: str, shown: str) -> None:
        """Raise `CommandRefused` unless this connection may run a command on a database.

        shown: the command with its argument, as the server repeats it.
        """
        if not self.guarded or command in _FREE:
            return
        if self.who is None or self.who not in self.users:
            raise CommandRefused(f"command {command} requires authentication", 13, "Unauthorized")
        needed = _NEEDS.get(command)
        if needed is None or self._has(needed, database):
            return
        session = uid(self.cluster.seed, "lsid", self.run.pod["metadata"]["uid"])
        raise CommandRefused(
            f"not authorized on {database} to execute command {{ {shown}, "
            f'lsid: {{ id: UUID("{session}") }}, $db: "{database}" }}',
            13,
            "Unauthorized",
        )

    def _has(self, needed: tuple[tuple[str, ...], tuple[str, ...]], database: str) -> bool:
        here, everywhere = needed
        return any(
            (role in here and place == database) or (role in everywhere and place == ADMIN)
            for role, place in self.users.get(self.who or "", ())
        )

    def is_own(self, user: str, database: str) -> bool:
        """Return whether a user asks about itself."""
        return self.who == _stored(user, database)

    def document(self) -> list[Document]:
        """Return all users as the server keeps them, in plain words."""
        found = [self._document(name) for name in self.users]
        return [{**item, "userId": str(item["userId"])} for item in found]

    def find(self, user: str, database: str) -> Document | None:
        """Return the document of one user."""
        name = _stored(user, database)
        return self._document(name) if name in self.users else None

    def listed(self, database: str) -> list[Document]:
        """Return the documents of a database's users."""
        return [self._document(name) for name in self.users if _split(name)[0] == database]

    def _document(self, name: str) -> Document:
        database, user = _split(name)
        return {
            "_id": f"{database}.{user}",
            "userId": Uuid(uid(self.cluster.seed, "user", self.program.name, name)),
            "user": user,
            "db": database,
            "roles": [{"role": role, "db": place} for role, place in self.users[name]],
            "mechanisms": ["SCRAM-SHA-1", "SCRAM-SHA-256"],
        }

    def create(self, user: str, password: str, roles: Roles, database: str) -> None:
        """Run createUser; raises `CommandRefused`."""
        name = _stored(user, database)
        if not password:
            raise CommandRefused("Password cannot be empty", 9, "FailedToParse")
        _check_roles(roles)
        if name in self.users:
            raise CommandRefused(f'User "{user}@{database}" already exists', 51003, "Location51003")
        self._store(name, roles)

    def grant(self, user: str, roles: Roles, database: str) -> None:
        """Run grantRolesToUser; raises `CommandRefused`."""
        name = _stored(user, database)
        if name not in self.users:
            raise CommandRefused(
                f'Could not find user "{user}" for db "{database}"', 11, "UserNotFound"
            )
        _check_roles(roles)
        kept = self.users[name]
        self._store(name, (*kept, *(role for role in dict.fromkeys(roles) if role not in kept)))

    def drop(self, user: str, database: str) -> None:
        """Run dropUser; raises `CommandRefused`."""
        name = _stored(user, database)
        if name not in self.users:
            raise CommandRefused(f"User '{user}@{database}' not found", 11, "UserNotFound")
        self.users.pop(name)
        self._mark()

    def _store(self, name: str, roles: Roles) -> None:
        self.cluster.accounts.setdefault(self.program.name, {})[name] = roles
        self._mark()

    def _mark(self) -> None:
        """Let traffic be measured anew, and previews of the pod go stale."""
        self.cluster.store.touch("pods", self.run.pod)

    def databases(self) -> list[str]:
        """Return the databases that exist: the server's own and those of the store's clients."""
        names = {ADMIN, "config", "local"}
        for component in self.cluster.application.components:
            names |= {
                call.database
                for call in component.program.calls
                if call.target == self.program.name and call.database
            }
        if self.guarded and not self._has(_MONITOR, ADMIN):
            names = {name for name in names if self._has(_READ, name)}
        return sorted(names)

    def collections(self, database: str) -> list[str]:
        """Return the collections of a database."""
        if database == ADMIN:
            return ["system.users", "system.version"] if self.users else ["system.version"]
        if database in ("config", "local"):
            return {"config": ["system.sessions"], "local": ["startup_log"]}[database]
        return [database.removesuffix("-db")] if database in self.databases() else []

    def size(self, database: str, collection: str) -> int:
        """Return how many documents a collection has."""
        if collection not in self.collections(database):
            return 0
        if (database, collection) == (ADMIN, "system.users"):
            return len(self.users)
        if database in (ADMIN, "config", "local"):
            return 1
        return 80 + draw(self.cluster.seed, "documents", self.program.name, collection) % 420


def version_of(image: str) -> str | None:
    """Return the version that a MongoDB image's tag names; None for an image of one's own."""
    name, _, tag = image.rpartition(":")
    parts = tag.partition("-")[0].split(".")
    official = "mongo" in name.rpartition("/")[2]
    return ".".join(parts) if official and all(part.isdigit() for part in parts) else None


def _stored(user: str, database: str) -> str:
    return user if database == ADMIN else f"{database}.{user}"


def _split(name: str) -> tuple[str, str]:
    """Return (database, user) of a stored name."""
    database, dot, user = name.rpartition(".")
    return (database, user) if dot else (ADMIN, name)


def _check_roles(roles: Roles) -> None:
    for role, place in roles:
        if role not in _OF_A_DATABASE and not (role in _OF_ALL and place == ADMIN):
            raise CommandRefused(f"Could not find role: {role}@{place}", 31, "RoleNotFound")
