"""Samples that are far longer than others: cut in evaluation, left out of training, or scored in small batches.

Each case is described in a sentence with file and line of the longest samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from seqbench.datamodules.length_buckets import BatchLimits

Place = Callable[[int], str]
"""Function from the number of a sample to its file and line; empty if the sample has none."""

MOST_NAMED = 3
"""Number of samples that a sentence names."""


def cut_rows(ids: np.ndarray, offsets: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a ragged array whose rows are cut to their first ``longest`` entries; without long rows, the same arrays.

    Args:
        ids: all rows, one after another, ``(tokens,)``.
        offsets: row i lies between offsets i and i + 1, ``(rows + 1,)``.
        longest: largest number of entries of a row.

    >>> ids, offsets = cut_rows(np.array([5, 6, 7, 8]), np.array([0, 1, 4]), 2)
    >>> ids.tolist(), offsets.tolist()
    ([5, 6, 7], [0, 1, 3])
    """
    lengths = np.diff(offsets)
    if not len(lengths) or lengths.max() <= longest:
        return ids, offsets
    places = np.arange(len(ids)) - np.repeat(offsets[:-1], lengths)
    return np.asarray(ids)[places < longest], np.concatenate([[0], np.cumsum(np.minimum(lengths, longest))])


def describe_cut(split: str, lengths: np.ndarray, longest: int, place: Place) -> list[str]:
    """Return a sentence on the samples of an evaluation split that are cut; nothing if no sample is.

    Args:
        split: name of the split.
        lengths: ``(samples,)`` tokens of each sample before the cut.
        longest: largest number of tokens that evaluation reads.
        place: file and line of a sample.
    """
    cut = np.flatnonzero(lengths > longest)
    if not len(cut):
        return []
    named = _named(cut, lengths, place)
    return [f"{_count(cut, split)} cut to the first {longest:,} tokens, for every architecture: {named}"]


def describe_left_out(lengths: np.ndarray, max_length: int, place: Place) -> list[str]:
    """Return a sentence on training samples that are longer than ``max_length``; nothing if no sample is.

    Args:
        lengths: ``(samples,)`` tokens of each training sample.
        max_length: largest number of tokens of a training sample.
        place: file and line of a sample.
    """
    left_out = np.flatnonzero(lengths > max_length)
    if not len(left_out):
        return []
    return [
        f"{_count(left_out, 'train')} left out, because of more than {max_length} tokens (--task.max_length): "
        f"{_named(left_out, lengths, place)}"
    ]


def describe_small_batches(split: str, lengths: np.ndarray, limits: BatchLimits, place: Place) -> list[str]:
    """Return a sentence if batches with the longest samples have fewer rows than others.

    Args:
        split: name of the split.
        lengths: ``(samples,)`` steps of each sample.
        limits: limits of one batch.
        place: file and line of a sample.
    """
    longest = int(np.argmax(lengths))
    rows = min(limits.rows, len(lengths))
    if limits.allow(rows, int(lengths[longest])):
        return []
    return [
        f"{split}: batches with very long samples have fewer than {limits.rows} rows, so that they fit in memory; the "
        f"longest is {_named(np.array([longest]), lengths, place)}, and half of all have at most "
        f"{int(np.median(lengths)):,}"
    ]


def _count(samples: Sequence[int] | np.ndarray, split: str) -> str:
    return f"{len(samples):,} {split} sample{'s are' if len(samples) > 1 else ' is'}"


def _named(samples: np.ndarray, lengths: np.ndarray, place: Place) -> str:
    """Return the longest of some samples with their lengths, as a part of a sentence."""
    longest = samples[np.argsort(-lengths[samples], kind="stable")]
    named = [
        f"{place(int(sample)) or f'number {sample}'} ({lengths[sample]:,} steps)" for sample in longest[:MOST_NAMED]
    ]
    more = f" and {len(longest) - MOST_NAMED} more" if len(longest) > MOST_NAMED else ""
    return ", ".join(named) + more
