"""What becomes of a line in the shipped policy: the whole way from text to ruling."""

from functools import cache

from agents.contracts.command import Access, Command
from agents.policy.actions import action_of, command_of, read_act
from agents.policy.decide import Context, Policy, PreviewFacts, Ruling
from agents.policy.parse import access_of, parse
from agents.policy.refusal import Refusal
from agents.policy.render import render

NAMESPACE = "hotel-1"
MANAGED = ("hotel-*",)
DENY, ASK, ALLOW = Ruling.DENY, Ruling.NEEDS_APPROVAL, Ruling.ALLOW


@cache
def shipped() -> Policy:
    return Policy.load()


def circumstances(**changes: object) -> Context:
    """Return an incident in `hotel-1` whose dry run touched one pod of a controller."""
    facts: dict[str, object] = {
        "incident_id": "incident-1",
        "incident_namespace": NAMESPACE,
        "managed": MANAGED,
        "own": ("aoi",),
        "protected": ("hotel-1/deployments/frontend",),
        "severity": "critical",
        "confidence": 80,
        "proposer": "aoi/observer",
        "preview": PreviewFacts(pods_affected=1, controlled=True, creates=True, told=True),
    }
    return Context(**(facts | changes))  # type: ignore[arg-type]  # wrong ones, too


def runs(line: str) -> Command:
    """Return the command that would run: a read as parsed, an act as its typed action says it."""
    command = parse(line, NAMESPACE)
    return command if access_of(command) is Access.READ else command_of(action_of(command))


def refusal(line: str) -> Refusal | None:
    """Return why a line is no typed read or act, None if it is one; policy is not asked."""
    try:
        if access_of(parse(line, NAMESPACE)) is Access.WRITE:
            read_act(line, NAMESPACE)
    except Refusal as refused:
        return refused
    return None


def ruled(line: str, **changes: object) -> tuple[Ruling, str]:
    """Return ruling and reason of a line that a model wrote for the incident in `hotel-1`."""
    try:
        command = parse(line, NAMESPACE)
        if access_of(command) is Access.READ:
            verdict = shipped().may_read(command, MANAGED)
        else:
            action = action_of(command)
            render(command_of(action))
            verdict = shipped().decide(action, circumstances(**changes))
    except Refusal as refusal:
        return DENY, refusal.code
    return verdict.ruling, verdict.reason
