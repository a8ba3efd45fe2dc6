"""Serves many labs to Probe, Preview and Executor: each token opens its own routes only.

Invariant: a request without the right token changes nothing and learns nothing; a request is
answered from the lab whose namespace it names, through that lab's border (`border.py`). One lab
answers one request at a time. A lab's own failure is a logged 500, apart from the refusals (409,
412, 422), so that no caller takes it for one.
"""

import hmac
from collections.abc import Mapping
from typing import TypeVar

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from pydantic import BaseModel, ValidationError

from agents.contracts.action import namespace_of
from agents.environments.border import Border, Served
from agents.environments.protocol import ActionRejected, ObjectMoved, Output
from agents.environments.remote.wire import (
    OPENS,
    ActionAsked,
    ErrorTold,
    HealthTold,
    OutputTold,
    ReadAsked,
    Right,
    Route,
    VersionsAsked,
    VersionsTold,
)

MAX_BODY = 1_048_576
CONFLICT, MOVED, UNPROCESSABLE, FAILED = 409, 412, 422, 500

T = TypeVar("T", bound=BaseModel)
log = structlog.get_logger(__name__)


class Malformed(Exception):
    """A request's body is not what its route takes."""


Labs = Mapping[str, Served]


def application(labs: Labs, tokens: Mapping[Right, str]) -> web.Application:
    """Return the HTTP application over these labs, by namespace."""
    app = web.Application(client_max_size=MAX_BODY, middlewares=[_guard(tokens)])
    faces = _Faces(labs)
    app.router.add_post(Route.READ, faces.read)
    app.router.add_post(Route.PREVIEW, faces.preview)
    app.router.add_post(Route.ACT, faces.act)
    app.router.add_post(Route.VERSIONS, faces.versions)
    app.router.add_post(Route.VERIFY, faces.verify)
    return app


def _guard(tokens: Mapping[Right, str]) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        rights = OPENS[Route(request.path)] if request.path in set(Route) else frozenset()
        given = request.headers.get("Authorization", "").encode()
        opening = [f"Bearer {tokens[right]}".encode() for right in rights if right in tokens]
        if not any(hmac.compare_digest(given, one) for one in opening):
            return _told(ErrorTold(rejected=True, message=f"forbidden: {request.path}"), 403)
        try:
            return await handler(request)
        except Malformed as error:
            return _told(ErrorTold(rejected=True, message=str(error)), UNPROCESSABLE)
        except ObjectMoved as error:
            return _told(ErrorTold(rejected=True, message=str(error)), MOVED)
        except ActionRejected as error:
            return _told(ErrorTold(rejected=True, message=str(error)), CONFLICT)
        except web.HTTPException:
            raise
        except Exception as error:
            log.exception("lab_failed", route=request.path)
            message = f"the lab failed: {type(error).__name__}; its log has the rest"
            return _told(ErrorTold(rejected=False, message=message), FAILED)

    return guard


class _Faces:
    """The five routes."""

    def __init__(self, labs: Labs) -> None:
        self.labs = labs
        self.borders: dict[str, Border] = {}

    async def read(self, request: web.Request) -> web.Response:
        command = (await _asked(request, ReadAsked)).command
        output = self._lab(command.namespace).read(command)
        return _output(output)

    async def preview(self, request: web.Request) -> web.Response:
        action = (await _asked(request, ActionAsked)).action
        return _told(self._lab(namespace_of(action)).preview(action))

    async def act(self, request: web.Request) -> web.Response:
        asked = await _asked(request, ActionAsked)
        return _output(self._lab(namespace_of(asked.action)).act(asked.action, asked.touched))

    async def versions(self, request: web.Request) -> web.Response:
        touched = (await _asked(request, VersionsAsked)).touched
        if not touched:
            return _told(VersionsTold(touched=()))
        lab = self._lab(touched[0].namespace)
        return _told(VersionsTold(touched=lab.versions(touched)))

    async def verify(self, request: web.Request) -> web.Response:
        action = (await _asked(request, ActionAsked)).action
        healthy, detail = self._lab(namespace_of(action)).verify(action)
        return _told(HealthTold(healthy=healthy, detail=detail))

    def _lab(self, namespace: str | None) -> Border:
        name = namespace or ""
        lab = self.labs.get(name)
        if lab is None:
            message = f'Error from server (NotFound): namespaces "{namespace}" not found'
            raise ActionRejected(message)
        border = self.borders.get(name)
        if border is None or border.environment is not lab:
            border = self.borders[name] = Border(lab)
        return border


async def _asked(request: web.Request, kind: type[T]) -> T:
    raw = await request.read()
    try:
        return kind.model_validate_json(raw)
    except ValidationError as error:
        raise Malformed(str(error)) from error


def _output(output: Output) -> web.Response:
    return _told(
        OutputTold(
            text=output.text,
            exit_code=output.exit_code,
            seconds=output.seconds,
            redactions=output.redactions,
        )
    )


def _told(value: BaseModel, status: int = 200) -> web.Response:
    return web.Response(
        body=value.model_dump_json().encode(), status=status, content_type="application/json"
    )
