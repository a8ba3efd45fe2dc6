"""The tests of a folder of rules: `tests/*.yaml`, each a line with circumstances and its verdict.

Invariant: a case says exactly one expected ruling, and a file that cannot be read as cases is a
fault of the folder, never an empty list.

    settings: {}                 # instead of the folder's settings.toml, for every case below
    context: {namespace: shop-1} # circumstances of every case; `Circumstances` has the names
    cases:
      - name: what is shown when it fails
        as: executor             # or probe; executor where left out
        line: kubectl rollout restart deployment/cart
        context: {confidence: 40}
        verdict: needs_approval
        reason: low_confidence   # the @id of a policy, or a reason code; left out: any
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from agents.policy.decide import Policy, Ruling, Verdict
from agents.policy.judging import Circumstances, Side, judge
from agents.policy.limits import Limits
from agents.policy.rulebook import TESTS_FOLDER, PolicyInvalid, of_an_editor, read_rulebook

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
SHOWN = 5


class Case(BaseModel):
    """One expectation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    line: str
    verdict: Ruling
    reason: str | None = None
    name: str = ""
    side: Side = Field(default=Side.EXECUTOR, alias="as")
    context: dict[str, object] = {}


class CaseFile(BaseModel):
    """One file of expectations, as it is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: dict[str, JsonValue] | None = None
    context: dict[str, object] = {}
    cases: tuple[Case, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """A case that was run."""

    file: str
    case: Case
    verdict: Verdict

    @property
    def passed(self) -> bool:
        """Whether ruling and reason are the expected ones."""
        if self.verdict.ruling is not self.case.verdict:
            return False
        return self.case.reason in {None, str(self.verdict.reason)}

    def told(self) -> str:
        """Return the case with what was expected and what came, on one line."""
        case, verdict = self.case, self.verdict
        expected = f"{case.verdict}" + (f" ({case.reason})" if case.reason else "")
        named = case.name or case.line
        return (
            f"{self.file}: {named}: expected {expected}, "
            f"got {verdict.ruling} ({verdict.reason}): {verdict.message}"
        )


def run_cases(folder: Path, policy: Policy) -> list[Tested]:
    """Return every case of the folder with its verdict; raises `PolicyInvalid`."""
    tested: list[Tested] = []
    for path in _files(folder):
        file = _read(path)
        under = _under(path, file, policy)
        for case in file.cases:
            around = _around(path, file, case)
            verdict = judge(case.line, case.side, around, under).verdict
            tested.append(Tested(file=path.name, case=case, verdict=verdict))
    return tested


def load_tested(folder: Path) -> Policy:
    """Return the policy of a folder whose own cases all hold; raises `PolicyInvalid`."""
    policy = Policy(read_rulebook(folder))
    failed = [one for one in run_cases(folder, policy) if not one.passed]
    if failed:
        more = f" (and {len(failed) - SHOWN} more)" if len(failed) > SHOWN else ""
        told = "; ".join(one.told() for one in failed[:SHOWN])
        raise PolicyInvalid(f"{len(failed)} of the folder's own tests fail: {told}{more}")
    return policy


def _files(folder: Path) -> Iterable[Path]:
    place = folder / TESTS_FOLDER
    if not place.is_dir():
        return ()
    paths = sorted(path for path in place.iterdir() if not of_an_editor(path.name))
    for path in paths:
        if path.suffix not in SUFFIXES:
            raise PolicyInvalid(f"{path}: expected cases as one of {', '.join(sorted(SUFFIXES))}")
    return paths


def _read(path: Path) -> CaseFile:
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text) if path.suffix == ".json" else yaml.load(text, yaml.CSafeLoader)
        return CaseFile.model_validate(data)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, json.JSONDecodeError) as error:
        raise PolicyInvalid(f"{path.name} could not be read: {error}") from error
    except ValidationError as error:
        raise PolicyInvalid(f"{path.name}: {_told(error)}") from error


def _under(path: Path, file: CaseFile, policy: Policy) -> Policy:
    """Return the policy with the settings that the file asks for."""
    if file.settings is None:
        return policy
    try:
        limits = Limits.model_validate(file.settings)
    except ValidationError as error:
        raise PolicyInvalid(f"{path.name}: settings: {_told(error)}") from error
    return Policy(replace(policy.rules, limits=limits))


def _around(path: Path, file: CaseFile, case: Case) -> Circumstances:
    facts = file.context | case.context
    try:
        if path.suffix == ".json":
            return Circumstances.model_validate_json(json.dumps(facts))
        return Circumstances.model_validate(facts)
    except ValidationError as error:
        raise PolicyInvalid(f"{path.name}: {case.name or case.line}: {_told(error)}") from error


def _told(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
