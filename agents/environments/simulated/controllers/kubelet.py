"""The kubelets: pull, start, probe, kill and restart what runs in the pods of all nodes.

Invariant: a pod's status is written by `report` alone, from its `PodRun`; when something happens
to a pod is decided once, as a timer, from the pod's spec and the program that its image runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.environments.simulated.controllers import (
    dialling,
    images,
    leaks,
    podstatus,
    processes,
    starting,
)
from agents.environments.simulated.controllers.process import (
    BACKOFF_RESET,
    Life,
    PodRun,
    Stage,
    Timer,
)
from agents.environments.simulated.dice import chance
from agents.environments.simulated.objects.kinds import Manifest
from agents.environments.simulated.objects.quantity import mebibytes
from agents.environments.simulated.objects.store import Key

if TYPE_CHECKING:
    from agents.environments.simulated.cluster import Cluster

_KILLED, _OOM_EXIT, _PANIC, _SYNC = 143, 137, 2, 12.0
_REFUSED, _PATIENCE = 1.0, 10.0
"""Seconds until an eager process gives up: when refused, when nobody answers."""


def admit(cluster: Cluster, pod: Manifest) -> None:
    """Begin to follow a pod."""
    cluster.runs[pod["metadata"]["uid"]] = PodRun(pod, since=cluster.now)


def stop(cluster: Cluster, pod: Manifest) -> None:
    """Stop and remove a pod."""
    run = cluster.runs.pop(pod["metadata"]["uid"], None)
    if run and run.life:
        name = pod["spec"]["containers"][0]["name"]
        tell(cluster, pod, "Normal", "Killing", f"Stopping container {name}", container=name)
    cluster.store.delete("pods", pod)


def reconcile(cluster: Cluster, marks: dict[Key, Manifest]) -> None:
    """Start pods that got a node; try again those whose configuration was missing."""
    kinds = {kind for kind, _, _ in marks}
    if "pods" in kinds:
        for run in list(cluster.runs.values()):
            fresh = run.stage is Stage.WAITING and not run.timers
            if fresh and "nodeName" in run.pod["spec"]:
                _pull(cluster, run)
    if kinds & {"configmaps", "pods"}:
        leaks.watch(cluster)
    if kinds & {"configmaps", "secrets"}:
        for run in cluster.runs.values():
            if run.stage is Stage.CONFIG_ERROR:
                _start(cluster, run)


def wake(cluster: Cluster, run: PodRun) -> None:
    """Do what the pod's next timer says."""
    timer = min(run.timers, key=lambda item: run.timers[item])
    del run.timers[timer]
    if timer is Timer.PULLED:
        _pulled(cluster, run)
    elif timer is Timer.PULL_AGAIN:
        _pull(cluster, run)
    elif timer is Timer.RESTART:
        _start(cluster, run)
    elif timer is Timer.READY:
        run.ready = True
        podstatus.report(cluster, run)
    elif timer is Timer.LISTEN:
        cluster.store.touch("pods", run.pod)
    elif timer is Timer.EXIT:
        _exit(cluster, run)
    elif timer is Timer.KILL:
        _kill(cluster, run)
    elif timer is Timer.DIAL:
        _dial(cluster, run)


def tell(
    cluster: Cluster,
    pod: Manifest,
    kind: str,
    reason: str,
    message: str,
    *,
    container: str | None = None,
) -> None:
    """Record an event of the pod's kubelet."""
    cluster.events.tell(
        cluster.store,
        cluster.now,
        ("pods", pod),
        (kind, reason, message),
        f"kubelet@{pod['spec'].get('nodeName', '')}",
        container=container,
    )


def _enter(cluster: Cluster, run: PodRun, stage: Stage) -> None:
    _settle_nag(cluster, run)
    run.nag, run.stage, run.since = None, stage, cluster.now


def _nag(cluster: Cluster, run: PodRun, reason: str, message: str, *, first: float = 0.0) -> None:
    """Begin a warning that repeats while the stage lasts."""
    run.nag, run.nagged, run.nag_from = (reason, message), 0, cluster.now + first


def _settle_nag(cluster: Cluster, run: PodRun) -> None:
    """Tell the repeating warning as often as it came up to now."""
    if run.nag is None or cluster.now < run.nag_from:
        return
    count = 1 + int((cluster.now - run.nag_from) / run.nag_every)
    if count <= run.nagged:
        return
    name = run.pod["spec"]["containers"][0]["name"]
    cluster.events.repeat(
        cluster.store,
        run.nag_from + (count - 1) * run.nag_every,
        ("pods", run.pod),
        (_severity(run), *run.nag),
        f"kubelet@{run.pod['spec'].get('nodeName', '')}",
        container=name,
        times=count - run.nagged,
    )
    run.nagged = count


def _severity(run: PodRun) -> str:
    """A kubelet warns of everything that repeats but of waiting to pull."""
    return "Normal" if run.stage is Stage.PULL_BACKOFF else "Warning"


def refresh(cluster: Cluster) -> None:
    """Bring the counts of repeating warnings up to the present."""
    for run in cluster.runs.values():
        _settle_nag(cluster, run)


def _pull(cluster: Cluster, run: PodRun) -> None:
    container = run.pod["spec"]["containers"][0]
    image, name = container["image"], container["name"]
    _enter(cluster, run, Stage.PULLING)
    if run.attempts == 0:
        node = cluster.application.nodes.index(run.pod["spec"]["nodeName"])
        cluster.addresses += 1
        run.address = f"10.244.{node}.{cluster.addresses % 250 + 2}"
    if images.contained(cluster.pulled, image) and container["imagePullPolicy"] != "Always":
        message = starting.PRESENT.format(image=image)
        tell(cluster, run.pod, "Normal", "Pulled", message, container=name)
        _start(cluster, run)
        return
    tell(cluster, run.pod, "Normal", "Pulling", f'Pulling image "{image}"', container=name)
    run.attempts += 1
    run.timers[Timer.PULLED] = cluster.now + starting.pull_seconds(cluster, run.pod, image)
    podstatus.report(cluster, run)


def _pulled(cluster: Cluster, run: PodRun) -> None:
    container = run.pod["spec"]["containers"][0]
    image, name = container["image"], container["name"]
    if images.contained(cluster.programs, image):
        cluster.pulled.add(image)
        run.backoff = 0.0
        tell(
            cluster,
            run.pod,
            "Normal",
            "Pulled",
            starting.pulled_message(cluster, run.pod, image),
            container=name,
        )
        _start(cluster, run)
        return
    problem = starting.pull_problem(image)
    message = f'Failed to pull image "{image}": {problem}'
    tell(cluster, run.pod, "Warning", "Failed", message, container=name)
    tell(cluster, run.pod, "Warning", "Failed", "Error: ErrImagePull", container=name)
    _enter(cluster, run, Stage.PULL_BACKOFF)
    run.problem = problem
    run.nag_every = _SYNC
    _nag(cluster, run, "BackOff", f'Back-off pulling image "{image}"', first=_SYNC)
    run.timers[Timer.PULL_AGAIN] = cluster.now + run.next_backoff()
    podstatus.report(cluster, run)


def _start(cluster: Cluster, run: PodRun) -> None:
    """Create and start the container, or say why it can't be."""
    container = run.pod["spec"]["containers"][0]
    name = container["name"]
    environment, problem = starting.environment_of(cluster, run.pod)
    if problem:
        _enter(cluster, run, Stage.CONFIG_ERROR)
        run.problem, run.nag_every = problem, _SYNC
        _nag(cluster, run, "Failed", f"Error: {problem}")
        podstatus.report(cluster, run)
        return
    _enter(cluster, run, Stage.RUNNING)
    tell(cluster, run.pod, "Normal", "Created", "Container created", container=name)
    program = starting.program_of(cluster, run.pod)
    life = Life(cluster.now, environment, program, processes.arguments_of(container))
    run.lives.append(life)
    del run.lives[:-4]
    run.timers.clear()
    life.complaint = starting.complaint(program, environment, life.arguments)
    tell(cluster, run.pod, "Normal", "Started", "Container started", container=name)
    _plan(cluster, run, life, container)
    podstatus.report(cluster, run)


def _plan(cluster: Cluster, run: PodRun, life: Life, container: Manifest) -> None:
    """Set the timers of a process that has just started."""
    start, program = cluster.now, life.program
    if program is None or life.complaint:
        run.timers[Timer.EXIT] = start + 1.0
        life.exit_code, life.reason = (program.exit_code if program else 1), "Error"
        return
    limit = ((container.get("resources") or {}).get("limits") or {}).get("memory")
    if limit and mebibytes(limit) < program.memory:
        share = mebibytes(limit) / program.memory
        spread = chance(cluster.seed, "oom", run.pod["metadata"]["uid"], len(run.lives), start)
        run.timers[Timer.EXIT] = start + 1.0 + round(12.0 * share + 6.0 * spread, 3)
        life.exit_code, life.reason = _OOM_EXIT, "OOMKilled"
    port = program.listening_port(life.environment)
    listening = start + program.start
    readiness, liveness = container.get("readinessProbe"), container.get("livenessProbe")
    if program.eager:
        refused = dialling.refusal(cluster, run, patient=True)
        run.timers[Timer.DIAL] = start + (_REFUSED if refused else _PATIENCE)
    run.ready = readiness is None
    if readiness is None:
        run.timers[Timer.LISTEN] = listening
    else:
        first = start + readiness.get("initialDelaySeconds", 0)
        period = readiness["periodSeconds"]
        run.nag_every = float(period)
        if starting.answers(run, readiness, program, port):
            late = max(0.0, listening - first)
            steps = -(-late // period)
            run.timers[Timer.READY] = first + steps * period
        else:
            problem = starting.probe_problem(run, readiness)
            _nag(
                cluster, run, "Unhealthy", f"Readiness probe failed: {problem}", first=first - start
            )
    if liveness is not None and not starting.answers(run, liveness, program, port):
        tries = liveness["failureThreshold"] - 1
        wait = liveness.get("initialDelaySeconds", 0) + tries * liveness["periodSeconds"]
        run.timers[Timer.KILL] = start + wait


def _kill(cluster: Cluster, run: PodRun) -> None:
    """Restart a container that its liveness probe gave up."""
    container = run.pod["spec"]["containers"][0]
    name, liveness, life = container["name"], container["livenessProbe"], run.life
    problem = f"Liveness probe failed: {starting.probe_problem(run, liveness)}"
    for _ in range(liveness["failureThreshold"]):
        tell(cluster, run.pod, "Warning", "Unhealthy", problem, container=name)
    message = f"Container {name} failed liveness probe, will be restarted"
    tell(cluster, run.pod, "Normal", "Killing", message, container=name)
    if life is not None:
        life.exit_code, life.reason = _KILLED, "Error"
    _exit(cluster, run)


def _dial(cluster: Cluster, run: PodRun) -> None:
    """Let an eager process give up when a store that it needs does not take it."""
    life = run.life
    refusal = dialling.refusal(cluster, run, patient=False)
    if life is None or refusal is None:
        return
    life.complaint, life.exit_code, life.reason = refusal, _PANIC, "Error"
    _exit(cluster, run)


def end(cluster: Cluster, run: PodRun, *, image: str | None = None) -> None:
    """Kill the process of a pod from outside, as SIGKILL does; `image` is what starts next."""
    if image is not None:
        run.pod["spec"]["containers"][0]["image"] = image
    if run.life is not None:
        run.life.exit_code, run.life.reason = _OOM_EXIT, "Error"
        _exit(cluster, run)
    cluster.settle()


def _exit(cluster: Cluster, run: PodRun) -> None:
    """The process ended: start it again, at once the first time, then with back-off."""
    life = run.life
    if life is None:
        return
    life.end = cluster.now
    if life.end - life.start > BACKOFF_RESET:
        run.backoff = 0.0
    first = run.backoff == 0.0
    run.ready = False
    run.timers.clear()
    _enter(cluster, run, Stage.CRASH_BACKOFF)
    run.restarts += 1
    if first:
        run.backoff = 5.0
        run.timers[Timer.RESTART] = cluster.now + 1.0
    else:
        delay = run.next_backoff()
        metadata = run.pod["metadata"]
        name = run.pod["spec"]["containers"][0]["name"]
        run.nag_every = _SYNC
        where = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
        _nag(
            cluster,
            run,
            "BackOff",
            f"Back-off restarting failed container {name} in pod {where}",
        )
        waited = podstatus.go_duration(delay)
        run.problem = f"back-off {waited} restarting failed container={name} pod={where}"
        run.timers[Timer.RESTART] = cluster.now + delay
    podstatus.report(cluster, run)
