"""A short name for a deep folder, because the path of a Unix socket has at most 107 bytes.

Invariant: what is written under the short name lies in the folder itself; the name is a link in a
folder of its own that only its owner can enter, so nobody else can put another link in its place.
"""

import os
import shutil
import tempfile
from pathlib import Path

from deploy.embedded.errors import StateUnusable

SOCKET_PATH_BYTES = 107
PREFIX = "aoi-"


def shortened(folder: Path, *, room: int) -> Path:
    """Return a path to the folder that leaves `room` bytes for a socket: itself, or a new link.

    Raises StateUnusable where no place for a link is short enough.
    """
    longest = SOCKET_PATH_BYTES - room
    if len(os.fsencode(folder)) <= longest:
        return folder
    places = [os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp", "/var/tmp"]  # noqa: S108
    for place in filter(None, places):
        try:
            link = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place)) / "s"
        except OSError:
            continue
        if len(os.fsencode(link)) <= longest:
            link.symlink_to(folder, target_is_directory=True)
            return link
        link.parent.rmdir()
    raise StateUnusable(
        f"expected a path of at most {longest} bytes for {folder} ({len(os.fsencode(folder))}), "
        "and found no writable folder for a link to it: set AOI_STATE_DIR to a shorter path, or "
        "TMPDIR to a short folder that you may write"
    )


def forget(path: Path, folder: Path) -> None:
    """Remove the link that stands for a folder, if there is one; the folder stays."""
    if path != folder and path.is_symlink():
        shutil.rmtree(path.parent, ignore_errors=True)
