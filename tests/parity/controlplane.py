"""A real Kubernetes control plane on loopback: etcd, API server, controllers, scheduler, kwok.

Invariant: every process is a child of this one, in a folder of its own, and ends with the context,
or with this process where that is killed; `freeze` ends all but etcd and the API server, so that
nothing moves but what a command changes.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import IO, Self

BINARY = "AOI_KUBELITE"
"""Names the binary that is all of the programs, chosen by its first argument."""

_CONTROLLERS = ("kube-controller-manager", "kube-scheduler", "kwok")
_READY_SECONDS = 60.0
_ADMIN, _READER = "admin-of-the-recording", "reader-of-the-recording"
_KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters:
- name: lab
  cluster: {{server: "https://127.0.0.1:{port}", insecure-skip-tls-verify: true}}
users:
- name: {user}
  user: {{token: {user}-of-the-recording}}
contexts:
- name: lab
  context: {{cluster: lab, user: {user}, namespace: {namespace}}}
current-context: lab
"""


def binary() -> Path:
    """Return the binary that `AOI_KUBELITE` names; raises `SystemExit` without one."""
    named = os.environ.get(BINARY)
    if not named or not os.access(named, os.X_OK):
        raise SystemExit(
            f"recording needs a control plane: set {BINARY} to a binary that holds etcd, "
            "kube-apiserver, kube-controller-manager, kube-scheduler, kwok and kubectl"
        )
    return Path(named).resolve()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


class ControlPlane:
    """The processes and the two kubeconfigs (`admin`, `reader`) of one recording."""

    def __init__(self, namespace: str, stages: str) -> None:
        self.namespace = namespace
        self.stages = stages
        self.program = binary()
        self.place = Path(tempfile.mkdtemp(prefix="aoi-parity-"))
        self.port = _free_port()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: list[IO[bytes]] = []

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in ("kwok", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"):
            self._end(name)
        for log in self._logs:
            log.close()
        shutil.rmtree(self.place, ignore_errors=True)

    def freeze(self) -> None:
        """End everything that would change an object by itself."""
        for name in reversed(_CONTROLLERS):
            self._end(name)

    def kubeconfig(self, user: str) -> Path:
        """Return the file of `admin` or `reader`."""
        return self.place / f"{user}.kubeconfig"

    def kubectl(
        self, words: list[str], stdin: str | None = None, *, user: str = "admin"
    ) -> tuple[str, int]:
        """Run one kubectl command; returns what a terminal shows and the exit code."""
        done = subprocess.run(
            [str(self.program), "kubectl", *words],
            input=(stdin or "").encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"KUBECONFIG": str(self.kubeconfig(user)), "HOME": str(self.place), "TZ": "UTC"},
            check=False,
            timeout=120,
        )
        return done.stdout.decode(), done.returncode

    def must(self, words: list[str], stdin: str | None = None) -> str:
        """Run one kubectl command that has to succeed."""
        text, code = self.kubectl(words, stdin)
        if code:
            raise RuntimeError(f"kubectl {' '.join(words)} ended with {code}: {text}")
        return text

    def _start(self) -> None:
        key, tokens = self.place / "accounts.key", self.place / "tokens.csv"
        subprocess.run(
            ["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True
        )
        tokens.write_text(f'{_ADMIN},admin,1,"system:masters"\n{_READER},reader,2\n')
        for user in ("admin", "reader"):
            self.kubeconfig(user).write_text(
                _KUBECONFIG.format(port=self.port, user=user, namespace=self.namespace)
            )
        client, peer = (f"http://127.0.0.1:{_free_port()}" for _ in range(2))
        self._run(
            "etcd",
            "--unsafe-no-fsync",
            f"--data-dir={self.place / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
        )
        self._run(
            "kube-apiserver",
            f"--etcd-servers={client}",
            f"--secure-port={self.port}",
            f"--cert-dir={self.place / 'certificates'}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=RBAC",
            f"--token-auth-file={tokens}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
        )
        self._await()
        admin = f"--kubeconfig={self.kubeconfig('admin')}"
        self._run(
            "kube-controller-manager",
            admin,
            "--leader-elect=false",
            "--secure-port=0",
            f"--service-account-private-key-file={key}",
        )
        self._run("kube-scheduler", admin, "--leader-elect=false", "--secure-port=0")
        config = self.place / "stages.yaml"
        config.write_text(self.stages)
        self._run(
            "kwok",
            admin,
            f"--config={config}",
            "--manage-all-nodes",
            "--cidr=10.244.0.0/16",
            "--node-lease-duration-seconds=40",
        )

    def _run(self, name: str, *arguments: str) -> None:
        log = (self.place / f"{name}.log").open("wb")
        self._logs.append(log)
        self._running[name] = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", str(self.program), name, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=self.place,
            env={"HOME": str(self.place), "PATH": os.environ["PATH"], "TZ": "UTC"},
        )

    def _end(self, name: str) -> None:
        process = self._running.pop(name, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _await(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        context = ssl._create_unverified_context()
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.port}/readyz", headers={"Authorization": f"Bearer {_ADMIN}"}
        )
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(request, context=context, timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.3)
        log = (self.place / "kube-apiserver.log").read_text(errors="replace")[-2000:]
        raise RuntimeError(f"the API server was not ready in {_READY_SECONDS} s:\n{log}")
