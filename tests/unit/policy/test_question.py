"""What Cedar is asked is less than everything, and answered as everything would be."""

import json
from functools import cache

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from agents.contracts.action import RestartRollout, Workload
from agents.policy import decide, request
from agents.policy.asked import Asked, Facts, facts_asked, may_judge, told
from agents.policy.decide import PreviewFacts
from agents.policy.pooled import Pool
from agents.policy.question import Question, questions_of
from agents.policy.request import seen_facts
from agents.policy.usual import USUAL, USUAL_PREVIEW
from tests.safety.judge import circumstances, shipped

RESTART = RestartRollout(workload=Workload(kind="deployments", namespace="hotel-1", name="geo"))
ANY, RESTARTS = "(principal, action, resource)", '(principal, action == Action::"{}", resource)'
PREVIEW = {
    "pods_affected": 1,
    "replica_delta": 0,
    "replicas_lost_percent": 0,
    "controlled": True,
    "told": True,
    "creates": False,
}


@cache
def ordinary() -> Facts:
    """Return the facts of an act with nothing unusual about it."""
    return seen_facts(
        RESTART,
        circumstances(preview=PreviewFacts(pods_affected=1, controlled=True, told=True)),
        shipped().rules.limits,
    )


def bodies(text: str) -> list[dict[str, JsonValue]]:
    policies = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
    return [policies[name] for name in sorted(policies, key=lambda one: int(one[6:]))]


def asked_of(conditions: str) -> Asked:
    return facts_asked(bodies(f"forbid {ANY} {conditions};"))


def question_of(text: str) -> tuple[Question, cedarpy.Entities]:
    pool = Pool()
    question = questions_of(bodies(text), ["RestartRollout"], pool)["RestartRollout"]
    return question, pool.entities()


def answer(
    policies: cedarpy.PolicySet, entities: cedarpy.Entities, facts: Facts
) -> tuple[object, list[str], bool]:
    """Return Cedar's decision, the policies that held, and whether any of them failed."""
    given = cedarpy.is_authorized(
        {
            "principal": {"type": "Proposer", "id": "p"},
            "action": {"type": "Action", "id": "RestartRollout"},
            "resource": {"type": "Namespace", "id": "hotel-1"},
            "context": json.dumps(facts),
        },
        policies,
        entities,
    )
    held = sorted(given.diagnostics.id_annotations_by_reason.values())
    return given.decision, held, bool(given.diagnostics.errors)


def shortly(text: str, facts: Facts) -> tuple[object, list[str], bool]:
    """Return the answer to the question that is asked."""
    question, entities = question_of(text)
    said = told(facts, question.asked)
    return answer(question.policies(said), entities, said)


def at_length(text: str, facts: Facts) -> tuple[object, list[str], bool]:
    """Return the answer of the policies as they are written, on all facts."""
    none = cedarpy.Entities.from_json_str("[]")
    return answer(cedarpy.PolicySet.from_str(text), none, facts)


SEVERAL = "when { context has preview && [context.name, context.kind].contains(context.image) }"


@pytest.mark.parametrize(
    ("conditions", "asked"),
    [
        ("", {}),
        ("when { context.force }", {"force": None}),
        ("unless { context has preview }", {"preview": set()}),
        (SEVERAL, {"preview": set(), "name": None, "kind": None, "image": None}),
        ("when { context.preview.told }", {"preview": {"told"}}),
        (
            "when { context.preview.told || context.preview.creates }",
            {"preview": {"told", "creates"}},
        ),
        ("when { context.preview has told || context.preview.creates }", {"preview": None}),
        ("when { context.preview.told || context.preview == context.preview }", {"preview": None}),
        ("when { context has touches && context has extra }", {"touches": None, "extra": None}),
        ('when { context.touches.contains("a") }', {"touches": {"a"}}),
        ('when { context.kinds.containsAny(["a", "b"]) }', {"kinds": {"a", "b"}}),
        ('when { context.kinds.containsAll(["a", "b"]) }', {"kinds": {"a", "b"}}),
        ("when { context.kinds.containsAll([]) }", {"kinds": set()}),
        (
            'when { context.touches.contains("a") || context.touches.contains("b") }',
            {"touches": {"a", "b"}},
        ),
        ('when { context.touches.contains("a") || context.touches == [] }', {"touches": None}),
        ('when { context.touches == [] || context.touches.contains("a") }', {"touches": None}),
        ("when { context.touches.contains(context.name) }", {"touches": None, "name": None}),
        (
            'when { context.touches.containsAny(["a", context.name]) }',
            {"touches": None, "name": None},
        ),
        ('when { ["a", "b"].containsAll(context.touches) }', {"touches": None}),
        ("when { context.touches.isEmpty() }", {"touches": None}),
        ("when { principal in [principal, principal] }", {}),
        ("when { context == context }", None),
        ("when { {a: context}.a.force }", None),
        ("when { context.force } when { context == context }", None),
        ("when { context.force } unless { context.freeze }", {"force": None, "freeze": None}),
    ],
)
def test_what_a_policy_asks_about_is_known(
    conditions: str, asked: dict[str, set[str] | None] | None
) -> None:
    assert asked_of(conditions) == asked


@pytest.mark.parametrize(
    ("scope", "judges"),
    [
        (ANY, True),
        (RESTARTS.format("RestartRollout"), True),
        (RESTARTS.format("CordonNode"), False),
        (RESTARTS.replace("==", "in").format("CordonNode"), True),
        ('(principal, action in [Action::"CordonNode"], resource)', True),
    ],
)
def test_a_policy_judges_what_its_scope_may_hold(scope: str, *, judges: bool) -> None:
    assert may_judge(bodies(f"forbid {scope};")[0], "RestartRollout") is judges


def test_what_is_usual_is_a_fact_of_its_own_type() -> None:
    assert {name: type(value) for name, value in USUAL.items()} == {
        name: kind for name, kind in request._FACT_TYPES.items() if name in USUAL
    }
    assert USUAL.keys() <= ordinary().keys()
    assert {name: type(value) for name, value in USUAL_PREVIEW.items()} == {
        name: type(value) for name, value in PREVIEW.items() if name in USUAL_PREVIEW
    }


def test_of_an_ordinary_act_little_is_told() -> None:
    assert told(ordinary(), shipped().rules.questions["RestartRollout"].asked) == {
        "namespace": "hotel-1",
        "incident_namespace": "hotel-1",
        "namespaces": ["hotel-1"],
        "kinds": ["deployments"],
        "severity": "critical",
        "confidence": 80,
        "preview": {"pods_affected": 1},
    }


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (None, ordinary()),
        ({}, {}),
        ({"force": None, "name": None, "absent": None}, {"name": "geo"}),
        ({"kinds": {"pods"}, "touches": {"a"}}, {"kinds": []}),
        ({"preview": set()}, {"preview": {}}),
        ({"preview": {"told", "pods_affected", "absent"}}, {"preview": {"pods_affected": 1}}),
        ({"preview": None}, {"preview": PREVIEW}),
    ],
)
def test_what_is_told_is_asked_for_and_unusual(asked: Asked, said: Facts) -> None:
    assert told(ordinary(), asked) == said


def test_without_a_dry_run_none_is_told() -> None:
    facts = {name: fact for name, fact in ordinary().items() if name != "preview"}
    assert told(facts, {"preview": frozenset(), "name": None}) == {"name": "geo"}


def test_a_fact_without_members_is_told_as_a_whole() -> None:
    assert told(ordinary(), {"name": frozenset({"a"})}) == {"name": "geo"}


FAILING = (
    "if context.confidence + 9223372036854775807 > 0 "
    'then Action::"SetEnv" else Action::"CordonNode"'
)


@pytest.mark.parametrize(
    "failing",
    [
        f"action == ({FAILING}) && context.freeze",
        f"action != ({FAILING}) && context.freeze",
        'context.touches.containsAny("a")',  # an operator's schema may hide it from validation
        'context.touches.containsAny("a") || context.freeze',
        'context.touches.contains(["a"]) || context.touches.containsAll("a")',
        'context.kind.contains("a")',
    ],
)
def test_a_policy_that_fails_is_not_left_out(failing: str) -> None:
    text = f'@id("a") forbid {ANY} when {{ {failing} }}; @id("b") permit {ANY};'
    assert at_length(text, ordinary()) == (cedarpy.Decision.Allow, ["b"], True)
    assert shortly(text, ordinary()) == at_length(text, ordinary())


@pytest.mark.parametrize(
    ("conditions", "guards"),
    [
        ("", set()),
        ("when { context.freeze }", {"freeze"}),
        ("unless { context.freeze }", set()),
        ("when { context.in_managed_namespace }", set()),
        ("when { context.freeze && context.force }", {"freeze"}),
        ("when { context.freeze || context.force }", {"freeze", "force"}),
        ("when { context.freeze || context.in_managed_namespace }", set()),
        ("when { context.replicas == 0 && context.freeze }", set()),
        ("when { context.replicas > 0 && context.freeze }", set()),
        ("when { context has preview && context.freeze }", {"freeze"}),
        ("when { principal has name && context.freeze }", set()),
        ('when { action != Action::"CordonNode" && context.freeze }', {"freeze"}),
        ('when { action == Action::"CordonNode" && context.freeze }', {"freeze"}),
        ('when { principal == Proposer::"p" && context.freeze }', set()),
        ('when { context.touches.contains("a") }', {"touches"}),
        ('when { context.touches.containsAny(["a"]) && context.freeze }', {"touches"}),
        ('when { context.touches.containsAll(["a"]) }', set()),
        ("when { context.touches.contains(context.name) }", set()),
        ('when { context.kinds.contains("a") }', set()),
        ("when { !context.freeze }", set()),
        ("when { context.freeze } when { context.force }", {"freeze"}),
        ("when { context.replicas == 0 } when { context.force }", set()),
        ("unless { context.freeze } when { context.force }", set()),
        ("when { context has freeze }", set()),
    ],
)
def test_a_policy_is_ruled_out_by_what_it_asks_first(conditions: str, guards: set[str]) -> None:
    question, _ = question_of(f'@id("a") forbid {ANY} {conditions}; @id("b") permit {ANY};')
    assert question.guards == guards
    assert ('@id("a")' in str(question.few)) is not bool(guards)
    assert '@id("a")' in str(question.every)


FLAGS = [name for name, value in USUAL.items() if isinstance(value, bool)]
NUMBERS = [name for name, value in USUAL.items() if type(value) is int]
SETS, WORDS = ("touches", "kinds", "namespaces"), ("spec", "hostPath", "pods", "")
flags = st.sampled_from([f"context.{name}" for name in FLAGS]) | st.sampled_from(
    [
        "context has preview",
        "context has freeze",
        "(context has preview && context.preview.told)",
        "(context has preview && context.preview.creates)",
        "(context has preview && context.preview has told)",
        'action != Action::"UndoRollout"',
        'principal == Proposer::"p"',
        "context.name == context.image",
        "context.replicas + 9223372036854775807 > 0",  # fails by what is usual, too: -1 does not
        "context.confidence + 9223372036854775807 > 0",
        "context.preview.replicas_lost_percent > 50",  # fails where no dry run was made
        "(if context has preview then context.preview.replica_delta < 0 else true)",
        "context.preview == context.preview",
        "context == context",
        'context.touches.containsAny("spec")',  # fails: it is no set
        'context.kind.contains("pods")',
        f"action == ({FAILING})",
    ]
)
numbers = st.builds(
    "context.{} {} {}".format,
    st.sampled_from([*NUMBERS, "confidence"]),
    st.sampled_from([">=", "<", "==", "!="]),
    st.sampled_from([-1, 0, 2, 60]),
)
listed = st.lists(st.sampled_from(WORDS), max_size=3).map(json.dumps)
sets = (
    st.builds(
        "context.{}.contains({})".format, st.sampled_from(SETS), st.sampled_from(['"spec"', '""'])
    )
    | st.builds(
        "context.{}.{}({})".format,
        st.sampled_from(SETS),
        st.sampled_from(["containsAny", "containsAll"]),
        listed,
    )
    | st.builds("{}.containsAll(context.{})".format, listed, st.sampled_from(SETS))
    | st.builds("context.{}.containsAny([context.name])".format, st.sampled_from(SETS))
    | st.builds("context.{} == {}".format, st.sampled_from(SETS), listed)
)
terms = st.recursive(
    flags | numbers | sets,
    lambda inner: (
        inner.map("!({})".format)
        | st.builds("({} {} {})".format, inner, st.sampled_from(["&&", "||"]), inner)
        | st.builds("(if {} then {} else {})".format, inner, inner, inner)
    ),
    max_leaves=5,
)
conditions = st.lists(
    st.builds("{} {{ {} }}".format, st.sampled_from(["when", "unless"]), terms), max_size=2
).map(" ".join)
scopes = st.sampled_from(
    [ANY, RESTARTS.format("RestartRollout"), RESTARTS.format("CordonNode")]
) | st.just('(principal, action in [Action::"CordonNode", Action::"RestartRollout"], resource)')
folders = st.lists(st.tuples(st.sampled_from(["permit", "forbid"]), scopes, conditions), max_size=4)


@st.composite
def drawn_facts(draw: st.DrawFn) -> Facts:
    """Draw the facts of an act, most of them as usual."""
    facts = dict(ordinary())
    changes = draw(
        st.fixed_dictionaries(
            {},
            optional={
                **dict.fromkeys(FLAGS, st.booleans()),
                **dict.fromkeys([*NUMBERS, "confidence"], st.integers(-1, 4)),
                **dict.fromkeys(SETS, st.lists(st.sampled_from(WORDS), max_size=2)),
                "image": st.sampled_from(["", "geo"]),
                "preview": st.none()
                | st.fixed_dictionaries(
                    {
                        name: st.booleans() if isinstance(value, bool) else st.integers(-1, 99)
                        for name, value in PREVIEW.items()
                    }
                ),
            },
        )
    )
    facts.update(changes)
    if facts["preview"] is None:
        del facts["preview"]
    return facts


@settings(max_examples=1000, deadline=None)
@given(folders, drawn_facts())
def test_what_is_asked_is_answered_as_everything_would_be(
    folder: list[tuple[str, str, str]], facts: Facts
) -> None:
    text = "".join(
        f'@id("{at}") {effect} {scope} {when};' for at, (effect, scope, when) in enumerate(folder)
    )
    assert shortly(text, facts) == at_length(text, facts)


@pytest.mark.parametrize("name", [*USUAL, *USUAL_PREVIEW])
def test_each_usual_value_is_read_where_nothing_is_told(name: str) -> None:
    fact = f"preview.{name}" if name in USUAL_PREVIEW else name
    usual = (USUAL | USUAL_PREVIEW)[name]
    other: JsonValue = {bool: not usual, int: 7, str: "geo", list: ["geo"]}[type(usual)]
    text = f'@id("a") permit {ANY} when {{ context.{fact} == {json.dumps(usual)} }};'
    unusual = dict(ordinary())
    if name in USUAL_PREVIEW:
        unusual["preview"] = PREVIEW | {name: other}  # type: ignore[dict-item]  # as drawn
    else:
        unusual[name] = other  # type: ignore[assignment]  # as drawn
    question, _ = question_of(text)
    assert told(ordinary(), question.asked) == ({"preview": {}} if name in USUAL_PREVIEW else {})
    assert shortly(text, ordinary()) == (cedarpy.Decision.Allow, ["a"], False)
    assert shortly(text, unusual) == (cedarpy.Decision.Deny, [], False)


@pytest.mark.parametrize("name", USUAL)
def test_a_fact_that_is_not_told_is_there_all_the_same(name: str) -> None:
    text = f'@id("a") permit {ANY} when {{ context has {name} }};'
    assert shortly(text, ordinary()) == (cedarpy.Decision.Allow, ["a"], False)


def test_what_cannot_be_shortened_is_asked_as_it_is_written() -> None:
    deep = " || ".join(['["q", "r"].contains(context.name)', *['context.name == "n"'] * 58])
    question, _ = question_of(
        f'@id("a") forbid {ANY} when {{ {deep} }} unless {{ context.freeze }};'
    )
    assert (question.asked, question.guards) == (None, frozenset())
    assert question.every is question.few


def test_what_is_not_told_is_still_looked_for() -> None:
    question = shipped().rules.questions["RestartRollout"]
    assert question.asked is not None and "image" not in question.asked
    verdict = shipped().decide(RESTART, circumstances(confidence="80"))
    assert (verdict.reason, "confidence" in verdict.message) == ("policy_error", True)


def test_policies_that_may_hold_are_asked_about_the_act(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[object, int]] = []

    def looked_at(
        asked: dict[str, object], policies: cedarpy.PolicySet, entities: cedarpy.Entities
    ) -> cedarpy.AuthzResult:
        seen.append((asked["resource"], str(policies).count("@id(")))
        return answered(asked, policies, entities)

    answered = cedarpy.is_authorized
    monkeypatch.setattr(decide.cedarpy, "is_authorized", looked_at)
    verdicts = [shipped().decide(RESTART, circumstances(freeze=frozen)) for frozen in (False, True)]
    assert [verdict.reason for verdict in verdicts] == ["restart_or_rollback", "frozen"]
    (resource, few), (_, every) = seen
    assert resource == {"type": "Namespace", "id": "hotel-1"}
    assert few < every
