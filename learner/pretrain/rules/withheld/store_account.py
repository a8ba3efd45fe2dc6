"""A caller with a user that its store doesn't know: two templates disagree about the account."""

import re
from random import Random

from agents.memory import LastStep
from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict, undo
from learner.pretrain.sight import Edge, Template

DENIED = re.compile(
    r"[Aa]uthentication ?failed|AuthenticationException|login rejected|bad login|user \S+ denied"
)
USER = re.compile(r"_USER(?:NAME)?$")
DESCRIBED = re.compile(r"kubectl describe deploy (?P<name>\S+)$")


def _denied(notes: Notes) -> Edge | None:
    edge = notes.leaf()
    denied = edge is not None and edge.obstacle is not None and DENIED.search(edge.error)
    return edge if denied else None


def _read(notes: Notes, last: LastStep) -> str | None:
    """Keep the users that a template names while a login is in question."""
    described = DESCRIBED.match(last.line)
    facts = notes.templates.get(described["name"]) if described is not None else None
    if described is None or facts is None or _denied(notes) is None:
        return None
    users = [f"{name}={value}" for name, value in facts.environment.items() if USER.search(name)]
    return f"deployment {described['name']} has {', '.join(users) or 'no user'}"


def _look(notes: Notes) -> Verdict:
    edge = _denied(notes)
    if edge is None:
        return None
    for name in (edge.caller, edge.callee):
        if name not in notes.templates:
            return Look(line=f"kubectl describe deploy {name}", service=edge.caller, needed=False)
    shown, right = _shown(notes.templates[edge.caller], edge), _known(notes.templates[edge.callee])
    if shown is None or right is None or notes.templates[edge.caller].environment[shown] == right:
        return None
    return Finding(service=edge.caller, facts={"variable": shown, "user": right})


def _shown(caller: Template, edge: Edge) -> str | None:
    """Return the variable with which the caller names its user, the callee's own name first."""
    named = [name for name in caller.environment if USER.search(name)]
    stem = re.sub(r"[-.]", "_", edge.callee.upper())
    return next((name for name in named if name.startswith(f"{stem}_")), next(iter(named), None))


def _known(store: Template) -> str | None:
    """Return the user that the store was made with."""
    return next((value for name, value in store.environment.items() if USER.search(name)), None)


def _repairs(_notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    lines = [undo(finding.service)]
    if finding.facts:
        change = f"{finding.facts['variable']}={finding.facts['user']}"
        lines.append(f"kubectl set env deploy/{finding.service} {change}")
    return tuple(lines)


RULE = Rule(
    name="store_account",
    system_level="Application",
    fault_type="Authentication Issue",
    look=_look,
    repairs=_repairs,
    read=_read,
)
