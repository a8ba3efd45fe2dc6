"""The first process of the embedded Ray: it starts Ray's servers, then shrinks to their watcher.

    launch (loads ray)  --exec, same process-->  watch  (gcs_server, raylet are its children)

Invariant: when one of the servers ends, or the watcher is told to end, nothing of the session is
left; when the watcher is killed, the kernel kills the servers (Ray asks it to). Nothing listens
beyond loopback, and neither Ray's dashboard nor its agent of metrics runs.
Usage: python -m deploy.embedded.ray_head launch ROOT CPUS OBJECT_STORE_BYTES
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

MODULE = "deploy.embedded.ray_head"
ADDRESS = "address"
RUN, SESSION = "run", "session"
"""Ray opens its folders to everybody: they lie in one that only the owner can enter."""
LOOPBACK = "127.0.0.1"
RAYLET_GRACE_S, GCS_GRACE_S, POLL_S = 5.0, 2.0, 0.02
UNUSED_PORTS = ("metrics_agent", "metrics_export", "dashboard_agent_listen")
"""Ports that the agent of dashboard and metrics tells in files, for which the raylet waits."""
AGENT = "--dashboard_agent_command="
STAND_IN = subprocess.list2cmdline(["/bin/sh", "-c", "exec cat"])
"""The raylet insists on this agent and ends with it. `cat` costs nothing and lives as long as its
pipe from the raylet; the shell drops the options that the raylet adds."""


def launch(root: Path, *, cpus: int, object_store_bytes: int) -> None:
    """Start Ray's servers under a folder, write its address there, and become their watcher.

    The folder becomes the working folder of every process of the session, which marks it.

    Ray's command line replaces 127.0.0.1 by the host's address and starts a dashboard process
    even when it is told not to; the classes below it do neither.
    """
    os.chdir(root)
    from ray._private import node, parameter, services  # noqa: PLC0415 - the watcher is small

    class Head(node.Node):
        def start_api_server(self, **_: object) -> None:
            self._webui_url = ""

        def start_gcs_server(self) -> None:
            for name in UNUSED_PORTS:
                Path(self._session_dir, f"{name}_port_{self._node_id}").write_text("-1")
            super().start_gcs_server()  # type: ignore[no-untyped-call]

    start: Callable[..., object] = services.start_ray_process

    def without_agent(command: Sequence[str], *args: object, **options: object) -> object:
        words = [AGENT + STAND_IN if word.startswith(AGENT) else word for word in command]
        return start(words, *args, **options)

    services.start_ray_process = without_agent
    head = Head(
        parameter.RayParams(
            node_ip_address=LOOPBACK,
            node_name="aoi",
            num_cpus=cpus,
            object_store_memory=object_store_bytes,
            temp_dir=str(root / RUN),
            session_name=SESSION,
            gcs_server_port=0,
            include_dashboard=False,
            include_log_monitor=False,  # type: ignore[arg-type] # a bool, whatever Ray says
            no_monitor=True,
        ),
        head=True,
        shutdown_at_exit=False,
        spawn_reaper=True,
    )
    started = [one.process.pid for kind in head.all_processes.values() for one in kind]
    draft = root / f".{ADDRESS}"
    draft.write_text(head.address)
    draft.replace(root / ADDRESS)
    words = [sys.executable, "-P", __file__, "watch", str(root), *map(str, reversed(started))]
    os.execv(sys.executable, words)  # noqa: S606 - our own interpreter, no shell


def watch(servers: Sequence[int]) -> None:
    """Wait for SIGTERM or for the end of a server, then end all: first the raylet, the GCS last."""
    signals = {signal.SIGTERM, signal.SIGCHLD}
    # a signal without a handler is not kept for the one who waits for it
    for number in signals:
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    running = list(servers)
    while len(running := _running(running)) == len(servers):
        if signal.sigwait(signals) == signal.SIGTERM:
            break
    else:
        ended = sorted(set(servers) - set(running))
        print(f"a server of Ray ended (process {ended}): ending the others", flush=True)  # noqa: T201
    for server, grace_s in zip(running, (RAYLET_GRACE_S, GCS_GRACE_S), strict=False):
        os.kill(server, signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        while server in _running([server]) and time.monotonic() < deadline:
            time.sleep(POLL_S)
    _kill_session()


def _running(servers: Sequence[int]) -> list[int]:
    """Return the children that have not ended; those that have are reaped."""
    return [server for server in servers if os.waitpid(server, os.WNOHANG) == (0, 0)]


def _kill_session() -> None:
    """Kill the workers, which lead groups of their own, and whatever else is left; this one last.

    psutil is loaded here and not before: the watcher waits for days in four megabytes.
    """
    import psutil  # noqa: PLC0415

    me = os.getpid()
    for number in psutil.pids():
        with contextlib.suppress(OSError):
            if number != me and os.getsid(number) == me:
                os.kill(number, signal.SIGKILL)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["launch", place, count, size]:
            launch(Path(place), cpus=int(count), object_store_bytes=int(size))
        case ["watch", _, *children]:
            watch([int(child) for child in children])
        case other:
            sys.exit(f"expected `launch ROOT CPUS BYTES` or `watch ROOT PID...`, got {other}")
