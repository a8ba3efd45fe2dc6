"""The gateway's HTTP server: beside the role `intake`, or alone as `async with served(...) as url`.

Invariant: a delivery under way is answered before the connection to Kafka goes; a server that could
not start leaves nothing behind.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from streams.intake.gateway import Gateway
from streams.intake.settings import IntakeSettings
from streams.intake.sink import KafkaSink
from streams.settings import KafkaSettings


class GatewayServer:
    """A companion of the role: `start` returns when alerts are taken, at `address`."""

    def __init__(self, settings: IntakeSettings, kafka: KafkaSettings) -> None:
        self._settings = settings
        self._sink = KafkaSink(kafka, acknowledge_seconds=settings.acknowledge_seconds)
        self._runner: web.AppRunner | None = None
        self.address = ""

    async def start(self) -> None:
        """Connect to Kafka, then listen; port 0 draws a free one. Raises OSError, Fatal."""
        try:
            await self._sink.__aenter__()
            gateway = Gateway(self._settings, self._sink)
            self._runner = web.AppRunner(gateway.application(), access_log=None)
            await self._runner.setup()
            await web.TCPSite(self._runner, self._settings.host, self._settings.port).start()
        except BaseException:
            await self.close()
            raise
        host = self._settings.host
        named = f"[{host}]" if ":" in host else host
        self.address = f"http://{named}:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """Answer what is under way, then let go."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        await self._sink.__aexit__()


@asynccontextmanager
async def served(settings: IntakeSettings, kafka: KafkaSettings) -> AsyncIterator[str]:
    """Listen for as long as the context lasts, and give the address."""
    server = GatewayServer(settings, kafka)
    await server.start()
    try:
        yield server.address
    finally:
        await server.close()
