"""Draws the ports of the embedded broker once and keeps them, for its clients' sake.

Invariant: ports come from below the range that systems hand to outgoing connections, so that a
restart finds them free; one that was taken all the same is drawn anew, and that is told.
"""

import random
import socket
from pathlib import Path

import orjson

from deploy.embedded.credentials import write_private
from deploy.embedded.errors import StateUnusable
from deploy.embedded.properties import HOST, Ports

LOWEST, HIGHEST = 20_000, 29_999
TRIES = 200


def settle(file: Path, rng: random.Random) -> tuple[Ports, bool]:
    """Return the kept ports, or new ones; the second value tells whether they are new."""
    if file.exists():
        kept = read(file)
        if free(kept.broker) and free(kept.controller):
            return kept, False
    ports = draw(rng)
    content = {"broker": ports.broker, "controller": ports.controller}
    write_private(file, orjson.dumps(content))
    return ports, True


def read(file: Path) -> Ports:
    """Return the kept ports; raises FileNotFoundError."""
    return Ports(**orjson.loads(file.read_bytes()))


def draw(rng: random.Random) -> Ports:
    """Return two free ports; raises StateUnusable where there are none."""
    found: list[int] = []
    for _ in range(TRIES):
        port = rng.randint(LOWEST, HIGHEST)
        if port not in found and free(port):
            found.append(port)
        if len(found) == len(Ports.__slots__):
            return Ports(broker=found[0], controller=found[1])
    raise StateUnusable(f"expected two free ports in {LOWEST}-{HIGHEST}, found {len(found)}")


def free(port: int) -> bool:
    """Tell whether nobody listens on a port of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
