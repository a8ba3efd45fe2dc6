"""Ports and passwords are drawn once and kept; a port that somebody took is drawn anew."""

import random
import socket
import stat
from pathlib import Path

from deploy.embedded import credentials, ports
from deploy.embedded.properties import HOST


def test_ports_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    first, new = ports.settle(file, random.Random(1))
    assert new
    assert ports.settle(file, random.Random(2)) == (first, False)
    assert first.broker != first.controller


def test_a_taken_port_is_drawn_anew(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    first, _ = ports.settle(file, random.Random(1))
    with socket.create_server((HOST, first.broker)):
        second, new = ports.settle(file, random.Random(1))
    assert new
    assert second.broker != first.broker


def test_a_password_survives_a_new_address(tmp_path: Path) -> None:
    first = credentials.settle(tmp_path / "credentials", "gate", "127.0.0.1:1")
    second = credentials.settle(tmp_path / "credentials", "gate", "127.0.0.1:2")
    assert second.password == first.password
    assert second.bootstrap == "127.0.0.1:2"
    file = credentials.path_of(tmp_path / "credentials", "gate")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["gate.json"]
