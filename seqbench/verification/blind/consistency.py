"""Compare two processes of one net: the same rows, grouped anew, must get the same hidden vectors.

The first process has answered the real batches in their order. The second one gets some of their rows in other groups
and another order, and where outputs must not look ahead, with other inputs and another length after a cut that is
secret. Up to the cut the answers must agree within rounding. A net that reads later inputs, remembers earlier batches,
or notices how it is evaluated gives two different answers.
"""

from __future__ import annotations

import heapq
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from seqbench.models.contract.causality import relative_gaps, rounding_tolerance
from seqbench.protocol.specs import (
    Batch,
    SequenceClass,
    SequenceSpec,
    SequenceValue,
    StepClasses,
    StepLabels,
    TokenSequence,
)
from seqbench.utils.number_format import counted
from seqbench.verification.blind.altered_rows import KeptRow, alter_row, can_be_cut, draw_groups, join_rows
from seqbench.verification.blind.blind_batches import BlindBatch, hide_targets
from seqbench.verification.blind.blind_scoring import BlindNet, Head
from seqbench.verification.blind.score_differences import ScoreDifferences

COMPARISONS = 256
"""Number of rows that are compared; each row of a split with fewer rows is compared several times, with other cuts."""

LARGEST_GROWTH = 30
"""Largest factor by which rounding grows from one step to the next in a chaotic net."""

LARGEST_GROUP = 32
"""Largest number of rows in a group of the second process."""


@dataclass(frozen=True)
class Difference:
    """Two different answers to the same inputs.

    Args:
        split: name of the split.
        sample: number of the sample in its split, or of the row of the streams.
        step: step with the largest difference.
        cut: first step whose input was altered; None if none was.
        size: the difference, relative to the largest hidden vector.
        gradual: whether the difference has grown from rounding along the row.
    """

    split: str
    sample: int
    step: int
    cut: int | None
    size: float
    gradual: bool = False


@dataclass
class Agreement:
    """The result of the comparison.

    Args:
        compared: number of compared rows or chunks.
        cut: number of them whose later inputs were altered.
        largest: largest difference, relative to the largest hidden vector of the row.
        tolerance: largest difference that counts as rounding.
        differences: the differences beyond it.
        scores: the scores of both processes on the compared steps.
    """

    compared: int = 0
    cut: int = 0
    largest: float = 0.0
    tolerance: float = 0.0
    differences: list[Difference] = field(default_factory=list)
    scores: ScoreDifferences = field(default_factory=ScoreDifferences)

    def add(self, kept: KeptRow, answer: Tensor, cut: int | None, head: Head, earlier: float = 0.0) -> float:
        """Compare an answer with that of the first process, as it is and behind the head.

        A net could hide what it must not know in differences below rounding, which the weights of the head enlarge.

        Args:
            kept: the row with the answer of the first process.
            answer: ``(time, d_model)``; only the steps of the first answer, up to the cut, are compared.
            cut: first step whose input was altered; None if none was.
            head: head of the task.
            earlier: difference at the step before the first one; 0 at the start of a sequence.

        Returns:
            The difference at the last step.
        """
        time = min(len(kept.hidden), len(answer), len(answer) if cut is None else cut)
        before, after = kept.hidden[None, :time], answer[None, :time]
        tolerance = rounding_tolerance(before, head.autocast)
        behind = relative_gaps(head.outputs(before), head.outputs(after))
        gaps = torch.maximum(relative_gaps(before, after).float(), behind.float())[0]
        self.add_scores(kept, answer[:time], head)
        self.compared += 1
        self.cut += cut is not None
        self.tolerance = max(self.tolerance, tolerance)
        step = int(gaps.argmax())
        self.largest = max(self.largest, float(gaps[step]))
        if gaps[step] > tolerance:
            first = int((gaps > tolerance).nonzero()[0])
            gradual = (float(gaps[first - 1]) if first else earlier) >= tolerance / LARGEST_GROWTH
            self.differences.append(Difference(kept.split, kept.sample, step, cut, float(gaps[step]), gradual))
        return float(gaps[-1])

    def add_scores(self, kept: KeptRow, answer: Tensor, head: Head) -> None:
        """Add the scores of an answer and those of the first process on the same steps.

        Args:
            kept: the row with the answer of the first process.
            answer: ``(time, d_model)``, up to the cut.
            head: head of the task.
        """
        if kept.scored is not None and len(answer):
            one, two = (head.numerators(hidden, kept.scored) for hidden in (kept.hidden[: len(answer)], answer))
            self.scores.add((kept.split, kept.sample, kept.step), one, two)

    @property
    def is_different(self) -> bool:
        """Whether an answer or a score differs by more than rounding."""
        return bool(self.differences) or self.scores.worst() is not None

    @property
    def only_rounding(self) -> bool:
        """Whether all differences have grown from rounding along their rows, as in a chaotic net."""
        return all(difference.gradual for difference in self.differences)


class KeptRows:
    """A random choice of the rows that the first process has answered; every row is equally likely.

    Args:
        spec: inputs and outputs of the task.
        feeds_back_output: whether the net reads its own previous outputs.
        count: largest number of rows.
        rng: source of the choice.
    """

    def __init__(self, spec: SequenceSpec, feeds_back_output: bool, count: int, rng: random.Random) -> None:
        self.spec, self.count, self.rng = spec, count, rng
        self.feeds_back_output = feeds_back_output
        self._heap: list[tuple[float, int, KeptRow]] = []
        self._seen = 0

    def __len__(self) -> int:
        return len(self._heap)

    def observe(self, split: str, step: int, batch: Batch, hidden: Tensor) -> None:
        """Keep some rows of a batch and their hidden vectors.

        Args:
            split: name of the split.
            step: number of the batch.
            batch: the batch.
            hidden: ``(batch, out_time, d_model)``.
        """
        blind: BlindBatch | None = None
        for row in range(len(batch)):
            self._seen += 1
            priority = self.rng.random()
            if len(self._heap) == self.count and priority < self._heap[0][0]:
                continue
            blind = blind or hide_targets(batch, self.spec, self.feeds_back_output)
            trimmed = trim_row(blind, batch, hidden, row, self.spec)
            kept = KeptRow(split, step, int(batch.index[row]), *trimmed, batch.rows(torch.tensor([row])))
            entry = (priority, self._seen, kept)
            (heapq.heappush if len(self._heap) < self.count else heapq.heapreplace)(self._heap, entry)

    def rows(self) -> list[KeptRow]:
        """Return the rows in random order."""
        kept = [row for _, _, row in self._heap]
        return self.rng.sample(kept, len(kept))


def trim_row(
    blind: BlindBatch, batch: Batch, hidden: Tensor, row: int, spec: SequenceSpec
) -> tuple[BlindBatch, Tensor]:
    """Return one row of a batch without its padding, and its hidden vectors at the targets.

    Args:
        blind: the blind batch.
        batch: the batch, which states the length of each target.
        hidden: ``(batch, out_time, d_model)``.
        row: number of the row.
        spec: inputs and outputs of the task.
    """
    one = blind.rows(torch.tensor([row]))
    length = int(batch.lengths[row])
    if one.inputs.dim() > 2 or not one.inputs.is_floating_point():
        one = replace(one, inputs=one.inputs[:, :length].clone())
    output = spec.output
    if isinstance(output, TokenSequence):
        steps = length if batch.target_lengths is None else int(batch.target_lengths[row])
        assert one.decoder_inputs is not None
        one = replace(one, decoder_inputs=one.decoder_inputs[:, :steps].clone(), out_time=steps)
    elif isinstance(output, SequenceClass | SequenceValue):
        steps = length if output.reads == "every" else 1
    else:
        steps = length
        one = replace(one, out_time=steps, asked=None if one.asked is None else one.asked[:, :steps].clone())
    return one, hidden[row, :steps].clone()


def compare_rows(
    net: BlindNet,
    head: Head,
    rows: Sequence[KeptRow],
    rng: random.Random,
    comparisons: int = COMPARISONS,
    alters: bool = True,
) -> Agreement:
    """Ask a second process of the net about rows in other groups, and compare its answers with those of the first.

    Args:
        net: the second process.
        head: head of the task, for a net that reads its own outputs.
        rows: rows of the first process with its answers.
        rng: source of groups, cuts and other inputs.
        comparisons: number of comparisons.
        alters: whether later inputs are altered where outputs must not look ahead.
    """
    spec, agreement = head.spec, Agreement()
    alters = alters and can_be_cut(spec)
    chosen = [rows[number % len(rows)] for number in range(comparisons)] if alters else list(rows)
    for group in draw_groups(len(chosen), LARGEST_GROUP, rng):
        members = [chosen[number] for number in group]
        changed: list[tuple[BlindBatch, int | None]] = [
            alter_row(kept, rows, spec, rng) if alters else (kept.row, None) for kept in members
        ]
        answers = net.hidden_vectors(join_rows([row for row, _ in changed]))
        for kept, answer, (_, cut) in zip(members, answers, changed, strict=True):
            answer = answer if cut is None else answer[:cut]
            steps = steps_before_another_output(kept, answer, head)
            agreement.add(kept, answer[:steps], cut, head)
    return agreement


def explain_differences(agreement: Agreement, without_cuts: Agreement | None) -> str:
    """Return what two different answers show, and where they are, as a sentence.

    Args:
        agreement: the result with differences.
        without_cuts: the result for the same rows in other groups without altered inputs; None if nothing was altered.
    """
    worst = max(agreement.differences, key=lambda difference: difference.size)
    rows = len({(one.split, one.sample) for one in agreement.differences})
    if worst.cut is not None and without_cuts is not None and not without_cuts.differences:
        what = f"its hidden vectors depend on later inputs: when the inputs from step {worst.cut} on were replaced,"
    else:
        what = (
            "the net gives other hidden vectors for the same inputs in another process, in other batches and another "
            "order:"
        )
    return (
        f"{what} that of step {worst.step} of {worst.split} sample {worst.sample} changed by {worst.size:.2g} (at most "
        f"{agreement.tolerance:.0e} is rounding); {counted(len(agreement.differences), 'comparison')} of "
        f"{agreement.compared} differ, in {counted(rows, 'row')}"
    )


def secret_random() -> random.Random:
    """Return a source of random numbers that no other process can know.

    >>> secret_random().random() != secret_random().random()
    True
    """
    return random.Random(secrets.randbits(256))


def steps_before_another_output(kept: KeptRow, answer: Tensor, head: Head) -> int:
    """Return the number of steps in which both processes have read the same outputs, for a net that reads its own.

    Rounding may decide between two outputs that are almost equally likely, and the steps after it differ.

    Args:
        kept: the row with the answer of the first process.
        answer: the answer of the second process, ``(time, d_model)``.
        head: head of the task.
    """
    # Other outputs are numbers, which rounding changes by little.
    if kept.row.asked is None or not isinstance(head.spec.output, StepClasses | StepLabels):
        return len(answer)
    time = min(len(kept.hidden), len(answer))
    first, second = (head.predict(hidden[None, :time]) for hidden in (kept.hidden, answer))
    other = (first != second).reshape(time, -1).any(-1).nonzero()
    return int(other[0]) + 1 if len(other) else len(answer)
