"""helm's engine: a release is upgraded, and rolled back to an earlier revision.

Invariant: a revision's objects reach the cluster through the same door as kubectl's writes
(`editing.save`), merged three ways as helm does: what the new manifests say is set, what only the
old ones said is removed, what neither says stays as it was made by hand.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from agents.environments.simulated.applications.charts import Rendered, created, render
from agents.environments.simulated.applications.releases import Revision
from agents.environments.simulated.kubectl.editing import save
from agents.environments.simulated.kubectl.errors import CommandFailed
from agents.environments.simulated.objects.kinds import KINDS, Manifest
from agents.environments.simulated.objects.patching import merge_key, strategic
from agents.environments.simulated.objects.schema import Rejected, admit

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster

_KEPT = 10
"""helm forgets older revisions."""
NOT_FOUND = "Error: release: not found"


def upgrade(
    cluster: Cluster,
    release: str,
    values: dict[str, str],
    *,
    reuse: bool = True,
    chart: str | None = None,
) -> Revision:
    """Make a new revision with these values (by dotted path) and apply it; raises CommandFailed.

    reuse: whether the values that were set before stay.
    """
    history = history_of(cluster, release)
    made = cluster.application.release
    if history is None or made is None:
        raise CommandFailed(f'Error: UPGRADE FAILED: "{release}" has no deployed releases')
    current = history[-1]
    chosen = {**(dict(current.values) if reuse else {}), **values}
    revision = Revision(
        number=current.number + 1,
        updated=cluster.now,
        status="deployed",
        chart=chart or current.chart,
        app_version=current.app_version,
        description="Upgrade complete",
        rendered=render(cluster.application, made, chosen),
        values=tuple(sorted(chosen.items())),
    )
    try:
        _apply(cluster, current.rendered, revision.rendered)
    except CommandFailed as failure:
        raise CommandFailed(f"Error: UPGRADE FAILED: {failure.text}") from None
    _append(history, revision)
    return revision


def roll_back(cluster: Cluster, release: str, number: int | None = None) -> Revision:
    """Make a new revision that is an earlier one again; None is the one before."""
    history = history_of(cluster, release)
    if history is None:
        raise CommandFailed(NOT_FOUND)
    current = history[-1]
    wanted = number or current.number - 1
    target = next((item for item in history if item.number == wanted), None)
    if target is None:
        raise CommandFailed(f"Error: release has no {wanted} version")
    revision = Revision(
        number=current.number + 1,
        updated=cluster.now,
        status="deployed",
        chart=target.chart,
        app_version=target.app_version,
        description=f"Rollback to {wanted}",
        rendered=target.rendered,
        values=target.values,
    )
    _apply(cluster, current.rendered, revision.rendered)
    _append(history, revision)
    return revision


def history_of(cluster: Cluster, release: str) -> list[Revision] | None:
    """Return the revisions of a release, oldest first; None when there is no such release."""
    return cluster.releases.get(release) or None


def _append(history: list[Revision], revision: Revision) -> None:
    for item in history:
        if item.status == "deployed":
            item.status = "superseded"
    history.append(revision)
    del history[:-_KEPT]


def _apply(cluster: Cluster, old: Rendered, new: Rendered) -> None:
    """Merge the new manifests into the live objects; nothing changes where one is refused."""
    before = {(kind, body["metadata"]["name"]): body for kind, body in old}
    wanted: list[tuple[str, Manifest, bool]] = []
    for kind, body in new:
        name = body["metadata"]["name"]
        live = cluster.store.get(kind, cluster.namespace, name)
        if live is None:
            wanted.append((kind, created(kind, body), True))
            continue
        merged = deepcopy(strategic(live, _patch(before.get((kind, name), {}), body)))
        if merged != live:
            _check(kind, merged, live)
            wanted.append((kind, merged, False))
    for kind, item, fresh in wanted:
        save(cluster, kind, item, new=fresh)


def _check(kind: str, item: Manifest, live: Manifest) -> None:
    try:
        admit(kind, item, live)
    except Rejected as error:
        name, what = item["metadata"]["name"], KINDS[kind]
        spelled = f"{what.name}.{what.group}" if what.group else what.name
        raise CommandFailed(
            f'cannot patch "{name}" with kind {what.name}: {spelled} "{name}" is invalid: {error}'
        ) from None


def _patch(old: Manifest, new: Manifest) -> Manifest:
    """Return the strategic patch that sets what `new` says and removes what only `old` said."""
    patch: Manifest = dict.fromkeys(sorted(old.keys() - new.keys()))
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict):
            patch[key] = _patch(before if isinstance(before, dict) else {}, value)
        elif isinstance(value, list):
            patch[key] = _list_patch(key, before if isinstance(before, list) else [], value)
        else:
            patch[key] = value
    return patch


def _list_patch(field: str, old: list[Any], new: list[Any]) -> list[Any]:
    key = merge_key(field, new or old)
    if key is None:
        return deepcopy(new)
    before = {item[key]: item for item in old}
    kept = [_patch(before.get(item[key], {}), item) for item in new]
    gone = before.keys() - {item[key] for item in new}
    return kept + [{key: value, "$patch": "delete"} for value in before if value in gone]
