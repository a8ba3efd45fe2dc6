"""The lab in rounds: siblings wait untouched, the catalogue draws equal bytes, zones see none."""

import stat
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from agents.approval.signing import SigningKey
from agents.contracts.command import Command
from agents.contracts.incident import Task
from agents.environments.remote.server import application
from agents.environments.remote.wire import ReadAsked, Right, Route
from agents.roles import Zone
from deploy.embedded.lab import rounds, serve
from deploy.embedded.lab.address import Address
from deploy.embedded.lab.host import LabHost
from deploy.embedded.lab.settings import LabSettings
from deploy.embedded.stack import StackSettings, _zone
from learner.incidents import Drawn

INCIDENTS = 8
"""Every task and both applications occur among so many."""


@pytest.fixture(scope="module")
def opened() -> LabHost:
    """Give labs in two rounds, for tests that only look."""
    return host_of(rounds=2)


def host_of(**settings: int) -> LabHost:
    host = LabHost(key=SigningKey.generate())
    host.open(LabSettings(incidents=INCIDENTS).model_copy(update=settings))
    return host


def test_one_round_is_the_default() -> None:
    host = host_of()
    assert [len(names) for names in host.rounds] == [INCIDENTS]
    assert not host.held


def test_siblings_share_what_they_are_and_nothing_else(opened: LabHost) -> None:
    first, second = opened.rounds
    assert len(set(first) | set(second)) == 2 * INCIDENTS
    for name, sibling in zip(first, second, strict=True):
        one, other = opened.drawn[name], opened.drawn[sibling]
        assert one.seed != other.seed
        assert {"family", "task", "split", "application"} <= {
            key for key, value in one if value == getattr(other, key)
        }


def test_equal_settings_give_equal_rounds(opened: LabHost) -> None:
    assert host_of(rounds=2).rounds == opened.rounds


def test_a_reference_draws_the_same_bytes(opened: LabHost) -> None:
    seen = set()
    for name, drawn in opened.drawn.items():
        lab = opened.labs.get(name) or opened.held[name]
        again = Drawn.model_validate_json(drawn.model_dump_json()).lab()
        assert again.scenario == lab.scenario
        assert again.ground_truth == lab.ground_truth
        assert again.cluster.freeze() == lab.cluster.freeze()
        seen.add(drawn.task)
    assert seen == set(Task)


async def test_a_held_lab_is_not_reached_and_its_time_stands_still() -> None:
    host = host_of(rounds=2)
    name, waiting = host.rounds[0][0], host.rounds[1][0]
    before = host.held[waiting].cluster.freeze()
    clock = host.labs[name].clock
    host.tick(60)
    assert host.labs[name].clock > clock
    app = application(host.labs, dict.fromkeys(Right, "token"))
    async with TestClient(TestServer(app)) as client:
        assert "not found" in await read(client, waiting)
        assert host.held[waiting].cluster.freeze() == before
        assert waiting not in host.alerting
        assert host.release(2) == host.release(2) == INCIDENTS
        assert not host.held
        assert "not found" not in await read(client, waiting)
    assert host.changed_alerts(waiting)


async def read(client: TestClient, namespace: str) -> str:
    command = Command(program="kubectl", verb="get", namespace=namespace)
    answer = await client.post(
        Route.READ,
        data=ReadAsked(command=command).model_dump_json(),
        headers={"Authorization": "Bearer token"},
    )
    return await answer.text()


@pytest.mark.parametrize("number", [0, 3])
def test_a_round_that_is_not_there(opened: LabHost, number: int) -> None:
    with pytest.raises(KeyError):
        opened.release(number)


async def test_only_its_own_token_releases_a_round() -> None:
    host = host_of(rounds=2)
    async with TestServer(rounds.door(host.release, "right")) as server:
        url = str(server.make_url("")).rstrip("/")
        with pytest.raises(rounds.RoundRefused, match="403"):
            await rounds.ask(url, "wrong", 2)
        assert len(host.held) == INCIDENTS
        for number in (0, 3):
            with pytest.raises(rounds.RoundRefused, match="404"):
                await rounds.ask(url, "right", number)
        await rounds.ask(url, "right", 2)
    assert not host.held
    with pytest.raises(rounds.RoundRefused, match="away"):
        await rounds.ask(url, "right", 2)


def test_the_catalogue_tells_of_released_labs_only(tmp_path: Path) -> None:
    host, file = host_of(rounds=2), tmp_path / "lab" / "catalogue.json"
    serve._catalogued(host, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first, second = host.rounds
    text = file.read_text()
    assert all(f'"{name}"' in text for name in first)
    assert not any(f'"{name}"' in text for name in second)
    for name, entry in host.catalogue().items():
        assert set(entry) == set(Drawn.model_fields)
        assert Drawn.model_validate(entry).scenario() == host.labs[name].scenario
    host.release(2)
    assert host.catalogue().keys() == {*first, *second}


@pytest.mark.parametrize("path", ["/catalogue.json", "/v1/catalogue", "/v1/rounds/1", "/"])
async def test_nothing_of_the_catalogue_is_served(opened: LabHost, path: str) -> None:
    faces = application(opened.labs, dict.fromkeys(Right, "token"))
    door = rounds.door(opened.release, "token")
    for app in (faces, door):
        async with TestClient(TestServer(app)) as client:
            for method in (client.get, client.post):
                answer = await method(path, headers={"Authorization": "Bearer token"})
                text = await answer.text()
                assert answer.status in {403, 404, 405} or text == (
                    f'{{"round":1,"incidents":{INCIDENTS}}}'
                )
                assert not any(drawn.family in text for drawn in opened.drawn.values())


@pytest.mark.parametrize("zone", list(Zone))
def test_a_zone_is_told_namespaces_and_not_what_they_are(tmp_path: Path, zone: Zone) -> None:
    address = Address(
        url="http://127.0.0.1:1",
        rounds_url="http://127.0.0.1:2",
        namespaces=("a-1", "b-2"),
        rounds=(("a-1",), ("b-2",)),
    )
    variables = _zone(StackSettings(state_dir=tmp_path), tmp_path, zone, address, 1).environment
    assert variables["AOI_GATE__MANAGED_NAMESPACES"] == '["a-1","b-2"]'
    told = " ".join((*variables, *variables.values())).lower()
    assert not any(word in told for word in ("catalogue", "rounds", address.rounds_url))
