"""The families' splits: complete, disjoint, and what C needs occurs in training families."""

import pytest

from agents.contracts.incident import Task
from agents.environments.simulated.benchmark.problems import APPLICATIONS
from agents.environments.simulated.benchmark.registry import BENCHMARK
from agents.environments.simulated.faults.family import FAULT_TYPES, SYSTEM_LEVELS
from agents.environments.simulated.faults.registry import FAMILIES
from agents.environments.simulated.incidents import generate
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.splits import families_of, table
from agents.policy.parse import parse

# what the benchmark's unseen families are answered with: aiopslab.md C2
NEEDED_LABELS = {
    "Virtualization",
    "Application",
    "Authentication Issue",
    "Network/Storage Issue",
    "Dependency Problem",
}


def test_every_family_is_in_exactly_one_split() -> None:
    splits = table()["splits"]
    made = [*splits["A"], *splits["B"], *splits["D"]]
    assert sorted(made) == sorted(FAMILIES)
    assert len(set(made)) == len(made)
    assert not set(splits["C"]) & set(made)
    assert len(splits["C"]) == 17


def test_no_incident_of_an_unseen_family_can_be_made() -> None:
    with pytest.raises(KeyError):
        families_of("C")
    for family in table()["splits"]["C"]:
        with pytest.raises(KeyError):
            generate(0, family=family)


def test_no_training_incident_is_one_of_the_benchmark() -> None:
    forbidden = {*table()["splits"]["C"], *table()["splits"]["D"], *BENCHMARK}
    names = {make().name for make in APPLICATIONS.values()}
    places = {make().namespace for make in APPLICATIONS.values()}
    for seed in range(300):
        scenario = generate(seed, split="B")
        assert scenario.family not in forbidden
        assert scenario.application.name not in names
        assert scenario.application.namespace not in places
        assert scenario.problem is None


def test_demonstrated_families_are_drawn_alone_from_a() -> None:
    assert set(families_of("A")) < set(families_of("B"))
    assert {generate(seed).family for seed in range(120)} == set(families_of("A"))


def test_labels_are_the_benchmarks_and_cover_what_c_needs() -> None:
    training = [FAMILIES[name] for name in families_of("B")]
    seen = {family.system_level for family in training} | {f.fault_type for f in training}
    assert {family.system_level for family in FAMILIES.values()} <= set(SYSTEM_LEVELS)
    assert {family.fault_type for family in FAMILIES.values()} <= set(FAULT_TYPES)
    assert seen >= NEEDED_LABELS
    coverage = table()["coverage"]["labels"]
    for label, names in coverage.items():
        for name in names:
            assert label in (FAMILIES[name].system_level, FAMILIES[name].fault_type)
    assert set(coverage) >= NEEDED_LABELS


def test_every_verb_of_the_coverage_table_repairs_the_families_it_names() -> None:
    for verb, names in table()["coverage"]["verbs"].items():
        for name in names:
            lab = Lab(generate(0, family=name, task=Task.MITIGATION))
            verbs = {
                parse(line, default_namespace=lab.namespace).verb
                for line in lab.ground_truth.repairs
            }
            assert verb in verbs


def test_the_coverage_names_training_families_only() -> None:
    training = set(families_of("B"))
    for column in ("labels", "verbs", "repair_primitives", "answer_forms"):
        for names in table()["coverage"][column].values():
            assert names
            assert set(names) <= training


def test_faults_are_placed_on_many_services() -> None:
    places = [generate(seed, family="service_target_port") for seed in range(60)]
    ranks = {
        [c.name for c in s.application.components].index(s.service) / len(s.application.components)
        for s in places
    }
    assert len(ranks) > 20
