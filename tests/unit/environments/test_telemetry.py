"""Series and spans of a lab agree with the traffic that they are rendered from."""

import csv
import io
from collections import Counter, defaultdict
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.contracts.incident import Task
from agents.environments.simulated.benchmark.problems import scenario_of
from agents.environments.simulated.incidents import generate
from agents.environments.simulated.lab import Lab
from agents.environments.simulated.telemetry import series, traces
from agents.environments.simulated.telemetry.series import Sample, quantile, samples
from agents.environments.simulated.telemetry.traces import ROOT, Span
from agents.environments.simulated.telemetry.usage import usage
from agents.policy.parse import parse


def lab_of(seed: int, family: str | None = None) -> Lab:
    return Lab(generate(seed, task=Task.MITIGATION, family=family))


@pytest.fixture(scope="module")
def lab() -> Lab:
    return lab_of(0, "scaled_to_zero")


@pytest.fixture(scope="module")
def broken() -> Lab:
    return Lab(scenario_of("k8s_target_port-misconfig-detection-1"))


def of_metric(found: list[Sample], metric: str) -> dict[series.Labels, list[Sample]]:
    grouped: dict[series.Labels, list[Sample]] = defaultdict(list)
    for sample in found:
        if sample.metric == metric:
            grouped[sample.labels].append(sample)
    return grouped


def whole(lab: Lab) -> list[Sample]:
    cluster = lab.cluster
    return samples(cluster, cluster.epochs[0].start, cluster.now)


@pytest.mark.parametrize("name", ["lab", "broken"])
def test_rates_of_counters_are_those_of_the_epochs(
    name: str, request: pytest.FixtureRequest
) -> None:
    lab: Lab = request.getfixturevalue(name)
    lab.tick(61)
    epoch = lab.cluster.epochs[-1]
    last = whole(lab)[-1].timestamp
    start = max(epoch.start, last - 60)
    assert last - start >= 30
    found = samples(lab.cluster, start, lab.cluster.now)
    rates: dict[tuple[str, str], float] = {}
    for labels, line in of_metric(found, "istio_requests_total").items():
        named = dict(labels)
        seconds = line[-1].timestamp - line[0].timestamp
        rates[named["destination_service"], named["response_code"]] = (
            line[-1].value - line[0].value
        ) / seconds
    assert {service for service, _ in rates} >= set(epoch.services)
    for service, (rate, errors, _) in epoch.services.items():
        assert rates[service, "200"] + rates[service, "500"] == pytest.approx(rate, abs=1e-3)
        if rate:
            assert rates[service, "500"] <= rate * errors + 1e-3


def test_a_ratio_is_the_share_of_failed_requests(broken: Lab) -> None:
    cluster = broken.cluster
    entry = cluster.application.entry
    found = of_metric(whole(broken), "service:errors:ratio1m")
    line = found[(("destination_service", entry),)]
    assert line[-1].value == pytest.approx(cluster.epochs[-1].errors, abs=1e-4)
    assert all(0 <= sample.value <= 1 for items in found.values() for sample in items)


def test_a_caller_counts_the_calls_that_reach_nobody(broken: Lab) -> None:
    service = broken.scenario.service
    failed = {
        dict(labels)["source_workload"]: line[-1].value - line[0].value
        for labels, line in of_metric(whole(broken), "istio_client_requests_total").items()
        if dict(labels)["destination_service"] == service and dict(labels)["response_code"] == "500"
    }
    assert set(failed) == set(broken.scenario.application.callers(service))
    assert sum(failed.values()) > 0


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 3),
    st.floats(0, 3600),
    st.floats(1, 1200),
    st.floats(0, 3600),
)
def test_counters_are_monotone_and_windows_agree(
    index: int, back: float, length: float, further: float
) -> None:
    cluster = LABS[index].cluster
    start = cluster.now - back
    inner = samples(cluster, start, start + length)
    outer = samples(cluster, start - further, start + length)
    assert set(inner) <= set(outer)
    assert all(s.timestamp % series.STEP == 0 for s in inner)
    assert all(start <= s.timestamp <= start + length for s in inner)
    for metric in {sample.metric for sample in outer if sample.metric.endswith("_total")}:
        for line in of_metric(outer, metric).values():
            assert [a.timestamp for a in line] == sorted({a.timestamp for a in line})
            assert all(b.value >= a.value for a, b in pairwise(line))
            assert line[0].value >= 0


LABS = [lab_of(seed) for seed in range(3)] + [Lab(scenario_of("container_kill-detection"))]


def test_memory_and_cpu_are_those_of_top(lab: Lab) -> None:
    cluster = lab.cluster
    lab.tick(series.STEP - cluster.now % series.STEP)  # so that now is a moment of sampling
    found = samples(cluster, cluster.now - 60, cluster.now)
    for run in cluster.runs.values():
        now = usage(cluster, run.pod)
        name = run.pod["metadata"]["name"]
        shown = {
            sample.metric: sample.value
            for sample in found
            if ("pod", name) in sample.labels and sample.timestamp == int(cluster.now)
        }
        memory = shown.get("container_memory_working_set_bytes")
        assert memory == (None if now is None else now[1] * 1024 * 1024)


def test_cpu_that_a_flag_burns_is_counted() -> None:
    lab = Lab(scenario_of("astronomy_shop_ad_service_high_cpu-detection-1"))
    lab.tick(240)
    now = lab.cluster.now
    busy = {
        dict(labels)["pod"]: (line[-1].value - line[0].value)
        / (line[-1].timestamp - line[0].timestamp)
        for labels, line in of_metric(
            samples(lab.cluster, now - 200, now), "container_cpu_usage_seconds_total"
        ).items()
    }
    busiest = max(busy, key=lambda pod: busy[pod])
    assert busiest.startswith("ad-") and busy[busiest] > 0.5


def test_restarts_are_those_of_the_pods() -> None:
    lab = Lab(scenario_of("container_kill-detection"))
    lab.tick(30)
    found = of_metric(whole(lab), "kube_pod_container_status_restarts_total")
    shown = {dict(labels)["pod"]: line[-1].value for labels, line in found.items()}
    restarts = {run.pod["metadata"]["name"]: run.restarts for run in lab.cluster.runs.values()}
    assert shown == restarts
    assert sum(restarts.values()) > 0


def test_quantiles_follow_the_rule() -> None:
    assert quantile(10.0, 0.5) == pytest.approx(6.931, abs=1e-3)
    assert quantile(10.0, 0.99) == pytest.approx(46.05, abs=1e-2)
    assert quantile(900.0, 0.99) == 2000.0


def test_an_application_names_its_own_series() -> None:
    assert series.names_of("acme").requests == "acme_requests_total"
    assert series.names_of("").requests == "istio_requests_total"


@pytest.mark.parametrize("seed", [1, 5])
def test_the_same_seed_gives_the_same_files(seed: int) -> None:
    first, second = lab_of(seed).cluster, lab_of(seed).cluster
    now = first.now
    assert series.csv_files(first, now - 300, now) == series.csv_files(second, now - 300, now)
    assert traces.csv_file(first, now - 300, now) == traces.csv_file(second, now - 300, now)
    other = lab_of(seed + 1).cluster
    assert traces.csv_file(first, now - 300, now) != traces.csv_file(
        other, other.now - 300, other.now
    )


def test_files_are_long_csv(lab: Lab) -> None:
    now = lab.cluster.now
    files = series.csv_files(lab.cluster, now - 60, now)
    for name, text in files.items():
        rows = list(csv.reader(io.StringIO(text)))
        assert tuple(rows[0]) == series.COLUMNS
        assert all(len(row) == 4 and f"{row[1]}.csv" == name for row in rows[1:])
        assert all(float(row[3]) >= 0 for row in rows[1:])


def trees(spans: list[Span]) -> dict[str, list[Span]]:
    grouped: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        grouped[span.trace_id].append(span)
    return grouped


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 3), st.floats(0, 3600), st.floats(0, 3600))
def test_a_trace_is_a_tree_whose_parents_cover_their_children(
    index: int, back: float, length: float
) -> None:
    cluster = LABS[index].cluster
    start = cluster.now - back
    found = traces.traces(cluster, start, start + length)
    graph = cluster.application
    assert len(trees(found)) <= traces.MOST_TRACES
    assert len({span.span_id for span in found}) == len(found)
    for spans in trees(found).values():
        known = {span.span_id: span for span in spans}
        roots = [span for span in spans if span.parent == ROOT]
        assert [root.service for root in roots] == [graph.entry]
        assert start * 1e6 <= roots[0].start <= min(start + length, cluster.now) * 1e6
        for span in spans:
            assert span.duration >= 0
            if span.parent == ROOT:
                continue
            above = known[span.parent]
            assert above.start <= span.start
            assert span.start + span.duration <= above.start + above.duration
            calls = graph.component(above.service).program.calls
            assert span.service == above.service or span.service in {c.target for c in calls}
        for span in spans:
            below = [item for item in spans if item.parent == span.span_id]
            critical = {
                call.target for call in graph.component(span.service).program.calls if call.critical
            }
            if any(item.error and item.service in critical for item in below):
                assert span.error  # an error of a critical call is its caller's


def test_the_share_of_failed_traces_is_that_of_the_traffic(broken: Lab) -> None:
    broken.tick(600)
    cluster = broken.cluster
    since = cluster.epochs[-1].start
    assert cluster.now - since > 500
    found = traces.traces(cluster, since, cluster.now)
    roots = [span for span in found if span.parent == ROOT]
    assert len(roots) > 100
    share = sum(root.error for root in roots) / len(roots)
    assert share == pytest.approx(cluster.epochs[-1].errors, abs=0.12)  # three deviations
    blamed = Counter(
        span.operation.partition(":")[0] for span in found if span.error and ":" in span.operation
    )
    assert set(blamed) == {broken.scenario.service}


def test_a_healthy_application_has_no_failed_span() -> None:
    lab = Lab(scenario_of("noop_detection_social_network-1"))
    found = traces.traces(lab.cluster, lab.cluster.now - 300, lab.cluster.now)
    assert len(trees(found)) >= 100 and not any(span.error for span in found)
    assert {span.response for span in found} == {"200", "OK"}


def test_a_call_that_is_not_answered_in_time_lasts_as_long_as_its_caller_waits() -> None:
    cluster = Lab(scenario_of("network_loss_hotel_res-detection-1")).cluster
    found = traces.traces(cluster, cluster.epochs[-1].start, cluster.now)
    late = [span for span in found if span.response == "DEADLINE_EXCEEDED" and span.error]
    assert late and all(span.operation.startswith("user: ") for span in late)
    assert all(span.duration >= 1_000_000 for span in late)
    fine = [span for span in found if span.parent == ROOT and not span.error]
    assert fine and all(span.duration < 1_000_000 for span in fine)


def test_a_pod_that_is_gone_has_left_its_spans() -> None:
    lab = Lab(scenario_of("noop_detection_social_network-1"))
    cluster, place = lab.cluster, lab.namespace
    lab.act(parse("kubectl rollout restart deployment/user-service", place))
    gone = cluster.now - 1
    before = traces.traces(cluster, gone - 200, gone)
    lab.tick(60)
    after = traces.traces(cluster, gone - 200, gone)
    served = [sum(s.service == "user-service" for s in found) for found in (before, after)]
    assert served[0] > 20 and served[1] > 20


def test_no_trace_where_nobody_serves_the_entry(lab: Lab) -> None:
    other = lab_of(0, "scaled_to_zero")
    entry = other.cluster.application.entry
    other.act(parse(f"kubectl scale deployment {entry} --replicas=0", other.namespace))
    other.tick(60)
    now = other.cluster.now
    assert traces.traces(other.cluster, now - 30, now) == []
    assert traces.traces(other.cluster, now + 10, now + 50) == []
    assert traces.traces(other.cluster, now - 300, now, most=0) == []
