"""The shipped manifests separate what they say: users, accounts, Secrets, variables, one a zone.

Read from the YAML, and tried: a pod's files are laid out as a kubelet would, its first container's
own command copies them as the zone's user, the product's own code loads them, and another zone's
user reads none of them. No image is started and no kubelet asked.
"""

import itertools
import stat
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from pydantic_settings import BaseSettings

from agents.approval.keyring import Keyring, write_keyring
from agents.approval.signing import SigningKey
from agents.roles import ZONES, Role, Zone
from agents.settings import Places
from deploy.cli.run import _roles
from deploy.embedded.keys import HOLDERS
from streams import wiring
from streams.health import HealthSettings
from streams.settings import KafkaSettings
from tests.safety.manifests import (
    FOLDER,
    Laid,
    Named,
    Pod,
    lay_by_hand,
    lay_out,
    made,
    objects,
    of_kind,
    pods,
    run_readme,
    walk,
)
from tests.safety.users import as_user, two_uids

PODS = pods()
MADE_BY_HAND = {"keyring", "kafka-ca"}
"""ConfigMaps that an operator makes."""
WRITES = {("write-token", "write.token"), ("executor-key", "executor.key")}
WRITES_KAFKA = ("kafka-executor", "executor.json")
zones = pytest.mark.parametrize("zone", Zone)


def test_no_secret_is_shipped() -> None:
    assert objects() and not of_kind("Secret")


def test_the_kustomization_lists_every_file() -> None:
    listed = (FOLDER / "kustomization.yaml").read_text()
    for file in FOLDER.glob("*.yaml"):
        assert file.name == "kustomization.yaml" or f"- {file.name}\n" in listed


@zones
def test_a_deployment_runs_exactly_its_zone(zone: Zone) -> None:
    assert PODS.keys() == set(Zone)
    container = PODS[zone].container
    assert (container["command"], container["args"]) == (["aoi"], ["run", zone])
    assert _roles(container["args"][1]) == ZONES[zone]
    assert {one["image"] for one in PODS[zone].containers} == {"aoi"}


@zones
def test_a_zone_has_an_account_without_a_token(zone: Zone) -> None:
    account = of_kind("ServiceAccount")[zone]
    assert PODS[zone].spec["serviceAccountName"] == zone
    assert account["automountServiceAccountToken"] is False
    assert PODS[zone].spec["automountServiceAccountToken"] is False
    assert not [one for one in objects() if one["kind"].endswith(("Role", "RoleBinding"))]
    assert "serviceAccountToken" not in dict(walk(PODS[zone].spec))


def test_no_two_zones_share_a_user_or_a_group() -> None:
    taken = [set(pod.ids) for pod in PODS.values()]
    assert all(min(ids) > 0 for ids in taken)
    assert not [pair for pair in itertools.combinations(taken, 2) if pair[0] & pair[1]]


@zones
def test_a_pod_has_no_more_rights_than_it_needs(zone: Zone) -> None:
    spec = PODS[zone].spec
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert "supplementalGroups" not in spec["securityContext"]
    for container in PODS[zone].containers:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    assert not {name for name, _ in walk(spec)} & {
        *("hostNetwork", "hostPID", "hostIPC", "hostPath", "hostPort", "shareProcessNamespace")
    }


def test_no_secret_is_given_to_two_zones() -> None:
    for one, other in itertools.combinations(PODS.values(), 2):
        assert not one.secret_names & other.secret_names


@zones
def test_what_the_executor_acts_with_is_given_to_it_alone(zone: Zone) -> None:
    pod, wanted = PODS[zone], {*WRITES, WRITES_KAFKA}
    assert wanted & pod.secrets.keys() == (wanted if zone is Zone.EXECUTOR else set())
    assert {name for name, _ in pod.secrets} == pod.secret_names, "a Secret that is not listed"


@zones
def test_a_zone_is_given_the_login_of_each_of_its_roles(zone: Zone) -> None:
    logins = {path for path in PODS[zone].secrets.values() if path.endswith(".json")}
    assert logins == {f"credentials/{role}.json" for role in ZONES[zone]}


@zones
def test_only_the_first_container_sees_a_secret(zone: Zone) -> None:
    (volume,) = (one["name"] for one in PODS[zone].spec["volumes"] if "projected" in one)
    assert volume not in {one["name"] for one in PODS[zone].container["volumeMounts"]}
    assert PODS[zone].mounts[copies(PODS[zone])].startswith("/var/lib/aoi")


@zones
def test_what_a_pod_refers_to_is_there(zone: Zone) -> None:
    pod = PODS[zone]
    volumes = {one["name"]: one for one in pod.spec["volumes"]}
    assert volumes.keys() == pod.mounts.keys()
    maps = {one["configMap"]["name"] for one in volumes.values() if "configMap" in one}
    assert maps <= MADE_BY_HAND
    taken = {one["configMapRef"]["name"] for one in pod.container["envFrom"]}
    assert taken <= of_kind("ConfigMap").keys()
    claims = (one.get("persistentVolumeClaim", {}).get("claimName") for one in volumes.values())
    assert {one for one in claims if one} == {zone} & of_kind("PersistentVolumeClaim").keys()
    ports = {one["name"]: one["containerPort"] for one in pod.container["ports"]}
    probes = [value["httpGet"]["port"] for name, value in pod.container.items() if "Probe" in name]
    assert probes and set(probes) <= ports.keys()
    assert str(ports["health"]) == pod.environment["AOI_HEALTH__PORT"]


def test_labels_ports_and_policies_meet() -> None:
    labels = {}
    for name, one in of_kind("Deployment").items():
        labels[name] = one["spec"]["template"]["metadata"]["labels"]
        assert one["spec"]["selector"]["matchLabels"] == labels[name]
    policies = of_kind("NetworkPolicy")
    assert policies["nothing-comes-in"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    opened = [one["spec"] for name, one in policies.items() if name != "nothing-comes-in"]
    assert opened == [
        {
            "podSelector": {"matchLabels": labels[Zone.MIND]},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": "intake"}]}],
        }
    ]
    service = of_kind("Service")["intake"]["spec"]
    assert service["selector"] == labels[Zone.MIND]
    ports = {one["name"]: one["containerPort"] for one in PODS[Zone.MIND].container["ports"]}
    assert [one["targetPort"] for one in service["ports"]] == ["intake"]
    assert str(ports["intake"]) == PODS[Zone.MIND].environment["AOI_INTAKE__PORT"]


def test_the_readme_makes_what_the_pods_are_given(tmp_path: Path) -> None:
    """Its own lines are run, with a kubectl that writes down what it is asked for."""
    asked, stub = tmp_path / "asked", tmp_path / "bin" / "kubectl"
    stub.parent.mkdir()
    stub.write_text(f'#!/bin/sh\ncase "$*" in *--from-file*) echo "$*" >>{asked};; esac\n')
    stub.chmod(0o755)
    work = tmp_path / "work"
    lay_by_hand(work)
    run_readme(work, stub.parent)
    done = set()
    for line in asked.read_text().splitlines():
        _, _, _, *kind, name, file = line.split()
        assert (work / file.removeprefix("--from-file=")).is_file()
        done.add((" ".join(kind), name, Path(file.removeprefix("--from-file=")).name))
    given = {("secret generic", *named) for pod in PODS.values() for named in pod.secrets}
    maps = {("configmap", "keyring", "keyring.json"), ("configmap", "kafka-ca", "ca.pem")}
    assert done == given | maps
    held = {key.name: key.purposes for key in Keyring.load(work / "keyring.json").keys}
    assert held == {name: set(HOLDERS[name]) for name in ("gate", "executor")}


# tried: the files of a pod, its user and its neighbours


@pytest.fixture(scope="module")
def given() -> tuple[dict[Named, bytes], dict[Named, bytes]]:
    """Return something of its kind for every Secret and ConfigMap that a pod names."""
    secrets = {named: made(named[1]) for pod in PODS.values() for named in pod.secrets}
    with TemporaryDirectory() as name:
        ring = Path(name) / "keyring.json"
        write_keyring(ring, (SigningKey.generate().entry("gate", *HOLDERS["gate"]),))
        return secrets, {("keyring", "keyring.json"): ring.read_bytes()}


@pytest.fixture
def node() -> Iterator[Path]:
    """Give a folder that everyone may enter, as if every pod's files lay side by side."""
    with TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


Given = tuple[dict[Named, bytes], dict[Named, bytes]]


def as_zone(pod: Pod, work: Callable[[], object]) -> str:
    uid, gid, fs_group = pod.ids
    return as_user(uid, work, gid=gid, groups=[fs_group])


def private(laid: Laid) -> list[Path]:
    """Return every file of a pod that its neighbours must not read: the Secrets' and the copies."""
    (secrets,) = (one["name"] for one in laid.pod.spec["volumes"] if "projected" in one)
    files = laid.files(secrets, copies(laid.pod))
    assert len(files) == 2 * len(laid.pod.secrets)
    return files


def copies(pod: Pod) -> str:
    """Return the volume in memory."""
    (name,) = (
        one["name"]
        for one in pod.spec["volumes"]
        if one.get("emptyDir", {}).get("medium") == "Memory"
    )
    return str(name)


def load(laid: Laid) -> None:
    """Load what a zone's own user loads: logins, tokens, keys, keyring."""
    state = Places(state_dir=Path(laid.environment()["AOI_STATE_DIR"]))
    for role in ZONES[laid.pod.zone]:
        assert KafkaSettings.of_file(state.credentials / f"{role}.json").username == role
    for name, path in laid.environment().items():
        assert not name.endswith("TOKEN_FILE") or Path(path).read_text()
    if laid.pod.zone in {Zone.GATE, Zone.EXECUTOR}:
        SigningKey.load(state.keys / f"{laid.pod.zone}.key")
        assert Keyring.load(state.keyring).keys


def reads_none(files: Sequence[Path]) -> None:
    """Raise unless each file refuses to be read."""
    for file in files:
        with pytest.raises(PermissionError):
            file.read_bytes()


@two_uids
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_zone_s_user_loads_its_own_files_and_reads_no_other_s(given: Given, node: Path) -> None:
    laid = {zone: lay_out(pod, node / zone, *given) for zone, pod in PODS.items()}
    for zone, own in laid.items():
        assert as_zone(own.pod, own.prepare) == "done", zone
        assert as_zone(own.pod, own.prepare) == "done", f"{zone}: not again after a restart"
        assert as_zone(own.pod, partial(load, own)) == "done", zone
        for file in own.files(copies(own.pod)):
            status = file.stat()
            assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o600, own.pod.ids[0])
    for zone, other in itertools.permutations(Zone, 2):
        files = private(laid[other])
        assert as_zone(PODS[zone], partial(reads_none, files)) == "done", (zone, other)


@two_uids
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_the_kubelet_gives_is_taken_by_no_one_before_it_is_copied(
    given: Given, node: Path
) -> None:
    """The control: the Secret's own file, which a group may read, is refused as a key."""
    pod = PODS[Zone.EXECUTOR]
    laid = lay_out(pod, node / pod.zone, *given)
    (key,) = (file for file in laid.files("secrets") if file.suffix == ".key")
    assert as_zone(pod, key.read_bytes) == "done"
    assert as_zone(pod, lambda: SigningKey.load(key)) == "KeyringInvalid"


@zones
def test_a_zone_is_given_the_variables_that_its_roles_read_and_no_other(
    zone: Zone, given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its roles are made of the pod's own files and variables, and the settings they read noted."""
    laid = lay_out(PODS[zone], tmp_path / "root", *given)
    laid.prepare()
    for name, value in laid.environment().items():
        monkeypatch.setenv(name, value)
    if Role.INFERENCE in ZONES[zone]:  # an operator's choice, here to load no weights
        monkeypatch.setenv("AOI_MODEL__BASE_URL", "http://127.0.0.1:1/v1")
        monkeypatch.setenv("AOI_MODEL__NAME", "some")
    read = noted(monkeypatch)
    read.add(HealthSettings)
    places = Places()
    for role in ZONES[zone]:
        login = wiring.login_of(role, places)
        assert (login.username, login.topic_prefix) == (role, "aoi.")
        wiring.build(role, login, places)
    known = {name for kind in read for name in variables(kind)}
    assert {name for name in laid.environment() if name.startswith("AOI_")} - known == set()


def noted(monkeypatch: pytest.MonkeyPatch) -> set[type[BaseSettings]]:
    """Return the kinds of settings that are read from now on."""
    read: set[type[BaseSettings]] = set()
    plain = BaseSettings.__init__

    def noting(self: BaseSettings, *args: Any, **more: Any) -> None:
        read.add(type(self))
        plain(self, *args, **more)

    monkeypatch.setattr(BaseSettings, "__init__", noting)
    return read


def variables(kind: type[BaseSettings]) -> set[str]:
    """Return the variables of a kind of settings."""
    prefix = kind.model_config.get("env_prefix") or ""
    return {(one.alias or f"{prefix}{name}").upper() for name, one in kind.model_fields.items()}
