"""What a typed command asks of an API server: method, path, query and body, by verb.

Written from the Kubernetes API's own conventions, not from `render`: a command whose argv kubectl
understood otherwise differs from it. `test_meaning.py` compares it with what a real kubectl sent.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from agents.contracts.command import Command, Target
from agents.policy.kinds import KINDS
from agents.policy.manifest import read_document

_VERSIONS = {"autoscaling": "v2"}
_ALL = ("pods", "replicationcontrollers", "services", "daemonsets", "deployments", "replicasets")
_ALL += ("statefulsets", "horizontalpodautoscalers", "cronjobs", "jobs")
_LOGS = {
    "container": "container",
    "limit-bytes": "limitBytes",
    "previous": "previous",
    "since": "sinceSeconds",
    "since-time": "sinceTime",
    "tail": "tailLines",
    "timestamps": "timestamps",
}
PATCH_TYPES = {
    "strategic": "application/strategic-merge-patch+json",
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
}
UNHEARD = frozenset({"explain", "version", "api-resources", "cluster-info", "config view", "top"})
"""Verbs that ask for nothing but discovery, or for an API that the control plane lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request. `path` is a pattern; `query` and `body` must be contained; a type is a patch's.

    exact: the body is nothing but `body`.
    """

    method: str
    path: str
    query: dict[str, list[str]] = field(default_factory=dict)
    body: Any = None
    exact: bool = False
    type: str | None = None

    def is_met_by(self, request: dict[str, Any]) -> bool:
        """Whether a recorded request is this one."""
        query = request.get("query", {})
        return (
            request["method"] == self.method
            and re.fullmatch(self.path, request["path"]) is not None
            and all(_plain(query.get(key, [])) == _plain(self.query[key]) for key in self.query)
            and (self.type is None or request.get("type") == self.type)
            and (
                request.get("body") == self.body
                if self.exact
                else self.body is None or contains(request.get("body"), self.body)
            )
        )


def _plain(values: list[str]) -> list[str]:
    return [value.replace(" ", "") for value in values]


def contains(whole: Any, part: Any) -> bool:
    """Whether every member of `part` is in `whole`; an item of a list may stand anywhere."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            key in whole and contains(whole[key], value) for key, value in part.items()
        )
    if isinstance(part, list):
        return isinstance(whole, list) and all(
            any(contains(other, item) for other in whole) for item in part
        )
    return bool(whole == part)


def asked_by(command: Command) -> list[Asked]:
    """Return the requests that a kubectl command means; all that write must be among them."""
    if command.verb in UNHEARD:
        return []
    return list(_VERBS[command.verb](command))


def _path(command: Command, target: Target) -> str:
    """Return the path of an object, or of all of its kind."""
    kind = KINDS[target.kind]
    version = _VERSIONS.get(kind.group, "v1")
    start = f"/apis/{kind.group}/{version}" if kind.group else f"/api/{version}"
    place = "" if command.namespace is None or not kind.namespaced else command.namespace
    end = "" if target.name is None else f"/{target.name}"
    return re.escape(f"{start}{place and f'/namespaces/{place}'}/{kind.plural}{end}")


def _read(command: Command) -> Iterator[Asked]:
    query = {
        asked: [value]
        for flag, asked in (("selector", "labelSelector"), ("field-selector", "fieldSelector"))
        if (value := command.flag(flag)) is not None
    }
    for target in command.targets:
        kinds = _ALL if target.kind == "all" else (target.kind,)
        for kind in kinds:
            path = _path(command, Target(kind=kind, name=target.name))
            yield Asked(method="GET", path=path, query=query)


def _pod_path(command: Command, part: str) -> str:
    if command.kind == "pods":
        return _path(command, command.targets[0]) + f"/{part}"
    return _path(command, Target(kind="pods")) + f"/[a-z0-9-]+/{part}"


def _logs(command: Command) -> Iterator[Asked]:
    query = {_LOGS[flag.name]: [flag.value] for flag in command.flags if flag.name in _LOGS}
    if "sinceSeconds" in query:
        query["sinceSeconds"] = ["600"]  # the one duration of the lines: 10m
    if query.get("tailLines") == ["-1"]:
        del query["tailLines"]
    yield Asked(method="GET", path=_pod_path(command, "log"), query=query)


def _events(command: Command) -> Iterator[Asked]:
    yield Asked(method="GET", path=_path(command, Target(kind="events")))


def _can_i(command: Command) -> Iterator[Asked]:
    review = "selfsubjectrulesreviews" if command.flag("list") else "selfsubjectaccessreviews"
    yield Asked(method="POST", path=f"/apis/authorization.k8s.io/v1/{review}")


def _exec(command: Command) -> Iterator[Asked]:
    query = {"command": list(command.inner)}
    if container := command.flag("container"):
        query["container"] = [container]
    for method in ("GET", "POST"):  # websocket, then SPDY
        yield Asked(method=method, path=_pod_path(command, "exec"), query=query)


def _scale(command: Command) -> Iterator[Asked]:
    body = {"spec": {"replicas": int(command.flag("replicas") or "")}}
    path = _path(command, command.targets[0]) + "/scale"
    yield Asked(method="PATCH", path=path, body=body, exact=True)


def _changes(command: Command, body: Any, strategy: str = "strategic") -> Iterator[Asked]:
    path = _path(command, command.targets[0])
    yield Asked(method="PATCH", path=path, body=body, type=PATCH_TYPES[strategy])


def _patch(command: Command) -> Iterator[Asked]:
    strategy = command.flag("type") or "strategic"
    body = read_document(command.flag("patch") or "")
    path = _path(command, command.targets[0])
    yield Asked(method="PATCH", path=path, body=body, exact=True, type=PATCH_TYPES[strategy])


def _pod_template(container: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [container]}}}}


def _set_image(command: Command) -> Iterator[Asked]:
    name, _, image = command.operands[0].partition("=")
    yield from _changes(command, _pod_template({"name": name, "image": image}))


def _set_env(command: Command) -> Iterator[Asked]:
    env = []
    for operand in command.operands:
        name, equals, value = operand.partition("=")
        env.append({"name": name, "value": value} if equals else _removed(name))
    container = {"name": named} if (named := command.flag("containers")) else {}
    yield from _changes(command, _pod_template({**container, "env": env}))


def _removed(name: str) -> dict[str, str]:
    return {"name": name.removesuffix("-"), "$patch": "delete"}


def _set_resources(command: Command) -> Iterator[Asked]:
    resources = {
        kind: dict(pair.split("=") for pair in amounts.split(","))
        for kind in ("limits", "requests")
        if (amounts := command.flag(kind))
    }
    yield from _changes(command, _pod_template({"resources": resources}))


def _label(command: Command) -> Iterator[Asked]:
    pairs = (operand.partition("=") for operand in command.operands)
    changed = {
        name if eq else name.removesuffix("-"): value if eq else None for name, eq, value in pairs
    }
    part = "labels" if command.verb == "label" else "annotations"
    yield from _changes(command, {"metadata": {part: changed}}, "merge")


def _cordon(command: Command) -> Iterator[Asked]:
    unschedulable = True if command.verb == "cordon" else None
    yield from _changes(command, {"spec": {"unschedulable": unschedulable}})


def _delete(command: Command) -> Iterator[Asked]:
    at_once = {"gracePeriodSeconds": 0} if command.flag("force") else {}
    body = {"propagationPolicy": "Background", **at_once}
    yield Asked(method="DELETE", path=_path(command, command.targets[0]), body=body, exact=True)


def _manifest(command: Command) -> Iterator[Asked]:
    body = json.loads(command.stdin or "")
    kinds = {kind.singular: kind.plural for kind in KINDS.values()}
    path = _path(command, Target(kind=kinds[body["kind"].lower()]))
    yield Asked(method="POST", path=path, body=body)


def _restart(command: Command) -> Iterator[Asked]:
    yield from _changes(command, {"spec": {"template": {"metadata": {"annotations": {}}}}})


def _undo(command: Command) -> Iterator[Asked]:
    revision = int(command.flag("to-revision") or 0)
    # the scene's second and third revision say their number in a variable
    env = [{"name": "REVISION", "value": str(revision)}] if revision > 1 else []
    template = {"spec": {"containers": [{"name": "geo", "env": env}]}}
    body = [{"op": "replace", "path": "/spec/template", "value": template}]
    yield from _changes(command, body, "json")


_VERBS: dict[str, Callable[[Command], Iterator[Asked]]] = {
    "get": _read,
    "describe": _read,
    "rollout status": _read,
    "rollout history": _read,
    "logs": _logs,
    "events": _events,
    "auth can-i": _can_i,
    "exec": _exec,
    "scale": _scale,
    "patch": _patch,
    "set image": _set_image,
    "set env": _set_env,
    "set resources": _set_resources,
    "label": _label,
    "annotate": _label,
    "cordon": _cordon,
    "uncordon": _cordon,
    "delete": _delete,
    "apply": _manifest,
    "create": _manifest,
    "rollout restart": _restart,
    "rollout undo": _undo,
}
