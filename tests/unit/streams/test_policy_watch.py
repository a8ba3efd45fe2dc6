"""The watch looks at every tick, exchanges or keeps the policy, and tells which."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from agents.approval.keyring import Purpose, write_keyring
from agents.approval.signing import SigningKey
from agents.contracts.command import Command
from agents.contracts.plan import PlanKind, PlanProposed
from agents.environments.protocol import EnvironmentUnavailable, Output
from agents.policy.decide import SHIPPED
from agents.policy.reload import PolicyFolder
from agents.roles import Role
from agents.settings import GateSettings, Places
from agents.worker import Fatal, Transient
from streams import wiring
from streams.health import Health, HealthSettings
from streams.policy_watch import PolicyWatch
from streams.run import notes
from streams.settings import KafkaSettings
from tests.builders import MODEL


class Ticks:
    """A sleep that ends when the test says so; `passed` waits until the loop sleeps again."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._go = asyncio.Semaphore(0)
        self._asleep = asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._asleep.release()
        await self._go.acquire()

    async def passed(self, count: int) -> None:
        for _ in range(count):
            await self._asleep.acquire()
            self._go.release()
        await self._asleep.acquire()
        self._asleep.release()


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Give a copy of the shipped rules."""
    shutil.copytree(SHIPPED, tmp_path / "rules")
    return tmp_path / "rules"


class App:
    """A role's app, as far as health looks."""

    role = Role.GATE

    def __init__(self, *companions: object) -> None:
        self.companions = companions


async def test_an_edit_is_taken_and_a_wrong_one_kept_out_while_the_role_runs(rules: Path) -> None:
    ticks, folder = Ticks(), PolicyFolder(rules)
    watch = PolicyWatch(Role.GATE, folder, tick_seconds=7.0, sleep=ticks.sleep)
    app, first = App(object(), watch), folder.policy.version
    health = Health(HealthSettings(port=0), lambda: {"gate": True}, lambda: notes([app]))  # type: ignore[list-item]  # a role's app as far as notes look
    with capture_logs() as logs:
        await watch.start()
        await health.on_start()
        try:
            (rules / "settings.toml").write_text("[freeze]\nnow = true\n")
            await ticks.passed(2)
            second = folder.policy.version
            assert second != first
            assert watch.note is None
            (rules / "ask.cedar").write_text("permit (")
            await ticks.passed(2)
            assert folder.policy.version == second
            async with (
                ClientSession() as client,
                client.get(f"http://127.0.0.1:{health.bound_port}/ready") as answer,
            ):
                told = await answer.json()
            assert (answer.status, told["ready"]) == (200, True)
            assert told["notes"] == {"gate": watch.note}
            assert f"version {second[:12]} stays: ask.cedar" in told["notes"]["gate"]
            assert refused_gauge() == 1
            shutil.copy(SHIPPED / "ask.cedar", rules / "ask.cedar")
            await ticks.passed(2)
            assert (watch.note, refused_gauge()) == (None, 0)
        finally:
            await health.on_stop()
            await watch.close()
    assert set(ticks.slept) == {7.0}
    events = [(one["event"], one["log_level"]) for one in logs if one["event"].startswith("policy")]
    assert events == [
        ("policy in force", "info"),
        ("policy in force", "info"),
        ("policy edit refused", "error"),
        ("policy in force", "info"),
    ]
    refused = next(one for one in logs if one["event"] == "policy edit refused")
    assert refused["version"] == second
    assert "ask.cedar" in refused["error"]


def refused_gauge() -> float | None:
    return REGISTRY.get_sample_value("aoi_policy_edit_refused", {"role": "gate"})


async def test_a_look_that_fails_is_made_again(
    rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks, folder = Ticks(), PolicyFolder(rules)
    watch = PolicyWatch(Role.EXECUTOR, folder, sleep=ticks.sleep)

    def broken() -> None:
        raise RuntimeError("a disk that is not there")

    monkeypatch.setattr(folder, "look", broken)
    await watch.start()
    try:
        await ticks.passed(1)
        monkeypatch.undo()
        first = folder.policy.version
        (rules / "settings.toml").write_text("")
        await ticks.passed(2)
        assert folder.policy.version != first
    finally:
        await watch.close()


class Nowhere:
    """A cluster that cannot be reached."""

    async def read(self, command: Command) -> Output:
        raise EnvironmentUnavailable(command.verb)


PROBED: dict[str, object] = {
    "incident_id": "i-1",
    "plan_id": "p-1",
    "iteration": 1,
    "kind": PlanKind.PROBE,
    "namespace": "shop-1",
    "severity": "critical",
    "confidence": 80,
    "model_id": MODEL,
}


def test_a_role_does_not_start_on_a_wrong_folder(
    rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (rules / "never.cedar").write_text("")
    monkeypatch.setenv("AOI_GATE__POLICY_DIR", str(rules))
    with pytest.raises(Fatal, match="aoi policy test"):
        wiring._policy(GateSettings())


@pytest.mark.parametrize("role", [Role.GATE, Role.EXECUTOR])
async def test_a_role_decides_by_the_policy_that_its_watch_exchanges(
    role: Role, rules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = Places(state_dir=tmp_path / "state")
    places.keys.mkdir(parents=True)
    key = SigningKey.generate()
    key.save(places.keys / f"{role}.key")
    write_keyring(places.keyring, (key.entry(str(role), Purpose.AUDIT),))
    (tmp_path / "token").write_text("secret")
    monkeypatch.setenv("AOI_GATE__POLICY_DIR", str(rules))
    monkeypatch.setenv("AOI_ENVIRONMENT__URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AOI_ENVIRONMENT__TOKEN_FILE", str(tmp_path / "token"))
    wired = wiring.build(role, KafkaSettings(), places)
    (watch,) = (one for one in wired.companions if isinstance(one, PolicyWatch))
    deciding: Any = getattr(wired.participant, "worker", wired.participant)
    before = deciding.policy.version
    (rules / "settings.toml").write_text("[freeze]\nnow = true\n")
    for _ in range(2):
        await watch.look()
    assert watch.role is role
    assert deciding.policy.version == watch.folder.policy.version != before
    assert deciding.policy.rules.limits.freeze.now


async def test_the_probe_asks_for_the_operators_paths_and_no_others(
    rules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (rules / "settings.toml").write_text("[reads]\npaths = ['/hotels']\n")
    (tmp_path / "token").write_text("secret")
    monkeypatch.setenv("AOI_GATE__POLICY_DIR", str(rules))
    monkeypatch.setenv("AOI_GATE__MANAGED_NAMESPACES", '["shop-*"]')
    monkeypatch.setenv("AOI_ENVIRONMENT__URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AOI_ENVIRONMENT__TOKEN_FILE", str(tmp_path / "token"))
    wired = wiring.build(Role.PROBE, KafkaSettings(), Places(state_dir=tmp_path / "state"))
    probe: Any = getattr(wired.participant, "worker", wired.participant)

    def plan(path: str) -> PlanProposed:
        line = f"kubectl exec deploy/cart -- curl -s http://orders:8080{path}"
        return PlanProposed.model_validate({**PROBED, "line": line})

    probe.cluster = Nowhere()
    assert (await probe.read(plan("/shutdown"))).refusal == "read_not_allowed"
    with pytest.raises(Transient):  # past policy
        await probe.read(plan("/hotels"))
