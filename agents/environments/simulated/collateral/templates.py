"""A deployment before against now: what its template makes must be no worse.

Invariant: the fields that are not named here must be equal, so a field that nobody thought of
counts. In reach a repair may rewrite what starts the process; its guards, limits, volumes, settings
and rights have to be of the same worth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.environments.simulated.collateral.containers import container
from agents.environments.simulated.collateral.data import place_of, places

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster
    from agents.environments.simulated.collateral.reach import Reach
    from agents.environments.simulated.objects.kinds import Manifest

_SPEC_DEFAULTS = {
    "paused": False,
    "revisionHistoryLimit": 10,
    "progressDeadlineSeconds": 600,
    "minReadySeconds": 0,
}
_POD_DEFAULTS = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
    "hostNetwork": False,
    "hostPID": False,
    "hostIPC": False,
}
_JUDGED = ("containers", "volumes", "serviceAccount", "serviceAccountName")
_PLACING = ("nodeSelector", "affinity", "tolerations", "topologySpreadConstraints")
"""What a repair may change of where pods run; `nodeName` goes past the scheduler."""


def deployment(
    base: Cluster, now: Cluster, pair: tuple[Manifest, Manifest], reach: Reach
) -> str | None:
    """Return what of a deployment is worse than before, or None; replicas are judged apart."""
    was, present = pair
    name = was["metadata"]["name"]
    within = name in reach
    problem = (
        _rollouts(was["spec"], present["spec"], within=within)
        or _pod(base, now, pair, reach)
        or _labels(pair, reach)
        or _volumes(base, now, pair, reach)
    )
    return f"deployment {name} {problem}" if problem else None


def _rollouts(was: Manifest, now: Manifest, *, within: bool) -> str | None:
    for field, default in _SPEC_DEFAULTS.items():
        before, after = was.get(field, default), now.get(field, default)
        if before != after:
            return f"has {field} {after}, before {before}"
    if was["selector"] != now["selector"]:
        return "has another selector than before"
    before, after = was.get("strategy") or {}, now.get("strategy") or {}
    if before == after or (within and _no_rougher(before, after)):
        return None
    return "has another strategy than before"


def _no_rougher(was: Manifest, now: Manifest) -> bool:
    """Return whether rollouts take no more pods away at once than before."""
    if was.get("type") == "Recreate" or now.get("type", "RollingUpdate") == "Recreate":
        return bool(was.get("type") == now.get("type"))
    share = (now.get("rollingUpdate") or {}).get("maxUnavailable", "25%")
    return share in ("25%", 0, (was.get("rollingUpdate") or {}).get("maxUnavailable", "25%"))


def _pod(base: Cluster, now: Cluster, pair: tuple[Manifest, Manifest], reach: Reach) -> str | None:
    was, present = (item["spec"]["template"]["spec"] for item in pair)
    within = pair[0]["metadata"]["name"] in reach
    ignored = (*_JUDGED, *_PLACING) if within else _JUDGED
    for field in sorted(was.keys() | present.keys() - {*ignored}):
        default = _POD_DEFAULTS.get(field)
        if field not in ignored and _or(was.get(field), default) != _or(
            present.get(field), default
        ):
            return f"has another {field} than before"
    problem = None if reach.anyone else _account(base, was, present, within=within)
    if problem:
        return problem
    old = {item["name"]: item for item in was["containers"]}
    new = {item["name"]: item for item in present["containers"]}
    if old.keys() != new.keys():
        return "has other containers than before"
    for name, item in old.items():
        problem = container(base, now, pair, (item, new[name]), reach)
        if problem:
            return problem
    return None


def _account(base: Cluster, was: Manifest, now: Manifest, *, within: bool) -> str | None:
    before = was.get("serviceAccountName", "default")
    after = now.get("serviceAccountName", "default")
    if before == after:
        return None
    known = base.store.get("serviceaccounts", base.namespace, after) is not None
    if within and not known:  # made for it since; whether it exists is asked elsewhere
        return None
    return f"runs as {after}, before as {before}"


def _labels(pair: tuple[Manifest, Manifest], reach: Reach) -> str | None:
    was, now = (item["spec"]["template"]["metadata"].get("labels") or {} for item in pair)
    lost = sorted(key for key, value in was.items() if now.get(key) != value)
    return f"makes pods without their label {lost[0]}" if lost and not reach.anyone else None


def _volumes(
    base: Cluster, now: Cluster, pair: tuple[Manifest, Manifest], reach: Reach
) -> str | None:
    """Return which mount has not the data that it had.

    In reach it may be a new claim of its own, if the old data is still held by a claim.
    """
    was, present = (_mounts(item["spec"]["template"]["spec"]) for item in pair)
    taken = places(base)
    for path, volume in was.items():
        other = present.get(path)
        if other is None:
            return f"no longer mounts {path}"
        claim, mine = _claim(volume), _claim(other)
        if claim is None:
            if volume != other and pair[0]["metadata"]["name"] not in reach:
                return f"mounts something else at {path} than before"
            continue
        if mine is None:
            return f"keeps {path} in a volume that is gone with its pod"
        before, after = taken.get(claim), place_of(now, mine)
        if before is None or before == after:
            continue
        if after in taken.values() or pair[0]["metadata"]["name"] not in reach:
            return f"mounts the claim {mine} at {path}, which is not its own"
    return None


def _mounts(spec: Manifest) -> dict[str, Manifest]:
    """Return path in the first container -> the volume there, without its name."""
    volumes = {item["name"]: item for item in spec.get("volumes") or ()}
    return {
        mount["mountPath"]: {
            key: value for key, value in volumes.get(mount["name"], {}).items() if key != "name"
        }
        for mount in spec["containers"][0].get("volumeMounts") or ()
    }


def _claim(volume: Manifest) -> str | None:
    name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
    return str(name) if name else None


def _or(value: Any, default: Any) -> Any:  # noqa: ANN401 - JSON
    return default if value is None else value
