"""Records what a real kubectl answers on a real API server, for `test_parity.py` to compare.

    AOI_KUBELITE=/path/to/binary python -m tests.parity.record

Writes `fixtures/objects.json` (every object at the frozen moment) and `fixtures/cases.json`
(each command with its output, exit code, moment, and what it changed). Invariant: once the scene
is quiet its controllers are ended, so what a case changed is what its command changed.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from agents.environments.simulated.objects.kinds import Manifest
from agents.environments.simulated.objects.patching import inverse
from tests.parity import scene
from tests.parity.commands import Line, reads, writes
from tests.parity.controlplane import BINARY, ControlPlane

FIXTURES = Path(__file__).with_name("fixtures")
STAGES = Path(__file__).with_name("stages.yaml")
_COMMAND = f"{BINARY}=BINARY python -m tests.parity.record"

State = dict[str, Manifest]


def _case(plane: ControlPlane, line: Line, names: dict[str, str]) -> dict[str, Any]:
    text = line.text
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    text = text.replace("{{", "{").replace("}}", "}")
    begin = time.time()
    output, code = plane.kubectl(shlex.split(text)[1:], line.stdin, user=line.user)
    case: dict[str, Any] = {
        "group": line.group,
        "line": text,
        "output": output,
        "code": code,
        "at": [round(begin, 3), round(time.time(), 3)],
    }
    if line.stdin is not None:
        case["stdin"] = line.stdin
    if line.user != "admin":
        case["user"] = line.user
    return case


def changes(before: State, after: State) -> dict[str, Any]:
    """Return what leads from one state to the next: a merge patch an object, null for one gone.

    Events are left out: the API server itself may tell some at any moment.
    """
    found: dict[str, Any] = {}
    for key in sorted(before.keys() | after.keys()):
        if key.startswith("events "):
            continue
        if key not in after:
            found[key] = None
        elif before.get(key) != after[key]:
            found[key] = inverse(after[key], before.get(key, {}))
    return found


def record(*, say: bool) -> None:
    """Run the control plane, set the scene, run every command, and write the fixtures."""
    namespace = scene.labs()[0].namespace
    with ControlPlane(namespace, STAGES.read_text()) as plane:
        scene.set_up(plane, say=say)
        plane.freeze()
        version = json.loads(plane.must(["version", "-o", "json"]))
        objects = scene.dump(plane)
        names = scene.placeholders(objects)
        cases = []
        for line in reads():
            cases.append(_case(plane, line, names))
            if say:
                _say(len(cases), cases[-1]["line"])
        moved = changes(objects, scene.dump(plane))
        if moved:
            raise RuntimeError(f"reads changed objects, or the scene was not quiet: {moved}")
        state = objects
        for line in writes():
            case = _case(plane, line, names)
            after = scene.dump(plane)
            case["changes"] = changes(state, after)
            state = after
            cases.append(case)
            if say:
                _say(len(cases), case["line"], len(case["changes"]))
    header = {
        "recorded_by": _COMMAND,
        "kubectl": version["clientVersion"]["gitVersion"],
        "server": version["serverVersion"]["gitVersion"],
        "namespace": namespace,
    }
    FIXTURES.mkdir(exist_ok=True)
    _write("objects.json", {"header": header, "objects": objects}, "objects")
    _write("cases.json", {"header": header, "cases": cases}, "cases")


def _say(*words: object) -> None:
    sys.stderr.write(" ".join(map(str, words)) + "\n")


def _write(name: str, data: dict[str, Any], field: str) -> None:
    """Write compact JSON with one entry a line, so that a new recording can be reviewed."""
    entries = data[field]
    header = json.dumps(data["header"], separators=(",", ":"))
    if isinstance(entries, dict):
        lines = [f"{json.dumps(key)}:{_compact(value)}" for key, value in entries.items()]
        body = "{\n" + ",\n".join(lines) + "\n}"
    else:
        body = "[\n" + ",\n".join(_compact(value) for value in entries) + "\n]"
    text = f'{{"header":{header},"{field}":{body}}}\n'
    (FIXTURES / name).write_text(text)


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)


def main() -> None:
    """Read the command line and record."""
    parser = argparse.ArgumentParser(
        description="Record kubectl's answers on a real API server into tests/parity/fixtures.",
        epilog=f"{BINARY} names one binary that is etcd, kube-apiserver, kube-controller-manager, "
        "kube-scheduler, kwok and kubectl by its first argument. Takes about four minutes.",
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing while recording")
    record(say=not parser.parse_args().quiet)


if __name__ == "__main__":
    main()
