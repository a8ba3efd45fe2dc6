"""Faults of data stores: users and roles of MongoDB, TLS by a release, volumes that are gone."""

from __future__ import annotations

import re
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import orjson

from agents.environments.simulated.applications.deploy import objects_of
from agents.environments.simulated.applications.graph import TLS_ARGUMENTS, Protocol
from agents.environments.simulated.clock import MINUTE
from agents.environments.simulated.controllers import kubelet
from agents.environments.simulated.faults.family import (
    Evidence,
    Family,
    Injection,
    Original,
    caller_complains,
    edit,
)
from agents.environments.simulated.faults.templates import patch_container
from agents.environments.simulated.kubectl.helm import upgrade
from agents.environments.simulated.objects.kinds import clone
from agents.environments.simulated.objects.manifest import bare

if TYPE_CHECKING:
    from agents.environments.simulated.applications.graph import Application, Component
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.objects.kinds import Manifest

Roles = tuple[tuple[str, str], ...]
_ROOT = (
    'db.getSiblingDB("admin").auth(_getEnv("MONGO_INITDB_ROOT_USERNAME"), '
    '_getEnv("MONGO_INITDB_ROOT_PASSWORD"))'
)


def _keeps_users(application: Application, component: Component) -> bool:
    return bool(component.program.users) and bool(application.callers(component.name))


def _client(application: Application, store: str) -> tuple[str, str, str]:
    """Return (caller, user, database) of the first program that logs in at a store."""
    for component in application.components:
        for call in component.program.calls:
            if call.target == store and call.database and call.user:
                return component.name, call.user, call.database
    raise KeyError(f"nobody logs in at {store}")


def _mongo(cluster: Cluster, store: str, statement: str) -> str:
    """Return the line that runs a statement in a store; a repair names its pod."""
    pod = cluster.pods_of(store)[-1]["metadata"]["name"]
    return f"kubectl exec {pod} -- mongo --quiet --eval '{_ROOT}; {statement}'"


def _put(cluster: Cluster, store: str, user: str, roles: Roles | None) -> None:
    """Set or remove a user, and begin the clients anew, as the operator's script does."""
    users = cluster.accounts[store]
    if roles is None:
        users.pop(user, None)
    else:
        users[user] = roles
    _restart_clients(cluster, store)


def _restart_clients(cluster: Cluster, store: str) -> None:
    """Delete the pods of whoever calls a store."""
    for caller in cluster.application.callers(store):
        for run in list(cluster.runs_of(caller)):
            kubelet.stop(cluster, run.pod)
    cluster.remeasure()


def _give_back(cluster: Cluster, store: str, user: str, roles: Roles) -> None:
    _put(cluster, store, user, roles)


def _account_evidence(store: str, caller: str, words: str) -> tuple[Evidence, ...]:
    return (
        Evidence(
            name="crash",
            sights=(rf"\b{re.escape(caller)}-\S+\s+0/1\s+(CrashLoopBackOff|Error)",),
        ),
        Evidence(name="refusal", sights=(rf"\Alogs [^\n]*{re.escape(caller)}[\s\S]*{words}",)),
        Evidence(
            name="users",
            sights=(rf"\Aexec [^\n]*{re.escape(store)}[\s\S]*(user|roles)", rf"{words}"),
        ),
    )


def _role(role: str, database: str) -> str:
    return f'{{role: "{role}", db: "{database}"}}'


def _revoke(cluster: Cluster, component: Component, _rng: Random) -> Injection:
    store = component.name
    caller, user, database = _client(cluster.application, store)
    before = cluster.accounts[store][user]
    kept = tuple(item for item in before if item[1] != database)
    _put(cluster, store, user, kept)
    grant = f'db.getSiblingDB("admin").grantRolesToUser("{user}", [%s])'
    return Injection(
        service=store,
        originals=(),
        evidence=_account_evidence(store, caller, "not authorized"),
        repairs=(
            _mongo(cluster, store, grant % _role("readWrite", database)),
            _mongo(cluster, store, grant % _role("dbOwner", database)),
        ),
        accepted=(caller,),
        calm=partial(_give_back, store=store, user=user, roles=before),
    )


def _unregister(cluster: Cluster, component: Component, _rng: Random) -> Injection:
    store = component.name
    caller, user, database = _client(cluster.application, store)
    before = cluster.accounts[store][user]
    _put(cluster, store, user, None)
    create = (
        f'db.getSiblingDB("admin").createUser({{user: "{user}", '
        'pwd: _getEnv("MONGO_INITDB_ROOT_PASSWORD"), roles: [%s]})'
    )
    return Injection(
        service=store,
        originals=(),
        evidence=_account_evidence(store, caller, "[Aa]uthentication failed"),
        repairs=(
            _mongo(cluster, store, create % _role("readWrite", database)),
            _mongo(cluster, store, create % _role("dbOwner", database)),
        ),
        accepted=(caller,),
        calm=partial(_give_back, store=store, user=user, roles=before),
    )


def _released_mongo(application: Application, component: Component) -> bool:
    return (
        application.release is not None
        and component.program.protocol is Protocol.MONGO
        and bool(application.callers(component.name))
    )


def _require_tls(cluster: Cluster, component: Component, _rng: Random) -> Injection:
    """Require TLS by an upgrade of the release."""
    release = cluster.application.release
    if release is None:
        raise KeyError("expected an application with a helm release")
    _, original = edit(cluster, "deployments", component.name)
    upgrade(cluster, release.name, {f"{component.name}.tls.mode": "requireTLS"})
    cluster.settle()
    _restart_clients(cluster, component.name)
    argument = TLS_ARGUMENTS[Protocol.MONGO][1]
    return Injection(
        service=component.name,
        originals=(original,),
        evidence=(
            caller_complains(component.name),
            Evidence(name="argument", sights=(rf"\A(get|describe)[\s\S]*{argument}",)),
        ),
        repairs=(
            f"helm rollback {release.name}",
            f"kubectl rollout undo deployment/{component.name}",
            patch_container(component.name, component.container, {"args": None}),
        ),
    )


def _by_hand(application: Application, component: Component) -> bool:
    return application.static_volumes and component.volume is not None


def _redeploy(cluster: Cluster, component: Component, _rng: Random) -> Injection:
    """Delete the namespace's objects and deploy the application again, without its volumes."""
    namespace = cluster.namespace
    kept = {kind: cluster.store.listed(kind, namespace) for kind in ("configmaps",)}
    for kind in ("deployments", "services", "persistentvolumeclaims"):
        for item in cluster.store.listed(kind, namespace):
            cluster.store.delete(kind, item)
    for run in list(cluster.runs.values()):
        kubelet.stop(cluster, run.pod)
    for item in cluster.store.listed("replicasets", namespace):
        cluster.store.delete("replicasets", item)
    cluster.settle()
    present = {item["metadata"]["name"] for item in kept["configmaps"]}
    volumes = [clone(v) for v in cluster.store.listed("persistentvolumes")]
    for kind, body in objects_of(cluster.application):
        name = body["metadata"]["name"]
        if kind in ("serviceaccounts", "secrets") or (kind == "configmaps" and name in present):
            continue
        cluster.store.create(kind, body, cluster.stamp())
    cluster.settle()
    originals = tuple(
        Original(kind="persistentvolumes", name=v["metadata"]["name"], manifest=_free(v))
        for v in volumes
    )
    return Injection(
        service=component.name,
        originals=originals,
        evidence=(
            Evidence(
                name="pending",
                sights=(
                    r"\Aget [\s\S]*-\S+\s+0/1\s+Pending",
                    "unbound immediate PersistentVolumeClaims",
                ),
            ),
            Evidence(
                name="claims",
                sights=(
                    r"\A(get|describe) persistentvolumeclaims[\s\S]*Pending",
                    r"\Aget persistentvolumes[\s\S]*Released",
                    "no persistent volumes available",
                ),
            ),
        ),
        repairs=(),
        plans=(
            tuple(
                f'kubectl patch pv {v["metadata"]["name"]} -p \'{{"spec":{{"claimRef":null}}}}\''
                for v in volumes
            ),
            tuple(_another(v) for v in volumes),
        ),
    )


def _free(volume: Manifest) -> Manifest:
    free = clone(volume)
    free["spec"]["claimRef"] = None
    del free["spec"]["claimRef"]
    free["status"] = {"phase": "Available"}
    return free


def _another(volume: Manifest) -> str:
    """Return the line that makes one more volume over the same data."""
    fresh = bare("persistentvolumes", f"{volume['metadata']['name']}-2")
    fresh["spec"] = {key: clone({"v": value})["v"] for key, value in volume["spec"].items()}
    fresh["spec"].pop("claimRef", None)
    return f"kubectl apply -f - <<'EOF'\n{orjson.dumps(fresh).decode()}\nEOF"


FAMILIES = (
    Family(
        name="revoke_auth_mongodb",
        system_level="Application",
        fault_type="Authentication Issue",
        carries=_keeps_users,
        inject=_revoke,
    ),
    Family(
        name="user_unregistered_mongodb",
        system_level="Application",
        fault_type="Network/Storage Issue",
        carries=_keeps_users,
        inject=_unregister,
    ),
    Family(
        name="auth_miss_mongodb",
        system_level="Application",
        fault_type="Misconfiguration",
        carries=_released_mongo,
        inject=_require_tls,
    ),
    Family(
        name="redeploy_without_PV",
        system_level="Virtualization",
        fault_type="Operation Error",
        carries=_by_hand,
        inject=_redeploy,
        lead=(4 * MINUTE, 8 * MINUTE),
    ),
)
