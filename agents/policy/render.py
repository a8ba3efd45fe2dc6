"""Rebuilds what runs from a `Command` alone: an argv for the kernel, a line for the reader.

Invariant: `parse(line_of(command)) == command`, and the argv holds no word that `parse` did not
recognise. A property test over generated commands upholds it.
"""

import re

from agents.contracts.command import Command
from agents.policy.flags import flag_of
from agents.policy.verbs import VERBS, Shape

_PLAIN = re.compile(r"[A-Za-z0-9_./:=@,+%^-]+")


def render(command: Command) -> list[str]:
    """Return the argv, to be run without a shell and with `command.stdin` as its input."""
    key = f"{command.program} {command.verb}"
    argv = [*key.split(), *_targets(command, VERBS[key].shape), *command.operands]
    if command.stdin is not None:
        argv += ["-f", "-"]
    if command.namespace is not None:
        argv.append(f"--namespace={command.namespace}")
    if command.all_namespaces:
        argv.append("--all-namespaces")
    for flag in command.flags:
        alone = flag_of(key, flag.name).is_switch and flag.value == "true"
        argv.append(f"--{flag.name}" if alone else f"--{flag.name}={flag.value}")
    if command.inner:
        argv += ["--", *command.inner]
    return argv


def line_of(command: Command) -> str:
    """Return the command as one line (and its here-document) that `parse` reads back."""
    line = " ".join(quote(word) for word in render(command))
    if command.stdin is None:
        return line
    tag = "EOF"
    while re.search(rf"^{tag}$", command.stdin, re.MULTILINE):
        tag += "_"
    return f"{line} <<'{tag}'\n{command.stdin}{tag}\n"


def quote(word: str) -> str:
    """Return a word as a shell would have to read it, in single quotes where it is not plain."""
    if _PLAIN.fullmatch(word):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"


def _targets(command: Command, shape: Shape) -> list[str]:
    kinds = list(dict.fromkeys(target.kind for target in command.targets))
    names = [target.name for target in command.targets if target.name is not None]
    if not kinds:
        return []
    if not names:
        return [",".join(kinds)]
    if shape is Shape.RELEASE:
        return names
    if len(kinds) == 1 and shape is Shape.KINDS:
        return [kinds[0], *names]
    return [f"{target.kind}/{target.name}" for target in command.targets]
