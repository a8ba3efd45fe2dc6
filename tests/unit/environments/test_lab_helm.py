"""helm's words, and releases whose revisions are what the cluster really got."""

import json
from copy import deepcopy
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.contracts.action import HelmRollback
from agents.contracts.command import Access
from agents.environments.protocol import ActionRejected, Output
from agents.environments.simulated import dryrun
from agents.environments.simulated.applications.hotel import hotel
from agents.environments.simulated.applications.social_network import social_network
from agents.environments.simulated.benchmark.problems import scenario_of
from agents.environments.simulated.cluster import Cluster, thaw
from agents.environments.simulated.kubectl import shell
from agents.environments.simulated.kubectl.editing import save
from agents.environments.simulated.kubectl.errors import CommandFailed
from agents.environments.simulated.kubectl.helm import roll_back, upgrade
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.objects.kinds import Manifest
from agents.policy.actions import action_of
from agents.policy.parse import access_of, parse

STORE = "url-shorten-mongodb"
TLS = {f"{STORE}.tls.mode": "requireTLS"}


@cache
def running() -> bytes:
    cluster = Cluster(social_network(), 5, 1.8e9)
    cluster.deploy()
    cluster.advance(cluster.now + 90)
    return cluster.freeze()


@pytest.fixture
def cluster() -> Cluster:
    return thaw(running())


def run(cluster: Cluster, line: str) -> Output:
    command = parse(line, cluster.namespace)
    does = shell.read if access_of(command) is Access.READ else shell.write
    return does(cluster, command)


def deployment(cluster: Cluster, name: str) -> Manifest:
    found = cluster.store.get("deployments", cluster.namespace, name)
    assert found is not None
    return found


def container(cluster: Cluster, name: str) -> Manifest:
    found: Manifest = deployment(cluster, name)["spec"]["template"]["spec"]["containers"][0]
    return found


def written(cluster: Cluster) -> dict[tuple[str, str], Manifest]:
    """Return what the release's objects say, without what controllers and the API server add."""
    found: dict[tuple[str, str], Manifest] = {}
    for kind, body in cluster.releases["social-network"][-1].rendered:
        name = body["metadata"]["name"]
        live = cluster.store.get(kind, cluster.namespace, name)
        assert live is not None
        said = {key: value for key, value in live.items() if key in ("spec", "data")}
        found[kind, name] = deepcopy(said)
    return found


def test_an_application_with_a_release_carries_helm_s_marks(cluster: Cluster) -> None:
    for kind in ("deployments", "services", "configmaps", "persistentvolumeclaims"):
        for item in cluster.store.each(kind, cluster.namespace):
            if item["metadata"]["name"] == "kube-root-ca.crt":
                continue
            metadata = item["metadata"]
            assert metadata["labels"]["app.kubernetes.io/managed-by"] == "Helm"
            assert metadata["annotations"]["meta.helm.sh/release-name"] == "social-network"
            assert metadata["annotations"]["meta.helm.sh/release-namespace"] == cluster.namespace
    pods = list(cluster.store.each("pods", cluster.namespace))
    assert pods
    assert all("app.kubernetes.io/managed-by" not in pod["metadata"]["labels"] for pod in pods)


def test_an_application_without_a_release_carries_none() -> None:
    plain = Cluster(hotel(Random(1)), 1, 1.8e9)
    plain.deploy()
    assert plain.releases == {}
    for kind in ("deployments", "services"):
        for item in plain.store.each(kind, plain.namespace):
            assert "meta.helm.sh/release-name" not in item["metadata"].get("annotations", {})
    assert run(plain, "helm list").text == (
        "NAME\tNAMESPACE\tREVISION\tUPDATED\tSTATUS\tCHART\tAPP VERSION\n"
    )
    assert run(plain, "helm list -o json").text == "[]\n"


def test_list(cluster: Cluster) -> None:
    head, row = run(cluster, "helm list").text.splitlines()
    assert [cell.strip() for cell in head.split("\t")] == [
        "NAME",
        "NAMESPACE",
        "REVISION",
        "UPDATED",
        "STATUS",
        "CHART",
        "APP VERSION",
    ]
    assert [len(cell) for cell in head.split("\t")] == [len(cell) for cell in row.split("\t")]
    cells = [cell.strip() for cell in row.split("\t")]
    assert cells[:3] == ["social-network", "test-social-network", "1"]
    assert cells[3].startswith("2027-01-15 08:00:00.") and cells[3].endswith(" +0000 UTC")
    assert cells[4:] == ["deployed", "socialnetwork-0.1.0", "1.0.0"]
    (item,) = json.loads(run(cluster, "helm list -A -o json").text)
    assert item["revision"] == "1" and item["chart"] == "socialnetwork-0.1.0"
    assert '  revision: "1"\n' in run(cluster, "helm list -o yaml").text
    assert len(run(cluster, "helm list -n default").text.splitlines()) == 1


def test_history_and_status(cluster: Cluster) -> None:
    cluster.now += 60
    upgrade(cluster, "social-network", TLS)
    assert run(cluster, "helm history social-network").text == (
        "REVISION\tUPDATED                 \tSTATUS    \tCHART              \tAPP VERSION\t"
        "DESCRIPTION     \n"
        "1       \tFri Jan 15 08:00:00 2027\tsuperseded\tsocialnetwork-0.1.0\t1.0.0      \t"
        "Install complete\n"
        "2       \tFri Jan 15 08:02:30 2027\tdeployed  \tsocialnetwork-0.1.0\t1.0.0      \t"
        "Upgrade complete\n"
    )
    rows = json.loads(run(cluster, "helm history social-network --max 1 -o json").text)
    assert [(row["revision"], row["description"]) for row in rows] == [(2, "Upgrade complete")]
    assert run(cluster, "helm status social-network").text == (
        "NAME: social-network\nLAST DEPLOYED: Fri Jan 15 08:02:30 2027\n"
        "NAMESPACE: test-social-network\nSTATUS: deployed\nREVISION: 2\n"
        "DESCRIPTION: Upgrade complete\nTEST SUITE: None\n"
    )
    body = json.loads(run(cluster, "helm status social-network -o json").text)
    assert body["config"] == {STORE: {"tls": {"mode": "requireTLS"}}}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("helm status nope", "Error: release: not found\n"),
        ("helm history nope", "Error: release: not found\n"),
        ("helm history social-network -n default", "Error: release: not found\n"),
        ("helm status social-network --revision 7", "Error: release: not found\n"),
        ("helm rollback nope", "Error: release: not found\n"),
        ("helm rollback social-network", "Error: release has no 0 version\n"),
        ("helm rollback social-network 9", "Error: release has no 9 version\n"),
        (
            "helm upgrade nope dsb/socialnetwork",
            'Error: UPGRADE FAILED: "nope" has no deployed releases\n',
        ),
        ("helm upgrade social-network else/where", "Error: repo else not found\n"),
        (
            "helm upgrade social-network nowhere",
            "Error: non-absolute URLs should be in form of repo_name/path_to_chart, got: nowhere\n",
        ),
        (
            "helm list -o name",
            'Error: invalid argument "name" for "-o, --output" flag: invalid format type\n',
        ),
    ],
)
def test_refusals_are_helm_s_own(cluster: Cluster, line: str, text: str) -> None:
    version = cluster.store.version
    output = run(cluster, line)
    assert (output.text, output.exit_code) == (text, 1)
    assert cluster.store.version == version
    assert len(cluster.releases["social-network"]) == 1


def test_tls_by_an_upgrade_stops_callers_and_a_rollback_lets_them_in_again(
    cluster: Cluster,
) -> None:
    upgrade(cluster, "social-network", TLS)
    cluster.advance(cluster.now + 60)
    assert container(cluster, STORE)["args"] == ["--tlsMode", "requireTLS"]
    assert cluster.epochs[-1].errors > 0.1
    refused = run(cluster, f"kubectl exec deploy/{STORE} -- mongo --quiet --eval 'db.getUsers()'")
    assert "network error while attempting to run command 'isMaster'" in refused.text
    output = run(cluster, "helm rollback social-network")
    assert (output.text, output.exit_code) == ("Rollback was a success! Happy Helming!\n", 0)
    cluster.advance(cluster.now + 60)
    assert "args" not in container(cluster, STORE)
    assert cluster.epochs[-1].errors == 0.0
    last = cluster.releases["social-network"][-1]
    assert (last.number, last.description, last.values) == (3, "Rollback to 1", ())


def test_values_set_fields_of_the_rendered_objects(cluster: Cluster) -> None:
    output = run(
        cluster,
        "helm upgrade social-network dsb/socialnetwork --version 0.2.0 "
        "--set user-service.replicas=3,user-service.container.args='{a,b}' "
        "--set user-service.resources.limits.cpu=2 --set user-service.env.MODE=quick "
        "--set user-service.nodeSelector.disk=ssd --set user-service.image.tag=0.0.9 "
        "--set text-service.image.repository=mirror/social --set made.up=x",
    )
    assert output.text.startswith(
        'Release "social-network" has been upgraded. Happy Helming!\nNAME: social-network\n'
    )
    assert deployment(cluster, "user-service")["spec"]["replicas"] == 3
    body = container(cluster, "user-service")
    assert body["args"] == ["a", "b"]
    assert body["resources"]["limits"] == {"cpu": "2", "memory": "512Mi"}
    assert body["env"] == [{"name": "MODE", "value": "quick"}]
    assert body["image"] == "deathstarbench/social-network-microservices:0.0.9"
    template = deployment(cluster, "user-service")["spec"]["template"]
    assert template["spec"]["nodeSelector"] == {"disk": "ssd"}
    assert container(cluster, "text-service")["image"] == "mirror/social:latest"
    last = cluster.releases["social-network"][-1]
    assert last.chart == "socialnetwork-0.2.0" and ("made.up", "x") in last.values


def test_values_are_reused_only_when_asked_or_when_none_are_new(cluster: Cluster) -> None:
    line = "helm upgrade social-network dsb/socialnetwork"
    run(cluster, f"{line} --set user-service.replicas=3")
    run(cluster, line)
    assert deployment(cluster, "user-service")["spec"]["replicas"] == 3
    run(cluster, f"{line} --set text-service.replicas=2 --reuse-values")
    assert deployment(cluster, "user-service")["spec"]["replicas"] == 3
    run(cluster, f"{line} --set text-service.replicas=4")
    assert deployment(cluster, "user-service")["spec"]["replicas"] == 1
    assert deployment(cluster, "text-service")["spec"]["replicas"] == 4


def test_a_refused_upgrade_changes_nothing(cluster: Cluster) -> None:
    version = cluster.store.version
    with pytest.raises(CommandFailed, match=r"^Error: UPGRADE FAILED: cannot patch \"user-service"):
        upgrade(
            cluster,
            "social-network",
            {"text-service.replicas": "4", "user-service.resources.limits.cpu": "much"},
        )
    assert cluster.store.version == version
    assert len(cluster.releases["social-network"]) == 1


def test_the_merge_has_three_ways(cluster: Cluster) -> None:
    upgrade(cluster, "social-network", {"user-service.env.MODE": "quick"})
    upgrade(cluster, "social-network", {"user-service.env.LEVEL": "3"})
    by_hand = deepcopy(deployment(cluster, "user-service"))
    by_hand["metadata"]["annotations"]["team"] = "social"
    by_hand["spec"]["replicas"] = 5
    body = by_hand["spec"]["template"]["spec"]["containers"][0]
    body["env"].append({"name": "HAND", "value": "made"})
    save(cluster, "deployments", by_hand)
    service = cluster.store.get("services", cluster.namespace, "text-service")
    assert service is not None
    cluster.store.delete("services", service)
    roll_back(cluster, "social-network", 2)
    healed = deployment(cluster, "user-service")
    assert healed["metadata"]["annotations"]["team"] == "social"  # neither manifest names it
    assert healed["spec"]["replicas"] == 1  # the manifest says it
    assert container(cluster, "user-service")["env"] == [
        {"name": "MODE", "value": "quick"},
        {"name": "HAND", "value": "made"},
    ]
    assert cluster.store.get("services", cluster.namespace, "text-service") is not None
    roll_back(cluster, "social-network", 1)
    assert "env" not in container(cluster, "user-service")  # the whole list goes with its key


def test_helm_remembers_ten_revisions(cluster: Cluster) -> None:
    for count in range(2, 14):
        upgrade(cluster, "social-network", {"user-service.replicas": str(count)})
    numbers = [item.number for item in cluster.releases["social-network"]]
    assert numbers == list(range(4, 14))
    statuses = [item.status for item in cluster.releases["social-network"]]
    assert statuses == ["superseded"] * 9 + ["deployed"]


def test_a_preview_shows_what_a_rollback_changes(cluster: Cluster) -> None:
    upgrade(cluster, "social-network", TLS)
    cluster.advance(cluster.now + 60)
    state = cluster.freeze()
    fix = action_of(parse("helm rollback social-network 1", cluster.namespace))
    shown = dryrun.preview(cluster, fix)
    assert "-        - --tlsMode\n-        - requireTLS\n" in shown.diff
    assert [(item.kind, item.name) for item in shown.touched] == [("deployments", STORE)]
    assert shown.pods_affected == 1
    assert shown.rollback == HelmRollback(
        namespace=cluster.namespace, release="social-network", revision=2
    )
    assert cluster.freeze() == state
    with pytest.raises(ActionRejected, match="Error: release has no 9 version"):
        dryrun.preview(cluster, HelmRollback(**{**fix.model_dump(), "revision": 9}))


def test_a_rollback_without_effect_can_be_previewed(cluster: Cluster) -> None:
    upgrade(cluster, "social-network", {"made.up": "x"})
    shown = dryrun.preview(
        cluster, action_of(parse("helm rollback social-network", cluster.namespace))
    )
    assert (shown.diff, shown.touched, shown.pods_affected) == ("", (), 0)


def test_the_action_heals_the_lab() -> None:
    lab = Lab(scenario_of("auth_miss_mongodb-mitigation-1"))
    fix = action_of(parse("helm rollback social-network", lab.namespace))
    shown = lab.preview(fix)
    assert lab.versions(shown.touched) == shown.touched
    assert lab.act(fix).exit_code == 0 and lab.changed
    assert lab.verify(fix) == (True, "rolled out, all pods ready, requests succeed")
    assert lab.versions(shown.touched) != shown.touched
    history = lab.read(parse("helm history social-network", lab.namespace)).text
    assert "Rollback to 1" in history.splitlines()[-1]


SERVICES = st.sampled_from(("user-service", "text-service", STORE, "home-timeline-redis"))
VALUES = st.dictionaries(
    st.one_of(
        st.builds("{}.replicas".format, SERVICES),
        st.builds("{}.env.MODE".format, SERVICES),
        st.builds("{}.resources.limits.cpu".format, SERVICES),
        st.builds("{}.nodeSelector.disk".format, SERVICES),
        st.builds("{}.made.up".format, SERVICES),
    ),
    st.integers(1, 9).map(str),
    max_size=5,
)


@settings(max_examples=25, deadline=None)
@given(first=VALUES, second=VALUES, tls=st.booleans())
def test_a_rollback_restores_what_was_rendered(
    first: dict[str, str], second: dict[str, str], *, tls: bool
) -> None:
    cluster = thaw(running())
    installed = written(cluster)
    upgrade(cluster, "social-network", first)
    middle = written(cluster)
    upgrade(cluster, "social-network", {**second, **(TLS if tls else {})}, reuse=False)
    roll_back(cluster, "social-network", 2)
    assert written(cluster) == middle
    roll_back(cluster, "social-network", 1)
    assert written(cluster) == installed
