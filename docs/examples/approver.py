"""Decide the next open request with nothing but a Kafka client and a key.

It shows the typed act, which is what is signed, and asks on the terminal. A request's `words`,
`line`, `risk` and diff are signed by nobody, so they are not shown.
"""  # noqa: INP001 - a script

import argparse
import asyncio
import base64
import hashlib
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from nacl.signing import SigningKey

words = argparse.ArgumentParser(description=__doc__)
words.add_argument("credentials", type=Path, help="JSON file of a Kafka user")
words.add_argument("key_file", type=Path, help="file with the base64 of an Ed25519 seed")
words.add_argument("name", help="the key's name in AOI's keyring")
words.add_argument("prefix", nargs="?", default="aoi.", help="what topic names begin with")
SAID = words.parse_args()
LOGIN = json.loads(SAID.credentials.read_text(encoding="utf-8"))
KEY = SigningKey(base64.b64decode(SAID.key_file.read_text(encoding="utf-8")))
NAME = SAID.name
PREFIX = SAID.prefix
KAFKA = {
    "bootstrap_servers": LOGIN["bootstrap"],
    "security_protocol": "SASL_PLAINTEXT",
    "sasl_mechanism": LOGIN["mechanism"],
    "sasl_plain_username": LOGIN["username"],
    "sasl_plain_password": LOGIN["password"],
}
COPIED = (
    "approval_id",
    "incident_id",
    "action_hash",
    "order_hash",
    "cluster",
    "policy_version",
)
REQUESTED = PREFIX + "actions.requested"
SETTLED = (PREFIX + "actions.approved", PREFIX + "actions.refused")
BOUND = ("action", "incident_namespace", "severity", "confidence")


def canonical(value: dict) -> bytes:
    """Return canonical JSON: sorted members, no blanks, UTF-8 (RFC 8785)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def moment(text: str) -> str:
    """Return a time in UTC with six decimals, as it is signed."""
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def decide(request: dict, verdict: str) -> bytes:
    """Return the signed decision about a request."""
    if hashlib.sha256(canonical(request["action"])).hexdigest() != request["action_hash"]:
        raise SystemExit("the request shows another action than the one to be approved")
    bound = {name: request["preview"][name] for name in ("touched", "rollback", "pods_affected")}
    bound |= {name: request[name] for name in BOUND}
    if hashlib.sha256(canonical(bound)).hexdigest() != request["order_hash"]:
        raise SystemExit("the request shows another order than the one to be approved")
    payload = {name: request[name] for name in COPIED} | {
        "verdict": verdict,
        "approver": NAME,
        "not_before": moment(request["requested_at"]),
        "expires": moment(request["expires"]),
    }
    signature = KEY.sign(b"AOI-approval-v1\n" + canonical(payload)).signature
    decision = {"payload": payload, "signature": base64.b64encode(signature).decode()}
    return json.dumps(decision).encode()


async def next_open(consumer: AIOKafkaConsumer) -> dict:
    """Return the oldest request that is neither settled nor expired; wait until there is one."""
    requests, settled = {}, set()
    ends = await consumer.end_offsets(consumer.assignment())
    while True:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            for record in records:
                fact = json.loads(record.value)
                if record.topic == REQUESTED:
                    requests[fact["approval_id"]] = fact
                else:
                    settled.add(fact["approval_id"])
        if any([await consumer.position(place) < end for place, end in ends.items()]):
            continue  # what settles a request may still be to come
        for request in sorted(requests.values(), key=lambda one: one["requested_at"]):
            expired = datetime.fromisoformat(request["expires"]) <= datetime.now(UTC)
            if not expired and request["approval_id"] not in settled:
                return request


async def main() -> None:
    """Wait for an open request, ask, and send the decision."""
    async with AIOKafkaProducer(acks="all", **KAFKA) as producer:
        consumer = AIOKafkaConsumer(
            REQUESTED,
            *SETTLED,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            **KAFKA,
        )
        async with consumer:
            request = await next_open(consumer)
        # as JSON in ASCII: no character of it can turn or hide what stands beside it
        print(f"act {json.dumps(request['action'])}")  # noqa: T201 - asks at a terminal
        print(f"rollback {json.dumps(request['preview']['rollback'])}")  # noqa: T201 - likewise
        answer = await asyncio.to_thread(input, "approve? [y/N] ")
        verdict = "approve" if answer.lower() == "y" else "refuse"
        attributes = {
            "ce_specversion": "1.0",
            "ce_id": str(uuid.uuid4()),
            "ce_type": "dev.aoi.ActionDecided.v1",
            "ce_source": f"/approvers/{NAME}",
        }
        headers = [(name, value.encode()) for name, value in attributes.items()]
        topic = PREFIX + "actions.decided"
        await producer.send_and_wait(topic, decide(request, verdict), headers=headers)


asyncio.run(main())
