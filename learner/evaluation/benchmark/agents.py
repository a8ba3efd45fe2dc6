"""The rows of an evaluation: who answers the situations of an episode.

    constants   answer at once, by rule: always-yes, best-constant, do-nothing, random
    players     look first: the expert, a checkpoint, an endpoint

Invariant: a player sees the Situation alone; only `random` also knows the namespace's services,
since a valid answer must name one. torch is loaded when a checkpoint is, not before.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Protocol

from pydantic import SecretStr

from agents.contracts.ids import derive
from agents.contracts.incident import IncidentSnapshot, Task
from agents.contracts.plan import Analysis
from agents.environments.simulated.faults.family import FAULT_TYPES, SYSTEM_LEVELS
from agents.environments.simulated.lab import Lab
from agents.models.openai import EndpointModel
from agents.models.protocol import Model, ModelUnavailable, Question
from agents.observer.prompt import Situation
from agents.observer.reply import reply_text
from learner.evaluation.benchmark.outcomes import Answered
from learner.pretrain.expert import Expert
from learner.pretrain.guides import ORDERS
from learner.pretrain.rules.book import every_rule
from learner.rollout.episode import REPLY_TOKENS, prompt

SEED_MASK = 0x7FFF_FFFF


class Row(StrEnum):
    """Who is measured."""

    MODEL = "model"
    EXPERT = "expert"
    ALWAYS_YES = "always-yes"
    BEST_CONSTANT = "best-constant"
    DO_NOTHING = "do-nothing"
    RANDOM = "random"


PLAYED = (Row.ALWAYS_YES, Row.DO_NOTHING, Row.RANDOM)
"""Constants that answer a problem without knowing the others; best-constant is computed after."""
CONSTANTS = (Row.ALWAYS_YES, Row.BEST_CONSTANT, Row.DO_NOTHING, Row.RANDOM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A reply's text and what it took."""

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Player(Protocol):
    """Plays one episode."""

    async def reply(self, situation: Situation) -> Said:
        """Return the reply to a situation. Raises `ModelUnavailable`."""
        ...


class Agent(Protocol):
    """Makes a player an episode; what all of them share, such as weights, is its own."""

    def player(self, task: Task, seed: int) -> Player:
        """Return who plays an episode; the same seed plays the same."""
        ...

    async def rest(self) -> None:
        """Let go of what belongs to the running event loop."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What makes an agent in any process.

    model: a checkpoint's folder, or `http://host:port/v1#name`. batch: completions at once.
    """

    row: Row
    model: str = ""
    api_key: SecretStr | None = None
    timeout_seconds: float = 120.0
    batch: int = 16

    @property
    def endpoint(self) -> bool:
        """Whether something outside answers."""
        return self.model.startswith(("http://", "https://"))


def agent_of(recipe: Recipe) -> Agent:
    """Return the agent of a row that looks. Raises ValueError for one that does not."""
    if recipe.row is Row.EXPERT:
        return ExpertAgent()
    if recipe.row is not Row.MODEL:
        raise ValueError(f"expected a row that looks, got {recipe.row}")
    if recipe.endpoint:
        url, _, name = recipe.model.partition("#")
        if not name:
            raise ModelUnavailable(f"expected {url}#<name of the model>, got {recipe.model}")
        key = None if recipe.api_key is None else recipe.api_key.get_secret_value()
        return EndpointAgent(
            EndpointModel(
                url, name, api_key=key, timeout_seconds=recipe.timeout_seconds, logprobs=False
            )
        )
    from agents.models.local import LocalModel  # noqa: PLC0415 - loads torch

    # one thread whatever the number of processes: sums must not depend on who else computes
    return ModelAgent(LocalModel(Path(recipe.model), max_batch=recipe.batch, threads=1))


class ModelAgent:
    """A model asked as in serving: the Observer's prompts, greedily, without guidance."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def player(self, task: Task, seed: int) -> Player:
        """Return a player that asks the model."""
        del task
        return _Asking(self._model, seed)

    async def rest(self) -> None:
        """Nothing to let go of."""


class EndpointAgent(ModelAgent):
    """A model behind OpenAI's interface; its connections belong to a loop."""

    def __init__(self, model: EndpointModel) -> None:
        super().__init__(model)
        self._endpoint = model

    async def rest(self) -> None:
        """Close the connections."""
        await self._endpoint.close()


class ExpertAgent:
    """The expert of the demonstrations with every rule there is, without its detours."""

    def __init__(self) -> None:
        self._rules = every_rule()

    def player(self, task: Task, seed: int) -> Player:
        """Return an expert for one incident."""
        rng = Random(seed)  # noqa: S311 - variety, no secret
        return _Advising(
            Expert(task=task, rng=rng, order=ORDERS[0][1], detours=False, rules=self._rules)
        )

    async def rest(self) -> None:
        """Nothing to let go of."""


class _Asking:
    def __init__(self, model: Model, seed: int) -> None:
        self._model, self._seed = model, seed

    async def reply(self, situation: Situation) -> Said:
        answer = await self._model.answer(
            Question(
                messages=prompt(situation), max_tokens=REPLY_TOKENS, seed=self._seed & SEED_MASK
            )
        )
        usage = answer.usage
        return Said(
            text=answer.text,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
        )


class _Advising:
    def __init__(self, expert: Expert) -> None:
        self._expert = expert

    async def reply(self, situation: Situation) -> Said:
        return Said(text=reply_text(self._expert.advise(situation).reply))


def valid_answers(lab: Lab, task: Task) -> tuple[Answered, ...]:
    """Return every answer that could be right: one service, one pair of labels, Yes or No."""
    match task:
        case Task.DETECTION:
            return ("Yes", "No")
        case Task.LOCALIZATION:
            listed = lab.cluster.store.listed("services", lab.namespace)
            return tuple((name,) for name in sorted(item["metadata"]["name"] for item in listed))
        case Task.ANALYSIS:
            return tuple(
                Analysis(system_level=level, fault_type=kind)
                for level in SYSTEM_LEVELS
                for kind in FAULT_TYPES
            )
        case Task.MITIGATION:
            return (None,)


def constant_answer(row: Row, lab: Lab, incident: IncidentSnapshot, *, seed: int) -> Answered:
    """Return what a constant row answers. Raises ValueError for a row that is not in PLAYED."""
    task = incident.task
    if row is Row.RANDOM:
        drawn = Random(derive("random answer", seed))  # noqa: S311 - chance, no secret
        return drawn.choice(valid_answers(lab, task))
    if row not in PLAYED:
        raise ValueError(f"expected one of {', '.join(PLAYED)}, got {row}")
    nothing = row is Row.DO_NOTHING
    match task:
        case Task.DETECTION:
            return "No" if nothing else "Yes"
        case Task.LOCALIZATION:
            alert = incident.alerts[0].labels.get("service", "") if incident.alerts else ""
            return () if nothing or not alert else (alert,)
        case Task.ANALYSIS:
            if nothing:
                return Analysis(system_level="", fault_type="")
            return Analysis(system_level="Application", fault_type="Misconfiguration")
        case Task.MITIGATION:
            return None
