"""The shipped manifests as data, and the files of a pod as a kubelet would lay them out.

What is imitated of a kubelet: with an fsGroup the files of projected Secrets and of ConfigMaps are
root's and that group's, which may read them (mode | 0440), behind the links by which they are
replaced at once; the group may write to an emptyDir and a claim, everyone to an emptyDir.
"""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from agents.roles import Role, Zone

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
GROUP_READS = 0o440
FOLDER_MODE, EMPTY_MODE, CLAIM_MODE = 0o2755, 0o2777, 0o2775
DEFAULT_MODE = 0o644
Named = tuple[str, str]
"""A Secret's or ConfigMap's name, and a key of it."""


def objects() -> list[dict[str, Any]]:
    """Return every object of the files that the kustomization lists."""
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    return [one for name in listed for one in yaml.safe_load_all((FOLDER / name).read_text())]


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    """Return the objects of a kind by name."""
    return {one["metadata"]["name"]: one for one in objects() if one["kind"] == kind}


def walk(node: object) -> Iterator[tuple[str, Any]]:
    """Give every member of a document, wherever it stands."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield str(name), value
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


@dataclass(frozen=True, slots=True)
class Pod:
    """The pod of one zone."""

    zone: Zone
    spec: dict[str, Any]

    @property
    def ids(self) -> tuple[int, int, int]:
        """The user, its group, and the group of the volumes."""
        said = self.spec["securityContext"]
        return said["runAsUser"], said["runAsGroup"], said["fsGroup"]

    @property
    def container(self) -> dict[str, Any]:
        """The one that runs the zone."""
        (found,) = self.spec["containers"]
        return dict(found)

    @property
    def containers(self) -> list[dict[str, Any]]:
        """Every container, in the order in which they run."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def secret_names(self) -> set[str]:
        """The Secrets that the pod names in whatever way: volume, variable, pull secret."""
        found: set[str] = set()
        for name, value in walk(self.spec):
            if name in {"secret", "secretKeyRef", "secretRef"}:
                found.add(value.get("name") or value["secretName"])
            elif name == "imagePullSecrets":
                found |= {one["name"] for one in value}
        return found

    @property
    def secrets(self) -> dict[Named, str]:
        """What of its Secrets becomes a file: its path in the volume."""
        return {
            (source["secret"]["name"], item["key"]): item["path"]
            for volume in self.spec["volumes"]
            for source in volume.get("projected", {}).get("sources", [])
            for item in source["secret"]["items"]
        }

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the zone's container."""
        maps, found = of_kind("ConfigMap"), dict[str, str]()
        for source in self.container.get("envFrom", []):
            found |= maps[source["configMapRef"]["name"]]["data"]
        return found | {one["name"]: one["value"] for one in self.container.get("env", [])}

    @property
    def mounts(self) -> dict[str, str]:
        """The path of each volume, which is the same in all containers."""
        found: dict[str, str] = {}
        for container in self.containers:
            for mount in container["volumeMounts"]:
                path = found.setdefault(mount["name"], mount["mountPath"])
                assert path == mount["mountPath"], f"{mount['name']} of {self.zone} at two paths"
        return found


def pods() -> dict[Zone, Pod]:
    """Return the pod of each zone, by the name of its Deployment."""
    found = of_kind("Deployment")
    return {
        Zone(name): Pod(Zone(name), one["spec"]["template"]["spec"]) for name, one in found.items()
    }


@dataclass(frozen=True, slots=True)
class Laid:
    """A pod's files under a folder that stands for its root."""

    pod: Pod
    root: Path

    def inside(self, text: str) -> str:
        """Return a text in which every path of a volume leads into the folder."""
        places = "|".join(re.escape(path) for path in self.pod.mounts.values())
        return re.sub(rf"(?<![\w./-])(?=(?:{places})(?:[/\s]|$))", str(self.root), text)

    def prepare(self) -> None:
        """Do what the pod's first containers do, as whoever calls."""
        for container in self.pod.spec["initContainers"]:
            command = [self.inside(word) for word in (*container["command"], *container["args"])]
            subprocess.run(command, check=True, capture_output=True)

    def environment(self) -> dict[str, str]:
        """Return the zone's variables, paths leading into the folder."""
        return {name: self.inside(value) for name, value in self.pod.environment.items()}

    def files(self, *volumes: str) -> list[Path]:
        """Return the files in volumes, the ones behind the links."""
        tops = [self.at(name) for name in volumes]
        found = {path for top in tops for path in top.rglob("*") if path.is_file()}
        return sorted(path for path in found if not path.is_symlink())

    def at(self, volume: str) -> Path:
        """Return the folder of a volume."""
        return Path(f"{self.root}{self.pod.mounts[volume]}")


def lay_out(
    pod: Pod, root: Path, secrets: Mapping[Named, bytes], maps: Mapping[Named, bytes]
) -> Laid:
    """Make the volumes of a pod, as its kubelet has before the first container starts."""
    laid = Laid(pod, root)
    for volume in sorted(pod.spec["volumes"], key=lambda one: len(pod.mounts[one["name"]])):
        folder = laid.at(volume["name"])
        folder.mkdir(parents=True)
        if "projected" in volume:
            content = {path: secrets[named] for named, path in pod.secrets.items()}
            _publish(folder, content, volume["projected"].get("defaultMode", DEFAULT_MODE), pod)
        elif "configMap" in volume:
            name = volume["configMap"]["name"]
            content = {key: data for (of, key), data in maps.items() if of == name}
            _publish(folder, content, volume["configMap"].get("defaultMode", DEFAULT_MODE), pod)
        else:
            _own(folder, EMPTY_MODE if "emptyDir" in volume else CLAIM_MODE, pod)
    return laid


def _publish(folder: Path, content: Mapping[str, bytes], mode: int, pod: Pod) -> None:
    """Write files behind the links `NAME -> ..data/NAME`, `..data -> ..1`."""
    data = folder / "..1"
    data.mkdir()
    for path, value in content.items():
        (data / path).parent.mkdir(exist_ok=True)
        (data / path).write_bytes(value)
        _own(data / path, mode | GROUP_READS, pod)
        top = Path(path).parts[0]
        if not (folder / top).is_symlink():
            (folder / top).symlink_to(Path("..data", top))
    (folder / "..data").symlink_to("..1")
    for one in (folder, data, *(path for path in data.iterdir() if path.is_dir())):
        _own(one, FOLDER_MODE, pod)


def _own(path: Path, mode: int, pod: Pod) -> None:
    if os.geteuid() == 0:
        os.chown(path, 0, pod.ids[2])
    path.chmod(mode)


def made(file: str) -> bytes:
    """Return a signing key, a login or a token, as the file's name says."""
    if file.endswith(".key"):
        return base64.b64encode(os.urandom(32)) + b"\n"
    if file.endswith(".json"):
        login = {"username": Path(file).stem, "password": "drawn", "bootstrap": "127.0.0.1:1"}
        return json.dumps(login).encode()
    return file.encode()


def lay_by_hand(work: Path) -> None:
    """Write the files that an operator brings: logins, tokens, the broker's authority."""
    work.mkdir()
    for role in Role:
        (work / f"{role}.json").write_bytes(made(f"{role}.json"))
    for right in ("intake", "read", "preview", "write"):
        (work / f"{right}.token").write_text(right)
    (work / "ca.pem").write_text("PEM")


def readme_block(language: str) -> str:
    """Return the README's one block of a language."""
    text = (FOLDER / "README.md").read_text()
    (block,) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return str(block)


def run_readme(work: Path, kubectl: Path, **variables: str) -> None:
    """Run the README's commands in a folder, with the `kubectl` of another one."""
    path = os.pathsep.join([str(kubectl), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-ec", readme_block("sh")],
        cwd=work,
        env={"PATH": path, "HOME": str(work), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
