"""The verbs, reads and writes apart, each with the shape of its words and its flags.

Invariant: what is not in these two tables is refused, and no verb stands in both. `REFUSED` only
adds the reason to verbs that a model is known to try.
"""

from dataclasses import dataclass
from enum import StrEnum

from agents.contracts.command import Access


class Shape(StrEnum):
    """What the words after the verb are."""

    NOTHING = "nothing"
    KINDS = "KIND[,KIND] [NAME ...] or KIND/NAME ..."
    WORKLOAD = "KIND/NAME or KIND NAME"
    POD = "POD or KIND/NAME"
    NODE = "NODE"
    PAIRS = "KIND/NAME KEY=VALUE ..."
    FIELD = "KIND[.FIELD ...]"
    QUESTION = "VERB KIND[/NAME]"
    MANIFEST = "-f - <<'EOF'"
    RELEASE = "[RELEASE [REVISION or CHART]]"


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb. `needs` are the flags without which it means nothing."""

    shape: Shape
    flags: frozenset[str]
    kinds: frozenset[str] | None = None
    needs: frozenset[str] = frozenset()


def _verb(shape: Shape, flags: str = "", kinds: str = "", needs: str = "") -> Verb:
    return Verb(
        shape,
        frozenset(flags.split()) | frozenset(needs.split()) | {"namespace"},
        frozenset(kinds.split()) or None,
        frozenset(needs.split()),
    )


_PODS_OF = "pods deployments statefulsets daemonsets replicasets services jobs"
_ROLLED = "deployments statefulsets daemonsets"
_SCALED = "deployments statefulsets replicasets replicationcontrollers"
_TEMPLATED = "deployments statefulsets daemonsets replicasets pods jobs cronjobs"

READS: dict[str, Verb] = {
    "kubectl get": _verb(
        Shape.KINDS,
        "all-namespaces selector field-selector output show-labels show-kind sort-by no-headers"
        " label-columns ignore-not-found",
    ),
    "kubectl describe": _verb(Shape.KINDS, "all-namespaces selector show-events"),
    "kubectl logs": _verb(
        Shape.POD,
        "container previous tail since since-time selector all-containers timestamps limit-bytes"
        " prefix max-log-requests",
        _PODS_OF,
    ),
    "kubectl top": _verb(
        Shape.KINDS,
        "all-namespaces selector field-selector containers sort-by no-headers sum",
        "pods nodes",
    ),
    "kubectl events": _verb(Shape.NOTHING, "all-namespaces for types output no-headers"),
    "kubectl explain": _verb(Shape.FIELD, "recursive"),
    "kubectl version": _verb(Shape.NOTHING, "client output"),
    "kubectl api-resources": _verb(
        Shape.NOTHING, "namespaced api-group verbs output no-headers sort-by"
    ),
    "kubectl cluster-info": _verb(Shape.NOTHING),
    "kubectl auth can-i": _verb(Shape.QUESTION, "all-namespaces list subresource quiet"),
    "kubectl config view": _verb(Shape.NOTHING, "minify output"),
    "kubectl rollout status": _verb(Shape.WORKLOAD, "watch timeout revision", _ROLLED),
    "kubectl rollout history": _verb(Shape.WORKLOAD, "revision output", _ROLLED),
    "kubectl wait": _verb(Shape.KINDS, "timeout selector all-namespaces", needs="for"),
    "helm list": _verb(Shape.NOTHING, "all-namespaces output"),
    "helm status": _verb(Shape.RELEASE, "revision output"),
    "helm history": _verb(Shape.RELEASE, "max output"),
}

WRITES: dict[str, Verb] = {
    "kubectl rollout restart": _verb(Shape.WORKLOAD, "", _ROLLED),
    "kubectl rollout undo": _verb(Shape.WORKLOAD, "to-revision", _ROLLED),
    "kubectl scale": _verb(Shape.WORKLOAD, "timeout", _SCALED, needs="replicas"),
    "kubectl set image": _verb(Shape.PAIRS, "", _TEMPLATED),
    "kubectl set env": _verb(Shape.PAIRS, "containers env overwrite", _TEMPLATED),
    "kubectl set resources": _verb(Shape.WORKLOAD, "containers limits requests", _TEMPLATED),
    "kubectl set selector": _verb(Shape.PAIRS, "", "services"),
    "kubectl patch": _verb(Shape.WORKLOAD, "type", needs="patch"),
    "kubectl apply": _verb(Shape.MANIFEST),
    "kubectl create": _verb(Shape.MANIFEST),
    "kubectl delete": _verb(
        Shape.KINDS, "force grace-period ignore-not-found wait timeout selector"
    ),
    "kubectl label": _verb(Shape.PAIRS, "overwrite"),
    "kubectl annotate": _verb(Shape.PAIRS, "overwrite"),
    "kubectl autoscale": _verb(Shape.WORKLOAD, "min cpu-percent name", _SCALED, needs="max"),
    "kubectl expose": _verb(
        Shape.WORKLOAD,
        "target-port name protocol type",
        f"{_SCALED} pods services",
        needs="port",
    ),
    "kubectl cordon": _verb(Shape.NODE),
    "kubectl uncordon": _verb(Shape.NODE),
    "kubectl drain": _verb(
        Shape.NODE, "ignore-daemonsets delete-emptydir-data force grace-period timeout"
    ),
    "helm rollback": _verb(Shape.RELEASE, "wait timeout"),
    "helm upgrade": _verb(Shape.RELEASE, "set reuse-values version wait timeout"),
}

ALIASES: dict[str, str] = {"helm ls": "helm list", "helm hist": "helm history"}

# a read or a write by what it runs inside the container: `agents.policy.inner` says which
EXEC = _verb(Shape.POD, "container stdin tty", _PODS_OF)
VERBS: dict[str, Verb] = {**READS, **WRITES, "kubectl exec": EXEC}

ACCESS: dict[str, Access] = {
    **dict.fromkeys(READS, Access.READ),
    **dict.fromkeys(WRITES, Access.WRITE),
}

# no terminal and no exit code to hide: these change nothing and leave no trace in the command
WITHOUT_MEANING: frozenset[str] = frozenset({"stdin", "tty", "quiet"})

_INTERACTIVE = "nobody sits at a terminal: use kubectl patch KIND NAME -p '...'"
REFUSED: dict[str, str] = {
    "kubectl edit": _INTERACTIVE,
    "kubectl attach": "use kubectl logs POD",
    "kubectl debug": "use kubectl logs, describe, or exec POD -- env",
    "kubectl run": "use kubectl exec in a pod that runs already, such as exec POD -- curl -s URL",
    "kubectl port-forward": "use kubectl exec POD -- curl -s http://SERVICE:PORT/",
    "kubectl proxy": "use kubectl get",
    "kubectl cp": "use kubectl exec POD -- cat /etc/FILE",
    "kubectl diff": "the gate shows the difference to the approver by itself",
    "kubectl replace": "use kubectl patch, or kubectl apply -f - <<'EOF'",
    "kubectl plugin": "only built-in verbs are taken",
    "kubectl kustomize": "only built-in verbs are taken",
    "kubectl config": "use kubectl config view",
    "kubectl certificate": "no certificate is issued or denied from here",
    "kubectl taint": "use kubectl cordon NODE or kubectl uncordon NODE",
    "kubectl completion": "only verbs that say something of the cluster are taken",
    "kubectl rollout pause": "use kubectl rollout undo or kubectl rollout restart",
    "kubectl rollout resume": "use kubectl rollout undo or kubectl rollout restart",
    "kubectl auth reconcile": "no right is changed from here",
    "kubectl auth whoami": "use kubectl auth can-i --list",
    "helm get": "values hold secrets: use helm status RELEASE, or kubectl get deployment -o yaml",
    "helm install": "use kubectl apply -f - <<'EOF', or helm rollback RELEASE",
    "helm uninstall": "use helm rollback RELEASE, or kubectl delete KIND NAME",
    "helm delete": "use helm rollback RELEASE, or kubectl delete KIND NAME",
    "helm template": "use helm status RELEASE",
    "helm repo": "no repository is added from here",
    "helm plugin": "only built-in verbs are taken",
}
