"""Splits one line into literal words, or refuses it; no shell ever runs.

Invariant: two independent readers agree on every accepted line: the scanner here, which knows
literal characters only, and tree-sitter-bash, which must see one simple command with words at the
same places. The tree never contributes text: it confirms, and it names what was refused.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from agents.policy.refusal import Place, ReasonCode, Refusal

MAX_LINE = 4096
"""The bytes of a line, in UTF-8; a here-document has a limit of its own."""
MAX_DOCUMENT = 65_536
QUOTE_IT = "put the word into single quotes"
CLOSE_IT = "close the quote; a quote in a word is written '\"'\"'"

_PIECE = re.compile(
    r"(?P<blank>[ \t]+)"
    r"|(?P<bare>[A-Za-z0-9_./:=@,+%^!{}-]+)"
    r"|'(?P<single>[^']*)'"
    r'|"(?P<double>(?:[^"\\$`]|\\[\s\S])*)"'
)
# the commonest piece by far: a whole word without a quote, and no brace in it
_WHOLE = re.compile(r"[ \t]*([A-Za-z0-9_./:=@,+%^!-]+)(?=[ \t]|\Z)")
_HEREDOC = re.compile(
    r"<<[ \t]*(?P<quote>['\"]?)(?P<tag>[A-Za-z_][A-Za-z0-9_]{0,31})(?P=quote)(?=[ \t\n]|\Z)"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_UNESCAPE = re.compile(r"\\([$`\"\\\n])")
_INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})

# what an unquoted character means to a shell, by the first one that is no literal
_MEANING: dict[str, tuple[ReasonCode, str]] = {
    "|": (ReasonCode.PIPELINE, "a pipe"),
    ";": (ReasonCode.SEVERAL_COMMANDS, "a command separator"),
    "&": (ReasonCode.BACKGROUND, "a background or list operator"),
    "$": (ReasonCode.EXPANSION, "an expansion"),
    "`": (ReasonCode.SUBSTITUTION, "a command substitution"),
    "<": (ReasonCode.REDIRECTION, "a redirection"),
    ">": (ReasonCode.REDIRECTION, "a redirection"),
    "*": (ReasonCode.GLOB, "a glob"),
    "?": (ReasonCode.GLOB, "a glob"),
    "[": (ReasonCode.GLOB, "a glob"),
    "]": (ReasonCode.GLOB, "a glob"),
    "~": (ReasonCode.EXPANSION, "a home directory"),
    "\\": (ReasonCode.ESCAPE, "an escape"),
    "#": (ReasonCode.COMMENT, "a comment"),
    "(": (ReasonCode.COMPOUND, "a subshell"),
    ")": (ReasonCode.COMPOUND, "a subshell"),
}
# the more precise name, where the tree knows one
_NODES: dict[str, tuple[ReasonCode, str]] = {
    "pipeline": (ReasonCode.PIPELINE, "a pipe"),
    "command_substitution": (ReasonCode.SUBSTITUTION, "a command substitution"),
    "process_substitution": (ReasonCode.SUBSTITUTION, "a process substitution"),
    "arithmetic_expansion": (ReasonCode.EXPANSION, "an arithmetic expansion"),
    "simple_expansion": (ReasonCode.EXPANSION, "a variable"),
    "expansion": (ReasonCode.EXPANSION, "a variable"),
    "ansi_c_string": (ReasonCode.ESCAPE, "an ANSI-C string"),
    "brace_expression": (ReasonCode.EXPANSION, "a brace expansion"),
    "herestring_redirect": (ReasonCode.REDIRECTION, "a here-string"),
    "heredoc_redirect": (ReasonCode.HERE_DOCUMENT, "a here-document of an unknown form"),
    "file_redirect": (ReasonCode.REDIRECTION, "a redirection"),
    "list": (ReasonCode.SEVERAL_COMMANDS, "a list of commands"),
    "variable_assignment": (ReasonCode.ASSIGNMENT, "a variable assignment"),
    "function_definition": (ReasonCode.COMPOUND, "a function"),
    "subshell": (ReasonCode.COMPOUND, "a subshell"),
    "compound_statement": (ReasonCode.COMPOUND, "a group"),
    "for_statement": (ReasonCode.COMPOUND, "a loop"),
    "c_style_for_statement": (ReasonCode.COMPOUND, "a loop"),
    "while_statement": (ReasonCode.COMPOUND, "a loop"),
    "if_statement": (ReasonCode.COMPOUND, "a condition"),
    "case_statement": (ReasonCode.COMPOUND, "a condition"),
    "test_command": (ReasonCode.COMPOUND, "a test"),
    "negated_command": (ReasonCode.COMPOUND, "a negation"),
    "comment": (ReasonCode.COMMENT, "a comment"),
}
_NAMEABLE = frozenset(code for code, _ in _MEANING.values())
_ALTERNATIVES: dict[str, str] = {
    ReasonCode.PIPELINE: "filter in kubectl itself: -l, --field-selector, --tail, "
    "-o jsonpath='{...}'; a manifest goes into kubectl apply -f - <<'EOF'",
    ReasonCode.SEVERAL_COMMANDS: "one command a step",
    ReasonCode.SUBSTITUTION: "run the inner command as a step of its own and write its result out",
    ReasonCode.REDIRECTION: "leave it out: the output comes back by itself",
    ReasonCode.COMMENT: "leave it out",
}
_LITERAL_NODES = frozenset(
    {"word", "raw_string", "string", "string_content", "concatenation", "number", '"', "{", "}"}
    | {"command_name", "command", "program"}
)
_LANGUAGE = Language(tree_sitter_bash.language())


class Word(NamedTuple):
    """One literal word and the offsets, in characters, of its source."""

    text: str
    start: int
    end: int

    @property
    def place(self) -> Place:
        """Where the word stands in its line."""
        return Place(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Line:
    """The words of one simple command, and its here-document if it has one."""

    words: tuple[Word, ...]
    document: str | None = None


def split(text: str) -> Line:
    """Return the literal words of one simple command; raises `Refusal` on anything else."""
    _check_characters(text)
    words, document, head = _scan(text)
    if not words:
        raise Refusal(
            ReasonCode.EMPTY,
            "expected one command, got nothing",
            Place(0, len(text)),
            "kubectl get pods -n NAMESPACE",
        )
    _confirm(head, words)
    return Line(tuple(words), document)


def _check_characters(text: str) -> None:
    if len(text) > (MAX_LINE + MAX_DOCUMENT if "\n" in text else MAX_LINE):
        raise _too_long(text)
    if control := _CONTROL.search(text):
        windows = control.group() == "\r" and text[control.end() :][:1] in {"", "\n"}
        what = "part of a Windows line end" if windows else "a control character"
        raise Refusal(
            ReasonCode.CONTROL_CHARACTER,
            f"U+{ord(control.group()):04X} is {what}",
            Place(*control.span()),
            "leave it out" + ("; save a file with Unix line ends (LF)" if windows else ""),
        )
    if text.isascii():
        return
    for at, char in enumerate(text):
        if not char.isascii() and unicodedata.category(char) in _INVISIBLE:
            raise Refusal(
                ReasonCode.CONTROL_CHARACTER,
                f"U+{ord(char):04X} cannot be seen on a screen",
                Place(at, at + 1),
                "leave it out",
            )


def _too_long(text: str) -> Refusal:
    return Refusal(
        ReasonCode.TOO_LONG,
        f"expected a line of at most {MAX_LINE} bytes and a here-document of at most "
        f"{MAX_DOCUMENT} characters, got {len(text)} characters",
        Place(min(len(text), MAX_LINE), len(text)),
        "change one member a step; a manifest goes into a here-document",
    )


def _scan_line(text: str) -> tuple[list[Word], int, re.Match[str] | None]:
    """Return the words up to the first bare newline, its offset, and a here-document's operator."""
    words: list[Word] = []
    pieces: list[str] = []
    start = at = 0
    operator: re.Match[str] | None = None
    length, match = len(text), _PIECE.match
    while at < length and at <= MAX_LINE and text[at] != "\n":
        if not pieces and (whole := _WHOLE.match(text, at)):
            start, at = whole.span(1)
            words.append(Word(whole[1], start, at))
            continue
        piece = match(text, at)
        if piece is None:
            found = _HEREDOC.match(text, at) if operator is None and not pieces else None
            if found is None:
                raise _named(text, _meaning(text, at))
            operator, at = found, found.end()
            continue
        if piece.lastgroup == "blank":
            if pieces:
                words.append(Word("".join(pieces), start, at))
                pieces = []
        else:
            if not pieces:
                start = at
            pieces.append(_literal(piece))
        at = piece.end()
    if pieces:
        words.append(Word("".join(pieces), start, at))
    return words, at, operator


def _scan(text: str) -> tuple[list[Word], str | None, str]:
    """Return words, here-document, and the first line with the document's operator blanked."""
    words, at, operator = _scan_line(text)
    head = text[:at]
    if at > MAX_LINE or (not head.isascii() and len(head.encode()) > MAX_LINE):
        raise _too_long(text)
    if operator is None:
        if rest := text[at:].strip():
            raise Refusal(
                ReasonCode.SEVERAL_COMMANDS,
                f"expected one command, got a second line {rest[:40]!r}",
                Place(at, len(text)),
                "one command a step; a long patch may contain newlines inside quotes",
            )
        return words, None, head
    blanked = head[: operator.start()] + " " * len(operator.group()) + head[operator.end() :]
    return words, _document(text, at, operator), blanked


def _literal(piece: re.Match[str]) -> str:
    """Return what a piece of a word stands for."""
    if piece.lastgroup == "single":
        return piece["single"]
    if piece.lastgroup == "double":
        return _UNESCAPE.sub(lambda found: found[1].strip("\n"), piece["double"])
    bare = piece["bare"]
    if "{" in bare and ("," in bare or ".." in bare):
        raise Refusal(
            ReasonCode.EXPANSION,
            f"{bare!r} is a brace expansion to a shell",
            Place(*piece.span()),
            QUOTE_IT,
        )
    return bare


def _document(text: str, newline: int, operator: re.Match[str]) -> str:
    """Return the body of the here-document that starts after the line's newline."""
    tag = operator["tag"]
    end = re.compile(rf"^{tag}(?:\n[ \t\n]*)?\Z", re.MULTILINE).search(text, newline + 1)
    if end is None or re.search(rf"^{tag}$", text[newline + 1 : end.start()], re.MULTILINE):
        raise Refusal(
            ReasonCode.HERE_DOCUMENT,
            f"expected the here-document to end with one last line {tag}",
            Place(*operator.span()),
            f"kubectl apply -f - <<'{tag}', the manifest, and {tag} on a line of its own",
        )
    body = text[newline + 1 : end.start()]
    if len(body) > MAX_DOCUMENT:
        raise Refusal(
            ReasonCode.TOO_LONG,
            f"expected a here-document of at most {MAX_DOCUMENT} characters, got {len(body)}",
            Place(newline + 1 + MAX_DOCUMENT, end.start()),
            "kubectl patch changes one member of an object",
        )
    if not operator["quote"] and (live := re.search(r"[$`\\]", body)):
        raise Refusal(
            ReasonCode.EXPANSION,
            f"{live.group()!r} in a here-document is expanded by a shell",
            Place(newline + 1 + live.start(), newline + 1 + live.end()),
            f"quote the tag: <<'{tag}'",
        )
    return body


def _meaning(text: str, at: int) -> Refusal:
    """Return the refusal of the character that no literal word contains."""
    char = text[at]
    rest = Place(at, len(text))
    if char == "'":
        return Refusal(ReasonCode.UNTERMINATED_QUOTE, "expected a closing quote '", rest, CLOSE_IT)
    if char == '"':
        live = re.compile(r"(?:[^\"\\$`]|\\[\s\S])*").match(text, at + 1)
        stop = live.end() if live else at
        if stop < len(text) and text[stop] in "$`":
            code, what = _MEANING[text[stop]]
            return Refusal(
                code,
                f"{text[stop]!r} in double quotes is {what}",
                Place(stop, stop + 1),
                QUOTE_IT,
            )
        return Refusal(ReasonCode.UNTERMINATED_QUOTE, 'expected a closing quote "', rest, CLOSE_IT)
    if not char.isascii():
        name = unicodedata.name(char, "unnamed")
        return Refusal(
            ReasonCode.LOOKALIKE_CHARACTER,
            f"{char!r} is U+{ord(char):04X} {name}, no ASCII character",
            Place(at, at + 1),
            "ASCII outside quotes",
        )
    code, what = _MEANING.get(char, (ReasonCode.AMBIGUOUS, "no literal character"))
    hint = QUOTE_IT if code in {ReasonCode.GLOB, ReasonCode.ESCAPE, ReasonCode.COMMENT} else None
    return Refusal(
        code,
        f"{char!r} is {what} to a shell; only literal words are taken",
        Place(at, at + 1),
        hint or "one literal command",
    )


def _tree(text: str) -> Node:
    """Return the root of the tree; a parser is made anew because it is not safe between threads."""
    return Parser(_LANGUAGE).parse(text.encode()).root_node


def _named(text: str, refusal: Refusal) -> Refusal:
    """Return the refusal under the tree's more precise name of the construct, if it has one."""
    if refusal.code not in _NAMEABLE or len(text) > MAX_LINE:
        return refusal
    found = _construct(_tree(text))
    if found is None:
        return refusal
    code, what = found
    return Refusal(
        code,
        f"the line has {what}; only one literal command is taken",
        refusal.place,
        _ALTERNATIVES.get(code) or refusal.hint,
    )


def _construct(root: Node) -> tuple[ReasonCode, str] | None:
    """Return the name of the weightiest construct in a tree, in the order of `_NODES`."""
    seen: set[str] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        seen.add(node.type)
        stack.extend(node.children)
    return next((name for kind, name in _NODES.items() if kind in seen), None)


def _confirm(head: str, words: list[Word]) -> None:
    """Refuse unless tree-sitter-bash sees one simple command with words at the same places."""
    root = _tree(head)
    strange = _strange(root)
    command = root.children[0] if root.child_count == 1 else None
    if strange is None and command is not None and command.type == "command":
        spans = [_place(head, child) for child in command.children]
        if spans == [(word.start, word.end) for word in words]:
            return
    code, what = _construct(root) or (ReasonCode.AMBIGUOUS, "a reading of its own for a shell")
    raise Refusal(
        code,
        f"the line has {what}; only one literal command is taken",
        Place(words[0].start, words[-1].end) if strange is None else Place(*_place(head, strange)),
        "one kubectl command, its special characters inside single quotes",
    )


def _strange(root: Node) -> Node | None:
    """Return the first node that is no part of a literal command."""
    stack = [root]
    while stack:
        node = stack.pop()
        if node.type not in _LITERAL_NODES or node.is_missing:
            return node
        if node.child_count:
            stack.extend(reversed(node.children))
    return None


def _place(head: str, node: Node) -> tuple[int, int]:
    """Return a node's offsets in characters; the tree counts bytes."""
    if head.isascii():
        return node.start_byte, node.end_byte
    encoded = head.encode()
    start, end = (
        len(encoded[:at].decode(errors="ignore")) for at in (node.start_byte, node.end_byte)
    )
    return start, end
