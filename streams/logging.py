"""JSON logs, one object a line on standard error, from our events and from libraries alike.

Commands at a terminal say less: `terse` tells a lost broker in one line.

Invariant: after `configure` every record carries level, time and logger; ours carry role, and
incident and event where there is one. Values of settings are never logged.
"""

import logging
import re
import sys
import time

import structlog
from structlog.typing import Processor

QUIET = ("faust", "mode", "aiokafka", "kafka")
LOST = "Unable connect to node"
CALM_SECONDS = 30.0
# as asyncio names it (refused), and as aiokafka does (closed while it logs in)
ADDRESS = re.compile(r"\('([^']+)', (\d+)|Connection at ([\w.:\[\]-]+):(\d+) ")


def configure(level: int = logging.INFO) -> None:
    """Set structlog and the root logger; libraries speak from WARNING on. May be called again."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


class _LossTeller(logging.Handler):
    """Tells a loss of the broker once; aiokafka says it at every try, ten times a second.

    After `CALM_SECONDS` without a failed try the next one is another loss. A first try that says
    why but not where (a reset) is left to the second, which mostly does.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._last: float | None = None
        self._nameless = False

    def emit(self, record: logging.LogRecord) -> None:
        """Print a line for the first of many; what else aiokafka logs comes as an exception."""
        text = record.getMessage()
        if not text.startswith(LOST):
            return
        known, self._last = self._last, time.monotonic()
        another = known is None or self._last - known > CALM_SECONDS
        if another or self._nameless:
            found = ADDRESS.search(text)
            self._nameless = another and found is None and not text.endswith(": ")
            if self._nameless:
                return
            where = f" at {found[1] or found[3]}:{found[2] or found[4]}" if found else ""
            print(f"lost the broker{where}, trying again", file=sys.stderr, flush=True)  # noqa: T201 - the answer of a command


def terse() -> None:
    """Set what aiokafka says in a command at a terminal. May be called again."""
    logger = logging.getLogger("aiokafka")
    logger.handlers, logger.propagate = [_LossTeller()], False
