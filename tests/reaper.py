"""Ends a test session's broker and Ray when the session dies without saying goodbye.

Invariant: it waits on a pipe that only the session holds open; whatever ends the session closes it.
Usage: python reaper.py STATE_DIR
"""

import shutil
import sys
from pathlib import Path

sys.stdin.read()
state_dir = Path(sys.argv[1])
if state_dir.exists():
    from deploy.embedded.broker import EmbeddedBroker
    from deploy.embedded.ray_cluster import RayCluster
    from deploy.embedded.settings import EmbeddedSettings

    EmbeddedBroker(EmbeddedSettings(state_dir=state_dir)).stop()
    RayCluster(state_dir).stop()
    shutil.rmtree(state_dir, ignore_errors=True)
