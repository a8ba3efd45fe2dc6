"""One starter at a time: a lock on a state folder that dies with its holder."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.embedded.errors import StateUnusable

POLL_S = 0.1


@contextmanager
def exclusive(file: Path, *, timeout_s: float, what: str = "the broker") -> Iterator[None]:
    """Hold the lock of a file; raises StateUnusable if another process keeps it too long.

    `what` is started or stopped under the lock, as the error tells.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout_s
    with file.open("a") as held:
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StateUnusable(
                        f"another process has been starting or stopping {what} of "
                        f"{file.parent} for {timeout_s:.0f} s; end it or wait"
                    ) from None
                time.sleep(POLL_S)
        yield
