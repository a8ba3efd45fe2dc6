"""Which topic a name stands for: one that was removed and made anew has another id."""

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from agents.worker import Transient
from streams import login
from streams.settings import KafkaSettings

TIMEOUT_S = 20.0


def identity(settings: KafkaSettings, name: str) -> str:
    """Return the broker's id of a topic, by its full name. Blocks; raises Transient."""
    kafka = AdminClient(dict(login.librdkafka(settings)))
    asked = kafka.describe_topics(TopicCollection([name]), request_timeout=TIMEOUT_S)
    try:
        return str(asked[name].result(TIMEOUT_S).topic_id)
    except (KafkaException, TimeoutError) as error:
        raise Transient(f"could not ask which topic {name} is: {error}") from error
