"""A real Ray for one machine: processes on loopback that outlive their starter.

Invariant: at most one Ray a state folder runs; all that it writes lies in that folder, a driver
without its token is refused, and `stop` returns only when no process of it is left, whatever
crashed before. A Ray that somebody else started is never touched.

    <state>/ray/  token (0600)  process.json  address  head.log  tmp/
                  run/session/ (sockets, logs)
"""

import importlib.util
import os
import secrets
import shutil
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from deploy.embedded import process, ray_head, short_path
from deploy.embedded.credentials import write_private
from deploy.embedded.errors import RayNotRunning, RayNotStarted
from deploy.embedded.lock import exclusive
from deploy.embedded.process import ProcessRecord

START_TIMEOUT_S = 90.0
STOP_GRACE_S = 12.0
LOCK_TIMEOUT_S = 180.0
POLL_S = 0.05
TOKEN_BYTES = 32
OBJECT_STORE_BYTES = 200_000_000
"""Weights of the embedded model take 25 MB, a batch of rollouts less than one."""
ROOM = 48
"""Bytes below the folder of the longest socket: tmp/pymp-xxxxxxxx/listener-xxxxxxxx, with spare."""
OURS = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    # by this name Ray means: do not replace 127.0.0.1 by the host's address
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}
SERVERS_ONLY = {
    # a driver gets the workers that it asks for; idle ones would cost memory and a start
    "RAY_prestart_worker_first_driver": "0",
    "RAY_enable_metrics_collection": "0",
    # agents end when their pipe from the raylet does, however the raylet ended
    "RAY_enable_pipe_based_agent_to_parent_health_check": "1",
}


class RayStatus(BaseModel):
    """What is known of a state folder's Ray. `since` is in seconds since the epoch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    running: bool
    address: str | None
    pid: int | None
    since: float | None
    state_dir: Path
    log: Path


class RayRecord(BaseModel):
    """The started process, and the folder by the name under which Ray knows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    process: ProcessRecord
    root: Path


class RayCluster:
    """The Ray of one state folder. Every method may be called at any time, by any process."""

    def __init__(
        self,
        state_dir: Path,
        *,
        cpus: int | None = None,
        object_store_bytes: int = OBJECT_STORE_BYTES,
    ) -> None:
        self.state_dir = state_dir.resolve()
        self.home = self.state_dir / "ray"
        self.log = self.home / "head.log"
        self._cpus = cpus or os.cpu_count() or 1
        self._object_store_bytes = object_store_bytes

    def start(self) -> str:
        """Start Ray if it does not run, wait until a driver can join, and return its address.

        Raises RayNotStarted or StateUnusable.
        """
        with self._locked():
            if self._record() is None or not self._file(ray_head.ADDRESS).exists():
                self._end()
                self._launch()
            return self._awaited()

    def stop(self) -> bool:
        """End Ray and all of its workers; false if nothing of it ran."""
        with self._locked():
            return self._end()

    def status(self) -> RayStatus:
        """Tell what runs, without asking Ray."""
        record = self._record()
        address = self._file(ray_head.ADDRESS)
        running = record is not None and address.exists()
        return RayStatus(
            running=running,
            address=address.read_text() if running else None,
            pid=record.process.pid if record is not None and running else None,
            since=record.process.created if record is not None and running else None,
            state_dir=self.state_dir,
            log=self.log,
        )

    def _file(self, name: str) -> Path:
        return self.home / name

    def _locked(self) -> AbstractContextManager[None]:
        return exclusive(self.state_dir / "ray.lock", timeout_s=LOCK_TIMEOUT_S, what="Ray")

    def _written(self) -> RayRecord | None:
        file = self._file("process.json")
        return RayRecord.model_validate_json(file.read_bytes()) if file.exists() else None

    def _record(self) -> RayRecord | None:
        """Return the record of a running Ray."""
        written = self._written()
        alive = written is not None and process.find(written.process) is not None
        return written if alive else None

    def _launch(self) -> None:
        if importlib.util.find_spec("ray") is None:
            raise RayNotStarted(
                "expected Ray, which is not installed: `pip install 'aoi[learner]'`"
            )
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in (ray_head.RUN, "tmp"):
            shutil.rmtree(self._file(old), ignore_errors=True)
        self.log.unlink(missing_ok=True)
        token = self._file("token")
        if not token.exists():
            write_private(token, secrets.token_hex(TOKEN_BYTES).encode())
        root = short_path.shortened(self.home, room=ROOM)
        (root / "tmp").mkdir(mode=0o700)
        words = [sys.executable, "-m", ray_head.MODULE, "launch", str(root)]
        numbers = [str(self._cpus), str(self._object_store_bytes)]
        started = process.spawn(
            [*words, *numbers],
            marker=str(root),
            log=self.log,
            env={
                **{name: said for name, said in os.environ.items() if not name.startswith("RAY_")},
                **_common(self.state_dir),
                **SERVERS_ONLY,
                "TMPDIR": str(root / "tmp"),
            },
        )
        record = RayRecord(process=started, root=root)
        write_private(self._file("process.json"), record.model_dump_json().encode())

    def _awaited(self) -> str:
        """Wait for the address, which is written once the servers answer; raises RayNotStarted."""
        deadline = time.monotonic() + START_TIMEOUT_S
        address = self._file(ray_head.ADDRESS)
        while not address.exists():
            if self._record() is None:
                reason = "Ray ended while starting"
            elif time.monotonic() > deadline:
                reason = f"Ray gave no address in {START_TIMEOUT_S:.0f} s"
            else:
                time.sleep(POLL_S)
                continue
            self._end()
            raise RayNotStarted(f"{reason}.\n{self._log_tail()}")
        return address.read_text()

    def _end(self) -> bool:
        """End what the record tells of, and forget it: process, address, link."""
        written = self._written()
        if written is None:
            return False
        ended = process.end_session(written.process, self.home, grace_s=STOP_GRACE_S)
        short_path.forget(written.root, self.home)
        for name in (ray_head.ADDRESS, "process.json"):
            self._file(name).unlink(missing_ok=True)
        return ended

    def _log_tail(self) -> str:
        if not self.log.exists():
            return f"It left no log ({self.log})."
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        more = self._file(ray_head.RUN) / ray_head.SESSION / "logs"
        return "\n".join([f"The end of {self.log} (more in {more}):", *lines[-15:]])


def ray_environment(state_dir: Path) -> dict[str, str]:
    """Return the variables with which a driver joins the Ray of a state folder.

    Raises RayNotRunning.
    """
    address = RayCluster(state_dir).status().address
    if address is None:
        raise RayNotRunning(f"no Ray runs in {state_dir}: start it with `aoi learn start`")
    return {**_common(state_dir.resolve()), "RAY_ADDRESS": address}


def _common(state_dir: Path) -> dict[str, str]:
    return {**OURS, "RAY_AUTH_TOKEN_PATH": str(state_dir / "ray" / "token")}
