"""Every write that AOI can do, each a type with its own fields; there is no generic write.

Invariant: an act that is not one of these classes cannot be expressed, signed or executed.
`agents.policy.actions` converts a `Command` to an action and back.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from agents.contracts.model_base import Order

WorkloadKind = Literal["deployments", "statefulsets", "daemonsets"]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
MongoWord = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,63}$")]
Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]


class Workload(Order):
    """A controller of pods."""

    kind: WorkloadKind
    namespace: Name
    name: Name


class RestartRollout(Order):
    """`kubectl rollout restart`."""

    type: Literal["RestartRollout"] = "RestartRollout"
    workload: Workload


class UndoRollout(Order):
    """`kubectl rollout undo`; `revision` None means the one before."""

    type: Literal["UndoRollout"] = "UndoRollout"
    workload: Workload
    revision: int | None = Field(default=None, ge=1)


class ScaleWorkload(Order):
    """`kubectl scale --replicas`."""

    type: Literal["ScaleWorkload"] = "ScaleWorkload"
    workload: Workload
    replicas: int = Field(ge=0, le=1000)


class SetImage(Order):
    """`kubectl set image`: one container's image."""

    type: Literal["SetImage"] = "SetImage"
    workload: Workload
    container: Name
    image: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,500}$")


class SetEnv(Order):
    """`kubectl set env`: assignments (None removes the variable), in the order of their names."""

    type: Literal["SetEnv"] = "SetEnv"
    workload: Workload
    container: Name | None = None
    variables: tuple[tuple[str, str | None], ...] = Field(min_length=1)


class SetResources(Order):
    """`kubectl set resources`: requests and limits, such as `(("cpu", "100m"),)`."""

    type: Literal["SetResources"] = "SetResources"
    workload: Workload
    container: Name | None = None
    requests: tuple[tuple[str, str], ...] = ()
    limits: tuple[tuple[str, str], ...] = ()


class PatchResource(Order):
    """`kubectl patch`: the patch as canonical JSON text (sorted keys, no blanks)."""

    type: Literal["PatchResource"] = "PatchResource"
    kind: str
    namespace: Name | None
    name: Name
    strategy: Literal["strategic", "merge", "json"]
    patch: str = Field(max_length=65_536)


class ApplyManifest(Order):
    """`kubectl apply|create -f -`: one object as canonical JSON text."""

    type: Literal["ApplyManifest"] = "ApplyManifest"
    mode: Literal["apply", "create"]
    kind: str
    namespace: Name | None
    name: Name
    manifest: str = Field(max_length=65_536)


class DeletePod(Order):
    """`kubectl delete pod`: the controller makes another."""

    type: Literal["DeletePod"] = "DeletePod"
    namespace: Name
    name: Name
    force: bool = False


class DeleteResource(Order):
    """`kubectl delete` of one named object that is no pod."""

    type: Literal["DeleteResource"] = "DeleteResource"
    kind: str
    namespace: Name | None
    name: Name


class LabelResource(Order):
    """`kubectl label|annotate`: pairs, None removes."""

    type: Literal["LabelResource"] = "LabelResource"
    field: Literal["labels", "annotations"]
    kind: str
    namespace: Name | None
    name: Name
    pairs: tuple[tuple[str, str | None], ...] = Field(min_length=1)
    overwrite: bool = False


class CordonNode(Order):
    """`kubectl cordon|uncordon`."""

    type: Literal["CordonNode"] = "CordonNode"
    name: Name
    unschedulable: bool


class RunMongoRepair(Order):
    """One user or role repair inside a MongoDB pod, typed down to its fields.

    No password is ever a value here: `password_variable` names the container's variable that holds
    a created user's, `login_variables` those that hold user and password of the session.
    """

    type: Literal["RunMongoRepair"] = "RunMongoRepair"
    namespace: Name
    pod: Name
    container: Name | None = None
    shell: Literal["mongo", "mongosh"] = "mongosh"
    operation: Literal["create_user", "grant_roles", "drop_user"]
    database: MongoWord
    user: MongoWord
    password_variable: Variable | None = None
    login_variables: tuple[Variable, Variable] | None = None
    roles: tuple[tuple[MongoWord, MongoWord], ...] = ()


class HelmRollback(Order):
    """`helm rollback RELEASE REVISION`."""

    type: Literal["HelmRollback"] = "HelmRollback"
    namespace: Name
    release: Name
    revision: int | None = Field(default=None, ge=1)


Action = Annotated[
    RestartRollout
    | UndoRollout
    | ScaleWorkload
    | SetImage
    | SetEnv
    | SetResources
    | PatchResource
    | ApplyManifest
    | DeletePod
    | DeleteResource
    | LabelResource
    | CordonNode
    | RunMongoRepair
    | HelmRollback,
    Field(discriminator="type"),
]
ACTION: TypeAdapter[Action] = TypeAdapter(Action)


class Touched(Order):
    """An object that an action changes, with the version that the approver saw."""

    kind: str
    namespace: str | None
    name: str
    resource_version: str | None = Field(description="None when the object does not exist yet")


class Preview(Order):
    """What a server-side dry run of an action showed.

    The members with a default came later; they are None where the environment does not tell them.
    """

    diff: str
    touched: tuple[Touched, ...]
    rollback: Action | None = Field(description="the act that undoes this one; None if none can")
    pods_affected: int = Field(ge=0)
    changed: tuple[str, ...] | None = Field(
        default=None,
        description="sorted names of the members that differ in objects that stay, and of those "
        "that a revision brings or takes away",
    )
    replicas_before: int | None = Field(
        default=None, ge=0, description="of the touched workload that loses the largest share"
    )
    replicas_after: int | None = Field(default=None, ge=0, description="of the same workload")
    owners: tuple[str, ...] | None = Field(
        default=None,
        description="the controllers above what is touched, as namespace/kind/name, sorted",
    )
    state: str | None = Field(
        default=None,
        description="SHA-256 of what is written of the touched objects before the act: no status, "
        "no version; equal as long as nobody but controllers reporting touches them",
    )


def namespace_of(action: Action) -> str | None:
    """Return the namespace that an action is about; None for a cluster-wide one."""
    place = getattr(action, "workload", action)
    named = getattr(place, "namespace", None)
    return named if isinstance(named, str) else None
