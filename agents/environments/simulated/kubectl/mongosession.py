"""Statements of one Mongo shell session: what each is worth, and how mongo and mongosh show it.

Invariant: only forms that `agents.policy.mongo` accepts get here; a question never changes the
server, a repair is one of three commands.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.environments.simulated.kubectl.mongoanswers import ANSWERS, STANDALONE
from agents.environments.simulated.kubectl.mongodocs import Document, Value, inspect, tojson
from agents.environments.simulated.kubectl.mongoserver import ADMIN, CommandRefused, Server

if TYPE_CHECKING:
    from agents.policy.mongo import MongoCall

_PLACE = re.compile(r"db(?:\.getSiblingDB\(\s*[\"'](?P<name>[\w-]+)[\"']\s*\))?(?P<rest>[\s\S]*)")
_CALL = re.compile(r"(?:\.(?P<chain>[\s\S]+))?\.(?P<method>\w+)\((?P<argument>[\s\S]*)\)")
_WRAPPED = re.compile(r"(printjson|print|JSON\.stringify|EJSON\.stringify)\(([\s\S]*)\)")
_COMMAND = re.compile(r"\{\s*[\"']?(?P<name>\w+)[\"']?\s*:\s*(?P<value>[\s\S]+?)\s*\}")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_LINES = {
    "createUser": "1386:11",
    "getUsers": "1659:15",
    "getUser": "1643:15",
    "getRole": "1835:15",
    "getRoles": "1854:15",
    "grantRolesToUser": "1568:15",
    "dropUser": "1514:15",
}
"""Where in mongo's db.js a method gives up."""


_METHODS = {
    "getUsers": "usersInfo",
    "getUser": "usersInfo",
    "getRoles": "rolesInfo",
    "getRole": "rolesInfo",
    "stats": "dbStats",
    "serverStatus": "serverStatus",
    "hello": "hello",
    "isMaster": "isMaster",
    "getCollectionNames": "listCollections",
    "getProfilingStatus": "profile",
    "serverBuildInfo": "buildInfo",
}
"""Method of a database -> the command that it sends."""


class ScriptFailed(Exception):
    """The script ends here with this text and exit code."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.text, self.exit_code = text, exit_code


class _Nothing:
    """JavaScript's undefined."""


NOTHING = _Nothing()
Result = Value | _Nothing


@dataclass(slots=True)
class Session:
    """One run of `mongo` (legacy) or `mongosh` over one connection; `out` is what it printed."""

    server: Server
    legacy: bool
    database: str
    environment: dict[str, str]
    script: str
    out: list[str] = field(default_factory=list)

    def evaluate(self, statement: str) -> Result:
        """Return the value of a question or login; raises `ScriptFailed`."""
        if wrapped := _WRAPPED.fullmatch(statement):
            if self.legacy and wrapped[1].startswith("EJSON"):
                raise self.failed("ReferenceError: EJSON is not defined", statement)
            return self._print(wrapped[1], self.evaluate(wrapped[2].strip()))
        if statement.startswith("show "):
            return self._show(statement)
        if statement.startswith("rs."):
            return self._replica_set(statement)
        place = _PLACE.fullmatch(statement)
        if place is None:
            raise self.failed(f"SyntaxError: {statement}", statement)
        database = place["name"] or self.database
        call = _CALL.fullmatch(place["rest"])
        if call is None:
            return database
        return self._call(statement, database, call)

    def repair(self, call: MongoCall, statement: str) -> Result:
        """Run the one repair of a script; raises `ScriptFailed`."""
        database, user = call.database or self.database, call.user or ""
        command = {
            "create_user": "createUser",
            "grant_roles": "grantRolesToUser",
            "drop_user": "dropUser",
        }[call.operation]
        try:
            self._check(command, database, json.dumps(user))
            if call.operation == "create_user":
                password = self.environment.get(call.password_variable or "", "")
                self.server.create(user, password, call.roles, database)
            elif call.operation == "grant_roles":
                self.server.grant(user, call.roles, database)
            else:
                self.server.drop(user, database)
        except CommandRefused as refused:
            if self.legacy and (command, refused.code) == ("dropUser", 11):
                return False
            prefix = "couldn't add user: " if command == "createUser" else ""
            raise self._thrown(refused, command, statement, prefix) from None
        if not self.legacy:
            return {"ok": 1}
        if command == "createUser":
            roles: Value = [{"role": role, "db": place} for role, place in call.roles]
            self.out.append("Successfully added user: " + tojson({"user": user, "roles": roles}))
        return True if command == "dropUser" else NOTHING

    def show(self, value: Result) -> None:
        """Print the last value as the shell does by itself."""
        if isinstance(value, _Nothing):
            return
        if isinstance(value, str):
            self.out.append(str(value))
        else:
            self.out.append(tojson(value) if self.legacy else inspect(value))

    def failed(self, text: str, statement: str, *frames: str) -> ScriptFailed:
        """Return an exception that no script catches, as the shell tells it."""
        if not self.legacy:
            return ScriptFailed(text, 1)
        column = self.script.find(statement) + 1
        trace = "".join(f"{frame}\n" for frame in (*frames, f"@(shell eval):1:{column}"))
        return ScriptFailed(f"uncaught exception: {text} :\n{trace}exiting with code -4", 252)

    def _thrown(
        self, refused: CommandRefused, method: str, statement: str, prefix: str = ""
    ) -> ScriptFailed:
        if not self.legacy:
            return ScriptFailed(f"MongoServerError: {refused.text}", 1)
        return self.failed(
            f"Error: {prefix}{refused.text}",
            statement,
            "_getErrorWithCode@src/mongo/shell/utils.js:25:13",
            f"DB.prototype.{method}@src/mongo/shell/db.js:{_LINES.get(method, '1735:15')}",
        )

    def _collection_thrown(
        self, refused: CommandRefused, method: str, statement: str
    ) -> ScriptFailed:
        if not self.legacy:
            return self._thrown(refused, method, statement)
        answer = tojson(_refusal(refused))
        return self.failed(
            f"Error: {'stats' if method == 'stats' else 'count'} failed: {answer}",
            statement,
            "_getErrorWithCode@src/mongo/shell/utils.js:25:13",
            f"DBCollection.prototype.{method}@src/mongo/shell/collection.js:1411:12",
        )

    def _check(self, command: str, database: str, argument: str) -> None:
        number = {"1": "1.0" if self.legacy else "1"}
        shown = f"{command}: {number.get(argument, argument)}"
        self.server.check(command, database, shown)

    def _print(self, how: str, value: Result) -> Result:
        plain = None if isinstance(value, _Nothing) else value
        if how.endswith("stringify"):
            return json.dumps(plain, separators=(",", ":"))
        if self.legacy and how == "print" and isinstance(plain, (dict, list)):
            items = plain if isinstance(plain, list) else [plain]
            self.out.append(
                ",".join(item if isinstance(item, str) else "[object Object]" for item in items)
            )
        elif isinstance(plain, str) and how == "print":
            self.out.append(plain)
        else:
            self.out.append(tojson(plain) if self.legacy else inspect(plain))
        return NOTHING

    def _show(self, statement: str) -> Result:
        if self.legacy:  # a helper of the interactive shell, no JavaScript
            raise ScriptFailed(
                "uncaught exception: SyntaxError: unexpected token: identifier :\n"
                "@(shell eval):1:5\nexiting with code -4",
                252,
            )
        what = statement.removeprefix("show ")
        if what in ("dbs", "databases"):
            self._asked("listDatabases", ADMIN, "1", "", statement)
            names = self.server.databases()
            width = max(map(len, names), default=0)
            return "\n".join(f"{name:<{width}}  {40 + len(name) * 4}.00 KiB" for name in names)
        if what == "collections":
            self._asked("listCollections", self.database, "1", "", statement)
            return "\n".join(self.server.collections(self.database))
        command = {"users": "usersInfo", "roles": "rolesInfo"}[what]
        return self._asked(command, self.database, "1", "", statement)[what]

    def _replica_set(self, statement: str) -> Result:
        if statement == "rs.isMaster()":
            return self._asked("isMaster", ADMIN, "1", "", statement)
        command = "replSetGetStatus" if statement == "rs.status()" else "replSetGetConfig"
        if self.legacy and command == "replSetGetStatus":
            return self._run_command(command, "1", ADMIN, statement)
        try:
            self._check(command, ADMIN, "1")
        except CommandRefused as refused:
            raise self._thrown(refused, command, statement) from None
        raise self._thrown(STANDALONE, command, statement)

    def _call(self, statement: str, database: str, call: re.Match[str]) -> Result:
        method, argument = call["method"], call["argument"].strip()
        if method == "auth":
            return self._login(statement, database, argument)
        if method in ("runCommand", "adminCommand"):
            command = _COMMAND.fullmatch(argument)
            place = ADMIN if method == "adminCommand" else database
            if command is None:
                raise self.failed(f"SyntaxError: {argument}", statement)
            return self._run_command(command["name"], command["value"], place, statement)
        if call["chain"] is not None:
            return self._chained(statement, database, call["chain"], method)
        if method in ("getName", "version"):
            return database if method == "getName" else self.server.version
        command_name = _METHODS[method]
        value = json.dumps(argument.strip("\"'")) if argument else "1"
        body = self._asked(command_name, database, value, method, statement)
        key = {"getUsers": "users", "getRoles": "roles", "getUser": "users", "getRole": "roles"}
        if method == "getCollectionNames":
            return [str(name) for name in self.server.collections(database)]
        if method not in key:
            return body
        found = body[key[method]]
        if method in ("getUser", "getRole"):
            return found[0] if isinstance(found, list) and found else None
        return found if self.legacy else body

    def _login(self, statement: str, database: str, argument: str) -> Result:
        user, password = (self._text(part.strip()) for part in argument.split(",", 1))
        try:
            self.server.login(user, password, database)
        except CommandRefused as refused:
            if not self.legacy:
                raise self._thrown(refused, "auth", statement) from None
            self.out.append(f"Error: {refused.text}")
            return 0
        return 1 if self.legacy else {"ok": 1}

    def _text(self, part: str) -> str:
        """Return a literal, or the value of the container's variable that it names."""
        if part[:1] in ("'", '"'):
            return part[1:-1]
        named = _VARIABLE.findall(part.removeprefix("_getEnv"))
        return self.environment.get(named[-1], "") if named else ""

    def _chained(self, statement: str, database: str, chain: str, method: str) -> Result:
        if chain == "getMongo()":
            body = self._asked("listDatabases", ADMIN, "1", "", statement)
            if method == "getDBs":
                return body
            return [str(name) for name in self.server.databases()]
        named = re.fullmatch(r"getCollection\(\s*[\"']([\w-]+)[\"']\s*\)", chain)
        collection = named[1] if named else chain
        command = "collStats" if method == "stats" else "count"
        try:
            self._check(command, database, json.dumps(collection))
        except CommandRefused as refused:
            raise self._collection_thrown(refused, method, statement) from None
        size = self.server.size(database, collection)
        if method != "stats":
            return size
        return {"ns": f"{database}.{collection}", "count": size, "size": size * 96, "ok": 1}

    def _run_command(self, name: str, value: str, database: str, statement: str) -> Result:
        """Return the answer's document; in mongo a refusal is one, in mongosh it is thrown."""
        argument = "1" if value in ("1", "true") else json.dumps(value.strip("\"'"))
        try:
            return self._answer(name, database, argument)
        except CommandRefused as refused:
            if not self.legacy:
                raise self._thrown(refused, name, statement) from None
            return _refusal(refused)

    def _asked(
        self, command: str, database: str, argument: str, method: str, statement: str
    ) -> Document:
        try:
            return self._answer(command, database, argument)
        except CommandRefused as refused:
            raise self._thrown(refused, method or command, statement) from None

    def _answer(self, command: str, database: str, argument: str) -> Document:
        user = None if argument == "1" else json.loads(argument)
        if not (command == "usersInfo" and user and self.server.is_own(user, database)):
            self._check(command, database, argument)
        if command == "usersInfo":
            found = self.server.listed(database) if user is None else []
            one = self.server.find(user, database) if user is not None else None
            return {"users": [one] if one else list(found), "ok": 1}
        return ANSWERS[command](self.server, database)


def _refusal(refused: CommandRefused) -> Document:
    """Return the document with which the server answers a command that it does not do."""
    return {"ok": 0, "errmsg": refused.text, "code": refused.code, "codeName": refused.name}
