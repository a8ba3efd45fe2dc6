"""The door by which later rounds are released: POST /v1/rounds/<number> with a token of its own.

Invariant: no zone has its address or its token; a request without the token releases nothing and
learns nothing; releasing a round twice is releasing it once. It tells how many, never what.
"""

import hmac
from collections.abc import Callable

import aiohttp
import orjson
from aiohttp import web

TOKEN = "rounds"  # noqa: S105 - the name of the token's file
TIMEOUT_SECONDS = 10.0
OK, FORBIDDEN, NOT_FOUND = 200, 403, 404

Release = Callable[[int], int]
"""Releases a round and returns how many incidents it has; raises KeyError without such a round."""


class RoundRefused(RuntimeError):
    """The lab did not release a round; the message tells what it said."""


def door(release: Release, token: str) -> web.Application:
    """Return the HTTP application with this one route."""

    async def released(request: web.Request) -> web.Response:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            return _told({"error": "forbidden"}, FORBIDDEN)
        number = request.match_info["number"]
        try:
            count = release(int(number))
        except (KeyError, ValueError):
            return _told({"error": f"there is no round {number}"}, NOT_FOUND)
        return _told({"round": int(number), "incidents": count}, OK)

    app = web.Application(client_max_size=1024)
    app.router.add_post("/v1/rounds/{number}", released)
    return app


async def ask(url: str, token: str, number: int) -> None:
    """Have the lab at this address release a round. Raises RoundRefused."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
            session.post(f"{url}/v1/rounds/{number}") as response,
        ):
            text = await response.text()
            if response.status != OK:
                raise RoundRefused(
                    f"expected 200 for round {number}, got {response.status}: {text}"
                )
    except (aiohttp.ClientError, TimeoutError) as error:
        raise RoundRefused(f"the lab is away: {error!r}; its log says why") from error


def _told(value: dict[str, object], status: int) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")
