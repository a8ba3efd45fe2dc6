"""The autoscaler follows the load, stays in its bounds and does not flutter."""

from agents.contracts.incident import Task
from agents.environments.simulated.benchmark.problems import scenario_of
from agents.environments.simulated.incidents import generate
from agents.environments.simulated.lab import Lab
from agents.policy.parse import parse


def act(lab: Lab, line: str) -> None:
    assert lab.act(parse(line, default_namespace=lab.namespace)).exit_code == 0


def replicas(lab: Lab, name: str) -> int:
    deployment = lab.cluster.store.get("deployments", lab.namespace, name)
    assert deployment is not None
    return int(deployment["spec"]["replicas"])


def busy() -> tuple[Lab, str]:
    lab = Lab(scenario_of("noop_detection_social_network-1"))
    name = "nginx-thrift"
    act(lab, f"kubectl set resources deployment/{name} --requests=cpu=10m")
    lab.tick(60)
    return lab, name


def test_load_above_the_target_adds_replicas_up_to_the_most() -> None:
    lab, name = busy()
    act(lab, f"kubectl autoscale deployment {name} --min=1 --max=4 --cpu-percent=50")
    lab.tick(120)
    assert replicas(lab, name) == 4
    shown = lab.read(parse("kubectl get hpa", default_namespace=lab.namespace)).text
    assert "/50%" in shown
    told = lab.read(parse("kubectl get events", default_namespace=lab.namespace)).text
    assert "SuccessfulRescale" in told


def test_replicas_go_only_after_five_calm_minutes_and_not_below_the_least() -> None:
    lab, name = busy()
    act(lab, f"kubectl autoscale deployment {name} --min=2 --max=4 --cpu-percent=50")
    lab.tick(120)
    act(lab, f"kubectl set resources deployment/{name} --requests=cpu=400m")
    lab.tick(150)
    assert replicas(lab, name) == 4
    lab.tick(600)
    assert replicas(lab, name) == 2


def test_it_leaves_what_was_scaled_to_zero() -> None:
    lab, name = busy()
    act(lab, f"kubectl autoscale deployment {name} --min=1 --max=4 --cpu-percent=50")
    act(lab, f"kubectl scale deployment/{name} --replicas=0")
    lab.tick(300)
    assert replicas(lab, name) == 0


def test_deleting_it_ends_it_and_a_frozen_lab_goes_on_scaling() -> None:
    lab, name = busy()
    act(lab, f"kubectl autoscale deployment {name} --min=1 --max=4 --cpu-percent=50")
    copy = lab.cluster.fork()
    act(lab, f"kubectl delete hpa {name}")
    lab.tick(300)
    assert replicas(lab, name) == 1
    copy.advance(copy.now + 300)
    deployment = copy.store.get("deployments", copy.namespace, name)
    assert deployment is not None
    assert deployment["spec"]["replicas"] == 4


def test_labs_without_one_have_no_agenda() -> None:
    assert Lab(generate(1, task=Task.MITIGATION)).cluster.agenda == []
