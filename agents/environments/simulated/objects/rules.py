"""What the API server fills in, and the rules of each kind, in the server's words.

Invariant: a spec that passed its rule can be read by every controller without a check.
"""

from __future__ import annotations

import re
from typing import Any

from agents.environments.simulated.objects.kinds import Manifest
from agents.environments.simulated.objects.quantity import amount
from agents.environments.simulated.objects.rejected import Rejected, compact
from agents.environments.simulated.objects.selectors import matches

_SERVICE_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_SERVICE_DEFAULTS: dict[str, Any] = {
    "internalTrafficPolicy": "Cluster",
    "ipFamilies": ["IPv4"],
    "ipFamilyPolicy": "SingleStack",
    "sessionAffinity": "None",
}
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(?:\.{_LABEL.pattern})*")
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def check_name(name: str) -> None:
    """Raise `Rejected` for a name that no object may have."""
    if not name:
        raise Rejected("metadata.name: Required value: name or generateName is required")
    if _SUBDOMAIN.fullmatch(name) is None:
        raise Rejected(f'metadata.name: Invalid value: "{name}": {_SUBDOMAIN_RULE}')


def _unsupported(path: str, value: str, known: tuple[str, ...]) -> str:
    shown = ", ".join(f'"{one}"' for one in known)
    return f'{path}: Unsupported value: "{value}": supported values: {shown}'


def pull_policy(image: str) -> str:
    """Return when an image is pulled if nothing says it: always for `latest`."""
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    latest = tag == "latest" or (not tag and "@" not in image)
    return "Always" if latest else "IfNotPresent"


def pod_defaults(spec: Manifest) -> None:
    """Fill in what the API server fills in of a pod's spec."""
    for field, default in (
        ("restartPolicy", "Always"),
        ("terminationGracePeriodSeconds", 30),
        ("dnsPolicy", "ClusterFirst"),
        ("securityContext", {}),
        ("schedulerName", "default-scheduler"),
    ):
        spec.setdefault(field, default)
    for container in spec["containers"]:
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        for port in container.get("ports") or ():
            port.setdefault("protocol", "TCP")


def deployment(spec: Manifest, before: Manifest | None) -> None:
    """Fill in and check a deployment's spec. Raises `Rejected`."""
    spec.setdefault("replicas", 1)
    if spec["replicas"] < 0:
        raise Rejected(
            f"spec.replicas: Invalid value: {spec['replicas']}: must be greater than or equal to 0"
        )
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    template.setdefault("spec", {}).setdefault("containers", [])
    selector = spec.setdefault("selector", {})
    _strategy(spec)
    if before is None or template != before["spec"]["template"]:
        pod_defaults(template["spec"])
    _selector(selector, template, before)
    containers = template["spec"]["containers"]
    if not containers:
        raise Rejected("spec.template.spec.containers: Required value")
    for index, container in enumerate(containers):
        _container(container, f"spec.template.spec.containers[{index}]")
    for index, one in enumerate(template["spec"].get("volumes") or ()):
        claimed = one.get("persistentVolumeClaim")
        if claimed is not None and not claimed.get("claimName"):
            path = f"spec.template.spec.volumes[{index}].persistentVolumeClaim.claimName"
            raise Rejected(f"{path}: Required value")
    names = {volume.get("name") for volume in template["spec"].get("volumes") or ()}
    for container in containers:
        for mount in container.get("volumeMounts") or ():
            if mount.get("name") not in names:
                raise Rejected(
                    "spec.template.spec.containers[0].volumeMounts[0].name: Not found: "
                    f'"{mount.get("name")}"'
                )


def _selector(selector: Manifest, template: Manifest, before: Manifest | None) -> None:
    labels = template["metadata"].get("labels") or {}
    if not selector.get("matchLabels"):
        raise Rejected("spec.selector: Required value")
    problems = []
    if not matches(selector["matchLabels"], labels):
        shown = compact(dict(sorted(labels.items())))
        problems.append(
            f"spec.template.metadata.labels: Invalid value: {shown}: "
            "`selector` does not match template `labels`"
        )
    if before is not None and selector != before["spec"]["selector"]:
        problems.append(f"spec.selector: Invalid value: {compact(selector)}: field is immutable")
    if problems:
        raise Rejected(*problems)


def _strategy(spec: Manifest) -> None:
    strategy = spec.setdefault("strategy", {})
    kind = strategy.setdefault("type", "RollingUpdate")
    rolling = strategy.get("rollingUpdate")
    if kind not in ("Recreate", "RollingUpdate"):
        parts = {"MaxUnavailable": "maxUnavailable", "MaxSurge": "maxSurge"}
        told = {name: rolling.get(field) for name, field in parts.items()} if rolling else None
        shown = compact({"Type": kind, "RollingUpdate": told})
        raise Rejected(
            f"spec.strategy: Unsupported value: {shown}: supported values: "
            '"Recreate", "RollingUpdate"'
        )
    if kind == "Recreate":
        if rolling:
            raise Rejected(
                "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy "
                "`type` is 'Recreate'"
            )
        strategy.pop("rollingUpdate", None)
        return
    rolling = strategy.setdefault("rollingUpdate", {})
    for field in ("maxSurge", "maxUnavailable"):
        value = rolling.setdefault(field, "25%")
        if isinstance(value, str) and not re.fullmatch(r"\d{1,3}%", value):
            raise Rejected(
                f'spec.strategy.rollingUpdate.{field}: Invalid value: "{value}": a valid percent '
                "string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', "
                "regex used for validation is '[0-9]+%')"
            )
    if rolling["maxSurge"] in (0, "0%") and rolling["maxUnavailable"] in (0, "0%"):
        shown = compact(rolling["maxUnavailable"])
        raise Rejected(
            f"spec.strategy.rollingUpdate.maxUnavailable: Invalid value: {shown}: "
            "may not be 0 when `maxSurge` is 0"
        )


def _container(container: Manifest, path: str) -> None:
    for field in ("name", "image"):
        if not container.get(field):
            raise Rejected(f"{path}.{field}: Required value")
    container.setdefault("resources", {})
    policy = container.setdefault("imagePullPolicy", pull_policy(container["image"]))
    if _LABEL.fullmatch(container["name"]) is None:
        raise Rejected(f'{path}.name: Invalid value: "{container["name"]}": {_LABEL_RULE}')
    if policy not in _PULL_POLICIES:
        raise Rejected(_unsupported(f"{path}.imagePullPolicy", policy, _PULL_POLICIES))
    for port in container.get("ports") or ():
        _port(port.get("containerPort"), f"{path}.ports[0].containerPort")
    _environment(container, path)
    _resources(container["resources"], path)
    for field in ("readinessProbe", "livenessProbe"):
        probe = container.get(field)
        if probe:
            _probe(probe, f"{path}.{field}")
        else:
            container.pop(field, None)


def _environment(container: Manifest, path: str) -> None:
    for item in container.get("env") or ():
        if not item.get("name"):
            raise Rejected(f"{path}.env[0].name: Required value")
        for field, reference in (item.get("valueFrom") or {}).items():
            if not field.endswith("KeyRef"):
                continue
            if not reference.get("name") or not reference.get("key"):
                raise Rejected(f"{path}.env[0].valueFrom: Invalid value: must specify a key")


def _resources(resources: Manifest, path: str) -> None:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for name, wanted in requests.items():
        if name in limits and amount(wanted) > amount(limits[name]):
            raise Rejected(
                f'{path}.resources.requests: Invalid value: "{wanted}": must be less than or '
                f"equal to {name} limit of {limits[name]}"
            )


def _probe(probe: Manifest, path: str) -> None:
    handlers = [key for key in ("exec", "httpGet", "tcpSocket", "grpc") if probe.get(key)]
    if not handlers:
        raise Rejected(f"{path}: Required value: must specify a handler type")
    if len(handlers) > 1:
        raise Rejected(f"{path}.{handlers[1]}: Forbidden: may not specify more than 1 handler type")
    if handlers[0] != "exec":
        _port(probe[handlers[0]].get("port"), f"{path}.{handlers[0]}.port")
    for field, default in (
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ):
        if probe.setdefault(field, default) < 1:
            probe[field] = default
    if "httpGet" in probe:
        probe["httpGet"].setdefault("scheme", "HTTP")


def _port(value: Any, path: str) -> None:  # noqa: ANN401 - JSON
    if value is None:
        raise Rejected(f"{path}: Required value")
    if isinstance(value, int) and not 1 <= value <= 65_535:  # noqa: PLR2004 - the last port
        raise Rejected(f"{path}: Invalid value: {value}: must be between 1 and 65535, inclusive")


def service(spec: Manifest, before: Manifest | None) -> None:
    """Fill in and check a service's spec. Raises `Rejected`."""
    kind = spec.setdefault("type", "ClusterIP")
    if spec.get("sessionAffinity") == "ClientIP":
        spec.setdefault("sessionAffinityConfig", {"clientIP": {"timeoutSeconds": 10_800}})
    if kind != "ExternalName":
        for field, default in _SERVICE_DEFAULTS.items():
            spec.setdefault(field, default)
    problems = _service_ports(spec.get("ports") or [], needed=kind != "ExternalName")
    if kind not in _SERVICE_TYPES:
        problems.append(_unsupported("spec.type", kind, _SERVICE_TYPES))
    if before is not None and kind in _SERVICE_TYPES:
        problems += _service_address(spec, before["spec"])
    if problems:
        raise Rejected(*problems)


def _service_ports(ports: list[Manifest], *, needed: bool) -> list[str]:
    if not ports and needed:
        return ["spec.ports: Required value"]
    problems: list[str] = []
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        port.setdefault("protocol", "TCP")
        if len(ports) > 1 and not port.get("name"):
            problems.append(f"{path}.name: Required value")
        for field, value in (
            ("port", port.get("port")),
            ("targetPort", port.setdefault("targetPort", port.get("port"))),
        ):
            try:
                _port(value, f"{path}.{field}")
            except Rejected as error:
                problems.append(str(error))
        if port.get("name") and port["name"] in [one.get("name") for one in ports[:index]]:
            problems.append(f'{path}.name: Duplicate value: "{port["name"]}"')
    known: list[tuple[Any, Any]] = []
    for index, port in enumerate(ports):
        pair = port.get("port"), port["protocol"]
        if pair in known:
            shown = {"Name": "", "Protocol": pair[1], "AppProtocol": None, "Port": pair[0]}
            shown |= {"TargetPort": 0, "NodePort": 0}
            problems.append(f"spec.ports[{index}]: Duplicate value: {compact(shown)}")
        known.append(pair)
    return problems


def _service_address(spec: Manifest, before: Manifest) -> list[str]:
    old, new = before.get("clusterIP"), spec.get("clusterIP")
    if new == old or "ExternalName" in (spec["type"], before.get("type")):
        return []
    if not new:  # the server keeps the address that a change leaves out
        spec["clusterIP"] = old
        spec["clusterIPs"] = before.get("clusterIPs", [old])
        return []
    return [f"spec.clusterIPs[0]: Invalid value: {compact([new])}: may not change once set"]


def policy(spec: Manifest) -> None:
    """Fill in a network policy's spec."""
    for field in ("ingress", "egress"):
        if spec.get(field) == []:
            del spec[field]
    spec.setdefault("podSelector", {})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]


def autoscaler(spec: Manifest) -> None:
    """Check an autoscaler's spec. Raises `Rejected`."""
    least, most = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    if most < least:
        raise Rejected(
            f"spec.maxReplicas: Invalid value: {most}: "
            "must be greater than or equal to `minReplicas`"
        )


def claim(spec: Manifest, before: Manifest | None) -> None:
    """Fill in and check a claim's spec. Raises `Rejected`."""
    spec.setdefault("accessModes", ["ReadWriteOnce"])
    spec.setdefault("volumeMode", "Filesystem")
    if "storage" not in (spec.get("resources") or {}).get("requests", {}):
        raise Rejected("spec.resources[storage]: Required value")
    if before is not None and spec != before["spec"]:
        raise Rejected(
            "spec: Forbidden: spec is immutable after creation except resources.requests and "
            "volumeAttributesClassName for bound claims"
        )


def volume(spec: Manifest) -> None:
    """Check a volume's spec. Raises `Rejected`."""
    problems = []
    if not spec.get("accessModes"):
        problems.append("spec.accessModes: Required value")
    if "storage" not in (spec.get("capacity") or {}):
        problems.append("spec.capacity: Required value")
    reference = spec.get("claimRef")
    problems += [
        f"spec.claimRef.{field}: Required value"
        for field in ("name", "namespace")
        if reference is not None and not reference.get(field)
    ]
    if problems:
        raise Rejected(*problems)
