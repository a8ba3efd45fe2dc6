"""Failed trajectories for the Evolver's tests: a plain one, and any that a fact can hold."""

from collections.abc import Sequence

from hypothesis import strategies as st

from agents.contracts.execution import ActResult
from agents.contracts.ids import PlanId
from agents.contracts.incident import Task
from agents.contracts.plan import Analysis, PlanKind, Submission, SubmitReason
from agents.contracts.trajectory import (
    Outcome,
    OutcomeSource,
    TrajectoryClosed,
    TrajectoryStep,
)
from tests.builders import INCIDENT, MODEL, NAMESPACE, T0, at

PROBE, ACT, SUBMIT = PlanKind.PROBE, PlanKind.ACTION, PlanKind.SUBMIT


def step(
    iteration: int, kind: PlanKind = PROBE, line: str | None = None, **changed: object
) -> TrajectoryStep:
    """Return a step; a look at something of its own unless said."""
    usual = None if kind is SUBMIT else f"kubectl describe service svc-{iteration}"
    made = TrajectoryStep(
        iteration=iteration,
        plan_id=PlanId(f"plan-{iteration}-{kind}"),
        kind=kind,
        line=line or usual,
        summary="",
        confidence=60,
    )
    return made.model_copy(update=changed)


def failed(
    steps: Sequence[TrajectoryStep] = (),
    *,
    task: Task = Task.MITIGATION,
    reason: SubmitReason = SubmitReason.ANSWERED,
    **changed: object,
) -> TrajectoryClosed:
    """Return a failed trajectory of these steps."""
    made = TrajectoryClosed(
        incident_id=INCIDENT,
        revision=0,
        task=task,
        title="error ratio of frontend is 40%",
        symptoms=("error", "ratio"),
        namespace=NAMESPACE,
        steps=tuple(steps),
        submission=Submission(task=task, reason=reason),
        model_id=MODEL,
        guidance_ids=(),
        outcome=Outcome.FAILURE,
        source=OutcomeSource.JUDGE,
        reason="deployment frontend is not rolled out",
        judge="lab",
        trainable=True,
        opened_at=T0,
        closed_at=at(60),
    )
    return made.model_copy(update=changed)


def any_step(texts: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[TrajectoryStep]:
    """Return steps of every form that the contract allows."""
    text = st.text(max_size=300) if texts is None else texts
    return st.builds(
        TrajectoryStep,
        iteration=st.integers(-2, 20),
        plan_id=st.just(PlanId("plan")),
        kind=st.sampled_from(list(PlanKind)),
        line=st.none() | text,
        summary=text,
        confidence=st.integers(0, 100),
        samples=st.just(()),
        observation_id=st.none(),
        observation=st.none() | text,
        refusal=st.none() | text,
        approval_id=st.none(),
        approved_by=st.just(()),
        result=st.none() | st.sampled_from(list(ActResult)),
        rolled_back=st.booleans(),
    )


def any_failed(
    texts: st.SearchStrategy[str] | None = None,
) -> st.SearchStrategy[TrajectoryClosed]:
    """Return failed trajectories of every form that the contract allows."""
    text = st.text(max_size=80) if texts is None else texts
    answers = (
        st.none()
        | text
        | st.lists(text, max_size=3).map(tuple)
        | st.builds(Analysis, system_level=text, fault_type=text)
    )
    return st.builds(
        lambda steps, task, reason, answer, title, words, space: failed(
            steps, task=task, reason=reason, title=title, namespace=space
        ).model_copy(
            update={
                "reason": words,
                "submission": Submission(task=task, reason=reason, answer=answer),
            }
        ),
        st.lists(any_step(texts), max_size=14),
        st.sampled_from(list(Task)),
        st.sampled_from(list(SubmitReason)),
        answers,
        text,
        text,
        st.none() | text,
    )
