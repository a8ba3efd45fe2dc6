"""The Mongo shell of a pod: what it asks and repairs is what the server keeps, in its own words."""

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.contracts.action import RunMongoRepair
from agents.contracts.command import Access
from agents.environments.protocol import ActionRejected, Output
from agents.environments.simulated import dryrun
from agents.environments.simulated.applications.graph import (
    Application,
    Call,
    Component,
    Program,
    Protocol,
    StoreUser,
    Variable,
)
from agents.environments.simulated.benchmark.problems import scenario_of
from agents.environments.simulated.cluster import Cluster, thaw
from agents.environments.simulated.kubectl import shell
from agents.environments.simulated.kubectl.mongodocs import Uuid, Value, inspect, tojson
from agents.environments.simulated.lab import Lab
from agents.policy.actions import action_of
from agents.policy.parse import access_of, parse

LOGIN = {
    "mongo": 'db.getSiblingDB("admin").auth(_getEnv("MONGO_INITDB_ROOT_USERNAME"), '
    '_getEnv("MONGO_INITDB_ROOT_PASSWORD"))',
    "mongosh": 'db.getSiblingDB("admin").auth(process.env.MONGO_INITDB_ROOT_USERNAME, '
    "process.env.MONGO_INITDB_ROOT_PASSWORD)",
}
TRACE = "_getErrorWithCode@src/mongo/shell/utils.js:25:13\n"


def application(version: str) -> Application:
    """One service that keeps its boats in one MongoDB."""
    users = (
        StoreUser(name="chief", roles=(("root", "admin"),)),
        StoreUser(name="ferry", roles=(("readWrite", "boats"),)),
    )

    def program(name: str, protocol: Protocol, port: int) -> Program:
        return Program(
            name=name,
            protocol=protocol,
            port=port,
            memory=30.0,
            idle=5,
            cost=0.5,
            latency=2.0,
            start=1,
        )

    call = Call(
        target="store",
        address="store:27017",
        share=1.0,
        critical=True,
        user="ferry",
        database="boats",
    )
    front = replace(program("front", Protocol.HTTP, 80), calls=(call,))
    store = replace(program("store", Protocol.MONGO, 27017), users=users)
    secret = (
        Variable(name="MONGO_INITDB_ROOT_USERNAME", value="chief"),
        Variable(name="MONGO_INITDB_ROOT_PASSWORD", value="anchor"),
    )
    return Application(
        name="ferry",
        namespace="ferry",
        entry="front",
        load=10.0,
        components=(
            Component(
                name="front",
                program=front,
                image="ferry/front:1",
                container="front",
                port_name="http",
                service_port=80,
            ),
            Component(
                name="store",
                program=store,
                image=f"mongo:{version}",
                container="store",
                port_name="mongo",
                service_port=27017,
                variables=secret,
            ),
        ),
    )


@cache
def running(version: str) -> bytes:
    cluster = Cluster(application(version), 5, 1.8e9)
    cluster.deploy()
    cluster.advance(cluster.now + 60)
    return cluster.freeze()


def started(version: str = "4.4.6") -> Cluster:
    return thaw(running(version))


def run(cluster: Cluster, argv: str, target: str = "deploy/store") -> Output:
    command = parse(f"kubectl exec {target} -- {argv}", cluster.namespace)
    does = shell.read if access_of(command) is Access.READ else shell.write
    return does(cluster, command)


def ask(cluster: Cluster, question: str, flags: str = "--quiet admin -u chief -p anchor") -> str:
    return run(cluster, f"mongo {flags} --eval '{question}'").text


def repair(cluster: Cluster, statement: str, program: str = "mongo") -> Output:
    return run(cluster, f"{program} --quiet admin --eval '{LOGIN[program]}; {statement}'")


def action(cluster: Cluster, statement: str) -> RunMongoRepair:
    pod = cluster.pods_of("store")[0]["metadata"]["name"]
    line = f"kubectl exec {pod} -- mongo admin --eval '{LOGIN['mongo']}; {statement}'"
    found = action_of(parse(line, cluster.namespace))
    assert isinstance(found, RunMongoRepair)
    return found


def test_a_store_with_users_asks_for_a_login() -> None:
    output = run(started(), "mongo admin --eval 'db.getUsers()'")
    banner, said = output.text.split("MongoDB server version: 4.4.6\n")
    assert banner.startswith(
        "MongoDB shell version v4.4.6\nconnecting to: mongodb://127.0.0.1:27017/admin?"
        'compressors=disabled&gssapiServiceName=mongodb\nImplicit session: session { "id" : UUID("'
    )
    assert said == (
        f"uncaught exception: Error: command usersInfo requires authentication :\n{TRACE}"
        "DB.prototype.getUsers@src/mongo/shell/db.js:1659:15\n@(shell eval):1:1\n"
        "exiting with code -4\ncommand terminated with exit code 252\n"
    )
    assert output.exit_code == 252


def test_the_users_of_a_database_as_mongo_prints_them() -> None:
    text = ask(started(), 'db.getUser("ferry")')
    assert text.startswith('{\n\t"_id" : "admin.ferry",\n\t"userId" : UUID("')
    assert text.endswith(
        '\t"user" : "ferry",\n\t"db" : "admin",\n\t"roles" : [\n\t\t{\n\t\t\t"role" : "readWrite",'
        '\n\t\t\t"db" : "boats"\n\t\t}\n\t],\n\t"mechanisms" : [\n\t\t"SCRAM-SHA-1",'
        '\n\t\t"SCRAM-SHA-256"\n\t]\n}\n'
    )
    assert ask(started(), 'db.getSiblingDB("boats").getUsers()') == "[ ]\n"
    assert ask(started(), 'db.getUser("nobody")') == "null\n"
    assert ask(started(), 'db.getUser("ferry"); db') == "admin\n"


def test_the_users_of_a_database_as_mongosh_prints_them() -> None:
    output = run(started("7.0.14"), f"mongosh admin --eval '{LOGIN['mongosh']}; db.getUsers()'")
    lines = output.text.splitlines()
    assert lines[0] == "{" and lines[-2:] == ["  ok: 1", "}"]
    assert "      roles: [ { role: 'readWrite', db: 'boats' } ]," in lines
    assert "      mechanisms: [ 'SCRAM-SHA-1', 'SCRAM-SHA-256' ]" in lines


@pytest.mark.parametrize(
    ("version", "program", "there"),
    [
        ("4.4.6", "mongo", True),
        ("4.4.6", "mongosh", False),
        ("5.0.31", "mongo", True),
        ("5.0.31", "mongosh", True),
        ("7.0.14", "mongo", False),
        ("7.0.14", "mongosh", True),
    ],
)
def test_an_image_brings_the_shells_of_its_version(
    version: str, program: str, *, there: bool
) -> None:
    output = run(started(version), f"{program} --quiet --eval 'db.version()'")
    assert (output.text == f"{version}\n") is there
    assert ("executable file not found" in output.text) is not there
    foreign = run(started(version), f"{program} --quiet --eval 'db.version()'", "deploy/front")
    assert "executable file not found" in foreign.text


@pytest.mark.parametrize(
    ("flags", "good"),
    [
        ("-u chief -p anchor", True),
        ("-u chief -p chief", False),
        ("-u ferry -p ferry", True),
        ("-u ferry -p anchor", True),
        ("-u ferry -p wrong", False),
        ("-u nobody -p nobody", False),
        ("-u ferry -p ferry --authenticationDatabase boats", False),
    ],
)
def test_who_logs_in(flags: str, *, good: bool) -> None:
    output = run(started(), f"mongo --quiet admin {flags} --eval 'db.getName()'")
    if good:
        assert (output.text, output.exit_code) == ("admin\n", 0)
    else:
        assert output.exit_code == 1
        assert output.text.startswith("Error: Authentication failed. :\nconnect@src/mongo/shell")


def test_a_login_by_script() -> None:
    assert ask(started(), LOGIN["mongo"], "--quiet") == "1\n"
    wrong = 'db.auth("ferry", "wrong")'
    assert ask(started(), wrong, "--quiet admin") == "Error: Authentication failed.\n0\n"
    output = run(started("7.0.14"), f"mongosh admin --eval '{wrong}'")
    assert output.text.startswith("MongoServerError: Authentication failed.\n")
    assert output.exit_code == 1


def test_a_user_without_the_right_is_told_so() -> None:
    text = ask(started(), "db.getUsers()", "--quiet admin -u ferry -p ferry")
    assert text.startswith(
        "uncaught exception: Error: not authorized on admin to execute command "
        '{ usersInfo: 1.0, lsid: { id: UUID("'
    )
    own = ask(started(), 'db.getUser("ferry")', "--quiet admin -u ferry -p ferry")
    assert '"_id" : "admin.ferry"' in own


@pytest.mark.parametrize("program", ["mongo", "mongosh"])
def test_the_other_shell_s_variables_are_unknown(program: str) -> None:
    version, other = ("4.4.6", "mongosh") if program == "mongo" else ("7.0.14", "mongo")
    output = run(started(version), f"{program} --quiet --eval '{LOGIN[other]}'")
    assert "ReferenceError: " in output.text and output.exit_code != 0


def test_another_store_is_asked_through_its_service() -> None:
    cluster = started()
    flags = "--quiet --host store admin -u chief -p anchor"
    assert ask(cluster, "db.version()", flags) == "4.4.6\n"
    assert "HostNotFound" in ask(cluster, "db.version()", "--quiet --host nothing")
    assert "Connection refused" in ask(cluster, "db.version()", "--quiet --host front")


def test_a_question_changes_nothing_and_a_repair_is_no_question() -> None:
    cluster = started()
    version = cluster.store.version
    ask(cluster, "db.getUsers()")
    drop = parse(
        f"kubectl exec deploy/store -- mongo admin --eval '{LOGIN['mongo']}; "
        'db.dropUser("ferry")\'',
        cluster.namespace,
    )
    assert shell.read(cluster, drop).exit_code == 1
    assert cluster.store.version == version and "ferry" in cluster.accounts["store"]
    assert shell.write(cluster, parse("kubectl exec deploy/store -- env", "ferry")).exit_code == 1


PLACES = ("db", 'db.getSiblingDB("boats")')
METHODS = ["getName", "getUsers", "getRoles", "stats", "serverStatus", "version", "hello"]
METHODS += ["isMaster", "getCollectionNames", "getProfilingStatus", "serverBuildInfo"]
COMMANDS = ["ping", "listDatabases", "connectionStatus", "usersInfo", "rolesInfo", "serverStatus"]
COMMANDS += ["hello", "isMaster", "buildInfo", "dbStats", "listCollections", "replSetGetStatus"]
QUESTIONS = [*(f"{place}.{method}()" for place in PLACES for method in METHODS), *PLACES]
QUESTIONS += [f"{place}.runCommand({{{name}: 1}})" for place in PLACES for name in COMMANDS]
QUESTIONS += [f'db.adminCommand({{"{name}": "ferry"}})' for name in COMMANDS]
QUESTIONS += ['db.getUser("ferry")', 'db.getRole("read")', "db.boats.count()", "db.boats.stats({})"]
QUESTIONS += ['db.getCollection("boats").countDocuments({})', "db.getMongo().getDBNames()"]
QUESTIONS += ["db.getMongo().getDBs()", "rs.status()", "rs.conf()", "rs.isMaster()", "show dbs"]
QUESTIONS += ["show databases", "show users", "show roles", "show collections"]
QUESTIONS += ["printjson(db.getUsers())", "print(db.getUsers())", "print(JSON.stringify(db))"]
QUESTIONS += ["EJSON.stringify(db.getUsers())"]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("program", ["mongo", "mongosh"])
def test_every_question_that_policy_reads_is_answered(program: str, question: str) -> None:
    cluster = started("5.0.31")
    version, accounts = cluster.store.version, dict(cluster.accounts["store"])
    for login in ("", "-u chief -p anchor ", "-u ferry -p ferry "):
        output = run(cluster, f"{program} --quiet admin {login}--eval '{question}'")
        assert output.text
        failed = "command terminated with exit code" in output.text
        assert failed is (output.exit_code != 0)
    assert (cluster.store.version, cluster.accounts["store"]) == (version, accounts)


def test_repairs_and_their_words() -> None:
    cluster = started()
    create = 'db.createUser({user: "bob", pwd: _getEnv("MONGO_INITDB_ROOT_PASSWORD"), roles: [%s]})'
    made = repair(cluster, create % '{role: "read", db: "boats"}')
    assert made.text == (
        'Successfully added user: {\n\t"user" : "bob",\n\t"roles" : [\n\t\t{\n'
        '\t\t\t"role" : "read",\n\t\t\t"db" : "boats"\n\t\t}\n\t]\n}\n'
    )
    assert cluster.accounts["store"]["bob"] == (("read", "boats"),)
    again = repair(cluster, create % '"read"')
    assert again.exit_code == 252
    assert 'Error: couldn\'t add user: User "bob@admin" already exists :\n' in again.text
    assert repair(cluster, 'db.dropUser("bob")').text == "true\n"
    assert repair(cluster, 'db.dropUser("bob")').text == "false\n"
    for role, words in (("readWrite", "Could not find user"), ("king", "Could not find role")):
        user = "bob" if role == "readWrite" else "ferry"
        grant = f'db.grantRolesToUser("{user}", [{{role: "{role}", db: "boats"}}])'
        refused = repair(cluster, grant)
        assert words in refused.text and refused.exit_code == 252
    sh = started("7.0.14")
    assert repair(sh, 'db.grantRolesToUser("ferry", ["read"])', "mongosh").text == "{ ok: 1 }\n"
    gone = repair(sh, 'db.dropUser("bob")', "mongosh")
    assert gone.text.startswith("MongoServerError: User 'bob@admin' not found\n")
    assert gone.exit_code == 1


def test_a_user_of_another_database_is_another_user() -> None:
    cluster = started()
    repair(cluster, 'db.dropUser("ferry")')
    create = 'db.getSiblingDB("boats").createUser({user: "ferry", pwd: %s, roles: ["readWrite"]})'
    assert repair(cluster, create % '_getEnv("MONGO_INITDB_ROOT_PASSWORD")').exit_code == 0
    assert ask(cluster, 'db.getUser("ferry")') == "null\n"
    assert '"boats.ferry"' in ask(cluster, 'db.getSiblingDB("boats").getUsers()')


def test_traffic_follows_users_and_roles_at_once() -> None:
    cluster = started()
    assert cluster.epochs[-1].errors == 0.0
    repair(cluster, 'db.dropUser("ferry")')
    assert cluster.epochs[-1].errors == 1.0
    create = (
        'db.createUser({user: "ferry", pwd: _getEnv("MONGO_INITDB_ROOT_PASSWORD"), '
        'roles: [{role: "readWrite", db: "boats"}]})'
    )
    cluster.now += 5
    repair(cluster, create)
    assert cluster.epochs[-1].errors == 0.0


def test_a_preview_shows_the_users_before_and_after() -> None:
    cluster = started()
    state = cluster.freeze()
    create = (
        'db.createUser({user: "bob", pwd: _getEnv("MONGO_INITDB_ROOT_PASSWORD"), roles: ["read"]})'
    )
    shown = dryrun.preview(cluster, action(cluster, create))
    assert "+  user: bob\n" in shown.diff and "\n-" not in shown.diff.removeprefix("---")
    assert [item.kind for item in shown.touched] == ["pods"]
    assert shown.pods_affected == 0
    undo = shown.rollback
    assert isinstance(undo, RunMongoRepair) and (undo.operation, undo.user) == ("drop_user", "bob")
    grant = dryrun.preview(cluster, action(cluster, 'db.grantRolesToUser("ferry", ["read"])'))
    assert "+  - db: admin\n+    role: read\n" in grant.diff and grant.rollback is None
    drop = dryrun.preview(cluster, action(cluster, 'db.dropUser("ferry")'))
    assert "-  user: ferry\n" in drop.diff and drop.rollback is None
    assert cluster.freeze() == state


def test_a_preview_refuses_what_would_fail() -> None:
    cluster = started()
    for statement, words in (
        ('db.dropUser("bob")', "User 'bob@admin' not found"),
        ('db.grantRolesToUser("bob", ["read"])', 'Could not find user "bob" for db "admin"'),
    ):
        with pytest.raises(ActionRejected, match=words):
            dryrun.preview(cluster, action(cluster, statement))
    nowhere = action(cluster, 'db.dropUser("ferry")').model_copy(update={"pod": "store-x"})
    with pytest.raises(ActionRejected, match='pods "store-x" not found'):
        dryrun.preview(cluster, nowhere)


def test_the_act_makes_the_preview_stale_and_heals_the_lab() -> None:
    lab = Lab(scenario_of("revoke_auth_mongodb-mitigation-1"))
    pod = lab.cluster.pods_of("mongodb-geo")[0]["metadata"]["name"]
    line = lab.ground_truth.repairs[0].replace("deploy/mongodb-geo", pod)
    fix = action_of(parse(line, lab.namespace))
    assert isinstance(fix, RunMongoRepair)
    shown = lab.preview(fix)
    assert "+    role: readWrite\n" in shown.diff
    assert lab.versions(shown.touched) == shown.touched
    assert lab.act(fix).exit_code == 0 and lab.changed
    assert lab.versions(shown.touched) != shown.touched
    assert ("readWrite", "geo-db") in lab.cluster.accounts["mongodb-geo"]["admin"]
    assert lab.verify(fix) == (True, "rolled out, all pods ready, requests succeed")


@pytest.mark.parametrize(
    ("value", "mongo", "mongosh"),
    [
        ({}, "{ }", "{}"),
        ([], "[ ]", "[]"),
        ("it's", '"it\'s"', '"it\'s"'),
        (True, "true", "true"),
        (None, "null", "null"),
        (Uuid("a-b"), 'UUID("a-b")', "UUID('a-b')"),
        ({"a-b": 1, "c": ["x"]}, '{\n\t"a-b" : 1,\n\t"c" : [\n\t\t"x"\n\t]\n}', None),
        ({"a-b": 1, "c": ["x"]}, None, "{ 'a-b': 1, c: [ 'x' ] }"),
        ({"a": {"b": {"c": {}}}}, None, "{\n  a: { b: { c: {} } }\n}"),
        (["x" * 40, "y" * 40], None, f"[\n  '{'x' * 40}',\n  '{'y' * 40}'\n]"),
    ],
)
def test_documents_in_both_shells(value: Value, mongo: str | None, mongosh: str | None) -> None:
    assert mongo is None or tojson(value) == mongo
    assert mongosh is None or inspect(value) == mongosh


NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,12}", fullmatch=True)
ROLES = st.lists(
    st.tuples(st.sampled_from(("read", "readWrite", "dbOwner", "dbAdmin")), NAMES),
    min_size=1,
    max_size=4,
    unique=True,
)


@settings(max_examples=40, deadline=None)
@given(user=NAMES.filter(lambda name: name not in ("chief", "ferry")), roles=ROLES)
def test_what_was_granted_shows_and_what_was_dropped_is_not_found(
    user: str, roles: list[tuple[str, str]]
) -> None:
    cluster = started()
    listed = ", ".join(f'{{role: "{role}", db: "{place}"}}' for role, place in roles)
    create = f'db.createUser({{user: "{user}", pwd: _getEnv("HOSTNAME"), roles: [{listed}]}})'
    assert "Password cannot be empty" in repair(cluster, create).text
    grant = f'db.grantRolesToUser("ferry", [{listed}])'
    assert repair(cluster, grant).exit_code == 0
    text = ask(cluster, 'db.getUser("ferry")')
    for role, place in roles:
        assert f'"role" : "{role}",\n\t\t\t"db" : "{place}"' in text
    create = create.replace("HOSTNAME", "MONGO_INITDB_ROOT_PASSWORD")
    assert repair(cluster, create).exit_code == 0
    assert f'"_id" : "admin.{user}"' in ask(cluster, f'db.getUser("{user}")')
    assert repair(cluster, f'db.dropUser("{user}")').text == "true\n"
    assert ask(cluster, f'db.getUser("{user}")') == "null\n"
    again = f'db.grantRolesToUser("{user}", [{listed}])'
    assert f'Could not find user "{user}" for db "admin"' in repair(cluster, again).text
