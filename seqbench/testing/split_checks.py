"""Checks of a task's splits: each sample occurs once and in one split only, and each probe has its stated length."""

from __future__ import annotations

import math
from collections import Counter

import torch

from seqbench.protocol.specs import Batch, Context, Tokens
from seqbench.testing.report import Skip, expect
from seqbench.testing.task_subject import TaskSubject
from seqbench.utils.number_format import counted

WINDOW = 32
"""Number of steps of a stream that count as one sample, but at most half a chunk.

So a stream that is cut into chunks at other steps still contains the sample.
"""

POSSIBLE_PER_COMPARED = 100
"""Smallest ratio of possible samples of one length to drawn samples at which samples are compared."""

ALLOWED_SHARE = 0.02
"""Share of an evaluation split that may also be in another split, because published data repeat some sentences."""

TOO_COMMON = 0.25
"""Two splits are not compared if a larger share of their samples is expected to be equal by chance."""


def check_samples_once(task: TaskSubject) -> None:
    """Each sample of an evaluation split occurs exactly once, and samples are numbered from 0."""
    if task.data.streaming:
        raise Skip("its splits are streams, whose rows occur once in each chunk")
    for split in task.evaluation_splits:
        index = torch.cat([batch.index for batch in task.batches(split)]).tolist()
        repeated = [number for number, count in Counter(index).items() if count > 1]
        expect(not repeated, f"{split} has sample {repeated[:1]} more than once, so its score counts it more.")
        missing = sorted(set(range(len(index))) - set(index))
        samples = counted(len(index), "sample")
        expect(not missing, f"{split} has {samples} but none numbered {missing[:1]}; number them from 0.")


def check_probe_lengths(task: TaskSubject) -> None:
    """Each probe has sequences of its own length only."""
    probes = [*task.data.probes.items(), *task.data.validation_probes.items()]
    if not probes:
        raise Skip("it has no probes")
    for length, split in probes:
        lengths = {int(n) for batch in task.batches(split) for n in batch.lengths}
        expect(lengths == {length}, f"probe {split} has sequences of {sorted(lengths)} steps, expected {length} only.")


def check_splits_disjoint(task: TaskSubject) -> None:
    """No sample of training is in validation or test, and none of validation is in test, except by chance."""
    pairs = [("train", split) for split in task.evaluation_splits] + [("validation", "test")]
    pairs += [(split, task.data.probes[n]) for n, split in task.data.validation_probes.items() if n in task.data.probes]
    compared = 0
    for one, other in pairs:
        samples, tested = _samples(task, one, overlapping=True), _samples(task, other, overlapping=False)
        shortest = _shortest_compared(task, len(samples))
        tested = [sample for sample in tested if len(sample) >= shortest]
        if not tested:
            continue
        by_chance = _shared_by_chance(samples, tested, are_windows=task.data.streaming)
        if by_chance > TOO_COMMON:
            continue
        compared += 1
        known = set(samples)
        shared = sum(sample in known for sample in tested) / len(tested)
        expect(
            shared <= 2 * by_chance + ALLOWED_SHARE,
            f"{shared:.0%} of the samples of {other} are in {one} as well (expected by chance: {by_chance:.1%}); draw "
            f"the splits from different keys, or cut them from different data.",
        )
    if not compared:
        raise Skip("there are so few possible inputs that samples of two splits are equal by chance")


def _samples(task: TaskSubject, split: str, overlapping: bool) -> list[bytes]:
    """Return the samples of a split, each as bytes.

    Args:
        task: the task.
        split: name of the split.
        overlapping: for a stream, whether a window starts at every step; if not, windows do not overlap.
    """
    samples: list[bytes] = []
    seen: set[int] = set()
    for batch in task.batches(split):
        for row, number in enumerate(batch.index.tolist()):
            if task.data.streaming:
                samples += _windows(batch, row, overlapping)
            elif number not in seen:  # Each epoch of training contains each sample of a data set once.
                seen.add(number)
                inputs = batch.inputs[row]
                valid = inputs if isinstance(task.data.spec.input, Context) else inputs[: int(batch.lengths[row])]
                samples.append(valid.numpy().tobytes())
    return samples


def _windows(batch: Batch, row: int, overlapping: bool) -> list[bytes]:
    """Return the windows of one row of a chunk whose steps all count, each as bytes."""
    inputs, counted, length = batch.inputs[row], batch.weights[row] > 0, int(batch.lengths[row])
    width = min(WINDOW, max(1, length // 2))
    starts = range(0, length - width + 1, 1 if overlapping else width)
    return [inputs[t : t + width].numpy().tobytes() for t in starts if counted[t : t + width].all()]


def _shortest_compared(task: TaskSubject, count: int) -> int:
    """Return the smallest size in bytes at which a sample is unlikely to equal one of ``count`` others by chance."""
    if not isinstance(task.data.spec.input, Tokens):
        return 0
    vocab = max(2, task.data.spec.input.vocab)
    steps = math.ceil(math.log(POSSIBLE_PER_COMPARED * max(1, count)) / math.log(vocab))
    return steps * torch.int64.itemsize


def _shared_by_chance(samples: list[bytes], tested: list[bytes], are_windows: bool = False) -> float:
    """Return the expected share of the tested samples that equal one of the other samples, if both are random.

    Equal samples within a split show how often samples of two splits are equal by chance. A small tested split has no
    equal pair at rates below one in its number of pairs; up to that rate the other split shows it alone. Windows of a
    stream are no such samples, because the windows of two epochs overlap.

    Args:
        samples: samples of one split.
        tested: samples of the split that is tested.
        are_windows: whether the samples are windows of a stream.

    >>> payloads = [bytes([n]) for n in (1, 2, 3, 1, 4)]
    >>> _shared_by_chance(payloads, [bytes([5]), bytes([6])])
    0.5
    """
    among = _equal_pairs(samples)
    smallest_seen = 0.0 if are_windows else 1 / max(1, math.comb(len(tested), 2))
    return len(samples) * math.sqrt(among * max(_equal_pairs(tested), min(among, smallest_seen)))


def _equal_pairs(samples: list[bytes]) -> float:
    """Return the share of the pairs of samples that are equal."""
    pairs = math.comb(len(samples), 2)
    return sum(math.comb(n, 2) for n in Counter(samples).values()) / pairs if pairs else 0.0
