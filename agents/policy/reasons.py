"""What each reason code means and what to do about it, for `aoi policy explain` and the guide.

Invariant: every `ReasonCode` is here; a test counts them. The @id of a policy explains itself by
its @message, so the policies of a folder are not repeated.
"""

from dataclasses import dataclass

from agents.policy.refusal import ReasonCode
from agents.policy.rulebook import Effect, Part, Rule, Rules
from agents.policy.undo import WITHHELD


@dataclass(frozen=True, slots=True)
class Reason:
    """What a code says, and the next step of whoever meets it."""

    meaning: str
    remedy: str


_ONE = "one command a line, without shell syntax"
_SPELL = "write the value out"

REASONS: dict[str, Reason] = {
    # the line as shell text
    ReasonCode.EMPTY: Reason("the line holds no command", "write one kubectl or helm command"),
    ReasonCode.TOO_LONG: Reason("the line is longer than any command", "patch only what changes"),
    ReasonCode.CONTROL_CHARACTER: Reason(
        "the line holds a control or invisible character", "type the line anew"
    ),
    ReasonCode.LOOKALIKE_CHARACTER: Reason(
        "a character looks like another one", "use plain ASCII letters and quotes"
    ),
    ReasonCode.UNTERMINATED_QUOTE: Reason(
        "a quote, bracket or here-document has no end", "close it"
    ),
    ReasonCode.SEVERAL_COMMANDS: Reason("the line holds more than one command", _ONE),
    ReasonCode.PIPELINE: Reason(
        "the line pipes one command into another", "select with -l, -o jsonpath or --tail instead"
    ),
    ReasonCode.BACKGROUND: Reason("the line goes into the background", _ONE),
    ReasonCode.SUBSTITUTION: Reason("the line runs a command for its output", _SPELL),
    ReasonCode.EXPANSION: Reason("the line expands a variable, a brace or ~", _SPELL),
    ReasonCode.GLOB: Reason("the line holds a wildcard of the shell", "quote it, or name objects"),
    ReasonCode.ESCAPE: Reason("the line holds a backslash escape", "use single quotes"),
    ReasonCode.COMMENT: Reason("the line holds a comment", "leave it out"),
    ReasonCode.REDIRECTION: Reason(
        "the line reads or writes a file", "leave it out; output is kept anyway"
    ),
    ReasonCode.HERE_DOCUMENT: Reason(
        "a here-document where none is taken", "only after apply -f - and create -f -, as <<'EOF'"
    ),
    ReasonCode.ASSIGNMENT: Reason("the line sets a variable", "leave it out"),
    ReasonCode.COMPOUND: Reason("the line is a loop, a test, a function or a group", _ONE),
    ReasonCode.AMBIGUOUS: Reason(
        "the line can be read in two ways", "quote every word that is not plain"
    ),
    # the words as a command
    ReasonCode.UNKNOWN_PROGRAM: Reason("the program is not kubectl or helm", "use kubectl"),
    ReasonCode.UNKNOWN_VERB: Reason("the verb is not known", "see `aoi policy show`"),
    ReasonCode.REFUSED_VERB: Reason("the verb is never taken", "see `aoi policy show`"),
    ReasonCode.UNKNOWN_FLAG: Reason("the verb takes no such flag", "see `aoi policy show`"),
    ReasonCode.REFUSED_FLAG: Reason("the flag is never taken here", "leave it out"),
    ReasonCode.REPEATED_FLAG: Reason("a flag stands twice", "say it once"),
    ReasonCode.BAD_FLAG_VALUE: Reason("the flag's value has another form", "see the message"),
    ReasonCode.MISSING_FLAG: Reason("the verb means nothing without the flag", "add it"),
    ReasonCode.UNKNOWN_KIND: Reason("the kind of object is not known", "see `aoi policy show`"),
    ReasonCode.BAD_NAME: Reason("this cannot be the name of an object", "look the name up first"),
    ReasonCode.MISSING_TARGET: Reason("the command names no object", "name one"),
    ReasonCode.BAD_OPERAND: Reason("a word after the verb has another form", "see the message"),
    ReasonCode.INNER_PROGRAM: Reason(
        "the program may not run inside a container", "env, cat, nslookup, curl, wget or mongosh"
    ),
    ReasonCode.INNER_ARGUMENT: Reason(
        "the program inside the container may not have this argument", "see the message"
    ),
    # the command as an act
    ReasonCode.NOT_A_WRITE: Reason("the command changes nothing", "propose it as a probe"),
    ReasonCode.NOT_A_READ: Reason("the command changes the cluster", "propose it as an action"),
    ReasonCode.NO_TYPED_ACTION: Reason(
        "no act is typed for the verb", "kubectl patch, or kubectl apply -f -"
    ),
    ReasonCode.SEVERAL_OBJECTS: Reason("the act is on more than one object", "one act an object"),
    ReasonCode.MISSING_NAMESPACE: Reason("the act names no namespace", "add -n NAMESPACE"),
    ReasonCode.BAD_MANIFEST: Reason(
        "the patch or manifest cannot be read as one object", "see the message"
    ),
    ReasonCode.SECRET_LITERAL: Reason(
        "the act would publish a secret's value", "take it from a secretKeyRef"
    ),
    # the command or the act under policy
    ReasonCode.SECRET_VALUES: Reason(
        "the read would show the values of a secret", "kubectl describe secret NAME"
    ),
    ReasonCode.OUTPUT_TOO_WIDE: Reason("the output would hold every object whole", "name a kind"),
    ReasonCode.READ_NOT_ALLOWED: Reason("the Probe has no such read", "see `aoi policy show`"),
    ReasonCode.NAMESPACE_NOT_MANAGED: Reason(
        "the namespace is not one that AOI manages",
        "managed_namespaces in settings.toml and AOI_GATE__MANAGED_NAMESPACES say which are",
    ),
    ReasonCode.POLICY_ERROR: Reason(
        "the question could not be asked or answered, so the answer is no",
        "the message names the fact or the policy; mend it and run `aoi policy test`",
    ),
    ReasonCode.POLICY_SILENT: Reason(
        "no policy permits the act, so the answer is no", "add a permit to ask.cedar"
    ),
    ReasonCode.MISSING_FACT: Reason(
        "a fact that policy needs is not known, so the answer is no", "the message names it"
    ),
    ReasonCode.NEVER_ALLOWED: Reason("nothing allows this", "choose another way"),
    # verdicts that no policy's @id names
    "read": Reason("a read that the Probe may make", "nothing"),
    "needs_person": Reason(
        "no policy of automatic.cedar permits the act, or there was no dry run yet",
        "approve it, or add a permit to automatic.cedar",
    ),
    WITHHELD: Reason(
        "policy denies the act that would undo this one, so nothing would undo it",
        "approve it only if you can undo it by hand",
    ),
    # the gate's own
    "policy-changed": Reason(
        "the policy was edited after the approval was asked for, or before the act was begun",
        "nothing; the Observer may propose the act again",
    ),
    "dry-run-failed": Reason("the cluster refused the dry run", "see the message"),
    "expired": Reason("nobody answered in time", "propose it again"),
    "refused": Reason("an approver refused", "see the comment"),
}

_WHERE = {
    (Part.NEVER, Effect.FORBID): "deny: no approval lifts it",
    (Part.ASK, Effect.FORBID): "deny: no approval lifts it",
    (Part.ASK, Effect.PERMIT): "may be done once it is approved",
    (Part.AUTOMATIC, Effect.PERMIT): "allow: done unasked",
    (Part.AUTOMATIC, Effect.FORBID): "needs approval instead of done unasked",
}


def effect_of(rule: Rule) -> str:
    """Return in words what becomes of an act for which the policy holds."""
    return _WHERE[rule.part, rule.effect]


def reasons_table(rules: Rules) -> str:
    """Return the Markdown tables of `docs/policy.md`: reason codes, then a folder's policies."""
    lines = ["| code | what it means | what to do |", "|---|---|---|"]
    lines += [
        f"| `{code}` | {_cell(one.meaning)} | {_cell(one.remedy)} |"
        for code, one in REASONS.items()
    ]
    lines += ["", "| policy | file | what it does | message |", "|---|---|---|---|"]
    lines += [
        f"| `{rule.name}` | {rule.part.file} | {effect_of(rule)} | {_cell(rule.message)} |"
        for rule in rules.by_id.values()
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
