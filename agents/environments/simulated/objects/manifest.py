"""Builders of Kubernetes objects with the API server's defaults filled in.

Invariant: what a builder returns is what the API server would store, less the metadata that
only storing gives (uid, resourceVersion, creationTimestamp).
"""

from collections.abc import Iterable, Mapping

from agents.environments.simulated.objects.kinds import KINDS, Manifest

ZONE = "cluster.local"
REVISION = "deployment.kubernetes.io/revision"
CHANGE_CAUSE = "kubernetes.io/change-cause"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
TEMPLATE_HASH = "pod-template-hash"


def bare(
    kind: str,
    name: str,
    namespace: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> Manifest:
    """Return an object with its type and metadata only."""
    metadata: Manifest = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = dict(labels)
    return {"apiVersion": KINDS[kind].api_version, "kind": KINDS[kind].name, "metadata": metadata}


def probe(scheme: str, port: int | str, *, delay: int = 3, period: int = 10) -> Manifest:
    """Return a probe; `scheme` is `tcp` or `http`."""
    how: Manifest = (
        {"tcpSocket": {"port": port}}
        if scheme == "tcp"
        else {"httpGet": {"path": "/healthz", "port": port, "scheme": "HTTP"}}
    )
    return {
        **how,
        "initialDelaySeconds": delay,
        "timeoutSeconds": 1,
        "periodSeconds": period,
        "successThreshold": 1,
        "failureThreshold": 3,
    }


def container(
    name: str,
    image: str,
    ports: Iterable[tuple[str, int]],
    env: list[Manifest],
    resources: Manifest,
) -> Manifest:
    """Return one container with the defaults of the API server."""
    body: Manifest = {"name": name, "image": image}
    listed = [
        {"name": port_name, "containerPort": number, "protocol": "TCP"}
        for port_name, number in ports
    ]
    if listed:
        body["ports"] = listed
    if env:
        body["env"] = env
    body["resources"] = resources
    body["terminationMessagePath"] = "/dev/termination-log"
    body["terminationMessagePolicy"] = "File"
    body["imagePullPolicy"] = "Always" if image.endswith(":latest") else "IfNotPresent"
    return body


def pod_spec(containers: list[Manifest], *, account: str = "default") -> Manifest:
    """Return a pod's spec with the defaults of the API server."""
    spec: Manifest = {
        "containers": containers,
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    }
    if account != "default":
        spec["serviceAccount"] = spec["serviceAccountName"] = account
    return spec


def deployment(
    name: str,
    namespace: str,
    labels: Mapping[str, str],
    selector: Mapping[str, str],
    spec: Manifest,
    *,
    replicas: int,
    strategy: str,
) -> Manifest:
    """Return a Deployment; the rolling strategy replaces pods in place (surge 0)."""
    body = bare("deployments", name, namespace, labels)
    body["metadata"]["generation"] = 1
    how: Manifest = {"type": strategy}
    if strategy == "RollingUpdate":
        how = {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}, "type": strategy}
    body["spec"] = {
        "replicas": replicas,
        "selector": {"matchLabels": dict(selector)},
        "template": {"metadata": {"labels": {**labels, **selector}}, "spec": spec},
        "strategy": how,
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
    }
    body["status"] = {}
    return body


def service(
    name: str,
    namespace: str,
    labels: Mapping[str, str],
    selector: Mapping[str, str],
    ports: Iterable[tuple[str, int, int | str]],
    *,
    address: str,
) -> Manifest:
    """Return a ClusterIP Service; ports are (name, port, targetPort)."""
    body = bare("services", name, namespace, labels)
    body["spec"] = {
        "clusterIP": address,
        "clusterIPs": [address],
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "ports": [
            {"name": port_name, "port": port, "protocol": "TCP", "targetPort": target}
            for port_name, port, target in ports
        ],
        "selector": dict(selector),
        "sessionAffinity": "None",
        "type": "ClusterIP",
    }
    body["status"] = {"loadBalancer": {}}
    return body


def claim(name: str, namespace: str, storage_class: str, size: str) -> Manifest:
    """Return a PersistentVolumeClaim that waits for its volume."""
    body = bare("persistentvolumeclaims", name, namespace)
    body["spec"] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
        "storageClassName": storage_class,
        "volumeMode": "Filesystem",
    }
    body["status"] = {"phase": "Pending"}
    return body


def node(name: str, cores: int, memory_gib: int, address: str) -> Manifest:
    """Return a ready node."""
    role = "control-plane" if "control-plane" in name else None
    labels = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
    }
    if role:
        labels["node-role.kubernetes.io/control-plane"] = ""
    body = bare("nodes", name, labels=labels)
    size = {
        "cpu": str(cores),
        "ephemeral-storage": "102350Mi",
        "memory": f"{memory_gib * 1024 * 1024}Ki",
        "pods": "110",
    }
    body["spec"] = {}
    body["status"] = {
        "addresses": [
            {"address": address, "type": "InternalIP"},
            {"address": name, "type": "Hostname"},
        ],
        "allocatable": dict(size),
        "capacity": dict(size),
        "conditions": [],
        "nodeInfo": {
            "architecture": "amd64",
            "containerRuntimeVersion": "containerd://2.1.4",
            "kernelVersion": "6.8.0-64-generic",
            "kubeletVersion": "v1.36.1",
            "operatingSystem": "linux",
            "osImage": "Debian GNU/Linux 12 (bookworm)",
        },
    }
    return body
