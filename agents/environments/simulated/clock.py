"""Virtual time: seconds since the epoch in, Kubernetes' texts out.

Invariant: nothing here reads the wall clock; the present is always an argument.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
YEAR = 365 * DAY


@lru_cache(maxsize=65_536)
def rfc3339(seconds: int) -> str:
    """Return `2026-03-01T10:00:00Z` for whole seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=65_536)
def seconds_of(text: str) -> int:
    """Return seconds since the epoch for an RFC 3339 text in UTC."""
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())


@lru_cache(maxsize=65_536)
def moment_of(text: str) -> float:
    """Return seconds since the epoch for an RFC 3339 text in UTC that may have a fraction."""
    whole, point, fraction = text.rstrip("Z").partition(".")
    return seconds_of(f"{whole}Z") + (float(f"0.{fraction}") if point else 0.0)


def instant(seconds: float) -> datetime:
    """Return the moment as an aware datetime."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def rfc3339_nano(seconds: float) -> str:
    """Return the moment with nanoseconds, as `kubectl logs --timestamps` prints it."""
    whole = int(seconds)
    return f"{rfc3339(whole)[:-1]}.{int((seconds - whole) * 1e9):09d}Z"


def rfc1123(seconds: int) -> str:
    """Return the moment as `kubectl describe` prints it."""
    return instant(seconds).strftime("%a, %d %b %Y %H:%M:%S +0000")


def _pair(major: int, major_unit: str, minor: int, minor_unit: str) -> str:
    return f"{major}{major_unit}{minor}{minor_unit}" if minor else f"{major}{major_unit}"


def age(seconds: float) -> str:
    """Return a duration as `k8s.io/apimachinery/pkg/util/duration.HumanDuration` does."""
    whole = int(seconds)
    if whole < 0:
        return "0s" if whole >= -1 else "<invalid>"
    if whole < 2 * MINUTE:
        return f"{whole}s"
    minutes, hours, days = whole // MINUTE, whole // HOUR, whole // DAY
    if minutes < 10:  # noqa: PLR2004 - the original's scale
        return _pair(minutes, "m", whole % MINUTE, "s")
    if hours < 3:  # noqa: PLR2004 - the original's scale
        return f"{minutes}m"
    if hours < 8:  # noqa: PLR2004 - the original's scale
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:  # noqa: PLR2004 - the original's scale
        return f"{hours}h"
    if hours < 192:  # noqa: PLR2004 - the original's scale
        return _pair(days, "d", hours % 24, "h")
    if days < 2 * 365:
        return f"{days}d"
    return _pair(days // 365, "y", days % 365, "d")
