"""What a model is told of a refused line: expected, actual, the place, and the way out, in full.

A model learns from these words, so a change of them is a decision: `python -m
tests.safety.test_refusal_words` writes the file anew, and the difference is there to be read.
"""

import json
from pathlib import Path

import pytest

from agents.policy.parse import parse
from agents.policy.reads import check_read
from agents.policy.refusal import Refusal
from tests.safety.judge import MANAGED, NAMESPACE, refusal, shipped

FILE = Path(__file__).parent / "fixtures" / "refusals.json"
TOLD: dict[str, list[str]] = json.loads(FILE.read_text())


def told(line: str) -> list[str]:
    """Return the refusal as text, and the words of the line that it points at.

    Of a read that only policy refuses, the flag that it is about.
    """
    refused = refusal(line)
    if refused is None:
        with pytest.raises(Refusal) as caught:
            check_read(parse(line, NAMESPACE), MANAGED, shipped().rules.limits.reads.paths)
        return [str(caught.value), caught.value.about or ""]
    assert refused.place is not None, line
    return [str(refused), line[refused.place.start : refused.place.end]]


@pytest.mark.parametrize("line", TOLD, ids=lambda line: repr(line)[:60])
def test_a_refusal_says_what_was_expected_where_and_what_to_do_instead(line: str) -> None:
    assert told(line) == TOLD[line]


if __name__ == "__main__":
    FILE.write_text(json.dumps({line: told(line) for line in TOLD}, indent=1) + "\n")
