"""The event recorder: one Event for the same thing told again, with a count.

Invariant: events are told by controllers alone; those older than an hour are gone, as the API
server's time to live has it.
"""

from agents.environments.simulated import clock
from agents.environments.simulated.dice import digits
from agents.environments.simulated.objects.kinds import KINDS, Manifest
from agents.environments.simulated.objects.store import Store

EventKey = tuple[str, str, str, str]
"""(uid of the object, type, reason, message)."""


class Recorder:
    """Aggregates and stores events; `since` is the first moment worth recording."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.since = 0.0
        self._known: dict[EventKey, Manifest] = {}

    def tell(
        self,
        store: Store,
        now: float,
        about: tuple[str, Manifest],
        what: tuple[str, str, str],
        source: str,
        *,
        container: str | None = None,
    ) -> Manifest | None:
        """Record (type, reason, message) about (kind, object); a repetition raises the count."""
        if now < self.since:
            return None
        kind, manifest = about
        kind_of_event, reason, message = what
        metadata = manifest["metadata"]
        key = (metadata["uid"], kind_of_event, reason, message)
        stamp = clock.rfc3339(int(now))
        known = self._known.get(key)
        if known is not None:
            known["count"] += 1
            known["lastTimestamp"] = stamp
            return known
        namespace = metadata.get("namespace", "default")
        involved: Manifest = {
            "apiVersion": KINDS[kind].api_version,
            "kind": KINDS[kind].name,
            "name": metadata["name"],
            "namespace": namespace,
            "resourceVersion": metadata["resourceVersion"],
            "uid": metadata["uid"],
        }
        if container:
            involved["fieldPath"] = f"spec.containers{{{container}}}"
        component, _, host = source.partition("@")
        event: Manifest = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{metadata['name']}.{digits(16, self.seed, 'event', *key)}",
                "namespace": namespace,
            },
            "involvedObject": involved,
            "reason": reason,
            "message": message,
            "source": {"component": component, "host": host} if host else {"component": component},
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
            "type": kind_of_event,
            "reportingComponent": component,
            "reportingInstance": host,
        }
        self._known[key] = store.create("events", event, stamp)
        return event

    def repeat(
        self,
        store: Store,
        now: float,
        about: tuple[str, Manifest],
        what: tuple[str, str, str],
        source: str,
        *,
        container: str | None,
        times: int,
    ) -> None:
        """Record that something happened `times` more, the last time at `now`."""
        event = self.tell(store, now, about, what, source, container=container)
        if event is not None:
            event["count"] += times - 1


def living(store: Store, now: float, namespace: str | None = None) -> list[Manifest]:
    """Return the events that have not expired, in the order of their names."""
    horizon = clock.rfc3339(max(0, int(now) - clock.HOUR))
    return [
        item
        for item in store.listed("events", namespace)
        if (item.get("lastTimestamp") or item.get("eventTime") or horizon) >= horizon
    ]
