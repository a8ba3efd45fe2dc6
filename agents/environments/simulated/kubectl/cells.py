"""What columns are made of: the type of a table, and cells that several kinds share."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agents.environments.simulated.clock import age, seconds_of
from agents.environments.simulated.objects.kinds import Manifest
from agents.environments.simulated.objects.selectors import label_selector_text

Row = Callable[[Manifest, float], list[str]]
NONE = "<none>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """A table's header and cells; the wide ones follow the narrow ones."""

    header: tuple[str, ...]
    cells: Row
    wide: tuple[str, ...] = ()
    wide_cells: Row | None = None


def age_of(item: Manifest, now: float) -> str:
    """Return the AGE of an object."""
    return age(now - seconds_of(item["metadata"]["creationTimestamp"]))


def container_cells(template: Manifest) -> list[str]:
    """Return the names and the images of a template's containers."""
    containers = template["spec"]["containers"]
    return [
        ",".join(container["name"] for container in containers),
        ",".join(container["image"] for container in containers),
    ]


def template_cells(item: Manifest, _now: float) -> list[str]:
    """Return the wide cells of a workload: CONTAINERS, IMAGES, SELECTOR."""
    selector = label_selector_text(item["spec"].get("selector") or {})
    return [*container_cells(item["spec"]["template"]), selector or NONE]


_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def modes_text(modes: Iterable[str] | None) -> str:
    """Return access modes as kubectl shortens them, each once, in the order of the API."""
    return ",".join(short for mode, short in _MODES.items() if mode in (modes or ()))
