"""The sources of volumes, of pods and of persistent volumes alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.objects.quantity import amount

if TYPE_CHECKING:
    from agents.environments.simulated.objects.kinds import Manifest

_CLAIM_TYPE = "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)"


def _flag(value: object) -> str:
    return str(bool(value)).lower()


def _projected(source: Manifest) -> list[str]:
    lines = ["Type:\tProjected (a volume that contains injected data from multiple sources)"]
    for part in source.get("sources") or ():
        if "secret" in part:
            lines += [f"SecretName:\t{part['secret'].get('name', '')}"]
            lines += [f"Optional:\t{_flag(part['secret'].get('optional'))}"]
        elif "downwardAPI" in part:
            lines.append("DownwardAPI:\ttrue")
        elif "configMap" in part:
            lines += [f"ConfigMapName:\t{part['configMap'].get('name', '')}"]
            lines += [f"Optional:\t{_flag(part['configMap'].get('optional'))}"]
        elif "serviceAccountToken" in part:
            seconds = part["serviceAccountToken"].get("expirationSeconds", 3600)
            lines.append(f"TokenExpirationSeconds:\t{seconds}")
    return lines


def source_lines(volume: Manifest) -> list[str]:
    """Return what a volume is made of."""
    if "hostPath" in volume:
        source = volume["hostPath"]
        lines = [
            "Type:\tHostPath (bare host directory volume)",
            f"Path:\t{source['path']}",
            f"HostPathType:\t{source.get('type', '<none>')}",
        ]
    elif "emptyDir" in volume:
        source = volume["emptyDir"]
        size = source.get("sizeLimit")
        lines = [
            "Type:\tEmptyDir (a temporary directory that shares a pod's lifetime)",
            f"Medium:\t{source.get('medium', '')}",
            f"SizeLimit:\t{size if size and amount(str(size)) > 0 else '<unset>'}",
        ]
    elif "secret" in volume:
        source = volume["secret"]
        lines = [
            "Type:\tSecret (a volume populated by a Secret)",
            f"SecretName:\t{source.get('secretName', '')}",
            f"Optional:\t{_flag(source.get('optional'))}",
        ]
    elif "configMap" in volume:
        source = volume["configMap"]
        lines = [
            "Type:\tConfigMap (a volume populated by a ConfigMap)",
            f"Name:\t{source.get('name', '')}",
            f"Optional:\t{_flag(source.get('optional'))}",
        ]
    elif "persistentVolumeClaim" in volume:
        source = volume["persistentVolumeClaim"]
        lines = [
            f"Type:\t{_CLAIM_TYPE}",
            f"ClaimName:\t{source['claimName']}",
            f"ReadOnly:\t{_flag(source.get('readOnly'))}",
        ]
    elif "projected" in volume:
        lines = _projected(volume["projected"])
    else:
        return ["  <unknown>"]
    return [f"    {line}" for line in lines]


def volume_lines(spec: Manifest, indent: str = "") -> list[str]:
    """Return the Volumes section of a pod or template."""
    volumes = spec.get("volumes") or []
    if not volumes:
        return [f"{indent}Volumes:\t<none>"]
    lines = [f"{indent}Volumes:"]
    for volume in volumes:
        lines.append(f"  {' ' if indent else ''}{volume['name']}:")
        lines += source_lines(volume)
    return lines
