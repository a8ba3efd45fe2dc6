"""Secrets and personal data in the cluster and in alerts, and where they come out: nowhere.

An operator's own repairs plant them in a Secret, a ConfigMap, environments, annotations; a sender
plants them in an alert; a scripted model reads all of it and repairs nothing, and the learner takes
a turn on its failures. Then every byte that was written is searched: records of every topic, also
of guidance, logs, stored values, checkpoints, reports, and what the model was asked.
"""

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from agents.contracts.action import Action, ApplyManifest, LabelResource, SetEnv, Workload
from agents.contracts.command import Command, Target
from agents.environments.remote.client import Connection, RemoteRead, RemoteWrite
from deploy.embedded.lab.address import Address
from deploy.embedded.ray_cluster import ray_environment
from deploy.embedded.shipped import learner_variables
from deploy.embedded.stack import Stack
from learner.checkpoint import latest
from streams.topics import ALERTS_GROUPED, OBSERVATIONS, TELEMETRY
from tests.clusters import own_ray
from tests.doubles.endpoint import STEP
from tests.flow.remains import records, written
from tests.flow.stacks import Seen, broker_of, pipeline, until_closed

pytest.importorskip("ray")
pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]

KNOWN = "correct-horse-battery"
PASSWORD = "Zx9-hunter2.Qq"
PLANTED = {
    "a Secret's value": KNOWN,
    "the same in base64": base64.b64encode(KNOWN.encode()).decode(),
    "the same in hex": KNOWN.encode().hex(),
    "a password": PASSWORD,
    "an e-mail address": "anna.otto@example.org",
    "a phone number": "151 12345678",
    "a bank account": "DE89370400440532013000",
    "a card's number": "4111 1111 1111 1111",
    "an access key": "AKIAIOSFODNN7EXAMPLE",
    "a token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9.dGVzdHNpZ25hdHVyZQ",
}
READS = (
    *("get deployments", "get cm -o yaml", "get deployments -o yaml", "describe deployments"),
    *("describe secrets", "get pods -o yaml", "exec deploy/{} -- env", "get events"),
)
NAME = re.compile(r"^(\S+)\s+\d+/\d+\s", re.MULTILINE)
HAPPENED = "planted by hand"
SMALL = {
    "AOI_LEARN__CANDIDATES": "1",
    "AOI_LEARN__SIBLINGS": "1",
    "AOI_LEARN__NEIGHBOURS": "0",
    "AOI_LEARN__UPDATES": "1",
    "AOI_LEARN__GROUPS": "1",
    "AOI_LEARN__GROUP_SIZE": "2",
    "AOI_LEARN__MAX_SAMPLES": "4",
    "AOI_LEARN__LEARNERS": "0",
    "AOI_LEARN__THREADS": "1",
    "AOI_LEARN__GATES": '{"most_pairs": 2, "batch": 2, "fewest_pairs": 1}',
}
"""A turn of the learner with everything in it, and little of each."""
WRITTEN = PLANTED | {
    "a password": f"password={PASSWORD}",
    "a phone number": f"+49 {PLANTED['a phone number']}",
}
"""How each stands in a text: what has no form of its own has one by what is said before it."""
asked: list[str] = []


def curious(prompt: str) -> str:
    """Play an operator who reads everything, scales one deployment and submits."""
    asked.append(prompt)
    step = int((STEP.search(prompt) or [0, 1])[1])
    known = NAME.search("\n".join(asked))
    name = known[1] if known else "x"
    if step <= len(READS):
        told: dict[str, object] = {"action": "probe", "command": f"kubectl {READS[step - 1]}"}
    elif step == len(READS) + 1:
        told = {"action": "act", "command": "kubectl scale deployment/{} --replicas=2"}
    else:
        told = {"action": "submit"}
    told["command"] = str(told.get("command", "")).format(name)
    return json.dumps({"summary": "seen", "confidence": 80, "target": name, **told})


def plants(namespace: str, deployment: str) -> list[Action]:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "vault", "namespace": namespace},
        "data": {"anything": PLANTED["the same in base64"]},
    }
    notes = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "notes", "namespace": namespace},
        "data": {f"n{at}": f"see {text} here" for at, text in enumerate(WRITTEN.values())},
    }
    workload = Workload(kind="deployments", namespace=namespace, name=deployment)
    # more than 64 KiB together, so that the output goes by claim check
    many = {
        **notes,
        "metadata": {"name": "notes-of-old", "namespace": namespace},
        "data": {f"n{at}": f"note {at}: {'nothing new, ' * 40}" for at in range(115)},
    }
    manifests = (
        ("secrets", "vault", secret),
        ("configmaps", "notes", notes),
        ("configmaps", "notes-of-old", many),
    )
    return [
        *(
            ApplyManifest(
                mode="create",
                kind=kind,
                namespace=namespace,
                name=name,
                manifest=json.dumps(body, sort_keys=True, separators=(",", ":")),
            )
            for kind, name, body in manifests
        ),
        SetEnv(
            workload=workload,
            variables=(
                ("CONTACT", f"{PLANTED['an e-mail address']} {WRITTEN['a phone number']}"),
                ("DB_PASSWORD", PASSWORD),
                ("DB_URL", f"mongodb://admin:{PASSWORD}@db/x"),
                ("NOTE", KNOWN),
            ),
        ),
        LabelResource(
            field="annotations",
            kind="deployments",
            namespace=namespace,
            name=deployment,
            pairs=(("owner", f"pays from {PLANTED['a bank account']}"), ("hint", KNOWN)),
        ),
    ]


async def plant(stack: Stack, namespace: str) -> None:
    """Write it all with the Executor's own token, and see that it is there and hidden."""
    lab = stack.state / "lab"
    url = Address.of_file(lab / "address.json").url
    write = Connection(url=url, token=(lab / "write.token").read_text())
    read = Connection(url=url, token=(lab / "read.token").read_text())
    get = Command(
        program="kubectl", verb="get", namespace=namespace, targets=(Target(kind="deployments"),)
    )
    try:
        shown = (await RemoteRead(read).read(get)).text
        name = NAME.search(shown)
        assert name is not None
        for action in plants(namespace, name[1]):
            output = await RemoteWrite(write).act(action)
            assert output.exit_code == 0, output.text
    finally:
        await write.close()
        await read.close()


async def alert(stack: Stack, namespace: str) -> None:
    """Post what a careless sender writes."""
    port = stack.programs["mind"].environment["AOI_INTAKE__PORT"]
    text = " ".join(one for key, one in WRITTEN.items() if not key.startswith(("a S", "the s")))
    body = {
        "version": "4",
        "groupKey": f"{HAPPENED} {PLANTED['an e-mail address']}",
        "alerts": [
            {
                "status": "firing",
                "labels": {
                    "alertname": "Planted",
                    "namespace": namespace,
                    "aoi_task": "mitigation",
                    "severity": "critical",
                    "api_key": "q8-xyz-planted",
                    "customer": PLANTED["an e-mail address"],
                },
                "annotations": {"description": f"error with password={PASSWORD}: {text}"},
                "startsAt": "2026-11-23T11:00:00Z",
                "generatorURL": f"http://u:{PASSWORD}@prometheus/graph",
            }
        ],
    }
    url = f"http://127.0.0.1:{port}/v1/alerts/alertmanager"
    async with aiohttp.ClientSession() as session, asyncio.timeout(30):
        while True:
            try:
                async with session.post(url, json=body) as response:
                    assert response.status == 202, await response.text()
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.2)


def report(state: Path, incident_id: str, *more: str) -> bytes:
    """Return what `aoi incidents show` prints."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", "incidents", "show", incident_id, *more],
        env={**os.environ, "AOI_STATE_DIR": str(state)},
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout


def found_in(content: bytes) -> list[str]:
    return [name for name, text in PLANTED.items() if text.encode() in content]


async def learned(stack: Stack) -> None:
    """Have a learner take one turn on what failed, with a Ray of its own below the state folder."""
    login = broker_of(stack).credential_file("learner")
    with own_ray() as cluster:
        await asyncio.to_thread(cluster.start)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "learner.run", "--turns", "1",
            env={
                **{name: said for name, said in os.environ.items() if not name.startswith("AOI_")},
                **ray_environment(cluster.state_dir),
                **learner_variables(stack.state),
                **SMALL,
                "AOI_STATE_DIR": str(stack.state),
                "AOI_KAFKA__CREDENTIALS_FILE": str(login),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await process.communicate()
        (stack.state / "log" / "learner.log").write_bytes(out)
        assert process.returncode == 0, out.decode(errors="replace")[-4000:]
    found = latest(stack.state / "learner" / "checkpoints")
    assert found is not None
    assert found[1].ingested


async def ours(seen: Seen, stack: Stack) -> str:
    """Wait until the incident of our alert has its trajectory and return its id."""
    async with asyncio.timeout(100):
        while True:
            for one in seen.closed(stack.namespaces):
                if "Planted" in json.dumps(one.model_dump(mode="json")) or one.title.startswith(
                    "error with"
                ):
                    return one.incident_id
            await asyncio.sleep(0.2)


async def test_what_is_planted_comes_out_nowhere() -> None:
    asked.clear()
    async with pipeline(incidents=1, reply=curious) as (stack, seen):
        namespace = stack.namespaces[0]
        await plant(stack, namespace)
        await alert(stack, namespace)
        incident = await ours(seen, stack)
        await until_closed(stack, seen, incidents=2, seconds=100)
        await learned(stack)
        state = broker_of(stack).state_dir
        looked_at = [one async for one in records(stack)]
        places: list[tuple[str, bytes]] = [
            (f"topic {place.topic}", one) for place, one in looked_at
        ]
        places += list(written(state))
        places += [("the model's prompt", one.encode()) for one in asked]
        places += [("the report", report(state, incident, *more)) for more in ((), ("--json",))]
    everything = b"\n".join(content for _, content in places)
    assert {
        (where, tuple(found_in(content))) for where, content in places if found_in(content)
    } == set()
    assert b"q8-xyz-planted" not in everything
    # the plants were seen, or their absence would tell nothing
    for mark in ("known secret", "e-mail", "phone number", "bank account", "card number", "token"):
        assert f"[redacted:{mark}]".encode() in everything, mark
    wheres = {where for where, _ in places}
    for topic in (OBSERVATIONS, TELEMETRY, ALERTS_GROUPED):
        assert any(where.endswith(topic.name) for where in wheres), topic.name
    assert any(where.startswith("log/") for where in wheres)
    assert any(where.endswith(".zst") for where in wheres)
