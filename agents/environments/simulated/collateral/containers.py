"""A container before against now: guards, resources and settings must be of the same worth.

Invariant: a variable that the lab's programs read is judged by what it leads to, any other must
stay set; a field that is not named here must be equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.environments.simulated.controllers.starting import environment_of, full_reference
from agents.environments.simulated.objects.quantity import amount

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.collateral.reach import Reach
    from agents.environments.simulated.objects.kinds import Manifest

_GUARDS = ("readinessProbe", "livenessProbe", "startupProbe")
_HANDLERS = ("httpGet", "tcpSocket", "grpc", "exec")
_STARTING = ("image", "imagePullPolicy", "command", "args", "ports")
"""What a repair may rewrite: whether the process starts and answers is seen."""
_JUDGED = ("name", "env", "envFrom", "resources", "volumeMounts", *_GUARDS)
_DEFAULTS: dict[str, Any] = {
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "securityContext": {},
    "stdin": False,
    "tty": False,
}
_PATIENCE = {
    "initialDelaySeconds": (0, 300),
    "periodSeconds": (10, 60),
    "failureThreshold": (3, 10),
    "timeoutSeconds": (1, 60),
}
"""Field of a probe -> (default, the most that a repair may set it to)."""


def container(
    base: Cluster,
    now: Cluster,
    owners: tuple[Manifest, Manifest],
    pair: tuple[Manifest, Manifest],
    reach: Reach,
) -> str | None:
    """Return what of a container is worse than before, or None. owners: its deployments."""
    was, present = pair
    within = owners[0]["metadata"]["name"] in reach
    ignored = {*_JUDGED, *_STARTING} if within else {*_JUDGED, "image", "ports"}
    for field in sorted((was.keys() | present.keys()) - ignored):
        default = _DEFAULTS.get(field)
        before = default if was.get(field) is None else was[field]
        if before != (default if present.get(field) is None else present[field]):
            return f"has another {field} than before"
    if not within and _image(was) != _image(present):
        return f"runs the image {present['image']}, before {was['image']}"
    for guard in _GUARDS:
        problem = _guard(was.get(guard), present.get(guard), within=within)
        if problem:
            return f"{problem.format(guard=guard)}"
    return _resources(base, pair, within=within) or _settings(base, now, owners, reach)


def _image(item: Manifest) -> str:
    """Return an image's full name, with the tag that it has without one."""
    reference = full_reference(item["image"])
    tagged = ":" in reference.rsplit("/", 1)[-1] or "@" in reference
    return reference if tagged else f"{reference}:latest"


def _guard(was: Manifest | None, now: Manifest | None, *, within: bool) -> str | None:
    if was is None or was == now:
        return None
    if now is None:
        return "lost its {guard}"
    if not within:
        return "has another {guard} than before"
    handler = next((key for key in _HANDLERS if key in now), None)
    if handler is None or (handler == "exec" and now["exec"] != was.get("exec")):
        return "has a {guard} that does not ask the port on which it serves"
    for field, (default, most) in _PATIENCE.items():
        if now.get(field, default) > max(was.get(field, default), most):
            return f"has a {{guard}} that never acts: {field} {now[field]}"
    return None


def _resources(base: Cluster, pair: tuple[Manifest, Manifest], *, within: bool) -> str | None:
    was, now = (item.get("resources") or {} for item in pair)
    for field in ("limits", "requests"):
        before, after = was.get(field) or {}, now.get(field) or {}
        for name, value in before.items():
            if name not in after or amount(str(after[name])) <= 0:
                return f"lost its {name} {field[:-1]}"
            size = amount(str(after[name]))
            if not within and size != amount(str(value)):
                return f"has a {name} {field[:-1]} of {after[name]}, before {value}"
            most = max(amount(str(value)), _largest(base, name))
            if field == "limits" and most and size > most:
                return f"has a {name} limit of {after[name]}, more than any node has"
    return None


def _largest(cluster: Cluster, name: str) -> float:
    """Return how much of a resource the largest node has, 0 where no node says."""
    sizes = (
        ((node.get("status") or {}).get("allocatable") or {}).get(name, "0")
        for node in cluster.store.each("nodes")
    )
    return max((amount(str(size)) for size in sizes), default=0.0)


def _settings(
    base: Cluster, now: Cluster, owners: tuple[Manifest, Manifest], reach: Reach
) -> str | None:
    """Return which variable is not set any more, or out of reach set otherwise."""
    if reach.anyone or reach.anew:
        return None
    name = owners[0]["metadata"]["name"]
    before, problem = _environment(base, owners[0])
    after, missing = _environment(now, owners[1])
    if problem or missing:  # a reference that leads nowhere is told of elsewhere
        return None
    for key, value in before.items():
        if name not in reach and after.get(key) != value:
            return f"has another value of {key} than before"
        if key not in after and key not in _understood(base, name):
            return f"lost its setting {key}"
    return None


def _environment(cluster: Cluster, deployment: Manifest) -> tuple[dict[str, str], str]:
    pod = {
        "metadata": {"namespace": deployment["metadata"]["namespace"]},
        "spec": deployment["spec"]["template"]["spec"],
    }
    return environment_of(cluster, pod)


def _understood(cluster: Cluster, name: str) -> set[str]:
    """Return the variables whose effect the lab shows: addresses, ports, users."""
    component = next((c for c in cluster.application.components if c.name == name), None)
    if component is None:
        return set()
    program = component.program
    found = {program.account_variable, program.port_variable, *program.needs}
    found |= {variable for variable, _ in program.refuses}
    for call in program.calls:
        found |= {call.variable, call.user_variable, call.port_variable}
    return {variable for variable in found if variable}
