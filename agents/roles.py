"""The roles and the zones that separate their trust."""

from enum import StrEnum


class Role(StrEnum):
    """One job in the pipeline; each has its own group, Kafka user and credential file."""

    INTAKE = "intake"
    CORRELATOR = "correlator"
    OBSERVER = "observer"
    INFERENCE = "inference"
    PROBE = "probe"
    COMPRESSOR = "compressor"
    GATE = "gate"
    VERIFIER = "verifier"
    PREVIEW = "preview"
    EXECUTOR = "executor"
    CLOSER = "closer"


class Zone(StrEnum):
    """A border of trust: a process (or several) with a uid of its own."""

    MIND = "mind"
    GATE = "gate"
    PROBE = "probe"
    PREVIEW = "preview"
    EXECUTOR = "executor"


ZONES: dict[Zone, tuple[Role, ...]] = {
    Zone.MIND: (Role.INTAKE, Role.CORRELATOR, Role.OBSERVER, Role.INFERENCE, Role.CLOSER),
    Zone.GATE: (Role.GATE, Role.VERIFIER),
    Zone.PROBE: (Role.PROBE, Role.COMPRESSOR),
    Zone.PREVIEW: (Role.PREVIEW,),
    Zone.EXECUTOR: (Role.EXECUTOR,),
}
