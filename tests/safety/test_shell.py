"""Attack table, row Shell: no line that a shell would read otherwise ever becomes a command."""

import pytest

from agents.policy.parse import parse
from agents.policy.refusal import Refusal
from agents.policy.render import line_of
from agents.policy.shell import MAX_DOCUMENT, MAX_LINE, split


@pytest.mark.parametrize("keyword", ["if", "then", "else", "for", "do", "done", "while", "{", "!"])
def test_a_keyword_of_the_shell_never_starts_a_command(keyword: str) -> None:
    with pytest.raises(Refusal):
        parse(f"{keyword} kubectl get pods", "hotel-1")


def test_an_argument_keeps_every_character_that_quotes_protect() -> None:
    line = split('kubectl \'a|b;c&d$e`f\' "x>y<z*" \'it\'"\'"\'s\' "\\"q\\""')
    assert [word.text for word in line.words] == [
        "kubectl",
        "a|b;c&d$e`f",
        "x>y<z*",
        "it's",
        '"q"',
    ]


def test_a_here_document_is_taken_literally_when_its_tag_is_quoted() -> None:
    line = split("kubectl apply -f - <<'EOF'\na: $HOME `id`\nEOF\n")
    assert line.document == "a: $HOME `id`\n"


def test_a_here_document_has_an_end() -> None:
    body = "a: b\n" * (MAX_DOCUMENT // 5 + 1)
    with pytest.raises(Refusal) as caught:
        split(f"kubectl apply -f - <<'EOF'\n{body}EOF\n")
    assert caught.value.code == "too_long"


def test_a_refusal_says_where_and_what_instead() -> None:
    with pytest.raises(Refusal) as caught:
        split("kubectl get pods | grep geo")
    assert caught.value.position == 17
    assert "-l" in (caught.value.hint or "")


@pytest.mark.parametrize("filler", ["a", "é", "語"])
def test_a_line_ends_at_4_kib(filler: str) -> None:
    def line(size: int) -> str:
        head = 'kubectl patch services/x --namespace=hotel-1 \'--patch={"a":"'  # as written out
        room = size - len(head) - len("\"}'")
        width = len(filler.encode())
        return head + filler * (room // width) + "a" * (room % width) + "\"}'"

    assert len(line(MAX_LINE).encode()) == MAX_LINE == 4096
    command = parse(line(MAX_LINE), "hotel-1")
    assert line_of(command) == line(MAX_LINE)
    with pytest.raises(Refusal) as caught:
        parse(line(MAX_LINE + 1), "hotel-1")
    assert caught.value.code == "too_long"
