"""Each typed action as the command that does it, and as a sentence; no judgement is made here.

Invariant: every action class has a row in both tables; `agents.policy.actions.command_of` checks
that the parser reads each command back as the same action.
"""

from collections.abc import Iterable
from functools import singledispatch

from agents.contracts.action import (
    Action,
    ApplyManifest,
    CordonNode,
    DeletePod,
    DeleteResource,
    HelmRollback,
    LabelResource,
    PatchResource,
    RestartRollout,
    RunMongoRepair,
    ScaleWorkload,
    SetEnv,
    SetImage,
    SetResources,
    UndoRollout,
    Workload,
)
from agents.contracts.command import Command, Flag, Target
from agents.policy.kinds import KINDS, RELEASES
from agents.policy.mongo import MongoCall, script_of

Pairs = Iterable[tuple[str, str | None]]


def plain_command(action: Action) -> Command:
    """Return the command of an action, unchecked."""
    return _command(action)


def words_of(action: Action) -> str:
    """Return the action as one sentence for those who approve it."""
    return _words(action)


@singledispatch
def _command(action: object) -> Command:
    raise TypeError(f"expected an action, got {type(action).__name__}")


@singledispatch
def _words(action: object) -> str:
    raise TypeError(f"expected an action, got {type(action).__name__}")


@_command.register
def _(action: RestartRollout) -> Command:
    return _on(action.workload, "rollout restart")


@_words.register
def _(action: RestartRollout) -> str:
    return f"Restart all pods of {_the(action.workload)}, one after another."


@_command.register
def _(action: UndoRollout) -> Command:
    revision = None if action.revision is None else str(action.revision)
    return _on(action.workload, "rollout undo", **{"to-revision": revision})


@_words.register
def _(action: UndoRollout) -> str:
    to = "the revision before" if action.revision is None else f"revision {action.revision}"
    return f"Roll {_the(action.workload)} back to {to}."


@_command.register
def _(action: ScaleWorkload) -> Command:
    return _on(action.workload, "scale", replicas=str(action.replicas))


@_words.register
def _(action: ScaleWorkload) -> str:
    return f"Scale {_the(action.workload)} to {action.replicas} replicas."


@_command.register
def _(action: SetImage) -> Command:
    command = _on(action.workload, "set image")
    return command.model_copy(update={"operands": (f"{action.container}={action.image}",)})


@_words.register
def _(action: SetImage) -> str:
    return (
        f"Set the image of container {action.container} of {_the(action.workload)} "
        f"to {action.image}."
    )


@_command.register
def _(action: SetEnv) -> Command:
    command = _on(action.workload, "set env", containers=action.container)
    return command.model_copy(update={"operands": _operands(action.variables)})


@_words.register
def _(action: SetEnv) -> str:
    where = "every container" if action.container is None else f"container {action.container}"
    return (
        f"Change the environment of {where} of {_the(action.workload)}: {_told(action.variables)}."
    )


@_command.register
def _(action: SetResources) -> Command:
    return _on(
        action.workload,
        "set resources",
        containers=action.container,
        requests=_amounts(action.requests),
        limits=_amounts(action.limits),
    )


@_words.register
def _(action: SetResources) -> str:
    where = "every container" if action.container is None else f"container {action.container}"
    parts = [("requests", action.requests), ("limits", action.limits)]
    told = " and ".join(f"{name} {_amounts(amounts)}" for name, amounts in parts if amounts)
    return f"Set the {told} of {where} of {_the(action.workload)}."


@_command.register
def _(action: PatchResource) -> Command:
    return _at(
        action.kind,
        action.namespace,
        action.name,
        "patch",
        patch=action.patch,
        type=None if action.strategy == "strategic" else action.strategy,
    )


@_words.register
def _(action: PatchResource) -> str:
    place = _place(action.kind, action.namespace, action.name)
    return f"Change {place} by a {action.strategy} patch: {_short(action.patch)}"


@_command.register
def _(action: ApplyManifest) -> Command:
    return Command(
        program="kubectl",
        verb=action.mode,
        namespace=action.namespace,
        stdin=action.manifest + "\n",
    )


@_words.register
def _(action: ApplyManifest) -> str:
    verb = "Create" if action.mode == "create" else "Create or change"
    place = _place(action.kind, action.namespace, action.name)
    return f"{verb} {place}: {_short(action.manifest)}"


@_command.register
def _(action: DeletePod) -> Command:
    flags = {"force": "true", "grace-period": "0"} if action.force else {}
    return _at("pods", action.namespace, action.name, "delete", **flags)


@_words.register
def _(action: DeletePod) -> str:
    how = " at once, without waiting for it to stop" if action.force else ""
    place = _place("pods", action.namespace, action.name)
    return f"Delete {place}{how}; its controller makes another."


@_command.register
def _(action: DeleteResource) -> Command:
    return _at(action.kind, action.namespace, action.name, "delete")


@_words.register
def _(action: DeleteResource) -> str:
    return f"Delete {_place(action.kind, action.namespace, action.name)}."


@_command.register
def _(action: LabelResource) -> Command:
    verb = "label" if action.field == "labels" else "annotate"
    overwrite = "true" if action.overwrite else None
    command = _at(action.kind, action.namespace, action.name, verb, overwrite=overwrite)
    return command.model_copy(update={"operands": _operands(action.pairs)})


@_words.register
def _(action: LabelResource) -> str:
    place = _place(action.kind, action.namespace, action.name)
    return f"Change the {action.field} of {place}: {_told(action.pairs)}."


@_command.register
def _(action: CordonNode) -> Command:
    return _at("nodes", None, action.name, "cordon" if action.unschedulable else "uncordon")


@_words.register
def _(action: CordonNode) -> str:
    what = "Keep new pods off" if action.unschedulable else "Let new pods onto"
    return f"{what} node {action.name}."


@_command.register
def _(action: RunMongoRepair) -> Command:
    call = MongoCall(
        shell=action.shell,
        operation=action.operation,
        database=action.database,
        user=action.user,
        password_variable=action.password_variable,
        roles=action.roles,
        login=action.login_variables,
    )
    command = _at("pods", action.namespace, action.pod, "exec", container=action.container)
    inner = (action.shell, "--quiet", "--eval", script_of(call))
    return command.model_copy(update={"inner": inner})


@_words.register
def _(action: RunMongoRepair) -> str:
    roles = ", ".join(f"{role} on {database}" for role, database in action.roles)
    what = {
        "create_user": f"Create user {action.user} with roles {roles}",
        "grant_roles": f"Give user {action.user} the roles {roles}",
        "drop_user": f"Drop user {action.user}",
    }[action.operation]
    place = _place("pods", action.namespace, action.pod)
    return f"{what} in database {action.database} of MongoDB in {place}."


@_command.register
def _(action: HelmRollback) -> Command:
    command = _at(RELEASES, action.namespace, action.release, "rollback")
    operands = () if action.revision is None else (str(action.revision),)
    return command.model_copy(update={"program": "helm", "operands": operands})


@_words.register
def _(action: HelmRollback) -> str:
    to = "the revision before" if action.revision is None else f"revision {action.revision}"
    return f"Roll helm release {action.release} in namespace {action.namespace} back to {to}."


def _at(kind: str, namespace: str | None, name: str, verb: str, **flags: str | None) -> Command:
    """Return a kubectl command on one object; flags that are None are left out."""
    return Command(
        program="kubectl",
        verb=verb,
        targets=(Target(kind=kind, name=name),),
        namespace=namespace,
        flags=tuple(
            Flag(name=flag, value=value)
            for flag, value in sorted(flags.items())
            if value is not None
        ),
    )


def _on(workload: Workload, verb: str, **flags: str | None) -> Command:
    return _at(workload.kind, workload.namespace, workload.name, verb, **flags)


def _operands(pairs: Pairs) -> tuple[str, ...]:
    return tuple(f"{name}-" if value is None else f"{name}={value}" for name, value in pairs)


def _amounts(pairs: Iterable[tuple[str, str]]) -> str | None:
    return ",".join(f"{name}={amount}" for name, amount in pairs) or None


def _told(pairs: Pairs) -> str:
    return ", ".join(
        f"remove {name}" if value is None else f"{name}={_short(value)}" for name, value in pairs
    )


def _the(workload: Workload) -> str:
    return _place(workload.kind, workload.namespace, workload.name)


def _place(kind: str, namespace: str | None, name: str) -> str:
    singular = KINDS[kind].singular if kind in KINDS else kind
    where = "" if namespace is None else f" in namespace {namespace}"
    return f"{singular} {name}{where}"


def _short(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"
