"""What a request asks for, told by the approver's side: from the typed act, never from its words.

Invariant: sentence, line and risk are made here from `action` and `preview`, which a signature
binds through both hashes; what the request says of them is compared, and told as a fault only.
`faults` is empty only where a request says the same as its act.
"""

from dataclasses import dataclass

from agents.approval.binding import bound_by_request, order_hash
from agents.approval.canonical import action_hash, canonical_json
from agents.contracts.action import Action
from agents.contracts.approval import ApprovalRequested, Risk
from agents.policy.actions import command_of, words_of
from agents.policy.refusal import Refusal
from agents.policy.render import line_of
from agents.policy.risk import risk_of

QUOTED_CHARS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An act as it is, and what its request says otherwise. `typed` is canonical JSON."""

    words: str
    line: str
    risk: Risk
    typed: str
    faults: tuple[str, ...]


def shown_of(request: ApprovalRequested) -> Shown:
    """Return what a request asks for."""
    action, faults = request.action, []
    words, risk = words_of(action), risk_of(action, request.preview)
    try:
        line = line_of(command_of(action))
    except Refusal as refusal:
        line = ""
        faults.append(f"asks for an act that is no command: {refusal}")
    said = (("sentence", words, request.words), ("line", line, request.line))
    for name, is_so, claimed in (*said, ("risk", str(risk), str(request.risk))):
        if is_so != claimed:
            faults.append(
                f"tells of its act by the {name} {claimed[:QUOTED_CHARS]!r}, expected {is_so!r}"
            )
    hashes = (
        ("an action", action_hash(action), request.action_hash),
        ("an order", order_hash(bound_by_request(request)), request.order_hash),
    )
    faults += [
        f"shows {name} of hash {is_so} and asks for {claimed}"
        for name, is_so, claimed in hashes
        if is_so != claimed
    ]
    return Shown(words=words, line=line, risk=risk, typed=typed(action), faults=tuple(faults))


def told_of(request: ApprovalRequested) -> ApprovalRequested:
    """Return the request with sentence, line and risk as its act has them."""
    shown = shown_of(request)
    return request.model_copy(update={"words": shown.words, "line": shown.line, "risk": shown.risk})


def typed(action: Action) -> str:
    """Return an act as it is hashed: its canonical JSON."""
    return canonical_json(action)
