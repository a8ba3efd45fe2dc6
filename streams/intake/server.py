"""The gateway's HTTP server beside the role `intake`: up before the role is ready, down after it.

Invariant: a delivery under way is answered before the connection to Kafka goes.
"""

from aiohttp import web

from streams.intake.gateway import Gateway
from streams.intake.settings import IntakeSettings
from streams.intake.sink import KafkaSink
from streams.settings import KafkaSettings


class GatewayServer:
    """A companion of the role: `start` returns when alerts are taken."""

    def __init__(self, settings: IntakeSettings, kafka: KafkaSettings) -> None:
        self._settings = settings
        self._sink = KafkaSink(kafka, acknowledge_seconds=settings.acknowledge_seconds)
        self._runner: web.AppRunner | None = None
        self.address = ""

    async def start(self) -> None:
        """Connect to Kafka, then listen. Raises OSError when the port is taken."""
        await self._sink.__aenter__()
        gateway = Gateway(self._settings, self._sink)
        self._runner = web.AppRunner(gateway.application(), access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._settings.host, self._settings.port)
        await site.start()
        self.address = site.name

    async def close(self) -> None:
        """Answer what is under way, then let go."""
        if self._runner is not None:
            await self._runner.cleanup()
        await self._sink.__aexit__()
