"""The closed grammar of templated commands: what a correction may say, and guidance may hold.

    kubectl VERB [KIND] <placeholder> [FLAG=<placeholder>] [-p 'JSON of known fields']

Invariant: every word of a line that passes stands in a table here or is a placeholder. A name of
an instance, a number, a word of a log or a sentence of a model stands in none of them.
"""

import json
import re
from enum import StrEnum

MAX_LINE = 200

PLACEHOLDERS = frozenset(
    {"service", "policy", "count", "number", "name", "address", "amount", "label"}
    | {"container", "image", "pod"}
)
KINDS = frozenset(
    {"pods", "deploy", "service", "services", "endpoints", "networkpolicy", "events", "nodes"}
    | {"configmaps", "pvc", "hpa", "replicasets", "ingress"}
)
NAMED = {
    "get": frozenset({"deploy", "service", "endpoints", "networkpolicy", "pod"}),
    "describe": frozenset({"deploy", "service", "pod", "networkpolicy"}),
    "delete": frozenset({"networkpolicy", "pod"}),
    "patch": frozenset({"service", "deploy", "networkpolicy"}),
}
OWN = {"networkpolicy": ("<policy>",), "pod": ("<service>", "<pod>")}
"""Kinds whose placeholder is not `<service>` alone."""

_WORKLOAD = "deploy/<service>"
FIXED = {
    "kubectl top pods": False,
    f"kubectl logs {_WORKLOAD}": False,
    f"kubectl logs {_WORKLOAD} --previous": False,
    f"kubectl rollout status {_WORKLOAD}": False,
    f"kubectl rollout history {_WORKLOAD}": False,
    f"kubectl rollout undo {_WORKLOAD}": True,
    f"kubectl rollout restart {_WORKLOAD}": True,
    f"kubectl scale {_WORKLOAD} --replicas=<count>": True,
    f"kubectl set env {_WORKLOAD} <name>=<address>": True,
    f"kubectl set image {_WORKLOAD} <container>=<image>": True,
    f"kubectl set resources {_WORKLOAD} --limits=memory=<amount>": True,
    f"kubectl set resources {_WORKLOAD} --requests=cpu=<amount>": True,
}
"""Lines without a choice; True where they change the cluster."""

FIELDS = frozenset(
    {"spec", "template", "metadata", "ports", "port", "targetPort", "selector", "replicas"}
    | {"ingress", "egress", "podSelector", "containers", "readinessProbe", "livenessProbe"}
    | {"httpGet", "tcpSocket", "resources", "limits", "requests", "memory", "cpu", "env"}
)
_PATCH = re.compile(
    r"kubectl patch (?P<kind>\w+) (?P<target><\w+>)(?P<type> --type=(?:json|merge))? "
    r"-p '(?P<body>[^']*)'"
)
_POINTER = re.compile(r"(?:/(?:[a-zA-Z]+|0|-))+")
_HOLE = re.compile(r"<(\w+)>")


class Kind(StrEnum):
    """What a templated line does."""

    READ = "read"
    WRITE = "write"


def kind_of(line: str) -> Kind | None:
    """Return whether a templated line reads or writes; None where the grammar has no such line."""
    if len(line) > MAX_LINE:
        return None
    if line in FIXED:
        return Kind.WRITE if FIXED[line] else Kind.READ
    if _is_patch(line):
        return Kind.WRITE
    words = line.split(" ")
    if words[-2:] == ["-o", "wide"] and words[1:2] == ["get"]:
        words = words[:-2]
    match words:
        case ["kubectl", "get", kind] if kind in KINDS:
            return Kind.READ
        case ["kubectl", "get" | "describe" as verb, kind, target] if _names(verb, kind, target):
            return Kind.READ
        case ["kubectl", "delete", kind, target] if _names("delete", kind, target):
            return Kind.WRITE
    return None


def _names(verb: str, kind: str, target: str) -> bool:
    return kind in NAMED[verb] and target in OWN.get(kind, ("<service>",))


def _is_patch(line: str) -> bool:
    found = _PATCH.fullmatch(line)
    if found is None or not _names("patch", found["kind"], found["target"]):
        return False
    # a hole that stands for a pair becomes one; any other becomes a string
    body = found["body"].replace("{<label>}", '{"<label>":"<label>"}')
    text = re.sub(r'(?<!")<(\w+)>(?!")', r'"<\1>"', body)
    try:
        value = json.loads(text)
    except ValueError:
        return False
    # one spelling only: no blanks, no escapes, no key that a later one of its name hides
    if json.dumps(value, separators=(",", ":")) != text:
        return False
    if found["type"] == " --type=json":
        return isinstance(value, list) and bool(value) and all(map(_is_operation, value))
    return isinstance(value, dict) and bool(value) and _is_body(value)


def _is_operation(value: object) -> bool:
    if not isinstance(value, dict) or value.get("op") not in {"replace", "add", "remove"}:
        return False
    path = value.get("path")
    if not isinstance(path, str) or _POINTER.fullmatch(path) is None:
        return False
    known = all(part in FIELDS or not part.isalpha() for part in path.split("/")[1:])
    rest = {key: inner for key, inner in value.items() if key not in {"op", "path"}}
    return known and set(rest) <= {"value"} and all(map(_is_body, rest.values()))


def _is_body(value: object) -> bool:
    if isinstance(value, dict):
        return all(
            (key in FIELDS or key == "<label>") and _is_body(inner) for key, inner in value.items()
        )
    if isinstance(value, list):
        return all(map(_is_body, value))
    if isinstance(value, str):
        hole = _HOLE.fullmatch(value)
        return hole is not None and hole[1] in PLACEHOLDERS
    return value is None
