"""The kinds of objects that a command may name, with every spelling that kubectl takes.

Invariant: a kind outside this table cannot be named, so policy only ever sees canonical kinds
(lower-case plurals). One row a kind: plural, singular and short names, API group, scope.
"""

import difflib
from dataclasses import dataclass

from agents.policy.refusal import Place, ReasonCode, Refusal

# plural | singular and short names | API group
_NAMESPACED = """
pods                       | pod po                        |
services                   | service svc                   |
deployments                | deployment deploy             | apps
replicasets                | replicaset rs                 | apps
statefulsets               | statefulset sts               | apps
daemonsets                 | daemonset ds                  | apps
controllerrevisions        | controllerrevision            | apps
replicationcontrollers     | replicationcontroller rc      |
jobs                       | job                           | batch
cronjobs                   | cronjob cj                    | batch
configmaps                 | configmap cm                  |
secrets                    | secret                        |
events                     | event ev                      |
endpoints                  | endpoint ep                   |
endpointslices             | endpointslice                 | discovery.k8s.io
ingresses                  | ingress ing                   | networking.k8s.io
networkpolicies            | networkpolicy netpol          | networking.k8s.io
persistentvolumeclaims     | persistentvolumeclaim pvc     |
horizontalpodautoscalers   | horizontalpodautoscaler hpa   | autoscaling
poddisruptionbudgets       | poddisruptionbudget pdb       | policy
resourcequotas             | resourcequota quota           |
limitranges                | limitrange limits             |
serviceaccounts            | serviceaccount sa             |
roles                      | role                          | rbac.authorization.k8s.io
rolebindings               | rolebinding                   | rbac.authorization.k8s.io
leases                     | lease                         | coordination.k8s.io
all                        |                               |
"""
_CLUSTER_WIDE = """
nodes                           | node no                        |
namespaces                      | namespace ns                   |
persistentvolumes               | persistentvolume pv            |
storageclasses                  | storageclass sc                | storage.k8s.io
ingressclasses                  | ingressclass                   | networking.k8s.io
priorityclasses                 | priorityclass pc               | scheduling.k8s.io
clusterroles                    | clusterrole                    | rbac.authorization.k8s.io
clusterrolebindings             | clusterrolebinding             | rbac.authorization.k8s.io
mutatingwebhookconfigurations   | mutatingwebhookconfiguration   | admissionregistration.k8s.io
validatingwebhookconfigurations | validatingwebhookconfiguration | admissionregistration.k8s.io
customresourcedefinitions       | customresourcedefinition crd   | apiextensions.k8s.io
apiservices                     | apiservice                     | apiregistration.k8s.io
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: its canonical plural, its singular, its API group (empty for core), its scope."""

    plural: str
    singular: str
    group: str
    namespaced: bool


def _rows(table: str, *, namespaced: bool) -> list[tuple[Kind, list[str]]]:
    rows = []
    for row in table.strip().splitlines():
        plural, names, group = (cell.strip() for cell in row.split("|"))
        singular = names.split()[0] if names else plural
        rows.append((Kind(plural, singular, group, namespaced), [plural, *names.split()]))
    return rows


_ROWS = _rows(_NAMESPACED, namespaced=True) + _rows(_CLUSTER_WIDE, namespaced=False)
KINDS: dict[str, Kind] = {kind.plural: kind for kind, _ in _ROWS}
SPELLINGS: dict[str, Kind] = {name: kind for kind, names in _ROWS for name in names}
RELEASES = "releases"  # helm's own kind; no kubectl line can name it
_VERSIONS = ("v1", "v2", "v1beta1")


def kind_of(spelling: str, place: Place | None = None) -> Kind:
    """Return the kind that `pods`, `Pod`, `po`, `deploy.apps` or `deployments.v1.apps` means."""
    name, _, rest = spelling.lower().partition(".")
    kind = SPELLINGS.get(name)
    if kind is not None and (not rest or rest.rstrip(".") in _qualifiers(kind)):
        return kind
    near = difflib.get_close_matches(name, SPELLINGS, n=1)
    raise Refusal(
        ReasonCode.UNKNOWN_KIND,
        f"expected a kind of object such as pods, services or deployments, got {spelling[:60]!r}",
        place,
        SPELLINGS[near[0]].plural if near else "kubectl api-resources lists the kinds",
    )


def _qualifiers(kind: Kind) -> set[str]:
    """Return what may follow the name's first dot: a group, a version, or both."""
    versioned = {f"{version}.{kind.group}".rstrip(".") for version in _VERSIONS}
    return versioned | ({kind.group} if kind.group else set())
