"""Prometheus metrics of the roles, named `aoi_<noun>_<unit>`; all have the label `role`.

Invariant: every metric of the flow is declared here once; the page is served on loopback unless
told otherwise (`streams/health.py`).
"""

from prometheus_client import Counter, Gauge, Histogram

ROLE = ("role",)
SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120)

REDUCED = Counter("aoi_reduced_events", "events that a reducer has committed", ROLE)
HANDLED = Counter("aoi_handled_events", "events that a worker has acknowledged", ROLE)
RESTARTS = Counter("aoi_partition_restarts", "fencings after trouble with the log", ROLE)
DEADLETTERS = Counter("aoi_deadletters", "records given up", (*ROLE, "reason"))
STEP_SECONDS = Histogram(
    "aoi_step_seconds", "from taking a batch or an event to its commit", ROLE, buckets=SECONDS
)
IN_FLIGHT = Gauge("aoi_in_flight_events", "events that a worker works on", ROLE)
LAG = Gauge("aoi_lag_events", "events not read yet", (*ROLE, "topic", "partition"))
STATES = Gauge("aoi_states", "keys that a reducer remembers", ROLE)
LOADED = Gauge("aoi_loaded_models", "local models in memory", ROLE)
POLICY_REFUSED = Gauge(
    "aoi_policy_edit_refused", "1 while the folder of rules holds an edit that was refused", ROLE
)
UNACKNOWLEDGED_SECONDS = Gauge(
    "aoi_unacknowledged_seconds", "age of the oldest event that is not acknowledged", ROLE
)
STOPPED = Gauge(
    "aoi_executor_stopped", "1 while nothing is done: by circuit or operator", (*ROLE, "by")
)
