"""Reads the folder of rules that an operator edits, and refuses it whole when any part is wrong.

Invariant: rules that were loaded parse, fit the schema, carry an @id and a @message each, and are
exactly the files of the folder: a file that would be ignored is an error too.
"""

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import cedarpy

from agents.contracts.action import Action

POLICY_FILES = ("never.cedar", "ask.cedar", "automatic.cedar")
SCHEMA_FILE = "schema.cedarschema"
APPROVERS_FILE = "approvers.toml"
ACTION_TYPES: frozenset[str] = frozenset(
    action.model_fields["type"].default for action in get_args(get_args(Action)[0])
)
_FILES = frozenset({*POLICY_FILES, SCHEMA_FILE, APPROVERS_FILE})


class PolicyInvalid(Exception):
    """The rules cannot be used; the message names the file and what to change."""


@dataclass(frozen=True, slots=True)
class Book:
    """One parsed policy set, and the (@id, @message) of each of its policies."""

    policies: cedarpy.PolicySet
    reasons: dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything of a folder.

    asked: `never` and `ask`, what may be done at all. automatic: `never` and `automatic`, what may
    be done unasked. approvers: by action type, with `default`.
    """

    version: str
    asked: Book
    automatic: Book
    approvers: dict[str, int]


def read_rulebook(folder: Path) -> Rules:
    """Return the rules of a folder; raises `PolicyInvalid`."""
    texts = _texts(folder)
    schema = texts[SCHEMA_FILE]
    every_act = "".join(
        f'permit (principal, action == Action::"{name}", resource);' for name in ACTION_TYPES
    )
    _validate(SCHEMA_FILE, every_act, schema)
    never, ask, automatic = (texts[name] for name in POLICY_FILES)
    for name in POLICY_FILES:
        _validate(name, texts[name], schema)
    return Rules(
        version=_digest(texts),
        asked=_book(never + "\n" + ask),
        automatic=_book(never + "\n" + automatic),
        approvers=_approvers(texts[APPROVERS_FILE]),
    )


def _texts(folder: Path) -> dict[str, str]:
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if names != _FILES:
        missing, strange = sorted(_FILES - names), sorted(names - _FILES)
        raise PolicyInvalid(
            f"expected {folder} to hold {', '.join(sorted(_FILES))}; "
            f"missing: {missing}, not known: {strange}"
        )
    try:
        return {name: (folder / name).read_text(encoding="utf-8") for name in sorted(names)}
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyInvalid(f"{folder} could not be read: {error}") from error


def _validate(name: str, text: str, schema: str) -> None:
    result = cedarpy.validate_policies(text, schema)
    if not result.validation_passed:
        raise PolicyInvalid(f"{name}: {'; '.join(str(error) for error in result.errors)}")


def _book(text: str) -> Book:
    static = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
    reasons: dict[str, tuple[str, str]] = {}
    for policy, body in static.items():
        annotations = body.get("annotations", {})
        identity, message = annotations.get("id"), annotations.get("message")
        if not identity or not message:
            raise PolicyInvalid(f"expected every policy to have @id and @message, see {identity}")
        reasons[policy] = (identity, message)
    if len({identity for identity, _ in reasons.values()}) != len(reasons):
        raise PolicyInvalid("expected each @id once")
    return Book(cedarpy.PolicySet.from_str(text), reasons)


def _approvers(text: str) -> dict[str, int]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyInvalid(f"{APPROVERS_FILE} is no TOML: {error}") from error
    approvers = {name: count for name, count in table.items() if type(count) is int and count >= 1}
    if len(approvers) != len(table) or "default" not in approvers:
        raise PolicyInvalid(f"{APPROVERS_FILE}: expected counts from 1 up, and a default")
    return approvers


def _digest(texts: dict[str, str]) -> str:
    digest = hashlib.sha256()
    for name, text in sorted(texts.items()):
        digest.update(f"{name}\0{len(text.encode())}\0{text}".encode())
    return digest.hexdigest()
