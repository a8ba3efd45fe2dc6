"""What helm remembers of a release: every revision with all that it rendered.

Invariant: a revision never changes but for its status; going back makes a new one.
"""

from dataclasses import dataclass

from agents.environments.simulated.objects.kinds import Manifest


@dataclass(slots=True, kw_only=True)
class Revision:
    """One revision of a release. rendered: (kind, object) as the chart made them.

    status is helm's own word: `deployed`, `superseded`, `failed`. updated: seconds since the epoch.
    values: what was set beside the chart's own, by dotted path.
    """

    number: int
    updated: float
    status: str
    chart: str
    app_version: str
    description: str
    rendered: tuple[tuple[str, Manifest], ...]
    values: tuple[tuple[str, str], ...] = ()
