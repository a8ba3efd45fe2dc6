"""AIOpsLab's interface over the lab: its parser's rules, its actions, its results."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.contracts.incident import Task
from agents.contracts.plan import Submission, SubmitReason
from agents.environments.simulated.benchmark.actions import VALID
from agents.environments.simulated.benchmark.interface import OVER, Session
from agents.environments.simulated.benchmark.problems import scenario_of
from agents.environments.simulated.benchmark.replies import BadReply, Call, read_reply
from agents.environments.simulated.benchmark.results import score, tokens
from agents.environments.simulated.incidents import GroundTruth, generate
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.telemetry import series, traces

SHELL = 'exec_shell("kubectl get pods -A")'


def fenced(code: str) -> str:
    return f"```\n{code}\n```"


def session_of(task: Task, **pins: Any) -> Session:
    return Session(Lab(generate(3, task=task, family="scaled_to_zero", healthy=False, **pins)))


@pytest.mark.parametrize(
    ("reply", "call"),
    [
        (fenced(SHELL), ("exec_shell", ["kubectl get pods -A"])),
        (f"I think.\n{fenced(SHELL)}\nThen I wait.", ("exec_shell", ["kubectl get pods -A"])),
        (f"```\r\n{SHELL}\r\n```", ("exec_shell", ["kubectl get pods -A"])),
        (f"```  \n{SHELL}\n```", ("exec_shell", ["kubectl get pods -A"])),
        (fenced("exec_shell('ls')"), ("exec_shell", ["ls"])),
        (fenced('exec_shell(command="ls")'), ("exec_shell", ["ls"])),
        (fenced('exec_shell(\n  "ls"\n)'), ("exec_shell", ["ls"])),
        (
            fenced("exec_shell(\"kubectl apply -f - <<'EOF'\na: 1\nEOF\")"),
            ("exec_shell", ["kubectl apply -f - <<'EOF'\na: 1\nEOF"]),
        ),
        # the quirks: a second argument is part of the command, end quotes go, so does a keyword
        (fenced('exec_shell("x", timeout="60")'), ("exec_shell", ['x", timeout="60'])),
        (fenced(r'exec_shell("echo \"hi\"")'), ("exec_shell", ['echo "hi\\'])),
        (fenced(r'exec_shell("a \"b\" c")'), ("exec_shell", ['a "b" c'])),
        (fenced('exec_shell(command="x command=y")'), ("exec_shell", ["x y"])),
        (fenced("exec_shell()"), ("exec_shell", [])),
        (fenced('get_logs("ns", "geo")'), ("get_logs", ["ns", "geo"])),
        (fenced('submit("Yes")'), ("submit", ["Yes"])),
        (fenced('submit(["a", "b"])'), ("submit", [["a", "b"]])),
        (fenced('submit(("a", "b"))'), ("submit", [["a", "b"]])),
        (fenced('submit({"system_level": "x"})'), ("submit", [{"system_level": "x"}])),
        (fenced("submit(True)"), ("submit", [True])),
        (fenced("submit()"), ("submit", [])),
    ],
)
def test_a_reply_that_aiopslab_takes_is_taken_alike(reply: str, call: tuple[str, Any]) -> None:
    assert read_reply(reply) == Call(name=call[0], arguments=tuple(call[1]))


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (f"```bash\n{SHELL}\n```", "Format validation failure"),
        (f"{fenced(SHELL)}\nand\n{fenced(SHELL)}", "Format validation failure"),
        (SHELL, "Format validation failure"),
        ("", "Format validation failure"),
        (f"```{SHELL}```", "Format validation failure"),
        (f"```\n{SHELL}\n  ```", "Format validation failure"),
        (fenced("kubectl get pods"), "No API call found"),
        (fenced("exec_shell(ls)"), "commands must be quoted strings"),
        (fenced('exec_shell("x", timeout=60)'), "commands must be quoted strings"),
        (fenced("submit(Yes)"), "Error parsing response"),
        (fenced("submit(-1)"), "Error parsing response"),
        (fenced('submit([("a",)])'), "Error parsing response"),
        (fenced("submit({[1]: 2})"), "Error parsing response"),
        (fenced("submit(**{})"), "Error parsing response"),
        (fenced("submit(open('/etc/passwd'))"), "Error parsing response"),
        (fenced('get_logs("a" "'), "No API call found"),
        (fenced('get_logs("a")b")'), "Error parsing response"),
    ],
)
def test_a_reply_that_aiopslab_refuses_is_refused(reply: str, told: str) -> None:
    with pytest.raises(BadReply, match=told):
        read_reply(reply)
    session = session_of(Task.DETECTION)
    now = session.lab.clock
    assert told in session.step(reply)
    assert not session.done and session.lab.clock == now


@given(st.text(max_size=60), st.sampled_from(("{}", "```\n{}\n```", "```\nsubmit({})\n```")))
def test_any_text_is_a_call_or_refused(text: str, form: str) -> None:
    try:
        call = read_reply(form.replace("{}", text))
    except BadReply:
        return
    assert "(" not in call.name


def test_keyword_submit_is_taken_and_its_answer_lost() -> None:
    session = session_of(Task.DETECTION)
    assert session.step(fenced('submit(has_anomaly="Yes")')) == VALID
    assert session.solution == []
    assert session.results()["Detection Accuracy"] == "Invalid Format"
    assert not session.verdict().aiopslab


@pytest.mark.parametrize(
    ("task", "reply"),
    [
        (Task.ANALYSIS, "submit()"),
        (Task.DETECTION, "submit()"),
        (Task.MITIGATION, 'submit("x")'),
        (Task.DETECTION, "exec_shell()"),
        (Task.DETECTION, 'get_logs("a")'),
        (Task.DETECTION, 'get_logs("a", pod="b")'),
    ],
)
def test_a_call_of_another_signature_is_an_error_and_no_submission(task: Task, reply: str) -> None:
    session = session_of(task)
    assert "argument" in session.step(fenced(reply))
    assert not session.done


def test_an_unknown_action_is_told_with_those_there_are() -> None:
    told = session_of(Task.DETECTION).step(fenced('rm("x")'))
    assert told.startswith("Invalid action: rm") and "exec_shell" in told


def test_after_the_submission_nothing_moves() -> None:
    session = session_of(Task.DETECTION)
    assert session.step(fenced('submit("yes ")')) == VALID
    before = session.lab.cluster.freeze()
    assert session.step(fenced(SHELL)) == OVER
    assert session.lab.cluster.freeze() == before
    assert session.results()["Detection Accuracy"] == "Correct"
    assert session.results()["steps"] == 1


@pytest.mark.parametrize(
    "command",
    [
        "kubectl edit deployment x",
        "echo edit svc x",
        "kubectl port-forward svc/x 1:2",
        "docker logs -f x",
        "kubectl logs -f x",
    ],
)
def test_blocked_words_are_refused_before_anything_else(command: str) -> None:
    session = session_of(Task.DETECTION)
    now = session.lab.clock
    assert "not available" in session.step(fenced(f'exec_shell("{command}")'))
    assert session.lab.clock == now


@pytest.mark.parametrize("command", ["cat /etc/passwd", "kubectl get pods | wc", "ls /tmp", "$(x)"])
def test_what_is_no_kubectl_command_never_runs(command: str) -> None:
    told = session_of(Task.DETECTION).step(fenced(f'exec_shell("{command}")'))
    assert told.startswith("Error: ")
    assert "root:" not in told


def test_reads_and_writes_run_on_the_lab() -> None:
    session = Session(Lab(scenario_of("scale_pod_zero_social_net-mitigation-1")))
    service = session.lab.scenario.service
    place = f"-n {session.lab.namespace}"
    told = session.step(fenced(f'exec_shell("kubectl get deployment {service} {place}")'))
    assert f"{service} " in told and "0/0" in told
    assert not session.results()["success"]
    scale = f"kubectl scale deployment {service} --replicas=1 {place}"
    assert "scaled" in session.step(fenced(f'exec_shell("{scale}")'))
    session.lab.tick(60)
    assert session.step(fenced("submit()")) == VALID
    results, verdict = session.results(), session.verdict()
    assert results["success"] is True and verdict.strict
    assert set(results) == {"success", "TTM", "steps", "in_tokens", "out_tokens"}
    assert float(results["TTM"]) >= 62


def test_without_a_namespace_kubectl_works_in_default() -> None:
    told = session_of(Task.DETECTION).step(fenced('exec_shell("kubectl get pods")'))
    assert told == "No resources found in default namespace.\n"


def test_logs_are_those_of_kubectl() -> None:
    session = session_of(Task.DETECTION, application="hotel")
    place, twin = session.lab.namespace, session_of(Task.DETECTION, application="hotel")
    told = session.step(fenced(f'get_logs("{place}", "frontend")'))
    name = next(
        pod["metadata"]["name"]
        for pod in twin.lab.cluster.store.listed("pods", place)
        if pod["metadata"]["labels"].get("io.kompose.service") == "frontend"
    )
    assert told == twin.step(fenced(f'exec_shell("kubectl logs {name} -n {place}")'))
    assert len(told.splitlines()) > 10
    assert told.strip() and "Error" in session.step(fenced(f'get_logs("{place}", "nobody")'))
    assert "Error" in session.step(fenced('get_logs("elsewhere", "frontend")'))
    assert "Error" in session.step(fenced("get_logs(1, [2])"))


def test_metrics_and_traces_are_files_in_memory() -> None:
    session = session_of(Task.DETECTION)
    cluster, place = session.lab.cluster, session.lab.namespace
    now = cluster.now
    told = session.step(fenced(f'get_metrics("{place}", 3)')).splitlines()
    folder = told[0].split()[-1]
    assert folder.startswith("/tmp/") and place in folder
    wanted = series.csv_files(cluster, now - 180, now)
    assert told[1:] == [f"{folder}/{name}" for name in wanted]
    for path, text in zip(told[1:], wanted.values(), strict=True):
        assert session.step(fenced(f'read_metrics("{path}")')) == text
        assert session.step(fenced(f'exec_shell("cat {path}")')) == text
    listed = session.step(fenced(f'exec_shell("ls {folder}")')).splitlines()
    assert listed == sorted(wanted)
    assert "folder" in session.step(fenced(f'read_metrics("{folder}")'))
    now = cluster.now
    path = session.step(fenced(f'get_traces("{place}")')).split()[-1]
    text = session.step(fenced(f'read_traces("{path}")'))
    assert text == traces.csv_file(cluster, now - 300, now)
    assert text.splitlines()[0].startswith("trace_id,span_id,parent_span,service_name")


@pytest.mark.parametrize("path", ["/etc/passwd", "/tmp/metrics_output/x", "../x", ""])
def test_only_exported_files_can_be_read(path: str) -> None:
    session = session_of(Task.DETECTION)
    assert session.step(fenced(f'read_metrics("{path}")')).startswith("Error: no file")


@pytest.mark.parametrize("arguments", ['"elsewhere"', "1", '"{}", 0', '"{}", -1', '"{}", "5"'])
def test_a_bad_window_is_told(arguments: str) -> None:
    session = session_of(Task.DETECTION)
    told = session.step(fenced(f"get_metrics({arguments.format(session.lab.namespace)})"))
    assert told.startswith("Error")


def truth_of(service: str | None = "mongodb-geo", *accepted: str) -> GroundTruth:
    return GroundTruth(
        anomaly=service is not None,
        family="f" if service else None,
        service=service,
        system_level="Application" if service else None,
        fault_type="Misconfiguration" if service else None,
        evidence=(),
        repairs=(),
        accepted=accepted,
    )


@pytest.mark.parametrize(
    ("solution", "wanted"),
    [
        ("Yes", "Correct"),
        (" yEs\n", "Correct"),
        ("No", "Incorrect"),
        ("maybe", "Incorrect"),
        (["Yes"], "Invalid Format"),
        (True, "Invalid Format"),
        (None, "Invalid Format"),
    ],
)
def test_detection_results(solution: object, wanted: str) -> None:
    assert score(Task.DETECTION, truth_of(), solution, mended=False) == {
        "Detection Accuracy": wanted
    }


@pytest.mark.parametrize(
    ("solution", "accuracy", "success", "subset"),
    [
        (["mongodb-geo"], 100, True, True),
        ("mongodb-geo", 100, True, True),
        (["geo"], 100, True, True),
        (["mongodb-geo", "rate"], 50, False, True),
        (["a", "b", "c", "geo"], 25, False, True),
        (["rate"], 0, False, False),
        (["Mongodb-geo"], 0, False, False),
        ([], 0, False, False),
        ([["mongodb-geo"]], 0, False, False),
        (None, 0, False, False),
    ],
)
def test_localization_results(
    solution: object,
    accuracy: float,
    success: bool,  # noqa: FBT001 - an expected value
    subset: bool,  # noqa: FBT001 - an expected value
) -> None:
    truth = truth_of("mongodb-geo", "geo")
    assert score(Task.LOCALIZATION, truth, solution, mended=False) == {
        "Localization Accuracy": accuracy,
        "success": success,
        "is_subset": subset,
    }


@pytest.mark.parametrize(
    ("solution", "accuracy", "success"),
    [
        (["a", "b"], 100, True),
        (["b", "a"], 100, True),
        (["a"], 0, False),
        (["a", "b", "c", "d"], 50, False),
        (["a", "c"], 0, False),
    ],
)
def test_localization_of_several_faults(
    solution: list[str],
    accuracy: float,
    success: bool,  # noqa: FBT001 - an expected value
) -> None:
    truth = replace(truth_of("a"), also=(truth_of("b"),))
    results = score(Task.LOCALIZATION, truth, solution, mended=False)
    assert (results["Localization Accuracy"], results["success"]) == (accuracy, success)


def test_a_healthy_application_has_no_faulty_service() -> None:
    truth = truth_of(None)
    assert score(Task.LOCALIZATION, truth, [], mended=False)["success"] is True
    assert score(Task.LOCALIZATION, truth, ["a"], mended=False)["success"] is False
    assert score(Task.ANALYSIS, truth, {"system_level": ""}, mended=False)["success"] is False


@given(
    st.lists(st.sampled_from(("user-service", "user", "x")), max_size=3)
    | st.sampled_from(("user-service", "x"))
)
def test_success_is_what_the_judge_says_of_the_benchmark(solution: list[str] | str) -> None:
    lab = LAB
    answer = (solution,) if isinstance(solution, str) else tuple(solution)
    submission = Submission(task=Task.LOCALIZATION, reason=SubmitReason.ANSWERED, answer=answer)
    results = score(Task.LOCALIZATION, lab.ground_truth, solution, mended=False)
    assert results["success"] == lab.judge(submission).aiopslab


LAB = Lab(scenario_of("scale_pod_zero_social_net-localization-1"))


@pytest.mark.parametrize(
    ("solution", "right"),
    [
        ({"system_level": "application", "fault_type": "MISCONFIGURATION"}, (True, True)),
        ({"system_level": "Application", "fault_type": "Code Defect"}, (True, False)),
        ({"fault_type": "Misconfiguration"}, (False, True)),
        ({}, (False, False)),
        ([], (False, False)),
        (None, (False, False)),
    ],
)
def test_analysis_results(solution: object, right: tuple[bool, bool]) -> None:
    level, kind = right
    assert score(Task.ANALYSIS, truth_of(), solution, mended=False) == {
        "system_level_correct": level,
        "fault_type_correct": kind,
        "success": level and kind,
    }


def test_our_verdict_agrees_with_their_rule_and_adds_the_strict_one() -> None:
    session = Session(Lab(generate(3, task=Task.DETECTION, healthy=True)))
    pod = session.lab.cluster.store.listed("pods", session.lab.namespace)[0]["metadata"]["name"]
    session.step(fenced(f'exec_shell("kubectl delete pod {pod} -n {session.lab.namespace}")'))
    session.step(fenced('submit("No")'))
    assert session.results()["Detection Accuracy"] == "Correct"
    assert session.verdict().aiopslab and not session.verdict().strict


@pytest.mark.parametrize(
    "problem",
    [
        "revoke_auth_mongodb-localization-1",
        "k8s_target_port-misconfig-analysis-1",
        "noop_detection_astronomy_shop-1",
        "scale_pod_zero_social_net-mitigation-1",
    ],
)
def test_the_right_answer_of_a_problem_succeeds(problem: str) -> None:
    session = Session(Lab(scenario_of(problem)))
    truth = session.lab.ground_truth
    answer: object = {
        Task.DETECTION: "Yes" if truth.anomaly else "No",
        Task.LOCALIZATION: [*truth.accepted, truth.service][:1],
        Task.ANALYSIS: {"system_level": truth.system_level, "fault_type": truth.fault_type},
    }.get(session.task)
    for line in truth.ways[0] if session.task is Task.MITIGATION else ():
        place = "" if " -n " in line else f" -n {session.lab.namespace}"
        session.step(fenced(f"exec_shell('{line}{place}')"))
        session.lab.tick(120)
    assert session.step(fenced(f"submit({'' if answer is None else json.dumps(answer)})")) == VALID
    assert session.verdict().strict and session.verdict().aiopslab
    results = session.results()
    assert results.get("success", results.get("Detection Accuracy")) in (True, "Correct")


@pytest.mark.parametrize("task", list(Task))
def test_an_agent_is_told_the_task_and_nothing_of_the_truth(task: Task) -> None:
    session = session_of(task, application="hotel")
    told = session.description + session.instructions + json.dumps(session.apis)
    assert session.lab.namespace in told
    assert session.lab.scenario.family not in told
    assert f" {session.lab.scenario.service}" not in told or session.lab.scenario.service == "user"
    assert set(session.apis) == {
        "exec_shell",
        "get_logs",
        "get_metrics",
        "read_metrics",
        "get_traces",
        "read_traces",
        "submit",
    }
    example = session.instructions.rsplit("```", 2)[1].strip()
    assert session.step(fenced(example)) == VALID


def test_the_same_replies_give_the_same_history() -> None:
    first, second = session_of(Task.DETECTION), session_of(Task.DETECTION)
    place = first.lab.namespace
    for reply in (SHELL, f'get_traces("{place}")', f'get_metrics("{place}")', 'submit("No")'):
        first.step(fenced(reply))
        second.step(fenced(reply))
    assert first.history == second.history
    assert first.results() == second.results()


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("get pods", 2), ("a-b_c 1.5", 8), ("  x\n", 1)]
)
def test_tokens_follow_their_rule(text: str, count: int) -> None:
    assert tokens([text]) == count
