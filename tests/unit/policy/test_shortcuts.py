"""What policy leaves out because it costs time changes no answer: each against the long way."""

import dataclasses
import json
import re
from collections.abc import Callable
from functools import partial

import cedarpy
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from agents.approval.canonical import canonical_json
from agents.contracts.action import Action, RestartRollout, Workload
from agents.policy import literals, manifest, parse
from agents.policy.actions import action_of
from agents.policy.decide import Policy, PreviewFacts
from agents.policy.flags import FLAGS
from agents.policy.forms import FORMS
from agents.policy.kinds import KINDS
from agents.policy.manifest import read_canonical
from agents.policy.pooled import Pool
from agents.policy.question import Question
from agents.policy.refusal import Refusal
from agents.policy.render import line_of
from agents.policy.rulebook import ACTION_TYPES, Effect, Part
from agents.policy.shell import MAX_LINE
from tests.safety.canary import ASKED, READS, UNASKED
from tests.safety.generated import actions
from tests.safety.judge import NAMESPACE, circumstances, shipped
from tests.safety.planted import BENIGN, BY_FORM
from tests.safety.planted_beside import BESIDE, ORDINARY

PERMITS = ("any_typed_act", "restart_or_rollback")
RESTART = RestartRollout(workload=Workload(kind="deployments", namespace="hotel-1", name="geo"))
CHANGES: tuple[dict[str, object], ...] = (
    {},
    {"preview": None},
    {"confidence": 1, "severity": "info", "freeze": True, "managed": ()},
    {"protected": ("*",), "acts_this_hour": 60, "acts_this_incident": 9},
    {
        "preview": PreviewFacts(
            pods_affected=200,
            replicas_lost_percent=100,
            replicas=0,
            changed=frozenset({"hostPath", "serviceAccount", "x.io/server-snippet"}),
            kinds=frozenset({"secrets"}),
            namespaces=frozenset({"hotel-2", ""}),
        )
    },
)


def as_written() -> Policy:
    """Return the shipped rules as their files say them: no list lifted, every fact told."""
    rules = shipped().rules
    texts = [
        rule.text.replace("forbid", "permit", 1)
        if rule.part is Part.AUTOMATIC and rule.effect is Effect.FORBID
        else rule.text
        for rule in rules.by_id.values()
    ]
    policies = cedarpy.PolicySet.from_str("\n".join(texts))
    question = Question(policies, policies, frozenset(), None)
    return Policy(
        dataclasses.replace(
            rules,
            questions=dict.fromkeys(ACTION_TYPES, question),
            entities=cedarpy.Entities.from_json_str("[]"),
        )
    )


WRITTEN = as_written()


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("line", [*ASKED, *UNASKED])
def test_the_rules_rule_as_they_are_written(line: str, changes: dict[str, object]) -> None:
    action, context = action_of(parse.parse(line, NAMESPACE)), circumstances(**changes)
    assert shipped().decide(action, context) == WRITTEN.decide(action, context)


@settings(max_examples=200, deadline=None)
@given(actions, st.sampled_from(CHANGES))
def test_the_rules_rule_any_act_as_they_are_written(
    action: Action, changes: dict[str, object]
) -> None:
    context = circumstances(**changes)
    assert shipped().decide(action, context) == WRITTEN.decide(action, context)


def test_a_list_is_lifted_once_and_nothing_else_is() -> None:
    pool = Pool()
    listed: JsonValue = {"Set": [{"Value": "a"}, {"Value": "b"}]}
    others: JsonValue = [
        {"Set": [{"Value": "a"}]},
        {"Set": [{"Value": "a"}, {"Value": 1}]},
        {"Set": [{"Value": "a"}, {"Var": "action"}]},
        {"Set": [{"Value": "a"}, {"Value": {"__entity": {"type": "Action", "id": "x"}}}]},
        {"Value": "a"},
    ]
    lifted = pool.lifted({"a": [listed, {"contains": {"left": listed, "right": others}}]})
    attribute: JsonValue = {
        ".": {"left": {"Value": {"__entity": {"type": "AOI__List", "id": "0"}}}, "attr": "members"}
    }
    assert lifted == {"a": [attribute, {"contains": {"left": attribute, "right": others}}]}
    assert len(pool.entities()) == 1


@pytest.mark.parametrize("kept", ["a", "z"])
def test_a_lifted_list_holds_what_was_written(kept: str) -> None:
    text = (
        'permit (principal, action, resource) when { ["a", "b", "c"].contains(context.name) };'
        'permit (principal, action, resource) when { ["x", "y", "z"].contains(context.name) };'
    )
    pool = Pool()
    lifted = pool.lifted(json.loads(cedarpy.policies_to_json_str(text)))
    policies = cedarpy.PolicySet.from_str(cedarpy.policies_from_json_str(json.dumps(lifted)))

    def allowed(name: str) -> bool:
        request = {
            "principal": 'P::"p"',
            "action": 'Action::"a"',
            "resource": 'R::"r"',
            "context": {"name": name},
        }
        return cedarpy.is_authorized(request, policies, pool.entities()).allowed

    assert (allowed(kept), allowed("w")) == (True, False)


def looked_closely(look: Callable[[], str | None]) -> str | None:
    """Return what is found where nothing is passed over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(literals, "_may_hide", lambda _: True)
        return look()


SAMPLES = [text for text, _ in BY_FORM.values()]
SAMPLES += [*BESIDE.values(), *BENIGN, *ORDINARY, "\x1b[0m", "a~1b", "/spec/template/0", "x" * 40]
documents = st.recursive(
    st.sampled_from(SAMPLES) | st.text(max_size=8) | st.integers(0, 9999) | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "value",
                    "path",
                    "op",
                    "data",
                    "binaryData",
                    "args",
                    "command",
                    "sig",
                    "?sig",
                ]
            )
            | st.sampled_from(SAMPLES),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("text", SAMPLES)
def test_a_first_look_at_a_value_overlooks_no_form(text: str) -> None:
    for name in ("note", "?sig", "path", "curl"):
        pairs: list[tuple[str, str]] = [(name, text)]
        document: JsonValue = {"a": [{name: text}]}
        found = looked_closely(partial(literals.secret_name, pairs))
        assert literals.secret_name(pairs) == found
        written = canonical_json(document)
        told = looked_closely(partial(literals.secret_member, document, written))
        assert literals.secret_member(document, written) == told


@settings(max_examples=300, deadline=None)
@given(documents)
def test_a_first_look_at_a_document_overlooks_no_form(document: JsonValue) -> None:
    text = canonical_json(document)
    found = looked_closely(partial(literals.secret_member, document, text))
    assert literals.secret_member(document, text) == found


def test_every_form_can_be_told_by_a_text_that_it_has() -> None:
    assert all(needles for _, needles, _ in FORMS)


def read(text: str) -> tuple[object, str]:
    """Return the data of a document, or the words with which it is refused."""
    try:
        return read_canonical(text)
    except Refusal as refusal:
        return refusal.code, refusal.message


YAML = st.lists(
    st.sampled_from(
        [
            *(
                "a: ",
                "b:",
                "\n",
                "  ",
                "- ",
                "1",
                "x",
                "{",
                "}",
                "[",
                "]",
                ",",
                "'",
                '"',
                "|\n",
                "#c",
            ),
            *(
                "&a ",
                "*a",
                "!!str ",
                "---\n",
                "...\n",
                "%YAML 1.1\n",
                "<<: ",
                "true",
                "null",
                "0x1",
            ),
        ]
    ),
    max_size=40,
).map("".join)


@settings(max_examples=500, deadline=None)
@given(YAML)
def test_short_yaml_is_read_as_long_yaml_is(text: str) -> None:
    short = read(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest, "_PLAIN_YAML", re.compile(r"(?!)"))
        patch.setattr(manifest, "_JSON_BEGINS", frozenset(map(chr, range(32, 127))))
        assert read(text) == short
    if not isinstance(short[0], str) and not text.lstrip().startswith(("{", "[")):
        assert short[0] == yaml.load(text, manifest._Loader)


@pytest.mark.parametrize("text", ["a: &x 1", "a: *x", "a: !!str 1", "a: 1\n---\nb: 2", "a\n...\nb"])
def test_short_yaml_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        read_canonical(text)


def test_short_yaml_that_is_deep_is_refused() -> None:
    assert read("a: " + "[" * 60 + "]" * 60) == read("a: " + "[" * 300 + "]" * 300)


@pytest.mark.parametrize("line", [*READS, *ASKED, *UNASKED])
def test_a_short_line_stays_short_when_it_is_written_out(line: str) -> None:
    command = parse.parse(line, NAMESPACE)
    if len(line) <= parse._SHORT and len(command.targets) <= parse._FEW:
        assert len(line_of(command).encode()) <= MAX_LINE


def test_no_letter_of_a_flag_and_no_kind_grows_beyond_the_bound() -> None:
    names = [name for name, flag in FLAGS.items() if flag.short]
    assert names and max(len(f" --{name}=") for name in names) <= parse._GROWTH
    kinds = parse._FEW * max(len(f" {kind.plural}/") for kind in KINDS.values())
    assert kinds + len(" --namespace=") + 63 <= parse._NAMES  # a label's length


@pytest.mark.parametrize(
    "line",
    [
        "kubectl get po -Aw",
        "kubectl get po,svc,deploy,vwc a b c d e",
        'kubectl annotate deploy geo n="' + "'" * 150 + '"',
        "kubectl annotate deploy geo n='" + "𝄞" * 100 + "'",
    ],
)
def test_the_worst_of_short_lines_stay_within_the_bound(line: str) -> None:
    try:
        command = parse.parse(line, NAMESPACE)
    except Refusal:
        return
    if len(command.targets) <= parse._FEW:
        written = line_of(command)
        assert len(written.encode()) <= parse._GROWTH * len(line) + parse._NAMES


@pytest.mark.parametrize(
    "changes",
    [
        {"severity": "\ud800"},
        {"acts_this_hour": 2**63},
        {"confidence": 2**70},
        {"confidence": -(2**63)},
    ],
)
def test_a_fact_that_cedar_cannot_hold_denies_though_nothing_asks(
    changes: dict[str, object],
) -> None:
    policies = cedarpy.PolicySet.from_str(
        "".join(f'@id("{name}") permit (principal, action, resource);' for name in PERMITS)
    )
    question = Question(policies, policies, frozenset(), {})
    rules = dataclasses.replace(shipped().rules, questions=dict.fromkeys(ACTION_TYPES, question))
    assert Policy(rules).decide(RESTART, circumstances()).reason == "restart_or_rollback"
    assert Policy(rules).decide(RESTART, circumstances(**changes)).reason == "policy_error"
