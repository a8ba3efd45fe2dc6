"""The embedded Ray as its users meet it: a real one, joined, killed and ended.

Invariant: one Ray is started for what can be shown on one; whatever a test leaves is ended, and
also when the session dies (`tests/reaper.py`).
"""

import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.embedded import process, short_path
from deploy.embedded.errors import RayNotRunning, RayNotStarted, StateUnusable
from deploy.embedded.ray_cluster import RayCluster, RayRecord, ray_environment
from learner.ray_session import RayUnreachable, connect
from tests.clusters import own_ray

pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

LOOPBACK = {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
TASK = """
import os, sys
import ray
from learner.ray_session import connect
with connect():
    told = ray.remote(lambda: (os.getcwd(), os.environ["TMPDIR"], os.getpid())).remote()
    print(*ray.get(told, timeout=60))
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Give an empty home folder to everything that the module starts."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", folder)
        yield Path(folder)


@pytest.fixture(scope="module")
def cluster(home: Path) -> Iterator[RayCluster]:
    """Give a Ray that runs. Do not stop it."""
    with own_ray() as started:
        started.start()
        yield started


def members(cluster: RayCluster) -> list[psutil.Process]:
    record = RayRecord.model_validate_json((cluster.home / "process.json").read_bytes())
    return process.session(record.process, cluster.home)


def driver(cluster: RayCluster, **changed: str) -> subprocess.Popen[str]:
    """Start a driver as the learner is started: a process with the variables that were told."""
    return subprocess.Popen(
        [sys.executable, "-c", TASK],
        env={**os.environ, **ray_environment(cluster.state_dir), **changed},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def link_to(cluster: RayCluster) -> Path:
    """Return the short name of a deep folder: a link that only its owner can reach."""
    root = RayRecord.model_validate_json((cluster.home / "process.json").read_bytes()).root
    assert root.is_symlink() and root.resolve() == cluster.home
    assert stat.S_IMODE(root.parent.stat().st_mode) == 0o700
    return root


def named(processes: list[psutil.Process], name: str) -> psutil.Process:
    return next(one for one in processes if name in one.name())


def beyond_loopback(processes: list[psutil.Process]) -> list[str]:
    return [
        f"{one.name()} {socket.laddr}"
        for one in processes
        for socket in one.net_connections("inet")
        if socket.status in {psutil.CONN_LISTEN, psutil.CONN_NONE}
        and socket.laddr.ip not in LOOPBACK
    ]


def test_a_second_start_finds_the_first(cluster: RayCluster) -> None:
    before = cluster.status()
    assert before.running and before.address is not None
    assert before.address.startswith("127.0.0.1:")
    assert cluster.start() == before.address
    assert RayCluster(cluster.state_dir).status() == before


def test_a_task_runs_and_nothing_listens_beyond_loopback(cluster: RayCluster, home: Path) -> None:
    with driver(cluster) as joined:
        assert joined.stdin is not None and joined.stdout is not None
        folder, temporary, worker = joined.stdout.readline().split()
        found = members(cluster)
        assert {"gcs_server", "raylet"} <= {one.name() for one in found}
        assert int(worker) in {one.pid for one in found}
        listening = [
            s for one in found for s in one.net_connections("inet") if s.status == "LISTEN"
        ]
        assert len(listening) >= 4
        assert beyond_loopback([*found, psutil.Process(joined.pid)]) == []
        joined.stdin.close()
    assert folder == str(cluster.home)
    assert temporary == str(cluster.home / "tmp")
    assert list(home.iterdir()) == []


def test_token_and_folder_are_for_the_owner_alone(cluster: RayCluster) -> None:
    token = cluster.home / "token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert stat.S_IMODE(cluster.home.stat().st_mode) == 0o700
    secret = token.read_text()
    assert not any(secret in " ".join(one.cmdline()) for one in members(cluster))
    logs = [file for file in cluster.home.rglob("*") if file.is_file() and file != token]
    assert len(logs) > 5
    assert not any(secret.encode() in file.read_bytes() for file in logs)


def test_a_driver_without_the_token_is_refused(cluster: RayCluster, tmp_path: Path) -> None:
    other = tmp_path / "token"
    other.write_text("0" * 64)
    # side by side: Ray asks again before it gives up
    refused = [
        driver(cluster, RAY_AUTH_TOKEN_PATH=str(other)),
        driver(cluster, RAY_AUTH_MODE="disabled"),
    ]
    for one in refused:
        told, error = one.communicate(timeout=60)
        assert one.returncode == 1
        assert told == ""
        assert "RayUnreachable" in error and "token" in error


def test_the_starter_s_own_ray_variables_are_not_passed_on(cluster: RayCluster) -> None:
    raylet = named(members(cluster), "raylet").environ()
    assert raylet["RAY_AUTH_MODE"] == "token"
    assert raylet["RAY_USAGE_STATS_ENABLED"] == "0"
    assert "RAY_ADDRESS" not in raylet


def test_joining_in_process_leaves_no_variable_and_no_handler(cluster: RayCluster) -> None:
    before, handler = dict(os.environ), signal.getsignal(signal.SIGTERM)
    import ray  # noqa: PLC0415

    with connect(environment=ray_environment(cluster.state_dir)):
        assert ray.get_runtime_context().namespace == "aoi"
        assert signal.getsignal(signal.SIGTERM) == handler
    assert not ray.is_initialized()
    assert dict(os.environ) == before


def test_a_killed_ray_leaves_nothing_and_starts_again_in_a_deep_folder(home: Path) -> None:
    with own_ray(below="/".join(["a-folder-with-a-long-name"] * 5)) as cluster:
        cluster.start()
        links = {link_to(cluster)}
        found = members(cluster)
        named(found, "raylet").kill()
        psutil.wait_procs(found, timeout=15)
        assert [one for one in found if one.is_running()] == []
        assert not cluster.status().running
        with pytest.raises(RayNotRunning, match="aoi learn start"):
            ray_environment(cluster.state_dir)
        cluster.start()
        links.add(link_to(cluster))
        with driver(cluster) as joined:
            assert joined.stdin is not None and joined.stdout is not None
            assert joined.stdout.readline().split()[0] == str(cluster.home)
            # the watcher dies: its servers are killed by the kernel, what is left by `stop`
            found = members(cluster)
            os.kill(found[0].pid, signal.SIGKILL)
            cluster.stop()
            assert [one for one in found if one.is_running()] == []
            joined.kill()
        assert not cluster.stop()
        assert [link for link in links if link.parent.exists()] == []
        left = sorted(file.name for file in cluster.home.iterdir())
        assert left == ["head.log", "run", "tmp", "token"]


def test_a_ray_that_cannot_start_shows_the_end_of_its_log() -> None:
    with own_ray() as cluster:
        cluster.home.mkdir()
        (cluster.home / "run").write_text("in the way")
        with pytest.raises(RayNotStarted, match=r"head\.log"):
            cluster.start()
        assert not cluster.status().running


def test_no_place_for_a_link_is_told(tmp_path: Path) -> None:
    with pytest.raises(StateUnusable, match="AOI_STATE_DIR"):
        short_path.shortened(tmp_path / ("x" * 90), room=100)


def test_an_address_that_nobody_answers_is_told_quickly() -> None:
    started = time.monotonic()
    with pytest.raises(RayUnreachable, match=r"127\.0\.0\.1:1 "), connect("127.0.0.1:1"):
        pass
    with pytest.raises(RayUnreachable, match="HOST:PORT"), connect("somewhere"):
        pass
    assert time.monotonic() - started < 5
