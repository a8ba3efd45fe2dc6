"""Jars: every one has a digest, a wrong one is never used, a missing network is explained."""

import hashlib
from pathlib import Path

import pytest

from deploy.embedded import jars
from deploy.embedded.errors import JarsUnavailable

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def one_jar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> jars.Jar:
    """Give a lock of one jar, present in the cache with the right content."""
    digest = hashlib.sha256(b"content").hexdigest()
    lock = tmp_path / "jars.lock"
    lock.write_text(f"# a comment\norg.example:thing:1.0 sha256:{digest}\n")
    monkeypatch.setattr(jars, "LOCK", lock)
    (jar,) = jars.locked(lock)
    path = jar.path(tmp_path / "maven")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"content")
    return jar


def test_the_shipped_lock_is_whole() -> None:
    locked = jars.locked(jars.LOCK)
    assert len({jar.coordinate for jar in locked}) == len(locked) > 40
    assert all(len(jar.sha256) == 64 for jar in locked)
    assert "org.apache.kafka:kafka_2.13:4.3.1" in {jar.coordinate for jar in locked}


def test_a_cached_jar_needs_no_network(tmp_path: Path, one_jar: jars.Jar) -> None:
    (path,) = jars.obtain(tmp_path, repository_url=NOWHERE)
    assert path.read_bytes() == b"content"


def test_a_changed_jar_is_not_used(tmp_path: Path, one_jar: jars.Jar) -> None:
    one_jar.path(tmp_path / "maven").write_bytes(b"tampered with")
    with pytest.raises(JarsUnavailable):
        jars.obtain(tmp_path, repository_url=NOWHERE)


def test_without_a_network_the_remedy_is_told(tmp_path: Path, one_jar: jars.Jar) -> None:
    one_jar.path(tmp_path / "maven").unlink()
    with pytest.raises(JarsUnavailable, match="AOI_MAVEN_REPOSITORY"):
        jars.obtain(tmp_path, repository_url=NOWHERE)
