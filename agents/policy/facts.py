"""What a policy may know of an action: where it acts, on what, and which members it touches.

Invariant: of what the act itself says `touches` may tell too much but never too little: every
member named in a patch, a JSON Pointer or a manifest is in it, and a change that replaces or
removes a whole part is `wholesale`. What it does beyond its words, the dry run tells
(`request.PreviewFacts`). A name with a prefix is in it three times, so that a policy can name the
prefix or the rest alone.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import orjson
from pydantic import JsonValue

from agents.contracts.action import (
    Action,
    ApplyManifest,
    CordonNode,
    DeletePod,
    DeleteResource,
    HelmRollback,
    LabelResource,
    PatchResource,
    RunMongoRepair,
    ScaleWorkload,
    SetImage,
)
from agents.policy.kinds import KINDS, RELEASES
from agents.policy.manifest import read_object
from agents.policy.refusal import ReasonCode, Refusal

WHOLESALE = "wholesale"
# parts whose loss takes along members that no patch names
_PARTS = frozenset({"metadata", "spec", "template", "containers", "initContainers", "annotations"})
# parts whose members an author calls as he likes
_FREE = frozenset(
    {"data", "binaryData", "labels", "annotations", "matchLabels", "selector", "nodeSelector"}
)
_DIRECTIVES = frozenset({"$patch", "$retainKeys"})
_MERGING = frozenset({"strategic", "merge"})
# an index of RFC 6901, and whatever the API server's own library takes for one
_INDEX = re.compile(r"0|[1-9][0-9]*")
_NUMBER = re.compile(r"[+-]?[0-9]+")
_MOST = 2**53
_REPLACING = frozenset({"remove", "replace", "add", "move", "copy"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFacts:
    """One action as a policy sees it. `replicas` is -1, `image` empty where the act sets none.

    refers: namespaces that a manifest names anywhere, as a volume's claim and a claim's source do.
    """

    kind: str
    namespace: str | None
    name: str
    touches: frozenset[str] = frozenset()
    replicas: int = -1
    force: bool = False
    image: str = ""
    refers: frozenset[str] = frozenset()

    @property
    def workload(self) -> str:
        """The object as the operator's globs name it: `namespace/kind/name`."""
        return f"{self.namespace or ''}/{self.kind}/{self.name}"


def facts_of(action: Action) -> ActionFacts:
    """Return the facts of an action; raises `ValueError` or `Refusal` where it can't be read."""
    match action:
        case PatchResource() | ApplyManifest():
            return _facts_of_data(action)
        case DeletePod() | RunMongoRepair():
            name = action.name if isinstance(action, DeletePod) else action.pod
            force = isinstance(action, DeletePod) and action.force
            return ActionFacts(kind="pods", namespace=action.namespace, name=name, force=force)
        case DeleteResource() | LabelResource():
            touches = _keys(action) if isinstance(action, LabelResource) else frozenset()
            return ActionFacts(
                kind=_known(action.kind),
                namespace=action.namespace,
                name=action.name,
                touches=touches,
            )
        case CordonNode():
            return ActionFacts(kind="nodes", namespace=None, name=action.name)
        case HelmRollback():
            return ActionFacts(kind=RELEASES, namespace=action.namespace, name=action.release)
        case _:
            workload = action.workload
            return ActionFacts(
                kind=workload.kind,
                namespace=workload.namespace,
                name=workload.name,
                replicas=action.replicas if isinstance(action, ScaleWorkload) else -1,
                image=action.image if isinstance(action, SetImage) else "",
            )


def _facts_of_data(action: PatchResource | ApplyManifest) -> ActionFacts:
    strategy, text = "apply", ""
    match action:
        case PatchResource():
            strategy, text = action.strategy, action.patch
        case ApplyManifest():
            text = action.manifest
            _check_same_object(action)
    data: JsonValue = orjson.loads(text)
    if strategy == "json":
        names, replicas = _of_operations(data)
    else:
        names, replicas = set(_members(data, strategy)), _replicas_of(data)
    return ActionFacts(
        kind=_known(action.kind),
        namespace=action.namespace,
        name=action.name,
        touches=spelled(names),
        replicas=replicas,
        refers=frozenset(_referred(data)) if isinstance(action, ApplyManifest) else frozenset(),
    )


def _referred(data: JsonValue) -> Iterator[str]:
    """Yield the namespaces that an object's members name, which labels and data do not."""
    if isinstance(data, dict):
        for name, value in data.items():
            if name.lower().endswith("namespace") and isinstance(value, str):
                yield value
            elif name not in _FREE:
                yield from _referred(value)
    for item in data if isinstance(data, list) else ():
        yield from _referred(item)


def _check_same_object(action: ApplyManifest) -> None:
    """Refuse a manifest that is of another object than its action says."""
    kind, namespace, name, _ = read_object(action.manifest, action.namespace)
    if (kind, namespace, name) != (action.kind, action.namespace, action.name):
        raise ValueError(f"expected a manifest of {action.kind}/{action.name}, got {kind}/{name}")


def _members(data: JsonValue, strategy: str) -> Iterator[str]:
    """Yield every member's name; patches also remove by null, by directive and by whole lists."""
    if isinstance(data, dict):
        for name, value in data.items():
            yield from name.split("/") if name.startswith("$") else (name,)
            lost = value is None or (strategy == "merge" and isinstance(value, list))
            if name in _DIRECTIVES or (strategy in _MERGING and name in _PARTS and lost):
                yield WHOLESALE
            yield from _members(value, strategy)
    elif isinstance(data, list):
        for item in data:
            yield from _members(item, strategy)


def _of_operations(data: JsonValue) -> tuple[set[str], int]:
    """Return names of a JSON Patch (RFC 6902), and the fewest replicas that it says anywhere."""
    names: set[str] = set()
    said: list[int] = []
    for operation in data if isinstance(data, list) else [None]:
        if not isinstance(operation, dict) or operation.get("op") not in _REPLACING | {"test"}:
            raise ValueError("expected the operations of a JSON Patch")
        value = operation.get("value")
        for member in ("path", "from"):
            pointer = operation.get(member, "/-" if member == "from" else None)
            if not isinstance(pointer, str):
                raise ValueError(f"expected {member} to be a JSON Pointer")  # noqa: TRY004 - data, not a type
            parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
            names.update(parts)
            _check_indexes(parts)
            last = next((part for part in reversed(parts) if not _INDEX.fullmatch(part)), "")
            if operation["op"] != "test" and (not parts or last in _PARTS):
                names.add(WHOLESALE)
            if parts[-1:] == ["replicas"]:
                said.append(_count(value))
        names.update(_members(value, "json"))
        if isinstance(value, dict) and "replicas" in value:
            said.append(_count(value["replicas"]))
    return names, min(said, default=-1)


def _check_indexes(parts: list[str]) -> None:
    """Refuse a number that the API server counts by and RFC 6901 does not: -1, +0, 007."""
    for part in parts:
        if _NUMBER.fullmatch(part) and not _INDEX.fullmatch(part):
            raise Refusal(
                ReasonCode.BAD_MANIFEST,
                f"expected an index of a list such as 0, got {part[:60]!r}",
                None,
                "count from 0, or take - to append",
            )


def _replicas_of(data: JsonValue) -> int:
    """Return the wanted replicas of an object or a merge patch, -1 where it says none."""
    spec = data.get("spec") if isinstance(data, dict) else None
    return _count(spec["replicas"]) if isinstance(spec, dict) and "replicas" in spec else -1


def _count(value: JsonValue) -> int:
    """Return a number of replicas; what is none, such as null, counts as zero."""
    if isinstance(value, float) and abs(value) > _MOST:  # what the reader could not hold as it is
        raise ValueError(f"expected a number of replicas, got {value}")
    return max(value, 0) if isinstance(value, int) and not isinstance(value, bool) else 0


def _keys(action: LabelResource) -> frozenset[str]:
    return spelled(name for name, _ in action.pairs)


def spelled(names: Iterable[str]) -> frozenset[str]:
    """Return the names; one with a prefix (`example.com/x`) also as `example.com/*` and `*/x`.

    A policy has no wildcard for a member of a set, and who runs a controller may choose its prefix.
    """
    told = set(names)
    for name in tuple(told):
        prefix, slash, last = name.partition("/")
        if slash:
            told |= {f"{prefix}/*", f"*/{last}"}
    return frozenset(told)


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"expected a known kind, got {kind!r}")
    return kind
