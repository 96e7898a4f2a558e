"""Checks of a task's splits: each sample once, none in two splits, probes of the lengths that they claim."""

from __future__ import annotations

import math
from collections import Counter

import torch

from seqbench.protocol.specs import Context, Tokens
from seqbench.testing.report import Skip, expect
from seqbench.testing.task_subject import TaskSubject

WINDOW = 32
"""Steps of a stream that count as one sample; at most half a chunk, so that chunks cut elsewhere show it whole."""
BY_CHANCE = 100
"""A sample is told apart if there are this many times more possible ones than are compared."""
SHARED = 0.02
"""Share of an evaluation split that may be in another: published data has some sentences twice."""


def samples_once(task: TaskSubject) -> None:
    """Each sample of an evaluation split comes exactly once."""
    if task.data.streaming:
        raise Skip("it is made of streams, whose rows come once a chunk")
    for split in task.evaluation:
        index = torch.cat([batch.index for batch in task.batches(split)]).tolist()
        twice = [number for number, count in Counter(index).items() if count > 1]
        expect(not twice, f"{split} has sample {twice[:1]} more than once; its score would count it more.")
        missing = sorted(set(range(len(index))) - set(index))
        expect(not missing, f"{split} has {len(index)} samples but none numbered {missing[:1]}; number them from 0.")


def probe_lengths(task: TaskSubject) -> None:
    """Each probe asks at its own length alone."""
    if not task.data.probes:
        raise Skip("it has no probes")
    for length, split in task.data.probes.items():
        found = {int(n) for batch in task.batches(split) for n in batch.lengths}
        expect(found == {length}, f"probe {split} has sequences of {sorted(found)} steps, expected {length} alone.")


def splits_disjoint(task: TaskSubject) -> None:
    """No sample of training is in validation or test, nor one of validation in test, but by chance."""
    pairs = [("train", split) for split in task.evaluation] + [("validation", "test")]
    told = 0
    for one, other in pairs:
        samples, tested = _samples(task, one, every=True), _samples(task, other, every=False)
        sure = _told_apart(task, len(samples))
        tested = [sample for sample in tested if len(sample) >= sure]
        if not tested:
            continue
        # Two draws of one split that are equal by chance tell how often draws of two splits will be.
        chance = len(samples) * math.sqrt(_collisions(samples) * _collisions(tested))
        if chance > 0.25:
            continue
        told += 1
        known = set(samples)
        shared = sum(sample in known for sample in tested) / len(tested)
        expect(
            shared <= 2 * chance + SHARED,
            f"{shared:.0%} of the samples of {other} are in {one} as well (by chance {chance:.1%} would be); key "
            f"or cut the splits apart.",
        )
    if not told:
        raise Skip("there are so few possible inputs that samples of two splits are alike by chance")


def _samples(task: TaskSubject, split: str, every: bool) -> list[bytes]:
    """What was shown in a split, each sample as bytes; of streams windows, at ``every`` place or side by side."""
    found: list[bytes] = []
    seen: set[int] = set()
    for batch in task.batches(split):
        for row, (number, length) in enumerate(zip(batch.index.tolist(), batch.lengths.tolist(), strict=True)):
            inputs = batch.inputs[row]
            if task.data.streaming:
                counted = batch.weights[row] > 0
                width = min(WINDOW, max(1, length // 2))
                for begin in range(0, length - width + 1, 1 if every else width):
                    if counted[begin : begin + width].all():
                        found.append(inputs[begin : begin + width].numpy().tobytes())
            elif number not in seen:
                # Training goes through some data sets several times.
                seen.add(number)
                valid = inputs if isinstance(task.data.spec.input, Context) else inputs[:length]
                found.append(valid.numpy().tobytes())
    return found


def _told_apart(task: TaskSubject, count: int) -> int:
    """Bytes from which a sample of tokens is long enough not to be met by chance."""
    if not isinstance(task.data.spec.input, Tokens):
        return 0
    vocab = max(2, task.data.spec.input.vocab)
    return math.ceil(math.log(BY_CHANCE * max(1, count)) / math.log(vocab)) * torch.int64.itemsize


def _collisions(samples: list[bytes]) -> float:
    """The share of pairs of samples that are equal."""
    pairs = len(samples) * (len(samples) - 1) / 2
    return sum(n * (n - 1) / 2 for n in Counter(samples).values()) / pairs if pairs else 0.0
