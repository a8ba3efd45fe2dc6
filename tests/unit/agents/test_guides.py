"""Guides: the one with the highest proved gain among those whose symptoms the alerts show."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from agents.contracts.guidance import GuidancePublished
from agents.contracts.ids import GuidanceId
from agents.contracts.incident import IncidentSnapshot, Task
from agents.observer.guides import SYMPTOMS, choose, symptoms_of
from tests.builders import T0, alert, opened


def incident(description: str, **labels: str) -> IncidentSnapshot:
    told = alert(**labels).model_copy(update={"annotations": {"description": description}})
    return opened().model_copy(update={"alerts": (told,)})


def guide(name: str, *symptoms: str, gain: float = 0.0, **changed: object) -> GuidancePublished:
    made = GuidancePublished(
        guidance_id=GuidanceId(name),
        signature="s",
        task=Task.MITIGATION,
        symptoms=symptoms,
        steps=("kubectl get pods",),
        proved=True,
        gain=gain,
        expires=T0 + timedelta(days=1),
    )
    return made.model_copy(update=changed)


LAB = "error_ratio of ferry-svc in ferry-3fa91 is above 0.05 for 30s."


def test_the_highest_gain_wins_then_symptoms_then_the_id() -> None:
    told = incident(LAB)
    low, high = guide("z", "error", "ratio", gain=0.1), guide("a", "error", gain=0.5)
    assert choose((high, low), told, T0) == (high,)
    more = guide("b", "error", "ratio", gain=0.5)
    assert choose((more, high, low), told, T0) == (more,)
    later = guide("c", "error", "ratio", gain=0.5)
    assert choose((later, more), told, T0) == (later,)


def test_what_does_not_fit_is_not_chosen() -> None:
    told = incident(LAB)
    others = (
        guide("a", "latency"),
        guide("b"),
        guide("c", "error", proved=False),
        guide("d", "error", task=Task.DETECTION),
        guide("e", "error", expires=T0),
    )
    assert choose(others, told, T0) == ()


def test_siblings_share_their_symptoms() -> None:
    assert symptoms_of(incident(LAB)) == ("error", "ratio")
    assert symptoms_of(incident("error_ratio of seat in s-1 is above 0.02.")) == ("error", "ratio")


def test_a_service_named_as_a_symptom_is_no_symptom() -> None:
    told = incident("error_ratio of memory-error-svc is above 0.02", service="memory-error-svc")
    assert symptoms_of(told) == ("ratio",)


@given(st.text(), st.text())
def test_symptoms_are_words_of_the_list(description: str, name: str) -> None:
    found = symptoms_of(incident(description, service=name))
    assert set(found) <= SYMPTOMS
    assert len(set(found)) == len(found)
