"""Every rule that is there, found by its file: deleting a file deletes the rule."""

from importlib import import_module
from pathlib import Path

from learner.pretrain.rules.rule import Rule

_APART = frozenset({"__init__", "book", "rule"})

RULES: tuple[Rule, ...] = tuple(
    import_module(f"{__package__}.{path.stem}").RULE
    for path in sorted(Path(__file__).parent.glob("*.py"))
    if path.stem not in _APART
)
