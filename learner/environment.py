"""The lab as a Gymnasium environment: text in, text out, one line a step.

    reset --> briefing and alert ..> agent ..> a line --step--> its output ... submit --> verdict

Invariant: an episode is a lab of its own and one `Player` over it, so what a line does here is
what it does in `aoi lab shell`; nothing is shared between environments, and the same seed and
lines give the same observations in any process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from agents.compressor.rules import compress
from agents.contracts.incident import Task
from agents.environments.simulated.briefing import alert_lines, instructions
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.player import Player, Turn, verdict_fields
from agents.environments.simulated.references import parse_reference, procedural, scenario_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agents.environments.simulated.oracle import Verdict

ID = "aoi/Incident-v0"
MAX_STEPS = 30
MAX_LINE = 4096
MAX_TEXT = 1_000_000
_SEEDS = 2**31


class AnyText(spaces.Text):
    """Texts of any characters up to a length; samples are printable ASCII."""

    def __init__(self, max_length: int, *, seed: int | None = None) -> None:
        printable = "".join(map(chr, range(32, 127)))
        super().__init__(max_length, min_length=0, charset=printable, seed=seed)

    def contains(self, x: object) -> bool:
        """Return whether x is a text that is not too long."""
        return isinstance(x, str) and len(x) <= self.max_length


def strict_success(verdict: Verdict) -> float:
    """Return the default reward of an answer: 1 for strict success, else 0."""
    return 1.0 if verdict.strict else 0.0


class IncidentEnv(gymnasium.Env[str, str]):
    """One incident an episode. An action is a line as `aoi lab shell` takes it, without `hint`.

    incidents: references from which `reset` draws; without them it draws procedural incidents of
    `split` and `task`. `reset(options={"incident": reference})` names one. An episode terminates
    with `submit`, and is truncated after max_steps lines without an answer, with reward 0.
    observation_chars: longer outputs are compressed to so many, as the product does; None: whole.
    reward: of the verdict, at the end; every other step has reward 0.

    info holds `incident`, `task`, `namespace`, `clock`, `exit_code`, `refusal` (policy's code or
    None), `evidence_read` (names), and of the last step `verdict`: `aiopslab`, `strict`, `reason`;
    None before. It is for logs and rewards: `incident` and `evidence_read` may tell the answer.
    """

    def __init__(
        self,
        *,
        incidents: Sequence[str] = (),
        split: str = "A",
        task: Task | str | None = None,
        max_steps: int = MAX_STEPS,
        observation_chars: int | None = None,
        reward: Callable[[Verdict], float] = strict_success,
    ) -> None:
        if max_steps < 1:
            raise ValueError(f"expected max_steps of at least 1, got {max_steps}")
        self.action_space = AnyText(MAX_LINE)
        self.observation_space = AnyText(MAX_TEXT)
        self._incidents = tuple(str(parse_reference(one)) for one in incidents)
        self._drawn = dict(procedural(0, split=split, task=task).options)
        self._max_steps = max_steps
        self._chars = observation_chars
        self._reward = reward
        self._player: Player | None = None
        self._incident = ""
        self._steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Open an incident: the observation is its briefing and its alert.

        Raises UnknownIncident for a reference in `options["incident"]` that names none.
        """
        super().reset(seed=seed)
        reference = parse_reference(str((options or {}).get("incident") or self._draw()))
        player = Player(Lab(scenario_of(reference)), hints=False)
        self._player, self._incident, self._steps = player, str(reference), 0
        lab = player.lab
        alerts = alert_lines(lab.alerts())
        text = "\n".join((instructions(lab, hints=False), "", *alerts)) + "\n"
        return self._seen(text), self._info(player, Turn(text=text))

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Type a line; raises ResetNeeded when no episode is open."""
        player = self._player
        if player is None:
            raise ResetNeeded("expected an open episode: call reset() first, and after each end")
        turn = player.line(action)
        self._steps += 1
        terminated = turn.verdict is not None
        truncated = not terminated and self._steps >= self._max_steps
        reward = 0.0 if turn.verdict is None else float(self._reward(turn.verdict))
        if terminated or truncated:
            self._player = None
        return self._seen(turn.text), reward, terminated, truncated, self._info(player, turn)

    def _draw(self) -> str:
        if self._incidents:
            return self._incidents[int(self.np_random.integers(len(self._incidents)))]
        return str(procedural(int(self.np_random.integers(_SEEDS)), **self._drawn))

    def _seen(self, text: str) -> str:
        limit = MAX_TEXT if self._chars is None else self._chars
        return text if len(text) <= limit else compress(text, limit).text[:MAX_TEXT]

    def _info(self, player: Player, turn: Turn) -> dict[str, Any]:
        lab = player.lab
        return {
            "incident": self._incident,
            "task": str(lab.scenario.task),
            "namespace": lab.namespace,
            "clock": lab.clock.isoformat(),
            "exit_code": turn.exit_code,
            "refusal": turn.refusal,
            "evidence_read": sorted(lab.evidence_read()),
            "verdict": None if turn.verdict is None else verdict_fields(turn.verdict),
        }


gymnasium.register(id=ID, entry_point=f"{__name__}:{IncidentEnv.__name__}")
