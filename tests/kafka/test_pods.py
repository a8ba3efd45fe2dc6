"""Every zone gets ready from what the shipped manifests say, in a root like its pod's.

Per container a mount namespace and a root of its own: the machine's programs, this Python and this
project read-only in place of the image, and of the pod's volumes what the container mounts, where
it mounts them. Then the container's own command, as the pod's user, without rights and without new
ones. What differs from a cluster: the network is shared, so ports are drawn and topics have the
test's prefix; the mind asks an endpoint, so no weights are loaded; no seccomp profile is set.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from agents.approval.keyring import write_keyring
from agents.approval.signing import SigningKey
from agents.roles import Zone
from deploy.embedded.keys import HOLDERS
from deploy.embedded.stack import drawn
from tests.conftest import Space
from tests.safety.manifests import ROOT, Laid, Named, lay_out, made, pods

READY_SECONDS = 90.0
IMAGE = {
    "/image/python": Path(sys.base_prefix),
    "/image/packages": Path(sysconfig.get_path("purelib")),
    "/image/aoi": ROOT,
    **{f"/{name}": Path("/", name) for name in ("usr", "bin", "lib", "dev", "proc")},
    **({"/lib64": Path("/lib64")} if Path("/lib64").exists() else {}),
}
"""What stands for the image, by where it is mounted."""

AOI = """\
#!/bin/sh
export PYTHONPATH=/image/aoi:/image/packages LD_LIBRARY_PATH=/image/python/lib
exec /image/python/bin/python{version.major}.{version.minor} -m deploy.cli.main "$@"
"""


def able() -> bool:
    """Tell whether this machine lets the test make such roots, and others read this Python."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv", "chroot"))):
        return False
    readable = all(path.stat().st_mode & 0o005 == 0o005 for path in IMAGE.values())
    return readable and not subprocess.run(["unshare", "-m", "true"], check=False).returncode


pytestmark = [
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.skipif(not able(), reason="needs root and mount namespaces"),
]


@dataclass(frozen=True, slots=True)
class Contained:
    """One container: its pod's files, and what its root is made of."""

    laid: Laid
    container: dict[str, Any]

    @property
    def root(self) -> Path:
        """Where its root is put together."""
        return self.laid.root.with_name(f"{self.laid.root.name}-{self.container['name']}")

    def argv(self, variables: Mapping[str, str]) -> list[str]:
        """Return what runs the container's command in its root, as its pod's user."""
        uid, gid, fs_group = self.laid.pod.ids
        script = "\n".join([*self._mounts(), 'exec chroot "$@"'])
        user = [f"--userspec={uid}:{gid}", f"--groups={fs_group}", str(self.root)]
        # without an entry in /etc/passwd a container's home is the root
        given = {"PATH": "/image/bin:/usr/bin:/bin", "HOME": "/", **variables}
        pairs = [f"{name}={value}" for name, value in given.items()]
        own = ["setpriv", "--no-new-privs", "--pdeathsig=KILL"]  # it ends with the test, however
        command = [*own, *self.container["command"], *self.container["args"]]
        return ["unshare", "-m", "sh", "-ec", script, "sh", *user, "env", "-i", *pairs, *command]

    def _mounts(self) -> Iterator[str]:
        root = self.root
        (root / "image" / "bin").mkdir(parents=True)
        (root / "image" / "bin" / "aoi").write_text(AOI.format(version=sys.version_info))
        (root / "image" / "bin" / "aoi").chmod(0o755)
        volumes = sorted(self.container["volumeMounts"], key=lambda one: len(one["mountPath"]))
        yield f"mount --make-rprivate /; mount --bind {root} {root}"
        for at, source in IMAGE.items():
            Path(f"{root}{at}").mkdir(parents=True)
            yield f"mount --rbind {source} {root}{at}"
        for at in ("/image/python", "/image/packages", "/image/aoi", "/usr"):
            yield f"mount -o remount,bind,ro {root}{at}"
        for one in volumes:
            at = one["mountPath"]
            Path(f"{root}{at}").mkdir(parents=True, exist_ok=True)
            yield f"mount --bind {self.laid.at(one['name'])} {root}{at}"
            if one.get("readOnly"):
                yield f"mount -o remount,bind,ro {root}{at}"
        if self.container["securityContext"]["readOnlyRootFilesystem"]:
            yield f"mount -o remount,bind,ro {root}"


@pytest.fixture
def node(space: Space) -> Iterator[dict[Zone, Laid]]:
    """Give every pod's files, with logins of the test's broker and keys that fit the keyring."""
    place = Path(mkdtemp(prefix="aoi-pods-", dir="/tmp"))
    place.chmod(0o755)
    given = {named: made(named[1]) for pod in pods().values() for named in pod.secrets}
    for name, file in given:
        if file.endswith(".json"):
            given[name, file] = (space.broker.credential_file(Path(file).stem)).read_bytes()
    ring = place / "keyring.json"
    write_keyring(ring, tuple(_entry(place, given, holder) for holder in ("gate", "executor")))
    maps = {("keyring", "keyring.json"): ring.read_bytes()}
    yield {zone: lay_out(pod, place / zone, given, maps) for zone, pod in pods().items()}
    assert str(place) not in Path("/proc/self/mountinfo").read_text(), "would be deleted, too"
    shutil.rmtree(place)


def _entry(place: Path, given: Mapping[Named, bytes], holder: str) -> Any:
    file = place / f"{holder}.key"
    file.write_bytes(given[f"{holder}-key", file.name])
    file.chmod(0o600)
    return SigningKey.load(file).entry(holder, *HOLDERS[holder])


@contextlib.contextmanager
def started(node: Mapping[Zone, Laid], prefix: str) -> Iterator[dict[Zone, tuple[Any, int]]]:
    """Run the first containers, then the zones; give each one's process and its health's port."""
    running: dict[Zone, tuple[Any, int]] = {}
    try:
        for zone, laid in node.items():
            (first,) = (Contained(laid, one) for one in laid.pod.spec["initContainers"])
            subprocess.run(first.argv({}), check=True)
            port = drawn()
            variables = laid.pod.environment | {
                "AOI_HEALTH__PORT": str(port),
                "AOI_KAFKA__TOPIC_PREFIX": prefix,
            }
            if zone is Zone.MIND:
                variables |= {"AOI_INTAKE__PORT": str(drawn()), "AOI_MODEL__NAME": "some"}
                variables["AOI_MODEL__BASE_URL"] = "http://127.0.0.1:1/v1"
            log = laid.root.with_suffix(".log").open("wb")
            argv = Contained(laid, laid.pod.container).argv(variables)
            with log:
                running[zone] = (subprocess.Popen(argv, stdout=log, stderr=log), port)
        yield running
    finally:
        for process, _ in running.values():
            process.kill()
            process.wait()


def ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def told(process: int) -> dict[str, str]:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return {
        name: " ".join(value.split()) for name, _, value in (one.partition(":") for one in lines)
    }


def test_every_zone_gets_ready_from_its_manifest(node: dict[Zone, Laid], space: Space) -> None:
    with started(node, space.prefix) as running:
        deadline = time.monotonic() + READY_SECONDS
        waiting = dict(running)
        while waiting and time.monotonic() < deadline:
            if any(process.poll() is not None for process, _ in waiting.values()):
                break
            waiting = {zone: one for zone, one in waiting.items() if not ready(one[1])}
            time.sleep(0.2)
        ends = [node[zone].root.with_suffix(".log").read_text()[-500:] for zone in waiting]
        assert not waiting, "\n".join(ends)
        for zone, (process, _) in running.items():
            uid, gid, fs_group = node[zone].pod.ids
            status, root = told(process.pid), Path(f"/proc/{process.pid}/root")
            assert status["Uid"].split() == [str(uid)] * 4
            assert status["Gid"].split() == [str(gid)] * 4
            assert (status["Groups"], status["NoNewPrivs"]) == (str(fs_group), "1")
            assert int(status["CapEff"], 16) == 0
            with pytest.raises(OSError, match="Read-only"):
                (root / "written").touch()
            assert not (root / "secrets").exists()
            write = root / "var/lib/aoi/credentials/write.token"
            assert write.exists() is (zone is Zone.EXECUTOR)
        for process, _ in running.values():
            process.terminate()
        assert [process.wait(40) for process, _ in running.values()] == [0] * len(Zone)
