"""The border of an environment: all that a cluster says passes here, and leaves without secrets.

    lab or cluster --Output--> Border (redact; values of Secrets as keyed digests) --> handles

Invariant: every text of every handle is redacted here and nowhere later, before a topic, a model,
a log or a sample sees it. Values of Secrets are read to be hashed, in the environment's own
process, under a key that is drawn for this object; neither they nor the key leave it.
"""

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from agents.contracts.action import Action, Preview, Touched
from agents.contracts.command import Command
from agents.environments.protocol import ActionRejected, ObjectMoved, Output
from agents.policy.digests import SecretDigests, hidable
from agents.policy.redact import redact

KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidential:
    """What a border must know of a cluster to clean its texts.

    version: changes whenever the rest does. secrets: the decoded data of each Secret. names: the
    namespace's objects, which its outputs show. services: those whose names stand in logs.
    """

    version: object
    secrets: tuple[Mapping[str, str], ...] = field(repr=False)
    names: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()


class Served(Protocol):
    """An environment behind its border: texts as they are."""

    def read(self, command: Command) -> Output:
        """Run a read."""
        ...

    def act(self, action: Action | Command) -> Output:
        """Do an action, or a write that a game in a lab allows."""
        ...

    def preview(self, action: Action) -> Preview:
        """Dry-run an action; raises `ActionRejected`."""
        ...

    def versions(self, touched: tuple[Touched, ...]) -> tuple[Touched, ...]:
        """Return present versions."""
        ...

    def verify(self, action: Action) -> tuple[bool, str]:
        """Return whether what the action touched is healthy, and a sentence."""
        ...

    def confidential(self) -> Confidential:
        """Return what must not be told, to be hashed at once."""
        ...


class Border:
    """The same environment, seen from outside."""

    def __init__(self, environment: Served) -> None:
        self.environment = environment
        self._key = secrets.token_bytes(KEY_BYTES)
        self._version: object = None
        self._known = SecretDigests.of(self._key, ())
        self._services: frozenset[str] = frozenset()

    def read(self, command: Command) -> Output:
        """Run a read."""
        with self._clean_refusal():
            return self._clean(_whole_lines(command, self.environment.read(command)))

    def act(self, action: Action | Command, touched: tuple[Touched, ...] | None = None) -> Output:
        """Do an action; what it replaced is still hidden in what is said of it.

        touched: versions that must be the present ones, else `ObjectMoved` is raised. Nothing else
        runs between this look and the act: an environment answers one call at a time.
        """
        if touched is not None and self.environment.versions(touched) != touched:
            names = ", ".join(f"{one.kind}/{one.name}" for one in touched)
            raise ObjectMoved(f"not as it was when this was decided: {names}")
        self._learn()
        before = self._known
        with self._clean_refusal():
            output = self.environment.act(action)
        text, count = before.hide(output.text)
        cleaned = self._clean(replace(output, text=text))
        return replace(cleaned, redactions=(cleaned.redactions or 0) + count)

    def preview(self, action: Action) -> Preview:
        """Dry-run an action; a rollback that holds a secret is withheld: it can't be undone."""
        with self._clean_refusal():
            shown = self.environment.preview(action)
        rollback = shown.rollback
        if rollback is not None and self._hidden(rollback.model_dump_json())[1]:
            rollback = None
        diff = self._hidden(shown.diff)[0]
        changed = shown.changed and tuple(map(self._named, shown.changed))
        return shown.model_copy(update={"diff": diff, "rollback": rollback, "changed": changed})

    def versions(self, touched: tuple[Touched, ...]) -> tuple[Touched, ...]:
        """Return present versions."""
        return self.environment.versions(touched)

    def verify(self, action: Action) -> tuple[bool, str]:
        """Return whether what the action touched is healthy, and a sentence."""
        with self._clean_refusal():
            healthy, detail = self.environment.verify(action)
        return healthy, self._hidden(detail)[0]

    @contextlib.contextmanager
    def _clean_refusal(self) -> Iterator[None]:
        """Let the API server's refusal through in words that hold no secret."""
        try:
            yield
        except ActionRejected as error:
            raise ActionRejected(self._hidden(str(error))[0]) from None

    def _clean(self, output: Output) -> Output:
        text, count = self._hidden(output.text)
        return replace(output, text=text, redactions=count)

    def _named(self, member: str) -> str:
        """Return a member's name; one of letters alone is the API's, and policy must know it."""
        return member if member.isalpha() else self._hidden(member)[0]

    def _hidden(self, text: str) -> tuple[str, int]:
        self._learn()
        found = redact(text, self._known, self._services)
        return found.text, found.count

    def _learn(self) -> None:
        """Hash the values of Secrets anew where the cluster has others than before."""
        told = self.environment.confidential()
        if told.version == self._version:
            return
        values = {one for data in told.secrets for one in hidable(data, told.names)}
        self._known = SecretDigests.of(self._key, values)
        self._services, self._version = told.services, told.version


def _whole_lines(command: Command, output: Output) -> Output:
    """Return a log without the line that --limit-bytes cut: it may end within a secret."""
    if command.flag("limit-bytes") is None or output.exit_code:
        return output
    return replace(output, text=output.text[: output.text.rfind("\n") + 1])
