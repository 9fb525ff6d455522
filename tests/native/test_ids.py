"""The table of ids against its twin, and what it must refuse."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.examples import examples
from native.twins import ids as twin
from peerannot._loops import native

# Texts of up to 12 bytes lie in Arrow's views, longer ones beside them.
texts = st.one_of(
    st.text(max_size=14),
    st.integers(0, 5000).map("task-{}".format),
    st.sampled_from(["", "\0", "a" * 12, "a" * 13, "a" * 12 + "b", "a" * 100_000]),
)
pieces = st.lists(st.lists(texts, max_size=80), min_size=1, max_size=4)
usual = examples(60)


def column(values: list[str]) -> pl.Series:
    half = len(values) // 2
    parts = [pl.Series(values[:half], dtype=pl.String), pl.Series(values[half:], dtype=pl.String)]
    return pl.concat(parts, rechunk=False)


@usual
@given(pieces=pieces)
def test_texts(pieces: list[list[str]]) -> None:
    coder, known = native.Coder(), dict[str, int]()
    for some in pieces:
        before = dict(known)
        found = np.empty(len(some), np.int32)
        coder.find(column(some), found)
        assert found.tolist() == twin.find(before, some).tolist()
        codes = np.empty(len(some), np.int32)
        rows = coder.texts(column(some), codes)
        slow = twin.code(known, some)
        assert (codes.tolist(), rows.tolist()) == (slow[0].tolist(), slow[1].tolist())


def test_so_many_that_the_table_grows_often() -> None:
    some = [f"{i % 70_001}-{'x' * (i % 23)}" for i in range(200_000)]
    codes = np.empty(len(some), np.int32)
    rows = native.Coder().texts(column(some), codes)
    slow = twin.code({}, some)
    assert (codes == slow[0]).all()
    assert (rows == slow[1]).all()


@usual
@given(numbers=st.lists(st.one_of(st.integers(-9, 9), st.integers(-(2**63), 2**63 - 1))))
def test_numbers(numbers: list[int]) -> None:
    codes = np.empty(len(numbers), np.int32)
    rows = native.Coder().numbers(np.array(numbers, np.int64), codes)
    slow = twin.code({}, numbers)
    assert (codes.tolist(), rows.tolist()) == (slow[0].tolist(), slow[1].tolist())


@usual
@given(codes=st.lists(st.integers(0, 6)), threads=st.integers(1, 3))
def test_replace(codes: list[int], threads: int) -> None:
    by = np.array([3, 3, 0, 9, -1, 2, 5], np.int32)
    code = np.array(codes, np.int32)
    slow = twin.replace(code, by)
    native.ids_replace(code, by, threads=threads)
    assert code.tolist() == slow.tolist()


def test_codes_out_of_range_are_refused() -> None:
    for bad in (-1, 3):
        with pytest.raises(ValueError, match="range"):
            native.ids_replace(
                np.array([0, bad], np.int32), np.arange(3, dtype=np.int32), threads=2
            )


def test_a_part_of_a_column_with_long_texts() -> None:
    whole = pl.Series([f"{'long' * 9}-{i}" for i in range(100)])
    codes = np.empty(20, np.int32)
    assert native.Coder().texts(whole[70:90], codes).tolist() == list(range(20))


@pytest.mark.parametrize(
    ("given_", "size"),
    [
        (pl.Series(["a", None]), 2),
        (pl.Series(["a", "b"]), 1),
        (pl.Series(["a", "b"]), 3),
        (pl.Series([1, 2]), 2),
        (pl.Series([["a"], ["b"]]), 2),
        (pl.Series(["a", "b"], dtype=pl.Categorical), 2),
        (pl.Series([b"a", b"b"]), 2),
        (pl.DataFrame({"a": ["a", "b"]}), 2),
    ],
)
def test_what_is_no_column_of_texts_is_refused(given_: object, size: int) -> None:
    for loop in (native.Coder().texts, native.Coder().find):
        with pytest.raises(ValueError):
            loop(given_, np.empty(size, np.int32))


def test_other_arrays_are_refused() -> None:
    coder, names = native.Coder(), pl.Series(["a", "b"])
    fixed = np.empty(2, np.int32)
    fixed.flags.writeable = False
    for codes in (np.empty(2), np.empty((2, 1), np.int32), np.empty(4, np.int32)[::2], fixed):
        with pytest.raises(TypeError):
            coder.texts(names, codes)
    with pytest.raises(ValueError):
        coder.numbers(np.arange(3), np.empty(2, np.int32))
    with pytest.raises(AttributeError):
        coder.texts(["a", "b"], np.empty(2, np.int32))
