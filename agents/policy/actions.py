"""Commands to typed actions and back, and an action in one sentence for those who approve it.

Invariant: `action_of(parse(line_of(command_of(action)))) == action`, checked whenever an action is
turned into a command, so that nothing runs that the parser would not have read as the same action.
"""

import json
from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError

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
from agents.contracts.command import Access, Command
from agents.policy.commands import plain_command, words_of
from agents.policy.literals import secret_member, secret_name
from agents.policy.manifest import read_canonical, read_object
from agents.policy.mongo import read_mongo
from agents.policy.parse import access_of, parse, place_of
from agents.policy.refusal import DOCUMENT, ReasonCode, Refusal
from agents.policy.render import line_of

__all__ = ["action_of", "command_of", "read_act", "words_of"]

_Data = TypeVar("_Data")
# flags of a write that change neither what is done nor to what
_INESSENTIAL = frozenset({"ignore-not-found", "wait", "timeout"})


def action_of(command: Command) -> Action:
    """Return the one typed action that a write means; raises `Refusal` when there is none."""
    if access_of(command) is Access.READ:
        raise Refusal(
            ReasonCode.NOT_A_WRITE, f"{command.verb} changes nothing", None, "propose it as a probe"
        )
    make = _MAKERS.get(f"{command.program} {command.verb}")
    if make is None:
        raise Refusal(
            ReasonCode.NO_TYPED_ACTION,
            f"no action is typed for {command.program} {command.verb}",
            None,
            "kubectl patch KIND NAME -p '...', or kubectl apply -f - <<'EOF'",
        )
    if command.all_namespaces:
        raise Refusal(
            ReasonCode.SEVERAL_OBJECTS,
            "an act is in one namespace, got -A",
            None,
            "-n NAMESPACE",
            about="--all-namespaces",
        )
    try:
        return make(command)
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(str(part) for part in detail["loc"])
        raise Refusal(
            ReasonCode.BAD_OPERAND,
            f"{where}: {detail['msg']}",
            None,
            "see kubectl api-resources, and name one object or container",
            about=detail["input"] if isinstance(detail["input"], str) else None,
        ) from None


def read_act(line: str, default_namespace: str | None = None) -> Action:
    """Return the one typed action that a line means; raises `Refusal`, with its place."""
    command = parse(line, default_namespace)
    try:
        return action_of(command)
    except Refusal as refusal:
        if refusal.place is None:
            refusal.place = place_of(line, refusal.about)
        raise


def command_of(action: Action) -> Command:
    """Return the command that does the action; raises `Refusal` if parsed otherwise."""
    command = parse(line_of(plain_command(action)))
    if action_of(command) != action:
        raise Refusal(
            ReasonCode.AMBIGUOUS, f"this {action.type} is not what its own line says", None, None
        )
    return command


def _restart(command: Command) -> Action:
    return RestartRollout(workload=_workload(command))


def _undo(command: Command) -> Action:
    revision = command.flag("to-revision")
    return UndoRollout(workload=_workload(command), revision=int(revision) if revision else None)


def _scale(command: Command) -> Action:
    return ScaleWorkload(
        workload=_workload(command, *_INESSENTIAL, "replicas"),
        replicas=int(command.flag("replicas") or ""),
    )


def _set_image(command: Command) -> Action:
    container, _, image = _only_operand(command).partition("=")
    return SetImage(workload=_workload(command), container=container, image=image)


def _set_env(command: Command) -> Action:
    pairs = dict(_pair(operand) for operand in command.operands)
    _check_pairs(pairs)
    if len(pairs) != len(command.operands):
        raise Refusal(ReasonCode.BAD_OPERAND, "expected each variable once")
    return SetEnv(
        workload=_workload(command, "containers", "overwrite"),
        container=command.flag("containers"),
        variables=tuple(sorted(pairs.items())),
    )


def _check_pairs(pairs: dict[str, str | None]) -> None:
    told = secret_name((name, value or "") for name, value in pairs.items())
    _check_literal(told, f"{told}={pairs.get(told or '')}")


def _check_literal(name: str | None, about: str) -> None:
    """Refuse a literal secret, which would be published; name: of what holds one, if anything."""
    if name is not None:
        raise Refusal(
            ReasonCode.SECRET_LITERAL,
            f"{name or 'a text'} looks like a secret, and actions are published",
            None,
            "patch the workload so that the variable comes from a secretKeyRef",
            about=about,
        )


def _set_resources(command: Command) -> Action:
    def amounts(flag: str) -> tuple[tuple[str, str], ...]:
        pairs = [part.partition("=") for part in (command.flag(flag) or "").split(",") if part]
        return tuple(sorted({name: amount for name, _, amount in pairs}.items()))

    requests, limits = amounts("requests"), amounts("limits")
    if not requests and not limits:
        raise Refusal(ReasonCode.MISSING_FLAG, "set resources expects --limits or --requests")
    return SetResources(
        workload=_workload(command, "containers", "requests", "limits"),
        container=command.flag("containers"),
        requests=requests,
        limits=limits,
    )


def _patch(command: Command) -> Action:
    kind, name = _only_target(command, "patch", "type")
    strategy = command.flag("type") or "strategic"
    data, canonical = _about("--patch", lambda: read_canonical(command.flag("patch") or ""))
    if not isinstance(data, list if strategy == "json" else dict):
        wanted = "a list of operations" if strategy == "json" else "an object"
        raise Refusal(
            ReasonCode.BAD_MANIFEST,
            f"a {strategy} patch is {wanted}, got {type(data).__name__}",
            None,
            "--type=json for a list of operations",
            about="--patch",
        )
    _check_literal(secret_member(data, canonical), "--patch")
    return PatchResource.model_validate(
        {
            "kind": kind,
            "namespace": command.namespace,
            "name": name,
            "strategy": strategy,
            "patch": canonical,
        }
    )


def _apply(command: Command) -> Action:
    kind, namespace, name, manifest = _about(
        DOCUMENT, lambda: read_object(command.stdin or "", command.namespace)
    )
    _check_literal(secret_member(json.loads(manifest), manifest), DOCUMENT)
    return ApplyManifest(
        mode="create" if command.verb == "create" else "apply",
        kind=kind,
        namespace=namespace,
        name=name,
        manifest=manifest,
    )


def _about(part: str, read: Callable[[], _Data]) -> _Data:
    """Read a part of a command; a refusal of it is about that part."""
    try:
        return read()
    except Refusal as refusal:
        refusal.about = part
        raise


def _delete(command: Command) -> Action:
    kind, name = _only_target(command, *_INESSENTIAL, "force", "grace-period")
    force = command.flag("force") == "true"
    if command.flag("grace-period") not in ({None, "0"} if force else {None}):
        raise Refusal(
            ReasonCode.REFUSED_FLAG,
            "--grace-period is taken only as 0, together with --force",
            None,
            "leave it out",
            about="--grace-period",
        )
    if kind == "pods":
        return DeletePod(namespace=_namespace(command), name=name, force=force)
    if force:
        raise Refusal(
            ReasonCode.REFUSED_FLAG,
            f"--force is taken for pods only, got {kind}",
            None,
            "leave it out",
            about="--force",
        )
    return DeleteResource(kind=kind, namespace=command.namespace, name=name)


def _label(command: Command) -> Action:
    kind, name = _only_target(command, "overwrite")
    pairs = dict(_pair(operand) for operand in command.operands)
    if len(pairs) != len(command.operands):
        raise Refusal(ReasonCode.BAD_OPERAND, "expected each key once")
    _check_pairs(pairs)
    return LabelResource(
        field="labels" if command.verb == "label" else "annotations",
        kind=kind,
        namespace=command.namespace,
        name=name,
        pairs=tuple(sorted(pairs.items())),
        overwrite=command.flag("overwrite") == "true",
    )


def _cordon(command: Command) -> Action:
    _, name = _only_target(command)
    return CordonNode(name=name, unschedulable=command.verb == "cordon")


def _exec(command: Command) -> Action:
    kind, pod = _only_target(command, "container")
    if kind != "pods":
        raise Refusal(
            ReasonCode.BAD_NAME,
            f"a repair names its pod, got {kind}/{pod}",
            None,
            "exec POD -- ...",
            about=pod,
        )
    call = read_mongo(command.inner)
    return RunMongoRepair.model_validate(
        {
            "namespace": _namespace(command),
            "pod": pod,
            "container": command.flag("container"),
            "shell": call.shell,
            "operation": call.operation,
            "database": call.database,
            "user": call.user,
            "password_variable": call.password_variable,
            "login_variables": call.login,
            "roles": call.roles,
        }
    )


def _helm_rollback(command: Command) -> Action:
    _, release = _only_target(command, *_INESSENTIAL)
    revision = int(command.operands[0]) if command.operands else None
    return HelmRollback(namespace=_namespace(command), release=release, revision=revision)


_MAKERS: dict[str, Callable[[Command], Action]] = {
    "kubectl rollout restart": _restart,
    "kubectl rollout undo": _undo,
    "kubectl scale": _scale,
    "kubectl set image": _set_image,
    "kubectl set env": _set_env,
    "kubectl set resources": _set_resources,
    "kubectl patch": _patch,
    "kubectl apply": _apply,
    "kubectl create": _apply,
    "kubectl delete": _delete,
    "kubectl label": _label,
    "kubectl annotate": _label,
    "kubectl cordon": _cordon,
    "kubectl uncordon": _cordon,
    "kubectl exec": _exec,
    "helm rollback": _helm_rollback,
}
TYPED = frozenset(_MAKERS)
"""The verbs that can be an act; `kubectl exec` only where what it runs writes."""


def _only_target(command: Command, *flags: str) -> tuple[str, str]:
    """Return kind and name of the one object; only these flags have a place in the action."""
    if len(command.targets) != 1 or command.name is None or command.kind is None:
        raise Refusal(
            ReasonCode.SEVERAL_OBJECTS,
            f"an act is on one named object, got {len(command.targets)} of "
            f"{command.kind or 'no kind'}",
            None,
            "one command an object, by its name",
        )
    for flag in command.flags:
        if flag.name not in flags:
            raise Refusal(
                ReasonCode.REFUSED_FLAG,
                f"the action has no place for --{flag.name}",
                None,
                "leave it out",
                about=f"--{flag.name}",
            )
    return command.kind, command.name


def _workload(command: Command, *flags: str) -> Workload:
    kind, name = _only_target(command, *(flags or ("to-revision",)))
    return Workload.model_validate({"kind": kind, "namespace": _namespace(command), "name": name})


def _namespace(command: Command) -> str:
    if command.namespace is None:
        raise Refusal(
            ReasonCode.MISSING_NAMESPACE, "an act names its namespace", None, "add -n NAMESPACE"
        )
    return command.namespace


def _only_operand(command: Command) -> str:
    if len(command.operands) != 1:
        raise Refusal(
            ReasonCode.SEVERAL_OBJECTS,
            f"an act sets one image, got {len(command.operands)}",
            None,
            "one command an image",
            about=command.operands[-1],
        )
    return command.operands[0]


def _pair(operand: str) -> tuple[str, str | None]:
    """Read `KEY=VALUE`, or `KEY-` that removes."""
    name, equals, value = operand.partition("=")
    return (name, value) if equals else (operand.removesuffix("-"), None)
