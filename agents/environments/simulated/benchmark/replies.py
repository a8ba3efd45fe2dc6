"""Reads an agent's reply as AIOpsLab reads it, its quirks included.

    text around it is ignored
    ```
    exec_shell("kubectl get pods -n test-hotel-reservation")
    ```

Invariant: a reply that AIOpsLab refuses is refused here, one that it mangles is mangled alike, so
an agent's score on the lab means what it means there. Nothing of a reply is ever evaluated.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

FENCE = "```"
# an opening fence that ends its line, a closing one that begins its own
_BLOCK = re.compile(rf"{FENCE}\s*\n.*?\n{FENCE}", re.DOTALL)
_SHELL = "exec_shell"
_KEYWORD = "command="


class BadReply(ValueError):
    """The reply is no call; the message goes back to the agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the interface. Values are those of Python's literals."""

    name: str
    arguments: tuple[object, ...] = ()
    keywords: dict[str, object] = field(default_factory=dict)


def read_reply(reply: str) -> Call:
    """Return the call that a reply makes; raises `BadReply`."""
    if len(_BLOCK.findall(reply)) != 1:
        raise BadReply(
            "Format validation failure: expected exactly one block between two lines of three "
            f'backticks and nothing else on them, such as\n{FENCE}\nexec_shell("kubectl get pods '
            f'-A")\n{FENCE}'
        )
    code = _between_fences(reply)
    opening, closing = code.find("("), code.rfind(")")
    if opening < 0 or closing < 0:
        raise BadReply("No API call found: expected NAME(ARGUMENTS)")
    name = code[:opening].strip()
    text = code[opening + 1 : closing].strip()
    if not text:
        return Call(name=name)
    return Call(name=name, arguments=(_shell_text(text),)) if name == _SHELL else _call(name, text)


def _between_fences(reply: str) -> str:
    """Return the lines between the first two that hold a fence, wherever in the line it stands."""
    lines = reply.split("\n")
    first, second = [index for index, line in enumerate(lines) if FENCE in line][:2]
    return "\n".join(lines[first + 1 : second])


def _shell_text(text: str) -> str:
    """Return the command of an `exec_shell`: whatever stands between the outermost quotes.

    All quotes at either end go, so a quoted last word loses its own; escaped ones lose their
    backslash.
    """
    if text.startswith(_KEYWORD):
        text = text.replace(_KEYWORD, "").strip()
    for quote in ('"', "'"):
        if text.startswith(quote) and text.endswith(quote):
            return text.strip(quote).replace('\\"', '"').replace("\\'", "'")
    raise BadReply("Error when parsing response: commands must be quoted strings")


def _call(name: str, text: str) -> Call:
    try:
        parsed = ast.parse(f"call({text})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadReply(f"Error parsing response: {error}") from error
    if not isinstance(parsed, ast.Call):
        raise BadReply("Error parsing response: expected one call")
    arguments = tuple(_outermost(node) for node in parsed.args)
    keywords = {word.arg: _value(word.value) for word in parsed.keywords if word.arg is not None}
    if len(keywords) != len(parsed.keywords):
        raise BadReply("Error parsing response: keywords can't be unpacked")
    return Call(name=name, arguments=arguments, keywords=keywords)


def _outermost(node: ast.expr) -> object:
    """Return the value of a positional argument; a tuple is taken here and nowhere deeper."""
    return [_value(item) for item in node.elts] if isinstance(node, ast.Tuple) else _value(node)


def _value(node: ast.expr | None) -> object:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        keys = [_value(key) for key in node.keys]
        if any(isinstance(key, list | dict) for key in keys):
            raise BadReply("Error parsing response: unhashable key")
        return dict(zip(keys, map(_value, node.values), strict=True))
    raise BadReply(f"Error parsing response: expected literals, got {type(node).__name__}")
