"""Messages to token ids and back, for checkpoints whose tokenizer is our own BPE.

Invariant: the ids equal those of the tokenizer's `chat_template`, so that vLLM serves the same
weights; a special token written in a message is text (it is broken up, and encoded as text), so
that untrusted text can't open or close a turn.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from agents.contracts.model import Message

PAD, END = "<|pad|>", "<|end|>"
ROLES = {"system": "<|system|>", "user": "<|user|>", "assistant": "<|assistant|>"}
SPECIAL_TOKENS = (PAD, END, *ROLES.values())

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{- '<|' + message['role'] + '|>' + message['content'] | replace('<|', '< |') -}}"
    "{%- if message['role'] == 'assistant' -%}{{- '<|end|>' -}}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)
"""Jinja, as `tokenizer_config.json` carries it; `ChatFormat.prompt_ids` says the same in Python."""


def broken_up(text: str) -> str:
    """Return the text with every `<|` opened, so that no special token is left in it."""
    return text.replace("<|", "< |")


class ChatFormat:
    """The chat form of one checkpoint; build it from the folder that has `tokenizer.json`."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.encode_special_tokens = True
        found = {token: self._tokenizer.token_to_id(token) for token in SPECIAL_TOKENS}
        ids = {token: number for token, number in found.items() if number is not None}
        missing = [token for token in SPECIAL_TOKENS if token not in ids]
        if missing:
            raise ValueError(f"expected the special tokens {SPECIAL_TOKENS}, missing: {missing}")
        self._ids: dict[str, int] = ids
        self.end_id: int = ids[END]
        self.pad_id: int = ids[PAD]
        self.size: int = self._tokenizer.get_vocab_size()

    def prompt_ids(self, messages: Iterable[Message]) -> list[int]:
        """Return the ids of the turns, up to and with the mark that opens the reply."""
        ids: list[int] = []
        for message in messages:
            ids.append(self._ids[ROLES[message.role]])
            ids += self.text_ids(message.content)
            if message.role == "assistant":
                ids.append(self.end_id)
        ids.append(self._ids[ROLES["assistant"]])
        return ids

    def reply_ids(self, text: str) -> list[int]:
        """Return the ids of a reply with the mark that ends it: what a model should generate."""
        return [*self.text_ids(text), self.end_id]

    def text_ids(self, text: str) -> list[int]:
        """Return the ids of plain text; no id of a special token is among them."""
        ids: list[int] = self._tokenizer.encode(broken_up(text), add_special_tokens=False).ids
        return ids

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of ids, without special tokens."""
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=True)
        return text
