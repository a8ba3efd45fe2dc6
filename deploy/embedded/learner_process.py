"""The learner's driver in the background: `python -m learner.run`, which outlives its starter.

Invariant: at most one learner a state folder runs; a stop asks first and waits, so that the turn
ends with a whole checkpoint, and kills the rest of its session only then.

    <state>/learner/process.json    <state>/log/learner.log
"""

import importlib.util
import os
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from deploy.embedded import process
from deploy.embedded.credentials import write_private
from deploy.embedded.errors import LearnerNotStarted
from deploy.embedded.lock import exclusive
from deploy.embedded.process import ProcessRecord

MODULE = "learner.run"
STOP_GRACE_S = 60.0
LOCK_TIMEOUT_S = 180.0
FIRST_SECONDS = 30.0
"""A driver that lacks settings or rights ends within this time; one that reads failures has none
of these troubles, and is not waited for any longer."""
PROGRESS = "progress.json"
POLL_S = 0.05
LOG_LIMIT_BYTES = 10_000_000


class LearnerRecord(BaseModel):
    """The started driver, and the Ray that it joined."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    process: ProcessRecord
    address: str


class LearnerProcess:
    """The driver of one state folder. Every method may be called at any time, by any process."""

    def __init__(self, state_dir: Path, *, module: str = MODULE) -> None:
        self.state_dir = state_dir.resolve()
        self.home = self.state_dir / "learner"
        self.log = self.state_dir / "log" / "learner.log"
        self._module = module

    def available(self) -> bool:
        """Tell whether this installation holds a driver."""
        return importlib.util.find_spec(self._module) is not None

    def start(self, environment: Mapping[str, str], *, first_s: float = FIRST_SECONDS) -> bool:
        """Start the driver with these variables added; false if it runs already.

        `RAY_ADDRESS` among them names its Ray. Raises LearnerNotStarted when it ends at once, and
        when one runs on another Ray.
        """
        address = environment["RAY_ADDRESS"]
        with self._locked():
            if (running := self.running()) is not None:
                if running.address == address:
                    return False
                raise LearnerNotStarted(
                    f"a learner (process {running.process.pid}) runs already on the Ray at "
                    f"{running.address}, expected {address}: end it with `aoi learn stop`"
                )
            progress = self.home / PROGRESS
            progress.unlink(missing_ok=True)
            self._launch(environment, address)
            deadline = time.monotonic() + first_s
            while time.monotonic() < deadline and not progress.exists():
                if self.running() is None:
                    self._end()
                    raise LearnerNotStarted(f"the learner ended at once.\n{self._log_tail()}")
                time.sleep(POLL_S)
            return True

    def stop(self) -> bool:
        """Ask the driver to end, and kill what is left of it after 60 s; false if none ran."""
        with self._locked():
            return self._end()

    def running(self) -> LearnerRecord | None:
        """Return the record of the running driver."""
        written = self._written()
        alive = written is not None and process.find(written.process) is not None
        return written if alive else None

    @property
    def _file(self) -> Path:
        return self.home / "process.json"

    def _locked(self) -> AbstractContextManager[None]:
        return exclusive(
            self.state_dir / "learner.lock", timeout_s=LOCK_TIMEOUT_S, what="the learner"
        )

    def _written(self) -> LearnerRecord | None:
        if not self._file.exists():
            return None
        return LearnerRecord.model_validate_json(self._file.read_bytes())

    def _launch(self, environment: Mapping[str, str], address: str) -> None:
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        started = process.spawn(
            [sys.executable, "-m", self._module],
            marker=self._module,
            log=self.log,
            env={**os.environ, "AOI_STATE_DIR": str(self.state_dir), **environment},
        )
        record = LearnerRecord(process=started, address=address)
        write_private(self._file, record.model_dump_json().encode())

    def _end(self) -> bool:
        written = self._written()
        if written is None:
            return False
        ended = process.end_session(written.process, self.home, grace_s=STOP_GRACE_S)
        self._file.unlink(missing_ok=True)
        return ended

    def _log_tail(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join([f"The end of {self.log}:", *lines[-15:]])
