"""A line in the lab ends in a turn, whatever it says; policy refuses, the oracle judges."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.contracts.incident import Task
from agents.contracts.plan import Analysis
from agents.environments.simulated.answers import BadAnswer, answer_of
from agents.environments.simulated.benchmark.problems import (
    APPLICATIONS,
    EVERY_PROBLEM,
    PROBLEMS,
)
from agents.environments.simulated.briefing import alert_lines, instructions
from agents.environments.simulated.faults.family import FAULT_TYPES, SYSTEM_LEVELS
from agents.environments.simulated.incidents import generate
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.player import REFUSED_EXIT, USAGE_EXIT, Player
from agents.environments.simulated.references import scenario_of

VOCABULARY = """
    kubectl helm get describe logs pods deployments services rollout undo restart scale patch exec
    delete set env image apply top events -n -o yaml json jsonpath={.items} -l app=x --tail=5 -A
    --replicas=0 -f - -p '{} deployment/frontend frontend default kube-system -- mongo submit Yes
    No none tick alerts hint help 60 / | ; $( <<'EOF' EOF * \\ Application
"""
WORDS = st.sampled_from([*VOCABULARY.split(), "\n"])
LINES = st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=9).map(" ".join))


def player(reference: str = "seed-7:task=detection,healthy=false") -> Player:
    return Player(Lab(scenario_of(reference)))


@given(st.lists(LINES, max_size=6), st.sampled_from(("seed-7", *list(PROBLEMS)[::17])))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_line_ever_raises(lines: list[str], reference: str) -> None:
    one, other = player(reference), player(reference)
    for line in lines:
        turn = one.line(line)
        assert turn == other.line(line)  # the same lines give the same outputs
        assert 0 <= turn.exit_code <= 255
        assert turn.text == "" or turn.text.endswith("\n") or turn.exit_code == 0
        assert (turn.refusal is None) or turn.exit_code == REFUSED_EXIT
        assert (turn.verdict is not None) == (turn.text.startswith("aiopslab:"))


def test_reads_and_writes_run_on_the_lab() -> None:
    one = player("seed-7:task=mitigation")
    before = one.line("kubectl get deployment geo -o jsonpath='{.spec.replicas}'").text
    done = one.line("kubectl scale deployment/geo --replicas=3")
    assert done.exit_code == 0
    assert done.text == "deployment.apps/geo scaled\n"
    after = one.line("kubectl get deployment geo -o jsonpath='{.spec.replicas}'").text
    assert (before, after) == ("1", "3")


def test_refusals_say_what_to_do_instead() -> None:
    one = player()
    clock = one.lab.clock
    pipe = one.line("kubectl get pods | grep x")
    assert (pipe.exit_code, pipe.refusal) == (REFUSED_EXIT, "pipeline")
    assert "Instead:" in pipe.text
    assert "'submit'" in one.line("submt Yes").text
    assert one.line("kubectl get secrets -o yaml").refusal == "secret_values"
    far = one.line("kubectl scale deployment/geo --replicas=0 -n kube-system")
    assert far.refusal == "namespace_not_managed"
    assert one.lab.clock == clock
    assert not one.lab.changed


def test_only_tick_and_commands_move_the_clock() -> None:
    one = player()
    clock = one.lab.clock
    for line in ("help", "alerts", "hint", "", "tick", "tick 0", "tick 3601", "tick -1", "tick ٣"):
        one.line(line)
    assert one.lab.clock == clock
    assert one.line("tick 60").exit_code == 0
    assert (one.lab.clock - clock).total_seconds() == 60
    assert one.line("tick 99999999999999999999").exit_code == USAGE_EXIT


def test_hint_counts_down_as_evidence_is_read() -> None:
    one = player("scale_pod_zero_social_net-localization-1")
    known = len(one.lab.ground_truth.facts)
    assert one.line("hint").text.startswith(f"{known} of {known} ")
    for line in ("kubectl get deployments", "kubectl get pods", "kubectl get endpoints"):
        one.line(line)
    left = known - len(one.lab.evidence_read())
    assert left < known
    assert one.line("hint").text.startswith(f"{left} of {known} ")


def test_without_hints_the_word_is_not_taken() -> None:
    one = Player(Lab(generate(7)), hints=False)
    assert one.line("hint").refusal == "unknown_program"
    assert "hint" not in one.line("help").text


def test_alerts_are_shown_with_their_words() -> None:
    one = player("seed-7")
    (alert,) = one.lab.alerts()
    text = one.line("alerts").text
    assert str(alert["annotations"]["summary"]) in text  # type: ignore[index]
    assert alert_lines([]) == []


@pytest.mark.parametrize("healthy", [True, False])
@pytest.mark.parametrize("answer", ["Yes", "no"])
def test_submit_is_judged_and_ends_the_game(*, healthy: bool, answer: str) -> None:
    one = player(f"seed-7:task=detection,healthy={str(healthy).lower()}")
    turn = one.line(f"submit {answer}")
    right = (answer == "Yes") is not healthy
    assert turn.verdict is not None
    assert turn.verdict.strict is turn.verdict.aiopslab is right
    assert turn.exit_code == (0 if right else 1)
    assert f"strict:   {'success' if right else 'failure'}" in turn.text
    clock = one.lab.clock
    assert one.line("tick 60").exit_code == one.line("submit Yes").exit_code == USAGE_EXIT
    assert one.lab.clock == clock


def test_who_changes_a_healthy_system_fails_the_strict_verdict_alone() -> None:
    one = player("seed-7:task=detection,healthy=true")
    one.line("kubectl scale deployment/geo --replicas=3")
    verdict = one.line("submit No").verdict
    assert verdict is not None
    assert (verdict.aiopslab, verdict.strict) == (True, False)


def test_a_repair_is_judged_by_the_state() -> None:
    one = player("scale_pod_zero_social_net-mitigation-1")
    early = player("scale_pod_zero_social_net-mitigation-1").line("submit").verdict
    assert early is not None and not early.strict
    one.line("kubectl scale deployment/user-service --replicas=1")
    one.line("tick 60")
    verdict = one.line("submit").verdict
    assert verdict is not None
    assert verdict.strict, verdict.reason


@pytest.mark.parametrize(
    ("task", "text", "answer"),
    [
        (Task.DETECTION, " yes ", "Yes"),
        (Task.LOCALIZATION, "geo", ("geo",)),
        (Task.LOCALIZATION, "geo, user  rate", ("geo", "user", "rate")),
        (Task.LOCALIZATION, "none", ()),
        (Task.MITIGATION, "", None),
    ],
)
def test_answers(task: Task, text: str, answer: object) -> None:
    assert answer_of(task, text) == answer


@pytest.mark.parametrize("level", SYSTEM_LEVELS)
@pytest.mark.parametrize("kind", FAULT_TYPES)
def test_every_analysis_can_be_given_in_any_case(level: str, kind: str) -> None:
    wanted = Analysis(system_level=level, fault_type=kind)
    assert answer_of(Task.ANALYSIS, f"{level} / {kind}") == wanted
    assert answer_of(Task.ANALYSIS, f"{level.lower()}/{kind.upper()}") == wanted


@pytest.mark.parametrize(
    ("task", "text", "told"),
    [
        (Task.DETECTION, "", "submit Yes | submit No"),
        (Task.DETECTION, "maybe", "submit Yes | submit No"),
        (Task.LOCALIZATION, "", "submit none"),
        (Task.LOCALIZATION, "Not A Name!", "names of services"),
        (Task.ANALYSIS, "Application", "LEVEL / TYPE"),
        (Task.ANALYSIS, "Aplication / Misconfiguration", "near: Application"),
        (Task.ANALYSIS, "Application / Misconfigured", "near: Misconfiguration"),
        (Task.MITIGATION, "done", "expected `submit`"),
    ],
)
def test_another_form_is_told_and_not_judged(task: Task, text: str, told: str) -> None:
    with pytest.raises(BadAnswer, match=told.replace("|", r"\|")):
        answer_of(task, text)
    one = player(f"seed-7:task={task}")
    assert one.line(f"submit {text}").exit_code == USAGE_EXIT
    assert one.verdict is None


@pytest.mark.parametrize("healthy", [True, False])
def test_the_first_words_are_the_same_with_and_without_a_fault(*, healthy: bool) -> None:
    twin = Lab(generate(7, task=Task.DETECTION, healthy=healthy))
    other = Lab(generate(7, task=Task.DETECTION, healthy=not healthy, family="memory_limit"))
    assert instructions(twin) == instructions(other)
    assert not twin.evidence_read()


@pytest.mark.parametrize("application", sorted(APPLICATIONS))
def test_problems_of_an_application_begin_with_the_same_words(application: str) -> None:
    told = {
        instructions(Lab(scenario_of(problem.id)))
        for problem in EVERY_PROBLEM.values()
        if (problem.application, problem.task) == (application, Task.DETECTION)
    }
    assert len(told) == 1


def test_helm_upgrade_is_done_in_the_lab_though_the_product_has_no_action_for_it() -> None:
    one = Player(Lab(scenario_of("auth_miss_mongodb-mitigation-1")))
    line = (
        "helm upgrade social-network dsb/socialnetwork --set url-shorten-mongodb.tls.mode=disabled"
    )
    turn = one.line(line)
    assert (turn.exit_code, turn.refusal) == (0, None), turn.text
    assert "has been upgraded" in turn.text
    assert one.line(f"{line} -n kube-system").refusal == "namespace_not_managed"
