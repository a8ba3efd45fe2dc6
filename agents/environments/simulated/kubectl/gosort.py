"""Go's `sort.Sort`, step by step: it is not stable, and kubectl's order among equals is its order.

Invariant: the same moves in the same order as pattern-defeating quicksort in Go's standard library
(`sort/zsortinterface.go`), so that items that compare equal end where kubectl shows them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_INSERTION, _STEPS, _SHIFTING, _NINTHER, _SWAPS = 12, 5, 50, 50, 12
_SMALLEST = 8
_WORD = (1 << 64) - 1


def go_sorted(items: list[T], less: Callable[[T, T], bool]) -> list[T]:
    """Return the items in the order that Go's `sort.Sort` leaves them in."""
    data = _Data(list(items), less)
    if len(items) > 1:
        data.pdqsort(0, len(items), len(items).bit_length())
    return data.items


class _Data(Generic[T]):
    """A list under sorting. `less` and `swap` work on positions, as Go's interface does."""

    def __init__(self, items: list[T], less: Callable[[T, T], bool]) -> None:
        self.items = items
        self._less = less

    def less(self, i: int, j: int) -> bool:
        return self._less(self.items[i], self.items[j])

    def swap(self, i: int, j: int) -> None:
        self.items[i], self.items[j] = self.items[j], self.items[i]

    def insertion(self, a: int, b: int) -> None:
        for i in range(a + 1, b):
            j = i
            while j > a and self.less(j, j - 1):
                self.swap(j, j - 1)
                j -= 1

    def heap(self, a: int, b: int) -> None:
        end = b - a
        for i in range((end - 1) // 2, -1, -1):
            self._sift(i, end, a)
        for i in range(end - 1, -1, -1):
            self.swap(a, a + i)
            self._sift(0, i, a)

    def _sift(self, root: int, end: int, first: int) -> None:
        while (child := 2 * root + 1) < end:
            if child + 1 < end and self.less(first + child, first + child + 1):
                child += 1
            if not self.less(first + root, first + child):
                return
            self.swap(first + root, first + child)
            root = child

    def pdqsort(self, a: int, b: int, limit: int) -> None:
        balanced = partitioned = True
        while (length := b - a) > _INSERTION:
            if limit == 0:
                self.heap(a, b)
                return
            if not balanced:
                self._break_patterns(a, b)
                limit -= 1
            pivot, swaps = self._pivot(a, b)
            rising = swaps == 0
            if swaps == _SWAPS:
                self.items[a:b] = self.items[a:b][::-1]
                pivot, rising = (b - 1) - (pivot - a), True
            if balanced and partitioned and rising and self._nearly_sorted(a, b):
                return
            if a > 0 and not self.less(a - 1, pivot):
                a = self._partition_equal(a, b, pivot)
                continue
            middle, partitioned = self._partition(a, b, pivot)
            left, right = middle - a, b - middle
            balanced = min(left, right) >= length // 8
            if left < right:
                self.pdqsort(a, middle, limit)
                a = middle + 1
            else:
                self.pdqsort(middle + 1, b, limit)
                b = middle
        self.insertion(a, b)

    def _partition(self, a: int, b: int, pivot: int) -> tuple[int, bool]:
        self.swap(a, pivot)
        i, j, already = a + 1, b - 1, True
        while True:
            while i <= j and self.less(i, a):
                i += 1
            while i <= j and not self.less(j, a):
                j -= 1
            if i > j:
                self.swap(j, a)
                return j, already
            already = False
            self.swap(i, j)
            i, j = i + 1, j - 1

    def _partition_equal(self, a: int, b: int, pivot: int) -> int:
        self.swap(a, pivot)
        i, j = a + 1, b - 1
        while True:
            while i <= j and not self.less(a, i):
                i += 1
            while i <= j and self.less(a, j):
                j -= 1
            if i > j:
                return i
            self.swap(i, j)
            i, j = i + 1, j - 1

    def _nearly_sorted(self, a: int, b: int) -> bool:
        i = a + 1
        for _ in range(_STEPS):
            while i < b and not self.less(i, i - 1):
                i += 1
            if i == b:
                return True
            if b - a < _SHIFTING:
                return False
            self.swap(i, i - 1)
            if i - a >= 2:  # noqa: PLR2004 - the original's bound
                self._shift(range(i - 1, 0, -1))
            if b - i >= 2:  # noqa: PLR2004 - the original's bound
                self._shift(range(i + 1, b))
        return False

    def _shift(self, positions: range) -> None:
        for j in positions:
            if not self.less(j, j - 1):
                return
            self.swap(j, j - 1)

    def _break_patterns(self, a: int, b: int) -> None:
        length = b - a
        if length < _SMALLEST:
            return
        random, modulus = length, 1 << length.bit_length()
        middle = a + length // 4 * 2
        for index in range(middle - 1, middle + 2):
            random ^= random << 13 & _WORD
            random ^= random >> 7
            random ^= random << 17 & _WORD
            other = random & (modulus - 1)
            self.swap(index, a + (other - length if other >= length else other))

    def _pivot(self, a: int, b: int) -> tuple[int, int]:
        """Return the position of the pivot and how many pairs stood the wrong way round."""
        length = b - a
        quarter = length // 4
        i, j, k = a + quarter, a + quarter * 2, a + quarter * 3
        swaps = 0
        if length >= _SMALLEST:
            if length >= _NINTHER:
                (i, more), (j, others), (k, rest) = (
                    self._median(at - 1, at, at + 1) for at in (i, j, k)
                )
                swaps = more + others + rest
            j, more = self._median(i, j, k)
            swaps += more
        return j, swaps

    def _median(self, a: int, b: int, c: int) -> tuple[int, int]:
        swaps = 0
        if self.less(b, a):
            a, b, swaps = b, a, swaps + 1
        if self.less(c, b):
            b, swaps = c, swaps + 1
        if self.less(b, a):
            b, swaps = a, swaps + 1
        return b, swaps
