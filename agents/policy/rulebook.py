"""Reads the folder of rules that an operator edits, and refuses it whole when any part is wrong.

Invariant: rules that were loaded parse, fit the schema, carry an @id and a @message each, and are
exactly the files of the folder: a file that would be ignored is an error too. Hidden files (an
editor's, a mounted ConfigMap's) and an editor's copies (`x~`, `#x#`) are none of it, and the folder
`tests` decides nothing.
"""

import hashlib
import json
import stat
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import get_args

import cedarpy

from agents.contracts.action import Action
from agents.policy import cedar_faults, pooled
from agents.policy.limits import Limits, LimitsInvalid, read_limits
from agents.policy.pooled import Pool
from agents.policy.question import Body, Question, questions_of, source_of

SCHEMA_FILE = "schema.cedarschema"
APPROVERS_FILE = "approvers.toml"
SETTINGS_FILE = "settings.toml"
TESTS_FOLDER = "tests"
ACTION_TYPES: frozenset[str] = frozenset(
    action.model_fields["type"].default for action in get_args(get_args(Action)[0])
)


class PolicyInvalid(Exception):
    """The rules cannot be used; the message names the file and what to change."""


class Part(StrEnum):
    """A file of policies, by what its policies say."""

    NEVER = "never"
    ASK = "ask"
    AUTOMATIC = "automatic"

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self}.cedar"


class Effect(StrEnum):
    """What a policy does where it holds."""

    PERMIT = "permit"
    FORBID = "forbid"


_FILES = frozenset({*(part.file for part in Part), SCHEMA_FILE, APPROVERS_FILE, SETTINGS_FILE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One policy as its file has it: name is its @id, order its place over all files."""

    name: str
    message: str
    part: Part
    effect: Effect
    order: int
    text: str


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything of a folder.

    questions: by action type, what Cedar is asked by `never`, `ask` and `automatic`, with the lists
    of `entities`. A `forbid` of `automatic` must not deny, so it is asked as a permit: `by_id`
    keeps what it is. approvers: by action type, with `default`.
    """

    version: str
    questions: dict[str, Question]
    entities: cedarpy.Entities
    by_id: dict[str, Rule]
    approvers: dict[str, int]
    limits: Limits


def read_rulebook(folder: Path) -> Rules:
    """Return the rules of a folder; raises `PolicyInvalid`."""
    texts = _texts(folder)
    for name in (SCHEMA_FILE, *(part.file for part in Part)):
        if pooled.TYPE in texts[name]:
            raise PolicyInvalid(f"{name}: {pooled.TYPE} is a name of AOI's own: take another one")
    schema = texts[SCHEMA_FILE]
    if deep := cedar_faults.too_deep(schema):
        raise PolicyInvalid(f"{SCHEMA_FILE}: {deep} is nested too deep: split it")
    every_act = "".join(
        f'permit (principal, action == Action::"{name}", resource);' for name in ACTION_TYPES
    )
    _validate(SCHEMA_FILE, every_act, schema)
    pool = Pool()
    try:
        for part in Part:
            _validate(part.file, texts[part.file], schema)
        parsed = {part: _bodies(part, texts[part.file]) for part in Part}
        questions = questions_of(_all(parsed), ACTION_TYPES, pool)
        by_id = _by_id(parsed, texts)
    except (ValueError, RecursionError) as error:
        raise PolicyInvalid(f"a policy of {folder} is nested too deep: split it") from error
    return Rules(
        version=_digest(texts),
        questions=questions,
        entities=pool.entities(),
        by_id=by_id,
        approvers=_approvers(texts[APPROVERS_FILE]),
        limits=_limits(texts[SETTINGS_FILE]),
    )


def _texts(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise PolicyInvalid(f"expected a folder of policies at {folder}: there is none")
    entries = list(folder.iterdir())
    names = {path.name for path in entries if not of_an_editor(path.name)} - {TESTS_FOLDER}
    if names != _FILES:
        missing, strange = sorted(_FILES - names), sorted(names - _FILES)
        raise PolicyInvalid(
            f"expected {folder} to hold {', '.join(sorted(_FILES))}; "
            f"missing: {missing}, not known: {strange}"
        )
    try:
        for name in sorted(names):
            if (folder / name).stat().st_mode & stat.S_IWOTH:
                raise PolicyInvalid(f"anybody may write {folder / name}: chmod o-w {name}")
        return {name: (folder / name).read_text(encoding="utf-8") for name in sorted(names)}
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyInvalid(f"{folder} could not be read: {error}") from error


def of_an_editor(name: str) -> bool:
    """Return whether a file is hidden, or a copy that an editor leaves beside the real one."""
    return name.startswith(".") or name.endswith("~") or name[0] == name[-1] == "#"


def _validate(name: str, text: str, schema: str) -> None:
    if deep := cedar_faults.too_deep(text):
        raise PolicyInvalid(f"{name}: {deep} is nested too deep: split it")
    result = cedarpy.validate_policies(text, schema)
    if not result.validation_passed:
        raise PolicyInvalid(f"{name}: {cedar_faults.told(text, result.errors)}")


def _bodies(part: Part, text: str) -> list[Body]:
    """Return the policies of a text in Cedar's JSON form, in the order in which they stand."""
    parsed = json.loads(cedarpy.policies_to_json_str(text))
    if parsed.get("templates"):
        raise PolicyInvalid(
            f"{part.file}: expected policies without a ?principal or ?resource to fill in"
        )
    static = parsed["staticPolicies"]
    return [
        static[name] for name in sorted(static, key=lambda one: int(one.removeprefix("policy")))
    ]


def _all(parsed: dict[Part, list[Body]]) -> list[Body]:
    """Return all policies as one set, in which only `never` and `ask` can forbid."""
    bodies = [body for part in (Part.NEVER, Part.ASK) for body in parsed[part]]
    return bodies + [{**body, "effect": Effect.PERMIT} for body in parsed[Part.AUTOMATIC]]


def _by_id(parsed: dict[Part, list[Body]], texts: dict[str, str]) -> dict[str, Rule]:
    rules: list[Rule] = []
    for part, bodies in parsed.items():
        for number, body in enumerate(bodies):
            annotations = body.get("annotations", {})
            name, message = annotations.get("id"), annotations.get("message")
            if not name or not message:
                called = cedar_faults.named(texts[part.file], number)
                raise PolicyInvalid(f"{part.file}: {called}: expected an @id and a @message")
            effect = Effect(body["effect"])
            if part is Part.NEVER and effect is Effect.PERMIT:
                raise PolicyInvalid(
                    f"{part.file}: {name} permits; what may be done stands in {Part.ASK.file} "
                    f"and {Part.AUTOMATIC.file}"
                )
            rules.append(
                Rule(
                    name=name,
                    message=message,
                    part=part,
                    effect=effect,
                    order=len(rules),
                    text=source_of(body),
                )
            )
    by_id = {rule.name: rule for rule in rules}
    if len(by_id) != len(rules):
        names = [rule.name for rule in rules]
        raise PolicyInvalid(
            f"expected each @id once: {sorted({one for one in names if names.count(one) > 1})}"
        )
    return by_id


def _approvers(text: str) -> dict[str, int]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyInvalid(f"{APPROVERS_FILE} is no TOML: {error}") from error
    approvers = {name: count for name, count in table.items() if type(count) is int and count >= 1}
    if len(approvers) != len(table) or "default" not in approvers:
        raise PolicyInvalid(f"{APPROVERS_FILE}: expected counts from 1 up, and a default")
    strange = sorted(approvers.keys() - ACTION_TYPES - {"default"})
    if strange:
        raise PolicyInvalid(
            f"{APPROVERS_FILE}: {strange} are no acts; expected {', '.join(sorted(ACTION_TYPES))}"
        )
    return approvers


def _limits(text: str) -> Limits:
    try:
        return read_limits(text)
    except LimitsInvalid as error:
        raise PolicyInvalid(f"{SETTINGS_FILE}: {error}") from error


def _digest(texts: dict[str, str]) -> str:
    digest = hashlib.sha256()
    for name, text in sorted(texts.items()):
        digest.update(f"{name}\0{len(text.encode())}\0{text}".encode())
    return digest.hexdigest()
