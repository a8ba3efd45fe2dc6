"""The detector of packets: it reads them right, and a run in which one leaves does not pass."""

import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.egress import CONTROL_PORT, VOID, Flow, parse

ROOT = Path(__file__).parents[2]
TUN = Path("/dev/net/tun")
isolated = pytest.mark.skipif(
    os.geteuid() != 0 or not TUN.exists(), reason="needs root and /dev/net/tun"
)


def ipv4(protocol: int, port: int) -> bytes:
    head = bytes([0x45, 0, 0, 28, 0, 0, 0, 0, 64, protocol, 0, 0])
    ends = socket.inet_aton("192.0.2.2") + socket.inet_aton("203.0.113.7")
    return head + ends + struct.pack("!HHHH", 4000, port, 8, 0)


def ipv6(protocol: int, body: bytes) -> bytes:
    head = bytes([0x60, 0, 0, 0, 0, len(body), protocol, 64])
    ends = socket.inet_pton(socket.AF_INET6, "::2") + socket.inet_pton(socket.AF_INET6, "ff02::2")
    return head + ends + body


def test_packets_are_read() -> None:
    assert parse(ipv4(17, 53)) == Flow("udp", "203.0.113.7", 53)
    assert parse(ipv4(6, 443)) == Flow("tcp", "203.0.113.7", 443)
    assert parse(ipv4(1, 0)) == Flow("icmp", "203.0.113.7", None)
    assert parse(ipv6(6, struct.pack("!HH", 4000, 443))) == Flow("tcp", "ff02::2", 443)


def test_only_what_the_kernel_says_for_the_interface_is_left_out() -> None:
    assert parse(ipv6(58, bytes([133, 0]))) is None
    assert parse(ipv6(0, bytes([58, 0, 5, 2, 0, 0, 1, 0, 143, 0]))) is None
    assert parse(ipv6(58, bytes([128, 0]))) == Flow("icmpv6", "ff02::2", None)


def run(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.chaos.egress", *options, "--", sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


SENDS = (
    "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
    ".sendto(b'x', ('198.51.100.1', 4000))"
)


@isolated
def test_a_packet_that_leaves_fails_the_run_unless_its_endpoint_is_configured() -> None:
    done = run(SENDS)
    assert done.returncode == 1 and "| udp 198.51.100.1:4000 | 1 | no |" in done.stdout
    done = run(SENDS, "--allow", "198.51.100.1:4000")
    assert done.returncode == 0 and "| udp 198.51.100.1:4000 | 1 | yes |" in done.stdout


@isolated
def test_what_stays_on_loopback_passes() -> None:
    done = run(SENDS.replace("198.51.100.1", "127.0.0.1"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all seen" in done.stdout and str(CONTROL_PORT) not in done.stdout.split("packets")[-1]


@isolated
def test_a_command_that_fails_tells_nothing() -> None:
    assert run("raise SystemExit(3)").returncode == VOID
