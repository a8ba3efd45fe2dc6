"""A store that takes TLS only: its callers speak plainly, and its arguments say what it wants."""

import json
import re
from itertools import pairwise
from random import Random

from agents.memory import LastStep
from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict, undo
from learner.pretrain.sight import name_in

NAME = "tls_required"
DESCRIBED = re.compile(r"kubectl describe deploy (?P<name>\S+)$")
WANTED = re.compile(r"\bTLS\b|\bSSL\b|plaintext")
ARGUMENTS = re.compile(r"^( +)Args:\n((?:\1 +\S.*\n)+)", re.MULTILINE)
CONTAINER = re.compile(r"^ +Containers:\n +(\S+):$", re.MULTILINE)
DEMANDS = (("--tlsMode", "requireTLS"), ("-c", "ssl=require"), ("--tls-only", "yes"))


def _read(notes: Notes, last: LastStep) -> str | None:
    described = DESCRIBED.match(last.line)
    if described is None or last.exit_code:
        return None
    found, container = ARGUMENTS.search(last.text), CONTAINER.search(last.text)
    arguments = tuple(found[2].split()) if found else ()
    pairs = tuple(pairwise(arguments))
    demand = next((pair for pair in DEMANDS if pair in pairs), None)
    if demand is None or container is None:
        notes.keep(NAME, described["name"], {})
        return None
    facts = {"arguments": " ".join(arguments), "demand": " ".join(demand)}
    notes.keep(NAME, described["name"], facts | {"container": container[1]})
    return f"{name_in(last.text) or described['name']} runs with {' '.join(arguments)}"


def _look(notes: Notes) -> Verdict:
    edge = notes.leaf()
    if edge is None or edge.obstacle is None or WANTED.search(edge.error) is None:
        return None
    facts = notes.kept(NAME, edge.callee)
    if facts is None:
        line = f"kubectl describe deploy {edge.callee}"
        return Look(line=line, service=edge.callee, needed=False)
    return Finding(service=edge.callee, facts=facts) if facts else None


def _repairs(_notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    lines = [undo(finding.service)]
    facts = finding.facts
    if facts.get("arguments") == facts.get("demand"):  # else others would go with them
        container = {"name": facts["container"], "args": None}
        body = {"spec": {"template": {"spec": {"containers": [container]}}}}
        text = json.dumps(body, separators=(",", ":"))
        lines.append(f"kubectl patch deploy {finding.service} -p '{text}'")
    return tuple(lines)


RULE = Rule(
    name=NAME,
    system_level="Application",
    fault_type="Misconfiguration",
    look=_look,
    repairs=_repairs,
    read=_read,
)
