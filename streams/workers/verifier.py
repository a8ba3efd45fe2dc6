"""The verifier: from what anyone posted to what the keyring vouches for.

Invariant: nothing leaves here whose signature, key and validity were not checked; the incident in
what was signed becomes the key. What fails is a dead letter with the verifier's reason code.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agents.approval.keyring import Keyring
from agents.approval.verify import OrderRejected, check_decision, check_judgement
from agents.contracts.approval import ActionDecided, DecisionVerified
from agents.contracts.envelope import Event
from agents.contracts.feedback import JudgementVerified, OutcomeJudged
from agents.contracts.ids import event_id
from agents.reducer import Output
from agents.roles import Role
from agents.worker import Poison


@dataclass(slots=True, kw_only=True)
class VerifierWorker:
    """The worker of role `verifier`; it reads a changed keyring file without a restart."""

    keyring: Keyring
    clock: Callable[[], datetime]
    role: Role = field(default=Role.VERIFIER, init=False)

    async def handle(self, event: Event) -> Sequence[Output]:
        """Answer a decision or a judgement with its verified form. Raises Poison."""
        self.keyring.reload_if_changed()
        try:
            return self._verified(event)
        except OrderRejected as error:
            raise Poison(str(error.code), error.message) from error

    def _verified(self, event: Event) -> Sequence[Output]:
        now = self.clock()
        match event.fact:
            case ActionDecided() as decision:
                check_decision(decision, keyring=self.keyring, now=now)
                incident, signature = decision.payload.incident_id, decision.signature
                fact: DecisionVerified | JudgementVerified = DecisionVerified(
                    incident_id=incident, decision=decision
                )
            case OutcomeJudged() as judgement:
                check_judgement(judgement, keyring=self.keyring, now=now)
                incident, signature = judgement.payload.incident_id, judgement.signature
                fact = JudgementVerified(incident_id=incident, judgement=judgement)
            case _:
                return ()
        # the signature, not the poster's id: the same decision posted twice is one decision
        made = event_id(incident, type(fact).__name__, signature)
        return (Output(id=made, key=incident, fact=fact, incident=incident),)
