"""A chart: what an application's release renders from the values that were set.

Invariant: the same values render the same objects; a value that the chart does not know changes
nothing, as in a real chart. A value's path is `COMPONENT.FIELD`, see `_FIELDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from agents.environments.simulated.applications.deploy import objects_of
from agents.environments.simulated.applications.graph import TLS_ARGUMENTS, Component
from agents.environments.simulated.applications.releases import Revision
from agents.environments.simulated.objects.kinds import Manifest, clone

if TYPE_CHECKING:
    from agents.environments.simulated.applications.graph import Application, Release

Rendered = tuple[tuple[str, Manifest], ...]
Field = Callable[[Component, Manifest, str, str], None]

_MANAGED_BY = ("app.kubernetes.io/managed-by", "Helm")
_OF_THE_CLUSTER = ("serviceaccounts", "default")
"""What every namespace has, whatever is installed in it."""
_FIRST_STATUS: dict[str, Manifest] = {
    "deployments": {},
    "persistentvolumeclaims": {"phase": "Pending"},
    "services": {"loadBalancer": {}},
}


def render(application: Application, release: Release, values: Mapping[str, str]) -> Rendered:
    """Return (kind, object) of everything that the release's chart makes of these values."""
    components = {component.name: component for component in application.components}
    found = []
    for kind, body in objects_of(application):
        name = body["metadata"]["name"]
        if (kind, name) == _OF_THE_CLUSTER:
            continue
        body.pop("status", None)
        body["metadata"].pop("generation", None)
        _own(body, application, release)
        if kind == "deployments" and name in components:
            _set(components[name], body, values)
        found.append((kind, body))
    return tuple(found)


def first_revision(application: Application, now: float) -> Revision | None:
    """Return the revision with which the application's team installed it, if it has a release."""
    release = application.release
    if release is None:
        return None
    return Revision(
        number=1,
        updated=now,
        status="deployed",
        chart=release.chart,
        app_version=release.app_version,
        description="Install complete",
        rendered=render(application, release, {}),
    )


def installed(application: Application, revision: Revision | None) -> list[tuple[str, Manifest]]:
    """Return (kind, object) to create: what a release rendered in place of its plain forms."""
    objects = objects_of(application)
    if revision is None:
        return objects
    of_the_release = {(kind, body["metadata"]["name"]): body for kind, body in revision.rendered}
    found = []
    for kind, body in objects:
        rendered = of_the_release.get((kind, body["metadata"]["name"]))
        found.append((kind, created(kind, rendered) if rendered else body))
    return found


def created(kind: str, body: Manifest) -> Manifest:
    """Return a copy of a rendered object with what the API server adds to a new one."""
    made = clone(body)
    if kind == "deployments":
        made["metadata"]["generation"] = 1
    if kind in _FIRST_STATUS:
        made["status"] = clone(_FIRST_STATUS[kind])
    return made


def _own(body: Manifest, application: Application, release: Release) -> None:
    metadata = body["metadata"]
    key, value = _MANAGED_BY
    metadata["labels"] = {**(metadata.get("labels") or {}), key: value}
    metadata["annotations"] = {
        **(metadata.get("annotations") or {}),
        "meta.helm.sh/release-name": release.name,
        "meta.helm.sh/release-namespace": application.namespace,
    }


def _set(component: Component, body: Manifest, values: Mapping[str, str]) -> None:
    for path, value in sorted(values.items()):
        owner, _, rest = path.partition(".")
        if owner != component.name:
            continue
        rest = rest.removeprefix("container.")
        for prefix, field in _FIELDS.items():
            if rest == prefix or (prefix.endswith(".") and rest.startswith(prefix)):
                field(component, body, rest.removeprefix(prefix), value)
                break


def _main(body: Manifest) -> Manifest:
    found: Manifest = body["spec"]["template"]["spec"]["containers"][0]
    return found


def _replicas(_component: Component, body: Manifest, _rest: str, value: str) -> None:
    if value.isdigit():
        body["spec"]["replicas"] = int(value)


def _image(_component: Component, body: Manifest, _rest: str, value: str) -> None:
    if value:
        _main(body)["image"] = value


def _repository(_component: Component, body: Manifest, _rest: str, value: str) -> None:
    _, colon, tag = _main(body)["image"].rpartition(":")
    _main(body)["image"] = f"{value}{colon}{tag}"


def _tag(_component: Component, body: Manifest, _rest: str, value: str) -> None:
    image = _main(body)["image"]
    name, colon, _ = image.rpartition(":")
    _main(body)["image"] = f"{name if colon else image}:{value}"


def _words(name: str) -> Field:
    """Return the field of a list of words, in helm's form `{a,b}`."""

    def change(_component: Component, body: Manifest, _rest: str, value: str) -> None:
        words = [word for word in value.removeprefix("{").removesuffix("}").split(",") if word]
        _main(body).pop(name, None)
        if words:
            _main(body)[name] = words

    return change


def _resources(_component: Component, body: Manifest, rest: str, value: str) -> None:
    side, _, amount = rest.partition(".")
    if side in ("limits", "requests") and amount:
        _main(body)["resources"].setdefault(side, {})[amount] = value


def _env(_component: Component, body: Manifest, rest: str, value: str) -> None:
    listed = _main(body).setdefault("env", [])
    at = next((i for i, item in enumerate(listed) if item["name"] == rest), len(listed))
    listed[at : at + 1] = [{"name": rest, "value": value}]


def _node_selector(_component: Component, body: Manifest, rest: str, value: str) -> None:
    body["spec"]["template"]["spec"].setdefault("nodeSelector", {})[rest] = value


def _tls(component: Component, body: Manifest, _rest: str, value: str) -> None:
    """Let a store take connections with TLS alone, where its chart calls that mode so."""
    arguments = TLS_ARGUMENTS.get(component.program.protocol)
    if arguments and value in ("requireTLS", "require", "required"):
        _main(body)["args"] = [*component.arguments, *arguments]


_FIELDS: dict[str, Field] = {
    "replicas": _replicas,
    "replicaCount": _replicas,
    "image.repository": _repository,
    "image.tag": _tag,
    "image": _image,
    "args": _words("args"),
    "command": _words("command"),
    "resources.": _resources,
    "env.": _env,
    "nodeSelector.": _node_selector,
    "tls.mode": _tls,
}
"""Path below the component (or its `container`) -> what it sets; a final dot: a family of paths."""
