"""Sets of numbers as text, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import ranges


@given(st.sets(st.integers(0, 300)))
def test_numbers_survive(numbers: set[int]) -> None:
    assert ranges.parse(ranges.told(numbers)) == numbers


def test_neighbours_are_one_range() -> None:
    assert ranges.told([9, 3, 5, 4]) == "3-5,9"


@pytest.mark.parametrize("text", ["x", "1,", "-1", "5-3", "1-99999999999", "1 2", "1-2-3"])
def test_text_of_another_form_is_nothing(text: str) -> None:
    assert ranges.parse(text) == frozenset()
