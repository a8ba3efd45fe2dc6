"""A kubectl or helm line as a typed value: what is left once a line has been understood.

Invariant: nothing that runs is text from a model. `agents.policy.parse` makes a `Command` or
refuses; `agents.policy.render` rebuilds the argv from the `Command` alone.
"""

from enum import StrEnum
from typing import Literal

from agents.contracts.model_base import Order


class Access(StrEnum):
    """What a verb does to the cluster."""

    READ = "read"
    WRITE = "write"


class Target(Order):
    """One resource that a command names; `name` is None for all of a kind.

    `kind` is the canonical lower-case plural, such as `deployments` or `configmaps`.
    """

    kind: str
    name: str | None = None


class Flag(Order):
    """One flag under its canonical long name without dashes; a switch has the value `true`."""

    name: str
    value: str


class Command(Order):
    """One parsed command.

    verb: words joined by one blank, such as `get`, `rollout status`, `set image`.
    operands: positional words that are no resource: `container=image`, `KEY=VALUE`, `label=x`.
    inner: the argv after `--` of an exec. stdin: a manifest given by here-document.
    flags: sorted by name, without the namespace.
    """

    program: Literal["kubectl", "helm"]
    verb: str
    targets: tuple[Target, ...] = ()
    namespace: str | None = None
    all_namespaces: bool = False
    flags: tuple[Flag, ...] = ()
    operands: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()
    stdin: str | None = None

    def flag(self, name: str) -> str | None:
        """Return the value of the flag with this long name, or None."""
        return next((flag.value for flag in self.flags if flag.name == name), None)

    @property
    def name(self) -> str | None:
        """The name of the first target, if it has one."""
        return self.targets[0].name if self.targets else None

    @property
    def kind(self) -> str | None:
        """The kind of the first target, if there is one."""
        return self.targets[0].kind if self.targets else None
