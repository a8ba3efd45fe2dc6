"""Runs a command where every packet that leaves loopback is seen, and says which there were.

    python -m tests.chaos.egress [--allow HOST:PORT ...] [--out FILE] [-- COMMAND ...]

    command -> loopback                     its own: broker, lab, zones, learner, Ray
            -> everything else -> TUN ----> this program: read, told, dropped

A network namespace of its own has two interfaces: loopback, and a TUN device that is the default
route of IPv4 and IPv6. Whoever sends anything to another machine sends it here; nobody answers.
Invariant: a packet is sent before and after the command to show that the detector sees; without
both the run is void. Root is needed (or a user namespace); nothing outside the namespace changes.
"""

import argparse
import ctypes
import fcntl
import ipaddress
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

DEVICE = "aoi-egress"
OWN_4, OWN_6 = "192.0.2.2", "2001:db8::2"
CONTROL_4, CONTROL_6 = "203.0.113.7", "2001:db8:ffff::7"
CONTROL_PORT = 9
RESOLVER = "203.0.113.53"
_CLONE_NEWNET, _CLONE_NEWNS = 0x40000000, 0x00020000
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_PROTOCOLS = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
_OF_THE_KERNEL = frozenset({133, 134, 135, 136, 143})
"""ICMPv6 of neighbours and groups, which the kernel sends for the interface itself."""
VOID = 2


@dataclass(frozen=True, slots=True, order=True)
class Flow:
    """Where packets went."""

    protocol: str
    address: str
    port: int | None

    def __str__(self) -> str:
        where = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.protocol} {where}" + ("" if self.port is None else f":{self.port}")


def parse(packet: bytes) -> Flow | None:
    """Return where an IP packet goes; None for what the kernel itself tells its neighbours."""
    if packet[0] >> 4 == 4:
        protocol, start = packet[9], (packet[0] & 15) * 4
        address = str(ipaddress.IPv4Address(packet[16:20]))
    else:
        protocol, start = packet[6], 40
        address = str(ipaddress.IPv6Address(packet[24:40]))
        if protocol == 0:  # a hop-by-hop header stands before group reports
            protocol, start = packet[40], 40 + (packet[41] + 1) * 8
    name = _PROTOCOLS.get(protocol, str(protocol))
    if name == "icmpv6" and packet[start] in _OF_THE_KERNEL:
        return None
    port = struct.unpack("!H", packet[start + 2 : start + 4])[0] if name in {"tcp", "udp"} else None
    return Flow(name, address, port)


@dataclass(slots=True)
class Detector:
    """Reads all packets that reach the TUN device, in a thread."""

    device: int
    seen: Counter[Flow] = field(default_factory=Counter)
    _ended: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Read until told to end."""
        while not self._ended.is_set():
            if select.select([self.device], [], [], 0.2)[0]:
                flow = parse(os.read(self.device, 65_536))
                if flow is not None:
                    self.seen[flow] += 1

    def end(self) -> None:
        """Stop reading."""
        self._ended.set()


def alone() -> int:
    """Move this process into a namespace of its own and return its TUN device."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET | _CLONE_NEWNS):
        error = ctypes.get_errno()
        raise PermissionError(error, f"a network namespace: {os.strerror(error)} (root is needed)")
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
    for words in (
        "link set lo up",
        f"addr add {OWN_4}/24 dev {DEVICE}",
        f"-6 addr add {OWN_6}/64 dev {DEVICE} nodad",
        f"link set {DEVICE} up",
        f"route add default dev {DEVICE}",
        f"-6 route add default dev {DEVICE}",
    ):
        subprocess.run(["ip", *words.split()], check=True)
    # a resolver that would answer from here is outside, so that look-ups are seen, too
    named = Path(tempfile.mkdtemp(prefix="aoi-egress-")) / "resolv.conf"
    named.write_text(f"nameserver {RESOLVER}\noptions timeout:1 attempts:1\n")
    named.chmod(0o644)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(
        ["mount", "--bind", str(named), os.path.realpath("/etc/resolv.conf")], check=True
    )
    return device


def control() -> set[Flow]:
    """Send one packet of each kind away and return what must be seen of them."""
    for family, address in ((socket.AF_INET, CONTROL_4), (socket.AF_INET6, CONTROL_6)):
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x", (address, CONTROL_PORT))
        with socket.socket(family, socket.SOCK_STREAM) as caller:
            caller.setblocking(False)
            caller.connect_ex((address, CONTROL_PORT))
    return {
        Flow(protocol, address, CONTROL_PORT)
        for protocol in ("udp", "tcp")
        for address in (CONTROL_4, CONTROL_6)
    }


def controlled(detector: Detector) -> bool:
    """Return whether the detector sees what is sent, and forget it."""
    sent, deadline = control(), time.monotonic() + 5
    while not sent <= detector.seen.keys() and time.monotonic() < deadline:
        time.sleep(0.1)
    found = sent <= detector.seen.keys()
    for flow in sent:
        del detector.seen[flow]
    return found


def allowed(endpoints: list[str]) -> set[tuple[str, int]]:
    """Return the configured endpoints; addresses, since no name is resolved in here."""
    pairs = (one.rpartition(":") for one in endpoints)
    return {(host.strip("[]"), int(port)) for host, _, port in pairs}


def main() -> int:
    """Run it; 0 when no packet left, 1 when one did, 2 when the run tells nothing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--allow", action="append", default=[], metavar="HOST:PORT")
    parser.add_argument("--out", type=Path, help="write the result there, as Markdown")
    parser.add_argument("--seconds", type=float, default=900.0, help="longest time of the command")
    parser.add_argument("command", nargs="*", help="default: aoi demo --plain")
    chosen = parser.parse_args()
    command = chosen.command or [sys.executable, "-m", "deploy.cli.main", "demo", "--plain"]
    detector = Detector(alone())
    watching = threading.Thread(target=detector.watch, daemon=True)
    watching.start()
    before = controlled(detector)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="aoi-egress-") as state:
        environment = {**os.environ, "AOI_STATE_DIR": os.environ.get("AOI_STATE_DIR", state)}
        done = subprocess.run(command, check=False, env=environment, timeout=chosen.seconds)
    seconds = time.monotonic() - started
    time.sleep(1)
    left = dict(detector.seen)
    detector.seen.clear()
    after = controlled(detector)
    detector.end()
    watching.join()
    own = allowed(chosen.allow)
    bad = {flow: n for flow, n in left.items() if (flow.address, flow.port or 0) not in own}
    told = report(command, done.returncode, seconds, left, bad, seen=before and after)
    sys.stdout.write(f"{told}\n")
    if chosen.out is not None:
        chosen.out.write_text(told + "\n")
    if not (before and after) or done.returncode != 0:
        return VOID
    return 1 if bad else 0


def report(
    command: list[str],
    code: int,
    seconds: float,
    left: dict[Flow, int],
    bad: dict[Flow, int],
    *,
    seen: bool,
) -> str:
    """Return what was measured, as Markdown."""
    shown = " ".join(Path(word).name if word == sys.executable else word for word in command)
    rows = [
        f"| {flow} | {n} | {'no' if flow in bad else 'yes'} |" for flow, n in sorted(left.items())
    ]
    table = ["", "| to | packets | configured |", "|---|---|---|", *rows] if rows else []
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    counted = f"{sum(left.values())}, of them to endpoints that were not configured: "
    lines = (
        "# Egress",
        "",
        "`make egress` runs the demo, learner and Ray included, in a network namespace whose",
        "only way out is a TUN device that is read (`tests/chaos/egress.py`). As measured:",
        "",
        f"- command: `{shown}`, exit code {code}, {seconds:.0f} s, commit {commit}",
        "- control: UDP and TCP packets over IPv4 and IPv6, before and after: "
        + ("all seen" if seen else "NOT seen, so this run tells nothing"),
        f"- packets that left loopback: {counted}{sum(bad.values())}",
        *table,
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
