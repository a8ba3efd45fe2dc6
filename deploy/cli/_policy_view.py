"""How policy is shown: verdicts as JSON or text, a policy with its facts, and the tables."""

import difflib
import json
from typing import Any, get_args

from agents.contracts.action import RunMongoRepair
from agents.policy import inner, reads
from agents.policy.actions import TYPED
from agents.policy.decide import Policy
from agents.policy.flags import NEVER
from agents.policy.judging import Circumstances, Judged
from agents.policy.kinds import KINDS
from agents.policy.reasons import REASONS, effect_of
from agents.policy.refusal import Place, Refusal
from agents.policy.request import seen_facts
from agents.policy.verbs import READS, REFUSED, VERBS, WRITES, Shape

LONGEST, BEFORE = 200, 80
"""Characters of a line that a person is shown, and those of them before the offending ones."""
REPAIRS: tuple[str, ...] = get_args(RunMongoRepair.model_fields["operation"].annotation)


def row(judged: Judged) -> str:
    """Return one verdict as one JSON object on one line; strings keep bytes that are no UTF-8."""
    verdict, place = judged.verdict, judged.place
    record: dict[str, Any] = {
        "line": judged.line,
        "as": judged.side,
        "verdict": verdict.ruling,
        "reason": str(verdict.reason),
        "message": verdict.message,
        "hint": verdict.hint,
        "place": None if place is None else {"start": place.start, "end": place.end},
        "command": judged.command and judged.command.model_dump(mode="json"),
        "action": judged.action and judged.action.model_dump(mode="json"),
    }
    return json.dumps(record)


def told(judged: Judged) -> str:
    """Return one verdict for a person, the offending words marked below the line."""
    verdict = judged.verdict
    shown, marks = _cut(judged.line, judged.place)
    lines = [f"{verdict.ruling:<15} {verdict.reason:<28} {shown}"]
    if marks:
        lines.append(" " * 45 + marks)
    if not verdict.allowed:
        lines.append(f"    {verdict.message}")
    if verdict.hint:
        lines.append(f"    instead: {verdict.hint}")
    return "\n".join(lines)


def _cut(line: str, place: Place | None) -> tuple[str, str]:
    """Return a line and the marks below it; of a long one, what is around the place."""
    at = Place(0, 0) if place is None else place
    begin = max(0, min(at.start - BEFORE, len(line) - LONGEST)) if len(line) > LONGEST else 0
    end = begin + LONGEST
    before = ("... " if begin else "") + _printable(line[begin : at.start])
    marked = _printable(line[at.start : min(at.end, end)])
    after = _printable(line[max(begin, at.end) : end])
    if end < len(line):
        after += f" ... ({len(line)} characters)"
    marks = "" if place is None else " " * len(before) + "^" * max(1, len(marked))
    return before + marked + after, marks


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def reason_text(name: str, policy: Policy) -> str | None:
    """Return what a reason means: the policy of that @id, or the code; None for neither."""
    parts = []
    rule = policy.rules.by_id.get(name)
    if rule is not None:
        parts.append(
            f"policy {rule.name} in {rule.part.file}: {effect_of(rule)}\n"
            f"  {rule.message}\n\n{indented(rule.text)}"
        )
    reason = REASONS.get(name)
    if reason is not None:
        parts.append(f"reason {name}: {reason.meaning}\n  what to do: {reason.remedy}")
    return "\n\n".join(parts) or None


def unknown(name: str, policy: Policy) -> str:
    """Return that a word is no reason, with those that are spelled alike."""
    alike = difflib.get_close_matches(name, [*policy.rules.by_id, *REASONS])
    meant = f" Did you mean {' or '.join(alike)}?" if alike else ""
    return f"{name} is no reason code and no @id of a policy.{meant} `aoi policy reasons` lists all"


def explanation(judged: Judged, around: Circumstances, policy: Policy) -> str:
    """Return the verdict, what ruled, and every fact that the policies saw."""
    parts = [told(judged)]
    ruled = reason_text(str(judged.verdict.reason), policy)
    if ruled is not None:
        parts.append(ruled)
    if judged.action is not None:
        try:
            facts = seen_facts(judged.action, around.context(), policy.rules.limits)
        except (Refusal, ValueError, TypeError) as error:
            parts.append(f"facts: none, {error}")
        else:
            seen = "\n".join(f"  {name:<24} {json.dumps(value)}" for name, value in facts.items())
            parts.append(f"facts that the policies saw\n{seen}")
        needed = policy.approvers_needed(judged.action)
        parts.append(f"{judged.action.type}, approvers where it is asked: {needed}")
    parts.append(f"policy version {policy.version}")
    return "\n\n".join(parts)


def tables(policy: Policy) -> str:
    """Return the verbs, flags, kinds and policies, reads and writes apart."""
    parts = [
        "READS (the Probe)\n" + "\n".join(_verb(key, usable=key in reads.VERBS) for key in READS),
        "WRITES (the Executor, as typed acts)\n"
        + "\n".join(_verb(key, usable=key in TYPED) for key in WRITES),
        "READ OR WRITE BY WHAT RUNS INSIDE\n"
        + "\n".join(
            _verb(key, usable=True) for key in VERBS if key not in READS and key not in WRITES
        )
        + f"\n    programs: {inner.PROGRAMS}\n    writes:   mongo {', mongo '.join(REPAIRS)}",
        "VERBS NEVER TAKEN\n" + "\n".join(f"  {key:<26} {why}" for key, why in REFUSED.items()),
        "FLAGS NEVER TAKEN\n" + "\n".join(f"  --{name:<28} {why}" for name, why in NEVER.items()),
        "KINDS\n" + "\n".join(_kind(name) for name in KINDS),
        "POLICIES\n"
        + "\n".join(
            f"  {rule.part.file:<17} {rule.name:<28} {rule.message}"
            for rule in policy.rules.by_id.values()
        ),
        "APPROVERS\n"
        + "\n".join(f"  {name:<17} {count}" for name, count in policy.rules.approvers.items()),
        f"SETTINGS\n{indented(policy.rules.limits.model_dump_json(indent=2))}",
        f"version {policy.version}",
    ]
    return "\n\n".join(parts)


def indented(text: str) -> str:
    """Return the text, each line two blanks further in."""
    return "\n".join(f"  {line}" for line in text.splitlines())


def _verb(key: str, *, usable: bool) -> str:
    verb = VERBS[key]
    flags = " ".join(f"--{name}{'*' if name in verb.needs else ''}" for name in sorted(verb.flags))
    note = "" if usable else "  [known, not allowed]"
    kinds = f"\n    kinds: {', '.join(sorted(verb.kinds))}" if verb.kinds else ""
    shape = "" if verb.shape is Shape.NOTHING else f" {verb.shape}"
    return f"  {key}{shape}{note}\n    flags: {flags}{kinds}"


def _kind(name: str) -> str:
    kind = KINDS[name]
    scope = "namespaced" if kind.namespaced else "cluster"
    return f"  {name:<32} {scope:<11} {kind.group}"
