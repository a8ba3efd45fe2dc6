"""How a driver joins a Ray that runs already; it never starts one.

Invariant: the variables that the cluster's keeper names hold while the driver is joined and not
longer, even where Ray was imported before; an address that does not answer and a token that is
refused are told as such, quickly.
"""

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from agents.worker import AoiError

NAMESPACE = "aoi"
PROBE_SECONDS = 5.0
REFUSALS = "RAY_gcs_server_port_wait_time_s"
"""Ray's name for the number of attempts to join, of some two seconds each (of itself 20)."""


class RayUnreachable(AoiError):
    """The Ray at this address does not answer, or does not let us in."""


@contextmanager
def connect(
    address: str | None = None, *, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Be a driver of the Ray at `address` (HOST:PORT; none: RAY_ADDRESS) until the block ends.

    environment: variables to join with, as the cluster's keeper tells them. Raises RayUnreachable.
    """
    before = dict(os.environ)
    os.environ.update({REFUSALS: "3", **(environment or {})})
    try:
        where = address or os.environ.get("RAY_ADDRESS")
        if where is None:
            raise RayUnreachable(
                "expected the address of a Ray: set AOI_LEARN__RAY_ADDRESS to HOST:PORT, or start "
                "one with `aoi learn start`"
            )
        probe(where)
        leave = _join(where)
        try:
            yield
        finally:
            leave()
    finally:
        os.environ.clear()
        os.environ.update(before)


def probe(address: str) -> None:
    """Ask HOST:PORT for a TCP connection, as Ray retries for a long time; raises RayUnreachable."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=PROBE_SECONDS).close()
    except ValueError:
        raise RayUnreachable(f"expected a Ray address as HOST:PORT, got {address!r}") from None
    except OSError as error:
        raise RayUnreachable(
            f"no Ray answers at {address} ({error.strerror or error}): check "
            "AOI_LEARN__RAY_ADDRESS, or start one with `aoi learn start`"
        ) from error


def _join(where: str) -> Callable[[], None]:
    """Join, and return what leaves again."""
    import ray  # noqa: PLC0415 - loads its native library
    from ray import _raylet as native  # noqa: PLC0415
    from ray._private import ray_constants as constants  # noqa: PLC0415

    # read by Ray at its import, which may have been before our variables were set
    said = os.environ.get(constants.ENABLE_RAY_CLUSTERS_ENV_VAR)
    constants.ENABLE_RAY_CLUSTER = (
        not constants.IS_WINDOWS_OR_OSX if said is None else said.lower() in ("1", "true")
    )
    native.Config.initialize("")  # type: ignore[attr-defined] # without stubs
    native.AuthenticationTokenLoader.instance().reset_cache()  # type: ignore[attr-defined]
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=where,
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level=logging.WARNING,
        )
    except (ray.exceptions.AuthenticationError, ConnectionError, RuntimeError) as error:
        ray.shutdown()
        raise RayUnreachable(
            f"the Ray at {where} does not let us in: expected its token in the file that "
            f"RAY_AUTH_TOKEN_PATH names ({os.environ.get('RAY_AUTH_TOKEN_PATH', 'not set')}): "
            f"{error}"
        ) from error
    finally:
        # Ray ends the process on SIGTERM; the driver's own way of ending stays in force
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
    leave: Callable[[], None] = ray.shutdown
    return leave
