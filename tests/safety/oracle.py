"""What must hold of any text at all, whoever made it: hypothesis, atheris or a test.

Invariant: `check` raises on the first input that is neither refused with its place nor read the
same way by three readers (ours, tree-sitter-bash within it, and `shlex`).
"""

import re
import shlex

from agents.contracts.command import Access, Command
from agents.policy.actions import action_of, command_of
from agents.policy.parse import access_of, parse
from agents.policy.refusal import ReasonCode, Refusal
from agents.policy.render import line_of, render
from agents.policy.shell import split
from tests.safety.judge import DENY, MANAGED, NAMESPACE, circumstances, shipped

# what bash removes inside double quotes and shlex keeps
_SHLEX_KEEPS = re.compile(r"\\[$`\n]")


def check(line: str) -> Command | None:
    """Return the command of a line, None if it is refused; raises `AssertionError` on a defect."""
    try:
        command = parse(line, NAMESPACE)
    except Refusal as refusal:
        _check_refusal(line, refusal)
        return None
    _check_reading(line, command)
    assert parse(line_of(command)) == command
    if access_of(command) is Access.WRITE:
        _check_act(command)
    else:
        shipped().may_read(command, MANAGED)
    return command


def _check_refusal(line: str, refusal: Refusal) -> None:
    assert refusal.code in set(ReasonCode)
    assert refusal.place is not None
    assert 0 <= refusal.place.start <= refusal.place.end <= len(line)
    assert str(refusal)


def _check_reading(line: str, command: Command) -> None:
    """Check that every word which will run was written so in the line."""
    words = [word.text for word in split(line).words]
    if command.stdin is None and not _SHLEX_KEEPS.search(line):
        assert shlex.split(line) == words
    argv = render(command)
    assert argv[0] == words[0]
    if command.inner:
        inner = words[words.index("--") + 1 :]
        if inner[0] == "wget" and "--max-redirect=0" not in inner:  # the one word that we add
            inner.insert(1, "--max-redirect=0")
        runs = argv[argv.index("--") + 1 :]
        if inner[0] == "curl":  # and the one line's end: what is written out stands not by the body
            runs = [_without_end(*pair) for pair in zip(runs, inner, strict=True)]
        assert runs == inner
    written = "\0".join(words)
    values = [*command.operands, *(flag.value for flag in command.flags if flag.value != "true")]
    values += [target.name for target in command.targets if target.name is not None]
    assert all(value in written for value in values)
    assert command.namespace in {None, NAMESPACE} or command.namespace in written
    assert command.stdin is None or command.stdin in line


def _without_end(runs: str, said: str) -> str:
    """Return the word of a format without the line's end that stands before it when it runs."""
    return said if said.startswith("%") and runs == rf"\n{said}" else runs


def _check_act(command: Command) -> None:
    try:
        action = action_of(command)
        again = command_of(action)
    except Refusal:
        return
    assert action_of(again) == action
    verdict = shipped().decide(action, circumstances())
    if action.type in {"RunMongoRepair", "HelmRollback", "PatchResource", "ApplyManifest"}:
        assert verdict.ruling is DENY or verdict.reason != "restart_or_rollback"
