"""`aoi lab twin`: tells what it inferred, takes lines, and says whether they mended it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.environments.simulated.benchmark.problems import scenario_of
from agents.environments.simulated.lab import Lab
from agents.policy.parse import parse
from deploy.cli import main
from tests.unit.environments.dumps import container, deployment, dump_of, pod, service

UNDO = "kubectl rollout undo deployment/frontend"


def twin(*argv: str, stdin: str = "") -> tuple[int, str, str]:
    done = CliRunner().invoke(main.build(["lab"]), ["lab", "twin", *argv], input=stdin)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def written(folder: Path, *, right: str = "cart:8080", now: str) -> str:
    """Write the dump of a frontend whose address of the cart was edited, and return its path."""
    front = deployment(
        "frontend",
        container(env={"CART_ADDR": now, "DB_URL": "postgres://u:hunter2secret@db.other:5432/x"}),
        earlier=container(env={"CART_ADDR": right}) if now != right else None,
    )
    cart = deployment("cart", container())
    path = folder / "dump.json"
    path.write_bytes(
        dump_of(
            front,
            pod(front),
            service("frontend", 80, target=8080, kind="LoadBalancer"),
            cart,
            pod(cart),
            service("cart", 8080),
        )
    )
    return str(path)


@pytest.fixture
def failing(tmp_path: Path) -> str:
    return written(tmp_path, now="cart:9090")


def test_a_check_says_whether_the_twin_is_healthy(tmp_path: Path, failing: str) -> None:
    code, text, _ = twin("--from", failing, "--check")
    assert code == 1
    assert "calls of frontend to cart at cart:9090 fail: refused" in text.splitlines()[-1]
    code, text, _ = twin("--from", written(tmp_path, now="cart:8080"), "--check")
    assert code == 0
    assert text.splitlines()[-1] == "healthy: all workloads and the traffic are healthy"


def test_it_tells_what_it_inferred_and_no_password(failing: str) -> None:
    code, text, _ = twin("--from", failing, "--check")
    assert code == 1
    assert "Entry       frontend -> frontend: its Service is a LoadBalancer" in text
    assert "frontend -> cart (cart:9090): env CART_ADDR" in text
    assert "frontend: env DB_URL: db.other:5432" in text
    assert "hunter2secret" not in text


def test_lines_are_typed_and_their_outcome_is_checked(failing: str) -> None:
    code, text, _ = twin(
        "--from", failing, "--exec", UNDO, "--exec", "kubectl get deploy", "--check"
    )
    assert code == 0
    assert "deployment.apps/frontend rolled back" in text
    assert "cart" in text.split("rolled back")[1]
    code, text, _ = twin("--from", failing, "--exec", "kubectl get pods nobody", "--check")
    assert code == 1
    code, _, _ = twin("--from", failing, "--exec", "rm -rf /")
    assert code == 126


def test_a_pipe_may_type_until_it_submits(failing: str) -> None:
    code, text, _ = twin("--from", failing, stdin=f"kubectl get pods\n{UNDO}\nsubmit\n")
    assert code == 0
    assert "strict:   success" in text
    code, text, _ = twin("--from", failing, stdin="kubectl get pods\nsubmit\n")
    assert code == 1
    assert "cart:9090" in text


def test_json_has_everything_and_opens_no_shell(failing: str) -> None:
    code, text, _ = twin("--from", failing, "--json", "--exec", UNDO, "--check")
    assert code == 0
    shown = json.loads(text)
    assert shown["entry"]["service"] == "frontend"
    assert shown["calls"] == [
        {
            "caller": "frontend",
            "target": "cart",
            "address": "cart:9090",
            "critical": True,
            "why": "env CART_ADDR",
        }
    ]
    assert "cart:9090" in shown["problem"]
    assert shown["turns"][0]["exit_code"] == 0
    assert shown["check"]["healthy"] is True


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--from", "nowhere.json"], "nowhere.json: No such file or directory"),
        (["--from", "junk.json"], "junk.json: expected JSON"),
        (["--from", "secret.json"], "comes with its values, which a twin never reads"),
    ],
)
def test_what_is_no_dump_is_said_in_one_line(
    argv: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("junk.json").write_text("{")
    secret = {"kind": "Secret", "metadata": {"name": "a", "namespace": "b"}, "data": {"c": "ZA=="}}
    Path("secret.json").write_bytes(dump_of(secret))
    code, _, error = twin(*argv)
    assert code == 1
    assert told in error
    assert "Traceback" not in error


def test_an_entry_and_calls_can_be_told(failing: str) -> None:
    code, text, _ = twin("--from", failing, "--entry", "cart", "--json")
    assert code == 0
    assert json.loads(text)["entry"] == {"service": "cart", "workload": "cart", "why": "--entry"}
    code, _, error = twin("--from", failing, "--entry", "nobody")
    assert code == 1
    assert "expected an entry of cart, frontend; got 'nobody'" in error
    code, text, _ = twin("--from", failing, "--call", "cart=frontend", "--json")
    assert any("closes a circle" in guess for guess in json.loads(text)["guesses"])


def one_of_benchmark(folder: Path, problem: str) -> str:
    """Write what the documented command says of a problem's namespace, and return its path."""
    lab = Lab(scenario_of(problem))
    kinds = "deploy,rs,svc,endpoints,cm,sa,pvc,netpol,pods,events"
    line = f"kubectl get {kinds} -n {lab.namespace} -o json"
    text = lab.read(parse(line, lab.namespace)).text
    path = folder / "namespace.json"
    path.write_text(text[text.index("{") :], encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        ("scale_pod_zero_social_net-mitigation-1", "user-service has no ready pod behind it"),
        ("k8s_target_port-misconfig-mitigation-2", "text-service listens on port 9999"),
    ],
)
def test_a_service_that_nobody_answers_is_not_healthy_though_no_call_is_known(
    tmp_path: Path, problem: str, told: str
) -> None:
    code, text, _ = twin("--from", one_of_benchmark(tmp_path, problem), "--check")
    assert code == 1
    assert told in text.splitlines()[-1]


def test_without_a_known_call_a_check_cannot_tell(tmp_path: Path) -> None:
    path = one_of_benchmark(tmp_path, "noop_detection_social_network-1")
    code, text, _ = twin("--from", path, "--check")
    assert code == 3
    assert text.splitlines()[-1].startswith("cannot tell: ")


def test_a_line_that_is_not_taken_fails_the_check(tmp_path: Path) -> None:
    path = written(tmp_path, now="cart:8080")
    assert twin("--from", path, "--exec", "kubectl foo", "--check")[0] == 126
    assert twin("--from", path, "--exec", "kubectl get pod nobody", "--check")[0] == 1
    assert twin("--from", path, "--exec", "kubectl get pods", "--check")[0] == 0
