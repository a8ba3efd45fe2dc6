"""The three ways of patching an object: JSON merge, JSON patch, strategic merge.

Invariant: a patch returns a new object and leaves the old one alone; what can't be applied raises
`PatchFailed` in the API server's words.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from agents.environments.simulated.objects.kinds import Manifest

_MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "imagePullSecrets": "name",
    "secrets": "name",
    "ownerReferences": "uid",
}


class PatchFailed(ValueError):
    """The patch does not fit the object."""


def merge(target: Any, patch: Any) -> Any:  # noqa: ANN401 - JSON
    """Apply a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def merge_key(field: str, entries: list[Any]) -> str | None:
    """Return the key by which a strategic merge tells a list's entries apart, if it does."""
    if field == "ports":
        first = next((entry for entry in entries if isinstance(entry, dict)), {})
        return "containerPort" if "containerPort" in first else "port"
    return _MERGE_KEYS.get(field)


def strategic(target: Any, patch: Any, *, ordered: bool = False) -> Any:  # noqa: ANN401 - JSON
    """Apply a strategic merge patch: lists of named things merge by their key.

    ordered: the patch says the order of what it names, as the API server has it, and what is new
    stands before what only the object has; otherwise what is new is added at the end.
    """
    if not isinstance(patch, dict):
        return deepcopy(patch)
    directive = patch.get("$patch")
    if directive == "replace":
        return deepcopy({key: value for key, value in patch.items() if key != "$patch"})
    if directive == "delete":
        return {}
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None:
            result.pop(key, None)
        elif isinstance(value, list):
            result[key] = _strategic_list(key, result.get(key), value, ordered=ordered)
        else:
            result[key] = strategic(result.get(key), value, ordered=ordered)
    return result


def _strategic_list(field: str, old: Any, patch: list[Any], *, ordered: bool) -> list[Any]:  # noqa: ANN401 - JSON
    key = merge_key(field, patch)
    told = isinstance(old, list) and all(isinstance(entry, dict) and key in entry for entry in old)
    if key is None or not told or {"$patch": "replace"} in patch:
        return [deepcopy(item) for item in patch if item != {"$patch": "replace"}]
    result = list(old)
    for item in patch:
        if not isinstance(item, dict) or not isinstance(item.get(key), (str, int)):
            raise PatchFailed(f"map: {item} does not contain declared merge key: {key}")
        at = next((i for i, entry in enumerate(result) if entry.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            if at is not None:
                del result[at]
        elif at is None:
            result.append(strategic({}, item, ordered=ordered))
        else:
            result[at] = strategic(result[at], item, ordered=ordered)
    if not ordered:
        return result
    return _in_order(result, [entry.get(key) for entry in old], [item[key] for item in patch], key)


def _in_order(merged: list[Any], old: list[Any], named: list[Any], key: str) -> list[Any]:
    """Return merged items as the server orders them.

    Those that the patch names stand in its order; the others stand where the old order puts them
    before a named one, and else after all of them.
    """
    by_key = {entry[key]: entry for entry in merged}
    left = [name for name in old if name in by_key and name not in named]
    right = [name for name in dict.fromkeys(named) if name in by_key]
    order: list[Any] = []
    while left and right:
        known = right[0] in old and old.index(left[0]) < old.index(right[0])
        order.append((left if known else right).pop(0))
    return [by_key[name] for name in (*order, *left, *right)]


def _is_key(value: Any) -> bool:  # noqa: ANN401 - JSON
    return value is None or isinstance(value, (str, int))


def deletions(last: Any, new: Any) -> Any:  # noqa: ANN401 - JSON
    """Return `new` with a removal of everything that stood in `last` and stands in it no more."""
    if not isinstance(last, dict) or not isinstance(new, dict):
        return new
    result = dict(new)
    for key, value in last.items():
        if key not in new:
            result[key] = None
        elif isinstance(value, list) and isinstance(new[key], list):
            by = merge_key(key, value)
            listed = (*value, *new[key])
            if by is None or not all(isinstance(e, dict) and _is_key(e.get(by)) for e in listed):
                continue
            was = {entry.get(by): entry for entry in value if isinstance(entry, dict)}
            now = [deletions(was.get(entry.get(by)), entry) for entry in new[key]]
            kept = {entry.get(by) for entry in new[key]}
            gone = [{"$patch": "delete", by: name} for name in was if name not in kept]
            result[key] = [*now, *gone]
        else:
            result[key] = deletions(value, new[key])
    return result


def json_patch(target: Manifest, operations: Any) -> Manifest:  # noqa: ANN401 - JSON
    """Apply a JSON patch (RFC 6902)."""
    if not isinstance(operations, list) or not all(isinstance(op, dict) for op in operations):
        raise PatchFailed("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    document: Any = deepcopy(target)
    for operation in operations:
        document = _operate(document, operation)
    if not isinstance(document, dict):
        raise PatchFailed("the patch does not leave an object")
    return document


def _operate(document: Any, operation: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    name, path = operation.get("op"), operation.get("path")
    if not isinstance(path, str) or name not in (
        "add",
        "remove",
        "replace",
        "test",
        "copy",
        "move",
    ):
        raise PatchFailed(f"Unexpected kind: {name}")
    value = deepcopy(operation.get("value"))
    if name in ("copy", "move"):
        source = operation.get("from")
        if not isinstance(source, str):
            raise PatchFailed(f"{name} operation does not apply: from is missing")
        value = deepcopy(_read(document, source))
        if name == "move":
            document = _change(document, _parts(source), "remove", None, source)
        name = "add"
    if name == "test":
        if _read(document, path) != value:
            raise PatchFailed(f"testing value {path} failed: test failed")
        return document
    return _change(document, _parts(path), name, value, path)


def _parts(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise PatchFailed(f"jsonpatch path must start with /: {path}")
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _read(document: Any, path: str) -> Any:  # noqa: ANN401 - JSON
    for part in _parts(path):
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list) and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        else:
            raise PatchFailed(f"doc is missing path: {path}: missing value")
    return document


def _change(document: Any, parts: list[str], name: str, value: Any, path: str) -> Any:  # noqa: ANN401 - JSON
    if not parts:
        return value
    missing = PatchFailed(
        f"{name} operation does not apply: doc is missing path: {path}: missing value"
    )
    parent = document
    for part in parts[:-1]:
        if isinstance(parent, dict) and part in parent:
            parent = parent[part]
        elif isinstance(parent, list) and part.isdecimal() and int(part) < len(parent):
            parent = parent[int(part)]
        else:
            raise missing
    last = parts[-1]
    if isinstance(parent, dict):
        if name != "add" and last not in parent:
            raise missing
        if name == "remove":
            del parent[last]
        else:
            parent[last] = value
    elif isinstance(parent, list):
        _change_list(parent, last, name, value, missing)
    else:
        raise missing
    return document


def _change_list(parent: list[Any], last: str, name: str, value: Any, missing: PatchFailed) -> None:  # noqa: ANN401 - JSON
    if last == "-" and name == "add":
        parent.append(value)
        return
    if (
        not last.isdecimal()
        or int(last) > len(parent)
        or (name != "add" and int(last) >= len(parent))
    ):
        raise missing
    if name == "add":
        parent.insert(int(last), value)
    elif name == "remove":
        del parent[int(last)]
    else:
        parent[int(last)] = value


def inverse(before: Any, after: Any) -> Any:  # noqa: ANN401 - JSON
    """Return the merge patch that leads from `after` back to `before`."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return deepcopy(before)
    patch: dict[str, Any] = {}
    for key in sorted(before.keys() | after.keys()):
        if key not in before:
            patch[key] = None
        elif key not in after:
            patch[key] = deepcopy(before[key])
        elif before[key] != after[key]:
            patch[key] = inverse(before[key], after[key])
    return patch


def back(before: Any, after: Any, path: str = "") -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Return the JSON patch (RFC 6902) that leads from `after` back to `before`.

    It names the members that differ; a list of another length is replaced as a whole.
    """
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            operation
            for key in sorted(before.keys() | after.keys())
            for operation in _member_back(before, after, key, f"{path}/{_escaped(key)}")
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [one for place, (old, new) in pairs for one in back(old, new, f"{path}/{place}")]
    return [{"op": "replace", "path": path, "value": deepcopy(before)}]


def _member_back(
    before: dict[str, Any], after: dict[str, Any], key: str, path: str
) -> list[dict[str, Any]]:
    if key not in before:
        return [{"op": "remove", "path": path}]
    if key not in after:
        return [{"op": "add", "path": path, "value": deepcopy(before[key])}]
    return back(before[key], after[key], path)


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
