"""The columns of autoscalers, jobs, sets and ingresses."""

from agents.environments.simulated.clock import age, seconds_of
from agents.environments.simulated.kubectl.cells import (
    NONE,
    Columns,
    age_of,
    container_cells,
    template_cells,
)
from agents.environments.simulated.objects.kinds import Manifest
from agents.environments.simulated.objects.selectors import label_selector_text, selector_text

_SHOWN_METRICS, _SHOWN_HOSTS = 2, 3
_JOB_STATES = ("Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet")


def metric_target(metric: Manifest, current: Manifest | None) -> str:
    """Return `current/target` of a resource metric of an autoscaler."""
    wanted, known = metric["target"], (current or {}).get("current") or {}
    if "averageValue" in wanted:
        return f"{known.get('averageValue', '<unknown>')}/{wanted['averageValue']}"
    target = f"{wanted['averageUtilization']}%" if "averageUtilization" in wanted else "<auto>"
    used = known.get("averageUtilization")
    return f"{'<unknown>' if used is None else f'{used}%'}/{target}"


def _metrics(item: Manifest) -> str:
    specs = item["spec"].get("metrics") or []
    if not specs:
        return NONE
    statuses = (item.get("status") or {}).get("currentMetrics") or []
    found = []
    for index, spec in enumerate(specs):
        metric = spec.get("resource")
        if metric is None:
            found.append("<unknown type>")
            continue
        current = statuses[index].get("resource") if index < len(statuses) else None
        found.append(f"{metric['name']}: {metric_target(metric, current)}")
    text = ", ".join(found[:_SHOWN_METRICS])
    more = len(found) - _SHOWN_METRICS
    return f"{text} + {more} more..." if more > 0 else text


def _autoscaler(item: Manifest, now: float) -> list[str]:
    spec = item["spec"]
    about = spec["scaleTargetRef"]
    return [
        item["metadata"]["name"],
        f"{about['kind']}/{about['name']}",
        _metrics(item),
        str(spec.get("minReplicas", "<unset>")),
        str(spec["maxReplicas"]),
        str((item.get("status") or {}).get("currentReplicas", 0)),
        age_of(item, now),
    ]


def _job_state(item: Manifest) -> str:
    true = {c["type"] for c in item["status"].get("conditions") or () if c["status"] == "True"}
    for state in _JOB_STATES:
        if state == "Suspended" and item["metadata"].get("deletionTimestamp"):
            return "Terminating"
        if state in true:
            return state
    return "Running"


def _completions(item: Manifest) -> str:
    spec, done = item["spec"], item["status"].get("succeeded", 0)
    if "completions" in spec:
        return f"{done}/{spec['completions']}"
    parallel = spec.get("parallelism", 0)
    return f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"


def _job(item: Manifest, now: float) -> list[str]:
    status = item["status"]
    begin, end = status.get("startTime"), status.get("completionTime")
    took = age((seconds_of(end) if end else now) - seconds_of(begin)) if begin else ""
    return [
        item["metadata"]["name"],
        _job_state(item),
        _completions(item),
        took,
        age_of(item, now),
    ]


def _cron_job(item: Manifest, now: float) -> list[str]:
    spec, status = item["spec"], item.get("status") or {}
    last = status.get("lastScheduleTime")
    return [
        item["metadata"]["name"],
        spec["schedule"],
        spec.get("timeZone", NONE),
        str(bool(spec.get("suspend"))),
        str(len(status.get("active") or ())),
        age(now - seconds_of(last)) if last else NONE,
        age_of(item, now),
    ]


def _cron_job_wide(item: Manifest, _now: float) -> list[str]:
    job = item["spec"]["jobTemplate"]["spec"]
    selector = label_selector_text(job.get("selector") or {})
    return [*container_cells(job["template"]), selector or NONE]


def _stateful_set(item: Manifest, now: float) -> list[str]:
    ready = item["status"].get("readyReplicas", 0)
    return [item["metadata"]["name"], f"{ready}/{item['spec']['replicas']}", age_of(item, now)]


def _daemon_set(item: Manifest, now: float) -> list[str]:
    status = item["status"]
    fields = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    selector = selector_text(item["spec"]["template"]["spec"].get("nodeSelector") or {})
    counts = [str(status.get(field, 0)) for field in fields]
    return [item["metadata"]["name"], *counts, selector or NONE, age_of(item, now)]


def _ingress(item: Manifest, now: float) -> list[str]:
    spec = item["spec"]
    rules = spec.get("rules") or []
    hosts = [rule["host"] for rule in rules if rule.get("host")]
    more = f" + {len(rules) - _SHOWN_HOSTS} more..." if len(rules) > _SHOWN_HOSTS else ""
    balanced = (item.get("status") or {}).get("loadBalancer") or {}
    given = [str(e.get("ip") or e.get("hostname")) for e in balanced.get("ingress") or ()]
    return [
        item["metadata"]["name"],
        spec.get("ingressClassName", NONE),
        f"{','.join(hosts[:_SHOWN_HOSTS])}{more}" if hosts else "*",
        ",".join(given),
        "80, 443" if spec.get("tls") else "80",
        age_of(item, now),
    ]


_TEMPLATE = ("CONTAINERS", "IMAGES", "SELECTOR")
OTHERS: dict[str, Columns] = {
    "horizontalpodautoscalers": Columns(
        header=("NAME", "REFERENCE", "TARGETS", "MINPODS", "MAXPODS", "REPLICAS", "AGE"),
        cells=_autoscaler,
    ),
    "jobs": Columns(
        header=("NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"),
        cells=_job,
        wide=_TEMPLATE,
        wide_cells=template_cells,
    ),
    "cronjobs": Columns(
        header=("NAME", "SCHEDULE", "TIMEZONE", "SUSPEND", "ACTIVE", "LAST SCHEDULE", "AGE"),
        cells=_cron_job,
        wide=_TEMPLATE,
        wide_cells=_cron_job_wide,
    ),
    "statefulsets": Columns(
        header=("NAME", "READY", "AGE"),
        cells=_stateful_set,
        wide=("CONTAINERS", "IMAGES"),
        wide_cells=lambda item, _: container_cells(item["spec"]["template"]),
    ),
    "daemonsets": Columns(
        header=(
            "NAME",
            "DESIRED",
            "CURRENT",
            "READY",
            "UP-TO-DATE",
            "AVAILABLE",
            "NODE SELECTOR",
            "AGE",
        ),
        cells=_daemon_set,
        wide=_TEMPLATE,
        wide_cells=template_cells,
    ),
    "ingresses": Columns(
        header=("NAME", "CLASS", "HOSTS", "ADDRESS", "PORTS", "AGE"),
        cells=_ingress,
    ),
}
