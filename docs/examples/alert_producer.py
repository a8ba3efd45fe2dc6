"""Raise an alert with nothing but a Kafka client."""  # noqa: INP001 - a script

import argparse
import asyncio
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

from aiokafka import AIOKafkaProducer

words = argparse.ArgumentParser(description=__doc__)
words.add_argument("credentials", type=Path, help="JSON file of a Kafka user")
words.add_argument("prefix", nargs="?", default="aoi.", help="what topic names begin with")
SAID = words.parse_args()
LOGIN = json.loads(SAID.credentials.read_text(encoding="utf-8"))
PREFIX = SAID.prefix
ALERT = {
    "fingerprint": "checkout-5xx",
    "group": "shop/checkout",
    "status": "firing",
    "labels": {"alertname": "HighErrorRate", "namespace": "shop", "severity": "critical"},
    "annotations": {"summary": "checkout answers 5xx"},
    "starts_at": datetime.now(UTC).isoformat(),
}
ATTRIBUTES = {
    "ce_specversion": "1.0",
    "ce_id": str(uuid.uuid4()),
    "ce_type": "dev.aoi.AlertReceived.v1",
    "ce_source": "/examples/alert_producer",
}


async def main() -> None:
    """Send one alert and wait until the broker has it."""
    producer = AIOKafkaProducer(
        bootstrap_servers=LOGIN["bootstrap"],
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism=LOGIN["mechanism"],
        sasl_plain_username=LOGIN["username"],
        sasl_plain_password=LOGIN["password"],
        acks="all",
    )
    async with producer:
        headers = [(name, value.encode()) for name, value in ATTRIBUTES.items()]
        await producer.send_and_wait(PREFIX + "alerts", json.dumps(ALERT).encode(), headers=headers)


asyncio.run(main())
