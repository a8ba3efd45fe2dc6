"""The broker's configuration as text: one KRaft node that listens on loopback only.

Invariant: every listener is bound to 127.0.0.1, every client logs in by SCRAM, and what no ACL
allows is refused. Sizes are those of a laptop: few internal partitions, small buffers.
"""

from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.credentials import ADMIN, MECHANISM

HOST = "127.0.0.1"
_MODULES = "org.apache.kafka.common.security"

LOG4J = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.denials.name = kafka.authorizer.logger
logger.denials.level = info
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where clients and the controller's quorum connect, both on loopback."""

    broker: int
    controller: int

    @property
    def bootstrap(self) -> str:
        """The address that clients are given."""
        return f"{HOST}:{self.broker}"


def server(*, ports: Ports, data_dir: Path, admin_password: str) -> str:
    """Return `server.properties`; it holds the admin's password, so write it 0600."""
    login = f'required username="{ADMIN}" password="{admin_password}"'
    client, quorum = (
        f"SASL_PLAINTEXT://{ports.bootstrap}",
        f"CONTROLLER://{HOST}:{ports.controller}",
    )
    scram = MECHANISM.lower()
    rows = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{ports.controller}",
        "listeners": f"{client},{quorum}",
        "advertised.listeners": client,
        "inter.broker.listener.name": "SASL_PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:SASL_PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": MECHANISM,
        "sasl.mechanism.inter.broker.protocol": MECHANISM,
        "sasl.mechanism.controller.protocol": "PLAIN",
        f"listener.name.sasl_plaintext.{scram}.sasl.jaas.config": (
            f"{_MODULES}.scram.ScramLoginModule {login};"
        ),
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": (
            f'{_MODULES}.plain.PlainLoginModule {login} user_{ADMIN}="{admin_password}";'
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{ADMIN}",
        "allow.everyone.if.no.acl.found": "false",
        "auto.create.topics.enable": "false",
        "log.dirs": str(data_dir),
        **_ONE_NODE,
        **_SMALL,
    }
    return "".join(f"{key}={value}\n" for key, value in rows.items())


_ONE_NODE = {
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # a broker is let in on a heartbeat: every 2 s by default, which a start would wait for
    "broker.heartbeat.interval.ms": "250",
    # after a kill the next broker is let in when the dead one's session has run out
    "broker.session.timeout.ms": "3000",
}
_SMALL = {
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.num.partitions": "8",
    "share.coordinator.state.topic.num.partitions": "1",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "log.index.size.max.bytes": "1048576",
    "log.segment.bytes": "268435456",
    "background.threads": "2",
    "num.network.threads": "2",
    "num.io.threads": "4",
}
