"""Where the demo shows itself: a live picture on a terminal, a line now and then in a log.

Invariant: nothing that is shown changes what is done; without a terminal no picture is drawn.
"""

import contextlib
import time
from collections.abc import Iterable, Iterator

from rich.console import Console, RenderableType
from rich.live import Live

from deploy.embedded.demo import view
from deploy.embedded.demo.board import Row
from deploy.embedded.demo.progress import Progress

SECONDS_BETWEEN_LINES = 10.0


class Screen:
    """One console. `plain` says that it gets lines only."""

    def __init__(self, console: Console, *, plain: bool) -> None:
        self.console = console
        self.plain = plain or not console.is_terminal
        self._status = console.status("")
        self._live: Live | None = None
        self._said: dict[str, tuple[float, bool]] = {}
        self._lines: set[str] = set()

    def tell(self, text: str) -> None:
        """Say what is being waited for."""
        if self.plain:
            self.console.print(f"[dim]{text}[/dim]")
            return
        self._status.update(text)
        self._status.start()

    def settle(self) -> None:
        """Say that nothing is being waited for."""
        self._status.stop()

    def show(self, picture: RenderableType) -> None:
        """Replace the live picture, where there is one."""
        if self._live is not None:
            self._live.update(picture)

    def incident(self, row: Row) -> None:
        """Say once, where lines are shown, that an incident waits for a person or has ended."""
        told = view.line(row)
        if self.plain and told is not None and told not in self._lines:
            self._lines.add(told)
            self.console.print(told, style="dim", markup=False, highlight=False)

    def learning(self, steps: Iterable[Progress], seconds: float) -> None:
        """Show the learner's steps; as lines: when one begins, ends, and now and then."""
        if self._live is not None:
            self.show(view.learning(steps, seconds=seconds))
            return
        for step in steps:
            ended = 0 < step.of <= step.done
            said_at, said_end = self._said.get(step.step, (float("-inf"), False))
            late = time.monotonic() - said_at > SECONDS_BETWEEN_LINES
            if said_end or not (ended or late):
                continue
            self._said[step.step] = (time.monotonic(), ended)
            done = f" {step.done} of {step.of}" if step.of else ""
            self.tell(f"learner: {step.step}{done} {step.told}".rstrip())

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """Hold a live picture while the block runs."""
        self.settle()
        if self.plain:
            yield
            return
        with Live(console=self.console, refresh_per_second=4, transient=True) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None
