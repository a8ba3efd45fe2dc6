"""Brings the broker's jars into the cache, once, without Maven and without a JDK.

Invariant: no jar is used whose SHA-256 is not the one in `jars.lock`. The stamp beside the jars is
written after all of them were checked; with it a start reads no jar and asks no network.
"""

import hashlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.errors import JarsUnavailable

LOCK = Path(__file__).with_name("jars.lock")
PARALLEL_FETCHES = 8
TIMEOUT_S = 60

Progress = Callable[[int, int], None]
"""Told (jars done, jars in all) while they are fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jar:
    """One Maven artifact and its digest (hexadecimal SHA-256)."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def coordinate(self) -> str:
        """The artifact as Maven writes it."""
        return f"{self.group}:{self.artifact}:{self.version}"

    def path(self, repository: Path) -> Path:
        """Return where the jar lies in a local Maven repository."""
        folder = repository.joinpath(*self.group.split("."), self.artifact, self.version)
        return folder / f"{self.artifact}-{self.version}.jar"


def locked(lock: Path) -> tuple[Jar, ...]:
    """Read the jars that the broker is made of."""
    rows = lock.read_text(encoding="utf-8").splitlines()
    return tuple(_parse(row) for row in rows if row and not row.startswith("#"))


def obtain(
    cache_dir: Path, *, repository_url: str | None = None, progress: Progress | None = None
) -> tuple[Path, ...]:
    """Return the class path, fetching what is missing; raises JarsUnavailable."""
    repository = cache_dir / "maven"
    jars = locked(LOCK)
    paths = tuple(jar.path(repository) for jar in jars)
    stamp = repository / f".checked-{_digest(LOCK)[:16]}"
    if stamp.exists() and all(path.exists() for path in paths):
        return paths
    repository.mkdir(parents=True, exist_ok=True)
    missing = [jar for jar in jars if not _intact(jar, repository)]
    if missing:
        _fetch(missing, repository, repository_url, progress or _silent)
    stamp.touch()
    return paths


def _fetch(jars: list[Jar], repository: Path, url: str | None, progress: Progress) -> None:
    """Download jars in parallel and check each; raises JarsUnavailable on the first failure."""
    progress(0, len(jars))
    with ThreadPoolExecutor(PARALLEL_FETCHES) as pool:
        running = {pool.submit(_download, jar, repository, url): jar for jar in jars}
        for done, future in enumerate(as_completed(running), start=1):
            error = future.exception()
            if error is not None:
                pool.shutdown(wait=False, cancel_futures=True)
                raise JarsUnavailable(_advice(running[future], repository, error)) from error
            progress(done, len(jars))


def _download(jar: Jar, repository: Path, url: str | None) -> None:
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415 (half a second, once)

    logging.getLogger("urllib3").setLevel(logging.ERROR)
    context = MavenContext(
        resolver=PythonResolver(),
        repo_cache=repository,
        remote_repos=None if url is None else {"configured": url.rstrip("/")},
        timeout=TIMEOUT_S,
    )
    jar.path(repository).unlink(missing_ok=True)
    context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    if not _intact(jar, repository):
        found = _digest(jar.path(repository))
        jar.path(repository).unlink()
        raise ValueError(f"expected SHA-256 {jar.sha256}, got {found}")


def _advice(jar: Jar, repository: Path, error: BaseException) -> str:
    return (
        f"cannot fetch {jar.coordinate} for the embedded Kafka: {error}\n"
        "What to do: start once with a network that reaches a Maven repository; or name a mirror "
        "in AOI_MAVEN_REPOSITORY; or copy the folder "
        f"{repository} from a machine that has it; or use your own Kafka (AOI_KAFKA__BOOTSTRAP)."
    )


def _intact(jar: Jar, repository: Path) -> bool:
    path = jar.path(repository)
    return path.exists() and _digest(path) == jar.sha256


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _parse(row: str) -> Jar:
    coordinate, digest = row.split()
    group, artifact, version = coordinate.split(":")
    return Jar(
        group=group, artifact=artifact, version=version, sha256=digest.removeprefix("sha256:")
    )


def _silent(_done: int, _total: int) -> None:
    """Tell nobody."""
