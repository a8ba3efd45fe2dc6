"""What is told of an order that must not be run: who said what, and what it ought to have been."""

from datetime import timedelta

import pytest

from agents.approval.keyring import Purpose
from agents.approval.verify import OrderRejected, check_order
from agents.contracts.action import ApplyManifest, DeleteResource, Preview, SetEnv
from agents.contracts.approval import ActionApproved
from tests.safety.judge import circumstances, shipped
from tests.safety.test_orders import (
    ANNA,
    DELETE,
    EVE,
    GATE,
    NOW,
    OTHER,
    RESTART,
    TOUCHED,
    WORKLOAD,
    action_hash,
    check,
    decided,
    dry_run,
    entry,
    gated,
    keyring,
    order,
)

HASH, OTHER_HASH = action_hash(order().action), action_hash(OTHER)
LINE = "kubectl scale deployments/geo --namespace=hotel-1 --replicas={}"


def told(checked: ActionApproved, shown: Preview | None = None, **changes: object) -> str:
    with pytest.raises(OrderRejected) as caught:
        check_order(
            checked,
            keyring=keyring(),
            policy=shipped(),
            now=NOW,
            cluster="lab",
            context=circumstances(**changes),
            shown=shown or dry_run(checked),
        )
    return str(caught.value)


GATES = "the gate's key stands only for what policy allows unasked, the rollback included"


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        (order(cluster="prod"), "wrong_cluster: for prod, this is lab"),
        (order(decided(cluster="prod")), "wrong_cluster: anna signed prod, ordered is lab"),
        (
            order(policy_version="0" * 64),
            f"wrong_policy: approved under policy 000000000000, this is {shipped().version[:12]}",
        ),
        (order(incident_id="incident-2"), "wrong_incident: expected incident-1"),
        (
            order(expires=NOW),
            "expired: expired at 2026-11-23 12:00:00+00:00, it is 2026-11-23 12:00:00+00:00",
        ),
        (
            order(action_hash=OTHER_HASH),
            f"wrong_action: the order says {OTHER_HASH}, the action is {HASH}",
        ),
        (
            order(line=LINE.format(1)),
            f"wrong_line: expected '{LINE.format(2)}', got '{LINE.format(1)}'",
        ),
        (order(decided(verdict="refuse")), "refused: anna did not approve"),
        (
            order(decided(order_hash=None)),
            "unbound: anna signed no order_hash: the rollback and what is touched stay free",
        ),
        (
            order(decided(), decided()),
            "duplicate_approver: one approver signed more than once",
        ),
        (
            order(decided(DELETE), action=DELETE),
            "too_few_approvers: expected 2 approvers, got 1",
        ),
        (
            order(decided(key=GATE, approver="gate")),
            f"not_automatic: {GATES}",
        ),
        (
            order(decided(key=EVE, approver="eve")),
            "unknown_key: no valid key of 'eve' may approve; see the keyring",
        ),
        (
            order(rollback=OTHER),
            "wrong_rollback: the rollback is about deployments/geo, which the act does not touch",
        ),
        (
            order(rollback=DeleteResource(kind="secrets", namespace="hotel-1", name="geo")),
            "denied_by_policy: the rollback: ",
        ),
    ],
)
def test_a_rejected_order_says_what_it_ought_to_have_been(
    attack: ActionApproved, words: str
) -> None:
    assert told(attack).startswith(words)
    assert words.endswith(": ") or told(attack) == words


def test_an_order_that_changed_behind_its_signature_names_both_hashes() -> None:
    changed = order(touched=(TOUCHED,), rollback=OTHER)
    signed = changed.decisions[0].payload.order_hash
    words = told(changed)
    assert words.startswith(f"wrong_order: anna signed an order {signed}, this one is ")
    assert words.endswith(": its rollback, what it touches or a fact that policy asks has changed")
    assert told(order(), proposer="anna") == "proposer_approves: anna proposed the act"
    denied = told(order(), acts_this_incident=4)
    assert denied.startswith("denied_by_policy: ") and denied.count(": ") >= 2


@pytest.mark.parametrize(
    "action",
    [
        SetEnv(workload=WORKLOAD, variables=(("A=B", "1"),)),
        ApplyManifest(
            mode="apply", kind="configmaps", namespace="hotel-1", name="y", manifest="{}"
        ),
    ],
)
def test_an_act_that_is_no_line_is_a_wrong_action_and_says_why(
    action: SetEnv | ApplyManifest,
) -> None:
    made = order().model_copy(update={"action": action, "action_hash": action_hash(action)})
    words = told(made)
    assert words.startswith("wrong_action: ") and len(words) > len("wrong_action: None")


def test_the_gate_s_key_counts_in_its_own_time_only() -> None:
    for change in (
        {"revoked": True},
        {"not_after": NOW},
        {"not_before": NOW + timedelta(seconds=1)},
    ):
        keys = keyring(entry(GATE, "gate", Purpose.GATE, **change))
        assert check(gated(RESTART), keys) == "unknown_key"
    later = keyring(entry(GATE, "gate", Purpose.GATE, not_after=NOW + timedelta(seconds=1)))
    assert check(gated(RESTART), later) == "accepted"
    assert ANNA.public_key != GATE.public_key


def test_an_order_that_another_dry_run_led_to_says_that_it_is_to_be_asked_anew() -> None:
    asked = order(touched=(TOUCHED,), rollback=OTHER)
    more = TOUCHED.model_copy(update={"name": "rate"})
    for shown, words in (
        ({"rollback": None}, "the order's rollback is not what undoes the act; ask again"),
        ({"touched": (TOUCHED, more)}, "the act touches other objects than the order; ask again"),
    ):
        seen = dry_run(asked).model_copy(update=shown)
        assert told(asked, seen) == f"preview_differs: {words}"
