"""What is told of reads, of an operator's files, and of facts that are missing or wrong."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.contracts.action import (
    Action,
    CordonNode,
    DeleteResource,
    PatchResource,
    Preview,
    RestartRollout,
    ScaleWorkload,
    Workload,
)
from agents.policy.actions import words_of
from agents.policy.decide import PreviewFacts, Ruling
from agents.policy.limits import Limits, LimitsInvalid, read_limits
from agents.policy.parse import parse
from agents.policy.reads import check_read
from agents.policy.refusal import Refusal
from agents.policy.request import Context, request_of, seen_facts
from agents.policy.rulebook import read_rulebook
from tests.safety.judge import circumstances, shipped

SHIPPED = Path(__file__).parents[3] / "agents" / "policy" / "rules"
MANAGED = ("hotel-*", "shop")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "kubectl delete pod x",
            (
                "not_a_read: kubectl delete changes the cluster. "
                "Instead: propose it as an action, not as a probe"
            ),
        ),
        (
            "kubectl wait pod/x --for=delete",
            (
                "read_not_allowed: kubectl wait is not among the reads that policy allows. "
                "Instead: kubectl get, or kubectl rollout status"
            ),
        ),
        (
            "kubectl get all -o yaml",
            (
                "output_too_wide: get all takes no -o yaml. "
                "Instead: name the kind: kubectl get deployments -o yaml"
            ),
        ),
        (
            "kubectl get secret x -o json",
            (
                "secret_values: the values of secrets never leave the cluster. "
                "Instead: kubectl describe secret NAME shows its keys and their sizes"
            ),
        ),
        (
            "kubectl get cm -A",
            (
                "namespace_not_managed: -A is taken by get, top and events for overviews of "
                "ordinary kinds only. Instead: the same with -n NAMESPACE, one of hotel-*, shop"
            ),
        ),
        (
            "kubectl get pods -n kube-system",
            (
                "namespace_not_managed: expected a namespace among hotel-*, shop, got kube-system. "
                "Instead: add -n NAMESPACE"
            ),
        ),
        (
            "kubectl exec x -- curl http://geo.mail.svc/",
            (
                "namespace_not_managed: expected a namespace among hotel-*, shop, got mail. "
                "Instead: add -n NAMESPACE"
            ),
        ),
    ],
)
def test_a_read_that_is_not_allowed_says_why_and_what_is(line: str, told: str) -> None:
    with pytest.raises(Refusal) as caught:
        check_read(parse(line, "hotel-1"), MANAGED)
    assert str(caught.value) == told


def test_a_line_that_is_too_long_says_by_how_much_and_what_to_do() -> None:
    line = "kubectl get pods " + "a" * 4080
    with pytest.raises(Refusal) as caught:
        parse(line)
    assert str(caught.value) == (
        "too_long: expected a line of at most 4096 bytes and a here-document of at most 65536 "
        f"characters, got {len(line)} characters (at character 4096). Instead: change one member "
        "a step; a manifest goes into a here-document"
    )
    parse("kubectl patch deploy x -p '{}' -n " + "x" * 40)


@pytest.mark.parametrize(("size", "shown"), [(200, ""), (201, "... (201 characters)")])
def test_a_long_patch_is_shown_to_approvers_by_its_beginning(size: int, shown: str) -> None:
    patch = '{"a":"' + "b" * (size - 8) + '"}'
    act = PatchResource(kind="services", namespace="shop", name="x", strategy="merge", patch=patch)
    wanted = patch[:200] + shown
    assert words_of(act) == f"Change service x in namespace shop by a merge patch: {wanted}"


def test_a_policy_that_cannot_be_asked_denies_and_says_why() -> None:
    verdict = shipped().decide(RESTART, context(confidence="much"))
    assert (verdict.ruling, verdict.reason) == (Ruling.DENY, "policy_error")
    assert verdict.message == (
        "the policy could not be asked: expected confidence to be int, got 'much'"
    )
    read = shipped().may_read(parse("kubectl get secret x -o json", "hotel-1"), MANAGED)
    assert (read.ruling, read.reason) == (Ruling.DENY, "secret_values")
    assert read.message == "the values of secrets never leave the cluster"
    assert read.hint == "kubectl describe secret NAME shows its keys and their sizes"
    seen = shipped().may_read(parse("kubectl get pods", "hotel-1"), MANAGED)
    assert (seen.ruling, seen.reason, seen.message) == (
        Ruling.ALLOW,
        "read",
        "a read of what AOI manages",
    )


def test_where_nothing_is_managed_nothing_is_read_and_overviews_stay_overviews() -> None:
    with pytest.raises(Refusal, match="expected a namespace among none, got hotel-1"):
        check_read(parse("kubectl get pods", "hotel-1"), ())
    for line in (
        "kubectl get pods -A",
        "kubectl get pods,svc -A -o wide",
        "kubectl top pods -A",
        "kubectl get nodes -o yaml",
        "kubectl get pods,nodes -n shop",
        "kubectl version",
        "kubectl explain pods.spec",
        "kubectl get secrets -l a=b --no-headers --show-labels -o name",
        "kubectl describe secret x",
        "kubectl get all",
    ):
        check_read(parse(line, "hotel-1"), MANAGED)
    for line in ("kubectl get pods,cm -A", "kubectl get secrets --sort-by=.data.x"):
        with pytest.raises(Refusal):
            check_read(parse(line, "hotel-1"), MANAGED)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[freeze", "no TOML: "),
        ("x = 1", "x: Extra inputs are not permitted"),
        ('[freeze]\ntime_zone = "Mars/X"', "freeze: Value error, expected a time zone such as "),
        (
            '[[freeze.windows]]\nname = "w"',
            "freeze.windows.0: Value error, window 'w': expected days, or begins and ends",
        ),
        (
            '[[freeze.windows]]\nname = "w"\nbegins = 2026-01-01T00:00:00Z',
            "freeze.windows.0: Value error, window 'w': expected begins and ends, got one of them",
        ),
        (
            (
                '[[freeze.windows]]\nname = "w"\nbegins = 2026-01-01T00:00:00Z\n'
                'ends = 2026-01-02T00:00:00Z\nopens = "08:00"'
            ),
            "freeze.windows.0: Value error, window 'w': opens and closes belong to days",
        ),
        (
            '[[freeze.windows]]\nname = "w"\ndays = ["mon", "someday"]',
            (
                "freeze.windows.0: Value error, window 'w': expected days of mon, tue, wed, thu, "
                "fri, sat, sun: ['someday']"
            ),
        ),
        (
            (
                '[[freeze.windows]]\nname = "w"\ndays = ["mon"]\n'
                '[[freeze.windows]]\nname = "w"\ndays = ["tue"]'
            ),
            "freeze: Value error, expected each window's name once",
        ),
        (
            '[[freeze.windows]]\nname = "w"\nbegins = 2026-01-02\nends = 2026-01-02T00:00:00',
            "freeze: Value error, window 'w': expected begins before ends",
        ),
        (
            '[[freeze.windows]]\nname = "w"\ndays = ["mon"]\nopens = 8',
            (
                "freeze.windows.0.opens: Value error, "
                'expected a time of the day such as "08:30", got 8'
            ),
        ),
        (
            "own_namespaces = 1\n[rates]\nacts_per_hour = -1",
            (
                "own_namespaces: Input should be a valid tuple; "
                "rates.acts_per_hour: Input should be greater than or equal to 0"
            ),
        ),
    ],
)
def test_settings_with_a_fault_say_where_and_which(text: str, told: str) -> None:
    with pytest.raises(LimitsInvalid) as caught:
        read_limits(text)
    assert str(caught.value).startswith(told)


NIGHT = 'days = ["fri"]\nopens = "22:00"\ncloses = "06:00"'
DAY = 'days = ["fri"]\nopens = "08:00"\ncloses = "18:00"'
WHOLE = 'days = ["fri"]'
ONCE = "begins = 2026-11-27T08:00:00\nends = 2026-11-27T18:00:00+01:00"


@pytest.mark.parametrize(
    ("window", "moment", "frozen"),
    [
        (NIGHT, "2026-11-27T20:59", False),
        (NIGHT, "2026-11-27T21:00", True),
        (NIGHT, "2026-11-28T04:59", True),
        (NIGHT, "2026-11-28T05:00", False),
        (NIGHT, "2026-11-27T04:00", False),
        (NIGHT, "2026-11-28T21:00", False),
        (DAY, "2026-11-27T06:59", False),
        (DAY, "2026-11-27T07:00", True),
        (DAY, "2026-11-27T16:59", True),
        (DAY, "2026-11-27T17:00", False),
        (DAY, "2026-11-28T10:00", False),
        (WHOLE, "2026-11-26T22:59", False),
        (WHOLE, "2026-11-26T23:00", True),
        (WHOLE, "2026-11-27T22:59", True),
        (WHOLE, "2026-11-27T23:00", False),
        (ONCE, "2026-11-27T06:59", False),
        (ONCE, "2026-11-27T07:00", True),
        (ONCE, "2026-11-27T16:59", True),
        (ONCE, "2026-11-27T17:00", False),
    ],
)
def test_a_window_freezes_from_its_begin_to_before_its_end(
    window: str, moment: str, *, frozen: bool
) -> None:
    head = '[freeze]\ntime_zone = "Europe/Zurich"\n[[freeze.windows]]\nname = "w"\n'
    limits = read_limits(head + window)
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert (limits.freeze.in_force(at) is not None) is frozen


GEO = Workload(kind="deployments", namespace="hotel-1", name="geo")
RESTART: Action = RestartRollout(workload=GEO)


def context(**changes: object) -> Context:
    return circumstances(**changes)


def test_what_is_missing_is_told() -> None:
    for action, changes, told in (
        (RESTART, {"incident_namespace": None}, "the incident has no namespace, so nothing can be"),
        (
            DeleteResource(kind="services", namespace=None, name="x"),
            {},
            "expected the namespace of services/x",
        ),
    ):
        with pytest.raises(Refusal, match=f"^missing_fact: {told}"):
            seen_facts(action, context(**changes), Limits())
    assert seen_facts(CordonNode(name="n", unschedulable=True), context(), Limits())["cluster_wide"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"confidence": True}, "expected confidence to be int, got True"),
        ({"acts_this_hour": 1.0}, r"expected acts_this_hour to be int, got 1\.0"),
        ({"freeze": 1}, "expected freeze to be bool, got 1"),
        (
            {"preview": PreviewFacts(pods_affected=True)},
            "expected counts of the dry run, got {'pods_affected': True, ",
        ),
        *(
            ({"preview": shown}, "expected counts of the dry run, got {'pods_affected': ")
            for shown in (
                PreviewFacts(pods_affected=2**63),
                PreviewFacts(pods_affected=1, replica_delta=-(2**63)),
                PreviewFacts(pods_affected=1, replicas_lost_percent=1.0),
            )
        ),
        (
            {"preview": PreviewFacts(pods_affected=1, controlled=1)},
            "expected flags of the dry run, got {'controlled': 1, ",
        ),
    ],
)
def test_a_fact_of_another_type_raises(changes: dict[str, object], told: str) -> None:
    with pytest.raises(TypeError, match=f"^{told}"):
        seen_facts(RESTART, context(**changes), Limits())
    with pytest.raises(TypeError, match=r"^expected the proposer's name, got None"):
        request_of(RESTART, context(proposer=None), "hotel-1", {})


def test_the_facts_of_an_act_are_the_process_s_and_the_folder_s() -> None:
    text = 'own_namespaces = ["hotel-1"]\nprotected_workloads = ["hotel-1/deployments/g*"]\n'
    limits = read_limits(f"{text}[rates]\nacts_per_incident = 2\nacts_per_hour = 90\n")
    preview = PreviewFacts(
        pods_affected=3,
        replica_delta=-1,
        replicas_lost_percent=25,
        kinds=frozenset({"pods"}),
        namespaces=frozenset({"other"}),
        controlled=True,
    )
    changes = {"severity": "CRITICAL", "acts_this_incident": 1, "acts_this_hour": 5}
    facts = seen_facts(RESTART, context(preview=preview, **changes), limits)
    assert facts == {
        "kind": "deployments",
        "kinds": ["deployments", "pods"],
        "namespaces": ["hotel-1", "other"],
        "namespace": "hotel-1",
        "name": "geo",
        "cluster_wide": False,
        "in_managed_namespace": True,
        "in_own_namespace": True,
        "is_protected": True,
        "touches": [],
        "replicas": -1,
        "force": False,
        "image": "",
        "incident_namespace": "hotel-1",
        "severity": "critical",
        "confidence": 80,
        "acts_this_incident": 1,
        "acts_this_hour": 5,
        "max_acts_this_incident": 2,
        "max_acts_this_hour": 60,
        "freeze": False,
        "freeze_denies": False,
        "preview": {
            "pods_affected": 3,
            "replica_delta": -1,
            "replicas_lost_percent": 25,
            "controlled": True,
            "creates": False,
            "told": False,
        },
    }
    assert request_of(RESTART, context(), "hotel-1", {"kind": "deployments"}) == {
        "principal": {"type": "Proposer", "id": "aoi/observer"},
        "action": {"type": "Action", "id": "RestartRollout"},
        "resource": {"type": "Namespace", "id": "hotel-1"},
        "context": '{"kind":"deployments"}',
    }


def test_the_version_is_of_every_file(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(SHIPPED, folder)
    versions = {read_rulebook(folder).version}
    for path in sorted(folder.iterdir()):
        if path.is_file():
            path.write_text(path.read_text() + "\n")
            versions.add(read_rulebook(folder).version)
    assert len(versions) == 1 + sum(path.is_file() for path in folder.iterdir())


def test_what_a_dry_run_showed_is_told_by_what_undoes_it() -> None:
    def of(after: int, before: Action | None) -> PreviewFacts:
        preview = Preview(diff="", touched=(), rollback=before, pods_affected=3)
        return PreviewFacts.of(ScaleWorkload(workload=GEO, replicas=after), preview)

    def scaled(replicas: int) -> Action:
        return ScaleWorkload(workload=GEO, replicas=replicas)

    assert of(1, scaled(4)) == PreviewFacts(
        pods_affected=3, replica_delta=-3, replicas_lost_percent=75
    )
    assert of(4, scaled(1)) == PreviewFacts(pods_affected=3, replica_delta=3)
    assert of(1, scaled(0)) == PreviewFacts(pods_affected=3, replica_delta=1)
    assert of(1, None) == PreviewFacts(pods_affected=3, replicas_lost_percent=100)
