"""What may run in a container, form by form, and the Mongo shell's repairs as typed acts."""

import pytest

from agents.contracts.action import RunMongoRepair
from agents.contracts.command import Access
from agents.policy.actions import action_of, command_of
from agents.policy.inner import Address, address_of, inner_access
from agents.policy.mongo import MongoCall, read_mongo, script_of
from agents.policy.parse import parse
from agents.policy.refusal import Refusal

SITE = 'db.getSiblingDB("geo-db")'


@pytest.mark.parametrize(
    "words",
    [
        "env",
        "printenv",
        "printenv A B_1",
        "cat /etc/hosts /proc/meminfo",
        "cat /proc/net/tcp6 /proc/self/status /app/config.yaml",
        "cat /etc/mysql/my.cnf /etc/mysql/mysql.conf.d/mysqld.cnf /etc/redis/redis.conf",
        "cat /app/authors.json /etc/pam.d/common-auth /etc/compass.yaml /app/keys.py",
        "cat /etc/nginx/nginx.conf /var/log/auth.log /opt/app/application.yml /etc/krb5.conf",
        "nslookup geo",
        "nslookup geo.hotel-1",
        "nslookup geo.hotel-1.svc",
        "nslookup geo.hotel-1.svc.cluster.local",
        "curl geo",
        "curl -s -S -v -i -I -k -f http://geo:8083/a/b",
        "curl --silent --show-error --verbose --include --head --insecure --fail --get https://geo",
        "curl -m 5 --max-time 10.5 --connect-timeout 2 http://geo/",
        "curl --max-time=5 --connect-timeout=999 http://geo/",
        "curl -o /dev/null --output /dev/null http://geo/",
        "curl -X GET --request GET http://geo/",
        "curl -w %{http_code} --write-out time=%{time_total} -o /dev/null http://geo/",
        "curl http://127.0.0.1:80/ -s",
        "curl http://localhost:80/",
        "curl http://geo.hotel-1.svc:80/",
        "wget -qO- http://geo/",
        "wget -O- -q -S --quiet --server-response --no-verbose -nv http://geo/",
        "wget --spider -T 2 http://geo/",
        "wget --output-document=- --timeout 3 -T5 --timeout=5 --tries=1 http://geo/",
        "wget -O - http://geo/",
        "wget -qO - http://geo/",
        "wget --output-document - http://geo/",
        "wget --max-redirect=0 -qO- http://geo/",
        "curl http://mongo-0.mongo.hotel-1.svc.cluster.local/",
    ],
)
def test_a_program_that_only_looks_is_a_read_in_each_of_its_forms(words: str) -> None:
    assert inner_access(tuple(words.split())) is Access.READ


@pytest.mark.parametrize(
    "words",
    [
        "env x",
        "printenv A 1B",
        "cat",
        "cat /etc/hosts /tmp/x",
        "cat /proc/self/maps",
        "cat /etc/my-Token",
        "cat /etc/ssl/x",
        "cat /app/a.pem",
        "nslookup",
        "nslookup geo rate",
        "nslookup a.b.c",
        "nslookup -debug",
        "curl",
        "curl -s",
        "curl geo rate",
        "curl -m 5",
        "curl -m x geo",
        "curl -m 1234 geo",
        "curl -o x geo",
        "curl -X PUT geo",
        "curl -w @x geo",
        "curl -w x geo",
        "curl -sL geo",
        "curl --max-time=x geo",
        "curl geo.hotel-1",
        "curl 1",
        "curl 0xa",
        "curl kubernetes",
        "curl metadata",
        "curl http://geo/?a",
        "curl http://geo?a",
        "curl http://geo/a%20b",
        "curl http://geo/a/../b",
        "curl http://geo/.a",
        "curl http://geo//a",
        "curl instance-data",
        "curl geo.svc",
        "curl geo.svc.cluster.local",
        "curl 10-0-0-1.kubernetes.default.svc",
        "curl http://-x/",
        "wget geo",
        "wget -qO-",
        "wget -q geo",
        "wget -O x geo",
        "wget -T geo",
        "wget -T x -qO- geo",
        "wget -qO- geo rate",
        "wget --tries=x -qO- geo",
        "",
        "sh",
    ],
)
def test_every_other_form_is_refused(words: str) -> None:
    with pytest.raises(Refusal):
        inner_access(tuple(words.split()))


@pytest.mark.parametrize(
    ("words", "address"),
    [
        ("curl -s http://geo.other.svc:80/", Address("other", "/")),
        ("curl -m 2.5 geo/a/b", Address(None, "/a/b")),
        ("curl geo", Address(None, "")),
        ("curl http://mongo-0.hotel-1.other.svc/a", Address("other", "/a")),
        ("wget -qO- http://geo.other.svc.cluster.local/", Address("other", "/")),
        ("wget -T 1 -qO- http://a.b.other.svc.cluster.local", Address("other", "")),
        ("curl http://127.0.0.1/", Address(None, "/")),
        ("curl http://localhost/x", Address(None, "/x")),
        ("nslookup geo.other", Address("other")),
        ("nslookup geo.hotel-1.other.svc", Address("other")),
        ("nslookup geo", Address(None)),
        ("cat /etc/a.b", None),
        ("", None),
    ],
)
def test_an_address_is_of_the_namespace_before_svc(words: str, address: Address | None) -> None:
    assert address_of(tuple(words.split())) == address


def test_wget_runs_without_redirects_and_everything_else_as_it_was_written() -> None:
    for line, runs in (
        ("wget -qO- geo", "wget --max-redirect=0 -qO- geo"),
        ("wget -qO- --max-redirect=0 geo", "wget -qO- --max-redirect=0 geo"),
        ("curl -s geo", "curl -s geo"),
        ("env", "env"),
    ):
        assert parse(f"kubectl exec x -- {line}").inner == tuple(runs.split())


def repair(script: str, *words: str, shell: str = "mongosh") -> MongoCall:
    return read_mongo((shell, *words, "--eval", script))


LOGIN = f"{SITE}.auth(process.env.ROOT, process.env['ROOT_PASSWORD'])"
REPAIRS = {
    f'{SITE}.dropUser("ann")': {"operation": "drop_user"},
    f'{LOGIN}; {SITE}.dropUser("ann")': {
        "operation": "drop_user",
        "login": ("ROOT", "ROOT_PASSWORD"),
    },
    f'{SITE}.grantRolesToUser("ann", ["read", {{role: "readWrite", db: "rate-db"}}])': {
        "operation": "grant_roles",
        "roles": (("read", "geo-db"), ("readWrite", "rate-db")),
    },
    f"{SITE}.grantRolesToUser('ann', [ {{ 'role' : 'read' , \"db\" : 'a' }} ] )": {
        "operation": "grant_roles",
        "roles": (("read", "a"),),
    },
    f"""{SITE}.grantRolesToUser("ann", ["role", 'db', {{role: "role", db: "root"}}])""": {
        "operation": "grant_roles",
        "roles": (("role", "geo-db"), ("db", "geo-db"), ("role", "root")),
    },
    f'{SITE}.grantRolesToUser("ann", [{{"role": "readWrite", "db": "db"}}])': {
        "operation": "grant_roles",
        "roles": (("readWrite", "db"),),
    },
    f'{SITE}.createUser({{user: "ann", pwd: process.env.PASS_1, roles: ["read"]}})': {
        "operation": "create_user",
        "password_variable": "PASS_1",
        "roles": (("read", "geo-db"),),
    },
    f"{SITE}.createUser({{user: 'ann', pwd: _getEnv('PASS'), roles: ['read']}})": {
        "operation": "create_user",
        "password_variable": "PASS",
        "roles": (("read", "geo-db"),),
    },
}


@pytest.mark.parametrize("script", REPAIRS)
@pytest.mark.parametrize("shell", ["mongo", "mongosh"])
def test_a_repair_is_read_and_written_the_same(shell: str, script: str) -> None:
    call = repair(script, shell=shell)
    wanted = {"database": "geo-db", "user": "ann", "shell": shell, **REPAIRS[script]}
    assert call == MongoCall(**wanted)  # type: ignore[arg-type]  # fields by name
    assert call.access is Access.WRITE
    assert read_mongo((shell, "--quiet", "--eval", script_of(call))) == call


def test_a_repair_has_one_script() -> None:
    login = {"login": ("ROOT", "PW"), "database": "d", "user": "u"}
    created = MongoCall(
        shell="mongosh",
        operation="create_user",
        password_variable="P",
        roles=(("read", "d"), ("root", "admin")),
        **login,  # type: ignore[arg-type]  # fields by name
    )
    assert script_of(created) == (
        'db.getSiblingDB("admin").auth(process.env.ROOT, process.env.PW); '
        'db.getSiblingDB("d").createUser({user: "u", pwd: process.env.P, '
        'roles: [{role: "read", db: "d"}, {role: "root", db: "admin"}]})'
    )
    dropped = MongoCall(shell="mongo", operation="drop_user", **login)  # type: ignore[arg-type]
    assert script_of(dropped) == (
        'db.getSiblingDB("admin").auth(_getEnv("ROOT"), _getEnv("PW")); '
        'db.getSiblingDB("d").dropUser("u")'
    )


@pytest.mark.parametrize("word", ["geo-db", "mongodb://localhost:27017/geo-db"])
def test_the_database_of_a_repair_may_be_the_shell_s_own(word: str) -> None:
    call = repair('db.dropUser("ann")', word)
    assert (call.database, call.user, call.login) == ("geo-db", "ann", None)


@pytest.mark.parametrize("flag", ["-u", "-p", "--username", "--password", "--host", "--port"])
def test_a_repair_brings_no_login_and_no_address_of_its_own(flag: str) -> None:
    with pytest.raises(Refusal) as caught:
        repair(f'{SITE}.dropUser("ann")', flag, "1")
    is_login = flag.strip("-") in {"u", "p", "username", "password"}
    assert caught.value.code == ("secret_literal" if is_login else "inner_argument")
    assert caught.value.about == ({"-u": "--password", "--username": "--password"}.get(flag, flag))


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (f'{SITE}.auth("a", process.env.B); {SITE}.dropUser("x")', "secret_literal"),
        (f'{SITE}.auth(process.env.A, "b"); {SITE}.dropUser("x")', "secret_literal"),
        (
            f'{SITE}.createUser({{user: "a", pwd: "PASS", roles: ["read"]}})',
            "secret_literal",
        ),
        (f'{SITE}.dropUser("x"); {LOGIN}', "inner_argument"),
        (f'{SITE}.dropUser("x"); {SITE}.dropUser("y")', "inner_argument"),
        (f'{LOGIN}; {LOGIN}; {SITE}.dropUser("y")', "inner_argument"),
        ('db.dropUser("x")', "inner_argument"),
    ],
)
def test_a_repair_with_a_secret_or_with_more_is_refused(script: str, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        repair(script)
    assert caught.value.code == code
    assert caught.value.about is not None and caught.value.about in script


@pytest.mark.parametrize(
    "words",
    [
        ("--eval", "show dbs"),
        ("--norc", "--nodb", "admin", "--eval", "db.getUsers(); rs.status();"),
        ("-u", "a", "-p", "b", "--authenticationDatabase=admin", "--eval", "print(db.stats())"),
        ("--host=rate", "--port", "27017", "--eval", 'EJSON.stringify(db.getUser("a"))'),
        ("--eval", f'{SITE}.auth("a", "b"); db.serverStatus()'),
    ],
)
def test_a_question_to_the_mongo_shell_is_a_read(words: tuple[str, ...]) -> None:
    assert inner_access(("mongosh", *words)) is Access.READ
    assert read_mongo(("mongosh", *words)).operation == "ask"


def test_a_repair_is_a_typed_act_with_all_that_it_says() -> None:
    inner = f'{LOGIN}; {SITE}.grantRolesToUser("ann", [{{role: "read", db: "a"}}])'
    quoted = inner.replace("'", '"')
    line = f"kubectl exec db-0 -c store -n hotel-1 -- mongo --eval '{quoted}'"
    act = action_of(parse(line))
    assert act == RunMongoRepair(
        namespace="hotel-1",
        pod="db-0",
        container="store",
        shell="mongo",
        operation="grant_roles",
        database="geo-db",
        user="ann",
        roles=(("read", "a"),),
        login_variables=("ROOT", "ROOT_PASSWORD"),
    )
    assert command_of(act).inner[:3] == ("mongo", "--quiet", "--eval")
