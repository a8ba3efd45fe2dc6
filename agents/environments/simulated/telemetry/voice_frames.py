"""How a line of a real program's log is framed: its own layout for each kind of line.

Invariant: a frame depends on the moment, the program and the text alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from agents.environments.simulated.clock import instant
from agents.environments.simulated.dice import digits, draw

if TYPE_CHECKING:
    from collections.abc import Mapping

INFO, WARNING, ERROR, HANDLED = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Layouts of the four kinds of line: information, warning, error, a request that went well.

    Layouts are format strings over `t` (the moment), `ms`, `us`, `secs`, `epoch` (ms), `text`,
    `name`, `camel` (the program's name in camel case), `function`, `line`, `number`, `trace` and
    `span`. escaped: texts stand inside JSON.
    """

    layouts: tuple[str, str, str, str]
    escaped: bool = False
    functions: Mapping[str, str] = field(default_factory=dict)

    def line(self, moment: float, kind: int, text: str, name: str) -> str:
        """Return one entry of the log; it may have several lines."""
        layout, number = self.layouts[kind], draw(name, kind, moment)
        traced = "{trace}" in layout
        camel = "".join(part.title() for part in name.removesuffix("-service").split("-"))
        return layout.format(
            t=instant(moment),
            ms=int(moment * 1000) % 1000,
            us=int(moment * 1000) % 1000 * 1000 + number // 9000 % 1000,
            epoch=int(moment * 1000),
            secs=int(moment),
            text=orjson.dumps(text).decode()[1:-1] if self.escaped else text,
            name=name,
            camel=camel,
            function=self.functions.get(name, camel),
            line=draw(name, kind, "line") % 150 + 40,
            number=number % 9000 + 100,
            trace=digits(32, name, moment) if traced else "",
            span=digits(16, name, moment, "span") if traced else "",
        )


def same(layout: str) -> tuple[str, str, str, str]:
    """Return one layout with its level word filled in for every kind."""
    info, warning, error = (layout.replace("{level}", word) for word in ("INFO", "WARN", "ERROR"))
    return info, warning, error, info


def levelled(layout: str, info: str, warning: str, error: str) -> tuple[str, str, str, str]:
    """Return one layout with level words of its own."""
    first = layout.replace("{level}", info)
    return first, layout.replace("{level}", warning), layout.replace("{level}", error), first
