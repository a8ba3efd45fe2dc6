"""A real API server takes the shipped manifests and admits their pods; no account reads a Secret.

Needs a control plane (`AOI_KUBELITE`, see `tests/parity/controlplane.py`). The README's commands
and its overlay are what is run. No pod starts: controllers make them, and there is no node.
"""

import copy
import json
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from agents.roles import Zone
from tests.parity.controlplane import BINARY, ControlPlane
from tests.parity.record import STAGES
from tests.safety.manifests import FOLDER, lay_by_hand, pods, readme_block, run_readme

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get(BINARY), reason=f"needs a control plane: {BINARY}"),
]
PATH_TO = "path/to/deploy/kubernetes"
POD_SECONDS = 60.0
AOI = ["--namespace", "aoi"]


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Give a control plane to which the README's commands and overlay were applied."""
    place = tmp_path_factory.mktemp("operator")
    with ControlPlane("default", STAGES.read_text()) as plane:
        kubectl = place / "bin" / "kubectl"
        kubectl.parent.mkdir()
        kubectl.write_text(f'#!/bin/sh\nexec {plane.program} kubectl "$@"\n')
        kubectl.chmod(0o755)
        lay_by_hand(place / "secrets")
        run_readme(place / "secrets", kubectl.parent, KUBECONFIG=str(plane.kubeconfig("admin")))
        overlay = readme_block("yaml").replace(PATH_TO, os.path.relpath(FOLDER, place))
        (place / "kustomization.yaml").write_text(overlay)
        told = plane.must(["apply", "--server-side", "--validate=strict", "-k", str(place)])
        assert "Warning" not in told, told
        yield plane


def listed(plane: ControlPlane, kind: str) -> list[dict[str, Any]]:
    return list(json.loads(plane.must([*AOI, "get", kind, "-o", "json"]))["items"])


def created(plane: ControlPlane) -> dict[str, dict[str, Any]]:
    """Return the pods by zone, once their controllers have made them all."""
    deadline = time.monotonic() + POD_SECONDS
    while True:
        found = {
            one["metadata"]["labels"]["app.kubernetes.io/component"]: one
            for one in listed(plane, "pods")
        }
        if found.keys() == set(Zone) or time.monotonic() > deadline:
            return found
        time.sleep(0.3)


def test_the_namespace_admits_the_pod_of_every_zone(plane: ControlPlane) -> None:
    found = created(plane)
    refused = [one["message"] for one in listed(plane, "events") if one["reason"] == "FailedCreate"]
    assert (found.keys(), refused) == (set(Zone), [])
    for zone, pod in found.items():
        said = pod["spec"]["securityContext"]
        assert (said["runAsUser"], said["runAsGroup"], said["fsGroup"]) == pods()[Zone(zone)].ids
        assert pod["spec"]["serviceAccountName"] == zone
        assert "serviceAccountToken" not in json.dumps(pod["spec"])
        assert pod["spec"]["containers"][0]["image"] == "images.example/aoi:1"


def test_what_the_pods_name_is_there(plane: ControlPlane) -> None:
    secrets = {one["metadata"]["name"]: one["data"].keys() for one in listed(plane, "secrets")}
    for pod in pods().values():
        for name, key in pod.secrets:
            assert key in secrets[name]
    gate = {one["metadata"]["name"]: one["data"] for one in listed(plane, "configmaps")}
    assert gate["settings-gate"] == {
        "AOI_GATE__CLUSTER": "shop",
        "AOI_GATE__MANAGED_NAMESPACES": '["shop-*"]',
        "AOI_GATE__OWN_NAMESPACES": '["aoi"]',
    }
    assert "keyring.json" in gate["keyring"]


@pytest.mark.parametrize("zone", Zone)
def test_a_zone_s_account_may_read_no_secret(plane: ControlPlane, zone: Zone) -> None:
    account = f"--as=system:serviceaccount:aoi:{zone}"
    for asked in (
        ["get", "secrets"],
        ["list", "secrets"],
        ["get", "secret/write-token"],
        ["create", "pods"],
        ["create", "pods", "--subresource=exec"],
    ):
        assert plane.kubectl([*AOI, "auth", "can-i", *asked, account]) == ("no\n", 1)
    assert plane.kubectl([*AOI, "auth", "can-i", "get", "secrets"]) == ("yes\n", 0)


def test_the_server_refuses_what_it_should(plane: ControlPlane) -> None:
    """The control: a pod that may be root is not admitted, a misspelt field is not passed over."""
    spec = pods()[Zone.PROBE].spec
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried"}, "spec": spec}
    ask = [*AOI, "create", "--dry-run=server", "--validate=strict", "-f", "-"]
    told, code = plane.kubectl(ask, json.dumps(pod))
    assert (told, code) == ("pod/tried created (server dry run)\n", 0)
    root, misspelt = copy.deepcopy(pod), copy.deepcopy(pod)
    root["spec"]["securityContext"]["runAsNonRoot"] = False
    told, code = plane.kubectl(ask, json.dumps(root))
    assert code and 'violates PodSecurity "restricted:latest"' in told
    misspelt["spec"]["securityContext"]["runAsUsr"] = 0
    told, code = plane.kubectl(ask, json.dumps(misspelt))
    assert code and "runAsUsr" in told
