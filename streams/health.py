"""`/live`, `/ready` and `/metrics` of a process over HTTP, on loopback unless told otherwise.

Invariant: ready means that every role of the process has its partitions and has restored what it
remembers; live means that the event loop turns. Both say what is missing. A note tells of what is
wrong without making a role unready.
"""

from collections.abc import Callable, Mapping

from aiohttp import web
from mode import Service
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

OK, UNAVAILABLE = 200, 503


class HealthSettings(BaseSettings):
    """Where a process tells how it is; without a port it does not."""

    model_config = SettingsConfigDict(env_prefix="AOI_HEALTH__", frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int | None = Field(default=None, ge=0, le=65_535, description="0: any free one")


class Health(Service):
    """The server, as a service beside the roles' apps.

    ready names each part and how it is; notes, by part, what is wrong with it all the same.
    """

    def __init__(
        self,
        settings: HealthSettings,
        ready: Callable[[], Mapping[str, bool]],
        notes: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._ready = ready
        self._notes = notes
        self._runner: web.AppRunner | None = None
        self.bound_port: int | None = None

    async def on_start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_get("/live", self._live)
        app.router.add_get("/ready", self._tell)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._settings.host, self._settings.port or 0)
        await site.start()
        self.bound_port = self._runner.addresses[0][1]

    async def on_stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def _tell(self, _: web.Request) -> web.Response:
        parts = dict(self._ready())
        well = bool(parts) and all(parts.values())
        told = {"ready": well, "parts": parts, "notes": dict(self._notes())}
        return web.json_response(told, status=OK if well else UNAVAILABLE)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
