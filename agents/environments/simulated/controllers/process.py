"""What a kubelet knows of one pod: which process runs, since when, and what comes next.

Invariant: `timers` holds every moment at which the pod changes by itself; a pod without timers
changes only when something else does.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf

from agents.environments.simulated.applications.graph import Program
from agents.environments.simulated.objects.kinds import Manifest

FIRST_BACKOFF = 10.0
LAST_BACKOFF = 300.0
BACKOFF_RESET = 600.0


class Stage(StrEnum):
    """Life of a pod on its node."""

    WAITING = "waiting"
    PULLING = "pulling"
    PULL_BACKOFF = "pull_backoff"
    CONFIG_ERROR = "config_error"
    RUNNING = "running"
    CRASH_BACKOFF = "crash_backoff"


class Timer(StrEnum):
    """What can happen to a pod by itself."""

    PULLED = "pulled"
    PULL_AGAIN = "pull_again"
    READY = "ready"
    EXIT = "exit"
    KILL = "kill"
    RESTART = "restart"
    LISTEN = "listen"
    DIAL = "dial"


@dataclass(slots=True)
class Life:
    """One run of the container's process."""

    start: float
    environment: dict[str, str]
    program: Program | None
    arguments: tuple[str, ...] = ()
    end: float | None = None
    exit_code: int = 0
    reason: str = ""
    complaint: str = ""
    leaking: float | None = None
    """Since when it leaks memory."""


@dataclass(slots=True)
class PodRun:
    """A pod on a node. `lives` are the container's runs, oldest first (the last may go on)."""

    pod: Manifest
    stage: Stage = Stage.WAITING
    timers: dict[Timer, float] = field(default_factory=dict)
    lives: list[Life] = field(default_factory=list)
    attempts: int = 0
    backoff: float = 0.0
    ready: bool = False
    since: float = 0.0
    nag: tuple[str, str] | None = None
    """(reason, message) of the Warning that repeats while the stage lasts."""
    nagged: int = 0
    nag_from: float = 0.0
    nag_every: float = 12.0
    problem: str = ""
    address: str = ""
    restarts: int = 0
    labels: dict[str, str] | None = None
    """The pod's labels when its addresses were last published."""

    def due(self) -> float:
        """Return the moment of the next timer, or infinity."""
        return min(self.timers.values(), default=inf)

    @property
    def life(self) -> Life | None:
        """The process that runs now, if one does."""
        if self.lives and self.lives[-1].end is None:
            return self.lives[-1]
        return None

    def listens(self, now: float) -> int | None:
        """Return the port on which the process listens at `now`, or None."""
        life = self.life
        if life is None or life.program is None or life.complaint:
            return None
        if now < life.start + life.program.start:
            return None
        return life.program.listening_port(life.environment)

    def accepts(self, now: float, port: int) -> bool:
        """Return whether the process takes connections on a port at `now`."""
        main = self.listens(now)
        life = self.life
        if main is None or life is None or life.program is None:
            return False
        return port == main or port in life.program.further

    def next_backoff(self) -> float:
        """Double the delay, from 10 s to 300 s, and return it."""
        self.backoff = min(max(FIRST_BACKOFF, self.backoff * 2), LAST_BACKOFF)
        return self.backoff
