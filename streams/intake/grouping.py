"""Which alerts belong together: the sender's own group, split by labels such as the namespace.

Invariant: the same alert always has the same group, never longer than the contract allows. A group
decides which incident an alert joins, never where AOI may act.
"""

from collections.abc import Iterable
from hashlib import sha256

from agents.contracts.alert import AlertReceived

MAX_CHARS = 1024
KEPT_CHARS = 900
OWN_FORMS = frozenset({"aoi", "cloudevents"})


def bounded(group: str) -> str:
    """Return the group, or its beginning and digest where it is too long for a key."""
    if len(group) <= KEPT_CHARS:
        return group
    return f"{group[:KEPT_CHARS]}#{sha256(group.encode()).hexdigest()}"


def settled(alert: AlertReceived, labels: Iterable[str]) -> AlertReceived:
    """Return the alert with its final group.

    One notification of Alertmanager may span namespaces; the named labels split it. A sender of
    AOI's own form chose its group itself.
    """
    if alert.source_format in OWN_FORMS:
        return alert
    parts = [f"{name}={alert.labels[name]}" for name in labels if name in alert.labels]
    return alert.model_copy(update={"group": bounded("|".join([alert.group, *parts]))})
