"""What a dry run tells of a change, and the JSON patch that leads back from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.environments.simulated.differences import changed_members, scaled
from agents.environments.simulated.objects.kinds import Manifest
from agents.environments.simulated.objects.patching import back, json_patch

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text("a/~", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text("ab/~", max_size=2), JSON)


def pod(*containers: Manifest, **spec: object) -> Manifest:
    return {"kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": [*containers], **spec}}


ONE = {"name": "one", "image": "a"}
TWO = {"name": "two", "securityContext": {"privileged": True}}


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        (pod(ONE), pod(ONE), ()),
        (pod(ONE), {**pod(ONE), "status": {"phase": "Running"}}, ()),
        (pod(ONE), pod(ONE, securityContext={}, volumes=[], hostPID=None), ()),
        (pod(ONE), pod({**ONE, "image": "b"}), ("containers", "image", "spec")),
        (pod(ONE, TWO), pod(TWO, ONE), ("containers", "spec")),
        (
            pod(ONE, TWO),
            pod(ONE),
            ("containers", "name", "privileged", "securityContext", "spec"),
        ),
        (
            pod(ONE),
            pod(TWO, ONE),
            ("containers", "name", "privileged", "securityContext", "spec"),
        ),
        (pod(ONE, hostPID=True), pod(ONE), ("hostPID", "spec")),
        (
            pod(ONE),
            pod(ONE, a=[{"b": {"hostPath": {"c": 1}}}]),
            ("a", "b", "c", "hostPath", "spec"),
        ),
        (pod(ONE, a=[1, 2]), pod(ONE, a=[2, 1]), ("a", "spec")),
        (
            pod(ONE, ports=[{"port": 53, "hostPort": 1}, {"port": 53, "protocol": "UDP"}]),
            pod(ONE, ports=[{"port": 53}, {"port": 53, "protocol": "UDP"}]),
            ("hostPort", "ports", "spec"),
        ),
    ],
)
def test_every_member_that_differs_is_named_and_no_other(
    before: Manifest, after: Manifest, names: tuple[str, ...]
) -> None:
    assert changed_members([(before, after)]) == names
    assert changed_members([(after, before)]) == names


def deployment(replicas: int | None) -> Manifest:
    spec = {} if replicas is None else {"replicas": replicas}
    return {"kind": "Deployment", "metadata": {"name": "x"}, "spec": spec}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([], None),
        ([(pod(ONE), None)], None),
        ([(None, deployment(3))], None),
        ([(deployment(6), deployment(None))], (6, 1)),
        ([(deployment(2), None)], (2, 0)),
        ([(deployment(4), deployment(5)), (deployment(4), deployment(1))], (4, 1)),
        ([(deployment(0), deployment(1)), (deployment(4), deployment(3))], (4, 3)),
    ],
)
def test_the_replicas_are_those_of_the_workload_that_loses_most(
    changes: list[tuple[Manifest | None, Manifest | None]], told: tuple[int, int] | None
) -> None:
    assert scaled(changes) == told


@given(OBJECTS, OBJECTS)
def test_the_patch_back_leads_back(before: Manifest, after: Manifest) -> None:
    assert json_patch(after, back(before, after)) == before
