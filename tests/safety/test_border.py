"""Every face of an environment speaks through the border; a value that no form gives away shows it.

The lab's cluster holds a Secret, and a ConfigMap that repeats its value under a harmless key.
"""

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from difflib import unified_diff

import pytest
from aiohttp.test_utils import TestServer

from agents.contracts.action import (
    PatchResource,
    Preview,
    RestartRollout,
    SetEnv,
    Touched,
    Workload,
)
from agents.contracts.command import Command
from agents.environments.border import Border, Confidential
from agents.environments.protocol import ActionRejected, Output
from agents.environments.remote.client import Connection, RemotePreview, RemoteRead, RemoteWrite
from agents.environments.remote.server import application
from agents.environments.remote.wire import Right
from agents.environments.simulated.benchmark.actions import Actions
from agents.environments.simulated.handles import SimulatedPreview, SimulatedRead, SimulatedWrite
from agents.environments.simulated.incidents import generate
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.objects import manifest
from agents.environments.simulated.player import Player
from agents.policy.digests import MARK
from agents.policy.parse import parse
from agents.policy.redact import redact
from agents.preview.step import publishable
from agents.probe.step import redacted
from learner.rollout import episode
from tests.safety.planted import BY_FORM

VALUE = "correct-horse-battery"
ENCODED = base64.b64encode(VALUE.encode()).decode()
LINE = "kubectl get cm notes -o yaml"


def lab_with_a_secret() -> Lab:
    lab = Lab(generate(7))
    store = lab.cluster.store
    for kind, name, data in (
        ("secrets", "vault", {"anything": ENCODED}),
        ("configmaps", "notes", {"note": f"we said {VALUE} to them", "other": ENCODED}),
    ):
        store.create(
            kind, manifest.bare(kind, name, lab.namespace) | {"data": data}, "2026-01-01T00:00:00Z"
        )
    return lab


async def by_handle(lab: Lab) -> str:
    return (await SimulatedRead(lab).read(parse(LINE, lab.namespace))).text


async def by_http(lab: Lab) -> str:
    app = application({lab.namespace: lab}, dict.fromkeys(Right, "t"))
    async with TestServer(app) as server:
        connection = Connection(url=str(server.make_url("")).rstrip("/"), token="t")
        try:
            output = await RemoteRead(connection).read(parse(LINE, lab.namespace))
        finally:
            await connection.close()
    assert output.redactions == 2
    return output.text


async def by_player(lab: Lab) -> str:
    return Player(lab).line(LINE).text


async def by_episode(lab: Lab) -> str:
    return episode.read(lab, LINE).text


async def by_benchmark(lab: Lab) -> str:
    return Actions(lab).exec_shell(f"{LINE} -n {lab.namespace}")


FACES: dict[str, Callable[[Lab], Awaitable[str]]] = {
    face.__name__: face for face in (by_handle, by_http, by_player, by_episode, by_benchmark)
}


@pytest.mark.parametrize("face", FACES)
async def test_every_face_of_the_lab_hides_what_its_secrets_hold(face: str) -> None:
    lab = lab_with_a_secret()
    raw = lab.read(parse(LINE, lab.namespace)).text
    assert VALUE in raw and ENCODED in raw, "the plant must be there to be hidden"
    text = await FACES[face](lab)
    assert VALUE not in text and ENCODED not in text
    assert text.count(MARK) == 2


SHOP = Workload(kind="deployments", namespace="shop", name="cart")
RESTART = RestartRollout(workload=SHOP)
TELLS = SetEnv(workload=SHOP, variables=(("NOTE", VALUE),))


@dataclass(slots=True)
class Talkative:
    """Says its secret, and a secret by its form, in everything that it says."""

    text: str = f"note {VALUE}; password=Zx9-hunter2.Qq"
    refuses: bool = False
    version: int = 0
    secrets: dict[str, str] = field(default_factory=lambda: {"anything": VALUE})

    def _told(self) -> str:
        if self.refuses:
            raise ActionRejected(self.text)
        return self.text

    def read(self, command: Command) -> Output:
        return Output(text=self._told(), exit_code=0)

    def act(self, action: object) -> Output:
        return Output(text=self._told(), exit_code=0)

    def preview(self, action: object) -> Preview:
        changed = ("securityContext", VALUE)
        told = self._told()
        return Preview(diff=told, touched=(), pods_affected=0, rollback=TELLS, changed=changed)

    def versions(self, touched: tuple[Touched, ...]) -> tuple[Touched, ...]:
        return touched

    def verify(self, action: object) -> tuple[bool, str]:
        return True, self._told()

    def confidential(self) -> Confidential:
        return Confidential(version=self.version, secrets=(self.secrets,))


def hidden(text: str) -> None:
    assert VALUE not in text and "hunter2" not in text
    assert MARK in text and "password=[redacted:value]" in text


GET = Command(program="kubectl", verb="get", namespace="shop")
CALLS: dict[str, Callable[[Border], str]] = {
    "read": lambda border: border.read(GET).text,
    "act": lambda border: border.act(RESTART).text,
    "preview": lambda border: border.preview(RESTART).diff,
    "verify": lambda border: border.verify(RESTART)[1],
}


@pytest.mark.parametrize("call", CALLS)
def test_what_any_method_says_is_hidden(call: str) -> None:
    hidden(CALLS[call](Border(Talkative())))


@pytest.mark.parametrize("call", CALLS)
def test_what_any_refusal_says_is_hidden(call: str) -> None:
    with pytest.raises(ActionRejected) as raised:
        CALLS[call](Border(Talkative(refuses=True)))
    hidden(str(raised.value))
    assert raised.value.__suppress_context__, "the raw words must not ride along"


@pytest.mark.parametrize("right", ["preview", "act", "verify"])
async def test_the_other_handles_pass_the_border_too(right: str) -> None:
    app = application({"shop": Talkative()}, dict.fromkeys(Right, "t"))
    async with TestServer(app) as server:
        connection = Connection(url=str(server.make_url("")).rstrip("/"), token="t")
        try:
            match right:
                case "preview":
                    hidden((await RemotePreview(connection).preview(RESTART)).diff)
                case "act":
                    hidden((await RemoteWrite(connection).act(RESTART)).text)
                case _:
                    hidden((await RemoteWrite(connection).verify(RESTART))[1])
        finally:
            await connection.close()


def test_the_simulated_handles_hold_borders_alone() -> None:
    lab = lab_with_a_secret()
    for handle in (SimulatedRead(lab), SimulatedPreview(lab), SimulatedWrite(lab)):
        assert [type(one) for one in vars(handle).values()] == [Border]


def test_a_rollback_that_holds_a_secret_is_withheld() -> None:
    assert Border(Talkative()).preview(RESTART).rollback is None
    harmless = Talkative(secrets={})
    assert Border(harmless).preview(RESTART).rollback == TELLS


NOTES = 'apiVersion: v1\ndata:\n  app.yaml: "env:\\n- name: DB_PASSWORD\\n  value: {}\\n"\n'
FILES = "args:\n- --password\n- {}\nenv:\n- name: DB_PASSWORD\n  value: {}\n"


@pytest.mark.parametrize("text", [NOTES, FILES])
def test_neither_the_old_nor_the_new_value_stands_in_a_diff(text: str) -> None:
    old, new = (text.replace("{}", one).splitlines(keepends=True) for one in ("hunter2", "hunter3"))
    for before, after in ((old, new), (old, []), ([], new)):
        diff = "".join(unified_diff(before, after, "LIVE/x", "MERGED/x"))
        shown = Border(Talkative(text=diff)).preview(RESTART).diff
        assert "hunter" in diff and "hunter" not in shown
        assert [line[:1] for line in shown.split("\n")] == [line[:1] for line in diff.split("\n")]
        assert redact(shown).count == 0


def test_a_rollback_with_a_secret_on_another_line_of_a_file_is_withheld() -> None:
    for value in ("hunter2", "$(VALUE)"):
        files = {"data": {"app.yaml": FILES.replace("{}", value)}}
        rollback = PatchResource(
            kind="configmaps",
            namespace="shop",
            name="x",
            strategy="merge",
            patch=json.dumps(files),
        )
        assert publishable(rollback) == (None if value == "hunter2" else rollback)


def test_a_member_is_told_by_its_name_unless_that_holds_a_secret() -> None:
    told = Border(Talkative(secrets={"a": VALUE, "b": "securityContext"})).preview(RESTART)
    assert told.changed is not None
    name, hidden_one = told.changed
    assert name == "securityContext", "a Secret's value must not hide what policy forbids"
    assert VALUE not in hidden_one


def test_a_secret_that_changes_is_hidden_from_then_on_and_in_the_act_that_replaces_it() -> None:
    cluster = Talkative(
        text="now brand-new-value and old-value-gone", secrets={"x": "old-value-gone"}
    )
    border = Border(cluster)

    def act(action: object) -> Output:
        cluster.secrets, cluster.version = {"x": "brand-new-value"}, 1
        return Output(text=cluster.text, exit_code=0)

    assert "brand-new" in border.read(GET).text
    border.environment = _Acting(cluster, act)  # type: ignore[assignment]
    output = border.act(RESTART)
    assert output.text == f"now {MARK} and {MARK}" and output.redactions == 2


@dataclass(slots=True)
class _Acting:
    """A cluster with another `act`."""

    inner: Talkative
    act: Callable[[object], Output]

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


def test_nothing_of_a_value_stays_in_a_border() -> None:
    border = Border(Talkative())
    border.read(GET)
    held = repr({name: value for name, value in vars(border).items() if name != "environment"})
    assert VALUE not in held
    assert VALUE not in repr(Talkative().confidential())


def test_the_probe_redacts_what_comes_from_no_border_and_trusts_one() -> None:
    text, secret = BY_FORM["env"]
    raw = redacted(Output(text=text, exit_code=0))
    assert secret not in raw.text and raw.count == 1
    said = Output(text="upstream token: refused", exit_code=0, redactions=3)
    assert (redacted(said).text, redacted(said).count) == (said.text, 3)


def test_a_probe_line_is_shown_without_secrets() -> None:
    told = episode.read(lab_with_a_secret(), "kubectl get pods --token=Zx9-hunter2.Qq")
    assert "hunter2" not in told.line


@pytest.mark.parametrize("size", range(1, 60))
def test_a_log_that_is_cut_ends_with_a_whole_line(size: int) -> None:
    told = f"starts\nsaid {VALUE} to them\ngoes on\n"
    command = parse(f"kubectl logs geo-1 --limit-bytes={size}", "shop")
    text = Border(Talkative(text=told[:size])).read(command).text
    shown = told.replace(VALUE, MARK)
    assert shown.startswith(text) and (not text or text.endswith("\n"))
    assert text.count("\n") == told[:size].count("\n")
