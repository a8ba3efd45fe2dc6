"""The lab over HTTP: a refusal is a refusal, everything else that goes wrong is `unavailable`."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from pydantic import TypeAdapter
from structlog.testing import capture_logs

from agents.contracts.action import Preview, RestartRollout, Touched, Workload
from agents.contracts.command import Command
from agents.environments.border import Confidential
from agents.environments.protocol import (
    ActionRejected,
    EnvironmentUnavailable,
    ObjectMoved,
    Output,
)
from agents.environments.remote.client import Connection, RemotePreview, RemoteRead, RemoteWrite
from agents.environments.remote.server import application
from agents.environments.remote.wire import OPENS, ErrorTold, Right, Route
from agents.environments.simulated.incidents import generate
from agents.environments.simulated.lab import Lab as SimulatedLab
from agents.policy.actions import read_act

COMMAND = Command(program="kubectl", verb="get", namespace="shop")
ACTION = RestartRollout(workload=Workload(kind="deployments", namespace="shop", name="cart"))
TOLD = ErrorTold(rejected=True, message="no").model_dump_json().encode()


class Lab:
    """Raises what it is given."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def read(self, command: Command) -> Output:
        raise self.error

    def act(self, action: object) -> Output:
        raise self.error

    def preview(self, action: object) -> Preview:
        raise self.error

    def versions(self, touched: tuple[Touched, ...]) -> tuple[Touched, ...]:
        raise self.error

    def verify(self, action: object) -> tuple[bool, str]:
        raise self.error

    def confidential(self) -> Confidential:
        return Confidential(version=0, secrets=())


@asynccontextmanager
async def connected(app: web.Application) -> AsyncIterator[Connection]:
    async with TestServer(app) as server:
        connection = Connection(url=str(server.make_url("")).rstrip("/"), token="t")
        try:
            yield connection
        finally:
            await connection.close()


def answering(status: int, body: bytes) -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, body=body)

    app = web.Application()
    for route in Route:
        app.router.add_post(route, answer)
    return app


def served(error: Exception) -> web.Application:
    return application({"shop": Lab(error)}, dict.fromkeys(Right, "t"))


async def versions(connection: Connection) -> object:
    touched = Touched(kind="deployments", namespace="shop", name="cart", resource_version="1")
    return await RemoteWrite(connection).versions((touched,))


CALLS: dict[Route, Callable[[Connection], Awaitable[object]]] = {
    Route.READ: lambda connection: RemoteRead(connection).read(COMMAND),
    Route.PREVIEW: lambda connection: RemotePreview(connection).preview(ACTION),
    Route.ACT: lambda connection: RemoteWrite(connection).act(ACTION),
    Route.VERSIONS: versions,
    Route.VERIFY: lambda connection: RemoteWrite(connection).verify(ACTION),
}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (200, b"{}"),
        (201, TOLD),
        (404, b"404: Not Found"),
        (409, b"<html>"),
        (413, b"too large"),
        (422, b""),
        (500, b"500 Internal Server Error"),
        (500, TOLD),
        (503, TOLD),
    ],
)
@pytest.mark.parametrize("route", Route)
async def test_an_answer_that_is_no_refusal_is_unavailable(
    route: Route, status: int, body: bytes
) -> None:
    async with connected(answering(status, body)) as connection:
        with pytest.raises(EnvironmentUnavailable, match=str(status)):
            await CALLS[route](connection)


@pytest.mark.parametrize("status", [403, 409, 412, 422])
async def test_a_refusal_is_rejected(status: int) -> None:
    async with connected(answering(status, TOLD)) as connection:
        with pytest.raises(ActionRejected):
            await RemotePreview(connection).preview(ACTION)


def invalid() -> Exception:
    with pytest.raises(ValueError, match="int") as raised:
        TypeAdapter(int).validate_python("x")
    return raised.value


@pytest.mark.parametrize("error", [KeyError("secret"), invalid()], ids=["defect", "validation"])
@pytest.mark.parametrize("route", Route)
async def test_a_lab_that_fails_is_a_logged_500_and_unavailable(
    route: Route, error: Exception
) -> None:
    with capture_logs() as logs:
        async with connected(served(error)) as connection:
            with pytest.raises(EnvironmentUnavailable, match=r'500: \{"rejected":false') as raised:
                await CALLS[route](connection)
    assert "secret" not in str(raised.value)
    assert [(one["event"], one["route"]) for one in logs] == [("lab_failed", str(route))]


async def test_a_refusing_lab_and_a_malformed_request_are_no_failures() -> None:
    async with connected(served(ActionRejected("immutable"))) as connection:
        with pytest.raises(ActionRejected, match="immutable"):
            await RemotePreview(connection).preview(ACTION)
        with pytest.raises(ActionRejected, match="ActionAsked"):
            await connection.ask(Route.ACT, COMMAND, ErrorTold)


async def test_an_act_on_another_version_is_not_done_and_says_so() -> None:
    lab = SimulatedLab(generate(7))
    app = application({lab.namespace: lab}, dict.fromkeys(Right, "t"))
    name = lab.cluster.store.listed("deployments", lab.namespace)[0]["metadata"]["name"]
    act = read_act(f"kubectl rollout restart deployment/{name}", lab.namespace)
    async with connected(app) as connection:
        handle = RemoteWrite(connection)
        touched = (await handle.preview(act)).touched
        assert (await handle.act(act, touched)).exit_code == 0
        with pytest.raises(ObjectMoved, match=f"deployments/{name}"):
            await handle.act(act, touched)
        assert (await handle.act(act)).exit_code == 0


def test_a_status_alone_is_another_version_of_the_same_state() -> None:
    lab = SimulatedLab(generate(7))
    deployment = lab.cluster.store.listed("deployments", lab.namespace)[0]
    name = deployment["metadata"]["name"]
    act = read_act(f"kubectl rollout restart deployment/{name}", lab.namespace)
    first = lab.preview(act)
    deployment["status"]["observedGeneration"] = 99
    lab.cluster.store.touch("deployments", deployment)
    second = lab.preview(act)
    assert second.touched != first.touched
    assert second.state == first.state
    deployment["metadata"].setdefault("labels", {})["a"] = "b"
    lab.cluster.store.touch("deployments", deployment)
    assert lab.preview(act).state != first.state


@pytest.mark.parametrize("route", Route)
@pytest.mark.parametrize("right", Right)
async def test_a_token_opens_the_routes_of_its_right_alone(right: Right, route: Route) -> None:
    app = application({}, {one: f"token of {one}" for one in Right})
    async with TestServer(app) as server, ClientSession() as session:
        headers = {"Authorization": f"Bearer token of {right}"}
        async with session.post(server.make_url(route), headers=headers, data=b"x") as response:
            assert (response.status == 403) is (right not in OPENS[route])


def test_a_handle_has_the_methods_of_its_right_alone() -> None:
    methods = {
        handle: {name for name in vars(handle) if not name.startswith("_")} - {"connection"}
        for handle in (RemoteRead, RemotePreview, RemoteWrite)
    }
    assert methods == {
        RemoteRead: {"read"},
        RemotePreview: {"preview"},
        RemoteWrite: {"preview", "act", "versions", "verify"},
    }
