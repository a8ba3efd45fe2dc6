"""Acknowledgements: never past a record that is still worked on, gaps or not."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from streams.acknowledgement import Acknowledgements
from streams.codec import Source

HERE = Source("telemetry", 3)


@given(
    offsets=st.lists(st.integers(0, 60), unique=True, min_size=1).map(sorted),
    order=st.randoms(use_true_random=False),
)
def test_an_offset_is_committable_only_when_all_delivered_before_it_are_done(
    offsets: list[int], order: Random
) -> None:
    acks = Acknowledgements()
    for offset in offsets:
        acks.delivered(HERE, offset, 0.0)
    shuffled = list(offsets)
    order.shuffle(shuffled)
    done: set[int] = set()
    for offset in shuffled:
        acks.done(HERE, offset)
        done.add(offset)
        first_undone = next((one for one in offsets if one not in done), None)
        before = [one for one in offsets if first_undone is None or one < first_undone]
        expected = {HERE: before[-1] + 1} if before else {}
        assert acks.committable() == expected
    assert acks.unfinished() == {}


def test_the_record_behind_a_gap_is_not_taken_for_a_part_of_it() -> None:
    acks = Acknowledgements()
    for offset in (0, 2, 4):  # 1 and 3 are markers of transactions
        acks.delivered(HERE, offset, 0.0)
    acks.done(HERE, 0)
    acks.done(HERE, 4)
    assert acks.committable() == {HERE: 1}


def test_what_is_committed_is_not_committed_again() -> None:
    acks = Acknowledgements()
    acks.delivered(HERE, 0, 0.0)
    acks.done(HERE, 0)
    offsets = acks.committable()
    acks.delivered(HERE, 1, 0.0)
    acks.done(HERE, 1)
    acks.committed(offsets)
    assert acks.committable() == {HERE: 2}
    acks.committed({HERE: 2})
    assert acks.committable() == {}


def test_a_partition_that_is_gone_is_forgotten_with_its_late_results() -> None:
    acks = Acknowledgements()
    acks.delivered(HERE, 0, 5.0)
    assert acks.unfinished() == {(HERE, 0): 5.0}
    acks.forget([HERE])
    acks.done(HERE, 0)
    assert acks.committable() == {}
    assert acks.unfinished() == {}
