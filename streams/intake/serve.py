"""Runs the gateway over Kafka: `async with served(settings, kafka) as url`.

Invariant: when the context ends, deliveries under way have been answered and nothing listens.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from streams.intake.gateway import Gateway
from streams.intake.settings import IntakeSettings
from streams.intake.sink import KafkaSink
from streams.settings import KafkaSettings


@asynccontextmanager
async def served(settings: IntakeSettings, kafka: KafkaSettings) -> AsyncIterator[str]:
    """Listen, and give the address; port 0 draws a free one. Raises `OSError`, `Fatal`."""
    async with KafkaSink(kafka, acknowledge_seconds=settings.acknowledge_seconds) as sink:
        runner = web.AppRunner(Gateway(settings, sink).application(), access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, settings.host, settings.port).start()
            host = f"[{settings.host}]" if ":" in settings.host else settings.host
            yield f"http://{host}:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()
