"""Makes a typed `Command` of one kubectl or helm line, or refuses it with a reason to learn from.

Invariant: what this module returns holds nothing that was not recognised word by word, so that
`agents.policy.render` may rebuild an argv from it without a look at the line.
"""

import difflib

from agents.contracts.command import Access, Command, Flag, Target
from agents.policy.flags import DNS_LABEL, FLAGS, NEVER, NEVER_SHORT, flag_of
from agents.policy.inner import check_inner, inner_access, runnable
from agents.policy.kinds import KINDS
from agents.policy.refusal import DOCUMENT, Place, ReasonCode, Refusal
from agents.policy.render import line_of
from agents.policy.shell import MAX_LINE, Line, Word, split
from agents.policy.targets import read_positionals
from agents.policy.verbs import ACCESS, ALIASES, REFUSED, VERBS, Shape, Verb
from agents.policy.words import Arguments, read_arguments

_PROGRAMS = ("kubectl", "helm")
_FIRST_WORDS = frozenset(" ".join(key.split()[:2]) for key in VERBS if key.count(" ") > 1)
_WITHOUT_NAMESPACE = frozenset(
    {"kubectl version", "kubectl api-resources", "kubectl cluster-info", "kubectl config view"}
    | {"kubectl explain"}
)

# written out, a letter of short flags grows to `--all-namespaces` and a quote to five characters;
# few targets have their kinds' whole names: a line so short cannot grow beyond the most
_GROWTH, _NAMES, _FEW = 20, 256, 2
_SHORT = (MAX_LINE - _NAMES) // _GROWTH


def parse(line: str, default_namespace: str | None = None) -> Command:
    """Return the command that the line says; raises `Refusal`, with its place in the line.

    default_namespace: used where the line names none and the command is about a namespace.
    """
    text = split(line)
    try:
        command = _command(text, default_namespace)
        if len(line) <= _SHORT and len(command.targets) <= _FEW:
            return command
        return _checked_length(command)
    except Refusal as refusal:
        if refusal.place is None:
            refusal.place = find(text.words, refusal.about)
        raise


def _checked_length(command: Command) -> Command:
    """Return a command, unless its line is too long once quotes and whole names are in it."""
    written = len(line_of(command).encode()) - len((command.stdin or "").encode())
    if written > MAX_LINE:
        raise Refusal(
            ReasonCode.TOO_LONG,
            f"written out in full the line has {written} bytes, expected at most {MAX_LINE}",
            None,
            "change one member a step; a manifest goes into a here-document",
        )
    return command


def place_of(line: str, about: str | None) -> Place:
    """Return where an accepted line has what a later refusal is about, see `Refusal`."""
    if about == DOCUMENT:
        return Place(line.index("<<"), len(line))
    return find(split(line).words, about)


def find(words: tuple[Word, ...], about: str | None) -> Place:
    """Return the place of a word, of a flag given as `--NAME`, or else of the whole command."""
    flag = FLAGS.get(about[2:]) if about and about.startswith("--") else None
    for word, following in zip(words, (*words[1:], words[-1]), strict=True):
        if flag is not None:
            name, equals, _ = word.text.partition("=")
            short = flag.short and name.startswith("-") and flag.short in name[1:]
            if name == about or (short and not name.startswith("--")):
                alone = equals or flag.is_switch or name not in {about, f"-{flag.short}"}
                return Place(word.start, word.end if alone else following.end)
        elif about and (word.text == about or word.text.endswith(f"/{about}")):
            return word.place
    if about and flag is None:
        for word in words:
            if about in word.text:
                return word.place
    return Place(words[0].start, words[-1].end)


def _command(text: Line, default_namespace: str | None) -> Command:
    key, words = _verb_of(text.words)
    verb = VERBS[key]
    arguments = read_arguments(key, verb, words)
    targets, operands = read_positionals(key, verb, arguments)
    _check_stdin(key, verb, text.document)
    inner = tuple(word.text for word in arguments.inner or ())
    if key == "kubectl exec":
        check_inner(inner)
        inner = runnable(inner)
    namespace = arguments.take("namespace")
    everywhere = arguments.take("all-namespaces") == "true"
    if not _is_namespaced(key, targets):
        namespace, everywhere = None, False
    elif everywhere:
        namespace = None
    else:
        namespace = namespace or _checked(default_namespace)
    program, _, verb_words = key.partition(" ")
    return Command(
        program="helm" if program == "helm" else "kubectl",
        verb=verb_words,
        targets=targets,
        namespace=namespace,
        all_namespaces=everywhere,
        flags=_flags(key, arguments),
        operands=operands,
        inner=inner,
        stdin=text.document,
    )


def access_of(command: Command) -> Access:
    """Return whether the command reads or writes; an exec by what it runs inside."""
    key = f"{command.program} {command.verb}"
    if key == "kubectl exec":
        return inner_access(command.inner)
    return ACCESS[key]


def _verb_of(words: tuple[Word, ...]) -> tuple[str, list[Word]]:
    """Return the verb's key, such as `kubectl rollout undo`, and every other word in order."""
    program = words[0]
    if program.text not in _PROGRAMS:
        raise _unknown_program(program)
    key, others, at = program.text, [], 1
    while at < len(words):
        word = words[at]
        at += 1
        if word.text.startswith("-"):
            name = word.text[2:].partition("=")[0]
            if not word.text.startswith("--"):
                name = NEVER_SHORT.get(word.text[1:2], "")
            if name in NEVER:
                raise Refusal(
                    ReasonCode.REFUSED_FLAG, f"--{name} is never taken", word.place, NEVER[name]
                )
            others.append(word)
            if word.text in {"-n", "--namespace"} and at < len(words):
                others.append(words[at])
                at += 1
            continue
        key = f"{key} {word.text}"
        key = ALIASES.get(key, key)
        if key in VERBS:
            return key, [*others, *words[at:]]
        if key not in _FIRST_WORDS:
            raise _unknown_verb(key, word)
    reason = REFUSED.get(key)
    raise Refusal(
        ReasonCode.UNKNOWN_VERB if reason is None else ReasonCode.REFUSED_VERB,
        f"expected a verb after {key!r}",
        Place(words[0].start, words[-1].end),
        reason or "kubectl get pods",
    )


def _unknown_program(word: Word) -> Refusal:
    if word.text.partition("=")[0].isidentifier() and "=" in word.text:
        return Refusal(
            ReasonCode.ASSIGNMENT, f"{word.text[:40]!r} sets a variable", word.place, "leave it out"
        )
    return Refusal(
        ReasonCode.UNKNOWN_PROGRAM,
        f"expected kubectl or helm, got {word.text[:40]!r}",
        word.place,
        "for a program inside a container: kubectl exec POD -- PROGRAM",
    )


def _unknown_verb(key: str, word: Word) -> Refusal:
    first_two = " ".join(key.split()[:2])
    reason = REFUSED.get(key) or REFUSED.get(first_two)
    if reason is not None:
        return Refusal(ReasonCode.REFUSED_VERB, f"{key!r} is not taken", word.place, reason)
    near = difflib.get_close_matches(key, VERBS, n=1)
    return Refusal(
        ReasonCode.UNKNOWN_VERB,
        f"expected a verb such as get, describe, logs or rollout undo, got {key[:60]!r}",
        word.place,
        near[0] if near else "kubectl get, describe or logs",
    )


def _check_stdin(key: str, verb: Verb, document: str | None) -> None:
    if (verb.shape is Shape.MANIFEST) is (document is not None and bool(document.strip())):
        return
    if verb.shape is Shape.MANIFEST:
        raise Refusal(
            ReasonCode.HERE_DOCUMENT,
            f"{key} expects its manifest as a here-document",
            None,
            f"{key} -f - <<'EOF', the manifest, EOF",
        )
    if document is not None:
        raise Refusal(
            ReasonCode.HERE_DOCUMENT, f"{key} takes no here-document", None, "leave it out"
        )


def _flags(key: str, arguments: Arguments) -> tuple[Flag, ...]:
    """Return the flags sorted by name, without switches that say their default."""
    return tuple(
        Flag(name=name, value=value.text)
        for name, values in sorted(arguments.flags.items())
        for value in values
        if not (flag_of(key, name).is_switch and value.text == flag_of(key, name).default)
    )


def _is_namespaced(key: str, targets: tuple[Target, ...]) -> bool:
    if key in _WITHOUT_NAMESPACE:
        return False
    kinds = [KINDS[target.kind] for target in targets if target.kind in KINDS]
    return not kinds or any(kind.namespaced for kind in kinds)


def _checked(namespace: str | None) -> str | None:
    if namespace is not None and DNS_LABEL.fullmatch(namespace) is None:
        raise Refusal(
            ReasonCode.BAD_NAME, f"expected the name of a namespace, got {namespace[:60]!r}"
        )
    return namespace
