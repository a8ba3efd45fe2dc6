"""A fault of a folder of rules is told once, with the file, the policy's @id and its line."""

import shutil
from pathlib import Path

import pytest

from agents.contracts.action import RestartRollout, Workload
from agents.policy.cases import load_tested
from agents.policy.decide import SHIPPED, Policy
from agents.policy.rulebook import PolicyInvalid, read_rulebook
from tests.safety.judge import circumstances

DENY = '@id("{}")\n@message("m")\nforbid (principal, action, resource);\n'


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("approvers.toml", "[", "approvers.toml is no TOML: "),
        ("approvers.toml", "default = 0", "approvers.toml: expected counts from 1 up, and a def"),
        ("approvers.toml", "CordonNode = 1", "approvers.toml: expected counts from 1 up, and a"),
        (
            "approvers.toml",
            "default = 1\nRestart = 1",
            "approvers.toml: ['Restart'] are no acts; expected ApplyManifest, CordonNode, ",
        ),
        ("settings.toml", "x = 1", "settings.toml: x: Extra inputs are not permitted"),
        ("never.cedar", "forbid (", "never.cedar: "),
        (
            "never.cedar",
            "forbid (principal, action, resource);",
            "never.cedar: policy 1 (line 1): expected an @id and a @message",
        ),
        (
            "never.cedar",
            f'// one;\n{DENY.format("x")}\n@id("y")\nforbid (principal, action, resource);',
            "never.cedar: y (line 6): expected an @id and a @message",
        ),
        (
            "never.cedar",
            f"{DENY.format('a;b')}// no\n{DENY.format('y')[:-2]} when {{ context.fource }};",
            "never.cedar: y (line 5): attribute `fource` in context not found",
        ),
        (
            "never.cedar",
            f"{DENY.format('y')[:-2]} when {{ context.freeze < 2 }};",
            "never.cedar: y (line 1): unexpected type: expected Long but saw Bool",
        ),
        (
            "never.cedar",
            'forbid (principal, action == Action::"CordonNode", resource)\nwhen { context.x };',
            (
                "never.cedar: policy 1 (line 1): attribute `x` in context "
                'for Action::"CordonNode" not found'
            ),
        ),
        (
            "never.cedar",
            f"{DENY.format('x')}\n{DENY.format('y')[:-2]}\nwhen {{ {{ }};\n{DENY.format('z')}",
            "never.cedar: the policy that begins on line 5: Policy parse error: unexpected token",
        ),
        (
            "never.cedar",
            '@id("x")\n@message("m")\npermit (principal, action, resource);',
            "never.cedar: x permits; what may be done stands in ask.cedar and automatic.cedar",
        ),
        ("never.cedar", DENY.format("x") * 2, "expected each @id once: ['x']"),
        (
            "ask.cedar",
            '@id("x")\n@message("m")\npermit (principal == ?principal, action, resource);',
            "ask.cedar: expected policies without a ?principal or ?resource to fill in",
        ),
        ("schema.cedarschema", "entity", "schema.cedarschema: Schema parse error: "),
        ("strange.txt", "", "expected "),
    ],
)
def test_a_folder_with_a_fault_says_which(tmp_path: Path, file: str, text: str, told: str) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(SHIPPED, folder)
    (folder / file).write_text(text)
    with pytest.raises(PolicyInvalid) as caught:
        read_rulebook(folder)
    assert str(caught.value).startswith(told)
    if file == "strange.txt":
        assert str(caught.value).endswith("missing: [], not known: ['strange.txt']")


def test_of_a_fault_of_every_act_one_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(SHIPPED, folder)
    text = (folder / "automatic.cedar").read_text().replace("context.force", "context.fource")
    (folder / "automatic.cedar").write_text(text)
    line = text[: text.index('@id("forced")')].count("\n") + 1
    with pytest.raises(PolicyInvalid) as caught:
        read_rulebook(folder)
    assert str(caught.value) == (
        f"automatic.cedar: forced (line {line}): attribute `fource` in context not found"
    )


@pytest.mark.parametrize("name", ["automatic.cedar~", "#automatic.cedar#", ".automatic.cedar.swp"])
def test_an_editor_s_copy_is_none_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(SHIPPED, folder)
    for place in (folder, folder / "tests"):
        (place / name).write_text("permit (")
    assert read_rulebook(folder).version == read_rulebook(SHIPPED).version
    assert load_tested(folder).version == read_rulebook(SHIPPED).version


def test_the_name_of_lifted_lists_is_taken(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(SHIPPED, folder)
    schema = folder / "schema.cedarschema"
    schema.write_text(f'{schema.read_text()}\nentity AOI__List {{ "members": Set<String> }};\n')
    with pytest.raises(PolicyInvalid, match=r"^schema\.cedarschema: AOI__List is a name of AOI's"):
        read_rulebook(folder)


@pytest.mark.parametrize(
    "body",
    [
        "(" * 5000 + "true" + ")" * 5000,
        "[" * 101 + "]" * 101 + " == context.kinds",
        "(context.force || " * 1000 + "true" + ")" * 1000,
        " || ".join(["context.force"] * 50_000),
        "if true then " * 5000 + "true" + " else false" * 5000,
        "context" + ".a" * 1000,
        "context.touches" + '.contains("a")' * 1000,
        "!(" * 90 + "true" + ")" * 90 + " && true" * 1000,
    ],
)
def test_what_would_end_cedar_s_process_is_refused_by_name(tmp_path: Path, body: str) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(SHIPPED, folder)
    never = (folder / "never.cedar").read_text()
    lines = never.count("\n") + 1
    deep = f"{DENY.format('deep')[:-2]} when {{ {body} }};\n"
    (folder / "never.cedar").write_text(never + deep)
    told = rf"^never\.cedar: the policy that begins on line {lines} is nested too deep: split it"
    with pytest.raises(PolicyInvalid, match=told):
        read_rulebook(folder)
    (folder / "schema.cedarschema").write_text(f"type X = {'Set<' * 5000}String{'>' * 5000};")
    with pytest.raises(PolicyInvalid, match=r"^schema\.cedarschema: .* line 1 is nested too deep"):
        read_rulebook(folder)


@pytest.mark.parametrize("terms", [50, 58, 300])
def test_a_policy_is_taken_while_cedar_can_hold_it_and_refused_beyond(
    tmp_path: Path, terms: int
) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(SHIPPED, folder)
    names = [f'context.name == "n{at}"' for at in range(terms)]
    body = " || ".join(['["q", "r"].contains(context.name)', *names])
    deep = f"{DENY.format('deep')[:-2]} when {{ {body} }};\n"
    (folder / "never.cedar").write_text((folder / "never.cedar").read_text() + deep)
    if terms > 100:
        with pytest.raises(PolicyInvalid, match="is nested too deep: split it"):
            read_rulebook(folder)
        return
    policy = Policy(read_rulebook(folder))
    for name, reason in (("q", "deep"), ("n0", "deep"), ("geo", "restart_or_rollback")):
        workload = Workload(kind="deployments", namespace="hotel-1", name=name)
        verdict = policy.decide(RestartRollout(workload=workload), circumstances())
        assert verdict.reason == reason
