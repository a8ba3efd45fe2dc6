"""Sections that several descriptions share: labels, annotations, containers, probes, volumes.

Lines carry tabs where kubectl's own have them; `tables.elastic` aligns a whole description.
"""

from __future__ import annotations

from collections.abc import Mapping

from agents.environments.simulated.clock import rfc1123, seconds_of
from agents.environments.simulated.objects.kinds import Manifest

_CLAIM_TYPE = "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)"
_HIDDEN = ("kubectl.kubernetes.io/last-applied-configuration",)


def field(name: str, value: object) -> str:
    """Return one line of a description."""
    return f"{name}:\t{value}"


def pairs(
    title: str, values: Mapping[str, str] | None, mark: str = "=", indent: str = ""
) -> list[str]:
    """Return labels (`=`) or annotations (`: `), one a line, the first beside the title."""
    shown = sorted((key, value) for key, value in (values or {}).items() if key not in _HIDDEN)
    if not shown:
        return [f"{indent}{title}:\t<none>"]
    texts = [f"{key}{mark}{value}" for key, value in shown]
    return [f"{indent}{title}:\t{texts[0]}", *(f"{indent}\t{text}" for text in texts[1:])]


def probe_text(probe: Manifest) -> str:
    """Return a probe on one line."""
    if "httpGet" in probe:
        how = probe["httpGet"]
        scheme = how.get("scheme", "HTTP").lower()
        action = f"http-get {scheme}://:{how['port']}{how.get('path', '')}"
    elif "tcpSocket" in probe:
        action = f"tcp-socket :{probe['tcpSocket']['port']}"
    else:
        action = f"exec {probe.get('exec', {}).get('command', [])}"
    return (
        f"{action} delay={probe.get('initialDelaySeconds', 0)}s "
        f"timeout={probe.get('timeoutSeconds', 1)}s period={probe.get('periodSeconds', 10)}s "
        f"#success={probe.get('successThreshold', 1)} #failure={probe.get('failureThreshold', 3)}"
    )


def _state(name: str, state: Manifest) -> list[str]:
    if "running" in state:
        started = rfc1123(seconds_of(state["running"]["startedAt"]))
        return [f"    {name}:\tRunning", f"      Started:\t{started}"]
    if "waiting" in state:
        return [f"    {name}:\tWaiting", f"      Reason:\t{state['waiting']['reason']}"]
    if "terminated" in state:
        ended = state["terminated"]
        return [
            f"    {name}:\tTerminated",
            f"      Reason:\t{ended['reason']}",
            f"      Exit Code:\t{ended['exitCode']}",
            f"      Started:\t{rfc1123(seconds_of(ended['startedAt']))}",
            f"      Finished:\t{rfc1123(seconds_of(ended['finishedAt']))}",
        ]
    return []


def _environment(container: Manifest) -> list[str]:
    listed = container.get("env") or []
    if not listed:
        return ["    Environment:\t<none>"]
    lines = ["    Environment:"]
    for item in listed:
        source = item.get("valueFrom") or {}
        if "configMapKeyRef" in source:
            reference = source["configMapKeyRef"]
            text = f"<set to the key '{reference['key']}' of config map '{reference['name']}'>"
        elif "secretKeyRef" in source:
            reference = source["secretKeyRef"]
            text = f"<set to the key '{reference['key']}' in secret '{reference['name']}'>"
        else:
            lines.append(f"      {item['name']}:\t{item.get('value', '')}")
            continue
        optional = str(bool(reference.get("optional"))).lower()
        lines.append(f"      {item['name']}:\t{text}\tOptional: {optional}")
    return lines


def _mounts(container: Manifest) -> list[str]:
    listed = container.get("volumeMounts") or []
    if not listed:
        return ["    Mounts:\t<none>"]
    lines = ["    Mounts:"]
    for mount in sorted(listed, key=lambda item: str(item["mountPath"])):
        flags = "ro" if mount.get("readOnly") else "rw"
        lines.append(f"      {mount['mountPath']} from {mount['name']} ({flags})")
    return lines


def _ports(container: Manifest) -> list[str]:
    ports = container.get("ports") or []
    names = [f" ({port['name']})" if port.get("name") else "" for port in ports]
    kinds = [port.get("protocol", "TCP") for port in ports]
    own = [f"{p['containerPort']}/{k}{n}" for p, k, n in zip(ports, kinds, names, strict=True)]
    host = [f"0/{kind}{name}" for kind, name in zip(kinds, names, strict=True)]
    several = "s" if len(ports) > 1 else ""
    return [
        f"    Port{several}:\t{', '.join(own) or '<none>'}",
        f"    Host Port{several}:\t{', '.join(host) or '<none>'}",
    ]


def container_lines(container: Manifest, status: Manifest | None, *, of_pod: bool) -> list[str]:
    """Return one container; `status` is its containerStatus in a pod."""
    lines = [f"  {container['name']}:" if of_pod else f"   {container['name']}:"]
    if status:
        lines.append(f"    Container ID:\t{status.get('containerID', '')}")
    lines.append(f"    Image:\t{container['image']}")
    if status:
        lines.append(f"    Image ID:\t{status.get('imageID', '')}")
    lines += _ports(container)
    for key, title in (("command", "Command"), ("args", "Args")):
        if container.get(key):
            lines.append(f"    {title}:")
            lines += [f"      {word}" for word in container[key]]
    if status:
        lines += _state("State", status["state"])
        lines += _state("Last State", status.get("lastState") or {})
        lines.append(f"    Ready:\t{status['ready']}")
        lines.append(f"    Restart Count:\t{status['restartCount']}")
    resources = container.get("resources") or {}
    for key, title in (("limits", "Limits"), ("requests", "Requests")):
        if resources.get(key):
            lines.append(f"    {title}:")
            lines += [f"      {name}:\t{value}" for name, value in sorted(resources[key].items())]
    for key, title in (("livenessProbe", "Liveness"), ("readinessProbe", "Readiness")):
        if container.get(key):
            lines.append(f"    {title}:\t{probe_text(container[key])}")
    return [*lines, *_environment(container), *_mounts(container)]


def volume_lines(spec: Manifest, indent: str = "") -> list[str]:
    """Return the Volumes section of a pod or template."""
    volumes = spec.get("volumes") or []
    if not volumes:
        return [f"{indent}Volumes:\t<none>"]
    lines = [f"{indent}Volumes:"]
    for volume in volumes:
        lines.append(f"  {' ' if indent else ''}{volume['name']}:")
        claim = volume.get("persistentVolumeClaim")
        if claim:
            lines += [
                f"    Type:\t{_CLAIM_TYPE}",
                f"    ClaimName:\t{claim['claimName']}",
                "    ReadOnly:\tfalse",
            ]
    return lines
