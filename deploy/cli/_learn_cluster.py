"""`aoi learn start|stop`: the learner in the background, and the Ray below it.

    embedded   start: Ray, then the driver     stop: the driver, then Ray
    joined     start: the driver               stop: the driver

Invariant: a Ray that an address names is somebody else's: it is neither started nor stopped.
"""

from pathlib import Path

import typer

from deploy.cli._login import SAID_NOTHING, embedded, fail
from deploy.embedded.broker import EmbeddedBroker
from deploy.embedded.demo.learning import MARK
from deploy.embedded.learner_process import LearnerProcess
from deploy.embedded.ray_cluster import RayCluster, ray_environment
from deploy.embedded.settings import EmbeddedSettings, RaySettings
from deploy.embedded.shipped import learner_variables
from deploy.embedded.stack import busy
from learner.ray_session import probe
from streams import cluster
from streams.settings import KafkaSettings
from streams.topic import Outsider


def start(address: str | None) -> None:
    """Start what does not run, and tell where it is."""
    state_dir = EmbeddedSettings().state_dir.resolve()
    _no_demo(state_dir)
    driver = LearnerProcess(state_dir)
    kafka = _kafka() if driver.available() else {}
    ray = _ray(state_dir, address or RaySettings().ray_address)
    if not driver.available():
        typer.echo("learner: this installation has no driver; Ray is there for yours")
        return
    new = driver.start({**kafka, **ray, **learner_variables(state_dir)})
    running = driver.running()
    told = "ended" if running is None else f"process {running.process.pid}"
    typer.echo(f"learner: {told}{'' if new else ' already'}, log {driver.log}")
    typer.echo("look with `aoi learn status`, end with `aoi learn stop`")


def _ray(state_dir: Path, address: str | None) -> dict[str, str]:
    """Return the variables that join the Ray at an address, or the embedded one, started."""
    if address is not None:
        probe(address)
        typer.echo(f"Ray: {address}, kept by somebody else")
        return {"RAY_ADDRESS": address}
    own = RayCluster(state_dir)
    if not own.status().running:
        typer.echo("starting Ray on this machine, some seconds", err=True)
    own.start()
    # whoever started it, it is kept for the user now: no later demo may end it
    (state_dir / MARK).unlink(missing_ok=True)
    found = own.status()
    typer.echo(f"Ray: {found.address}, process {found.pid}, log {found.log}")
    return ray_environment(state_dir)


def _kafka() -> dict[str, str]:
    """Return the variables of the learner's login: none where the environment says one."""
    if KafkaSettings().model_fields_set - SAID_NOTHING:
        return {}
    user = str(Outsider.LEARNER)
    embedded(user)
    cluster.apply(EmbeddedBroker().kafka())
    return {"AOI_KAFKA__CREDENTIALS_FILE": str(EmbeddedBroker().credential_file(user))}


def _no_demo(state_dir: Path) -> None:
    """End the command where a demo takes its learner's turn: Ray and checkpoints are its."""
    if (state_dir / MARK).exists() and busy(state_dir):
        fail(
            f"a demo is learning in {state_dir}: wait until it has ended, or set AOI_STATE_DIR to "
            "another folder"
        )


def stop() -> None:
    """End the driver, with time for its checkpoint, and then the embedded Ray."""
    state_dir = EmbeddedSettings().state_dir.resolve()
    _no_demo(state_dir)
    driver = LearnerProcess(state_dir)
    if driver.running() is not None:
        typer.echo(
            "ending the learner, up to 60 s; the next start takes an unfinished turn up again",
            err=True,
        )
    typer.echo(f"learner: {'stopped' if driver.stop() else 'was not running'}")
    typer.echo(f"Ray: {'stopped' if RayCluster(state_dir).stop() else 'was not running'}")
