"""The operator's numbers, places and times: `settings.toml` of the folder of rules.

Invariant: what stands here only narrows what the process was started with: of two limits the
stricter holds, of two lists of what is spared both; `reads.paths` alone adds. Time is an argument;
a calendar that is asked without a time is a missing fact, and a missing fact denies.
"""

import tomllib
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
    model_validator,
)

MIDNIGHT = time(0)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class LimitsInvalid(ValueError):
    """The settings cannot be used; the message names the key and what to write."""


class FreezeRule(StrEnum):
    """What a freeze does to an act: a person is asked, or nobody can allow it."""

    ASK = "ask"
    DENY = "deny"


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _clock_time(value: object) -> object:
    """Read `08:30`, and `24:00` as the midnight that ends a day."""
    if value == "24:00":
        return MIDNIGHT
    if isinstance(value, str):
        return time.fromisoformat(value)
    if isinstance(value, time):
        return value
    raise ValueError(f'expected a time of the day such as "08:30", got {value!r}')


ClockTime = Annotated[time, BeforeValidator(_clock_time)]


class FreezeWindow(_Table):
    """A time in which changes are frozen: every week by days and hours, or once.

    days, opens, closes: of each week, in the calendar's zone; one that closes at or before it opens
    ends on the next day. begins, ends: once; without a zone of their own they are in the
    calendar's. The end itself is no longer in the window.
    """

    name: str = Field(min_length=1)
    rule: FreezeRule = FreezeRule.ASK
    days: tuple[str, ...] = ()
    opens: ClockTime = MIDNIGHT
    closes: ClockTime = MIDNIGHT
    begins: datetime | None = None
    ends: datetime | None = None

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        once = self.begins is not None or self.ends is not None
        if once == bool(self.days):
            raise ValueError(f"window {self.name!r}: expected days, or begins and ends")
        if once and (self.begins is None or self.ends is None):
            raise ValueError(f"window {self.name!r}: expected begins and ends, got one of them")
        if once and (self.opens, self.closes) != (MIDNIGHT, MIDNIGHT):
            raise ValueError(f"window {self.name!r}: opens and closes belong to days")
        strange = sorted(set(self.days) - set(DAYS))
        if strange:
            raise ValueError(f"window {self.name!r}: expected days of {', '.join(DAYS)}: {strange}")
        return self

    def holds(self, now: datetime, zone: tzinfo) -> bool:
        """Return whether the moment lies in the window; `now` is aware."""
        if self.begins is not None and self.ends is not None:
            return _placed(self.begins, zone) <= now < _placed(self.ends, zone)
        local = now.astimezone(zone)
        at = local.time()
        if self.opens < self.closes:
            return self._named(local.date()) and self.opens <= at < self.closes
        return (self._named(local.date()) and at >= self.opens) or (
            self._named(local.date() - timedelta(days=1)) and at < self.closes
        )

    def _named(self, day: date) -> bool:
        return DAYS[day.weekday()] in self.days


class Freeze(_Table):
    """The switch and the calendar of frozen times."""

    now: StrictBool = False
    rule: FreezeRule = FreezeRule.ASK
    time_zone: str = "UTC"
    windows: tuple[FreezeWindow, ...] = ()

    @model_validator(mode="after")
    def _zone_is_known(self) -> Self:
        zone = self.zone
        names = [window.name for window in self.windows]
        if len(set(names)) != len(names):
            raise ValueError("expected each window's name once")
        for window in self.windows:
            if window.begins is not None and window.ends is not None:
                begins, ends = (_placed(at, zone) for at in (window.begins, window.ends))
                if begins >= ends:
                    raise ValueError(f"window {window.name!r}: expected begins before ends")
        return self

    @property
    def zone(self) -> tzinfo:
        """The calendar's zone; UTC needs no database of zones."""
        if self.time_zone == "UTC":
            return UTC
        try:
            return ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"expected a time zone such as Europe/Zurich, got {self.time_zone!r}"
            ) from error

    def in_force(self, now: datetime | None) -> FreezeRule | None:
        """Return the strictest rule that holds; raises `LookupError` without a time to look up."""
        rules = {self.rule} if self.now else set()
        if self.windows:
            if now is None or now.tzinfo is None:
                raise LookupError("a calendar of freezes is asked for an aware time, got none")
            zone = self.zone
            rules |= {window.rule for window in self.windows if window.holds(now, zone)}
        if FreezeRule.DENY in rules:
            return FreezeRule.DENY
        return FreezeRule.ASK if rules else None


class Rates(_Table):
    """How many acts may be begun; None leaves it to the process's own settings."""

    acts_per_incident: StrictInt | None = Field(default=None, ge=0)
    acts_per_hour: StrictInt | None = Field(default=None, ge=0)


# as `agents.policy.inner` reads the path of a URL; `/*` at the end for all below
HttpPath = Annotated[
    str,
    Field(pattern=r"^(?:/[A-Za-z0-9_~:-][A-Za-z0-9._~:-]{0,127}){1,16}(?:/\*)?$|^/\*$"),
]


class Reads(_Table):
    """What the Probe may ask for over HTTP, beside health and metrics."""

    paths: tuple[HttpPath, ...] = ()


class Limits(_Table):
    """Everything of `settings.toml`. Globs are those of a shell: `*`, `?`, `[...]`."""

    managed_namespaces: tuple[str, ...] | None = None
    own_namespaces: tuple[str, ...] = ()
    protected_workloads: tuple[str, ...] = ()
    rates: Rates = Rates()
    reads: Reads = Reads()
    freeze: Freeze = Freeze()

    def manages(self, namespace: str, started_with: Sequence[str]) -> bool:
        """Return whether both the file and the process name the namespace.

        Where the file says nothing, or the process was started with none, the other decides alone;
        where neither names any, nothing is managed.
        """
        started = tuple(started_with)
        if self.managed_namespaces is None:
            return matches(namespace, started)
        own = matches(namespace, self.managed_namespaces)
        return own and (not started or matches(namespace, started))

    def readable(self, started_with: Sequence[str]) -> tuple[str, ...]:
        """Return the globs of namespaces that may be read: the process's, else the file's."""
        return tuple(started_with) or self.managed_namespaces or ()


def read_limits(text: str) -> Limits:
    """Return the limits of a `settings.toml`; raises `LimitsInvalid`."""
    try:
        return Limits.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise LimitsInvalid(f"no TOML: {error}") from error
    except ValidationError as error:
        told = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise LimitsInvalid("; ".join(told)) from error


def matches(text: str, globs: Sequence[str]) -> bool:
    """Return whether any of the globs matches the whole text."""
    return any(fnmatchcase(text, glob) for glob in globs)


def stricter(own: int, other: int | None) -> int:
    """Return the smaller of a limit and another one, where there is another."""
    return own if other is None else min(own, other)


def _placed(moment: datetime, zone: tzinfo) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
