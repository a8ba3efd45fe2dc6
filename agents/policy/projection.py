"""What a jsonpath, a column or a sort key may take out of an object.

Invariant: a value that may be a secret leaves beside its name, so that redaction knows it, or not
at all; no letter of the line's own is glued to a value; nothing is compared with one.
"""

import re

from agents.contracts.command import Command
from agents.policy.named import is_secret_name
from agents.policy.refusal import ReasonCode, Refusal

_FORMS = frozenset({"jsonpath", "jsonpath-as-json", "custom-columns"})
_BLOCK = re.compile(r"\{((?:[^{}'\"]|'[^']*'|\"[^\"]*\")*)\}")
# a variable with its name before it is redacted as in the output of `env`
_PAIR = re.compile(r"\{\.name\}(?:[=:] ?|\{\"[=:] ?\"\})\{\.value\}")
_VALUE = re.compile(r"(?<![\w-])value(?![\w-])")
_WILD = re.compile(r"\.\*|(?:\]|[{@])\[\*\]")
_ARGUMENTS = re.compile(
    r"(?<![\w-])(?:args|command)['\"\]]{0,2}(?:\[(?!\*\])|\[\*\]\[)"
    r"|range [^}]*(?<![\w-])(?:args|command)(?![\w-])"
)
_LAST = re.compile(r"(?<![\w-])(?P<name>[\w-]+)['\"]?\]?(?=[}\s,]|\Z)")
_OF_A_KIND = frozenset({"secret", "automountServiceAccountToken"})
"""Members that refer to a secret and hold none."""
_APART = "put a blank, a tab or a new line between them"
_ANYWAY = "-o jsonpath='{.spec.template.spec.containers[*].env}' shows names, and values as far"


def check_projection(command: Command) -> None:
    """Raise `Refusal` where a read takes values so that what they are does not show."""
    form, _, template = (command.flag("output") or "").partition("=")
    if form in _FORMS:
        if re.search(r"\\[\"']", template):
            raise _refused("what an escaped quote hides", "--output", "use the other quote")
        _check_path(_paths(form, _PAIR.sub("{.name}", template)), "--output")
    if form == "jsonpath":
        _check_glue(template)
    _check_path(command.flag("sort-by") or "", "--sort-by")


def _paths(form: str, template: str) -> str:
    """Return the paths of a template, each with a brace behind it, without its text."""
    if form == "custom-columns":
        return "}".join(column.partition(":")[2] for column in template.split(","))
    actions = [block[1].strip() for block in _BLOCK.finditer(template)]
    return "}".join(one for one in actions if _literal(one) is None) if actions else template


def _check_path(paths: str, flag: str) -> None:
    plain = paths.replace("\\", "")
    names = (found["name"] for found in _LAST.finditer(plain))
    if _VALUE.search(plain) or _WILD.search(plain):
        raise _refused("a value without its name", flag, f"{_ANYWAY} as they are no secret")
    if _ARGUMENTS.search(plain):
        raise _refused("an argument without the one before it", flag, "take args as a whole")
    if any(name not in _OF_A_KIND and is_secret_name(name) for name in names):
        raise _refused("the value of a name that says it is secret", flag, "leave that name out")


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
        action = block[1].strip()
        found.append((template[at : block.start()], None))
        if action != "end" and not action.startswith("range"):
            found.append(("", action))
        at = block.end()
    return [*found, (template[at:], None)] if found else []


def _literal(action: str) -> str | None:
    """Return what a quoted action prints, an unknown escape as a letter; None for a path."""
    if action[:1] not in {"'", '"'}:
        return None
    return re.sub(r"\\.?", "x", re.sub(r"\\[ntr]", " ", action[1:-1]))


def _refused(what: str, flag: str, hint: str) -> Refusal:
    return Refusal(ReasonCode.SECRET_VALUES, f"the output would show {what}", None, hint, flag)
