"""What the Probe may read: the tables of allowed verbs, kinds and outputs, and their check.

Invariant: a value of a secret is never asked for, nothing outside the managed namespaces is read
but overviews, and over HTTP nothing is asked for but health, metrics and what the operator names.
The rest of these rules is not an operator's to edit.
"""

import re
from fnmatch import fnmatchcase

from agents.contracts.command import Access, Command
from agents.policy.inner import address_of
from agents.policy.kinds import KINDS
from agents.policy.parse import access_of
from agents.policy.projection import check_projection
from agents.policy.refusal import ReasonCode, Refusal

VERBS = frozenset(
    {
        "kubectl get",
        "kubectl describe",
        "kubectl logs",
        "kubectl top",
        "kubectl events",
        "kubectl explain",
        "kubectl version",
        "kubectl api-resources",
        "kubectl cluster-info",
        "kubectl rollout status",
        "kubectl rollout history",
        "kubectl auth can-i",
        "kubectl config view",
        "kubectl exec",
        "helm list",
        "helm status",
        "helm history",
    }
)
# about no namespace at all
_PLACELESS = frozenset(
    {
        "kubectl explain",
        "kubectl version",
        "kubectl api-resources",
        "kubectl cluster-info",
        "kubectl config view",
    }
)
# what `-A` may show, as a table
_OVERVIEW = frozenset(
    {"all", "pods", "services", "deployments", "replicasets", "statefulsets", "daemonsets", "jobs"}
    | {"cronjobs", "events", "endpoints", "persistentvolumeclaims", "horizontalpodautoscalers"}
    | {"networkpolicies", "ingresses"}
)
_OVERVIEW_VERBS = frozenset({"kubectl get", "kubectl top", "kubectl events", "helm list"})
_TABLES = frozenset({None, "wide", "name"})
_SEVERAL_LOGS = ("selector", "all-containers")
# A GET can do anything; by convention these do nothing. Not among them: `/healthcheck/fail`, which
# is a switch of Envoy's, and `/debug/vars`, which shows how a Go program was started.
_TELLING = re.compile(
    r"|/(?:healthcheck|startup|status|ping|version)"
    r"|/(?:q/)?health(?:/(?:live|ready|liveness|readiness|started))?"
    r"|/healthz(?:/(?:live|ready))?|/(?:live|ready)z?|/(?:live|readi)ness|/-/(?:healthy|ready)"
    r"|/(?:q/)?metrics|/stats/prometheus"
    r"|/actuator/(?:health(?:/(?:liveness|readiness))?|info|metrics(?:/[a-z0-9._]{1,64})?|prometheus)"
)
_OF_SECRETS = frozenset({"output", "no-headers", "selector", "show-labels", "ignore-not-found"})


def check_read(command: Command, managed: tuple[str, ...], paths: tuple[str, ...] = ()) -> None:
    """Raise `Refusal` unless the Probe may run the command.

    managed: namespace globs. paths: what may be asked for over HTTP beside health and metrics,
    `/*` at the end for all below.
    """
    key = f"{command.program} {command.verb}"
    if access_of(command) is Access.WRITE:
        raise Refusal(
            ReasonCode.NOT_A_READ,
            f"{key} changes the cluster",
            None,
            "propose it as an action, not as a probe",
        )
    if key not in VERBS:
        raise Refusal(
            ReasonCode.READ_NOT_ALLOWED,
            f"{key} is not among the reads that policy allows",
            None,
            "kubectl get, or kubectl rollout status",
        )
    _check_secrets(command)
    check_projection(command)
    if key == "helm status" and command.flag("output") not in _TABLES:
        raise Refusal(
            ReasonCode.SECRET_VALUES,
            "a release's values and manifest hold secrets",
            None,
            "helm status RELEASE, without -o, or kubectl get deployment -o yaml",
            "--output",
        )
    if command.flag("limit-bytes") and any(map(command.flag, _SEVERAL_LOGS)):
        raise Refusal(
            ReasonCode.OUTPUT_TOO_WIDE,
            "--limit-bytes cuts the log of one container, not of several",
            None,
            "--tail=100 in its place, or one POD with -c CONTAINER",
            "--limit-bytes",
        )
    if command.kind == "all" and command.flag("output") not in _TABLES:
        raise Refusal(
            ReasonCode.OUTPUT_TOO_WIDE,
            f"get all takes no -o {command.flag('output')}",
            None,
            "name the kind: kubectl get deployments -o yaml",
        )
    if key not in _PLACELESS:
        _check_place(key, command, managed)
    _check_path(command, paths)


def _check_secrets(command: Command) -> None:
    """Refuse any form in which a secret's values, or their order, could show."""
    if all(target.kind != "secrets" for target in command.targets):
        return
    table = command.flag("output") in _TABLES
    known = all(flag.name in _OF_SECRETS for flag in command.flags)
    if command.verb == "describe" or (command.verb == "get" and table and known):
        return
    raise Refusal(
        ReasonCode.SECRET_VALUES,
        "the values of secrets never leave the cluster",
        None,
        "kubectl describe secret NAME shows its keys and their sizes",
    )


def _check_place(key: str, command: Command, managed: tuple[str, ...]) -> None:
    kinds = {target.kind for target in command.targets}
    if command.all_namespaces:
        output = command.flag("output")
        if key in _OVERVIEW_VERBS and kinds <= _OVERVIEW and output in _TABLES:
            return
        raise Refusal(
            ReasonCode.NAMESPACE_NOT_MANAGED,
            "-A is taken by get, top and events for overviews of ordinary kinds only",
            None,
            f"the same with -n NAMESPACE, one of {', '.join(managed)}",
        )
    if kinds and all(kind in KINDS and not KINDS[kind].namespaced for kind in kinds):
        return
    address = address_of(command.inner)
    places = [command.namespace]
    if address is not None and address.namespace is not None:
        places.append(address.namespace)
    for place in places:
        if place is None or not any(fnmatchcase(place, glob) for glob in managed):
            raise Refusal(
                ReasonCode.NAMESPACE_NOT_MANAGED,
                f"expected a namespace among {', '.join(managed) or 'none'}, got {place}",
                None,
                "add -n NAMESPACE",
            )


def _check_path(command: Command, paths: tuple[str, ...]) -> None:
    address = address_of(command.inner)
    if address is None or address.path is None:
        return
    path = address.path
    tells = _TELLING.fullmatch(path.removesuffix("/")) is not None
    if tells or any(_covers(allowed, path) for allowed in paths):
        return
    raise Refusal(
        ReasonCode.READ_NOT_ALLOWED,
        f"{path[:80]} is not among the paths of health and metrics: a GET may change something",
        None,
        "the path /, /healthz, /ready, /metrics or /actuator/health; kubectl logs shows requests",
    )


def _covers(allowed: str, path: str) -> bool:
    return path == allowed or (allowed.endswith("/*") and path.startswith(allowed[:-1]))
