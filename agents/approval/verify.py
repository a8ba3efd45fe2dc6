"""What the verifier checks of a message alone, and what the Executor decides anew of an order.

Invariant: `check_order` returns only when the act that is about to be run is the one that enough
known keys approved, here, now and under the policy that holds; every other way out raises. The
ledger (replay, racing) and moved resource versions are the Executor's, not checked here.

OrderRejected       an order that must not be run; `code` says why
DecisionRejected    a decision, judgement or control that nobody with a key can have signed so
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum

from agents.approval.binding import bound_by_order, order_hash
from agents.approval.canonical import action_hash
from agents.approval.keyring import KeyEntry, Keyring, Purpose, voice
from agents.approval.signing import is_control_of, is_decision_of, is_judgement_of
from agents.contracts.action import Preview, Touched
from agents.contracts.approval import ActionApproved, ActionDecided, DecisionVerdict
from agents.contracts.feedback import ControlIssued, OutcomeJudged
from agents.policy.actions import command_of
from agents.policy.decide import Context, Policy, Ruling
from agents.policy.facts import facts_of
from agents.policy.kinds import RELEASES
from agents.policy.refusal import Refusal
from agents.policy.render import line_of
from agents.policy.undo import Undo, undo_of

MAX_VALIDITY = timedelta(days=1)
MAX_CLOCK_SKEW = timedelta(minutes=5)


class RejectCode(StrEnum):
    """Why an order or a signed message is not accepted."""

    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    TOO_LONG_VALID = "too_long_valid"
    WRONG_CLUSTER = "wrong_cluster"
    WRONG_POLICY = "wrong_policy"
    WRONG_ACTION = "wrong_action"
    WRONG_ORDER = "wrong_order"
    UNBOUND = "unbound"
    WRONG_LINE = "wrong_line"
    WRONG_ROLLBACK = "wrong_rollback"
    PREVIEW_DIFFERS = "preview_differs"
    WRONG_APPROVAL = "wrong_approval"
    WRONG_INCIDENT = "wrong_incident"
    REFUSED = "refused"
    PROPOSER_APPROVES = "proposer_approves"
    DUPLICATE_APPROVER = "duplicate_approver"
    TOO_FEW_APPROVERS = "too_few_approvers"
    NOT_AUTOMATIC = "not_automatic"
    DENIED_BY_POLICY = "denied_by_policy"


class OrderRejected(Exception):
    """An order must not be run."""

    def __init__(self, code: RejectCode, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class DecisionRejected(OrderRejected):
    """A signed message is not what it claims to be."""


def check_decision(decision: ActionDecided, *, keyring: Keyring, now: datetime) -> KeyEntry:
    """Return the key that signed a decision, if it may; raises `DecisionRejected`.

    The gate's own key is found too: whether it may stand for an approval is `check_order`'s.
    """
    payload = decision.payload
    keys = keyring.serving(payload.approver, Purpose.APPROVE, now) or keyring.serving(
        payload.approver, Purpose.GATE, now
    )
    key = _signer(keys, payload.approver, "approve", lambda one: is_decision_of(one, decision))
    if now < payload.not_before:
        raise DecisionRejected(
            RejectCode.NOT_YET_VALID, f"valid from {payload.not_before}, it is {now}"
        )
    if now >= payload.expires:
        raise DecisionRejected(RejectCode.EXPIRED, f"expired at {payload.expires}, it is {now}")
    if payload.expires - payload.not_before > MAX_VALIDITY:
        raise DecisionRejected(
            RejectCode.TOO_LONG_VALID, f"expected a validity of at most {MAX_VALIDITY}"
        )
    return key


def check_judgement(judgement: OutcomeJudged, *, keyring: Keyring, now: datetime) -> KeyEntry:
    """Return the key that signed a judgement, if it may; raises `DecisionRejected`."""
    judge = judgement.payload.judge
    keys = keyring.serving(judge, Purpose.JUDGE, now)
    return _signer(keys, judge, "judge", lambda one: is_judgement_of(one, judgement))


def check_pause(control: ControlIssued, *, keyring: Keyring, now: datetime) -> KeyEntry:
    """Return the key that signed a pause; raises `DecisionRejected`.

    It fails safe: an ended or revoked key has signed it all the same, and so has an operator of
    another cluster.
    """
    name = control.payload.operator
    keys = tuple(
        key for key in keyring.keys if key.name == name and Purpose.CONTROL in key.purposes
    )
    return _check_control(control, keys, now)


def check_resume(
    control: ControlIssued, *, keyring: Keyring, now: datetime, cluster: str, came: datetime
) -> KeyEntry:
    """Return the key that signed a resume of this cluster; raises `DecisionRejected`.

    came: when the broker took it; the key must have been valid then, and not be revoked now.
    """
    said, name = control.payload.cluster, control.payload.operator
    if said != cluster:
        named = "names no cluster" if said is None else f"for {said}"
        raise DecisionRejected(RejectCode.WRONG_CLUSTER, f"{named}, this is {cluster}")
    return _check_control(control, keyring.serving(name, Purpose.CONTROL, came), now)


def _check_control(control: ControlIssued, keys: tuple[KeyEntry, ...], now: datetime) -> KeyEntry:
    payload = control.payload
    key = _signer(keys, payload.operator, "control", lambda one: is_control_of(one, control))
    if payload.issued_at > now + MAX_CLOCK_SKEW:  # it would outlive every later order
        raise DecisionRejected(
            RejectCode.NOT_YET_VALID, f"issued at {payload.issued_at}, it is {now}"
        )
    if payload.expires is not None and now >= payload.expires:
        raise DecisionRejected(RejectCode.EXPIRED, f"expired at {payload.expires}, it is {now}")
    return key


def _signer(
    keys: tuple[KeyEntry, ...], name: str, right: str, has_signed: Callable[[KeyEntry], bool]
) -> KeyEntry:
    """Return which of a name's keys made the signature; raises `DecisionRejected`."""
    if not keys:
        raise DecisionRejected(
            RejectCode.UNKNOWN_KEY, f"no valid key of {name!r} may {right}; see the keyring"
        )
    signer = next((key for key in keys if has_signed(key)), None)
    if signer is None:
        raise DecisionRejected(
            RejectCode.BAD_SIGNATURE,
            f"the signature is not by a key of {name!r} over this payload",
        )
    return signer


def check_order(
    order: ActionApproved,
    *,
    keyring: Keyring,
    policy: Policy,
    now: datetime,
    cluster: str,
    context: Context,
    shown: Preview,
) -> None:
    """Decide an order anew; raises `OrderRejected`.

    context: the Executor's own circumstances of the act, not the gate's. now: aware. shown: the
    Executor's own dry run.
    """
    digest = _check_head(order, policy=policy, now=now, cluster=cluster)
    if order.incident_id != context.incident_id:
        raise OrderRejected(RejectCode.WRONG_INCIDENT, f"expected {context.incident_id}")
    verdict = policy.decide(order.action, context)
    if verdict.ruling is Ruling.DENY:
        raise OrderRejected(RejectCode.DENIED_BY_POLICY, f"{verdict.reason}: {verdict.message}")
    undo = undo_of(policy, shown.rollback, context)
    _check_rollback(order, undo)
    _check_touched(order, shown)
    signers = _signers(order, digest, keyring=keyring, now=now)
    automatic = verdict.allowed and undo.asks is None
    _check_signers(order, signers, policy=policy, context=context, automatic=automatic)


def check_signed(
    order: ActionApproved, *, keyring: Keyring, policy: Policy, now: datetime, cluster: str
) -> None:
    """Refuse an order that is not whole, here, now and signed, before anything is asked about it.

    Whether its signatures are enough is `check_order`'s. Raises `OrderRejected`.
    """
    digest = _check_head(order, policy=policy, now=now, cluster=cluster)
    _signers(order, digest, keyring=keyring, now=now)


def _check_touched(order: ActionApproved, shown: Preview) -> None:
    """Refuse an order that is about other objects than the act now touches."""
    if set(map(_named, shown.touched)) != set(map(_named, order.touched)):
        raise OrderRejected(
            RejectCode.PREVIEW_DIFFERS,
            "the act touches other objects than the order; ask again",
        )


def _named(touched: Touched) -> tuple[str, str | None, str]:
    return touched.kind, touched.namespace, touched.name


def _check_head(order: ActionApproved, *, policy: Policy, now: datetime, cluster: str) -> str:
    """Return the hash of the action of an order that is whole, here and now."""
    digest = _check_act(order)
    if order.cluster != cluster:
        raise OrderRejected(RejectCode.WRONG_CLUSTER, f"for {order.cluster}, this is {cluster}")
    if order.policy_version != policy.version:
        raise OrderRejected(
            RejectCode.WRONG_POLICY,
            f"approved under policy {order.policy_version[:12]}, this is {policy.version[:12]}",
        )
    if now >= order.expires:
        raise OrderRejected(RejectCode.EXPIRED, f"expired at {order.expires}, it is {now}")
    return digest


def _signers(
    order: ActionApproved, digest: str, *, keyring: Keyring, now: datetime
) -> list[KeyEntry]:
    """Return the keys of the decisions, each of which approves exactly this order."""
    bound = order_hash(bound_by_order(order))
    return [
        _check_one(decision, order, digest, bound, keyring=keyring, now=now)
        for decision in order.decisions
    ]


def _check_rollback(order: ActionApproved, undo: Undo) -> None:
    """Refuse an order whose rollback is denied, is another one or about another object."""
    rollback = order.rollback
    if rollback is not None and undo.denied and undo.verdict is not None:
        raise OrderRejected(
            RejectCode.DENIED_BY_POLICY,
            f"the rollback: {undo.verdict.reason}: {undo.verdict.message}",
        )
    if rollback != undo.rollback:
        raise OrderRejected(
            RejectCode.PREVIEW_DIFFERS, "the order's rollback is not what undoes the act; ask again"
        )
    if rollback is None:
        return
    facts, own = facts_of(rollback), facts_of(order.action)
    about = set(map(_named, order.touched))
    if own.kind == RELEASES:  # is no object: a dry run touches what it is made of
        about.add((own.kind, own.namespace, own.name))
    if (facts.kind, facts.namespace, facts.name) not in about:
        raise OrderRejected(
            RejectCode.WRONG_ROLLBACK,
            f"the rollback is about {facts.kind}/{facts.name}, which the act does not touch",
        )


def _check_act(order: ActionApproved) -> str:
    """Return the hash of the action itself; the order's hash and line must say the same."""
    digest = action_hash(order.action)
    if digest != order.action_hash:
        raise OrderRejected(
            RejectCode.WRONG_ACTION, f"the order says {order.action_hash}, the action is {digest}"
        )
    try:
        line = line_of(command_of(order.action))
    except Refusal as refusal:
        raise OrderRejected(RejectCode.WRONG_ACTION, str(refusal)) from refusal
    if line != order.line:
        raise OrderRejected(RejectCode.WRONG_LINE, f"expected {line!r}, got {order.line!r}")
    return digest


def _check_one(
    decision: ActionDecided,
    order: ActionApproved,
    digest: str,
    bound: str,
    *,
    keyring: Keyring,
    now: datetime,
) -> KeyEntry:
    """Return the key of one decision that approves exactly this order."""
    key = check_decision(decision, keyring=keyring, now=now)
    payload = decision.payload
    expected = {
        RejectCode.WRONG_APPROVAL: (payload.approval_id, order.approval_id),
        RejectCode.WRONG_INCIDENT: (payload.incident_id, order.incident_id),
        RejectCode.WRONG_ACTION: (payload.action_hash, digest),
        RejectCode.WRONG_CLUSTER: (payload.cluster, order.cluster),
        RejectCode.WRONG_POLICY: (payload.policy_version, order.policy_version),
    }
    for code, (signed, ordered) in expected.items():
        if signed != ordered:
            raise OrderRejected(code, f"{payload.approver} signed {signed}, ordered is {ordered}")
    if payload.verdict is not DecisionVerdict.APPROVE:
        raise OrderRejected(RejectCode.REFUSED, f"{payload.approver} did not approve")
    if payload.order_hash is None:
        raise OrderRejected(
            RejectCode.UNBOUND,
            f"{payload.approver} signed no order_hash: the rollback and what is touched stay free",
        )
    if payload.order_hash != bound:
        raise OrderRejected(
            RejectCode.WRONG_ORDER,
            f"{payload.approver} signed an order {payload.order_hash}, this one is {bound}: its "
            "rollback, what it touches or a fact that policy asks has changed",
        )
    return key


def _check_signers(
    order: ActionApproved,
    signers: list[KeyEntry],
    *,
    policy: Policy,
    context: Context,
    automatic: bool,
) -> None:
    """Refuse the proposer, one voice counted twice, too few, and the gate out of its place."""
    if any(voice(key.name) == voice(context.proposer) for key in signers):
        raise OrderRejected(RejectCode.PROPOSER_APPROVES, f"{context.proposer} proposed the act")
    if len({voice(key.name) for key in signers}) != len(signers):  # keys of a name are one voice
        raise OrderRejected(RejectCode.DUPLICATE_APPROVER, "one approver signed more than once")
    by_gate = [key for key in signers if Purpose.GATE in key.purposes]
    if by_gate:
        if not automatic or len(signers) > 1:
            raise OrderRejected(
                RejectCode.NOT_AUTOMATIC,
                "the gate's key stands only for what policy allows unasked, the rollback included",
            )
        return
    needed = policy.approvers_needed(order.action, order.rollback, order.touched)
    if len(signers) < needed:
        raise OrderRejected(
            RejectCode.TOO_FEW_APPROVERS, f"expected {needed} approvers, got {len(signers)}"
        )
