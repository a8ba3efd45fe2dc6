"""The families of the benchmark and of our own problems, by name."""

from agents.environments.simulated.benchmark import chaos, featureflags, own, stores, workloads
from agents.environments.simulated.faults.family import Family

BENCHMARK: dict[str, Family] = {
    family.name: family
    for family in (
        *stores.FAMILIES,
        *workloads.FAMILIES,
        *chaos.FAMILIES,
        *featureflags.FAMILIES,
    )
}
OWN: dict[str, Family] = {family.name: family for family in own.FAMILIES}
