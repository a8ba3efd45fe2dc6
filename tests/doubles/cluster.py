"""A cluster in a test: replicas of deployments in a dict, behind the three handles.

It stands where a test is about the roles around it; what is about Kubernetes uses the lab.
"""

from dataclasses import dataclass, field

from agents.contracts.action import (
    Action,
    Preview,
    RestartRollout,
    ScaleWorkload,
    Touched,
)
from agents.contracts.command import Command
from agents.environments.protocol import (
    ActionRejected,
    EnvironmentUnavailable,
    ObjectMoved,
    Output,
)


@dataclass(slots=True)
class TestCluster:
    """Deployments by name.

    `down` makes every call fail, `breaks` makes acts harmful, `still` leaves the version as it is
    whatever is done, `talkative` adds that many lines to every read.
    """

    __test__ = False

    replicas: dict[str, int] = field(default_factory=lambda: {"geo": 0, "rate": 1})
    version: int = 7
    down: bool = False
    breaks: bool = False
    still: bool = False
    talkative: int = 0
    acts: list[Action] = field(default_factory=list)

    async def read(self, command: Command) -> Output:
        self._reached()
        lines = [f"{name}   {count}/{count}" for name, count in self.replicas.items()]
        lines += [f"line {number} of much" for number in range(self.talkative)]
        return Output(text=f"{command.verb}\n" + "\n".join(lines), exit_code=0)

    async def preview(self, action: Action) -> Preview:
        self._reached()
        name = _name(action)
        if name not in self.replicas:
            raise ActionRejected(f'deployments.apps "{name}" not found')
        rollback = None
        if isinstance(action, ScaleWorkload):
            rollback = action.model_copy(update={"replicas": self.replicas[name]})
        return Preview(
            diff=f"-replicas: {self.replicas[name]}",
            touched=(self._touched(name),),
            rollback=rollback,
            pods_affected=1,
            changed=(),
            owners=(),
        )

    async def act(self, action: Action, touched: tuple[Touched, ...] | None = None) -> Output:
        self._reached()
        if touched is not None and await self.versions(touched) != touched:
            raise ObjectMoved("moved")
        self.acts.append(action)
        self.version += not self.still
        if isinstance(action, ScaleWorkload):
            self.replicas[_name(action)] = 0 if self.breaks else action.replicas
        return Output(text=f"deployment.apps/{_name(action)} changed", exit_code=0)

    async def versions(self, touched: tuple[Touched, ...]) -> tuple[Touched, ...]:
        self._reached()
        return tuple(self._touched(one.name) for one in touched)

    async def verify(self, action: Action) -> tuple[bool, str]:
        self._reached()
        count = self.replicas.get(_name(action), 0)
        return count > 0, f"{_name(action)}: {count} ready"

    def _touched(self, name: str) -> Touched:
        return Touched(
            kind="deployments",
            namespace="hotel-0a1b2",
            name=name,
            resource_version=str(self.version),
        )

    def _reached(self) -> None:
        if self.down:
            raise EnvironmentUnavailable("connection refused")


def _name(action: Action) -> str:
    assert isinstance(action, ScaleWorkload | RestartRollout)
    return action.workload.name
