"""The rights table of the security guide, as Markdown: users, their zone, topics, cluster identity.

Invariant: what it says of topics is `rights.py`'s own source, the registry; nothing is told twice.
"""

from collections.abc import Iterable

from agents.roles import ZONES, Role, Zone
from streams.topic import ALL_USERS, Topic, User
from streams.topics import TOPICS, TRANSACTIONAL

NOBODY = "-"
IDENTITIES: dict[Zone, str] = {
    Zone.PROBE: "read",
    Zone.PREVIEW: "preview: dry runs alone",
    Zone.EXECUTOR: "write",
}
"""What a zone's credential for the cluster may do; the other zones have none."""
PROBING = frozenset({Role.PROBE, Role.PREVIEW, Role.EXECUTOR})
"""The roles that use it."""


EVERYONE_S = tuple(topic for topic in TOPICS if set(topic.readers) == set(ALL_USERS))


def page(notice: str) -> str:
    """Return the whole page."""
    preface = (
        f"{notice} from `streams/topics.py`: the broker's ACLs are made of the same registry "
        "(`streams/rights.py`). A topic that stands in no row of a user can neither be written "
        "nor read by it; there are no other rights on topics.\n\n"
        f"Every user reads {_names(EVERYONE_S)}; the table names what it reads beside these.\n"
    )
    rows = [
        "| user | zone | cluster | writes | also reads | transactions |",
        "|---|---|---|---|---|---|",
        *map(_row, ALL_USERS),
    ]
    return "\n".join(("# Rights\n", preface, *rows)) + "\n"


def _row(user: User) -> str:
    zone = next((zone for zone, roles in ZONES.items() if user in roles), None)
    identity = IDENTITIES.get(zone) if zone is not None and user in PROBING else None
    cells = (
        str(user),
        str(zone or "outside"),
        identity or "none",
        _names(topic for topic in TOPICS if user in topic.writers),
        _names(topic for topic in TOPICS if user in topic.readers and topic not in EVERYONE_S),
        "own" if user in TRANSACTIONAL else NOBODY,
    )
    return f"| {' | '.join(cells)} |"


def _names(topics: Iterable[Topic]) -> str:
    return ", ".join(f"`{topic.name}`" for topic in topics) or NOBODY
