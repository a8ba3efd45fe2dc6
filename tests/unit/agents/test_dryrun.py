"""The dry run that was decided on against the one before the act: what may differ between them."""

import pytest

from agents.contracts.action import Preview, RestartRollout, Touched, Workload
from agents.executor.dryrun import still_so

ROLLBACK = RestartRollout(workload=Workload(kind="deployments", namespace="x", name="y"))


def shown(version: str = "1", **changes: object) -> Preview:
    touched = (Touched(kind="deployments", namespace="x", name="y", resource_version=version),)
    fields: dict[str, object] = {"diff": "", "touched": touched, "rollback": None}
    return Preview.model_validate({**fields, "pods_affected": 1, **changes})


@pytest.mark.parametrize(
    ("decided", "now", "same"),
    [
        (shown(), shown(), True),
        (shown("1"), shown("2"), False),
        (shown("1", state="s"), shown("2", state="s"), True),
        (shown("1", state="s"), shown("2", state="t"), False),
        (shown("1"), shown("2", state="s"), False),
        (shown(changed=("a", "b")), shown(changed=("a", "b")), True),
        (shown(changed=("a", "b")), shown(changed=("a",)), True),
        (shown(changed=("a", "b")), shown(), True),
        (shown(changed=("a",)), shown(changed=("a", "b")), False),
        (shown(), shown(changed=("a",)), False),
        (shown(rollback=ROLLBACK), shown(rollback=ROLLBACK), True),
        (shown(rollback=ROLLBACK), shown(), False),
    ],
)
def test_an_act_stays_the_one_that_was_decided_on(
    decided: Preview, now: Preview, *, same: bool
) -> None:
    assert still_so(decided, now) is same
