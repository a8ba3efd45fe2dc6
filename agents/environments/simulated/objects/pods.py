"""Reading pods: whether one is ready, what its ports are called, where it comes from."""

from agents.environments.simulated.objects.kinds import Manifest


def is_ready(pod: Manifest) -> bool:
    """Return whether the pod's Ready condition holds."""
    return any(
        item["type"] == "Ready" and item["status"] == "True"
        for item in pod["status"].get("conditions", ())
    )


def target_port(pod: Manifest, target: int | str) -> int | None:
    """Return the number of a targetPort on a pod; None for a name that no container has."""
    if isinstance(target, int):
        return target
    for container in pod["spec"]["containers"]:
        for port in container.get("ports", ()):
            if port.get("name") == target:
                return int(port["containerPort"])
    return None


def workload_of(pod: Manifest) -> str:
    """Return the name of the deployment that a pod comes from."""
    owners = pod["metadata"].get("ownerReferences") or [{"name": pod["metadata"]["name"]}]
    return str(owners[0]["name"]).rsplit("-", 1)[0]
