"""`aoi policy`: one verdict a line, exit codes for a pipeline, and reasons that explain."""

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agents.policy.decide import SHIPPED
from agents.policy.reasons import REASONS, reasons_table
from agents.policy.refusal import ReasonCode
from agents.policy.rulebook import read_rulebook
from deploy.cli._policy_lines import split
from deploy.cli.policy import app

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "policy.md"
RESTART = "kubectl rollout restart deployment/cart"
APPLY = (
    "kubectl apply -f - <<'EOF'\napiVersion: v1\nkind: ConfigMap\n"
    "metadata:\n  name: cart\ndata:\n  a: b\nEOF"
)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Give a copy of the shipped rules."""
    shutil.copytree(SHIPPED, tmp_path / "rules")
    return tmp_path / "rules"


def aoi(*words: str, said: str | bytes = "") -> Result:
    return CliRunner().invoke(app, list(words), input=said)


def rows(*words: str, said: str | bytes = "") -> list[dict[str, object]]:
    done = aoi("check", *words, "--json", said=said)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_one_line_is_one_object_with_all_that_is_known_of_it() -> None:
    (row,) = rows(RESTART, "-n", "shop-1")
    assert (row["line"], row["as"], row["verdict"]) == (RESTART, "executor", "allow")
    assert row["reason"] == "restart_or_rollback"
    assert row["command"]["verb"] == "rollout restart"  # type: ignore[index]  # JSON
    assert row["action"] == {
        "type": "RestartRollout",
        "workload": {"kind": "deployments", "namespace": "shop-1", "name": "cart"},
    }
    (row,) = rows("kubectl get pods | sort", "--as", "probe")
    assert (row["verdict"], row["reason"], row["command"]) == ("deny", "pipeline", None)
    assert row["place"] == {"start": 17, "end": 18}
    assert row["hint"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((RESTART,), 0),
        (("kubectl scale deploy/cart --replicas=2",), 0),  # a person is asked
        (("kubectl delete namespace default",), 1),
        (("kubectl get pods",), 1),  # no act
        (("kubectl get pods", "--as", "probe"), 0),
        ((RESTART, "--folder", "nowhere"), 2),
        (("not json", "--jsonl"), 2),
    ],
)
def test_the_exit_code_tells_whether_anything_was_denied(words: tuple[str, ...], code: int) -> None:
    assert aoi("check", *words).exit_code == code


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("./nofile.txt", "no such file"),
        ("nofile.jsonl", "no such file"),
        ("lines/kubectl", "no such file"),
        (".", "is a folder"),
        ("folder", "is a folder"),
    ],
)
def test_a_path_that_is_no_file_is_not_judged_as_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, told: str
) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    done = aoi("check", word)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{word}" in done.stderr and told in done.stderr


@pytest.mark.parametrize("line", ["kubectl", "", "kubectl get pods -f ./x.yaml", "a.b", '"a/b"'])
def test_a_line_stays_a_line(line: str) -> None:
    assert aoi("check", line).exit_code == 1


def test_of_a_long_line_what_is_around_the_place_is_shown() -> None:
    line = "kubectl get pods -l a=" + "b" * 5000
    shown, marks, *_ = aoi("check", line, "--as", "probe").stdout.splitlines()
    assert max(len(shown), len(marks)) < 300
    assert shown.endswith("bbb ... (5022 characters)")
    assert set(marks[marks.index("^") :]) == {"^"}
    middle = "kubectl get pods " + "a" * 300 + "|" + "b" * 300
    shown, marks, *_ = aoi("check", middle, "--as", "probe").stdout.splitlines()
    assert shown[marks.index("^")] == "|"
    assert "... (618 characters)" in shown
    assert marks.count("^") == 1


def test_marks_stand_below_what_cannot_be_printed() -> None:
    shown, marks, *_ = aoi("check", "kubectl get\x07 pods", "--as", "probe").stdout.splitlines()
    assert shown[marks.index("^") : len(marks)] == r"\x07"


def test_windows_line_ends_are_named() -> None:
    told = aoi("check", "-", said=f"{RESTART}\r\n").stdout
    assert "U+000D is part of a Windows line end" in told
    assert "save a file with Unix line ends (LF)" in told


def test_a_comment_is_left_out_as_the_table_says() -> None:
    (row,) = rows("kubectl get pods # all", "--as", "probe")
    assert (row["reason"], row["hint"]) == ("comment", REASONS["comment"].remedy)


def test_before_the_dry_run_the_message_says_so() -> None:
    (row,) = rows(RESTART, "--pods", "-1")
    assert str(row["message"]).startswith("there was no dry run yet")
    (row,) = rows("kubectl scale deploy/cart --replicas=2")
    assert row["message"] == "no policy lets this act be done unasked"


@pytest.mark.parametrize(
    ("options", "verdict", "reason"),
    [
        (("--freeze",), "needs_approval", "frozen"),
        (("--confidence", "49"), "needs_approval", "low_confidence"),
        (("--severity", "info"), "needs_approval", "notice_only"),
        (("--pods", "-1"), "needs_approval", "needs_person"),
        (("--pods", "11"), "needs_approval", "many_pods"),
        (("--pods", "101"), "deny", "blast_radius"),
        (("--replicas-lost", "60"), "needs_approval", "share_of_replicas"),
        (("--protected", "*/cart"), "needs_approval", "protected_workload"),
        (("--managed", "bank-*"), "deny", "namespace_not_managed"),
        (("--managed", "bank-*", "--managed", "def*"), "allow", "restart_or_rollback"),
        (("--own", "default"), "deny", "own_namespace"),
        (("--acts", "2"), "needs_approval", "third_act_of_the_incident"),
        (("--acts", "4"), "deny", "rate_of_the_incident"),
        (("--acts-hour", "60"), "deny", "rate_of_the_hour"),
        (("-n", "kube-system"), "deny", "system_namespace"),
        (("-n", ""), "deny", "missing_namespace"),
    ],
)
def test_every_circumstance_can_be_said(
    options: tuple[str, ...], verdict: str, reason: str
) -> None:
    (row,) = rows(RESTART, *options)
    assert (row["verdict"], row["reason"]) == (verdict, reason)


def test_whose_a_pod_is_can_be_said() -> None:
    line = "kubectl delete pod cart-7d9f-x2x7q"
    (row,) = rows(line)
    assert (row["verdict"], row["reason"]) == ("needs_approval", "pod_of_nobody")
    (row,) = rows(line, "--owner", "default/replicasets/cart-7d9f")
    assert (row["verdict"], row["reason"]) == ("allow", "restart_or_rollback")


def test_a_file_without_a_line_is_no_verdict(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.touch()
    result = aoi("check", str(path))
    assert result.exit_code == 2
    assert "expected at least one line" in result.output


def test_the_calendar_is_asked_for_the_moment_that_is_said(rules: Path) -> None:
    (rules / "settings.toml").write_text('[[freeze.windows]]\nname = "w"\ndays = ["sun"]\n')
    asked = ("-F", str(rules), "--at")
    assert rows(RESTART, *asked, "2026-03-08T12:00:00")[0]["reason"] == "frozen"
    assert rows(RESTART, *asked, "2026-03-09T00:30:00+0100")[0]["reason"] == "frozen"
    assert rows(RESTART, *asked, "2026-03-09T00:30:00")[0]["verdict"] == "allow"


def test_every_line_of_a_file_has_its_object_and_a_document_stays_whole(tmp_path: Path) -> None:
    file = tmp_path / "lines.txt"
    file.write_bytes(f"{RESTART}\n\n{APPLY}\nkubectl get pods\r\n\xe9 é # a\n".encode("latin-1"))
    found = rows(str(file))
    assert [row["line"] for row in found] == [
        RESTART,
        "",
        APPLY,
        "kubectl get pods\r",
        "\udce9 \udce9 # a",
    ]
    assert [row["verdict"] for row in found] == ["allow", "deny", "needs_approval", "deny", "deny"]
    assert rows("-", said=file.read_bytes()) == found
    assert aoi("check", str(file)).exit_code == 1


def test_a_line_of_several_is_a_json_string_in_a_jsonl_file(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_text(f"{json.dumps(APPLY)}\n\n{json.dumps({'line': RESTART})}\n")
    assert [row["line"] for row in rows(str(file))] == [APPLY, RESTART]
    assert rows("-", "--jsonl", said=file.read_text()) == rows(str(file))


def test_a_document_without_its_end_swallows_no_other_line() -> None:
    text = "kubectl apply -f - <<'EOF'\nkubectl delete pod x\n"
    assert split(text, jsonl=False) == text.splitlines()


def test_a_folder_s_cases_are_run_and_each_failure_told(rules: Path) -> None:
    done = aoi("test", "--folder", str(rules))
    assert (done.exit_code, "0 failed" in done.stdout) == (0, True)
    automatic = (rules / "automatic.cedar").read_text()
    (rules / "automatic.cedar").write_text(automatic.replace("> 10 }", "> 20 }"))
    done = aoi("test", "--folder", str(rules))
    told, total = done.stdout.splitlines()
    assert done.exit_code == 1
    assert told.startswith(
        "acts.yaml: many pods ask: expected needs_approval (many_pods), "
        "got allow (restart_or_rollback)"
    )
    assert total.endswith("1 failed")
    shutil.rmtree(rules / "tests")
    done = aoi("test", "--folder", str(rules))
    assert (done.exit_code, "no cases prove nothing" in done.stderr) == (1, True)
    (rules / "never.cedar").write_text("forbid (")
    assert aoi("test", "--folder", str(rules)).exit_code == 2


def test_the_folder_is_the_one_that_the_environment_names(
    rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (rules / "settings.toml").write_text("[freeze]\nnow = true\n")
    monkeypatch.setenv("AOI_GATE__POLICY_DIR", str(rules))
    assert rows(RESTART)[0]["reason"] == "frozen"


def test_a_line_is_explained_by_the_policy_that_ruled_and_what_it_saw() -> None:
    done = aoi("explain", "kubectl scale deploy/cart --replicas=0", "--protected", "*/cart")
    assert done.exit_code == 0
    for told in (
        "policy protected_to_zero in never.cedar: deny",
        '@id("protected_to_zero")',
        "context.is_protected",
        'namespace                "default"',
        "replicas                 0",
    ):
        assert told in done.stdout
    refused = aoi("explain", "kubectl get pods | sort").stdout
    assert "reason pipeline: the line pipes" in refused
    assert "^" in refused


@pytest.mark.parametrize("name", [*ReasonCode, "frozen", "needs_person", "policy-changed"])
def test_every_reason_is_explained(name: str) -> None:
    told = aoi("explain", str(name)).stdout
    assert re.search(r"what to do: .|policy \w+ in \w+\.cedar", told)


def test_a_word_that_is_no_reason_is_said_to_be_none() -> None:
    done = aoi("explain", "nonsense_reason")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "nonsense_reason is no reason code" in done.stderr
    assert "Did you mean blast_radius?" in aoi("explain", "blast_radios").stderr


def test_every_reason_code_of_the_parser_has_a_meaning() -> None:
    assert set(ReasonCode) <= REASONS.keys()


def test_the_tables_show_reads_and_writes_apart() -> None:
    shown = aoi("show").stdout
    reads, writes = shown.split("WRITES", 1)
    assert "kubectl logs POD" in reads
    assert "kubectl scale" in writes
    assert "kubectl scale" not in reads
    for told in (
        "--kubeconfig",
        "kubectl edit",
        "networkpolicies",
        "blast_radius",
        "acts_per_hour",
    ):
        assert told in writes


def test_the_guide_s_tables_are_current() -> None:
    told = GUIDE.read_text(encoding="utf-8")
    table = told.split("<!-- reasons -->\n", 1)[1].split("<!-- end -->", 1)[0].strip()
    expected = reasons_table(read_rulebook(SHIPPED)).strip()
    assert table == expected, "run `aoi policy reasons` and put its output into docs/policy.md"


def test_the_guide_names_every_fact_of_the_schema() -> None:
    schema = (SHIPPED / "schema.cedarschema").read_text()
    facts = set(re.findall(r'^  "(\w+)"\??:', schema, re.MULTILINE))
    told = set(re.findall(r"^\| `(?:preview\.)?(\w+)`", GUIDE.read_text(), re.MULTILINE))
    assert facts <= told
    assert len(facts) > 20
