"""A rule-based approver: reads requests, answers each by the first rule that fits.

Invariant: a rule approves only what it names; whatever no rule fits is refused. A condition on
something that an action does not have (a namespace, replicas) does not hold. It has no rights but
those of an approver with a key; the gate and the Executor judge its decisions like any other. The
risk is that of the typed act, not the one that the request calls it.
"""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, Self, get_args

import yaml
from pydantic import Field, ValidationError, model_validator

from agents.contracts.action import Action, ScaleWorkload, namespace_of
from agents.contracts.approval import ApprovalRequested, DecisionVerdict, Risk
from agents.contracts.model_base import Order
from agents.policy.risk import risk_of
from agents.worker import AoiError
from streams import settings_fault

RISKS = (Risk.LOW, Risk.MEDIUM, Risk.HIGH)
NOT_COVERED = "no rule covers this"
ACTIONS = frozenset(kind.__name__ for kind in get_args(get_args(Action)[0]))


class RulesInvalid(AoiError):
    """The file of rules can't be used."""


class Range(Order):
    """Inclusive bounds."""

    min: int = Field(default=0, ge=0)
    max: int = Field(ge=0)

    def holds(self, number: int) -> bool:
        """Tell whether a number lies within."""
        return self.min <= number <= self.max


class Match(Order):
    """Conditions, all of which must hold; what is left out is not asked."""

    action: tuple[str, ...] = Field(default=(), description="types, such as ScaleWorkload")
    namespace: tuple[str, ...] = Field(default=(), description="globs, such as shop-*")
    replicas: Range | None = None
    max_risk: Risk | None = None
    max_pods_affected: int | None = Field(default=None, ge=0)
    min_confidence: int | None = Field(default=None, ge=0, le=100)
    rollback: bool | None = Field(default=None, description="true: only what can be undone")

    @model_validator(mode="after")
    def _known(self) -> Self:
        strange = set(self.action) - ACTIONS
        if strange:
            raise ValueError(f"expected actions among {sorted(ACTIONS)}, got {sorted(strange)}")
        return self

    def holds(self, request: ApprovalRequested) -> bool:
        """Tell whether every condition holds for a request."""
        return all(
            (
                not self.action or request.action.type in self.action,
                not self.namespace or self._in_namespace(request.action),
                self.replicas is None or self._replicas(request.action),
                self.max_risk is None or self._risk(request) <= RISKS.index(self.max_risk),
                self.max_pods_affected is None
                or request.preview.pods_affected <= self.max_pods_affected,
                self.min_confidence is None or request.confidence >= self.min_confidence,
                self.rollback is None or (request.preview.rollback is not None) == self.rollback,
            )
        )

    def _risk(self, request: ApprovalRequested) -> int:
        return RISKS.index(risk_of(request.action, request.preview))

    def _in_namespace(self, action: Action) -> bool:
        namespace = namespace_of(action)
        return namespace is not None and any(
            fnmatchcase(namespace, glob) for glob in self.namespace
        )

    def _replicas(self, action: Action) -> bool:
        if self.replicas is None or not isinstance(action, ScaleWorkload):
            return False
        return self.replicas.holds(action.replicas)


class Rule(Order):
    """What to answer when the conditions hold."""

    match: Match
    verdict: DecisionVerdict
    reason: str = Field(min_length=1, max_length=500)

    @model_validator(mode="after")
    def _approves_something_named(self) -> Self:
        if self.verdict is DecisionVerdict.APPROVE and not self.match.action:
            raise ValueError("expected a rule that approves to name its actions")
        return self


class Rules(Order):
    """The whole file. `otherwise` is never an approval; `ignore` leaves the rest to people."""

    rules: tuple[Rule, ...] = ()
    otherwise: Literal["refuse", "ignore"] = "refuse"


class Answer(Order):
    """The answer to a request."""

    verdict: DecisionVerdict
    reason: str


def load(path: Path) -> Rules:
    """Read a YAML file of rules; raises `RulesInvalid`."""
    try:
        return Rules.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except ValidationError as error:
        raise RulesInvalid(f"{path}: {settings_fault.told(error)}") from error
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise RulesInvalid(f"{path}: {error}") from error


def judge(rules: Rules, request: ApprovalRequested) -> Answer | None:
    """Return the first fitting rule's answer, or None where the rest is left to people."""
    for rule in rules.rules:
        if rule.match.holds(request):
            return Answer(verdict=rule.verdict, reason=rule.reason)
    if rules.otherwise == "ignore":
        return None
    return Answer(verdict=DecisionVerdict.REFUSE, reason=NOT_COVERED)
