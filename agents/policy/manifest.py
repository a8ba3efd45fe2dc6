"""Reads patches and manifests as JSON data, strictly: what we understood is what will be sent.

Invariant: text that two readers could take for different objects (a repeated member, an alias, a
second document, a name that is no string) is refused, as is what grows beyond its own length.
"""

import json
import re
from collections.abc import Callable
from contextlib import suppress

import yaml
from pydantic import JsonValue

from agents.approval.canonical import canonical_json
from agents.policy.kinds import kind_of
from agents.policy.refusal import ReasonCode, Refusal

MAX_DEPTH = 32


# what objects have at their top; kubectl takes any object with `items` for a list of others
_TOP = frozenset(
    {
        *("apiVersion", "kind", "metadata", "spec", "status", "type", "value", "description"),
        *("data", "binaryData", "stringData", "immutable", "rules", "roleRef", "subjects"),
        *("aggregationRule", "webhooks", "secrets", "imagePullSecrets", "provisioner"),
        *("automountServiceAccountToken", "parameters", "reclaimPolicy", "allowVolumeExpansion"),
        *("mountOptions", "volumeBindingMode", "allowedTopologies", "globalDefault"),
        "preemptionPolicy",
    }
)

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.CSafeLoader):
    """YAML's JSON subset with block style: no times, no base 60."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag in {_TAG + "bool", _TAG + "null"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    _TAG + "int", re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z|0[0-7]+\Z"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    _TAG + "float",
    re.compile(r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?\Z"),
    list("-+0123456789"),
)


_MAKER = yaml.constructor.SafeConstructor()
_SCALARS: dict[str, Callable[[yaml.ScalarNode], JsonValue]] = {
    _TAG + "null": _MAKER.construct_yaml_null,
    _TAG + "bool": _MAKER.construct_yaml_bool,
    _TAG + "int": _MAKER.construct_yaml_int,
    _TAG + "float": _MAKER.construct_yaml_float,
    _TAG + "str": _MAKER.construct_yaml_str,
}


# what JSON can begin with; what begins otherwise is YAML or nothing
_JSON_BEGINS = frozenset('{["-0123456789tfnNI')
# where it is all there is, no anchor, alias, tag, directive or second document can stand
_PLAIN_YAML = re.compile(r"(?!.*(?:---|\.\.\.))[^&*!%]{0,256}", re.DOTALL)


def read_document(text: str) -> JsonValue:
    """Return the data of one JSON or YAML document; raises `Refusal`."""
    return read_canonical(text)[0]


def read_canonical(text: str) -> tuple[JsonValue, str]:
    """Return the data of one JSON or YAML document, and its canonical JSON; raises `Refusal`."""
    try:
        data = _read(text)
    except RecursionError:
        raise _bad(f"expected one document at most {MAX_DEPTH} deep") from None
    try:
        _check_depth(data, 0)
        canonical = canonical_json(data)
    except ValueError as error:
        raise _bad(f"expected plain JSON data: {error}") from None
    return data, canonical


def _read(text: str) -> JsonValue:
    if text.lstrip()[:1] in _JSON_BEGINS:
        with suppress(ValueError):
            data: JsonValue = _JSON.decode(text)
            return data
    return _read_yaml(text)


def _read_yaml(text: str) -> JsonValue:
    try:
        _check_events(text)
        data = _built(yaml.compose(text, _Loader))
    except yaml.YAMLError as error:
        raise _bad(f"expected JSON or YAML: {str(error).splitlines()[0]}") from None
    except (ValueError, TypeError) as error:
        raise _bad(f"expected plain JSON data: {error}") from None
    return data


def _built(node: yaml.Node | None) -> JsonValue:
    """Return the data of a node: no member twice, none named but by a string."""
    match node:
        case yaml.MappingNode(value=pairs):
            members: dict[str, JsonValue] = {}
            for key, value in pairs:
                if key.tag != _TAG + "str" or key.value in members or key.value == "<<":
                    got = repr(key.value[:60]) if isinstance(key, yaml.ScalarNode) else key.id
                    raise _bad(f"expected each member once, named by a string, got {got}")
                members[key.value] = _built(value)
            return members
        case yaml.SequenceNode(value=items):
            return [_built(item) for item in items]
        case yaml.ScalarNode(tag=tag) if tag in _SCALARS:
            return _SCALARS[tag](node)
        case None:
            return None
        case _:
            raise _bad(f"expected JSON or YAML, got {node.tag}")


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _bad("expected each member once")
    return members


def _constant(name: str) -> object:
    raise _bad(f"{name} is no JSON number")


_JSON = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_constant)


def _check_depth(data: object, around: int) -> None:
    """Refuse what is nested too deep; around: how many collections hold the data."""
    if not isinstance(data, dict | list):
        return
    if around == MAX_DEPTH:
        raise _bad(f"expected one document at most {MAX_DEPTH} deep")
    for child in data.values() if isinstance(data, dict) else data:
        _check_depth(child, around + 1)


def read_object(text: str, namespace: str | None) -> tuple[str, str | None, str, str]:
    """Return kind (canonical), namespace, name and canonical JSON of one manifest.

    namespace: the command's own; it must not contradict the manifest's.
    """
    data = read_document(text)
    metadata = data.get("metadata") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(metadata, dict):
        raise _bad("expected one object with apiVersion, kind and metadata")
    spelled, version, name = data.get("kind"), data.get("apiVersion"), metadata.get("name")
    if not isinstance(spelled, str) or not isinstance(version, str) or not isinstance(name, str):
        raise _bad("expected apiVersion, kind and metadata.name to be strings")
    if strange := sorted(data.keys() - _TOP):
        raise _bad(f"no object has a member {strange[0][:60]!r} at its top")
    kind = kind_of(spelled)
    group = version.rpartition("/")[0]
    if spelled.lower() != kind.singular or group != kind.group or kind.plural == "all":
        raise _bad(
            f"expected kind {kind.singular} of group {kind.group!r}, got {spelled} {version}"
        )
    annotations = metadata.get("annotations")
    if isinstance(annotations, dict) and _LAST_APPLIED in annotations:
        raise _bad(f"kubectl alone writes {_LAST_APPLIED}: leave it out")
    own = metadata.get("namespace")
    if not kind.namespaced:
        if own is not None:
            raise _bad(f"{kind.plural} have no namespace")
        return kind.plural, None, name, canonical_json(data)
    place = own if isinstance(own, str) else namespace
    if place is None or (own is not None and own != (namespace or own)):
        raise Refusal(
            ReasonCode.MISSING_NAMESPACE,
            f"expected one namespace, got {namespace} in the line and {own} in the manifest",
        )
    metadata["namespace"] = place
    return kind.plural, place, name, canonical_json(data)


def _check_events(text: str) -> None:
    """Refuse aliases, tags, second documents and depth before anything is built."""
    if _PLAIN_YAML.fullmatch(text):
        return  # too short to be deep before `_check_depth` counts
    depth = documents = 0
    for event in yaml.parse(text, yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _bad("expected no anchor and no alias")
        if getattr(event, "tag", None):
            raise _bad("expected no tag")
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH or documents > 1:
            raise _bad(f"expected one document at most {MAX_DEPTH} deep")


def _bad(message: str) -> Refusal:
    return Refusal(ReasonCode.BAD_MANIFEST, message, None, "one JSON or YAML object")
