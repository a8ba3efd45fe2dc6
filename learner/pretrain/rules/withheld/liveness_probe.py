"""A liveness probe at a port where nobody listens: a healthy process is killed again and again."""

import json
import re
from random import Random

from agents.memory import LastStep
from learner.pretrain.notes import Notes
from learner.pretrain.rules.rule import Finding, Look, Rule, Verdict, pod_look, undo
from learner.pretrain.sight import Obstacle, tells_events

NAME = "liveness_probe"
PODS = "kubectl get pods"
OFTEN = 2
"""Restarts from which a pod that is ready at the moment is looked at as well."""
POD = re.compile(r"kubectl describe pod (?P<name>\S+)$")
DEPLOYMENT = re.compile(r"kubectl describe deploy (?P<name>\S+)$")
FAILED = re.compile(r"Liveness probe failed|failed liveness probe")
PROBE = re.compile(r"^ +Liveness: +(?P<how>tcp-socket|http-get) \S*?:(?P<port>\d+)", re.MULTILINE)
FIELDS = {"tcp-socket": "tcpSocket", "http-get": "httpGet"}


def _read(notes: Notes, last: LastStep) -> str | None:
    if last.exit_code:
        return None
    pod, deployment = POD.match(last.line), DEPLOYMENT.match(last.line)
    if pod is not None and tells_events(last.text):
        service = notes.service_of(pod["name"])
        failed = FAILED.search(last.text) is not None and "OOMKilled" not in last.text
        notes.keep(NAME, service, {"failed": "yes" if failed else ""})
        return f"{service} is killed: Liveness probe failed" if failed else None
    probe = PROBE.search(last.text) if deployment is not None else None
    if deployment is not None and probe is not None:
        notes.keep(NAME, deployment["name"], dict(probe.groupdict()))
    return None


def _look(notes: Notes) -> Verdict:
    edge = notes.leaf()
    if notes.pods is None and edge is not None and edge.obstacle is Obstacle.REFUSED:
        return Look(line=PODS, service=edge.callee)  # it may be up by chance
    for service, row in (notes.pods or {}).items():
        if row.restarts < OFTEN or row.status == "OOMKilled":
            continue
        facts = notes.kept(NAME, service)
        if facts is None or "failed" not in facts:
            return pod_look(service, row)
        if facts["failed"]:
            return Finding(service=service)
    return None


def _prepare(notes: Notes, finding: Finding) -> Look | None:
    if finding.service in notes.templates:
        return None
    return Look(line=f"kubectl describe deploy {finding.service}", service=finding.service)


def _repairs(notes: Notes, finding: Finding, _rng: Random) -> tuple[str, ...]:
    lines = [undo(finding.service)]
    facts, template = notes.kept(NAME, finding.service) or {}, notes.templates.get(finding.service)
    if "how" in facts and template is not None and template.container and template.port:
        probe = {FIELDS[facts["how"]]: {"port": template.port}}
        container = {"name": template.container, "livenessProbe": probe}
        body = {"spec": {"template": {"spec": {"containers": [container]}}}}
        text = json.dumps(body, separators=(",", ":"))
        lines.append(f"kubectl patch deploy {finding.service} -p '{text}'")
    return tuple(lines)


RULE = Rule(
    name=NAME,
    system_level="Virtualization",
    fault_type="Misconfiguration",
    look=_look,
    prepare=_prepare,
    repairs=_repairs,
    read=_read,
    cautious=True,
)
