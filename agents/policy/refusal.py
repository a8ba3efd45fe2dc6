"""Refusals: why a line or an act is not taken, in words that a model can learn from.

Invariant: every refusal carries a `ReasonCode`; the message gives expected and actual, the place
where in the line, the hint the allowed way to the same fact where one exists. Whoever raises one
upholds it; `agents.policy.parse` gives a place to what has none.
"""

from dataclasses import dataclass
from enum import StrEnum


class ReasonCode(StrEnum):
    """Why something is refused; stable names, published in `telemetry` and `actions.refused`."""

    # the line as shell text
    EMPTY = "empty"
    TOO_LONG = "too_long"
    CONTROL_CHARACTER = "control_character"
    LOOKALIKE_CHARACTER = "lookalike_character"
    UNTERMINATED_QUOTE = "unterminated_quote"
    SEVERAL_COMMANDS = "several_commands"
    PIPELINE = "pipeline"
    BACKGROUND = "background"
    SUBSTITUTION = "substitution"
    EXPANSION = "expansion"
    GLOB = "glob"
    ESCAPE = "escape"
    COMMENT = "comment"
    REDIRECTION = "redirection"
    HERE_DOCUMENT = "here_document"
    ASSIGNMENT = "assignment"
    COMPOUND = "compound"
    AMBIGUOUS = "ambiguous"
    # the words as a command
    UNKNOWN_PROGRAM = "unknown_program"
    UNKNOWN_VERB = "unknown_verb"
    REFUSED_VERB = "refused_verb"
    UNKNOWN_FLAG = "unknown_flag"
    REFUSED_FLAG = "refused_flag"
    REPEATED_FLAG = "repeated_flag"
    BAD_FLAG_VALUE = "bad_flag_value"
    MISSING_FLAG = "missing_flag"
    UNKNOWN_KIND = "unknown_kind"
    BAD_NAME = "bad_name"
    MISSING_TARGET = "missing_target"
    BAD_OPERAND = "bad_operand"
    INNER_PROGRAM = "inner_program"
    INNER_ARGUMENT = "inner_argument"
    # the command as an act
    NOT_A_WRITE = "not_a_write"
    NOT_A_READ = "not_a_read"
    NO_TYPED_ACTION = "no_typed_action"
    SEVERAL_OBJECTS = "several_objects"
    MISSING_NAMESPACE = "missing_namespace"
    BAD_MANIFEST = "bad_manifest"
    SECRET_LITERAL = "secret_literal"  # noqa: S105 - a code, not a secret
    # the command or the act under policy
    SECRET_VALUES = "secret_values"  # noqa: S105 - a code, not a secret
    OUTPUT_TOO_WIDE = "output_too_wide"
    READ_NOT_ALLOWED = "read_not_allowed"
    NAMESPACE_NOT_MANAGED = "namespace_not_managed"
    POLICY_ERROR = "policy_error"
    POLICY_SILENT = "policy_silent"
    MISSING_FACT = "missing_fact"
    NEVER_ALLOWED = "never_allowed"


DOCUMENT = "<<"
"""What a refusal is about when it is about the here-document of a line."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a line something stands: offsets in characters, `end` not included."""

    start: int
    end: int


class Refusal(Exception):
    """A line or an act is refused; `code` is a `ReasonCode`, or the @id of a policy that denied.

    place: the offending text; None for an act that was refused without its line at hand.
    about: the offending word where its place is not known yet, `--NAME` for a flag, or `DOCUMENT`.
    """

    def __init__(
        self,
        code: ReasonCode | str,
        message: str,
        place: Place | None = None,
        hint: str | None = None,
        about: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code: str = code
        self.message = message
        self.place = place
        self.hint = hint
        self.about = about

    @property
    def position(self) -> int | None:
        """Offset of the first offending character."""
        return None if self.place is None else self.place.start

    def __str__(self) -> str:
        where = "" if self.position is None else f" (at character {self.position})"
        hint = "" if self.hint is None else f" Instead: {self.hint}"
        return f"{self.code}: {self.message}{where}.{hint}"
