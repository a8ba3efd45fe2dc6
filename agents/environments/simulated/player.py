"""One line in a lab: what a person at a shell, a script and an agent in training all type.

    kubectl get pods        a read or a write, as policy reads it; a refusal says what to do instead
    alerts                  the alerts that fire now
    tick 60                 let virtual seconds pass
    hint                    how many facts of a good diagnosis have not been read yet
    submit Yes              the answer in the task's form; it ends the game with both verdicts
    help                    what may be typed

`helm upgrade` is done in a lab alone: the product has no typed action for it, and refuses it.

Invariant: a line ends in a `Turn`, whatever it says; nothing moves but the lab, and once a verdict
is given not even that. Every output but the game's own words is the lab's, and comes through its
border (`environments/border.py`), as it does in the product.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from agents.contracts.command import Access, Command
from agents.contracts.plan import Submission, SubmitReason
from agents.environments.border import Border
from agents.environments.simulated.answers import BadAnswer, answer_of
from agents.environments.simulated.briefing import alert_lines, instructions
from agents.policy.actions import action_of
from agents.policy.parse import access_of, parse
from agents.policy.reads import check_read
from agents.policy.redact import redact
from agents.policy.refusal import ReasonCode, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.environments.protocol import Output
    from agents.environments.simulated.lab import Lab
    from agents.environments.simulated.oracle import Verdict

REFUSED_EXIT = 126
USAGE_EXIT = 2
LONGEST_TICK = 3600
"""Seconds of one `tick`: an hour is computed in some ten milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What came of a line. `refusal` is policy's reason code; `verdict` ends the game."""

    text: str
    exit_code: int = 0
    refusal: str | None = None
    verdict: Verdict | None = None


class Player:
    """One player in one lab. Without `hints` the word `hint` is not taken."""

    def __init__(self, lab: Lab, *, hints: bool = True) -> None:
        self.lab = lab
        self._border = Border(lab)
        self.verdict: Verdict | None = None
        self._words: dict[str, Callable[[str], Turn]] = {
            "alerts": self._alerts,
            "tick": self._tick,
            "submit": self._submit,
            "help": self._help,
        }
        if hints:
            self._words["hint"] = self._hint

    def line(self, text: str) -> Turn:
        """Do what a line says and return what came of it; a here-document is part of its line."""
        text = text.strip()
        if not text:
            return Turn(text="")
        if self.verdict is not None:
            return _mistake("the answer is given and judged: nothing more can be done here")
        word, _, rest = text.partition(" ")
        if own := self._words.get(word):
            return own(rest.strip())
        return self._kubectl(text, word)

    def _kubectl(self, text: str, word: str) -> Turn:
        namespace = self.lab.namespace
        try:
            command = parse(text, namespace)
            output = self._run(command, namespace)
        except Refusal as refusal:
            told = str(refusal)
            if refusal.code == ReasonCode.UNKNOWN_PROGRAM:
                near = difflib.get_close_matches(word, self._words, n=1)
                told += f" Did you mean {near[0]!r}?" if near else " `help` lists what is taken."
            return Turn(
                text=redact(told).text + "\n", exit_code=REFUSED_EXIT, refusal=str(refusal.code)
            )
        return Turn(text=output.text, exit_code=output.exit_code)

    def _run(self, command: Command, namespace: str) -> Output:
        if access_of(command) is Access.READ:
            check_read(command, (namespace,))
            return self._border.read(command)
        only_here = (command.program, command.verb) == ("helm", "upgrade")
        action = command if only_here else action_of(command)
        if command.namespace not in {None, namespace}:
            raise Refusal(
                ReasonCode.NAMESPACE_NOT_MANAGED,
                f"expected an act in namespace {namespace}, got {command.namespace}",
                None,
                f"-n {namespace}, or no -n at all",
            )
        return self._border.act(action)

    def _alerts(self, rest: str) -> Turn:
        if rest:
            return _mistake(f"expected `alerts` alone, got {rest[:60]!r}")
        lines = alert_lines(self.lab.alerts())
        return Turn(text="\n".join(lines or ["no alert fires"]) + "\n")

    def _tick(self, rest: str) -> Turn:
        digits = rest if rest.isascii() and rest.isdigit() else ""
        seconds = int(digits) if 0 < len(digits) <= len(str(LONGEST_TICK)) else 0
        if not 1 <= seconds <= LONGEST_TICK:
            return _mistake(f"expected `tick SECONDS`, 1 to {LONGEST_TICK}, got {rest[:60]!r}")
        self.lab.tick(seconds)
        return Turn(text=f"{clock_text(self.lab.clock)}\n")

    def _hint(self, rest: str) -> Turn:
        if rest:
            return _mistake(f"expected `hint` alone, got {rest[:60]!r}")
        known = len({fact.name for fact in self.lab.ground_truth.facts})
        left = known - len(self.lab.evidence_read())
        told = f"{left} of {known} facts of a good diagnosis not read yet"
        return Turn(text=told + "\n")

    def _help(self, rest: str) -> Turn:
        del rest  # `help submit` is as welcome as `help`
        return Turn(text=instructions(self.lab, hints="hint" in self._words) + "\n")

    def _submit(self, rest: str) -> Turn:
        task = self.lab.scenario.task
        try:
            answer = answer_of(task, rest)
        except BadAnswer as error:
            return _mistake(str(error))
        submission = Submission(task=task, reason=SubmitReason.ANSWERED, answer=answer)
        self.verdict = self.lab.judge(submission)
        return Turn(
            text=verdict_text(self.verdict),
            exit_code=0 if self.verdict.success else 1,
            verdict=self.verdict,
        )


def clock_text(moment: datetime) -> str:
    """Return the lab's time as it is shown, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"


def verdict_text(verdict: Verdict) -> str:
    """Return both verdicts and the reason, a line each."""
    return (
        f"aiopslab: {'success' if verdict.aiopslab else 'failure'}\n"
        f"strict:   {'success' if verdict.strict else 'failure'}\n"
        f"reason:   {verdict.reason}\n"
    )


def verdict_fields(verdict: Verdict) -> dict[str, object]:
    """Return a verdict as programs read it."""
    return {"aiopslab": verdict.aiopslab, "strict": verdict.strict, "reason": verdict.reason}


def _mistake(told: str) -> Turn:
    return Turn(text=told + "\n", exit_code=USAGE_EXIT)
