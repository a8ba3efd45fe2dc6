"""The API server's memory: objects by kind and name, versions, and marks of what changed.

Invariant: every change goes through `create`, `touch` or `delete`, which give a new
resourceVersion and leave a mark; controllers read the marks and nothing else to know their work.
"""

from collections.abc import Iterator

from agents.environments.simulated.dice import uid
from agents.environments.simulated.objects.kinds import KINDS, Manifest

Key = tuple[str, str, str]
"""(kind, namespace, name); the namespace is empty for cluster-wide kinds."""


def key_of(kind: str, manifest: Manifest) -> Key:
    """Return the key under which the store holds the object."""
    metadata = manifest["metadata"]
    return kind, metadata.get("namespace", ""), metadata["name"]


class Store:
    """All objects of one lab."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.version = 1000
        self.marks: dict[Key, Manifest] = {}
        self._by_kind: dict[str, dict[tuple[str, str], Manifest]] = {kind: {} for kind in KINDS}

    def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return the object, or None."""
        return self._by_kind[kind].get((namespace, name))

    def each(self, kind: str, namespace: str | None = None) -> Iterator[Manifest]:
        """Yield the objects of a kind in the order of their creation."""
        for key, manifest in list(self._by_kind[kind].items()):
            if namespace is None or key[0] == namespace:
                yield manifest

    def listed(self, kind: str, namespace: str | None = None) -> list[Manifest]:
        """Return the objects of a kind sorted by namespace and name, as the API lists them."""
        table = self._by_kind[kind]
        return [table[key] for key in sorted(table) if namespace is None or key[0] == namespace]

    def count(self, kind: str) -> int:
        """Return how many objects of a kind there are."""
        return len(self._by_kind[kind])

    def create(self, kind: str, manifest: Manifest, created: str) -> Manifest:
        """Add an object; its metadata gets uid, creationTimestamp and a version."""
        key = key_of(kind, manifest)
        metadata = manifest["metadata"]
        self.version += 1
        metadata["uid"] = uid(self.seed, "uid", self.version, *key)
        metadata["creationTimestamp"] = created
        metadata["resourceVersion"] = str(self.version)
        self._by_kind[kind][key[1:]] = manifest
        if kind != "events":  # no controller works on events
            self.marks[key] = manifest
        return manifest

    def touch(self, kind: str, manifest: Manifest, *, spec: bool = False) -> None:
        """Mark a changed object; `spec` also moves its generation."""
        self.version += 1
        metadata = manifest["metadata"]
        metadata["resourceVersion"] = str(self.version)
        if spec and "generation" in metadata:
            metadata["generation"] += 1
        self.marks[key_of(kind, manifest)] = manifest

    def replace(self, kind: str, manifest: Manifest) -> None:
        """Put an edited copy in the place of the object of the same name, with a new version."""
        key = key_of(kind, manifest)
        self._by_kind[kind][key[1:]] = manifest
        self.touch(kind, manifest, spec=True)

    def delete(self, kind: str, manifest: Manifest) -> None:
        """Remove an object."""
        key = key_of(kind, manifest)
        if self._by_kind[kind].pop(key[1:], None) is not None:
            self.version += 1
            self.marks[key] = manifest

    def take_marks(self) -> dict[Key, Manifest]:
        """Return and forget what changed since the last call."""
        marks, self.marks = self.marks, {}
        return marks
