"""Another user's eyes: what a process of a uid, a gid and its groups may do with a file."""

import multiprocessing
import os
from collections.abc import Callable, Sequence

import pytest

two_uids = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become two other users")


def as_user(
    uid: int, work: Callable[[], object], *, gid: int | None = None, groups: Sequence[int] = ()
) -> str:
    """Do something as another user and return what came of it: `done`, or an error's name.

    gid: the user's own, if not said.
    """
    receive, send = multiprocessing.Pipe(duplex=False)

    def child() -> None:
        try:
            os.setgroups(groups)
            os.setgid(uid if gid is None else gid)
            os.setuid(uid)
            work()
            send.send("done")
        except BaseException as error:  # noqa: BLE001 - its name is the answer
            send.send(type(error).__name__)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(30)
    return str(receive.recv()) if receive.poll() else "no answer"
