"""What each role is made of: its reducer or worker, and what must run beside it.

Invariant: a role's branch reads that role's settings, files and login, and no other's; heavy
modules are imported by the role that needs them only.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from agents.contracts.ids import ModelId
from agents.environments.remote.client import Connection
from agents.models.protocol import Model, ModelUnavailable
from agents.roles import Role
from agents.settings import (
    CloserSettings,
    CompressorSettings,
    EnvironmentSettings,
    ExecutorSettings,
    GateSettings,
    ModelSettings,
    ObserverSettings,
    Places,
)
from agents.worker import Fatal
from streams import permission, topics
from streams.app import Companion, RoleApp, build_app
from streams.host import Participant, now
from streams.metrics import LOADED
from streams.settings import KafkaSettings
from streams.store import Store

if TYPE_CHECKING:
    from agents.models.shelf import Shelf
    from agents.policy.reload import PolicyFolder

DEFAULT_MODEL = "default"
"""What the start-up model is called until a promotion names another."""

LEFT_OPEN = {"topic_prefix", "replication_factor"}
"""What may be said in the environment beside a credential file."""

KEYGEN = "`aoi approvals keygen NAME` draws a key and adds it to the keyring"


@dataclass(frozen=True, slots=True)
class Wired:
    """A role, ready to be hosted."""

    participant: Participant
    companions: Sequence[Companion] = ()


class RoleSettings(BaseSettings):
    """`AOI_ROLE` for `faust -A streams.app worker`."""

    model_config = SettingsConfigDict(env_prefix="AOI_", extra="ignore", frozen=True)

    role: Role = Field(description="the role that this process runs")


def build(role: Role, kafka: KafkaSettings, places: Places) -> Wired:
    """Return a role with everything that it needs. Raises Fatal naming what is not there."""
    return BUILDERS[role](kafka, places)


def app_of(role: Role, places: Places | None = None) -> RoleApp:
    """Return the Faust app of a role, its rights checked. Raises Fatal, Transient."""
    places = places or Places()
    kafka = login_of(role, places)
    permission.check(role, kafka)
    return build_app(build(role, kafka, places), kafka)


def app_of_environment() -> RoleApp:
    """Return the app of the role that AOI_ROLE names."""
    return app_of(RoleSettings().role)


def login_of(role: Role, places: Places) -> KafkaSettings:
    """Return what the environment says of Kafka, or else the role's own credential file."""
    settings = KafkaSettings()
    file = places.credentials / f"{role}.json"
    if settings.model_fields_set - LEFT_OPEN or not file.exists():
        return settings
    said = "topic_prefix" in settings.model_fields_set
    return KafkaSettings.of_file(file, topic_prefix=settings.topic_prefix if said else None)


def _intake(kafka: KafkaSettings, _: Places) -> Wired:
    from streams.intake.server import GatewayServer  # noqa: PLC0415 - a process loads its role alone
    from streams.intake.settings import IntakeSettings  # noqa: PLC0415 - a process loads its role alone
    from streams.intake.worker import IntakeWorker  # noqa: PLC0415 - a process loads its role alone

    settings = IntakeSettings()
    return Wired(IntakeWorker(settings), (GatewayServer(settings, kafka),))


def _correlator(_: KafkaSettings, __: Places) -> Wired:
    from agents.correlator import CorrelatorReducer  # noqa: PLC0415 - a process loads its role alone

    return Wired(CorrelatorReducer())


def _observer(kafka: KafkaSettings, _: Places) -> Wired:
    from agents.incident import Current, ObserverReducer  # noqa: PLC0415 - a process loads its role alone
    from streams.broadcast import Broadcast, observer_view  # noqa: PLC0415 - a process loads its role alone

    current = Current(model_id=ModelId(ObserverModel().model_id))
    view = Broadcast(kafka, (topics.GUIDANCE, topics.MODELS), *observer_view(current))
    return Wired(ObserverReducer(settings=ObserverSettings(), current=current), (view,))


def _inference(kafka: KafkaSettings, places: Places) -> Wired:
    """Serve one endpoint for every id, or the local models that the start and `models` name."""
    from agents.models.step import InferenceWorker, always  # noqa: PLC0415 - a process loads its role alone
    from streams.broadcast import Broadcast, models_view, not_loadable  # noqa: PLC0415 - a process loads its role alone

    settings = ModelSettings()
    save = Store(places.samples).put
    if settings.base_url is not None:
        worker = InferenceWorker(
            choose=always(_endpoint(settings)), save=save, temperature=settings.temperature
        )
        view = Broadcast(kafka, (topics.MODELS,), models_view(not_loadable))
        return Wired(worker, (view,))
    shelf = _shelf(settings, places)
    LOADED.labels(role=str(Role.INFERENCE)).set_function(lambda: float(shelf.loaded))
    worker = InferenceWorker(choose=shelf.lend, save=save, temperature=settings.temperature)
    return Wired(worker, (Broadcast(kafka, (topics.MODELS,), models_view(shelf.offer)), shelf))


def _probe(_: KafkaSettings, places: Places) -> Wired:
    from agents.environments.remote.client import RemoteRead  # noqa: PLC0415 - a process loads its role alone
    from agents.probe.step import ProbeWorker  # noqa: PLC0415 - a process loads its role alone

    gate = GateSettings()
    limits = _policy(gate).policy.rules.limits
    worker = ProbeWorker(
        cluster=RemoteRead(_connection()),
        save=Store(places.samples).put,
        managed=limits.readable(gate.managed_namespaces),
        paths=limits.reads.paths,
    )
    return Wired(worker)


def _compressor(_: KafkaSettings, places: Places) -> Wired:
    from agents.compressor.step import CompressorWorker  # noqa: PLC0415 - a process loads its role alone

    return Wired(CompressorWorker(settings=CompressorSettings(), load=Store(places.samples).get))


def _gate(_: KafkaSettings, places: Places) -> Wired:
    from agents.approval.signing import SigningKey  # noqa: PLC0415 - a process loads its role alone
    from agents.gate import GateReducer  # noqa: PLC0415 - a process loads its role alone
    from streams.policy_watch import PolicyWatch  # noqa: PLC0415 - a process loads its role alone

    settings = GateSettings()
    key = SigningKey.load(_existing(places.keys / "gate.key"))
    folder = _policy(settings)
    gate = GateReducer(settings=settings, policy=folder.policy, key=key)
    return Wired(gate, (PolicyWatch(Role.GATE, folder),))


def _verifier(_: KafkaSettings, places: Places) -> Wired:
    from agents.approval.keyring import Keyring  # noqa: PLC0415 - a process loads its role alone
    from agents.verifier import VerifierWorker  # noqa: PLC0415 - a process loads its role alone

    keyring = Keyring.load(_existing(places.keyring))
    return Wired(VerifierWorker(keyring=keyring, clock=now))


def _preview(_: KafkaSettings, __: Places) -> Wired:
    from agents.environments.remote.client import RemotePreview  # noqa: PLC0415 - a process loads its role alone
    from agents.preview.step import PreviewWorker  # noqa: PLC0415 - a process loads its role alone

    return Wired(PreviewWorker(cluster=RemotePreview(_connection())))


def _executor(kafka: KafkaSettings, places: Places) -> Wired:
    from agents.approval.keyring import Keyring  # noqa: PLC0415 - a process loads its role alone
    from agents.approval.signing import SigningKey  # noqa: PLC0415 - a process loads its role alone
    from agents.environments.remote.client import RemoteWrite  # noqa: PLC0415 - a process loads its role alone
    from agents.executor.breaker import Breaker  # noqa: PLC0415 - a process loads its role alone
    from agents.executor.step import ExecutorWorker  # noqa: PLC0415 - a process loads its role alone
    from streams.audit_trail import KafkaAuditTrail  # noqa: PLC0415 - a process loads its role alone
    from streams.broadcast import Broadcast  # noqa: PLC0415 - a process loads its role alone
    from streams.controls import Controls  # noqa: PLC0415 - a process loads its role alone
    from streams.ledger import KafkaLedger  # noqa: PLC0415 - a process loads its role alone
    from streams.policy_watch import PolicyWatch  # noqa: PLC0415 - a process loads its role alone
    from streams.workers.pausable import PausableWorker  # noqa: PLC0415 - a process loads its role alone
    from streams.workers.stopped import StopsTold  # noqa: PLC0415 - a process loads its role alone

    settings, rng = GateSettings(), random.Random()  # noqa: S311 - jitter of waits
    keyring = Keyring.load(_existing(places.keyring))
    ledger = KafkaLedger(kafka, now, rng)
    audit = KafkaAuditTrail(
        kafka, SigningKey.load(_existing(places.keys / "executor.key")), now, rng
    )
    controls, limits = Controls(keyring, now, settings.cluster), ExecutorSettings()
    folder = _policy(settings)
    worker = ExecutorWorker(
        cluster=RemoteWrite(_connection()),
        ledger=ledger,
        audit=audit,
        policy=folder.policy,
        keyring=keyring,
        settings=settings,
        clock=now,
        writer=f"{Role.EXECUTOR}/{uuid4().hex[:12]}",
        settle_seconds=limits.settle_seconds,
        breaker=Breaker(
            limit=limits.max_failures,
            window=timedelta(seconds=limits.failure_window_seconds),
            resumed_at=lambda: controls.resumed_at,
        ),
    )
    view = Broadcast(kafka, (topics.CONTROLS,), controls.on_event)
    watch = PolicyWatch(Role.EXECUTOR, folder)
    told = StopsTold(worker=worker, controls=controls)
    pausable = PausableWorker(worker=worker, controls=controls)
    return Wired(pausable, (view, ledger, audit, watch, told))


def _closer(_: KafkaSettings, __: Places) -> Wired:
    from agents.closer import CloserReducer  # noqa: PLC0415 - a process loads its role alone

    return Wired(CloserReducer(settings=CloserSettings()))


BUILDERS: dict[Role, Callable[[KafkaSettings, Places], Wired]] = {
    Role.INTAKE: _intake,
    Role.CORRELATOR: _correlator,
    Role.OBSERVER: _observer,
    Role.INFERENCE: _inference,
    Role.PROBE: _probe,
    Role.COMPRESSOR: _compressor,
    Role.GATE: _gate,
    Role.VERIFIER: _verifier,
    Role.PREVIEW: _preview,
    Role.EXECUTOR: _executor,
    Role.CLOSER: _closer,
}


class ObserverModel(BaseSettings):
    """Which model an incident pins while `models` names none: `AOI_OBSERVER_MODEL`."""

    model_config = SettingsConfigDict(env_prefix="AOI_OBSERVER_", extra="ignore", frozen=True)

    model_id: str = Field(default=DEFAULT_MODEL, alias="AOI_OBSERVER_MODEL")


def _endpoint(settings: ModelSettings) -> Model:
    from agents.models.openai import EndpointModel  # noqa: PLC0415 - a process loads its role alone

    if settings.base_url is None or settings.name is None:
        raise Fatal("expected AOI_MODEL__NAME beside AOI_MODEL__BASE_URL")
    key = None if settings.api_key is None else settings.api_key.get_secret_value()
    return EndpointModel(
        settings.base_url, settings.name, api_key=key, timeout_seconds=settings.timeout_seconds
    )


def _shelf(settings: ModelSettings, places: Places) -> "Shelf":
    """Return the local models, the one of AOI_MODEL__PATH loaded."""
    from agents.models.digest import digest_of  # noqa: PLC0415 - a process loads its role alone
    from agents.models.index import ModelIndex  # noqa: PLC0415 - a process loads its role alone
    from agents.models.local import LocalModel  # noqa: PLC0415 - a process loads its role alone
    from agents.models.shelf import Shelf  # noqa: PLC0415 - a process loads its role alone

    if settings.path is None:
        raise Fatal("expected AOI_MODEL__PATH or AOI_MODEL__BASE_URL, got neither")

    def load(folder: Path) -> LocalModel:
        return LocalModel(folder, max_batch=settings.max_batch, threads=settings.threads)

    try:
        first, digest = load(settings.path), digest_of(settings.path)
    except (ModelUnavailable, FileNotFoundError) as error:
        raise Fatal(str(error)) from error
    return Shelf(
        first,
        digest=digest,
        names=(DEFAULT_MODEL, ObserverModel().model_id),
        load=load,
        index=ModelIndex(places.models),
        most=settings.loaded,
        wait_seconds=settings.wait_seconds,
    )


def _policy(settings: GateSettings) -> "PolicyFolder":
    """Return the folder of rules with its policy. Raises Fatal saying what is wrong with it."""
    from agents.policy.reload import PolicyFolder  # noqa: PLC0415 - a process loads its role alone
    from agents.policy.rulebook import PolicyInvalid  # noqa: PLC0415 - a process loads its role alone

    try:
        return PolicyFolder(settings.policy_dir)
    except PolicyInvalid as error:
        raise Fatal(f"the policy can't be used (see `aoi policy test`): {error}") from error


def _existing(path: Path, remedy: str = KEYGEN) -> Path:
    if not path.is_file():
        raise Fatal(f"expected a file at {path}; {remedy}")
    return path


def _connection() -> Connection:
    settings = EnvironmentSettings()
    if settings.url is None or settings.token_file is None:
        raise Fatal("expected AOI_ENVIRONMENT__URL and AOI_ENVIRONMENT__TOKEN_FILE")
    file = _existing(settings.token_file, "AOI_ENVIRONMENT__TOKEN_FILE names it")
    token = file.read_text(encoding="utf-8").strip()
    return Connection(url=settings.url, token=token, timeout=settings.timeout_seconds)
