"""Every rule that is there, found by its file: deleting a file deletes the rule.

Invariant: importing this module loads split A's rules and no others; `every_rule` loads the rest
when it is called, and none are missed where their folder is gone.
"""

from importlib import import_module
from pathlib import Path

from learner.pretrain.rules.rule import Rule

_APART = frozenset({"__init__", "book", "rule"})
_HERE = Path(__file__).parent


def _rules_in(folder: Path, package: str) -> tuple[Rule, ...]:
    return tuple(
        import_module(f"{package}.{path.stem}").RULE
        for path in sorted(folder.glob("*.py"))
        if path.stem not in _APART
    )


RULES: tuple[Rule, ...] = _rules_in(_HERE, f"{__package__}")


def withheld_rules() -> tuple[Rule, ...]:
    """Return the rules of the families whose demonstrations are withheld."""
    return _rules_in(_HERE / "withheld", f"{__package__}.withheld")


def review_rules() -> tuple[Rule, ...]:
    """Return the rules of reviews in the order in which they are asked."""
    folder = _HERE / "withheld" / "review"
    found = (
        getattr(import_module(f"{__package__}.withheld.review.{path.stem}"), "RULE", None)
        for path in sorted(folder.glob("*.py"))
        if path.stem not in _APART
    )
    rules = [rule for rule in found if rule is not None]
    return tuple(sorted(rules, key=lambda rule: rule.rank))


def every_rule() -> tuple[Rule, ...]:
    """Return the rules of all families, for measuring; demonstrations use `RULES`.

    The withheld ones stand first: theirs are the more particular signs.
    """
    return (*withheld_rules(), *RULES, *review_rules())
