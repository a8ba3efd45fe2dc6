"""What policy is told of a change: every name that it holds, what it may lose, how many remain."""

import json

import pytest

from agents.contracts.action import (
    Action,
    ApplyManifest,
    LabelResource,
    PatchResource,
    Preview,
    RestartRollout,
    ScaleWorkload,
    SetImage,
    Touched,
    Workload,
)
from agents.policy.facts import WHOLESALE, ActionFacts, facts_of, spelled
from agents.policy.limits import Limits
from agents.policy.refusal import Refusal
from agents.policy.request import PreviewFacts, seen_facts
from tests.safety.judge import circumstances, shipped

APP = '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"y","namespace":"x"}}'


def patched(patch: object, strategy: str = "json") -> ActionFacts:
    return facts_of(
        PatchResource.model_validate(
            {
                "kind": "deployments",
                "namespace": "x",
                "name": "y",
                "strategy": strategy,
                "patch": json.dumps(patch),
            }
        )
    )


def operation(op: str, path: str, **more: object) -> dict[str, object]:
    return {"op": op, "path": path, **more}


@pytest.mark.parametrize(
    ("patch", "replicas"),
    [
        ([operation("replace", "/spec/paused", value=True)], -1),
        ([operation("replace", "/spec/replicas", value=3)], 3),
        ([operation("replace", "/spec/replicas", value=0)], 0),
        ([operation("replace", "/spec/replicas", value=-2)], 0),
        ([operation("replace", "/spec/replicas", value=True)], 0),
        ([operation("replace", "/spec/replicas", value="3")], 0),
        ([operation("remove", "/spec/replicas")], 0),
        ([operation("copy", "/spec/replicas", **{"from": "/status/replicas"})], 0),
        ([operation("replace", "/spec/replicas/x", value=3)], -1),
        ([operation("replace", "/spec", value={"replicas": 2})], 2),
        ([operation("replace", "/spec", value={"replicas": 0})], 0),
        ([operation("replace", "/spec", value={"paused": True})], -1),
        ([operation("replace", "/spec", value=["replicas"])], -1),
        (
            [
                operation("replace", "/spec/replicas", value=0),
                operation("add", "/status/replicas", value=5),
            ],
            0,
        ),
        (
            [
                operation("replace", "/spec/replicas", value=0),
                operation("test", "/status/replicas", value=3),
            ],
            0,
        ),
        (
            [
                operation("replace", "/spec", value={"replicas": 4}),
                operation("test", "/spec/replicas", value=2),
            ],
            2,
        ),
        ([operation("replace", "/status/last/replicas", value=1)], 1),
    ],
)
def test_the_fewest_replicas_that_a_json_patch_says_count(patch: object, replicas: int) -> None:
    assert patched(patch).replicas == replicas


@pytest.mark.parametrize(
    ("patch", "replicas"),
    [
        ({"spec": {"replicas": 3}}, 3),
        ({"spec": {"replicas": -1}}, 0),
        ({"spec": {"replicas": None}}, 0),
        ({"spec": {"replicas": False}}, 0),
        ({"spec": {"paused": True}}, -1),
        ({"spec": ["replicas"]}, -1),
        ({"status": {"replicas": 3}}, -1),
    ],
)
def test_so_do_those_of_a_merge_patch(patch: object, replicas: int) -> None:
    for strategy in ("merge", "strategic"):
        assert patched(patch, strategy).replicas == replicas


@pytest.mark.parametrize(
    ("number", "replicas"), [(2.5, 0), (2.0**53, 0), (-(2.0**53), 0), (2**63, 2**63)]
)
def test_a_number_that_can_be_read_as_it_is_counts(number: float, replicas: int) -> None:
    assert patched({"spec": {"replicas": number}}, "merge").replicas == replicas


@pytest.mark.parametrize("number", [2**64, -(2**64), 1e300, -1e300])
def test_a_number_that_nobody_can_hold_is_no_number_of_replicas(number: float) -> None:
    with pytest.raises(ValueError, match=r"^expected a number of replicas, got -?1[.0-9e+]+$"):
        patched({"spec": {"replicas": number}}, "merge")


@pytest.mark.parametrize("depth", [1000, 1024, 5000])
def test_a_patch_that_is_too_deep_to_be_read_is_denied(depth: int) -> None:
    patch = PatchResource(
        kind="deployments",
        namespace="hotel-1",
        name="geo",
        strategy="merge",
        patch='{"a":' * depth + "1" + "}" * depth,
    )
    assert shipped().decide(patch, circumstances()).reason == "policy_error"
    told = PreviewFacts.between(patch, None, 1)
    assert (told.replicas_lost_percent, told.replicas) == (100, -1)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_json_is_not_read(number: float) -> None:
    with pytest.raises(ValueError, match="unexpected character"):
        patched({"spec": {"replicas": number}}, "merge")


@pytest.mark.parametrize(
    ("patch", "names"),
    [
        (
            [operation("add", "/metadata/labels/a~1b~0c", value="v")],
            {"metadata", "labels", "a/b~c", "a/*", "*/b~c"},
        ),
        ([operation("test", "/spec")], {"spec"}),
        ([operation("test", "")], set()),
        ([operation("replace", "", value={})], {WHOLESALE}),
        ([operation("replace", "/spec", value={"a": {"b": 1}})], {"spec", "a", "b", WHOLESALE}),
        ([operation("remove", "/spec/containers/0")], {"spec", "containers", "0", WHOLESALE}),
        ([operation("remove", "/spec/containers/0/image")], {"spec", "containers", "0", "image"}),
        ([operation("add", "/a/-", value={"$patch": "x"})], {"a", "-", "$patch", WHOLESALE}),
        (
            [operation("move", "/a", **{"from": "/metadata/annotations"})],
            {"a", "metadata", "annotations", WHOLESALE},
        ),
        ([operation("copy", "/a", **{"from": "/b/c"})], {"a", "b", "c"}),
        ([operation("add", "/a", value={"spec": None})], {"a", "spec"}),
    ],
)
def test_every_name_of_a_json_patch_is_told(patch: object, names: set[str]) -> None:
    assert patched(patch).touches - {"-"} == names - {"-"}


@pytest.mark.parametrize(
    ("patch", "strategy", "whole"),
    [
        ({"spec": None}, "merge", True),
        ({"spec": None}, "strategic", True),
        ({"spec": {"containers": []}}, "merge", True),
        ({"spec": {"containers": []}}, "strategic", False),
        ({"spec": {"paused": None}}, "merge", False),
        ({"spec": {"x": [{"$patch": "delete"}]}}, "strategic", True),
        ({"$retainKeys": ["a"]}, "strategic", True),
        ({"$setElementOrder/containers": []}, "strategic", False),
    ],
)
def test_a_loss_of_a_whole_part_is_told(patch: object, strategy: str, *, whole: bool) -> None:
    assert (WHOLESALE in patched(patch, strategy).touches) is whole


def test_a_name_with_a_prefix_is_told_by_each_half_too() -> None:
    named = {"example.com/x", "example.com/*", "*/x"}
    patch = {"metadata": {"annotations": {"example.com/x": "", "plain": ""}}}
    assert patched(patch, "merge").touches == named | {"metadata", "annotations", "plain"}
    annotated = LabelResource(
        field="annotations",
        kind="pods",
        namespace="x",
        name="y",
        pairs=(("example.com/x", None), ("plain", "")),
        overwrite=False,
    )
    assert facts_of(annotated).touches == named | {"plain"}


def test_a_directive_is_told_by_both_its_names() -> None:
    facts = patched({"$setElementOrder/containers": []}, "strategic")
    assert facts.touches == {"$setElementOrder", "containers"}


@pytest.mark.parametrize(
    ("patch", "told"),
    [
        ({}, "expected the operations of a JSON Patch"),
        (["x"], "expected the operations of a JSON Patch"),
        ([operation("jump", "/a")], "expected the operations of a JSON Patch"),
        ([{"op": "add"}], "expected path to be a JSON Pointer"),
        ([operation("move", "/a", **{"from": 1})], "expected from to be a JSON Pointer"),
    ],
)
def test_what_is_no_json_patch_raises(patch: object, told: str) -> None:
    with pytest.raises(ValueError, match=f"^{told}$"):
        patched(patch)


@pytest.mark.parametrize("index", ["-1", "+0", "-0", "00", "007", "+1"])
@pytest.mark.parametrize("member", ["path", "from"])
def test_an_index_that_two_readers_count_differently_is_refused(member: str, index: str) -> None:
    pointers = {"path": "/a/-", "from": "/b/0", member: f"/spec/containers/{index}"}
    with pytest.raises(Refusal) as caught:
        patched([{"op": "move", **pointers}])
    assert caught.value.code == "bad_manifest"
    assert caught.value.message == f"expected an index of a list such as 0, got {index!r}"
    assert caught.value.hint == "count from 0, or take - to append"


@pytest.mark.parametrize("part", ["0", "10", "-", "1a", "-a", "v1", "\u0661", "--1", "1.5", "0x1"])
def test_what_nobody_counts_by_is_a_name(part: str) -> None:
    assert part in patched([operation("add", f"/data/{part}", value="x")]).touches


def test_a_manifest_is_of_the_object_that_the_act_names() -> None:
    def applied(namespace: str | None, manifest: str = APP, name: str = "y") -> ActionFacts:
        return facts_of(
            ApplyManifest(
                mode="apply",
                kind="deployments",
                namespace=namespace,
                name=name,
                manifest=manifest,
            )
        )

    assert applied("x").touches >= {"apiVersion", "kind", "metadata", "name", "namespace"}
    assert applied("x", APP.replace(',"namespace":"x"', "")).workload == "x/deployments/y"
    with pytest.raises(
        ValueError, match=r"^expected a manifest of deployments/z, got deployments/y"
    ):
        applied("x", name="z")


def test_a_rollback_leaves_no_replicas_of_the_act_behind() -> None:
    shown = PreviewFacts(pods_affected=2, replicas=0, changed=frozenset({"image"}))
    assert shown.undone() == PreviewFacts(pods_affected=2, changed=frozenset({"image"}))


@pytest.mark.parametrize(
    ("before", "after", "replicas", "lost"), [(2, 2, -1, 0), (1, 3, 3, 0), (4, 1, 1, 75)]
)
def test_the_dry_run_tells_replicas_where_they_change(
    before: int, after: int, replicas: int, lost: int
) -> None:
    act = ScaleWorkload(
        workload=Workload(kind="deployments", namespace="s", name="g"), replicas=after
    )
    touched = Touched(kind="nodes", namespace=None, name="n", resource_version="1")
    shown = Preview(
        diff="",
        touched=(touched,),
        rollback=None,
        pods_affected=1,
        replicas_before=before,
        replicas_after=after,
    )
    facts = PreviewFacts.of(act, shown)
    assert (facts.replicas, facts.replica_delta) == (replicas, after - before)
    assert (facts.replicas_lost_percent, facts.above) == (lost, frozenset({"/nodes/n"}))


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({"claimRef": {"namespace": "other", "name": "x"}}, {"other"}),
        ({"azureFile": {"secretName": "x", "secretNamespace": "kube-system"}}, {"kube-system"}),
        ({"dataSourceRef": [{"namespace": "a"}, {"endpointsNamespace": "b"}]}, {"a", "b"}),
        ({"selector": {"namespace": "x"}, "nodeSelector": {"namespace": "y"}}, set()),
        ({"namespace": 3}, set()),
    ],
)
def test_the_namespaces_that_an_object_refers_to_are_told(
    spec: dict[str, object], named: set[str]
) -> None:
    labels = {"namespace": "a-team"}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "spec": spec, "data": {"namespace": "z"}}
    body["metadata"] = {"name": "g", "namespace": "s", "labels": labels, "annotations": labels}
    act = ApplyManifest(
        mode="apply", kind="configmaps", namespace="s", name="g", manifest=json.dumps(body)
    )
    assert facts_of(act).refers == named | {"s"}


def test_an_act_sets_an_image_or_replicas_only_where_it_says_so() -> None:
    workload = Workload(kind="deployments", namespace="x", name="y")
    restart = facts_of(RestartRollout(workload=workload))
    scale = facts_of(ScaleWorkload(workload=workload, replicas=3))
    image = facts_of(SetImage(workload=workload, container="c", image="r/i:1"))
    assert [(one.replicas, one.image) for one in (restart, scale, image)] == [
        (-1, ""),
        (3, ""),
        (-1, "r/i:1"),
    ]


def test_a_prefix_ends_at_the_first_slash() -> None:
    assert spelled(["a.io/b/c"]) == {"a.io/b/c", "a.io/*", "*/b/c"}


@pytest.mark.parametrize(
    ("versions", "creates"), [((None,), True), ((None, "1"), False), ((), False)]
)
def test_an_act_creates_where_all_that_it_touches_is_new(
    versions: tuple[str | None, ...], *, creates: bool
) -> None:
    touched = tuple(
        Touched(kind="services", namespace="x", name=f"y{at}", resource_version=version)
        for at, version in enumerate(versions)
    )
    preview = Preview(diff="", touched=touched, rollback=None, pods_affected=0)
    act = PatchResource(kind="services", namespace="x", name="y0", strategy="merge", patch="{}")
    assert PreviewFacts.of(act, preview).creates is creates


@pytest.mark.parametrize(
    ("own", "shown", "told"),
    [(-1, -1, -1), (-1, 0, 0), (3, -1, 3), (3, 1, 1), (0, 2, 0), (-1, None, -1), (3, None, 3)],
)
def test_the_fewest_replicas_that_act_or_dry_run_tell_count(
    own: int, shown: int | None, told: int
) -> None:
    workload = Workload(kind="deployments", namespace="hotel-1", name="y")
    act: Action = RestartRollout(workload=workload)
    if own >= 0:
        act = ScaleWorkload(workload=workload, replicas=own)
    preview = None if shown is None else PreviewFacts(pods_affected=1, replicas=shown)
    assert seen_facts(act, circumstances(preview=preview), Limits())["replicas"] == told
