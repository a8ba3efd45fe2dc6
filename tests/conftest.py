"""Fixtures of all tests: one real broker a session, and a clean environment.

Invariant: no test reads the AOI settings of whoever runs it, and no broker outlives its session,
even one that was killed (`tests/reaper.py`).
"""

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.embedded.broker import EmbeddedBroker
from deploy.embedded.settings import EmbeddedSettings
from streams import cluster
from streams.admin import Diff
from streams.rights import wanted
from streams.settings import KafkaSettings
from streams.topics import TOPICS

REAPER = Path(__file__).with_name("reaper.py")
KEPT = frozenset({"AOI_CACHE_DIR", "AOI_KUBELITE", "AOI_MAVEN_REPOSITORY"})


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """Hide the caller's AOI settings from every test; what they need of the machine stays."""
    hidden = {
        name: os.environ.pop(name)
        for name in list(os.environ)
        if name.startswith("AOI_") and name not in KEPT
    }
    yield
    os.environ.update(hidden)


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Topics of one test: all of the registry's, under a prefix of their own."""

    broker: EmbeddedBroker
    prefix: str

    def login(self, user: str = "admin") -> KafkaSettings:
        """Return the settings with which a user (a role, `producer`, ...) reaches the space."""
        return self.broker.kafka(user, topic_prefix=self.prefix)


@contextmanager
def own_broker() -> Iterator[EmbeddedBroker]:
    """Give a broker object with a state folder of its own; end it and clean up, come what may."""
    state_dir = Path(tempfile.mkdtemp(prefix="aoi-test-"))
    reaper = subprocess.Popen(
        [sys.executable, str(REAPER), str(state_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    broker = EmbeddedBroker(EmbeddedSettings(state_dir=state_dir))
    try:
        yield broker
    finally:
        broker.stop()
        shutil.rmtree(state_dir, ignore_errors=True)
        reaper.communicate()


@pytest.fixture(scope="session")
def broker() -> Iterator[EmbeddedBroker]:
    """Give the session's broker, running, with the registry's topics and rights. Do not stop it."""
    with own_broker() as started:
        started.start()
        cluster.apply(started.kafka())
        yield started


@pytest.fixture
def space(broker: EmbeddedBroker) -> Iterator[Space]:
    """Give one test empty topics under a prefix of its own, and the users' rights on them."""
    given = Space(broker=broker, prefix=f"t{uuid.uuid4().hex[:8]}.")
    settings = given.login()
    cluster.apply(settings)
    yield given
    admin = cluster.client(settings)
    for future in admin.delete_topics([settings.topic(topic.name) for topic in TOPICS]).values():
        future.result()
    cluster.mend(admin, Diff(revoke=tuple(wanted(settings))))


@pytest.fixture(scope="session")
def make_broker() -> Callable[[], AbstractContextManager[EmbeddedBroker]]:
    """Give the factory of brokers that a test may stop, kill and reset."""
    return own_broker
