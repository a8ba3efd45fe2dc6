"""The claim-check store: the same bytes back, or an error; never half a value."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.contracts.ids import SampleRef
from streams.store import Store, ValueUnavailable, reference


@given(value=st.binary(max_size=5000))
def test_a_value_comes_back_equal(value: bytes) -> None:
    store = Store("memory://store")
    assert store.get_now(store.put_now(value)) == value


def test_a_value_is_kept_once_and_leaves_no_draft(tmp_path: Path) -> None:
    store = Store(tmp_path)
    refs = [asyncio.run(store.put(b"x" * 100_000)) for _ in range(2)]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert refs[0] == refs[1] == reference(b"x" * 100_000)
    assert len(files) == 1
    assert files[0].stat().st_size < 1000
    assert asyncio.run(store.get(refs[0])) == b"x" * 100_000


@pytest.mark.parametrize("bad", ["", "sha256:../../etc/passwd", "sha256:" + "A" * 64, "md5:1"])
def test_a_malformed_reference_reaches_no_file(tmp_path: Path, bad: str) -> None:
    with pytest.raises(ValueUnavailable, match="expected sha256"):
        Store(tmp_path).get_now(SampleRef(bad))


def test_a_missing_and_an_altered_value_are_told(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(ValueUnavailable, match="not in"):
        store.get_now(reference(b"never"))
    good, other = store.put_now(b"good"), store.put_now(b"other")
    path = next(tmp_path.glob(f"*/{good[7:]}.zst"))
    path.write_bytes(next(tmp_path.glob(f"*/{other[7:]}.zst")).read_bytes())
    with pytest.raises(ValueUnavailable, match="other bytes"):
        store.get_now(good)
    path.write_bytes(b"junk")
    with pytest.raises(ValueUnavailable, match=r"damaged|altered"):
        store.get_now(good)
