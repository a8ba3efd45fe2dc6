"""What real programs' log lines say: failing calls, last words of a crash, trouble of their own.

Invariant: a function of text alone; an unknown form gives nothing, never a guess.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from learner.pretrain.sight import Edge, Obstacle, edges_in, log_text

NAME = r"[a-z0-9][a-z0-9.-]*"
TIMES = re.compile(r" \[x(\d+)\]$")
CALLS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?P<callee>{NAME}) failure: (?P<error>.*?)(?:, client: |$)",
        rf"(?:call to|[Rr]equest to|request through) (?P<callee>{NAME}) failed: (?P<error>.*)",
        rf"failed to call (?P<callee>{NAME}): (?P<error>.*)",
        rf"Error calling (?P<callee>{NAME}): (?P<error>.*)",
        rf"^\W*(?:Error: )?\[(?P<callee>{NAME})\] (?P<error>\d+ [A-Z_]+: .*)",
        rf'HTTP/1\.[01]" (?P<error>5\d\d .*) (?P<callee>{NAME})$',
    )
)
UPSTREAM = re.compile(
    r"^(?:rpc error: code = (?:Unknown|Internal) desc = |TException - service has thrown: "
    r"|late or broken answer: |13 INTERNAL: |io\.grpc\.StatusRuntimeException: UNKNOWN: "
    r"|StatusCode\.UNKNOWN: |500 Internal Server Error: |HTTPError 500 Server Error: "
    r"|Status\(StatusCode=\"Unknown\", Detail=\")(?P<detail>.*)$"
)
CAUSE = re.compile(rf"^(?P<callee>{NAME}): (?P<error>.*)$")
ANSWERED = re.compile(r"^500 ")
PORT = re.compile(r":\s?(\d{2,5})\b")
GAVE_UP = re.compile(r"^panic: |exec: .*no such file|[Tt]raceback", re.MULTILINE)
PROCESS = re.compile(r"^\[pod/(?P<pod>\S+?)/\S+?\] (?P<text>.*)$")


class Hindrance(StrEnum):
    """Why a call failed, in the caller's library's words."""

    NO_HOST = "no host"
    REFUSED = "refused"
    CLOSED = "closed"
    OTHER = "other"
    TIMEOUT = "timeout"


WORDS: tuple[tuple[Hindrance, re.Pattern[str]], ...] = (
    (
        Hindrance.NO_HOST,
        re.compile(
            r"no such host|not known|resolution failed|UnableToResolve|UnknownHost"
            r"|[Ff]ailed to (?:resolve|lookup)|could not resolve|no_healthy_upstream"
        ),
    ),
    (
        Hindrance.REFUSED,
        re.compile(
            r"refused|REFUSED|HAS FAILED AND IS DISABLED|upstream_reset_before_response_started\{"
        ),
    ),
    (
        Hindrance.TIMEOUT,
        re.compile(
            r"[Tt]ime(?:d )?out|TIMEOUT|[Dd]eadline ?[Ee]xceeded|DEADLINE_EXCEEDED"
            r"|temporarily unavailable|response_timeout|EAGAIN"
        ),
    ),
    (
        Hindrance.CLOSED,
        re.compile(
            r"EOF|[Cc]onnection (?:was )?(?:closed|dropped|reset)|closed the connection"
            r"|[Ss]ocket ?[Cc]losed|Disconnected|upstream_reset|(?:requires|expects) TLS"
        ),
    ),
)
_KINDS = {
    Obstacle.NO_HOST: Hindrance.NO_HOST,
    Obstacle.REFUSED: Hindrance.REFUSED,
    Obstacle.TIMEOUT: Hindrance.TIMEOUT,
}
TROUBLE = re.compile(
    r"internal error|unexpected state|giving up on|could not be served|Failed with status"
    r"|request failed|[Ee]rror when executing|far longer than|slow (?:response|resource)"
    r"|saturated|is busy|[Ss]top-the-world|JVM pause|collection took (?:seconds|\d{4,} ?ms)"
    r"|keeps growing|have grown again|has no bound|waiting requests is long|took long to be"
    r"|is behind|lag is growing|wait for long|poll(?:\(\)| timeout| interval)|has failed, removing"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A failing call. hindrance is None when the callee answered with an error of its own."""

    caller: str
    callee: str
    hindrance: Hindrance | None
    error: str
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LastWords:
    """What a process said before it ended; empty where it said nothing of the kind."""

    gave_up: bool
    store: str = ""
    dialled: str = ""
    denied: str = ""
    login: bool = False
    user: str = ""


def calls_in(caller: str, text: str) -> list[Call]:
    """Return the failing calls of a log, each at its deepest known place."""
    found = []
    for line in text.split("\n"):
        said = log_text(line)
        match = next((match for form in CALLS if (match := form.search(said))), None)
        if match is not None:
            found.append(deepest(caller, match["callee"], match["error"], times_of(line)))
        else:
            found += [_known(edge, times_of(line)) for edge in edges_in(caller, line)]
    return found


def _known(edge: Edge, times: int) -> Call:
    """Return a failing call that is told in a form which alerts' rules read as well."""
    kind = None
    if edge.obstacle is not None:
        kind = _KINDS.get(edge.obstacle) or hindrance_in(edge.error)
    return Call(
        caller=edge.caller, callee=edge.callee, hindrance=kind, error=edge.error, times=times
    )


def times_of(line: str) -> int:
    """Return how often a folded line stood."""
    found = TIMES.search(line)
    return int(found[1]) if found else 1


def deepest(caller: str, callee: str, error: str, times: int) -> Call:
    """Return the innermost failing call that an error text names."""
    upstream = UPSTREAM.match(error)
    if upstream is not None:
        cause = CAUSE.match(upstream["detail"])
        if cause is not None:
            return deepest(callee, cause["callee"], cause["error"], times)
        return Call(caller=caller, callee=callee, hindrance=None, error=error, times=times)
    return Call(
        caller=caller, callee=callee, hindrance=hindrance_in(error), error=error, times=times
    )


def hindrance_in(error: str) -> Hindrance | None:
    """Return what an error text blames; None where the callee itself answered."""
    if ANSWERED.match(error):
        return None
    return next((kind for kind, words in WORDS if words.search(error)), Hindrance.OTHER)


def last_words_in(text: str) -> LastWords:
    """Return what the log of an ended process says of its end."""
    store = re.search(rf"[Rr]ead database URL: ({NAME}:\d+)", text)
    dialled = re.search(rf"Attempting connection to ({NAME}:\d+)", text)
    denied = re.search(r"not authorized on (\S+) to execute", text)
    user = re.search(rf"\(user (\S+) at {NAME}:\d+\)", text)
    return LastWords(
        gave_up=GAVE_UP.search(text) is not None,
        store=store[1] if store else "",
        dialled=dialled[1] if dialled else "",
        denied=denied[1] if denied else "",
        login=re.search(r"[Aa]uthentication failed", text) is not None,
        user=user[1] if user else "",
    )


def troubles_in(text: str, said_by: str = "") -> list[tuple[str, str, int]]:
    """Return (pod or the known speaker, what it said, how often) of trouble of its own."""
    found = []
    for line in text.split("\n"):
        spoken = PROCESS.match(line)
        speaker, rest = (spoken["pod"], spoken["text"]) if spoken else (said_by, line)
        said = log_text(rest)
        trouble = TROUBLE.search(said)
        if trouble is not None and speaker and not any(form.search(said) for form in CALLS):
            found.append((speaker, said[trouble.start() :][:80].strip(), times_of(line)))
    return found
