"""Records what a real kubectl asks of a real API server for each benign line of `canary.py`.

    AOI_KUBELITE=/path/to/binary python -m tests.safety.record

Writes `fixtures/kubectl.json`: for each line the argv that `render` builds, kubectl's exit code,
and the requests that reached the API server. helm's lines are left out: no helm is at hand.
The default namespace of the kubeconfig is another than the lines', so that `--namespace` counts.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from agents.policy.render import render
from tests.parity.controlplane import BINARY, ControlPlane
from tests.parity.record import STAGES
from tests.safety.canary import CANARIES
from tests.safety.judge import NAMESPACE, runs
from tests.safety.recording_proxy import RecordingProxy

FIXTURE = Path(__file__).parent / "fixtures" / "kubectl.json"
SCENE = Path(__file__).with_name("scene.yaml")
_TOKEN = "admin-of-the-recording"
_ROOM = {"cpu": "16", "memory": "64Gi", "pods": "110"}
_NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "kind-worker", "labels": {"kubernetes.io/os": "linux"}},
    "status": {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "allocatable": _ROOM,
        "capacity": _ROOM,
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 1}},
    },
}
_KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: lab, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
contexts: [{{name: lab, context: {{cluster: lab, user: "", namespace: elsewhere}}}}]
current-context: lab
"""


def _set_up(plane: ControlPlane) -> None:
    plane.must(["create", "namespace", NAMESPACE])
    plane.must(["create", "-f", "-"], json.dumps(_NODE))
    place = ["--namespace", NAMESPACE]
    plane.must([*place, "wait", "--for=create", "serviceaccount/default", "--timeout=30s"])
    plane.must([*place, "create", "-f", "-"], SCENE.read_text())
    for revision in "23":
        plane.must([*place, "rollout", "status", "deployment/geo", "--timeout=60s"])
        plane.must([*place, "set", "env", "deployment/geo", "-c", "geo", f"REVISION={revision}"])
    plane.must([*place, "rollout", "status", "deployment/geo", "--timeout=60s"])
    plane.must([*place, "rollout", "status", "statefulset/mongodb", "--timeout=60s"])


def record() -> None:
    """Run the control plane, set the scene, run every line, and write the fixture."""
    cases: list[dict[str, Any]] = []
    with ControlPlane(NAMESPACE, STAGES.read_text()) as plane:
        _set_up(plane)
        version = json.loads(plane.must(["version", "-o", "json"]))
        with RecordingProxy(plane.port, _TOKEN) as proxy:
            plane.kubeconfig("recorded").write_text(_KUBECONFIG.format(port=proxy.port))
            for line in CANARIES:
                command = runs(line)
                if command.program != "kubectl":
                    continue
                argv = render(command)
                output, code = plane.kubectl(argv[1:], command.stdin, user="recorded")
                case = {"line": line, "argv": argv, "code": code, "requests": proxy.take()}
                if code:
                    case["output"] = output[:300]
                cases.append(case)
                sys.stderr.write(f"{len(cases)} {code} {line[:100]!r}\n")
                if command.verb == "rollout restart":
                    time.sleep(1.1)  # kubectl does not restart the same twice in one second
                if command.verb in {"delete", "create"}:
                    time.sleep(0.5)  # a pod is gone when its controller has said so
                    plane.kubectl(
                        ["--namespace", NAMESPACE, "create", "-f", "-"], SCENE.read_text()
                    )
    header = {
        "recorded_by": f"{BINARY}=BINARY python -m tests.safety.record",
        "kubectl": version["clientVersion"]["gitVersion"],
        "server": version["serverVersion"]["gitVersion"],
    }
    rows = ",\n".join(json.dumps(case, separators=(",", ":"), sort_keys=True) for case in cases)
    FIXTURE.parent.mkdir(exist_ok=True)
    FIXTURE.write_text(f'{{"header":{json.dumps(header)},"cases":[\n{rows}\n]}}\n')


if __name__ == "__main__":
    record()
