"""The contract as AsyncAPI 3.1, generated from the registry of topics and the models.

Invariant: every public topic is a channel, with every fact that it carries; nothing stands here
that `streams/topics.py` or `agents/contracts/` does not say. Actions are told from AOI's side: it
receives what outsiders write and sends what they read.
"""

from collections.abc import Mapping

from agents.contracts.model_base import Fact
from streams import schema
from streams.topic import Key, Topic, Visibility
from streams.topics import TOPICS

VERSION = "3.1.0"
CONTRACT_VERSION = "1.0.0"
PREFIX = "aoi."
KAFKA_BINDING = "0.5.0"
SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
SCHEMAS = "./schemas"

KEYS: Mapping[Key, str] = {
    Key.ANY: "any; AOI re-keys what it reads",
    Key.GROUP: "the alert's group",
    Key.INCIDENT: "the incident's id",
    Key.APPROVAL: "the approval's id",
    Key.SIGNATURE: "the failure signature",
    Key.ROLE: "the model's role",
    Key.WRITER: "the writer of the chain",
    Key.SOURCE: "where the record came from",
    Key.STATE: "the reducer's key",
}

HEADERS: Mapping[str, tuple[str, bool]] = {
    "ce_specversion": ("always 1.0", True),
    "ce_id": ("the fact's id; a repeat has the same one", True),
    "ce_type": ("which fact this is", True),
    "ce_source": ("who says so", True),
    "ce_time": ("when, as RFC 3339; without it the broker's time counts", False),
    "ce_partitionkey": ("the key that placed the record", False),
    "ce_correlationid": ("the incident", False),
    "ce_causationid": ("the id of the fact that caused this one", False),
    "ce_sequence": ("counts the outputs of one reducer's state", False),
    "ce_applied": ("ids that the reducer applied since its output before, as a JSON list", False),
    "traceparent": ("W3C trace context", False),
}


def document() -> dict[str, object]:
    """Return the AsyncAPI document as plain data."""
    public = [topic for topic in TOPICS if topic.visibility is not Visibility.INTERNAL]
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "AOI: alerts in, approvals in, incidents out",
            "version": CONTRACT_VERSION,
            "description": (
                "The public topics of AOI. Records are CloudEvents 1.0 in Kafka's binary mode: "
                f"attributes are headers, the value is JSON. The prefix `{PREFIX}` of topics is a "
                "setting. Changes within v1 only add; readers ignore fields that they don't know."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "Apache Kafka 3.7 or newer.",
                "variables": {
                    "bootstrap": {"default": "127.0.0.1:9092", "description": "host:port"}
                },
                "security": [{"$ref": "#/components/securitySchemes/scram"}],
            }
        },
        "channels": {topic.name: _channel(topic) for topic in public},
        "operations": {_operation_name(topic): _operation(topic) for topic in public},
        "components": {
            "messages": {fact.__name__: _message(fact) for fact in schema.public_facts()},
            "securitySchemes": {
                "scram": {
                    "type": "scramSha256",
                    "description": "One Kafka user a role; the table of topics is its rights.",
                }
            },
        },
    }


def _channel(topic: Topic) -> dict[str, object]:
    return {
        "address": f"{PREFIX}{topic.name}",
        "description": topic.doc,
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {
            fact.__name__: {"$ref": f"#/components/messages/{fact.__name__}"}
            for fact in topic.facts
        },
        "bindings": {
            "kafka": {
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": ["compact" if topic.compacted else "delete"],
                    "retention.ms": topic.retention_ms,
                },
                "bindingVersion": KAFKA_BINDING,
            }
        },
        "x-key": KEYS[topic.key],
        "x-writers": [str(user) for user in topic.writers],
        "x-readers": [str(user) for user in topic.readers],
    }


def _operation_name(topic: Topic) -> str:
    verb = "receive" if topic.visibility is Visibility.PUBLIC_IN else "send"
    return f"{verb}.{topic.name}"


def _operation(topic: Topic) -> dict[str, object]:
    return {
        "action": "receive" if topic.visibility is Visibility.PUBLIC_IN else "send",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": topic.doc,
    }


def _message(fact: type[Fact]) -> dict[str, object]:
    return {
        "name": fact.TYPE,
        "title": fact.__name__,
        "summary": (fact.__doc__ or "").strip().partition("\n")[0],
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "required": [name for name, (_, required) in HEADERS.items() if required],
            "properties": {name: _header(fact, name, told) for name, (told, _) in HEADERS.items()},
        },
        "payload": {
            "schemaFormat": SCHEMA_FORMAT,
            "schema": {"$ref": f"{SCHEMAS}/{schema.name_of(fact)}.json"},
        },
    }


def _header(fact: type[Fact], name: str, told: str) -> dict[str, object]:
    fixed = {"ce_specversion": "1.0", "ce_type": fact.TYPE}
    constant = {"const": fixed[name]} if name in fixed else {}
    return {"type": "string", "description": told, **constant}
