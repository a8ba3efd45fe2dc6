"""The MongoDB shell inside a pod: questions about users and roles, and three repairs of them.

Invariant: JavaScript is never passed on unread; every statement matches one form below, and a
password is only ever the name of a variable of the container.
"""

import re
from dataclasses import dataclass

from agents.contracts.command import Access
from agents.policy.refusal import ReasonCode, Refusal

MONGO_SHELLS = ("mongo", "mongosh")

_WORD = r"[A-Za-z0-9_-]{1,63}"
_STRING = rf"(?:\"{_WORD}\"|'{_WORD}')"
_VARIABLE = (
    r"(?:process\.env\.[A-Z][A-Z0-9_]{0,63}"
    r"|process\.env\[[\"'][A-Z][A-Z0-9_]{0,63}[\"']\]"
    r"|_getEnv\([\"'][A-Z][A-Z0-9_]{0,63}[\"']\))"
)
# read by its places, not by its words: a role and a database may be called `role` and `db`, too
_ONE_ROLE = re.compile(
    rf"(?P<alone>{_STRING})"
    rf"|\{{\s*[\"']?role[\"']?\s*:\s*(?P<role>{_STRING})\s*,"
    rf"\s*[\"']?db[\"']?\s*:\s*(?P<db>{_STRING})\s*\}}"
)
_ROLE = f"(?:{re.sub(r'[?]P<[a-z]+>', '?:', _ONE_ROLE.pattern)})"
_ROLES = rf"\[\s*(?P<roles>{_ROLE}(?:\s*,\s*{_ROLE}){{0,15}})\s*\]"
_PLACE = rf"db(?:\.getSiblingDB\(\s*(?P<database>{_STRING})\s*\))?"
_COMMANDS = (
    r"\{\s*[\"']?(?:ping|listDatabases|connectionStatus|usersInfo|rolesInfo|serverStatus|hello"
    rf"|isMaster|buildInfo|dbStats|listCollections|replSetGetStatus)[\"']?\s*:\s*(?:1|true|{_STRING})\s*\}}"
)
_QUESTION = re.compile(
    rf"{_PLACE}(?:\.(?:getName|getUsers|getRoles|stats|serverStatus|version|hello|isMaster"
    r"|getCollectionNames|getProfilingStatus|serverBuildInfo)\(\s*\)"
    rf"|\.(?:getUser|getRole)\(\s*{_STRING}\s*\)"
    rf"|\.(?:runCommand|adminCommand)\(\s*{_COMMANDS}\s*\)"
    rf"|\.(?:getCollection\(\s*{_STRING}\s*\)|[A-Za-z_][A-Za-z0-9_-]{{0,63}})\.(?:count|countDocuments|stats)"
    r"\(\s*(?:\{\s*\})?\s*\)"
    r"|\.getMongo\(\)\.(?:getDBNames|getDBs)\(\))?"
    r"|rs\.(?:status|conf|isMaster)\(\)|show (?:dbs|databases|users|roles|collections)"
)
_LOGIN = re.compile(
    rf"{_PLACE}\.auth\(\s*(?P<user>{_STRING}|{_VARIABLE})\s*,\s*(?P<password>{_STRING}|{_VARIABLE})\s*\)"
)
_CREATE = re.compile(
    rf"{_PLACE}\.createUser\(\s*\{{\s*[\"']?user[\"']?\s*:\s*(?P<user>{_STRING})\s*,\s*[\"']?pwd[\"']?\s*:\s*"
    rf"(?P<password>{_VARIABLE}|\"[^\"]*\"|'[^']*')\s*,\s*[\"']?roles[\"']?\s*:\s*{_ROLES}\s*\}}\s*\)"
)
_GRANT = re.compile(rf"{_PLACE}\.grantRolesToUser\(\s*(?P<user>{_STRING})\s*,\s*{_ROLES}\s*\)")
_DROP = re.compile(rf"{_PLACE}\.dropUser\(\s*(?P<user>{_STRING})\s*\)")
_REPAIRS = {"create_user": _CREATE, "grant_roles": _GRANT, "drop_user": _DROP}
_WRAPPED = re.compile(r"(?:printjson|print|JSON\.stringify|EJSON\.stringify)\(([\s\S]*)\)")
_URI = re.compile(
    r"(?:mongodb://(?:localhost|127\.0\.0\.1)(?::[0-9]{1,5})?/)?(?P<database>[A-Za-z0-9_-]{0,63})"
)
_VALUED: dict[str, str] = {
    "--eval": r"[\s\S]{1,4000}",
    "-u": _WORD,
    "--username": _WORD,
    "-p": r"[^\s]{1,128}",
    "--password": r"[^\s]{1,128}",
    "--authenticationDatabase": _WORD,
    "--host": r"localhost|127\.0\.0\.1|[a-z0-9][-a-z0-9]{0,62}",
    "--port": r"[0-9]{1,5}",
}
_REPAIR_HINT = (
    'mongosh --eval \'db.getSiblingDB("admin").auth(process.env.MONGO_INITDB_ROOT_USERNAME, '
    'process.env.MONGO_INITDB_ROOT_PASSWORD); db.getSiblingDB("DB").grantRolesToUser("USER", '
    '[{role: "readWrite", db: "DB"}])\' (in mongo: _getEnv("NAME") for process.env.NAME)'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MongoCall:
    """One call of the shell. `operation` is `ask` or one of the repairs.

    login: the variables of the container that hold user and password of the session, if it logs in
    so. password_variable: the one that holds a created user's password.
    """

    shell: str
    operation: str
    database: str | None = None
    user: str | None = None
    password_variable: str | None = None
    roles: tuple[tuple[str, str], ...] = ()
    login: tuple[str, str] | None = None
    statements: tuple[str, ...] = ()

    @property
    def access(self) -> Access:
        """Whether the call reads or writes."""
        return Access.READ if self.operation == "ask" else Access.WRITE


def read_mongo(argv: tuple[str, ...]) -> MongoCall:
    """Return what the argv of a Mongo shell asks or repairs; raises `Refusal`."""
    flags, database = _arguments(argv)
    script = flags.get("--eval")
    if script is None:
        raise _refusal(
            "--eval 'STATEMENT': nobody sits at a terminal", " ".join(argv[1:]) or argv[0]
        )
    statements = tuple(part.strip() for part in script.split(";") if part.strip())
    repairs = [part for part in statements if _repair(part)]
    if not repairs:
        for statement in statements:
            if not (_LOGIN.fullmatch(statement) or _QUESTION.fullmatch(_bare(statement))):
                raise _refusal("questions about users, roles and state", statement)
        return MongoCall(shell=argv[0], operation="ask", database=database, statements=statements)
    if flags.keys() & {"-u", "-p", "--username", "--password"}:
        raise Refusal(
            ReasonCode.SECRET_LITERAL,
            "a repair names the variables that hold its login",
            None,
            _REPAIR_HINT,
            about="-p" if "-p" in flags else "--password",
        )
    if elsewhere := sorted(flags.keys() & {"--host", "--port"}):
        raise _refusal("a repair of the pod's own server", elsewhere[0])
    return _read_repair(argv[0], statements, database)


def script_of(call: MongoCall) -> str:
    """Return a repair as canonical JavaScript; `read_mongo` reads the same repair back."""

    def variable(name: str) -> str:
        return f"process.env.{name}" if call.shell == "mongosh" else f'_getEnv("{name}")'

    place = f'db.getSiblingDB("{call.database}")'
    roles = ", ".join(f'{{role: "{role}", db: "{database}"}}' for role, database in call.roles)
    statement = {
        "create_user": f'{place}.createUser({{user: "{call.user}", '
        f"pwd: {variable(call.password_variable or '')}, roles: [{roles}]}})",
        "grant_roles": f'{place}.grantRolesToUser("{call.user}", [{roles}])',
        "drop_user": f'{place}.dropUser("{call.user}")',
    }[call.operation]
    if call.login is None:
        return statement
    user, password = (variable(name) for name in call.login)
    return f'db.getSiblingDB("admin").auth({user}, {password}); {statement}'


def _arguments(argv: tuple[str, ...]) -> tuple[dict[str, str], str | None]:
    """Return the flags, and the database that is named by a word of its own."""
    flags: dict[str, str] = {}
    database: str | None = None
    words = iter(argv[1:])
    for word in words:
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if word in {"--quiet", "--norc", "--nodb"}:
            continue
        if name in _VALUED:
            value = value if equals else next(words, "")
            if re.fullmatch(_VALUED[name], value) is None or name in flags:
                raise _refusal(f"another value of {name}", value)
            flags[name] = value
        elif (found := _URI.fullmatch(word)) and database is None and not word.startswith("-"):
            database = found["database"] or None
        else:
            raise _refusal(f"a database and {', '.join(_VALUED)}", word)
    return flags, database


def _read_repair(shell: str, statements: tuple[str, ...], database: str | None) -> MongoCall:
    """Read `[login;] repair`."""
    login: tuple[str, str] | None = None
    if len(statements) == 2 and (found := _LOGIN.fullmatch(statements[0])):  # noqa: PLR2004 - a login and a repair
        user, password = _variable(found["user"]), _variable(found["password"])
        if user is None or password is None:
            raise Refusal(
                ReasonCode.SECRET_LITERAL,
                "a login names variables",
                None,
                _REPAIR_HINT,
                about=statements[0],
            )
        login = (user, password)
        statements = statements[1:]
    kind = _repair(statements[0]) if len(statements) == 1 else None
    if kind is None:
        raise _refusal("one repair, with at most a login before it", "; ".join(statements))
    operation, found = kind
    named = found.groupdict()
    place = _plain(named["database"]) if named["database"] else database
    if place is None:
        raise _refusal('the database by db.getSiblingDB("DB")', statements[0])
    variable = None
    if operation == "create_user":
        variable = _variable(named["password"])
        if variable is None:
            raise Refusal(
                ReasonCode.SECRET_LITERAL,
                'expected pwd: process.env.NAME (mongosh) or _getEnv("NAME") (mongo), '
                "got a password",
                None,
                "name the container's own variable, see exec POD -- env",
                about=statements[0],
            )
    return MongoCall(
        shell=shell,
        operation=operation,
        database=place,
        user=_plain(named["user"]),
        password_variable=variable,
        roles=_roles(named.get("roles") or "", place),
        login=login,
    )


def _repair(statement: str) -> tuple[str, re.Match[str]] | None:
    for operation, form in _REPAIRS.items():
        if found := form.fullmatch(statement):
            return operation, found
    return None


def _bare(statement: str) -> str:
    """Return a statement without the printing around it."""
    while found := _WRAPPED.fullmatch(statement):
        statement = found[1].strip()
    return statement


def _roles(text: str, database: str) -> tuple[tuple[str, str], ...]:
    """Return (role, database) pairs; a role without a database is of the user's own."""
    return tuple(
        (_plain(found["alone"] or found["role"]), _plain(found["db"]) if found["db"] else database)
        for found in _ONE_ROLE.finditer(text)
    )


def _variable(text: str) -> str | None:
    """Return the name of the variable that a value is taken from, None for a literal."""
    found = re.fullmatch(_VARIABLE, text)
    names = re.findall(r"[A-Z][A-Z0-9_]{0,63}", text.removeprefix("_getEnv"))
    return names[-1] if found and names else None


def _plain(text: str) -> str:
    return text[1:-1]


def _refusal(expected: str, actual: str) -> Refusal:
    return Refusal(
        ReasonCode.INNER_ARGUMENT,
        f"the Mongo shell takes {expected}; got {actual[:80]!r}",
        None,
        "mongosh --quiet admin --eval 'db.getUsers()'",
        about=actual,
    )
