"""One credential file a role: where zones have uids of their own, no other zone's user reads it.

The claim is made for separate uids alone, so it is tested with two: skipped where the test's own
user can't become another. Files are written by the product's own code, in a folder that anyone may
enter, so that it is their mode which protects them.
"""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agents.approval.signing import SigningKey
from agents.roles import ZONES, Zone
from deploy.embedded import credentials, keys
from deploy.embedded.credentials import settle, write_private
from deploy.embedded.stack import credentials as credentials_of
from tests.safety.users import as_user, two_uids

EXECUTOR_UID, PROBE_UID = 64_101, 64_102


@pytest.fixture
def shared() -> Iterator[Path]:
    """Give a folder in which every user may make files, as a volume of several pods would be."""
    with TemporaryDirectory(dir="/tmp") as name:
        path = Path(name)
        path.chmod(0o1777)
        yield path


WRITERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "the cluster's write token": ("write.token", lambda at: write_private(at, b"token")),
    "a Kafka login": ("executor.json", lambda at: settle(at.parent, "executor", "localhost:9")),
    "a signing key": ("executor.key", lambda at: SigningKey.generate().save(at)),
}


@two_uids
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", WRITERS)
def test_the_probes_user_cannot_read_what_the_executor_acts_with(shared: Path, kind: str) -> None:
    name, write = WRITERS[kind]
    path = shared / name
    assert as_user(EXECUTOR_UID, lambda: write(path)) == "done"
    assert path.stat().st_uid == EXECUTOR_UID
    assert as_user(EXECUTOR_UID, path.read_bytes) == "done"
    assert as_user(PROBE_UID, path.read_bytes) == "PermissionError"
    assert as_user(PROBE_UID, lambda: path.write_bytes(b"x")) == "PermissionError"
    assert as_user(PROBE_UID, path.unlink) == "PermissionError"


@two_uids
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_with_one_uid_nothing_is_separated(shared: Path) -> None:
    """The control, and the reason why nothing is claimed of the embedded run."""
    path = shared / "write.token"
    assert as_user(PROBE_UID, lambda: write_private(path, b"token")) == "done"
    assert as_user(PROBE_UID, path.read_bytes) == "done"


@pytest.mark.parametrize("kind", WRITERS)
def test_a_credential_is_its_owners_from_the_start(tmp_path: Path, kind: str) -> None:
    name, write = WRITERS[kind]
    before = os.umask(0)
    try:
        write(tmp_path / name)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_role_is_given_its_own_file_and_no_other(tmp_path: Path) -> None:
    roles = [str(role) for zone in Zone for role in ZONES[zone]]
    files = [credentials_of(tmp_path, role, own=True) for role in roles]
    named = [value for one in files for value in one.values()]
    assert len(set(named)) == len(roles)
    assert all(Path(value).stem == role for value, role in zip(named, roles, strict=True))
    for role in roles:
        credentials.settle(tmp_path, role, "localhost:9")
    assert len({credentials.read(tmp_path, role).password for role in roles}) == len(roles)


def test_every_key_signs_for_its_own_purpose(tmp_path: Path) -> None:
    keys.settle(tmp_path / "keys", tmp_path / "keyring.json")
    held = [SigningKey.load(path).public_key for path in (tmp_path / "keys").iterdir()]
    assert len(set(held)) == len(keys.HOLDERS)
    assert not set(keys.HOLDERS["gate"]) & set(keys.HOLDERS["approver"])
