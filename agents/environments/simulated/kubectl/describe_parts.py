"""Sections that several descriptions share: labels, annotations, containers, probes, volumes."""

from __future__ import annotations

from collections.abc import Mapping

from agents.environments.simulated.clock import rfc1123, seconds_of
from agents.environments.simulated.objects.kinds import Manifest

_CLAIM_TYPE = (
    "    Type:       PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same "
    "namespace)"
)
_HIDDEN = ("kubectl.kubernetes.io/last-applied-configuration",)


def field(name: str, value: object, width: int) -> str:
    """Return `Name:` padded to the section's width, then the value."""
    return f"{name + ':':<{width}}{value}".rstrip()


def pairs(name: str, values: Mapping[str, str] | None, width: int, mark: str = "=") -> list[str]:
    """Return labels or annotations, one a line, the first beside the name."""
    shown = sorted((key, value) for key, value in (values or {}).items() if key not in _HIDDEN)
    if not shown:
        return [field(name, "<none>", width)]
    texts = [f"{key}{mark}{value}" for key, value in shown]
    return [field(name, texts[0], width), *(" " * width + text for text in texts[1:])]


def _duration(seconds: int) -> str:
    return f"{seconds}s"


def probe_text(probe: Manifest) -> str:
    """Return a probe on one line."""
    if "httpGet" in probe:
        how = probe["httpGet"]
        action = (
            f"http-get {how.get('scheme', 'HTTP').lower()}://:{how['port']}{how.get('path', '')}"
        )
    elif "tcpSocket" in probe:
        action = f"tcp-socket :{probe['tcpSocket']['port']}"
    else:
        action = f"exec {probe.get('exec', {}).get('command', [])}"
    return (
        f"{action} delay={_duration(probe.get('initialDelaySeconds', 0))} "
        f"timeout={_duration(probe.get('timeoutSeconds', 1))} "
        f"period={_duration(probe.get('periodSeconds', 10))} "
        f"#success={probe.get('successThreshold', 1)} #failure={probe.get('failureThreshold', 3)}"
    )


def _state(name: str, state: Manifest) -> list[str]:
    if "running" in state:
        started = rfc1123(seconds_of(state["running"]["startedAt"]))
        return [f"    {name + ':':<16}Running", f"      {'Started:':<14}{started}"]
    if "waiting" in state:
        return [
            f"    {name + ':':<16}Waiting",
            f"      {'Reason:':<14}{state['waiting']['reason']}",
        ]
    if "terminated" in state:
        ended = state["terminated"]
        return [
            f"    {name + ':':<16}Terminated",
            f"      {'Reason:':<14}{ended['reason']}",
            f"      {'Exit Code:':<14}{ended['exitCode']}",
            f"      {'Started:':<14}{rfc1123(seconds_of(ended['startedAt']))}",
            f"      {'Finished:':<14}{rfc1123(seconds_of(ended['finishedAt']))}",
        ]
    return []


def _environment(container: Manifest) -> list[str]:
    listed = container.get("env") or []
    if not listed:
        return [f"    {'Environment:':<16}<none>"]
    width = max(len(item["name"]) for item in listed) + 1
    lines = ["    Environment:"]
    for item in listed:
        source = item.get("valueFrom") or {}
        if "configMapKeyRef" in source:
            reference = source["configMapKeyRef"]
            kind = "config map"
        elif "secretKeyRef" in source:
            reference = source["secretKeyRef"]
            kind = "secret"
        else:
            lines.append(f"      {item['name'] + ':':<{width}}  {item.get('value', '')}")
            continue
        text = f"<set to the key '{reference['key']}' in {kind} '{reference['name']}'>"
        lines.append(f"      {item['name'] + ':':<{width}}  {text}  Optional: false")
    return lines


def _mounts(container: Manifest) -> list[str]:
    listed = container.get("volumeMounts") or []
    if not listed:
        return [f"    {'Mounts:':<16}<none>"]
    lines = ["    Mounts:"]
    for mount in sorted(listed, key=lambda item: str(item["mountPath"])):
        flags = "ro" if mount.get("readOnly") else "rw"
        lines.append(f"      {mount['mountPath']} from {mount['name']} ({flags})")
    return lines


def container_lines(container: Manifest, status: Manifest | None, *, of_pod: bool) -> list[str]:
    """Return one container; `status` is its containerStatus in a pod."""
    ports = container.get("ports") or []
    port_text = ", ".join(
        f"{port['containerPort']}/{port.get('protocol', 'TCP')}"
        + (f" ({port['name']})" if port.get("name") else "")
        for port in ports
    )
    lines = [f"  {container['name']}:"]
    if of_pod:
        lines.append(f"    {'Container ID:':<16}{(status or {}).get('containerID', '')}".rstrip())
    lines.append(f"    {'Image:':<16}{container['image']}")
    if of_pod:
        lines.append(f"    {'Image ID:':<16}{(status or {}).get('imageID', '')}".rstrip())
    lines.append(f"    {'Port:' if len(ports) < 2 else 'Ports:':<16}{port_text or '<none>'}")  # noqa: PLR2004
    hosts = ", ".join(
        f"0/{port.get('protocol', 'TCP')}" + (f" ({port['name']})" if port.get("name") else "")
        for port in ports
    )
    lines.append(f"    {'Host Port:' if len(ports) < 2 else 'Host Ports:':<16}{hosts or '<none>'}")  # noqa: PLR2004
    for key, title in (("command", "Command:"), ("args", "Args:")):
        if container.get(key):
            lines.append(f"    {title}")
            lines += [f"      {word}" for word in container[key]]
    if status:
        lines += _state("State", status["state"])
        lines += _state("Last State", status["lastState"])
        lines.append(f"    {'Ready:':<16}{status['ready']}")
        lines.append(f"    {'Restart Count:':<16}{status['restartCount']}")
    resources = container.get("resources") or {}
    for key, title in (("limits", "Limits:"), ("requests", "Requests:")):
        if resources.get(key):
            lines.append(f"    {title}")
            width = max(len(name) for name in resources[key]) + 1
            lines += [
                f"      {name + ':':<{width}}  {value}"
                for name, value in sorted(resources[key].items())
            ]
    for key, title in (("livenessProbe", "Liveness:"), ("readinessProbe", "Readiness:")):
        if container.get(key):
            lines.append(f"    {title:<16}{probe_text(container[key])}")
    return [*lines, *_environment(container), *_mounts(container)]


def volume_lines(spec: Manifest) -> list[str]:
    """Return the Volumes section of a pod or template."""
    volumes = spec.get("volumes") or []
    if not volumes:
        return [f"{'  Volumes:':<17}<none>"]
    lines = ["  Volumes:"]
    for volume in volumes:
        lines.append(f"   {volume['name']}:")
        claim = volume.get("persistentVolumeClaim")
        if claim:
            lines += [
                _CLAIM_TYPE,
                f"    ClaimName:  {claim['claimName']}",
                "    ReadOnly:   false",
            ]
    return lines
