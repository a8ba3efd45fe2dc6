"""Reads the positional words of a verb by its shape: resources, operands, a manifest, a release.

Invariant: a name that reaches a `Command` is a legal Kubernetes name and never looks like a flag.
"""

import re
from collections.abc import Callable, Iterable

from agents.contracts.command import Target
from agents.policy.kinds import RELEASES, Kind, kind_of
from agents.policy.refusal import Place, ReasonCode, Refusal
from agents.policy.shell import Word
from agents.policy.verbs import Shape, Verb
from agents.policy.words import Arguments

Read = tuple[tuple[Target, ...], tuple[str, ...]]

_MOST = 200  # objects of one line: every kind of it has every name of it
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")
_RIGHT_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9:._]{0,251}[A-Za-z0-9])?")
_RIGHTS = frozenset({"roles", "rolebindings", "clusterroles", "clusterrolebindings"})
_FIELD = re.compile(r"[A-Za-z]{1,64}(?:\.[A-Za-z0-9]{1,64}){0,15}")
_QUESTION = re.compile(r"\*|[A-Za-z][A-Za-z0-9./-]{0,127}")
_TEXT = r"[^\x00-\x08\x0b-\x1f]{0,3000}"
_KEY = (
    r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?"
    r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
_LABEL = rf"{_KEY}=[-A-Za-z0-9_.]{{0,63}}"
_REVISION_OR_CHART = re.compile(r"[a-z0-9](?:[-a-z0-9./]{0,126}[a-z0-9])?")
_OPERANDS: dict[str, re.Pattern[str]] = {
    "kubectl set image": re.compile(
        r"(?:\*|[a-z0-9][-a-z0-9.]{0,62})=[A-Za-z0-9][A-Za-z0-9._/:@-]{0,500}"
    ),
    "kubectl set env": re.compile(rf"[._A-Za-z][-._A-Za-z0-9]{{0,255}}(?:-|={_TEXT})"),
    "kubectl set selector": re.compile(rf"{_LABEL}(?:,{_LABEL})*"),
    "kubectl label": re.compile(rf"{_KEY}(?:-|=(?:[A-Za-z0-9][-A-Za-z0-9_.]{{0,62}})?)"),
    "kubectl annotate": re.compile(rf"{_KEY}(?:-|={_TEXT})"),
}


def read_positionals(key: str, verb: Verb, arguments: Arguments) -> Read:
    """Return targets and operands of a verb such as `kubectl get`; raises `Refusal`."""
    return _SHAPES[verb.shape](key, verb, arguments)


def _nothing(key: str, _verb: Verb, arguments: Arguments) -> Read:
    _no_more(key, arguments.positionals)
    return (), ()


def _kinds(key: str, verb: Verb, arguments: Arguments) -> Read:
    return _targets(key, verb, arguments.positionals), ()


def _workload(key: str, verb: Verb, arguments: Arguments) -> Read:
    return _named(key, verb, arguments.positionals), ()


def _pod(key: str, verb: Verb, arguments: Arguments) -> Read:
    """Read `POD`, `KIND/NAME`, and the old form `logs POD CONTAINER`."""
    words = arguments.positionals
    if not words:
        if "selector" in arguments.flags:
            return (), ()
        raise _missing(key, verb)
    if len(words) == 2 and key == "kubectl logs" and "container" not in arguments.flags:  # noqa: PLR2004 - the old form has two words
        _name(words[1], words[1].text, None)
        arguments.flags["container"] = [words[1]]
        words = words[:1]
    if len(words) > 1:
        if key == "kubectl exec":
            raise Refusal(
                ReasonCode.BAD_OPERAND,
                f"expected -- before {words[1].text!r}",
                words[1].place,
                f"kubectl exec {words[0].text} -- {words[1].text}",
            )
        _no_more(key, words[1:])
    return (_reference(key, verb, words[0], "pods"),), ()


def _node(key: str, verb: Verb, arguments: Arguments) -> Read:
    if not arguments.positionals:
        raise _missing(key, verb)
    only_nodes = Verb(verb.shape, verb.flags, frozenset({"nodes"}))
    return tuple(_reference(key, only_nodes, word, "nodes") for word in arguments.positionals), ()


def _pairs(key: str, verb: Verb, arguments: Arguments) -> Read:
    """Read resources, then `KEY=VALUE` to set and `KEY-` to remove."""
    words = arguments.positionals
    operands = [word for word in words if _is_pair(word)]
    operands += arguments.flags.pop("env", [])
    targets = _named(key, verb, [word for word in words if not _is_pair(word)])
    if not operands:
        raise Refusal(
            ReasonCode.BAD_OPERAND,
            f"{key} expects {verb.shape}, got no KEY=VALUE",
            None,
            f"{key} {verb.shape}",
        )
    for operand in operands:
        if _OPERANDS[key].fullmatch(operand.text) is None:
            raise Refusal(
                ReasonCode.BAD_OPERAND,
                f"{key} expects {verb.shape}, got {operand.text[:60]!r}",
                operand.place,
                f"{key} {verb.shape}",
            )
    return targets, tuple(operand.text for operand in operands)


def _field(key: str, verb: Verb, arguments: Arguments) -> Read:
    words = arguments.positionals
    if not words:
        raise _missing(key, verb)
    _no_more(key, words[1:])
    if _FIELD.fullmatch(words[0].text) is None:
        raise Refusal(
            ReasonCode.BAD_OPERAND,
            f"{key} expects {verb.shape}, got {words[0].text[:60]!r}",
            words[0].place,
            f"{key} pods.spec",
        )
    kind_of(words[0].text.partition(".")[0], words[0].place)
    return (), (words[0].text,)


def _question(key: str, verb: Verb, arguments: Arguments) -> Read:
    words = arguments.positionals
    if "list" in arguments.flags:
        _no_more(key, words)
        return (), ()
    if not 2 <= len(words) <= 3 or any(_QUESTION.fullmatch(word.text) is None for word in words):  # noqa: PLR2004 - verb, kind and at most a name
        raise _missing(key, verb)
    return (), tuple(word.text for word in words)


def _manifest(key: str, _verb: Verb, arguments: Arguments) -> Read:
    if arguments.positionals:
        word = arguments.positionals[0]
        raise Refusal(
            ReasonCode.REFUSED_VERB,
            f"{key} {word.text[:60]} is not taken; an object comes as a manifest",
            word.place,
            f"{key} -f - <<'EOF', the manifest, EOF",
        )
    return (), ()


def _release(key: str, verb: Verb, arguments: Arguments) -> Read:
    words = arguments.positionals
    least, most = {"helm rollback": (1, 2), "helm upgrade": (2, 2)}.get(key, (1, 1))
    if len(words) < least:
        raise _missing(key, verb)
    _no_more(key, words[most:])
    for word in words[1:]:
        form = re.compile(r"[0-9]{1,6}") if key == "helm rollback" else _REVISION_OR_CHART
        if form.fullmatch(word.text) is None or ".." in word.text:
            raise Refusal(
                ReasonCode.BAD_OPERAND,
                f"{key} expects {verb.shape}, got {word.text[:60]!r}",
                word.place,
                f"{key} {verb.shape}",
            )
    release = Target(kind=RELEASES, name=_name(words[0], words[0].text, None))
    return (release,), tuple(word.text for word in words[1:])


_SHAPES: dict[Shape, Callable[[str, Verb, Arguments], Read]] = {
    Shape.NOTHING: _nothing,
    Shape.KINDS: _kinds,
    Shape.WORKLOAD: _workload,
    Shape.POD: _pod,
    Shape.NODE: _node,
    Shape.PAIRS: _pairs,
    Shape.FIELD: _field,
    Shape.QUESTION: _question,
    Shape.MANIFEST: _manifest,
    Shape.RELEASE: _release,
}


def _targets(key: str, verb: Verb, words: list[Word]) -> tuple[Target, ...]:
    """Read `KIND[,KIND] [NAME ...]`, or `KIND/NAME ...`; names apply to every kind."""
    if not words:
        raise _missing(key, verb)
    if "/" in words[0].text:
        return _unique(_reference(key, verb, word, None) for word in words)
    parts = dict.fromkeys(words[0].text.split(","))
    kinds = tuple(dict.fromkeys(_kind(key, verb, words[0], part) for part in parts))
    if len(words) == 1:
        return tuple(Target(kind=kind.plural) for kind in kinds)
    if any(kind.plural == "all" for kind in kinds):
        raise Refusal(ReasonCode.BAD_NAME, "all takes no name", words[1].place, "name the kind")
    named: dict[str, Word] = {}
    for word in words[1:]:
        named.setdefault(word.text, word)
    if len(kinds) * len(named) > _MOST:
        raise Refusal(
            ReasonCode.BAD_OPERAND,
            f"expected at most {_MOST} objects, got {len(kinds)} kinds of {len(named)} names each",
            Place(words[0].start, words[-1].end),
            f"{key} with fewer names, or with -l KEY=VALUE",
        )
    return tuple(
        Target(kind=kind.plural, name=_name(word, text, kind))
        for kind in kinds
        for text, word in named.items()
    )


def _named(key: str, verb: Verb, words: list[Word]) -> tuple[Target, ...]:
    """Read targets of which each must name an object."""
    targets = _targets(key, verb, words)
    if any(target.name is None for target in targets):
        raise _missing(key, verb)
    return targets


def _reference(key: str, verb: Verb, word: Word, default: str | None) -> Target:
    """Read `KIND/NAME`, or `NAME` where a kind is understood."""
    kind_text, slash, name = word.text.partition("/")
    if not slash:
        kind_text, name = default or "", word.text
    if not kind_text or kind_text.lower() == "all":
        raise Refusal(
            ReasonCode.BAD_NAME,
            f"expected KIND/NAME, got {word.text[:60]!r}",
            word.place,
            f"{key} {verb.shape}",
        )
    kind = _kind(key, verb, word, kind_text)
    return Target(kind=kind.plural, name=_name(word, name, kind))


def _kind(key: str, verb: Verb, word: Word, text: str) -> Kind:
    kind = kind_of(text, word.place)
    if verb.kinds is not None and kind.plural not in verb.kinds:
        raise Refusal(
            ReasonCode.UNKNOWN_KIND,
            f"{key} is for {', '.join(sorted(verb.kinds))}; got {kind.plural}",
            word.place,
            f"{key} {min(verb.kinds)}",
        )
    return kind


def _name(word: Word, text: str, kind: Kind | None) -> str:
    form = _RIGHT_NAME if kind is not None and kind.plural in _RIGHTS else _NAME
    if form.fullmatch(text) is None:
        raise Refusal(
            ReasonCode.BAD_NAME,
            f"expected the name of an object (lower case, digits, - and .), got {text[:60]!r}",
            word.place,
            "kubectl get KIND lists the names",
        )
    return text


def _is_pair(word: Word) -> bool:
    return "=" in word.text or word.text.endswith("-")


def _unique(targets: Iterable[Target]) -> tuple[Target, ...]:
    return tuple(dict.fromkeys(targets))


def _missing(key: str, verb: Verb) -> Refusal:
    return Refusal(
        ReasonCode.MISSING_TARGET,
        f"{key} expects {verb.shape}",
        None,
        f"{key} {verb.shape}",
    )


def _no_more(key: str, words: list[Word]) -> None:
    if words:
        raise Refusal(
            ReasonCode.BAD_OPERAND,
            f"{key} expects no further word, got {words[0].text[:60]!r}",
            words[0].place,
            "leave it out",
        )
