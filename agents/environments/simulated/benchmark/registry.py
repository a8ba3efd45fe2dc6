"""The benchmark's families by name, and which of its applications each is at home in."""

from agents.environments.simulated.benchmark import chaos, featureflags, stores, workloads
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
