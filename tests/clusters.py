"""Rays of tests: each in a folder of its own, on loopback, ended and removed come what may.

Invariant: nothing of it outlives its session, even one that was killed (`tests/reaper.py`).
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.embedded.ray_cluster import RayCluster

REAPER = Path(__file__).with_name("reaper.py")


@contextmanager
def own_ray(*, below: str = "") -> Iterator[RayCluster]:
    """Give a cluster object with a state folder of its own; end it and clean up, come what may."""
    place = Path(tempfile.mkdtemp(prefix="aoi-test-"))
    state_dir = place / below
    state_dir.mkdir(parents=True, exist_ok=True)
    reaper = subprocess.Popen(
        [sys.executable, str(REAPER), str(state_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    cluster = RayCluster(state_dir, cpus=2, object_store_bytes=100_000_000)
    try:
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(place, ignore_errors=True)
        reaper.communicate()
