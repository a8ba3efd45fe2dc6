"""Attack table, row Approval: what of it is pure, each against `check_order`."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from agents.approval.binding import bound_by_order, decision_bytes, order_hash
from agents.approval.canonical import action_hash
from agents.approval.keyring import KeyEntry, Keyring, KeyringInvalid, Purpose
from agents.approval.signing import SigningKey, sign_decision
from agents.approval.verify import OrderRejected, check_decision, check_order
from agents.contracts.action import (
    Action,
    DeleteResource,
    HelmRollback,
    Preview,
    RestartRollout,
    ScaleWorkload,
    SetImage,
    Touched,
    UndoRollout,
    Workload,
)
from agents.contracts.approval import ActionApproved, ActionDecided, BoundOrder, DecisionPayload
from agents.policy.actions import command_of
from agents.policy.decide import PreviewFacts
from agents.policy.render import line_of
from tests.safety.judge import circumstances, shipped

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ANNA, OTTO, GATE, EVE = (SigningKey(bytes([n]) * 32) for n in range(4))
WORKLOAD = Workload(kind="deployments", namespace="hotel-1", name="geo")
SCALE: Action = ScaleWorkload(workload=WORKLOAD, replicas=2)
RESTART: Action = RestartRollout(workload=WORKLOAD)
DELETE: Action = DeleteResource(kind="services", namespace="hotel-1", name="geo")


def entry(key: SigningKey, name: str, *purposes: Purpose, **changes: object) -> KeyEntry:
    return key.entry(name, *purposes).model_copy(update=changes)


def keyring(*more: KeyEntry) -> Keyring:
    known = (
        entry(ANNA, "anna", Purpose.APPROVE),
        entry(OTTO, "otto", Purpose.APPROVE),
        entry(GATE, "gate", Purpose.GATE, Purpose.AUDIT),
    )
    replaced = {key.name for key in more}
    return Keyring((*(key for key in known if key.name not in replaced), *more))


def bound(action: Action) -> BoundOrder:
    return BoundOrder(
        action=action,
        touched=(),
        rollback=None,
        pods_affected=1,
        incident_namespace="hotel-1",
        severity="critical",
        confidence=80,
    )


def decided(
    action: Action = SCALE, key: SigningKey = ANNA, approver: str = "anna", **changes: object
) -> ActionDecided:
    fields: dict[str, object] = {
        "approval_id": "approval-1",
        "incident_id": "incident-1",
        "action_hash": action_hash(action),
        "order_hash": order_hash(bound(action)),
        "verdict": "approve",
        "approver": approver,
        "not_before": NOW - timedelta(minutes=1),
        "expires": NOW + timedelta(minutes=14),
        "cluster": "lab",
        "policy_version": shipped().version,
    }
    return sign_decision(key, DecisionPayload.model_validate(fields | changes))


def order(*decisions: ActionDecided, action: Action = SCALE, **changes: object) -> ActionApproved:
    fields: dict[str, object] = {
        "approval_id": "approval-1",
        "incident_id": "incident-1",
        "plan_id": "plan-1",
        "iteration": 1,
        "action": action,
        "action_hash": action_hash(action),
        "line": line_of(command_of(action)),
        "touched": (),
        "rollback": None,
        "pods_affected": 1,
        "incident_namespace": "hotel-1",
        "severity": "critical",
        "confidence": 80,
        "decisions": decisions or (decided(action),),
        "cluster": "lab",
        "policy_version": shipped().version,
        "expires": NOW + timedelta(minutes=14),
    }
    return ActionApproved.model_validate(fields | changes)


def dry_run(told: ActionApproved) -> Preview:
    """Return the dry run that leads to an order."""
    return Preview(
        diff="",
        touched=told.touched,
        rollback=told.rollback,
        pods_affected=told.pods_affected,
        changed=(),
        owners=(),
    )


def check(
    checked: ActionApproved,
    keys: Keyring | None = None,
    now: datetime = NOW,
    /,
    shown: Preview | None = None,
    **changes: object,
) -> str:
    """Return the code with which an order is rejected, or `accepted`.

    shown: the Executor's own dry run; the order tells of it truly where nothing else is said.
    """
    try:
        check_order(
            checked,
            keyring=keys or keyring(),
            policy=shipped(),
            now=now,
            cluster="lab",
            context=circumstances(**changes),
            shown=shown or dry_run(checked),
        )
    except OrderRejected as rejected:
        return rejected.code
    return "accepted"


def test_an_approved_order_is_accepted() -> None:
    assert check(order()) == "accepted"


OTHER: Action = ScaleWorkload(workload=WORKLOAD, replicas=1)


@pytest.mark.parametrize(
    ("code", "attack"),
    [
        ("wrong_approval", order(decided(approval_id="approval-2"))),
        ("wrong_approval", order(approval_id="approval-2")),
        ("wrong_incident", order(decided(incident_id="incident-2"))),
        ("wrong_incident", order(incident_id="incident-2")),
        ("wrong_action", order(decided(OTHER))),
        ("wrong_action", order(action_hash=action_hash(OTHER))),
        ("wrong_action", order(decided(OTHER), action=OTHER, action_hash=action_hash(SCALE))),
        ("wrong_line", order(line=line_of(command_of(OTHER)))),
        ("wrong_line", order(line="")),
        ("wrong_cluster", order(cluster="prod")),
        ("wrong_cluster", order(decided(cluster="prod"))),
        ("wrong_policy", order(policy_version="0" * 64)),
        ("wrong_policy", order(decided(policy_version="0" * 64))),
        ("expired", order(expires=NOW)),
        ("expired", order(decided(expires=NOW))),
        ("not_yet_valid", order(decided(not_before=NOW + timedelta(seconds=1)))),
        ("too_long_valid", order(decided(expires=NOW + timedelta(days=2)))),
        ("refused", order(decided(verdict="refuse"))),
        ("refused", order(decided(), decided(key=OTTO, approver="otto", verdict="refuse"))),
        ("unknown_key", order(decided(key=EVE, approver="eve"))),
        ("bad_signature", order(decided(key=EVE, approver="anna"))),
        ("bad_signature", order(decided(key=OTTO, approver="anna"))),
        ("duplicate_approver", order(decided(), decided())),
        ("duplicate_approver", order(decided(), decided(not_before=NOW))),
        ("too_few_approvers", order(decided(DELETE), action=DELETE)),
        ("not_automatic", order(decided(key=GATE, approver="gate"))),
        ("not_automatic", order(decided(), decided(key=GATE, approver="gate"))),
    ],
)
def test_an_order_is_rejected_for_its_fault(code: str, attack: ActionApproved) -> None:
    assert check(attack) == code


TOUCHED = Touched(kind="deployments", namespace="hotel-1", name="geo", resource_version="7")
UNDO: Action = ScaleWorkload(workload=WORKLOAD, replicas=0)


@pytest.mark.parametrize(
    "changes",
    [
        {"touched": (TOUCHED.model_copy(update={"resource_version": "8"}),)},
        {"touched": ()},
        {"touched": (TOUCHED, TOUCHED.model_copy(update={"name": "rate"}))},
        {"rollback": None},
        {"rollback": UNDO.model_copy(update={"replicas": 1})},
        {"pods_affected": 2},
        {"severity": "info"},
        {"confidence": 81},
        {"incident_namespace": None},
    ],
)
def test_what_the_order_acts_by_is_bound_by_the_signature(changes: dict[str, object]) -> None:
    shown = order(touched=(TOUCHED,), rollback=UNDO)
    approval = decided(order_hash=order_hash(bound_by_order(shown)))
    approved = shown.model_copy(update={"decisions": (approval,)})
    assert check(approved) == "accepted"
    # policy refuses a rollback of what is not touched before any signature is looked at
    expected = {"wrong_order"} if changes.get("touched") != () else {"wrong_rollback"}
    assert {check(approved.model_copy(update=changes))} <= expected | {"denied_by_policy"}
    assert check(approved.model_copy(update=changes)) != "accepted"


BACK: Action = UndoRollout(workload=WORKLOAD, revision=3)
OTHER_IMAGE: Action = SetImage(workload=WORKLOAD, container="geo", image="evil.example/x:1")
GONE: Action = DeleteResource(kind="deployments", namespace="hotel-1", name="geo")
NEW = TOUCHED.model_copy(update={"resource_version": None})


def undone_by(
    rollback: Action | None,
    action: Action,
    *signers: tuple[SigningKey, str],
    touched: Touched = TOUCHED,
) -> ActionApproved:
    """Return an order with a rollback, signed by these over all that it acts by."""
    shown = order(action=action, rollback=rollback, touched=(touched,))
    digest = order_hash(bound_by_order(shown))
    by = tuple(decided(action, key, name, order_hash=digest) for key, name in signers)
    return shown.model_copy(update={"decisions": by})


@pytest.mark.parametrize(
    ("rollback", "code"),
    [
        (None, "accepted"),
        (BACK, "accepted"),
        (RESTART, "accepted"),
        (SCALE, "not_automatic"),
        (UNDO, "not_automatic"),
        (OTHER_IMAGE, "not_automatic"),
        (GONE, "not_automatic"),
    ],
)
def test_an_order_that_nobody_was_asked_for_has_a_rollback_that_needs_nobody(
    rollback: Action | None, code: str
) -> None:
    assert check(undone_by(rollback, RESTART, (GATE, "gate"))) == code


def test_the_rollback_s_approvers_count_as_the_act_s() -> None:
    anna, otto = (ANNA, "anna"), (OTTO, "otto")
    assert check(undone_by(GONE, SCALE, anna)) == "too_few_approvers"
    assert check(undone_by(GONE, SCALE, anna, otto)) == "accepted"
    made = undone_by(GONE, SCALE, anna, touched=NEW)  # the act makes what its rollback deletes
    assert check(made) == "accepted"
    other = NEW.model_copy(update={"name": "rate"})
    assert check(undone_by(GONE, SCALE, anna, touched=other)) == "wrong_rollback"


def test_a_release_s_rollback_is_about_the_release() -> None:
    act = HelmRollback(namespace="hotel-1", release="shop", revision=2)
    anna = (ANNA, "anna")
    for release, code in (("shop", "accepted"), ("other", "wrong_rollback")):
        back = HelmRollback(namespace="hotel-1", release=release, revision=3)
        assert check(undone_by(back, act, anna)) == code


DENIED: Action = DeleteResource(kind="persistentvolumeclaims", namespace="hotel-1", name="geo")


def test_an_act_whose_rollback_is_denied_is_ordered_without_one_and_by_a_person() -> None:
    anna, gate = (ANNA, "anna"), (GATE, "gate")
    with_it = undone_by(DENIED, RESTART, anna)
    assert check(with_it) == "denied_by_policy"
    shown = dry_run(with_it)
    assert check(undone_by(None, RESTART, anna), shown=shown) == "accepted"
    assert check(undone_by(None, RESTART, gate), shown=shown) == "not_automatic"
    assert check(undone_by(BACK, RESTART, anna), shown=shown) == "denied_by_policy"
    allowed = dry_run(undone_by(BACK, RESTART, anna))
    assert check(undone_by(None, RESTART, anna), shown=allowed) == "preview_differs"


def test_a_decision_that_binds_the_action_alone_approves_nothing() -> None:
    assert check(order(decided(order_hash=None))) == "unbound"


def test_what_was_signed_before_the_order_hash_keeps_its_bytes() -> None:
    old = decided(order_hash=None)
    assert b"order_hash" not in decision_bytes(old.payload)
    assert check_decision(old, keyring=keyring(), now=NOW).name == "anna"


def test_two_people_are_enough_for_what_needs_two() -> None:
    both = (decided(DELETE), decided(DELETE, OTTO, "otto"))
    assert check(order(*both, action=DELETE)) == "accepted"


@pytest.mark.parametrize("position", [0, 20, 63])
def test_a_signature_with_one_bit_changed_is_rejected(position: int) -> None:
    good = decided()
    raw = bytearray(base64.b64decode(good.signature))
    raw[position] ^= 1
    forged = good.model_copy(update={"signature": base64.b64encode(raw).decode()})
    assert check(order(forged)) == "bad_signature"


@pytest.mark.parametrize("field", sorted(DecisionPayload.model_fields))
def test_every_signed_field_is_covered_by_the_signature(field: str) -> None:
    good = decided()
    value: object = {"verdict": "refuse", "approver": "otto"}.get(field, "f" * 64)
    if field in {"not_before", "expires"}:
        value = NOW + timedelta(minutes=1)
    changed = good.payload.model_copy(update={field: value})
    forged = good.model_copy(update={"payload": changed})
    assert check(order(forged), None, NOW + timedelta(minutes=2)) == "bad_signature"


@pytest.mark.parametrize("name", ["Anna", "anna ", "\uff41nna", "an\u200bna"])
def test_one_person_in_two_spellings_is_no_second_approver(name: str) -> None:
    both = order(decided(DELETE), decided(DELETE, OTTO, name), action=DELETE)
    one, two = entry(ANNA, "anna", Purpose.APPROVE), entry(OTTO, name, Purpose.APPROVE)
    with pytest.raises(KeyringInvalid, match="one spelling"):
        Keyring((one, two))
    known = Keyring((one,))
    known._keys = (one, two)
    assert check(both, known) == "duplicate_approver"
    assert check(order(), proposer=name) == "proposer_approves"


def test_the_proposer_is_never_the_approver() -> None:
    assert check(order(), proposer="anna") == "proposer_approves"
    both = order(decided(), decided(key=OTTO, approver="otto"))
    assert check(both, proposer="otto") == "proposer_approves"


@pytest.mark.parametrize(
    "changes",
    [
        {"revoked": True},
        {"not_after": NOW},
        {"not_before": NOW + timedelta(seconds=1)},
        {"purposes": frozenset({Purpose.JUDGE})},
        {"purposes": frozenset({Purpose.CONTROL})},
        {"purposes": frozenset({Purpose.AUDIT})},
    ],
)
def test_a_key_that_does_not_serve_is_no_key(changes: dict[str, object]) -> None:
    keys = keyring(entry(ANNA, "anna", Purpose.APPROVE, **changes))
    assert check(order(), keys) == "unknown_key"


def test_an_empty_keyring_accepts_nothing() -> None:
    assert check(order(), Keyring(())) == "unknown_key"


def gated(action: Action = RESTART) -> ActionApproved:
    return order(decided(action, GATE, "gate"), action=action)


def test_the_gate_s_key_stands_for_what_policy_allows_unasked() -> None:
    assert check(gated()) == "accepted"


def test_the_gate_s_key_adds_no_voice_to_a_person_s() -> None:
    both = (decided(RESTART), decided(RESTART, GATE, "gate"))
    assert check(order(*both, action=RESTART)) == "not_automatic"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"freeze": True}, "not_automatic"),
        ({"acts_this_incident": 2}, "not_automatic"),
        ({"confidence": 10}, "not_automatic"),
        ({"preview": None}, "not_automatic"),
        ({"preview": PreviewFacts(pods_affected=50)}, "not_automatic"),
        ({"managed": ("other",)}, "denied_by_policy"),
        ({"acts_this_hour": 60}, "denied_by_policy"),
        ({"incident_namespace": "hotel-2"}, "denied_by_policy"),
    ],
)
def test_the_executor_s_own_circumstances_decide_not_the_gate_s(
    changes: dict[str, object], code: str
) -> None:
    assert check(gated(), **changes) == code


def test_no_number_of_approvals_lifts_a_denial() -> None:
    both = order(decided(), decided(key=OTTO, approver="otto"))
    assert check(both, acts_this_incident=4) == "denied_by_policy"


def test_the_gate_can_be_no_person() -> None:
    with pytest.raises(ValueError, match="no person"):
        GATE.entry("gate", Purpose.GATE, Purpose.APPROVE)


def test_one_key_is_not_two_approvers() -> None:
    with pytest.raises(KeyringInvalid):
        Keyring((ANNA.entry("anna", Purpose.APPROVE), ANNA.entry("anna2", Purpose.APPROVE)))


@pytest.mark.parametrize("signature", ["A" * 88, "!" * 88, "=" * 88, "é" * 88])
def test_a_malformed_signature_is_rejected_and_raises_nothing_else(signature: str) -> None:
    forged = decided().model_copy(update={"signature": signature})
    with pytest.raises(OrderRejected) as caught:
        check_decision(forged, keyring=keyring(), now=NOW)
    assert caught.value.code == "bad_signature"
