r"""AIOpsLab's agent interface over one lab: an agent made for that benchmark runs here unchanged.

    session = Session(Lab(scenario_of("pod_kill_hotel_res-localization-1")))
    agent.init_context(session.description, session.instructions, session.apis)
    told = NEXT
    for _ in range(30):
        told = session.step(await agent.get_action(told)) + "\n" + NEXT
        if session.done:
            break
    session.results(), session.verdict()        # AIOpsLab's keys; and ours, apart

Invariant: a reply always ends in an observation, and after the submission nothing moves. Time is
the lab's; AIOpsLab's results and the strict verdict are told apart.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.contracts.incident import Task
from agents.contracts.plan import Submission, SubmitReason
from agents.environments.simulated.benchmark.actions import VALID, Actions
from agents.environments.simulated.benchmark.replies import BadReply, Call, read_reply
from agents.environments.simulated.benchmark.results import (
    DURATION_KEYS,
    Results,
    answer_of,
    score,
    tokens,
)
from agents.environments.simulated.benchmark.texts import (
    NEXT,
    apis_of,
    description_of,
    instructions_of,
)

if TYPE_CHECKING:
    from agents.environments.simulated.lab import Lab
    from agents.environments.simulated.oracle import Verdict

__all__ = ["NEXT", "VALID", "Session", "Turn"]

OVER = "The solution is submitted: nothing more can be done."


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One item of the history. role: `assistant` for the agent, `env` for the lab."""

    role: str
    content: str


class Session:
    """One agent's way through one problem."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.task = lab.scenario.task
        self.description = description_of(lab.scenario.application, self.task)
        self.instructions = instructions_of(self.task)
        self.apis = apis_of(self.task)
        self.history: list[Turn] = []
        self.done = False
        self.solution: object = None
        self._began = lab.clock
        self._verdict: tuple[int, Verdict] | None = None
        self._calls = Actions(lab).calls

    def step(self, reply: str) -> str:
        """Do what a reply asks for and return the observation."""
        if self.done:
            return OVER
        self.history.append(Turn(role="assistant", content=reply))
        try:
            told = self._run(read_reply(reply))
        except BadReply as error:
            told = str(error)
        self.history.append(Turn(role="env", content=told))
        return told

    def _run(self, call: Call) -> str:
        if call.name == "submit":  # recorded even where the call then fails, as AIOpsLab does
            given = call.arguments
            self.solution = given[0] if len(given) == 1 else list(given)
        function = self._calls.get(call.name)
        if function is None:
            return f"Invalid action: {call.name}. There are {', '.join(self._calls)}."
        try:
            inspect.signature(function).bind(*call.arguments, **call.keywords)
        except TypeError as error:
            return f"{call.name}(): {error}"
        told = function(*call.arguments, **call.keywords)
        self.done = call.name == "submit"
        return told

    def verdict(self) -> Verdict:
        """Return the lab's own verdict, AIOpsLab's rule and the strict one side by side."""
        steps = len(self.history)
        if self._verdict is None or self._verdict[0] != steps:
            submission = Submission(
                task=self.task,
                reason=SubmitReason.ANSWERED if self.done else SubmitReason.STEPS_SPENT,
                answer=answer_of(self.task, self.solution),
            )
            self._verdict = steps, self.lab.judge(submission)
        return self._verdict[1]

    def results(self) -> Results:
        """Return AIOpsLab's results as they would stand if the session ended now.

        TTD, TTL, TTA and TTM are virtual seconds; in_tokens count what the lab said.
        """
        mended = self.task is Task.MITIGATION and self.verdict().aiopslab
        own = score(self.task, self.lab.ground_truth, self.solution, mended=mended)
        said = {
            role: [turn.content for turn in self.history if turn.role == role]
            for role in ("assistant", "env")
        }
        seconds = (self.lab.clock - self._began).total_seconds()
        return {
            **own,
            DURATION_KEYS[self.task]: seconds,
            "steps": len(said["assistant"]),
            "in_tokens": tokens(said["env"]),
            "out_tokens": tokens(said["assistant"]),
        }
