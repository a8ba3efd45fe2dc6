"""Generators of typed commands and actions, made from the tables of verbs, flags and kinds."""

from hypothesis import strategies as st

from agents.approval.canonical import canonical_json
from agents.contracts.action import (
    Action,
    ApplyManifest,
    CordonNode,
    DeletePod,
    DeleteResource,
    HelmRollback,
    LabelResource,
    PatchResource,
    RestartRollout,
    RunMongoRepair,
    ScaleWorkload,
    SetEnv,
    SetImage,
    SetResources,
    UndoRollout,
    Workload,
)
from agents.contracts.command import Command, Flag, Target
from agents.policy.flags import flag_of
from agents.policy.kinds import KINDS, RELEASES
from agents.policy.verbs import VERBS, WITHOUT_MEANING, Shape

names = st.from_regex(r"[a-z]([-a-z0-9]{0,12}[a-z0-9])?", fullmatch=True)
visible = st.characters(codec="utf-8", categories=["L", "N", "P", "S"])
values = st.text(visible, max_size=20)
# words of the language itself are names of roles, databases and people like any other
mongo_words = st.one_of(
    st.sampled_from(["role", "db", "roles", "user", "pwd", "root", "admin"]),
    st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,20}", fullmatch=True),
)
variables = st.from_regex(r"[A-Z][A-Z0-9_]{0,20}", fullmatch=True)
_label_keys = st.from_regex(r"([a-z]{1,8}\.io/)?[a-z][a-z0-9]{0,8}", fullmatch=True)
_label_values = st.from_regex(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,8}[A-Za-z0-9])?)?", fullmatch=True)
_images = st.from_regex(
    r"[a-z]{1,8}(:[0-9]{1,4}/[a-z]{1,8})?(@sha256:[0-9a-f]{8}|:[a-z0-9.]{1,8})?", fullmatch=True
)
_OPERANDS: dict[str, st.SearchStrategy[str]] = {
    "kubectl set image": st.builds("{}={}".format, st.one_of(st.just("*"), names), _images),
    "kubectl set env": st.one_of(
        st.builds("{}={}".format, variables, values), variables.map("{}-".format)
    ),
    "kubectl set selector": st.builds("{}={}".format, _label_keys, _label_values),
    "kubectl label": st.one_of(
        st.builds("{}={}".format, _label_keys, _label_values), _label_keys.map("{}-".format)
    ),
    "kubectl annotate": st.one_of(
        st.builds("{}={}".format, _label_keys, values), _label_keys.map("{}-".format)
    ),
}
_QUICK = {
    "limits": ["cpu=100m", "cpu=1,memory=1.5Gi", "example.com/gpu=2"],
    "requests": ["memory=64Mi", "cpu=0.5,memory=1Gi"],
    "for": ["delete", "condition=Ready", "condition=Ready=false", "jsonpath={.a}=b c"],
}
INNER = [
    ("env",),
    ("printenv", "A", "B_C"),
    ("cat", "/etc/hosts", "/proc/meminfo"),
    ("nslookup", "geo.hotel-1.svc"),
    ("curl", "-sS", "-m", "5", "-w", "\\n%{http_code}\\n", "http://geo:80/a"),
    ("wget", "--max-redirect=0", "-qO-", "-T", "5", "http://geo"),
    ("mongosh", "--quiet", "--eval", 'db.getSiblingDB("a").dropUser("b")'),
    ("mongo", "admin", "--eval", "db.getUsers()"),
]


def _flag(key: str, name: str) -> st.SearchStrategy[list[Flag]]:
    """Return values that a flag of a verb may have, in canonical form."""
    flag = flag_of(key, name)
    if flag.is_switch:
        switched = {"false": ["true"], "true": ["false"]}.get(flag.default, ["true", "false"])
        return st.sampled_from(switched).map(lambda value: [Flag(name=name, value=value)])
    alphabet = st.characters(
        codec="utf-8", exclude_categories=["Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"]
    )
    text = st.from_regex(flag.value, fullmatch=True, alphabet=alphabet).filter(
        lambda value: len(value.encode()) < 500
    )
    if name in _QUICK and key != "kubectl events":  # their patterns are slow to draw from
        text = st.sampled_from(_QUICK[name])
    most = 3 if flag.repeatable else 1
    return st.lists(text.map(lambda value: Flag(name=name, value=value)), min_size=1, max_size=most)


def _targets(key: str) -> st.SearchStrategy[tuple[Target, ...]]:
    verb = VERBS[key]
    named_kinds = st.sampled_from(sorted(verb.kinds or KINDS.keys() - {"all"}))
    one = st.builds(Target, kind=named_kinds, name=names).map(lambda target: (target,))
    several = st.lists(
        st.builds(Target, kind=named_kinds, name=names), min_size=1, max_size=3, unique=True
    ).map(tuple)
    unnamed = st.lists(
        st.builds(Target, kind=st.sampled_from(sorted(verb.kinds or KINDS))),
        min_size=1,
        max_size=3,
        unique=True,
    ).map(tuple)
    nodes = st.lists(st.builds(Target, kind=st.just("nodes"), name=names), min_size=1, max_size=2)
    release = st.builds(Target, kind=st.just(RELEASES), name=names).map(lambda target: (target,))
    empty: st.SearchStrategy[tuple[Target, ...]] = st.just(())
    return {
        Shape.KINDS: st.one_of(several, unnamed),
        Shape.WORKLOAD: several,
        Shape.PAIRS: several,
        Shape.POD: one,
        Shape.NODE: nodes.map(lambda found: tuple(dict.fromkeys(found))),
        Shape.RELEASE: release,
    }.get(verb.shape, empty)


def _operands(key: str) -> st.SearchStrategy[tuple[str, ...]]:
    shape = VERBS[key].shape
    if shape is Shape.PAIRS:
        return st.lists(_OPERANDS[key], min_size=1, max_size=3).map(tuple)
    if shape is Shape.FIELD:
        return st.sampled_from(["pods", "deployment.spec.strategy", "svc.spec.ports"]).map(
            lambda field: (field,)
        )
    if key == "helm rollback":
        return st.one_of(st.just(()), st.integers(0, 999).map(lambda number: (str(number),)))
    if key == "helm upgrade":
        return names.map(lambda chart: (chart,))
    return st.just(())


@st.composite
def commands(draw: st.DrawFn, key: str) -> Command:
    """Return any command of one verb, as `parse` would have made it."""
    verb = VERBS[key]
    targets = draw(_targets(key))
    operands = draw(_operands(key))
    optional = sorted(verb.flags - verb.needs - {"namespace", "all-namespaces"} - WITHOUT_MEANING)
    if key == "kubectl set env":
        optional.remove("env")  # becomes an operand
    chosen = draw(st.lists(st.sampled_from(optional), unique=True, max_size=4)) if optional else []
    if verb.shape is Shape.QUESTION:
        operands = (
            () if "list" in chosen else ("get", draw(st.sampled_from(["pods", "deployments/geo"])))
        )
    flags = [flag for name in sorted({*verb.needs, *chosen}) for flag in draw(_flag(key, name))]
    kinds = [KINDS[target.kind] for target in targets if target.kind in KINDS]
    placed = key.split()[1] not in {"version", "api-resources", "cluster-info", "config", "explain"}
    placed = placed and (not kinds or any(kind.namespaced for kind in kinds))
    everywhere = placed and "all-namespaces" in verb.flags and draw(st.booleans())
    program, _, words = key.partition(" ")
    return Command.model_validate(
        {
            "program": program,
            "verb": words,
            "targets": targets,
            "namespace": draw(st.one_of(st.none(), names)) if placed and not everywhere else None,
            "all_namespaces": everywhere,
            "flags": tuple(flags),
            "operands": operands,
            "inner": draw(st.sampled_from(INNER)) if key == "kubectl exec" else (),
            "stdin": draw(values) + "a: b\n" if verb.shape is Shape.MANIFEST else None,
        }
    )


workloads = st.builds(
    Workload,
    kind=st.sampled_from(["deployments", "statefulsets", "daemonsets"]),
    namespace=names,
    name=names,
)
_scaled = st.builds(
    Workload, kind=st.sampled_from(["deployments", "statefulsets"]), namespace=names, name=names
)


def _pairs(
    keys: st.SearchStrategy[str], of: st.SearchStrategy[str]
) -> st.SearchStrategy[tuple[tuple[str, str | None], ...]]:
    table = st.dictionaries(keys, st.one_of(st.none(), of), min_size=1, max_size=4)
    return table.map(lambda found: tuple(sorted(found.items())))


_containers = st.one_of(st.none(), names)
_revisions = st.one_of(st.none(), st.integers(1, 10**6 - 1))
_env_names = st.from_regex(r"[A-F][A-F0-9_]{0,10}", fullmatch=True)
_amounts = st.dictionaries(
    st.sampled_from(["cpu", "memory"]), st.sampled_from(["100m", "1Gi", "0.5"]), min_size=1
).map(lambda found: tuple(sorted(found.items())))
_roles = st.lists(st.tuples(mongo_words, mongo_words), min_size=1, max_size=3).map(tuple)
_repair = {
    "namespace": names,
    "pod": names,
    "container": _containers,
    "shell": st.sampled_from(["mongo", "mongosh"]),
    "database": mongo_words,
    "user": mongo_words,
    "login_variables": st.one_of(st.none(), st.tuples(variables, variables)),
}


@st.composite
def _manifests(draw: st.DrawFn) -> Action:
    kind = KINDS[draw(st.sampled_from(["configmaps", "services", "nodes", "deployments"]))]
    namespace = draw(names) if kind.namespaced else None
    name = draw(names)
    body = {
        "apiVersion": f"{kind.group}/v1".removeprefix("/"),
        "kind": kind.singular.capitalize() if kind.singular != "configmap" else "ConfigMap",
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "data": {draw(values): draw(values)},
    }
    return ApplyManifest(
        mode=draw(st.sampled_from(["apply", "create"])),
        kind=kind.plural,
        namespace=namespace,
        name=name,
        manifest=canonical_json(body),
    )


@st.composite
def _patches(draw: st.DrawFn) -> Action:
    kind = draw(st.sampled_from(sorted(KINDS.keys() - {"all"})))
    strategy = draw(st.sampled_from(["strategic", "merge", "json"]))
    text = draw(values)
    body = (
        [{"op": "add", "path": "/data/a", "value": text}]
        if strategy == "json"
        else {"a": [text, 1, None]}
    )
    return PatchResource.model_validate(
        {
            "kind": kind,
            "namespace": draw(names) if KINDS[kind].namespaced else None,
            "name": draw(names),
            "strategy": strategy,
            "patch": canonical_json(body),
        }
    )


@st.composite
def _on_any_kind(draw: st.DrawFn) -> Action:
    kind = draw(st.sampled_from(sorted(KINDS.keys() - {"all", "pods"})))
    place = {
        "kind": kind,
        "namespace": draw(names) if KINDS[kind].namespaced else None,
        "name": draw(names),
    }
    if draw(st.booleans()):
        return DeleteResource.model_validate(place)
    part = draw(st.sampled_from(["labels", "annotations"]))
    pairs = draw(_pairs(_label_keys, _label_values if part == "labels" else values))
    overwrite = draw(st.booleans())
    return LabelResource.model_validate(
        {**place, "field": part, "pairs": pairs, "overwrite": overwrite}
    )


@st.composite
def role_lists(draw: st.DrawFn) -> tuple[str, tuple[tuple[str, str | None], ...]]:
    """Return a list of roles as a person spells it, and what it means; None: the user's own."""
    roles = draw(st.lists(st.tuples(mongo_words, st.none() | mongo_words), min_size=1, max_size=4))

    def quoted(word: str) -> str:
        mark = draw(st.sampled_from("\"'"))
        return f"{mark}{word}{mark}"

    def key(word: str) -> str:
        return draw(st.sampled_from([word, quoted(word), f" {word} "]))

    spelled = [
        quoted(role)
        if place is None
        else f"{{{key('role')}:{quoted(role)} ,{key('db')}: {quoted(place)}}}"
        for role, place in roles
    ]
    return f"[{', '.join(spelled)}]", tuple(roles)


actions: st.SearchStrategy[Action] = st.one_of(
    st.builds(RestartRollout, workload=workloads),
    st.builds(UndoRollout, workload=workloads, revision=_revisions),
    st.builds(ScaleWorkload, workload=_scaled, replicas=st.integers(0, 1000)),
    st.builds(SetImage, workload=workloads, container=names, image=_images),
    st.builds(
        SetEnv, workload=workloads, container=_containers, variables=_pairs(_env_names, values)
    ),
    st.builds(
        SetResources, workload=workloads, container=_containers, requests=_amounts, limits=_amounts
    ),
    _patches(),
    _manifests(),
    st.builds(DeletePod, namespace=names, name=names, force=st.booleans()),
    _on_any_kind(),
    st.builds(CordonNode, name=names, unschedulable=st.booleans()),
    st.builds(RunMongoRepair, operation=st.just("grant_roles"), roles=_roles, **_repair),
    st.builds(RunMongoRepair, operation=st.just("drop_user"), **_repair),
    st.builds(
        RunMongoRepair,
        operation=st.just("create_user"),
        password_variable=variables,
        roles=_roles,
        **_repair,
    ),
    st.builds(HelmRollback, namespace=names, release=names, revision=_revisions),
)
"""Any typed action, as `action_of` would have made it."""
