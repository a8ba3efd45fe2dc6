"""A store that does not let its caller's user in: the caller gives up at its start and says so."""

from random import Random

from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict
from learner.pretrain.rules.withheld.review.ledger import Ledger, ledger_of
from learner.pretrain.rules.withheld.review.tables import Row

LOGIN = (
    'db.getSiblingDB("admin").auth(_getEnv("MONGO_INITDB_ROOT_USERNAME"), '
    '_getEnv("MONGO_INITDB_ROOT_PASSWORD"))'
)


def ended(notes: Notes) -> tuple[Row, Look | None] | None:
    """Return the first pod that ends again and again, and the look at what it says."""
    ledger = ledger_of(notes)
    for row in ledger.unready:
        if row.status == "Pending" or not row.restarts:
            continue
        words = ledger.words.get(row.service)
        if words is None:
            line = f"kubectl logs deploy/{row.service} --tail=30"
            return row, Look(line=line, service=row.service, needed=False)
        if not words.gave_up and row.service not in ledger.swept:
            ledger.swept.add(row.service)  # asked once: a process that has just begun says nothing
            line = f"kubectl logs {row.pod} --previous --tail=30"
            return row, Look(line=line, service=row.service, needed=False)
        return row, None
    return None


def _look(notes: Notes) -> Verdict:
    found = ended(notes)
    if found is None:
        return None
    row, look = found
    if look is not None:
        return look
    words = ledger_of(notes).words[row.service]
    if not words.denied and not words.login:
        return None
    facts = {"database": words.denied, "user": words.user}
    return Finding(service=words.store.partition(":")[0] or row.service, facts=facts)


def _exec(ledger: Ledger, store: str, statement: str) -> str:
    row = (ledger.rows or {}).get(store)
    pod = row.pod if row else store
    return f"kubectl exec {pod} -- mongo --quiet --eval '{LOGIN}; {statement}'"


def _prepare(notes: Notes, finding: Finding) -> Look | None:
    ledger, store = ledger_of(notes), finding.service
    if store not in ledger.users:
        line = _exec(ledger, store, 'db.getSiblingDB("admin").getUsers()')
        return Look(line=line, service=store)
    if not finding.facts["database"] and store not in ledger.databases:
        line = _exec(ledger, store, "db.getMongo().getDBNames()")
        return Look(line=line, service=store)
    return None


def _repairs(notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    ledger, store = ledger_of(notes), finding.service
    listed = ledger.users.get(store, {})
    database = finding.facts["database"] or next(iter(ledger.databases.get(store, ())), "")
    user = finding.facts["user"] or next(
        (name for name, roles in listed.items() if "root" not in roles), ""
    )
    if not database or not user:
        return ()
    role = f'{{role: "readWrite", db: "{database}"}}'
    place = 'db.getSiblingDB("admin")'
    if user in listed:
        statement = f'{place}.grantRolesToUser("{user}", [{role}])'
    else:
        as_root = '_getEnv("MONGO_INITDB_ROOT_PASSWORD")'
        statement = f'{place}.createUser({{user: "{user}", pwd: {as_root}, roles: [{role}]}})'
    return (_exec(ledger, store, statement),)


RULE = Rule(
    name="review_store_users",
    system_level="Application",
    fault_type="Authentication Issue",
    look=_look,
    prepare=_prepare,
    repairs=_repairs,
    check=lambda _finding: "kubectl get pods",
    cautious=True,
    review=True,
    rank=30,
)
