"""`aoi lab`: lists, shows, is played by a person or a pipe, and lives between two commands."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.environments.simulated.benchmark.problems import EVERY_PROBLEM
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.references import option_types, parse_reference, scenario_of
from deploy.cli import _lab_state, lab, main
from tests.unit.environments.dumps import container, deployment, dump_of, pod, service

SCALED = "scale_pod_zero_social_net-mitigation-1"
RUN = "from deploy.cli import main; main.app()"


def aoi(*argv: str, stdin: str | bytes = "") -> tuple[int, str, str]:
    done = CliRunner().invoke(main.build(["lab"]), ["lab", *argv], input=stdin)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def test_it_loads_no_model_and_no_broker() -> None:
    code = (
        "import sys; from deploy.cli import main; main.build(['lab']);"
        "print([n for n in ('torch', 'ray', 'transformers', 'faust', 'aiokafka',"
        " 'confluent_kafka', 'gymnasium') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_command_has_an_example_that_its_parser_takes() -> None:
    names = [
        command.name or str(getattr(command.callback, "__name__", ""))
        for command in lab.app.registered_commands
    ]
    assert len(names) >= 5
    shop = deployment("shop", container())
    Path("dump.json").write_bytes(dump_of(shop, pod(shop), service("shop", 8080)))
    for name in names:
        code, text, _ = aoi(name, "--help")
        assert code == 0
        example = re.search(rf"Example: aoi lab ({name} .*)", text)
        assert example, name
        code, _, told = aoi(*example[1].strip().split())
        assert code == 0, told
    Path("game.jsonl").unlink()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_list_cuts_no_id_and_gives_no_answer_away() -> None:
    code, text, _ = aoi("list")
    assert code == 0
    rows = [line.split() for line in text.splitlines()[1:]]
    assert [row[0] for row in rows] == list(EVERY_PROBLEM)
    assert {len(row) for row in rows} == {3}
    _, text, _ = aoi("list", "--answers")
    for line in text.splitlines()[1:]:
        problem = EVERY_PROBLEM[line.split()[0]]
        assert (problem.service or "-") in line.split()


def test_list_is_filtered_and_json() -> None:
    _, text, _ = aoi("list", "--task", "mitigation", "--application", "astronomy-shop", "--json")
    assert json.loads(text) == [
        {
            "id": "astronomy_shop_kafka_queue_problems-mitigation-1",
            "application": "astronomy-shop",
            "task": "mitigation",
        }
    ]
    code, _, told = aoi("list", "--application", "shop")
    assert code == 1
    assert "astronomy-shop" in told


def test_show_tells_the_task_and_the_answers_only_when_asked() -> None:
    code, text, _ = aoi("show", SCALED)
    assert code == 0
    for word in ("test-social-network", "mitigation", "ReviewRequested", "rollout undo", "submit"):
        assert word in text
    truth = Lab(scenario_of(SCALED)).ground_truth
    assert not any(repair in text for repair in truth.repairs)
    _, text, _ = aoi("show", SCALED, "--answers")
    assert all(repair in text for repair in truth.repairs)
    assert all(fact.name in text for fact in truth.facts)
    shown = json.loads(aoi("show", SCALED, "--json")[1])
    assert "answers" not in shown
    shown = json.loads(aoi("show", SCALED, "--json", "--answers")[1])
    assert shown["answers"]["faults"][0]["service"] == "user-service"


@pytest.mark.parametrize("command", ["show", "shell", "exec"])
def test_an_unknown_incident_is_told_with_what_is_near(command: str) -> None:
    code, text, told = aoi(command, "scale_pod_zero", *(["help"] if command == "exec" else []))
    assert (code, text) == (1, "")
    assert "near: scale_pod_zero_social_net-" in told


def test_new_takes_every_option_of_the_generator() -> None:
    code, text, _ = aoi("new", "--help")
    assert code == 0
    for name in option_types():
        assert f"--{name}" in text
    argv = ("--seed", "7", "--split", "B", "--task", "detection", "--no-healthy")
    _, text, _ = aoi("new", *argv, "--difficulty", "noisy", "--json")
    reference = "seed-7:split=B,task=detection,healthy=false,difficulty=noisy"
    assert json.loads(text)["reference"] == reference
    assert aoi("new", *argv, "--difficulty", "noisy") == aoi("show", reference)
    code, _, told = aoi("new", "--seed", "7", "--family", "image_unpulable")
    assert (code, "near: image_unpullable" in told) == (1, True)


def test_exec_leaves_with_the_lines_exit_code() -> None:
    code, text, _ = aoi("exec", "seed-7", "--", "kubectl", "get", "pods", "--no-headers")
    assert code == 0
    assert "Running" in text
    assert aoi("exec", "seed-7", "kubectl get pods --no-headers")[1] == text
    code, _, told = aoi("exec", "seed-7", "--", "kubectl", "get", "pod", "nobody")
    assert (code, "NotFound" in told) == (1, True)
    assert aoi("exec", "seed-7", "kubectl get pods | wc")[0] == 126
    assert aoi("exec", "seed-7", "tick never")[0] == 2


def test_exec_keeps_quotes_of_words() -> None:
    path = "{.items[*].metadata.name}"
    code, text, _ = aoi(
        "exec", "seed-7", "--", "kubectl", "get", "deploy", "-o", f"jsonpath={path}"
    )
    assert code == 0
    assert "frontend" in text.split()


def test_exec_reads_lines_and_here_documents_from_a_pipe() -> None:
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: note\ndata:\n  a: b\n"
    stdin = (
        f"tick 5\nkubectl apply -f - <<'EOF'\n{manifest}EOF\nkubectl get configmap note -o name\n"
    )
    code, text, _ = aoi("exec", "seed-7", "-", "--json", stdin=stdin)
    turns = [json.loads(line) for line in text.splitlines()]
    assert code == 0
    assert [turn["exit_code"] for turn in turns] == [0, 0, 0]
    assert turns[1]["text"] == "configmap/note created\n"
    assert turns[2]["text"] == "configmap/note\n"
    code, text, _ = aoi(
        "exec", "seed-7", "-", stdin=b"kubectl get \xff\xfe\nkubectl apply -f - <<E"
    )
    assert code == 126


def test_a_lab_lives_between_two_commands(tmp_path: Path) -> None:
    file = tmp_path / "game.jsonl"

    def play(*line: str) -> tuple[int, str, str]:
        return aoi("exec", SCALED, "--state", str(file), "--", *line)

    assert play("kubectl", "scale", "deployment/user-service", "--replicas=1")[0] == 0
    first = play("tick", "60")[1]
    assert (
        play("kubectl", "get", "deployment", "user-service", "--no-headers")[1].split()[1] == "1/1"
    )
    assert play("tick", "1")[1] > first
    code, text, _ = play("submit")
    assert code == 0
    assert "strict:   success" in text
    assert play("alerts")[0] == 2
    assert sorted(one.name for one in tmp_path.iterdir()) == ["game.jsonl"]
    head, *lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert head["reference"] == SCALED
    assert len(lines) == 6


def test_the_file_of_a_lab_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "game.jsonl"
    assert aoi("exec", "seed-7", "--state", str(file), "--", "tick", "5")[0] == 0
    before = file.read_bytes()
    code, _, told = aoi("exec", "seed-8", "--state", str(file), "--", "tick", "5")
    assert (code, "seed-8, got that of seed-7" in told) == (1, True)
    assert file.read_bytes() == before
    file.write_bytes(before.replace(b'"tick 5"', b'"tick 6"'))
    code, _, told = aoi("exec", "seed-7", "--state", str(file), "--", "tick", "5")
    assert (code, f"{file}:2: 'tick 6' gives another output" in told) == (1, True)
    for broken in (b"", b"{}", b"[1]\n", b'{"reference": "seed-7", "format": 9}\n', before[:-5]):
        file.write_bytes(broken)
        assert aoi("exec", "seed-7", "--state", str(file), "--", "tick", "5")[0] == 1
        assert file.read_bytes() == broken


def test_nothing_is_kept_of_work_that_failed(tmp_path: Path) -> None:
    file = tmp_path / "game.jsonl"

    class Stopped(Exception):
        pass

    def work() -> None:
        with _lab_state.continued(parse_reference("seed-7"), file) as session:
            session.line("tick 5")
            raise Stopped

    with pytest.raises(Stopped):
        work()
    assert not file.exists()


def test_two_commands_at_once_come_one_after_the_other(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", RUN, "lab", "exec", "seed-7", "--state", "game.jsonl", "tick 5"]
    running = [subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=tmp_path) for _ in range(3)]
    outputs = {one.communicate()[0] for one in running}
    assert [one.returncode for one in running] == [0, 0, 0]
    assert len(outputs) == 3
    assert len((tmp_path / "game.jsonl").read_text().splitlines()) == 4


def test_a_pipe_plays() -> None:
    lines = "kubectl scale deployment/user-service --replicas=1\ntick 60\nhint\nsubmit\ntick 9\n"
    code, text, _ = aoi("shell", SCALED, stdin=lines)
    assert code == 0
    assert text.endswith("strict:   success\nreason:   all workloads and the traffic are healthy\n")
    code, text, _ = aoi("shell", SCALED, stdin="submit")
    assert code == 1
    assert "strict:   failure" in text
    assert aoi("shell", SCALED, stdin="hint\nquit\nsubmit\n")[1].endswith(
        "left without an answer\n"
    )
    assert aoi("shell", SCALED, stdin="hint\n")[0] == 0


def test_a_person_plays(tmp_path: Path) -> None:
    terminal, end = pty.openpty()
    argv = [sys.executable, "-c", RUN, "lab", "shell", "seed-7:task=detection,healthy=false"]
    environment = os.environ | {"AOI_STATE_DIR": str(tmp_path / "state"), "TERM": "dumb"}
    playing = subprocess.Popen(
        argv, stdin=end, stdout=end, stderr=end, env=environment, start_new_session=True
    )
    os.close(end)
    seen = ""

    def until(words: str, again: Callable[[], object] = lambda: None) -> None:
        nonlocal seen
        deadline = time.monotonic() + 30
        while words not in seen:
            assert time.monotonic() < deadline, seen
            if select.select([terminal], [], [], 2.0)[0]:
                seen += os.read(terminal, 4096).decode()
            else:
                again()
        seen = seen.partition(words)[2]

    until("07:27:50 hotel-f28c1$ ")
    os.write(terminal, b"tick 70\n")
    until("07:29:00 hotel-f28c1$ ")
    os.write(terminal, b"submit No")
    until("submit No")
    # Python's readline may overlook a signal between a key and its next wait: one presses again
    playing.send_signal(2)
    until("^C", again=lambda: playing.send_signal(2))
    until("07:29:00 hotel-f28c1$ ")
    os.write(terminal, b"\x1b[A\n")  # the line before, from the history
    until("07:30:10 hotel-f28c1$ ")
    os.write(terminal, b"submit Yes\n")
    until("strict:   success")
    assert playing.wait(30) == 0
    os.close(terminal)
    kept = (tmp_path / "state" / "lab_history").read_text().splitlines()
    assert kept == ["tick 70", "submit Yes"], kept


def test_warnings_and_errors_are_on_stderr_so_that_json_is_json() -> None:
    code, text, told = aoi("exec", "seed-7", "--", "kubectl", "get", "endpoints", "-o", "json")
    assert code == 0
    assert json.loads(text)["kind"] == "List"
    assert told.startswith("Warning: ")
    code, text, told = aoi("exec", "seed-7", "--", "kubectl", "get", "pod", "nobody")
    assert (code, text) == (1, "")
    assert "NotFound" in told
