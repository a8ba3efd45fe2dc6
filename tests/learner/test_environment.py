"""The lab as a Gymnasium environment: checked by Gymnasium, judged by the oracle, documented."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gymnasium
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from agents.environments.simulated.lab import Lab
from agents.environments.simulated.player import Player
from agents.environments.simulated.references import UnknownIncident, scenario_of
from learner.environment import ID, AnyText, IncidentEnv

DOCS = Path(__file__).parents[2] / "docs" / "lab.md"
SCALED = "scale_pod_zero_social_net-mitigation-1"
REPAIR = ("kubectl scale deployment/user-service --replicas=1", "tick 60", "submit")


def opened(reference: str, **options: object) -> IncidentEnv:
    env = IncidentEnv(**options)  # type: ignore[arg-type]
    env.reset(options={"incident": reference})
    return env


def test_gymnasium_finds_nothing_to_complain_of() -> None:
    env = gymnasium.make(ID)
    assert isinstance(env.unwrapped, IncidentEnv)
    check_env(env.unwrapped)


def test_a_step_is_the_players_line() -> None:
    env, player = opened("seed-7"), Player(Lab(scenario_of("seed-7")), hints=False)
    for line in ("kubectl get pods", "alerts", "kubectl get x | y", "hint", "tick 30", "help"):
        observation, reward, terminated, truncated, info = env.step(line)
        turn = player.line(line)
        assert observation == turn.text
        assert (info["exit_code"], info["refusal"]) == (turn.exit_code, turn.refusal)
        assert info["evidence_read"] == sorted(player.lab.evidence_read())
        assert (reward, terminated, truncated, info["verdict"]) == (0.0, False, False, None)


def test_strict_success_is_rewarded_at_the_end() -> None:
    env = opened(SCALED)
    for line in REPAIR[:-1]:
        assert env.step(line)[1:4] == (0.0, False, False)
    observation, reward, terminated, truncated, info = env.step(REPAIR[-1])
    assert (reward, terminated, truncated) == (1.0, True, False)
    assert info["verdict"]["strict"] is info["verdict"]["aiopslab"] is True
    assert info["verdict"]["reason"] in observation
    with pytest.raises(ResetNeeded):
        env.step("submit")


def test_success_for_aiopslab_alone_has_a_reward_of_choice() -> None:
    reference = "seed-7:task=detection,healthy=true"
    for reward, expected in ((None, 0.0), (lambda verdict: 0.5 * verdict.aiopslab, 0.5)):
        env = opened(reference) if reward is None else opened(reference, reward=reward)
        env.step("kubectl scale deployment/geo --replicas=3")
        _, given, _, _, info = env.step("submit No")
        assert (info["verdict"]["aiopslab"], info["verdict"]["strict"]) == (True, False)
        assert given == expected


def test_an_episode_is_cut_after_its_steps() -> None:
    env = opened("seed-7", max_steps=2)
    assert env.step("alerts")[2:4] == (False, False)
    assert env.step("alerts")[1:4] == (0.0, False, True)
    with pytest.raises(ResetNeeded):
        env.step("alerts")
    env = opened("seed-7:task=detection,healthy=false", max_steps=1)
    assert env.step("submit Yes")[1:4] == (1.0, True, False)
    with pytest.raises(ValueError, match="max_steps"):
        IncidentEnv(max_steps=0)


def test_the_seed_draws_the_incident() -> None:
    env = IncidentEnv(split="B", task="analysis")
    first = env.reset(seed=5)
    later = env.reset()
    assert later[1]["incident"] != first[1]["incident"]
    assert (env.reset(seed=5), env.reset()) == (first, later)
    assert first[1]["incident"].endswith(":split=B,task=analysis")
    env = IncidentEnv(incidents=["seed-1", SCALED])
    assert {env.reset(seed=seed)[1]["incident"] for seed in range(12)} == {"seed-1", SCALED}


def test_what_does_not_exist_is_told_at_once() -> None:
    with pytest.raises(UnknownIncident, match="near: scale_pod_zero"):
        IncidentEnv(incidents=["scale_pod_zero"])
    with pytest.raises(UnknownIncident, match="split"):
        IncidentEnv(split="C")
    with pytest.raises(UnknownIncident):
        IncidentEnv().reset(options={"incident": "seed-x"})
    with pytest.raises(ResetNeeded):
        IncidentEnv().step("alerts")


def test_long_outputs_are_compressed_when_asked() -> None:
    line = "kubectl get pods -o yaml"
    whole = opened("seed-7").step(line)[0]
    short = opened("seed-7", observation_chars=2200).step(line)[0]
    assert len(short) < 2500 < len(whole)


def test_any_characters_are_in_the_spaces() -> None:
    space = AnyText(5)
    assert "äß→" in space
    assert "" in space
    assert "123456" not in space
    assert 5 not in space
    assert space.sample() in space


def test_environments_side_by_side_share_nothing() -> None:
    def played(number: int) -> list[object]:
        env = IncidentEnv()
        found: list[object] = [env.reset(seed=number % 4)]
        found += [env.step(line) for line in ("kubectl get pods", "tick 30", "kubectl get events")]
        return found

    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(played, range(12)))
    assert together == [played(number) for number in range(12)]


@pytest.mark.parametrize(("mode", "options"), [("sync", None), ("async", {"shared_memory": False})])
def test_many_run_as_gymnasiums_vector(mode: str, options: dict[str, object] | None) -> None:
    vector = gymnasium.make_vec(ID, num_envs=2, vectorization_mode=mode, vector_kwargs=options)
    try:
        first, _ = vector.reset(seed=[1, 2])
        seen, rewards, *_ = vector.step(("kubectl get pods", "alerts"))
    finally:
        vector.close()
    alone = [IncidentEnv(), IncidentEnv()]
    assert tuple(first) == tuple(
        env.reset(seed=seed)[0] for env, seed in zip(alone, (1, 2), strict=True)
    )
    assert tuple(seen) == (alone[0].step("kubectl get pods")[0], alone[1].step("alerts")[0])
    assert list(rewards) == [0.0, 0.0]


def _block(word: str) -> str:
    """Return the guide's block of Python that has a word."""
    blocks = re.findall(r"```python\n(.*?)\n```\n", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return next(str(block) for block in blocks if word in block)


def test_the_documented_session_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(_block("Session(Lab("), str(DOCS), "exec"), {})
    told = capsys.readouterr().out
    assert "user-" in told
    assert "'Localization Accuracy': 100" in told


def test_the_documented_agent_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(_block("gymnasium.make"), str(DOCS), "exec"), {})
    told = re.fullmatch(r"(\d+) of 20 solved; the last: \{.*\}\n", capsys.readouterr().out)
    assert told
    assert 0 < int(told[1]) <= 20
