"""An edit of the folder of rules: taken when right and at rest, otherwise without effect."""

import shutil
from pathlib import Path

import pytest

from agents.contracts.action import RestartRollout, Workload
from agents.policy.decide import SHIPPED, Ruling
from agents.policy.reload import UNREADABLE, PolicyFolder, stamp_of
from agents.policy.rulebook import PolicyInvalid, Rules
from tests.safety.judge import circumstances

RESTART = RestartRollout(workload=Workload(kind="deployments", namespace="hotel-1", name="geo"))
FROZEN = '[freeze]\nnow = true\nrule = "deny"\n'


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Give a copy of the shipped rules."""
    shutil.copytree(SHIPPED, tmp_path / "rules")
    return tmp_path / "rules"


def ruling(folder: PolicyFolder) -> Ruling:
    return folder.policy.decide(RESTART, circumstances()).ruling


def looked(folder: PolicyFolder, times: int = 2) -> list[Rules | PolicyInvalid | None]:
    """Look some times, settling what is found, as the watch does."""
    found = []
    for _ in range(times):
        one = folder.look()
        if one is not None:
            folder.settle(one)
        found.append(one)
    return found


def test_an_edit_that_stands_still_is_taken_whole(rules: Path) -> None:
    folder = PolicyFolder(rules)
    policy, before = folder.policy, folder.policy.version
    assert looked(folder) == [None, None]
    (rules / "settings.toml").write_text(FROZEN)
    assert folder.look() is None, "it may be half a save"
    assert ruling(folder) is Ruling.ALLOW
    (found,) = looked(folder, 1)
    assert isinstance(found, Rules)
    assert folder.policy is policy, "whoever holds the policy decides by the new rules"
    assert (ruling(folder), folder.policy.version == before) == (Ruling.DENY, False)
    assert looked(folder) == [None, None]


def test_an_edit_that_moves_on_is_read_when_it_rests(rules: Path) -> None:
    folder = PolicyFolder(rules)
    for text in ("[freeze", "[freeze]\nnow", FROZEN):
        (rules / "settings.toml").write_text(text)
        assert looked(folder, 1) == [None]
    assert isinstance(folder.look(), Rules)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("never.cedar", "forbid ("),
        ("never.cedar", ""),  # valid, but the folder's own cases fail
        ("approvers.toml", "default = 0"),
        ("settings.toml", "managed = ['*']"),
        ("tests/acts.yaml", "cases: []"),
        ("tests/mine.yaml", "cases: [{line: kubectl get pods, verdict: allow}]"),
        ("tests/mine.yaml", "cases: [{line: x, verdict: deny, context: {unheard_of: 1}}]"),
        ("tests/notes.txt", "todo"),
        ("extra.cedar", ""),
    ],
)
def test_an_edit_that_is_wrong_keeps_the_policy_and_says_why(
    rules: Path, name: str, text: str
) -> None:
    folder = PolicyFolder(rules)
    before = folder.policy.version
    (rules / name).write_text(text)
    found = looked(folder)
    assert isinstance(found[1], PolicyInvalid)
    assert (folder.policy.version, ruling(folder)) == (before, Ruling.ALLOW)
    assert folder.trouble == str(found[1])
    assert looked(folder) == [None, None], "an error is told once"
    assert folder.trouble is not None


def test_a_folder_that_is_right_again_ends_the_trouble(rules: Path) -> None:
    folder = PolicyFolder(rules)
    before, text = folder.policy.version, (rules / "never.cedar").read_text()
    (rules / "never.cedar").write_text("forbid (")
    looked(folder)
    assert folder.trouble is not None
    (rules / "never.cedar").write_text(text)
    looked(folder)
    assert vars(folder)["trouble"] is None
    assert folder.policy.version == before


def test_a_folder_that_is_gone_keeps_the_policy(rules: Path) -> None:
    folder = PolicyFolder(rules)
    shutil.rmtree(rules)
    looked(folder)
    assert folder.trouble is not None
    assert ruling(folder) is Ruling.ALLOW


def test_a_wrong_folder_is_no_beginning(rules: Path) -> None:
    (rules / "never.cedar").write_text("")
    with pytest.raises(PolicyInvalid, match="own tests fail"):
        PolicyFolder(rules)


def test_an_edit_behind_links_is_noticed_cases_too(rules: Path, tmp_path: Path) -> None:
    mounted, data = tmp_path / "mounted", tmp_path / "..data"
    shutil.move(rules, data)
    mounted.mkdir()
    for path in data.iterdir():
        (mounted / path.name).symlink_to(path)
    folder = PolicyFolder(mounted)
    case = data / "tests" / "acts.yaml"
    case.write_text(case.read_text().replace("verdict: allow", "verdict: deny", 1))
    assert isinstance(looked(folder)[-1], PolicyInvalid)
    case.write_text(case.read_text().replace("verdict: deny", "verdict: allow", 1))
    assert isinstance(looked(folder)[-1], Rules)
    assert folder.trouble is None


def test_a_folder_that_is_not_there_or_that_anybody_may_write_is_not_used(rules: Path) -> None:
    with pytest.raises(PolicyInvalid, match=r"expected a folder of policies at .*/none"):
        PolicyFolder(rules / "none")
    (rules / "never.cedar").chmod(0o646)
    with pytest.raises(PolicyInvalid, match=r"anybody may write .*never\.cedar: chmod o-w"):
        PolicyFolder(rules)


def test_a_folder_without_tests_has_a_stamp(rules: Path) -> None:
    with_tests = stamp_of(rules)
    shutil.rmtree(rules / "tests")
    assert not stamp_of(rules).startswith(UNREADABLE)
    assert stamp_of(rules) != with_tests
