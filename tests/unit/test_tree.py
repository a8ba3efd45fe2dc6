"""What no file of the tree says: a topic's name outside the registry, a registry's host, a home.

Invariant: one place names the topics, and a checkout builds anywhere, from any mirror.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.topics import BY_NAME

ROOT = Path(__file__).parents[2]
FLOORS = ("agents", "streams", "learner", "deploy")
REGISTRY = ROOT / "streams" / "topics.py"

TOPIC_PLACES = frozenset({"topic", "source_topic", "topics"})
"""Parameters whose literal is a topic's name, whatever else the word means."""
TOPIC_CALLS = frozenset({"topic", "Source", "TopicPartition", "TP", "subscribe", "send_and_wait"})
"""Functions whose literal argument is a topic's name."""

HOSTS = re.compile(
    r"(?:\b(?:pypi|pythonhosted|npmjs|maven|debian|ubuntu|crates|conda|anaconda|yarnpkg|adoptium"
    r"|alpinelinux|sonatype|golang)\.(?:org|com|io|net)\b"
    r"|\bmaven\.(?:apache|google)\.|\b(?:repo1?|search)\.maven\.|\bdownload\.pytorch\.org\b"
    r"|\b(?:test|files|registry|mirrors?|proxy)\.(?:pypi|python|npm|go)[\w-]*\.\w+)"
)
HOMES = re.compile(r"(?<![\w./<>{}~-])/(?:work|root|(?:home|Users)/\w+)/")


def literals(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of the strings that name a topic.

    A name with a dot is a topic's wherever it stands. One that is also a word (`plans`) is meant
    where a topic is called for: `topic("plans")`, `BY_NAME["plans"]`, `topic == "plans"`.
    """
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=str(text)) if text in BY_NAME and "." in text:
                yield node.lineno, text
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                if name in TOPIC_CALLS:
                    yield from words(*node.args)
                yield from words(*(one.value for one in node.keywords if one.arg in TOPIC_PLACES))
            case ast.Subscript(value=ast.Name(id="BY_NAME") | ast.Attribute(attr="BY_NAME")):
                yield from words(node.slice)
            case ast.Compare(left=ast.Name(id=name) | ast.Attribute(attr=name)):
                if name in TOPIC_PLACES:
                    yield from words(*node.comparators)
            case ast.BinOp(op=ast.Add(), left=ast.Name(id="PREFIX" | "prefix"), right=right):
                yield from words(right)


def words(*nodes: ast.expr) -> Iterator[tuple[int, str]]:
    for node in nodes:
        for inner in ast.walk(node):
            match inner:
                case ast.Constant(value=str(text)) if text in BY_NAME and "." not in text:
                    yield inner.lineno, text


def committed() -> list[Path]:
    done = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        pytest.skip(f"not a checkout: {done.stderr.strip()}")
    files = (ROOT / name for name in done.stdout.split("\0") if name)
    return [file for file in files if file.is_file()]


def test_topics_are_named_in_the_registry_alone() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}: {text!r}, say {text.replace('.', '_').upper()}.name"
        for floor in FLOORS
        for file in sorted((ROOT / floor).rglob("*.py"))
        if file != REGISTRY
        for line, text in literals(file.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        'x = {"actions.approved": 1}',
        'settings.topic("plans")',
        'Source("telemetry", 3)',
        'DeadLettered(source_topic="alerts")',
        'BY_NAME["decisions"]',
        'topics.BY_NAME["decisions"]',
        'received.source.topic == "ledger"',
        'topic in ("ledger", "audit")',
        'name = PREFIX + "alerts"',
    ],
)
def test_a_topic_s_name_is_seen(line: str) -> None:
    assert len(list(literals(line))) >= 1


def test_a_word_is_no_topic() -> None:
    assert list(literals('state.copy(update={"plans": 1}); show("alerts", alerts)')) == []


def test_no_file_names_a_registry_or_a_developer_s_machine() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {told.group()}"
        for file in committed()
        for told in named(text_of(file))
    ]
    assert found == []


def text_of(file: Path) -> str:
    """Return a file's text; nothing for weights and other bytes."""
    content = file.read_bytes()
    return "" if b"\0" in content else content.decode()


def named(text: str) -> list[re.Match[str]]:
    return [*HOSTS.finditer(text), *HOMES.finditer(text)]


@pytest.mark.parametrize(
    "text",
    [
        "https://pypi" + ".org/simple",
        "files.python" + "hosted.org",
        "registry.npm" + "js.org",
        "https://repo1.ma" + "ven.org/maven2",
        "repo.ma" + "ven.apache.org",
        "deb.deb" + "ian.org",
        "download.py" + "torch.org",
        "proxy.go" + "lang.org",
        "cd /wo" + "rk/main",
        "'/ro" + "ot/.cache'",
        "=/ho" + "me/alice/aoi",
    ],
)
def test_a_registry_or_a_home_is_seen(text: str) -> None:
    assert named(text)
