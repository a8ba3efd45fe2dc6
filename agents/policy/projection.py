"""What a jsonpath, a column or a sort key may take out of an object.

Invariant: a value that may be a secret leaves beside its name, so that redaction knows it, or not
at all; nothing that may hide it stands beside a value (`agents.policy.glue`); no comparison tells
of one, and no order of texts of any. A path that `agents.policy.paths` can't read is refused.
"""

import re

from agents.contracts.command import Command
from agents.policy.glue import BLOCK, is_glued, literal
from agents.policy.inner import says_secret
from agents.policy.paths import FORMS, Step, relaxed, steps_of
from agents.policy.refusal import ReasonCode, Refusal

_FORMS = frozenset({"jsonpath", "jsonpath-as-json", "custom-columns"})
# a variable with its name before it is redacted as in the output of `env`
_PAIR = re.compile(r"\{\.name\}(?:[=:] ?|\{\"[=:] ?\"\})\{\.value\}")
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
_HOLDING = frozenset({"data", "stringdata", "binarydata", "annotations"})
"""Members whose own members may hold a secret under any name."""
_DATED = re.compile(r"[A-Za-z]*(?:Time|Timestamp)")
_COMPARED_LABEL = re.compile(r"(?P<key>[\w./-]++) *+(?:!?=|(?:in|notin)\b)")
_WHOLE, _LISTED = frozenset({""}), frozenset({"", "*"})
_APART = "put a blank, a comma or a new line between them, also at the end of a {range}"
_SHUT = "the value of a name that says it is secret"
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
    if form == "jsonpath" and is_glued(template):
        raise _refused("text or a value glued to a value", "--output", _APART)
    _check_labels(command)
    key = command.flag("sort-by")
    if key is not None:
        _check_path(relaxed(key), "--sort-by", frozenset())


def _check_template(template: str) -> None:
    """Refuse what the paths of a template may not take, and a brace that opens no action."""
    if "{" not in template:
        _check_path(relaxed(template), "--output", _LISTED)
    elif "{" in BLOCK.sub("", template):
        raise _unread(template, "--output")
    for block in BLOCK.finditer(template):
        action = block[1].strip(" ")
        if action.startswith("range"):
            _check_path(action.removeprefix("range").lstrip(" "), "--output", frozenset())
        elif action != "end" and literal(action) is None:
            _check_path(action, "--output", _LISTED)


def _check_path(path: str, flag: str, whole: frozenset[str]) -> None:
    """Refuse a path by its form, then by what it takes.

    whole: the brackets that keep an argument beside the one before it.
    """
    steps = steps_of(path)
    if steps is None:
        raise _unread(path, flag)
    _check_steps(steps, flag, whole)
    held = False
    for step in steps:
        _check_steps(step.compared, flag, frozenset(), step.name)
        held = held or step.name.lower() in _HOLDING
        if step.operator:
            _check_comparison(step, flag, held=held)


def _check_comparison(step: Step, flag: str, *, held: bool) -> None:
    """Refuse a comparison that would tell of a value, bit by bit, what no output shows.

    held: it stands below what may hold a secret under any name.
    """
    if held or any(name.name.lower() in _HOLDING for name in step.compared):
        raise _refused("what is in data or annotations, by a comparison", flag, "take it whole")
    ordered = "=" not in step.operator or step.operator in {"<=", ">="}
    if ordered and step.literal[:1] in {"'", '"'} and not _DATED.fullmatch(step.compared[-1].name):
        raise _refused("a text, by what comes before it", flag, "compare texts with == or !=")


def _check_labels(command: Command) -> None:
    """Refuse labels that a table would show, or a selector compare, by a secret's name."""
    columns = (command.flag("label-columns") or "").split(",")
    compared = [found["key"] for found in _COMPARED_LABEL.finditer(command.flag("selector") or "")]
    for flag, keys in (("--label-columns", columns), ("--selector", compared)):
        if any(map(says_secret, keys)):
            raise _refused(_SHUT, flag, "leave that label out")


def _check_steps(
    steps: tuple[Step, ...], flag: str, whole: frozenset[str], before: str = ""
) -> None:
    """Refuse names that part a value from its name; before: what a filter stands behind."""
    if any(_VALUE.search(step.name) for step in steps):
        raise _refused("a value without its name", flag, f"{_ANYWAY} as they are no secret")
    if any(_ARGUMENTS.search(step.name) and step.bracket not in whole for step in steps):
        raise _refused("an argument without the one before it", flag, "take args as a whole")
    for at, step in enumerate(steps, 1):
        shown = at == len(steps) or step.bracket or step.beside
        if shown and says_secret(step.name) and not _refers(before, step):
            raise _refused(_SHUT, flag, "leave that name out")
        before = before if step.beside else step.name


def _refers(before: str, step: Step) -> bool:
    """Return whether a member behind another one only refers to a secret."""
    in_place = not step.deep and before in _AFTER.get(step.name, ())
    return in_place or step.name in _REFERRING


def _unread(path: str, flag: str) -> Refusal:
    shown = f"policy can't tell what {path[:80]!r} would show"
    return Refusal(ReasonCode.SECRET_VALUES, shown, None, FORMS, flag)


def _refused(what: str, flag: str, hint: str) -> Refusal:
    return Refusal(ReasonCode.SECRET_VALUES, f"the output would show {what}", None, hint, flag)
