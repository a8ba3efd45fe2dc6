"""All families by name; which split each belongs to stands in `splits.json`."""

from agents.environments.simulated.faults import networking, templates, withheld
from agents.environments.simulated.faults.family import Family

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        *networking.FAMILIES,
        *templates.FAMILIES,
        *withheld.WITHHELD,
        *withheld.TUNING,
    )
}
