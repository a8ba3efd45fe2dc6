"""What an agent is told before its first step: the problem, the form of a reply, the interface.

Invariant: it follows from the task and from what any user of the application knows; nothing of
the ground truth is read here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.contracts.incident import Task
from agents.environments.simulated.benchmark.replies import FENCE
from agents.environments.simulated.faults.family import FAULT_TYPES, SYSTEM_LEVELS

if TYPE_CHECKING:
    from agents.environments.simulated.applications.graph import Application

NEXT = "Please take the next action"
"""What AIOpsLab adds to every observation; agents are trained on it."""

_ASKED: dict[Task, str] = {
    Task.DETECTION: "Find out whether a fault affects the application at present, and answer "
    '"Yes" or "No".',
    Task.LOCALIZATION: "A fault may affect the application. Find the service in which it lies and "
    "answer with a list of its name; the list is empty if nothing is wrong.",
    Task.ANALYSIS: "A fault affects the application. Find its root cause and answer with the level "
    f"of the system on which it lies ({', '.join(SYSTEM_LEVELS)}) and its type "
    f"({', '.join(FAULT_TYPES)}).",
    Task.MITIGATION: "A fault affects the application. Repair it, then submit without an argument: "
    "the state of the cluster is what is judged.",
}
_EXAMPLES: dict[Task, str] = {
    Task.DETECTION: 'submit("Yes")',
    Task.LOCALIZATION: 'submit(["frontend"])',
    Task.ANALYSIS: 'submit({"system_level": "Application", "fault_type": "Code Defect"})',
    Task.MITIGATION: "submit()",
}
_SUBMITS: dict[Task, str] = {
    Task.DETECTION: "submit(has_anomaly: str)\nEnd with the answer: Yes or No.",
    Task.LOCALIZATION: "submit(faulty_components: list[str])\nEnd with the names of the faulty "
    "services; an empty list says that there are none.",
    Task.ANALYSIS: "submit(analysis: dict[str, str])\nEnd with a dictionary of system_level and "
    "fault_type.",
    Task.MITIGATION: "submit()\nEnd; the cluster is judged as it is then.",
}
_APIS = {
    "exec_shell": "exec_shell(command: str)\nRun one kubectl or helm command, reading or writing, "
    "and get what it prints. No pipe, no second command, nothing interactive; a manifest comes as "
    "a here-document. Without -n, kubectl works in namespace default.",
    "get_logs": "get_logs(namespace: str, service: str)\nGet the container logs of a service's "
    "pods.",
    "get_metrics": "get_metrics(namespace: str, duration: int = 5)\nExport Prometheus' series of "
    "the last minutes as CSV files, one a metric, and get their paths.",
    "read_metrics": "read_metrics(file_path: str)\nGet the content of a file that get_metrics "
    "named.",
    "get_traces": "get_traces(namespace: str, duration: int = 5)\nExport the traces of the last "
    "minutes as a CSV file, and get its path.",
    "read_traces": "read_traces(file_path: str)\nGet the content of a file that get_traces named.",
}


def description_of(application: Application, task: Task) -> str:
    """Return the problem's description."""
    return (
        f"{_ASKED[task]}\n\n"
        f"Application: {application.name}\n"
        f"Namespace: {application.namespace}\n"
        f"Requests enter at: {application.entry}\n"
    )


def instructions_of(task: Task) -> str:
    """Return how a reply must look."""
    return (
        "Answer every step with one call of one function, in a block between two lines of three "
        f"backticks that hold nothing else:\n{FENCE}\nNAME(ARGUMENTS)\n{FENCE}\n"
        f'For example:\n{FENCE}\nexec_shell("kubectl get pods -A")\n{FENCE}\n'
        f"The last step submits:\n{FENCE}\n{_EXAMPLES[task]}\n{FENCE}\n"
    )


def apis_of(task: Task) -> dict[str, str]:
    """Return the functions that an agent may call, each with its signature and meaning."""
    return {**_APIS, "submit": _SUBMITS[task]}
