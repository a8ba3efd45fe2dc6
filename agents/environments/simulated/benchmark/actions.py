"""The functions that AIOpsLab gives its agents, done on one lab.

Invariant: an agent reaches the lab by typed commands alone, and its files lie in memory: nothing
of this process or its disk can be named.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from agents.contracts.command import Access, Command, Target
from agents.contracts.incident import Task
from agents.environments.border import Border
from agents.environments.simulated.clock import MINUTE
from agents.environments.simulated.telemetry import series, traces
from agents.policy.parse import access_of, parse
from agents.policy.redact import redact
from agents.policy.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.environments.simulated.lab import Lab

VALID = "VALID_SUBMISSION"
EXPORT_SECONDS = 2.0
LONGEST_MINUTES = 180
METRICS, TRACES = "/tmp/metrics_output", "/tmp/trace_output"  # noqa: S108 - names in memory
_DEFAULT_NAMESPACE = "default"
_BLOCKED: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("kubectl edit", "edit svc"),
        "Error: `kubectl edit` opens an editor and is not available. Use `kubectl patch`.",
    ),
    (
        ("kubectl port-forward",),
        "Error: `kubectl port-forward` runs until it is interrupted and is not available.",
    ),
    (
        ("docker logs -f", "kubectl logs -f"),
        "Error: following a log is not available. Leave out `-f`.",
    ),
)
"""What AIOpsLab looks for anywhere in a command before it runs it."""


class Actions:
    """The functions of one session, by name in `calls`."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._border = Border(lab)
        self._files: dict[str, str] = {}
        self.calls: dict[str, Callable[..., str]] = {
            "exec_shell": self.exec_shell,
            "get_logs": self.get_logs,
            "get_metrics": self.get_metrics,
            "read_metrics": self.read_metrics,
            "get_traces": self.get_traces,
            "read_traces": self.read_traces,
            "submit": _SUBMITS[lab.scenario.task],
        }

    def exec_shell(self, command: object) -> str:
        """Run one kubectl or helm command; a refusal comes back in its own words."""
        text = str(command)
        for parts, told in _BLOCKED:
            if any(part in text for part in parts):
                return told
        listed = self._listed(text)
        if listed is not None:
            return listed
        try:
            parsed = parse(text, _DEFAULT_NAMESPACE)
        except Refusal as refusal:
            return redact(f"Error: {refusal}").text
        if access_of(parsed) is Access.READ:
            return self._border.read(parsed).text
        return self._border.act(parsed).text

    def _listed(self, text: str) -> str | None:
        """Return what `ls` or `cat` says of an exported file; None for any other command."""
        try:
            words = shlex.split(text)
        except ValueError:
            return None
        match words:
            case ["cat", path] if path.startswith((METRICS, TRACES)):
                return self._content(path)
            case ["ls", path] if path.startswith((METRICS, TRACES)):
                folder = path.rstrip("/") + "/"
                inside = {
                    name.removeprefix(folder).partition("/")[0]
                    for name in self._files
                    if name.startswith(folder)
                }
                return "".join(f"{name}\n" for name in sorted(inside)) or _missing(path)
        return None

    def get_logs(self, namespace: object, service: object) -> str:
        """Return the logs of a service's pods, each as `kubectl logs POD` prints it."""
        cluster = self.lab.cluster
        label = cluster.application.label
        pods = [
            str(pod["metadata"]["name"])
            for pod in cluster.store.listed("pods", str(namespace))
            if (pod["metadata"].get("labels") or {}).get(label) == service
        ]
        if not pods:
            return f"Error: no pods of service {service!r} in namespace {namespace!r}."
        texts = []
        for name in pods:
            command = Command(
                program="kubectl",
                verb="logs",
                targets=(Target(kind="pods", name=name),),
                namespace=str(namespace),
            )
            texts.append(self._border.read(command).text)
        return "".join(texts)

    def get_metrics(self, namespace: object, duration: object = 5) -> str:
        """Export the series of the last minutes and return where they are."""
        problem = self._window_problem(namespace, duration)
        if problem:
            return problem
        start, end = self._window(duration)
        folder = f"{METRICS}/{namespace}_{self._stamp()}"
        files = {
            f"{folder}/{name}": text
            for name, text in series.csv_files(self.lab.cluster, start, end).items()
        }
        self._files |= files
        self.lab.tick(EXPORT_SECONDS)
        return "\n".join((f"Metrics are exported to {folder}", *files))

    def read_metrics(self, file_path: object) -> str:
        """Return the content of an exported file."""
        return self._content(str(file_path))

    def get_traces(self, namespace: object, duration: object = 5) -> str:
        """Export the traces of the last minutes and return where they are."""
        problem = self._window_problem(namespace, duration)
        if problem:
            return problem
        start, end = self._window(duration)
        path = f"{TRACES}/{namespace}_{self._stamp()}.csv"
        self._files[path] = traces.csv_file(self.lab.cluster, start, end)
        self.lab.tick(EXPORT_SECONDS)
        return f"Traces are exported to {path}"

    def read_traces(self, file_path: object) -> str:
        """Return the content of an exported file."""
        return self._content(str(file_path))

    def _window_problem(self, namespace: object, duration: object) -> str | None:
        if namespace != self.lab.namespace:
            return f"Error: nothing is observed in namespace {namespace!r}."
        is_number = isinstance(duration, int | float) and not isinstance(duration, bool)
        if not is_number or not 0 < float(str(duration)) <= LONGEST_MINUTES:
            return (
                f"Error: expected a duration of 1 to {LONGEST_MINUTES} minutes, got {duration!r}."
            )
        return None

    def _window(self, duration: object) -> tuple[float, float]:
        now = self.lab.cluster.now
        return now - float(str(duration)) * MINUTE, now

    def _stamp(self) -> str:
        return f"{self.lab.clock:%Y%m%d%H%M%S}"

    def _content(self, path: str) -> str:
        text = self._files.get(path)
        if text is not None:
            return text
        inside = [name for name in self._files if name.startswith(path.rstrip("/") + "/")]
        return (
            "\n".join(("Error: this is a folder; its files are", *inside))
            if inside
            else _missing(path)
        )


def _missing(path: str) -> str:
    return f"Error: no file {path!r}: get_metrics and get_traces say which there are."


def _detected(has_anomaly: object) -> str:
    del has_anomaly  # what counts was recorded before
    return VALID


def _localized(faulty_components: object) -> str:
    del faulty_components
    return VALID


def _analysed(analysis: object) -> str:
    del analysis
    return VALID


def _mitigated() -> str:
    return VALID


_SUBMITS: dict[Task, Callable[..., str]] = {
    Task.DETECTION: _detected,
    Task.LOCALIZATION: _localized,
    Task.ANALYSIS: _analysed,
    Task.MITIGATION: _mitigated,
}
