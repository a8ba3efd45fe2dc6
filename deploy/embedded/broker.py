"""A real Apache Kafka for one machine: a child process on loopback that outlives its starter.

Invariant: at most one broker a state folder runs; its data, users and ports survive restarts; what
it did not start itself it never signals. `start` returns only after a client got metadata.

    <state>/broker/       server.properties  data/  broker.log  ports.json  process.json
    <state>/credentials/  <user>.json (0600): username, password, bootstrap, mechanism
"""

import random
import shutil
import socket
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pydantic import BaseModel, ConfigDict

from deploy.embedded import credentials, jars, java, ports, process, properties, users
from deploy.embedded.credentials import ADMIN
from deploy.embedded.errors import BrokerNotRunning, BrokerNotStarted, StateUnusable
from deploy.embedded.lock import exclusive
from deploy.embedded.process import ProcessRecord
from deploy.embedded.properties import HOST, Ports
from deploy.embedded.settings import EmbeddedSettings
from streams import login
from streams.settings import KafkaSettings

START_TIMEOUT_S = 60.0
STOP_GRACE_S = 10.0
LOCK_TIMEOUT_S = 180.0
LOG_LIMIT_BYTES = 10_000_000
POLL_S = 0.05


class BrokerStatus(BaseModel):
    """What is known of a state folder's broker. `since` is in seconds since the epoch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    running: bool
    bootstrap: str | None
    pid: int | None
    since: float | None
    state_dir: Path
    log: Path


class EmbeddedBroker:
    """The broker of one state folder. Every method may be called at any time, by any process."""

    def __init__(
        self,
        settings: EmbeddedSettings | None = None,
        *,
        user_names: Iterable[str] = users.DEFAULT_USERS,
        progress: jars.Progress | None = None,
    ) -> None:
        self._settings = settings or EmbeddedSettings()
        self._users = tuple(user_names)
        self._progress = progress
        self.state_dir = self._settings.state_dir.resolve()
        self.credentials_dir = self.state_dir / "credentials"
        self.log = self._home / "broker.log"

    def start(self) -> BrokerStatus:
        """Start the broker if it does not run, and wait until it answers.

        Raises JarsUnavailable, BrokerNotStarted or StateUnusable.
        """
        with self._locked():
            if self._process() is None:
                self._launch()
            self._await_metadata()
            users.settle(self.admin(), self.credentials_dir, self._ports().bootstrap, self._users)
            return self.status()

    def stop(self) -> bool:
        """End the broker (SIGTERM, SIGKILL after 10 s); false if none ran."""
        with self._locked():
            return self._end()

    def status(self) -> BrokerStatus:
        """Tell what runs, without asking the broker."""
        record = self._process()
        return BrokerStatus(
            running=record is not None,
            bootstrap=self._ports().bootstrap if self._file("ports.json").exists() else None,
            pid=None if record is None else record.pid,
            since=None if record is None else record.created,
            state_dir=self.state_dir,
            log=self.log,
        )

    def reset(self) -> None:
        """Stop the broker and remove its data, users and ports for good."""
        with self._locked():
            self._end()
            shutil.rmtree(self._home, ignore_errors=True)
            shutil.rmtree(self.credentials_dir, ignore_errors=True)

    def credential_file(self, user: str) -> Path:
        """Return the credential file of a user."""
        return credentials.path_of(self.credentials_dir, user)

    def kafka(self, user: str = ADMIN, *, topic_prefix: str | None = None) -> KafkaSettings:
        """Return the login of a user; raises BrokerNotRunning where it has none yet."""
        file = self.credential_file(user)
        if not file.exists():
            raise BrokerNotRunning(f"no user {user!r} in {self.state_dir}: run `aoi broker start`")
        return KafkaSettings.of_file(file, topic_prefix=topic_prefix)

    def admin(self) -> AdminClient:
        """Return a client with all rights."""
        return AdminClient(dict(login.librdkafka(self.kafka(ADMIN))))

    @property
    def _home(self) -> Path:
        return self.state_dir / "broker"

    def _file(self, name: str) -> Path:
        return self._home / name

    def _locked(self) -> AbstractContextManager[None]:
        return exclusive(self.state_dir / "broker.lock", timeout_s=LOCK_TIMEOUT_S)

    def _ports(self) -> Ports:
        return ports.read(self._file("ports.json"))

    def _process(self) -> ProcessRecord | None:
        """Return the record of the running broker."""
        file = self._file("process.json")
        if not file.exists():
            return None
        record = ProcessRecord.model_validate_json(file.read_bytes())
        return None if process.find(record) is None else record

    def _launch(self) -> None:
        classpath = jars.obtain(
            self._settings.cache_dir,
            repository_url=self._settings.maven_repository,
            progress=self._progress,
        )
        jvm = java.Java(executable=java.runtime(), classpath=classpath)
        drawn, _ = ports.settle(self._file("ports.json"), random.SystemRandom())
        formatted = self._file("formatted")
        if formatted.exists() and not self.credential_file(ADMIN).exists():
            raise StateUnusable(
                f"{self.credential_file(ADMIN)} is gone, so nobody can administer the broker's "
                "data; put it back, or give the data up with `aoi broker reset`"
            )
        admin = credentials.settle(self.credentials_dir, ADMIN, drawn.bootstrap)
        config, log4j = self._file("server.properties"), self._file("log4j2.properties")
        data = self._file("data")
        text = properties.server(ports=drawn, data_dir=data, admin_password=admin.password)
        credentials.write_private(config, text.encode())
        credentials.write_private(log4j, properties.LOG4J.encode())
        if not formatted.exists():
            shutil.rmtree(data, ignore_errors=True)
            jvm.format(config, java.cluster_id(), admin.password)
            formatted.touch()
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        record = process.spawn(
            jvm.broker(config, log4j), marker=str(config), log=self.log, env=java.environment()
        )
        credentials.write_private(self._file("process.json"), record.model_dump_json().encode())

    def _await_metadata(self) -> None:
        """Wait for a real answer to a metadata request; raises BrokerNotStarted."""
        deadline = time.monotonic() + START_TIMEOUT_S
        reason = "it does not listen yet"
        while time.monotonic() < deadline:
            if self._process() is None:
                self._end()
                raise BrokerNotStarted(f"the broker ended while starting.\n{self._log_tail()}")
            if not _listens(self._ports().broker):
                time.sleep(POLL_S)
                continue
            try:
                self.admin().list_topics(timeout=2)
            except KafkaException as error:
                reason = str(error)
            else:
                return
        self._end()
        raise BrokerNotStarted(
            f"no metadata from {self._ports().bootstrap} in {START_TIMEOUT_S:.0f} s: {reason}\n"
            f"{self._log_tail()}"
        )

    def _end(self) -> bool:
        record = self._process()
        ended = record is not None and process.end(record, grace_s=STOP_GRACE_S)
        self._file("process.json").unlink(missing_ok=True)
        return ended

    def _log_tail(self) -> str:
        if not self.log.exists():
            return f"It left no log ({self.log})."
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join([f"The end of {self.log}:", *lines[-15:]])


def _listens(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False
