"""The `-o` forms of `get`: yaml, json, name, jsonpath and custom columns.

Invariant: values of secrets never leave: they are replaced before anything is printed.
"""

from __future__ import annotations

import re
from typing import Any

import orjson
import yaml

from agents.environments.simulated.kubectl.documents import go_value
from agents.environments.simulated.kubectl.errors import CommandFailed
from agents.environments.simulated.kubectl.jsonpath import (
    BadTemplate,
    escaped,
    evaluate,
    values_at,
)
from agents.environments.simulated.kubectl.tables import table
from agents.environments.simulated.objects.kinds import BY_NAME, Manifest

REDACTED = "REDACTED"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""The annotation in which `apply` keeps what it applied, values of secrets too."""


_AMBIGUOUS = re.compile(
    r"[-+]?[0-9][0-9_,:]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?|\d{4}-\d\d-\d\dT[0-9:]+Z|(?i:true|false|yes|no|on|off|null|y|n)|~|"
)


class _Dumper(yaml.CSafeDumper):
    """YAML as Go's sigs.k8s.io/yaml writes it: lists are not indented, keys are sorted."""


def _text(dumper: yaml.CSafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    if style is None and _AMBIGUOUS.fullmatch(value):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def safe(item: Manifest) -> Manifest:
    """Return the object with the values of a secret replaced."""
    if item.get("kind") != "Secret":
        return item
    shown = {**item}
    for field in ("data", "stringData"):
        if field in item:
            shown[field] = dict.fromkeys(item[field] or {}, REDACTED)
    annotations = item["metadata"].get("annotations") or {}
    if LAST_APPLIED in annotations:
        annotations = {**annotations, LAST_APPLIED: REDACTED}
        shown["metadata"] = {**item["metadata"], "annotations": annotations}
    return shown


def qualified_name(item: Manifest) -> str:
    """Return `deployment.apps/name`."""
    return f"{BY_NAME[item['kind']].qualified_singular}/{item['metadata']['name']}"


def as_list(items: list[Manifest]) -> Manifest:
    """Return the List that kubectl wraps several objects in."""
    return {"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}}


def as_yaml(data: object) -> str:
    """Return data as Go's sigs.k8s.io/yaml writes it."""
    return yaml.dump(data, Dumper=_Dumper, width=80, allow_unicode=True)


def rendered(items: list[Manifest], output: str, *, single: bool, headers: bool = True) -> str:
    """Return objects in an `-o` form; `single` when one name was asked for."""
    items = [safe(item) for item in items]
    form, _, argument = output.partition("=")
    data: Any = items[0] if single and len(items) == 1 else as_list(items)
    if form == "yaml":
        return as_yaml(data)
    if form == "json":
        return indented(data)
    if form == "name":
        return "".join(f"{qualified_name(item)}\n" for item in items)
    if form in ("jsonpath", "jsonpath-as-json"):
        try:
            if form == "jsonpath-as-json":
                return indented(values_at(data, argument.strip().strip("{}")))
            return evaluate(data, argument)
        except BadTemplate as error:
            raise CommandFailed(f"error: error parsing jsonpath {argument}, {error}") from None
    if form == "custom-columns":
        return _custom(items, argument, headers=headers)
    raise CommandFailed(
        f'error: unable to match a printer suitable for the output format "{output}", '
        "allowed formats are: custom-columns,custom-columns-file,go-template,go-template-file,"
        "json,jsonpath,jsonpath-as-json,jsonpath-file,kyaml,name,template,templatefile,wide,yaml"
    )


def indented(data: Any) -> str:  # noqa: ANN401 - JSON
    """Return data as kubectl's `-o json` writes it."""
    text = orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
    text = re.sub(r"^( +)", lambda match: match.group(1) * 2, text, flags=re.MULTILINE)
    return escaped(text) + "\n"


def _custom(items: list[Manifest], argument: str, *, headers: bool) -> str:
    columns = []
    for column in argument.split(","):
        header, colon, path = column.partition(":")
        if not colon:
            raise CommandFailed(
                f"error: unexpected custom-columns spec: {column}, "
                "expected <header>:<json-path-expr>"
            )
        columns.append((header, path.strip("{}") if path.startswith("{") else path))
    rows = [[header for header, _ in columns]] if headers else []
    for item in items:
        row = []
        for _, path in columns:
            if not path:
                row.append("<none>")
                continue
            try:
                found = values_at(item, path if path.startswith((".", "[")) else f".{path}")
            except BadTemplate as error:
                raise CommandFailed(f"error: {error}") from None
            row.append(",".join(map(go_value, found)) if found else "<none>")
        rows.append(row)
    return table(rows)
