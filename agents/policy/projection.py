"""What a jsonpath, a column or a sort key may take out of an object.

Invariant: a value that may be a secret leaves beside its name, so that redaction knows it, or not
at all; no letter of the line's own is glued to a value; nothing is compared with one. A path that
`agents.policy.paths` can't read is refused.
"""

import re

from agents.contracts.command import Command
from agents.policy.named import is_secret_name
from agents.policy.paths import FORMS, Step, relaxed, steps_of
from agents.policy.refusal import ReasonCode, Refusal

_FORMS = frozenset({"jsonpath", "jsonpath-as-json", "custom-columns"})
_BLOCK = re.compile(r"\{((?:[^{}'\"]|'[^']*'|\"[^\"]*\")*)\}")
# a variable with its name before it is redacted as in the output of `env`
_PAIR = re.compile(r"\{\.name\}(?:[=:] ?|\{\"[=:] ?\"\})\{\.value\}")
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_VALUE = re.compile(r"(?<![\w-])value(?![\w-])", re.IGNORECASE)
_ARGUMENTS = re.compile(r"(?<![\w-])(?:args|command)(?![\w-])", re.IGNORECASE)
_REFERRING = frozenset(
    {"automountServiceAccountToken", "imagePullSecrets", "secretName", "secretRef", "secretKeyRef"}
)
"""Members that refer to a secret and hold none."""
_AFTER = {
    "secret": frozenset({"volumes", "sources"}),
    "serviceAccountToken": frozenset({"sources"}),
    "secrets": frozenset({"", "items"}),
}
"""Members that refer to one behind these names; elsewhere, as in a config map, they may hold it."""
_WHOLE, _LISTED = frozenset({""}), frozenset({"", "*"})
_APART = "put a blank, a tab or a new line between them"
_ANYWAY = "-o jsonpath='{.spec.template.spec.containers[*].env}' shows names, and values as far"


def check_projection(command: Command) -> None:
    """Raise `Refusal` where a read takes values so that what they are does not show."""
    form, _, template = (command.flag("output") or "").partition("=")
    if form in _FORMS and re.search(r"\\[\"']", template):
        raise _refused("what an escaped quote hides", "--output", "use the other quote")
    if form == "custom-columns":
        for column in template.split(","):
            _check_path(relaxed(column.partition(":")[2]), "--output", _WHOLE)
    elif form in _FORMS:
        _check_template(_PAIR.sub("{.name}", template))
    if form == "jsonpath":
        _check_glue(template)
    key = command.flag("sort-by")
    if key is not None:
        _check_path(relaxed(key), "--sort-by", frozenset())


def _check_template(template: str) -> None:
    """Refuse what the paths of a template may not take, and a brace that opens no action."""
    if "{" not in template:
        _check_path(relaxed(template), "--output", _LISTED)
    elif "{" in _BLOCK.sub("", template):
        raise _unread(template, "--output")
    for block in _BLOCK.finditer(template):
        action = block[1].strip(" ")
        if action.startswith("range"):
            _check_path(action.removeprefix("range").lstrip(" "), "--output", frozenset())
        elif action != "end" and _literal(action) is None:
            _check_path(action, "--output", _LISTED)


def _check_path(path: str, flag: str, whole: frozenset[str]) -> None:
    """Refuse a path by its form, then by what it takes.

    whole: the brackets that keep an argument beside the one before it.
    """
    steps = steps_of(path)
    if steps is None:
        raise _unread(path, flag)
    _check_steps(steps, flag, whole)
    for step in steps:
        _check_steps(step.compared, flag, frozenset())


def _check_steps(steps: tuple[Step, ...], flag: str, whole: frozenset[str]) -> None:
    if any(_VALUE.search(step.name) for step in steps):
        raise _refused("a value without its name", flag, f"{_ANYWAY} as they are no secret")
    if any(_ARGUMENTS.search(step.name) and step.bracket not in whole for step in steps):
        raise _refused("an argument without the one before it", flag, "take args as a whole")
    before = ""
    for at, step in enumerate(steps, 1):
        shown = at == len(steps) or step.bracket
        if shown and is_secret_name(step.name) and not _refers(before, step):
            raise _refused(
                "the value of a name that says it is secret", flag, "leave that name out"
            )
        before = step.name


def _refers(before: str, step: Step) -> bool:
    """Return whether a member behind another one only refers to a secret."""
    in_place = not step.deep and before in _AFTER.get(step.name, ())
    return in_place or step.name in _REFERRING


def _check_glue(template: str) -> None:
    """Refuse a template that would print a letter, or another value, directly beside a value."""
    before, of_value = " ", False
    for text, action in _pieces(template):
        shown = text if action is None else _literal(action)
        if shown is None:
            if of_value or before.isalnum():
                raise _refused("text or a value glued to a value", "--output", _APART)
            of_value = True
        elif shown:
            if of_value and shown[0].isalnum():
                raise _refused("text glued to a value", "--output", _APART)
            before, of_value = shown[-1], False


def _pieces(template: str) -> list[tuple[str, str | None]]:
    """Return text and actions of a template in order; `{range}` and `{end}` print nothing."""
    found: list[tuple[str, str | None]] = []
    at = 0
    for block in _BLOCK.finditer(template):
        action = block[1].strip(" ")
        found.append((template[at : block.start()], None))
        if action != "end" and not action.startswith("range"):
            found.append(("", action))
        at = block.end()
    return [*found, (template[at:], None)] if found else []


def _literal(action: str) -> str | None:
    """Return what a quoted action prints, an unknown escape as a letter; None for a path."""
    if _QUOTED.fullmatch(action) is None:
        return None
    return re.sub(r"\\.?", "x", re.sub(r"\\[ntr]", " ", action[1:-1]))


def _unread(path: str, flag: str) -> Refusal:
    shown = f"policy can't tell what {path[:80]!r} would show"
    return Refusal(ReasonCode.SECRET_VALUES, shown, None, FORMS, flag)


def _refused(what: str, flag: str, hint: str) -> Refusal:
    return Refusal(ReasonCode.SECRET_VALUES, f"the output would show {what}", None, hint, flag)
