"""Proofs: nothing that the oracle refuses is proved, and each stage runs what passed the last."""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from agents.contracts.incident import Task
from agents.environments.simulated.incidents import generate
from agents.environments.simulated.splits import families_of, table
from agents.observer.reply import ReplyAction, reply_text
from learner.evolver.augment import Respect, variants
from learner.evolver.grounds import CatalogueGround, trainable
from learner.evolver.pairs import by_expert, expert_for, play
from learner.evolver.prove import Guide, ProofRules, Prover, Refused
from learner.incidents import Drawn
from learner.models import ModelRef
from learner.pretrain.expert import Expert
from learner.pretrain.guides import ORDERS, guide_of, order_in
from learner.rollout.collect import Job
from learner.samples import Episode
from tests.doubles.solvers import FakeSolver, told
from tests.doubles.trajectories import failed

DRAWN = Drawn(seed=5, family="service_selector", task=Task.MITIGATION)
GOOD: Guide = ("kubectl get pods",)
OTHER: Guide = ("kubectl get endpoints",)
FIRST = 1 << 52


def is_sibling(job: Job) -> bool:
    return job.drawn.family == DRAWN.family and job.drawn.seed != DRAWN.seed


def number(job: Job) -> int:
    return job.drawn.seed - FIRST


def prover(succeeds: Callable[[Job], bool], **rules: object) -> tuple[Prover, FakeSolver]:
    solver = FakeSolver(succeeds)
    wanted = {"siblings": 4, "neighbours": 3} | rules
    return Prover(solver=solver, rules=ProofRules.model_validate(wanted), first_seed=FIRST), solver


def test_what_helps_and_harms_nobody_is_proved() -> None:
    made, solver = prover(lambda job: bool(job.guidance) or job.drawn.family != DRAWN.family)
    (proof,) = made.prove([GOOD], DRAWN)
    assert proof.refused is None and proof.flipped
    assert proof.gain == 1.0 and proof.siblings.won == 4 and proof.neighbours.pairs == 3
    assert made.episodes == sum(map(len, solver.calls)) == 1 + 1 + 8 + 6


def test_what_the_oracle_refuses_is_never_proved_and_costs_one_episode() -> None:
    made, solver = prover(lambda job: job.drawn != DRAWN)
    proofs = made.prove([GOOD, OTHER], DRAWN)
    assert [proof.refused for proof in proofs] == [Refused.REFUSED_BY_ORACLE] * 2
    assert [len(call) for call in solver.calls] == [2]


def test_without_a_gain_there_is_no_proof() -> None:
    made, _ = prover(lambda job: True)
    assert made.prove([GOOD], DRAWN)[0].refused is Refused.NO_GAIN
    made, _ = prover(lambda job: job.drawn == DRAWN, flip=False)
    assert made.prove([GOOD], DRAWN)[0].refused is Refused.NO_GAIN


def test_the_flip_makes_up_for_no_gain_where_no_sibling_is_lost() -> None:
    def solved(job: Job) -> bool:
        return job.drawn != DRAWN or bool(job.guidance)

    made, _ = prover(solved)
    (proof,) = made.prove([GOOD], DRAWN)
    assert proof.refused is None and proof.gain == 0.0

    def one_for_one(job: Job) -> bool:
        if not is_sibling(job):
            return solved(job)
        return number(job) != 0 if job.guidance else number(job) != 1

    made, _ = prover(one_for_one)
    assert made.prove([GOOD], DRAWN)[0].refused is Refused.NO_GAIN


def test_too_many_lost_siblings_refuse_a_gain() -> None:
    def solved(job: Job) -> bool:
        if not is_sibling(job):
            return True
        return number(job) != 0 if job.guidance else number(job) == 0

    assert prover(solved)[0].prove([GOOD], DRAWN)[0].refused is None
    made, _ = prover(solved, siblings_lost=0)
    assert made.prove([GOOD], DRAWN)[0].refused is Refused.HARMS_SIBLINGS


def test_harm_to_neighbours_refuses_a_gain() -> None:
    def solved(job: Job) -> bool:
        if job.drawn.family == DRAWN.family:
            return bool(job.guidance)
        return not (job.guidance and number(job) == 4)

    made, _ = prover(solved)
    assert made.prove([GOOD], DRAWN)[0].refused is Refused.HARMS_NEIGHBOURS
    assert prover(solved, neighbours_lost=1)[0].prove([GOOD], DRAWN)[0].refused is None


def test_stages_run_what_passed_and_unguided_runs_are_shared() -> None:
    def solved(job: Job) -> bool:
        return job.guidance == GOOD or (job.guidance == OTHER and job.drawn == DRAWN)

    made, solver = prover(solved)
    proofs = made.prove([GOOD, OTHER], DRAWN)
    assert [proof.refused for proof in proofs] == [None, None]  # OTHER flips and loses nothing
    made.prove([GOOD], DRAWN)
    unguided = [job.drawn for call in solver.calls for job in call if not job.guidance]
    assert len(unguided) == len(set(unguided)) == 1 + 4 + 3


def test_siblings_and_neighbours_are_what_they_are_called() -> None:
    made, solver = prover(lambda job: bool(job.guidance))
    made.prove([GOOD], DRAWN)
    fresh = {job.drawn for call in solver.calls for job in call if job.drawn != DRAWN}
    siblings = {one for one in fresh if one.family == DRAWN.family}
    assert len(siblings) == 4 and len(fresh) == 7
    assert {one.task for one in fresh} == {DRAWN.task}
    assert {one.family for one in fresh - siblings} <= set(families_of("B"))
    assert min(one.seed for one in fresh) == FIRST


def test_no_guide_needs_no_episode() -> None:
    made, solver = prover(lambda job: True)
    assert made.prove([], DRAWN) == [] and solver.calls == []


def obedient(jobs: Sequence[Job], model: ModelRef | None = None) -> list[Episode]:
    """The expert as a model that repairs only as its guide says, and without one not at all."""

    def one(job: Job) -> Episode:
        scenario = job.drawn.scenario()
        expert = Expert(
            task=scenario.task,
            rng=Random(1),
            order=order_in(job.guidance, ORDERS[0][1]),
            guide=job.guidance,
            detours=False,
        )

        def reply(situation: object) -> str:
            said = expert.advise(situation).reply  # type: ignore[arg-type]  # `play` gives it
            stubborn = said.action is ReplyAction.ACT and not job.guidance
            if stubborn:
                said = said.model_copy(update={"action": ReplyAction.SUBMIT, "answer": None})
            return reply_text(said)

        return told(job, success=play(scenario, reply).verdict.strict)

    return [one(job) for job in jobs]


def test_in_the_real_lab_a_guide_is_proved_by_what_it_does() -> None:
    guide = guide_of(by_expert(DRAWN.scenario()).lines)
    made = Prover(solver=obedient, rules=ProofRules(siblings=3, neighbours=2), first_seed=FIRST)
    (proof,) = made.prove([guide], DRAWN)
    assert proof.refused is None
    assert proof.flipped and proof.gain == 1.0


def test_in_the_real_lab_a_wrong_act_is_refused() -> None:
    def harmful(jobs: Sequence[Job], model: ModelRef | None = None) -> list[Episode]:
        def one(job: Job) -> Episode:
            scenario = job.drawn.scenario()
            expert = expert_for(scenario)

            def reply(situation: object) -> str:
                said = expert.advise(situation).reply  # type: ignore[arg-type]  # `play` gives it
                if said.action is ReplyAction.ACT:
                    line = f"kubectl scale deploy/{scenario.application.entry} --replicas=0"
                    said = said.model_copy(update={"command": line})
                return reply_text(said)

            return told(job, success=play(scenario, reply).verdict.strict)

        return [one(job) for job in jobs]

    made = Prover(solver=harmful, rules=ProofRules(siblings=1, neighbours=0), first_seed=FIRST)
    assert made.prove([GOOD], DRAWN)[0].refused is Refused.REFUSED_BY_ORACLE


def test_the_catalogue_knows_what_stands_in_it(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.json"
    ground = CatalogueGround(file)
    record = failed()
    assert ground.find(record) is None
    file.write_text("{")
    assert ground.find(record) is None
    file.write_text(f'{{"{record.namespace}": {DRAWN.model_dump_json()}, "other": {{}}}}')
    assert ground.find(record) == DRAWN
    assert ground.find(record.model_copy(update={"namespace": None})) is None
    assert ground.find(record.model_copy(update={"namespace": "other"})) is None
    assert ground.find(record.model_copy(update={"task": Task.DETECTION})) is None


def test_variants_differ_in_one_respect_and_can_be_drawn() -> None:
    found = variants(DRAWN, first=77)
    assert set(found) == set(Respect)
    assert len({one.seed for one in found.values()}) == len(found)
    assert found[Respect.TIME].family == found[Respect.SCOPE].family == DRAWN.family
    assert found[Respect.SCOPE].application == "hotel"
    assert found[Respect.CAUSE].family != DRAWN.family
    for one in found.values():
        assert one.task is DRAWN.task and trainable(one)
        assert one.scenario().task is DRAWN.task


@pytest.mark.parametrize("split", ["C", "D"])
def test_held_out_families_make_no_variants(split: str) -> None:
    for family in table()["splits"][split]:
        held = DRAWN.model_copy(update={"family": family, "split": split})
        assert not trainable(held)
        assert variants(held, first=1) == {}


def test_scenarios_are_drawn_again() -> None:
    assert DRAWN.scenario() == generate(5, split="B", family=DRAWN.family, task=DRAWN.task)
