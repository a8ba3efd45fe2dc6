"""Sorts the words after a verb into flags, positional words and the argv of an exec.

Invariant: a flag that is not allowed for the verb, or whose value does not match its pattern, never
gets past `read_arguments`; every form (`-n x`, `-nx`, `-n=x`, `--namespace x|=x`) becomes the same.
"""

import difflib
from dataclasses import dataclass, field
from functools import cache

from agents.policy.flags import FOLLOWING, NEVER, NEVER_SHORT, Flag, flag_of
from agents.policy.refusal import Place, ReasonCode, Refusal
from agents.policy.shell import Word
from agents.policy.verbs import VERBS, WITHOUT_MEANING, Verb


@dataclass(slots=True)
class Arguments:
    """What followed a verb. `inner` are the words after `--`, None when there was none."""

    positionals: list[Word] = field(default_factory=list)
    flags: dict[str, list[Word]] = field(default_factory=dict)
    inner: tuple[Word, ...] | None = None

    def take(self, name: str) -> str | None:
        """Remove a flag that is not repeatable and return its value."""
        values = self.flags.pop(name, None)
        return values[0].text if values else None


def read_arguments(key: str, verb: Verb, words: list[Word]) -> Arguments:
    """Sort the words of a verb such as `kubectl get`; raises `Refusal`."""
    reader = _Reader(key, verb, words)
    while reader.at < len(words):
        reader.step()
    for name in sorted(verb.needs - reader.found.flags.keys()):
        raise Refusal(
            ReasonCode.MISSING_FLAG, f"{key} expects --{name}", None, f"add --{name}=VALUE"
        )
    for name in WITHOUT_MEANING:
        reader.found.flags.pop(name, None)
    return reader.found


class _Reader:
    """Walks the words once."""

    def __init__(self, key: str, verb: Verb, words: list[Word]) -> None:
        self.key = key
        self.verb = verb
        self.words = words
        self.at = 0
        self.found = Arguments()
        self.flags, self.letters = _flags_of(key)

    def step(self) -> None:
        """Take the next word, and the one after it where it is a flag's value."""
        word = self.words[self.at]
        self.at += 1
        text = word.text
        if text == "--":
            if self.key != "kubectl exec":
                raise Refusal(
                    ReasonCode.BAD_OPERAND, "-- is taken by exec only", word.place, "leave it out"
                )
            self.found.inner = tuple(self.words[self.at :])
            self.at = len(self.words)
        elif text.startswith("--"):
            name, equals, value = text[2:].partition("=")
            self._long(word, name, value if equals else None)
        elif text.startswith("-") and text != "-":
            self._cluster(word)
        else:
            self.found.positionals.append(word)

    def _long(self, word: Word, name: str, value: str | None) -> None:
        flag = self.flags.get(name)
        if name == "filename" and self.key in _FROM_STDIN:
            self._stdin(word, value)
        elif flag is None:
            raise self._unknown(word, name)
        elif flag.is_switch:
            self._keep(word, name, flag, "true" if value is None else value)
        elif value is None:
            self._keep_next(word, name, flag)
        else:
            self._keep(word, name, flag, value)

    def _cluster(self, word: Word) -> None:
        """Take short flags that are written together, such as `-Aowide` or `-n=x`."""
        rest = word.text[1:]
        while rest:
            letter, rest = rest[0], rest[1:]
            name = self.letters.get(letter)
            if letter == "f" and self.key in _FROM_STDIN:
                self._stdin(word, rest.removeprefix("=") or None)
                return
            if name is None:
                following = letter == "f" and self.key in FOLLOWING
                raise self._unknown(
                    word, "follow" if following else NEVER_SHORT.get(letter, letter)
                )
            flag = self.flags[name]
            if not flag.is_switch:
                if value := rest.removeprefix("="):
                    self._keep(word, name, flag, value)
                else:
                    self._keep_next(word, name, flag)
                return
            if rest.startswith("="):
                self._keep(word, name, flag, rest[1:])
                return
            self._keep(word, name, flag, "true")

    def _next(self, word: Word) -> Word:
        if self.at == len(self.words):
            raise Refusal(
                ReasonCode.BAD_FLAG_VALUE,
                f"expected a value after {word.text}",
                word.place,
                f"{word.text} VALUE",
            )
        self.at += 1
        return self.words[self.at - 1]

    def _stdin(self, word: Word, value: str | None) -> None:
        source = self._next(word) if value is None else Word(value, word.start, word.end)
        if source.text != "-":
            raise Refusal(
                ReasonCode.REFUSED_FLAG,
                f"-f {source.text[:60]} is not read: {NEVER['filename']}",
                Place(word.start, source.end),
                f"{self.key} -f - <<'EOF'",
            )

    def _keep_next(self, word: Word, name: str, flag: Flag) -> None:
        value = self._next(word)
        self._keep(value, name, flag, value.text)

    def _keep(self, word: Word, name: str, flag: Flag, value: str) -> None:
        """Keep a flag's value; `word` is where the line has it."""
        if flag.value.fullmatch(value) is None:
            raise Refusal(
                ReasonCode.BAD_FLAG_VALUE,
                f"--{name} does not take {value[:60]!r}",
                word.place,
                _FORMS.get(name, "a plain value, such as kubectl's own help shows"),
            )
        values = self.found.flags.setdefault(name, [])
        if values and not flag.repeatable:
            raise Refusal(
                ReasonCode.REPEATED_FLAG,
                f"--{name} is given more than once",
                word.place,
                f"one --{name}",
            )
        values.append(Word(value, word.start, word.end))

    def _unknown(self, word: Word, name: str) -> Refusal:
        """Return the refusal of a flag, with the nearest allowed one as the hint."""
        if name in NEVER:
            return Refusal(
                ReasonCode.REFUSED_FLAG, f"--{name} is never taken", word.place, NEVER[name]
            )
        near = difflib.get_close_matches(name, self.verb.flags, n=1)
        allowed = " ".join(f"--{flag}" for flag in sorted(self.verb.flags))
        dashes = "--" if len(name) > 1 else "-"
        return Refusal(
            ReasonCode.UNKNOWN_FLAG,
            f"{self.key} takes {allowed}; got {dashes}{name[:60]}",
            word.place,
            f"--{near[0]}" if near else "leave it out",
        )


@cache
def _flags_of(key: str) -> tuple[dict[str, Flag], dict[str, str]]:
    """Return the flags of a verb by name, and their names by letter."""
    flags = {name: flag_of(key, name) for name in VERBS[key].flags}
    return flags, {flag.short: name for name, flag in flags.items() if flag.short}


_FROM_STDIN = frozenset({"kubectl apply", "kubectl create"})
_FORMS: dict[str, str] = {
    "output": "-o wide, yaml, json, name, jsonpath='{...}' or custom-columns=NAME:.path",
    "namespace": "one namespace in lower case, or -A on reads",
    "since": "a duration such as 10m or 1h30m",
    "timeout": "a duration such as 60s",
    "limits": "cpu=200m,memory=256Mi",
    "requests": "cpu=200m,memory=256Mi",
    "for": "condition=Ready for wait, pod/NAME for events",
    "replicas": "a whole number such as 2",
    "type": "strategic, merge or json for patch",
    "selector": "key=value,other!=value or 'key in (a,b)'",
}
