"""Dual-timescale memory: one line a past step, and the last observation in full.

At step n the prompt holds the summaries of steps 1..n-2 and the compressed text of step n-1
(AOI paper, section 3.2). Invariant: only compressed, redacted text ever enters.
"""

from pydantic import BaseModel, ConfigDict


class PastStep(BaseModel):
    """A step whose text is gone: its line and what the model said that it showed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    line: str
    summary: str


class LastStep(BaseModel):
    """The newest step, with its text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    line: str
    text: str
    exit_code: int = 0
    refusal: str | None = None


class Memory(BaseModel):
    """What the Observer knows of an incident's steps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    past: tuple[PastStep, ...] = ()
    last: LastStep | None = None

    def learned(self, summary: str, *, keep: int) -> "Memory":
        """Return the memory once the last text has been summarised; `keep` bounds the lines."""
        if self.last is None:
            return self
        past = (*self.past, PastStep(line=self.last.line, summary=summary))
        return Memory(past=past[-keep:] if keep else (), last=None)

    def saw(self, last: LastStep) -> "Memory":
        """Return the memory with a new last step."""
        return self.model_copy(update={"last": last})
