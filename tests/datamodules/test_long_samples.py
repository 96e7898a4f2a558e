"""Samples that are far longer than others: cut, left out or in small batches, and always named."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqbench.datamodules.length_buckets import BatchLimits
from seqbench.datamodules.long_samples import cut_rows, describe_cut, describe_left_out, describe_small_batches

LENGTHS = np.array([3, 9000, 5, 20_000, 7, 4097])


def place(number: int) -> str:
    return f"dev.tsv, line {number + 1}"


@given(st.lists(st.lists(st.integers(0, 9), max_size=9), max_size=6), st.integers(1, 9))
def test_rows_are_cut_to_their_first_entries(rows: list[list[int]], longest: int) -> None:
    ids = np.array([entry for row in rows for entry in row], np.int32)
    offsets = np.cumsum([0, *map(len, rows)])
    cut, borders = cut_rows(ids, offsets, longest)
    assert [cut[a:b].tolist() for a, b in itertools.pairwise(borders)] == [row[:longest] for row in rows]
    if all(len(row) <= longest for row in rows):
        assert cut is ids
        assert borders is offsets


def test_cut_samples_are_counted_and_the_longest_are_named() -> None:
    assert describe_cut("validation", LENGTHS, 4096, place) == [
        "3 validation samples are cut to the first 4,096 tokens, for every architecture: dev.tsv, line 4 (20,000 "
        "steps), dev.tsv, line 2 (9,000 steps), dev.tsv, line 6 (4,097 steps)"
    ]
    assert describe_cut("test", LENGTHS, 20_000, place) == []


def test_left_out_samples_are_counted_and_the_longest_are_named() -> None:
    (note,) = describe_left_out(LENGTHS, 4, place)
    assert note.startswith(
        "5 train samples are left out, because of more than 4 tokens (--task.max_length): dev.tsv, line 4"
    )
    assert note.endswith(" and 2 more")
    assert describe_left_out(LENGTHS, 20_000, place) == []


def test_the_longest_sample_of_small_batches_is_named() -> None:
    (note,) = describe_small_batches("train", LENGTHS, BatchLimits(64), lambda number: "")
    assert note.startswith("train: batches with very long samples have fewer than 64 rows")
    assert "the longest is number 3 (20,000 steps), and half of all have at most 2,052" in note
    assert describe_small_batches("train", LENGTHS[:1], BatchLimits(64), place) == []
