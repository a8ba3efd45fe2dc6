"""`aoi audit` over a dump: exit codes, and each finding with its place, expected and actual."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agents.approval.audit import AuditChain, sign_head
from agents.approval.audit_finding import Place
from agents.approval.keyring import Purpose, write_keyring
from agents.approval.signing import SigningKey
from agents.contracts.audit import AuditKind
from agents.contracts.ids import IncidentId
from deploy.cli import audit as command
from streams.audit import Entry, dump, read_dump
from streams.topics import AUDIT, AUDIT_HEADS
from tests.builders import at

KEY = SigningKey(b"x" * 32)
WRITER = "executor/1"
LENGTH = 4
INTACT, BROKEN, UNREADABLE = 0, 1, 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a keyring and the dump of one chain with two heads."""
    write_keyring(tmp_path / "ring.json", (KEY.entry("executor", Purpose.AUDIT),))
    chain, entries = AuditChain(WRITER, KEY), []
    for number in range(LENGTH):
        incident = IncidentId(f"incident-{number % 2}")
        link = chain.append(AuditKind.ACT_INTENDED, incident, {"number": number}, at(number))
        place = Place(2, 10 + number)
        entries.append(Entry(topic=AUDIT.name, place=place, key=WRITER, time=at(number), fact=link))
        if number % 2:
            head = sign_head(link, KEY, at(number))
            place = Place(2, number)
            entries.append(
                Entry(topic=AUDIT_HEADS.name, place=place, key=WRITER, time=head.at, fact=head)
            )
    (tmp_path / "dump.jsonl").write_bytes(b"".join(dump(entries)))
    return tmp_path


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "dump.jsonl").read_text().splitlines()]


def rewrite(folder: Path, content: list[dict[str, Any]]) -> None:
    (folder / "dump.jsonl").write_text("".join(json.dumps(line) + "\n" for line in content))


def run(
    folder: Path, *words: str, dump_name: str = "dump.jsonl", columns: int = 250
) -> tuple[int, str]:
    ring = ["--keyring", str(folder / "ring.json")] if words[0] == "verify" else []
    words = (*words, "--file", str(folder / dump_name), *ring)
    result = CliRunner().invoke(command.app, words, env={"COLUMNS": str(columns)})
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout


def findings(folder: Path, *words: str) -> list[dict[str, Any]]:
    code, out = run(folder, "verify", "--json", *words)
    found: list[dict[str, Any]] = json.loads(out)["findings"]
    assert code == (BROKEN if found else INTACT)
    return found


def test_an_intact_dump_leaves_with_0(folder: Path) -> None:
    assert findings(folder) == []
    code, out = run(folder, "verify")
    assert code == INTACT
    assert "intact: 4 records in 1 chains; 0 records are newer" in out


def test_a_dump_survives_other_tools(folder: Path) -> None:
    """Blanks, the order of members and escapes are the JSON writer's own business."""
    spaced = [json.dumps(line, indent=None, sort_keys=True) for line in lines(folder)]
    (folder / "dump.jsonl").write_text("\n\n".join(spaced))
    assert findings(folder) == []


def test_a_changed_record_is_told_whole(folder: Path) -> None:
    content = lines(folder)
    content[1]["fact"]["record"]["number"] = 7
    was = content[1]["fact"]["hash"]
    rewrite(folder, content)
    (found,) = findings(folder)
    assert (found["kind"], found["writer"], found["index"]) == ("changed", WRITER, 1)
    assert (found["topic"], found["partition"], found["offset"]) == (AUDIT.name, 2, 11)
    assert found["actual"] == was
    assert found["expected"] != was
    _, out = run(folder, "verify")
    assert was in out
    assert was in run(folder, "verify", columns=80)[1]
    assert "BROKEN: 1 findings in 4 records in 1 chains" in out


def test_a_gap_and_a_cut_tail_are_told(folder: Path) -> None:
    whole = lines(folder)
    positions = [n for n, line in enumerate(whole) if line["topic"] == AUDIT.name]
    rewrite(folder, [line for n, line in enumerate(whole) if n != positions[2]])
    (gap,) = findings(folder)
    assert (gap["kind"], gap["index"], gap["offset"]) == ("gap", 2, 13)
    rewrite(folder, [line for n, line in enumerate(whole) if n != positions[3]])
    (cut,) = findings(folder)
    assert (cut["kind"], cut["index"], cut["offset"]) == ("truncated", 3, None)
    assert whole[positions[3]]["fact"]["hash"] in cut["expected"]


def test_a_tail_that_was_cut_with_its_heads_is_found_by_a_head_that_was_kept(folder: Path) -> None:
    whole = lines(folder)
    heads = [line for line in whole if line["topic"] == AUDIT_HEADS.name]
    (folder / "kept.jsonl").write_text(json.dumps(heads[-1]) + "\n")
    rewrite(folder, whole[:3])
    assert findings(folder) == []
    (cut,) = findings(folder, "--heads", str(folder / "kept.jsonl"))
    assert (cut["kind"], cut["index"]) == ("truncated", 2)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: {**line, "fact": {**line["fact"], "note": "added"}},
        lambda line: {**line, "fact": {**line["fact"], "hash": "short"}},
        lambda line: {**line, "fact": None},
        lambda line: {**line, "topic": AUDIT_HEADS.name},
        lambda line: {**line, "offset": "x"},
        lambda line: {**line, "time": "yesterday"},
        lambda line: {},
        lambda line: ["no object"],
    ],
)
def test_a_line_that_is_no_record_is_a_finding_with_its_line(folder: Path, spoil: Any) -> None:
    content = lines(folder)
    content[1] = spoil(content[1])
    rewrite(folder, content)
    found = {one["kind"]: one for one in findings(folder)}
    assert "line 2" in found["unreadable"]["expected"]
    assert found["gap"]["index"] == 1


@pytest.mark.parametrize("content", ["", "not JSON\n", '{"a": 1}\n'])
def test_what_is_no_dump_leaves_with_2(folder: Path, content: str) -> None:
    (folder / "other").write_text(content)
    assert run(folder, "verify", dump_name="other")[0] == UNREADABLE
    assert run(folder, "verify", dump_name="missing")[0] == UNREADABLE
    assert run(folder, "show", dump_name="missing")[0] == UNREADABLE
    (folder / "ring.json").write_text("{}")
    assert run(folder, "verify")[0] == UNREADABLE


def test_show_takes_an_incident_and_a_writer(folder: Path) -> None:
    def shown(*words: str) -> list[int]:
        _, out = run(folder, "show", "--json", *words)
        return [json.loads(line)["index"] for line in out.splitlines()]

    assert shown() == [0, 1, 2, 3]
    assert shown("--incident", "incident-1") == [1, 3]
    assert shown("--writer", "gate") == []
    assert shown("--writer", "executor", "--incident", "incident-0") == [0, 2]
    _, out = run(folder, "show")
    assert "act_intended" in out
    assert '{"number":3}' in out


def test_a_narrow_terminal_cuts_nothing(folder: Path) -> None:
    _, out = run(folder, "show", columns=80)
    for text in ("2026", "act_intended", f"{WRITER} #3", "number: 3"):
        assert text in out
    assert "…" not in out


def test_what_nothing_fits_is_told(folder: Path) -> None:
    for words in (("--incident", "nope"), ("--writer", "nope", "--json")):
        assert run(folder, "show", *words) == (BROKEN, "")


def test_an_export_says_how_much_it_wrote(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = read_dump(folder / "dump.jsonl")
    monkeypatch.setattr(command, "_entries", lambda *_: entries)
    for words, says in (
        ((), "4 records and 2 heads"),
        (("--heads-only",), "0 records and 2 heads"),
    ):
        done = CliRunner().invoke(command.app, ["export", "-o", str(folder / "out"), *words])
        assert (done.exit_code, done.stdout) == (0, "") and f"{says} in {folder}" in done.stderr


NODE = shutil.which("node")
EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "verify_audit.mjs"


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_example_says_how_to_call_it() -> None:
    done = subprocess.run([str(NODE), str(EXAMPLE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: node verify_audit.mjs DUMP.jsonl KEYRING.json")


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_another_language_finds_the_same(folder: Path) -> None:
    def told() -> str:
        words = [str(NODE), str(EXAMPLE), str(folder / "dump.jsonl"), str(folder / "ring.json")]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.stderr == ""
        assert done.returncode == (0 if done.stdout.startswith("0 findings") else 1)
        return done.stdout

    whole = lines(folder)
    assert told() == "0 findings in 4 records of 1 writers\n"
    rewrite(folder, [line for n, line in enumerate(whole) if n != 1])
    assert told().startswith(f"gap {WRITER} #1: expected this record, got record 2")
    rewrite(folder, [line for n, line in enumerate(whole) if n != 4])
    assert told().startswith(f"truncated {WRITER} #3")
    whole[1]["fact"]["record"]["number"] = 7.5
    rewrite(folder, whole)
    assert told().startswith(f"changed {WRITER} #1")
    whole[2]["fact"]["index"] = 2
    rewrite(folder, whole)
    assert f"forged_head {WRITER} #2" in told()
