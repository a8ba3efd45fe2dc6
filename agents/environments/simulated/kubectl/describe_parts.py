"""Sections that several descriptions share: labels, annotations, containers, probes, tolerations.

Lines carry tabs where kubectl's own have them; `tables.elastic` aligns a whole description.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil

from agents.environments.simulated.clock import rfc1123, seconds_of
from agents.environments.simulated.kubectl.jsonpath import shown, values_at
from agents.environments.simulated.objects.kinds import Manifest
from agents.environments.simulated.objects.quantity import amount

_HIDDEN = ("kubectl.kubernetes.io/last-applied-configuration",)
_LONGEST_ANNOTATION = 140


def field(name: str, value: object) -> str:
    """Return one line of a description."""
    return f"{name}:\t{value}"


def go_list(words: Iterable[str] | None) -> str:
    """Return a list as Go's `%v` prints it."""
    return f"[{' '.join(words or ())}]"


def pairs(
    title: str, values: Mapping[str, str] | None, mark: str = "=", indent: str = ""
) -> list[str]:
    """Return labels (`=`) or annotations (`: `), one a line, the first beside the title."""
    shown_pairs = sorted(
        (key, value) for key, value in (values or {}).items() if key not in _HIDDEN
    )
    if not shown_pairs:
        return [f"{indent}{title}:\t<none>"]
    texts: list[str] = []
    for key, value in shown_pairs:
        texts += [f"{key}={value}"] if mark == "=" else _annotation(key, value.removesuffix("\n"))
    return [f"{indent}{title}:\t{texts[0]}", *(f"\t{text}" for text in texts[1:])]


def _annotation(key: str, value: str) -> list[str]:
    """Return an annotation; a long one or one of several lines stands below its key."""
    if len(value) + len(key) + 2 <= _LONGEST_ANNOTATION and "\n" not in value:
        return [f"{key}: {value}"]
    room = _LONGEST_ANNOTATION - 2
    lines = [line[:room] + "..." if len(line) > room else line for line in value.split("\n")]
    return [f"{key}:", *(f"  {line}" for line in lines)]


def toleration_lines(
    tolerations: Iterable[Manifest] | None, title: str = "Tolerations"
) -> list[str]:
    """Return tolerations sorted by key, one a line, the first beside the title."""
    texts = []
    for one in sorted(tolerations or (), key=lambda item: str(item.get("key", ""))):
        text = str(one.get("key", ""))
        text += f"={one['value']}" if one.get("value") else ""
        text += f":{one['effect']}" if one.get("effect") else ""
        if one.get("operator") == "Exists" and not one.get("value"):
            text += " op=Exists" if text else "op=Exists"
        if one.get("tolerationSeconds") is not None:
            text += f" for {one['tolerationSeconds']}s"
        texts.append(text)
    return [f"{title}:\t{(texts or ['<none>'])[0]}", *(f"\t{text}" for text in texts[1:])]


def probe_text(probe: Manifest) -> str:
    """Return a probe on one line."""
    if "httpGet" in probe:
        how = probe["httpGet"]
        scheme, path = how.get("scheme", "HTTP").lower(), str(how.get("path", ""))
        slash = "" if not path or path.startswith("/") else "/"
        action = f"http-get {scheme}://{how.get('host', '')}:{how['port']}{slash}{path}"
    elif "tcpSocket" in probe:
        action = f"tcp-socket {probe['tcpSocket'].get('host', '')}:{probe['tcpSocket']['port']}"
    elif "grpc" in probe:
        action = f"grpc <pod>:{probe['grpc']['port']} {probe['grpc'].get('service', '')}"
    elif "exec" in probe:
        action = f"exec {go_list(probe['exec'].get('command'))}"
    else:
        action = "unknown"
    return (
        f"{action} delay={probe.get('initialDelaySeconds', 0)}s "
        f"timeout={probe.get('timeoutSeconds', 1)}s period={probe.get('periodSeconds', 10)}s "
        f"#success={probe.get('successThreshold', 1)} #failure={probe.get('failureThreshold', 3)}"
    )


def _state(name: str, state: Manifest) -> list[str]:
    if "running" in state:
        started = rfc1123(seconds_of(state["running"]["startedAt"]))
        return [f"    {name}:\tRunning", f"      Started:\t{started}"]
    if "terminated" in state:
        ended = state["terminated"]
        lines = [f"    {name}:\tTerminated"]
        for key, title in (("reason", "Reason"), ("message", "Message")):
            lines += [f"      {title}:\t{ended[key]}"] if ended.get(key) else []
        lines.append(f"      Exit Code:\t{ended['exitCode']}")
        lines += [f"      Signal:\t{ended['signal']}"] if ended.get("signal") else []
        return [
            *lines,
            f"      Started:\t{rfc1123(seconds_of(ended['startedAt']))}",
            f"      Finished:\t{rfc1123(seconds_of(ended['finishedAt']))}",
        ]
    reason = (state.get("waiting") or {}).get("reason")
    return [f"    {name}:\tWaiting", *([f"      Reason:\t{reason}"] if reason else [])]


def _optional(reference: Manifest) -> str:
    return f"Optional: {str(bool(reference.get('optional'))).lower()}"


def _resource_value(container: Manifest, reference: Manifest) -> str:
    """Return what a resourceFieldRef means for the container, in units of its divisor."""
    which, _, name = str(reference["resource"]).partition(".")
    text = ((container.get("resources") or {}).get(which) or {}).get(name)
    if text is None:
        return "node allocatable" if which == "limits" else "0"
    divisor = amount(str(reference.get("divisor", "0"))) or 1.0
    return str(ceil(amount(text) / divisor))


def _variable(item: Manifest, container: Manifest, pod: Manifest | None) -> list[str]:
    name, source = item["name"], item.get("valueFrom") or {}
    if "configMapKeyRef" in source:
        reference = source["configMapKeyRef"]
        text = f"<set to the key '{reference['key']}' of config map '{reference['name']}'>"
        return [f"      {name}:\t{text}\t{_optional(reference)}"]
    if "secretKeyRef" in source:
        reference = source["secretKeyRef"]
        text = f"<set to the key '{reference['key']}' in secret '{reference['name']}'>"
        return [f"      {name}:\t{text}\t{_optional(reference)}"]
    if "fieldRef" in source:
        reference = source["fieldRef"]
        found = values_at(pod, f".{reference['fieldPath']}")[:1] if pod else []
        value = "".join(shown(value) for value in found)
        where = f"{reference.get('apiVersion', 'v1')}:{reference['fieldPath']}"
        return [f"      {name}:\t{value} ({where})"]
    if "resourceFieldRef" in source:
        reference = source["resourceFieldRef"]
        return [f"      {name}:\t{_resource_value(container, reference)} ({reference['resource']})"]
    first, *rest = str(item.get("value", "")).split("\n")
    return [f"      {name}:\t{first}", *(f"      \t{line}" for line in rest)]


def _environment(container: Manifest, pod: Manifest | None) -> list[str]:
    lines = []
    if container.get("envFrom"):
        lines.append("    Environment Variables from:")
        for source in container["envFrom"]:
            kind = "ConfigMap" if source.get("configMapRef") else "Secret"
            reference = source.get("configMapRef") or source.get("secretRef") or {}
            prefix = f" with prefix '{source['prefix']}'" if source.get("prefix") else ""
            lines.append(
                f"      {reference.get('name', '')}\t{kind}{prefix}\t{_optional(reference)}"
            )
    listed = container.get("env") or []
    if not listed:
        return [*lines, "    Environment:\t<none>"]
    lines.append("    Environment:")
    for item in listed:
        lines += _variable(item, container, pod)
    return lines


def _mounts(container: Manifest) -> list[str]:
    listed = container.get("volumeMounts") or []
    if not listed:
        return ["    Mounts:\t<none>"]
    lines = ["    Mounts:"]
    for mount in sorted(listed, key=lambda item: str(item["mountPath"])):
        flags = "ro" if mount.get("readOnly") else "rw"
        flags += f',path="{mount["subPath"]}"' if mount.get("subPath") else ""
        lines.append(f"      {mount['mountPath']} from {mount['name']} ({flags})")
    return lines


def _ports(container: Manifest) -> list[str]:
    ports = container.get("ports") or []
    names = [f" ({port['name']})" if port.get("name") else "" for port in ports]
    kinds = [port.get("protocol", "TCP") for port in ports]
    own = [f"{p['containerPort']}/{k}{n}" for p, k, n in zip(ports, kinds, names, strict=True)]
    host = [f"{p.get('hostPort', 0)}/{k}{n}" for p, k, n in zip(ports, kinds, names, strict=True)]
    several = "s" if len(ports) > 1 else ""
    return [
        f"    Port{several}:\t{', '.join(own) or '<none>'}",
        f"    Host Port{several}:\t{', '.join(host) or '<none>'}",
    ]


def _status(status: Manifest) -> list[str]:
    lines = _state("State", status["state"])
    if (status.get("lastState") or {}).get("terminated"):
        lines += _state("Last State", status["lastState"])
    lines.append(f"    Ready:\t{status['ready']}")
    return [*lines, f"    Restart Count:\t{status['restartCount']}"]


def container_lines(
    container: Manifest, status: Manifest | None, *, pod: Manifest | None
) -> list[str]:
    """Return one container; `status` is its containerStatus in the pod, None in a template."""
    lines = [f"  {container['name']}:" if pod else f"   {container['name']}:"]
    if status:
        lines.append(f"    Container ID:\t{status.get('containerID', '')}")
    lines.append(f"    Image:\t{container['image']}")
    if status:
        lines.append(f"    Image ID:\t{status.get('imageID', '')}")
    lines += _ports(container)
    for key, title in (("command", "Command"), ("args", "Args")):
        if container.get(key):
            lines.append(f"    {title}:")
            lines += [f"      {part}" for word in container[key] for part in word.split("\n")]
    if status:
        lines += _status(status)
    resources = container.get("resources") or {}
    for key, title in (("limits", "Limits"), ("requests", "Requests")):
        if resources.get(key):
            lines.append(f"    {title}:")
            lines += [f"      {name}:\t{value}" for name, value in sorted(resources[key].items())]
    for key, title in (
        ("livenessProbe", "Liveness"),
        ("readinessProbe", "Readiness"),
        ("startupProbe", "Startup"),
    ):
        if container.get(key):
            lines.append(f"    {title}:\t{probe_text(container[key])}")
    return [*lines, *_environment(container, pod), *_mounts(container)]
