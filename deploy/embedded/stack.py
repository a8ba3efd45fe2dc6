"""Everything on one machine: broker, topics, keys, lab, zones and an approver, in this order.

    broker -> topics and rights -> keys -> lab (address, tokens) -> zones -> approver

Invariant: whatever was started is stopped on the way out, in reverse, however the way out is
taken; each process gets the variables of its own zone and no other's.
"""

import asyncio
import contextlib
import fcntl
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from agents.roles import ZONES, Zone
from deploy.embedded import keys
from deploy.embedded.broker import EmbeddedBroker
from deploy.embedded.lab import rounds
from deploy.embedded.lab.address import Address
from deploy.embedded.ports import draw, free
from deploy.embedded.settings import EmbeddedSettings
from deploy.embedded.shipped import SHIPPED_MODEL
from deploy.embedded.supervisor import Program, Supervisor
from streams import cluster
from streams.settings import KafkaSettings

ADDRESS_SECONDS = 60.0
POLL_SECONDS = 0.1
LOOPBACK = "127.0.0.1"
APPROVER_RULES = Path(__file__).parent / "demo" / "approver.yaml"

INTAKE_PORT = 8085
"""Where senders expect the intake; another is drawn when it is taken."""

Tell = Callable[[str], None]
Login = Callable[[str], KafkaSettings]


def drawn() -> int:
    """Return a free port, which hardly anybody else draws at the same moment."""
    return draw(random.SystemRandom()).broker


class StackFailed(RuntimeError):
    """A part did not come up; the message names its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSettings:
    """What runs. The variables are added to the lab's and to every zone's environment.

    intake_port: None for the port where senders expect it, or another when that one is taken.
    """

    state_dir: Path
    seed: int = 1
    incidents: int = 8
    rounds: int = 1
    intake_port: int | None = None
    lab_variables: Mapping[str, str] = field(default_factory=dict)
    approver_rules: Path | None = APPROVER_RULES
    zone_variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A running AOI.

    login: from a user to its Kafka login. broker: None for another's Kafka. rounds: namespaces of
    the lab by round; only the first is released.
    """

    state: Path
    broker: EmbeddedBroker | None
    login: Callable[[str], KafkaSettings]
    supervisor: Supervisor
    namespaces: tuple[str, ...]
    rounds: tuple[tuple[str, ...], ...]
    rounds_url: str
    programs: Mapping[str, Program]

    async def release(self, number: int) -> None:
        """Let a later round of the lab begin. Raises RoundRefused."""
        file = self.state / "lab" / f"{rounds.TOKEN}.token"
        token = (await asyncio.to_thread(file.read_text)).strip()
        await rounds.ask(self.rounds_url, token, number)


@contextlib.asynccontextmanager
async def running(settings: StackSettings, tell: Tell) -> AsyncIterator[Stack]:
    """Bring everything up, and down again at the end. `tell` hears what is being waited for.

    Raises StackFailed, or what the broker raises.
    """
    state = settings.state_dir.resolve()
    with _alone(state):
        async with _kafka(state, tell) as (broker, login):
            supervisor = Supervisor()
            try:
                yield await _started(settings, state, broker, login, supervisor, tell)
            finally:
                await supervisor.stop()


@contextlib.asynccontextmanager
async def _kafka(state: Path, tell: Tell) -> AsyncIterator[tuple[EmbeddedBroker | None, Login]]:
    """Give the Kafka that `AOI_KAFKA__BOOTSTRAP` names, else the embedded one, with its topics."""
    said = KafkaSettings()
    if "bootstrap" in said.model_fields_set:
        tell(f"creating topics and rights on {said.bootstrap}")
        await asyncio.to_thread(cluster.apply, said)
        yield None, lambda _: said
        return
    broker = EmbeddedBroker(EmbeddedSettings(state_dir=state), progress=None)
    # a stack that was killed leaves its broker and this mark: the next one takes it over
    mark = state / "stack.broker"
    someone_s = broker.status().running and not mark.exists()
    tell("starting Kafka")
    await asyncio.to_thread(broker.start)
    try:
        if not someone_s:
            await asyncio.to_thread(mark.touch)
        tell("creating topics and rights")
        await asyncio.to_thread(cluster.apply, broker.kafka())
        yield broker, broker.kafka
    finally:
        if not someone_s:
            await asyncio.to_thread(broker.stop)
            await asyncio.to_thread(mark.unlink, missing_ok=True)


async def _started(
    settings: StackSettings,
    state: Path,
    broker: EmbeddedBroker | None,
    login: Login,
    supervisor: Supervisor,
    tell: Tell,
) -> Stack:
    """Start the lab, and with its address the zones and the approver."""
    keys.settle(state / "keys", state / "keyring.json")
    own = broker is not None
    intake_port = settings.intake_port or (INTAKE_PORT if free(INTAKE_PORT) else drawn())
    programs = {"lab": _lab(settings, state, intake_port, own=own)}
    tell("opening the lab")
    address = await _addressed(supervisor, programs["lab"], state / "lab" / "address.json")
    for zone in Zone:
        programs[zone] = _zone(settings, state, zone, address, intake_port)
    if settings.approver_rules is not None:
        programs["approver"] = _approver(state, settings.approver_rules, own=own)
    tell(f"starting the zones; alerts go to http://{LOOPBACK}:{intake_port}/v1/alerts/alertmanager")
    for name, program in programs.items():
        if name != "lab":
            await supervisor.start(program)
    return Stack(
        state=state,
        broker=broker,
        login=login,
        supervisor=supervisor,
        namespaces=address.namespaces,
        rounds=address.rounds,
        rounds_url=address.rounds_url,
        programs=programs,
    )


def busy(state: Path) -> bool:
    """Return whether a stack runs in this state folder."""
    file = state / "stack.lock"
    if not file.exists():
        return False
    with file.open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Hold the state folder for this stack; raises StackFailed when another one has it."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state / "stack.lock").open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            raise StackFailed(
                f"another AOI runs in {state} (process {held.read().strip() or 'unknown'}); "
                "end it, or set AOI_STATE_DIR to another folder"
            ) from None
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
        yield


async def _addressed(supervisor: Supervisor, lab: Program, file: Path) -> Address:
    """Start the lab and return what its address file says once it is there."""
    await asyncio.to_thread(file.unlink, missing_ok=True)
    await supervisor.start(lab)
    async with asyncio.timeout(ADDRESS_SECONDS):
        while not await asyncio.to_thread(file.exists):
            if lab.name not in supervisor.alive():
                end = "\n".join(lab.log.read_text(errors="replace").splitlines()[-5:])
                raise StackFailed(f"the lab ended before it was ready; {lab.log} ends:\n{end}")
            await asyncio.sleep(POLL_SECONDS)
    return await asyncio.to_thread(Address.of_file, file)


def credentials(state: Path, user: str, *, own: bool) -> dict[str, str]:
    """Return the variable that names a user's file on the embedded broker; none on another."""
    file = state / "credentials" / f"{user}.json"
    return {"AOI_KAFKA__CREDENTIALS_FILE": str(file)} if own else {}


def _lab(settings: StackSettings, state: Path, intake_port: int, *, own: bool) -> Program:
    return Program(
        name="lab",
        module="deploy.embedded.lab.serve",
        log=state / "log" / "lab.log",
        restart=False,
        environment={
            **credentials(state, "judge", own=own),
            "AOI_LAB__SEED": str(settings.seed),
            "AOI_LAB__INCIDENTS": str(settings.incidents),
            "AOI_LAB__ROUNDS": str(settings.rounds),
            "AOI_LAB__INTAKE_URL": f"http://{LOOPBACK}:{intake_port}",
            "AOI_LAB__TOKENS_DIR": str(state / "lab"),
            "AOI_LAB__ADDRESS_FILE": str(state / "lab" / "address.json"),
            "AOI_LAB__CATALOGUE_FILE": str(state / "lab" / "catalogue.json"),
            "AOI_LAB__JUDGE_KEY": str(state / "keys" / "lab.key"),
            **settings.lab_variables,
        },
    )


def _zone(
    settings: StackSettings,
    state: Path,
    zone: Zone,
    address: Address,
    intake_port: int,
) -> Program:
    variables = {
        "AOI_STATE_DIR": str(state),
        "AOI_GATE__MANAGED_NAMESPACES": orjson.dumps(address.namespaces).decode(),
        # every lab is a cluster of its own: what fails in one stops nothing in another
        "AOI_EXECUTOR__MAX_FAILURES": "0",
        **settings.zone_variables,
    }
    right = {Zone.PROBE: "read", Zone.PREVIEW: "preview", Zone.EXECUTOR: "write"}.get(zone)
    if right is not None:
        variables["AOI_ENVIRONMENT__URL"] = address.url
        variables["AOI_ENVIRONMENT__TOKEN_FILE"] = str(state / "lab" / f"{right}.token")
    if zone is Zone.MIND:
        variables["AOI_INTAKE__PORT"] = str(intake_port)
        if not {"AOI_MODEL__BASE_URL", "AOI_MODEL__PATH"} & (os.environ.keys() | variables.keys()):
            variables["AOI_MODEL__PATH"] = str(SHIPPED_MODEL)
    return Program(
        name=zone,
        module="streams.run",
        arguments=ZONES[zone],
        environment=variables,
        log=state / "log" / f"{zone}.log",
    )


def _approver(state: Path, rules: Path, *, own: bool) -> Program:
    return Program(
        name="approver",
        module="deploy.cli.main",
        arguments=(
            "approvals",
            "serve",
            "--rules",
            str(rules),
            "--key",
            str(state / "keys" / "approver.key"),
            "--as",
            "approver",
        ),
        environment={
            "AOI_STATE_DIR": str(state),
            **credentials(state, "approver", own=own),
        },
        log=state / "log" / "approver.log",
    )
