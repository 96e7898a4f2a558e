"""Compare two processes of one net on streams: some streams again, in another order and number, with altered chunks.

Before the true chunk, the second process may get the chunk with other inputs and another length after a secret cut, and
must then forget the state after it. Up to the cut its answer must agree with that of the first process, and so must the
answer to the true chunk: nothing of the altered chunk may remain.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from seqbench.datamodules.base import SequenceDataModule
from seqbench.protocol.specs import Batch
from seqbench.verification.blind.altered_rows import KeptRow, alter_row, can_be_cut, join_rows
from seqbench.verification.blind.blind_batches import BlindBatch, hide_targets
from seqbench.verification.blind.blind_scoring import BlindNet, Head
from seqbench.verification.blind.consistency import Agreement, steps_before_another_output, trim_row

SHARE = 4
"""One of this many streams is compared."""

MOST_BYTES = 200_000_000
"""Largest memory for the kept hidden vectors of a split (bytes); one stream is always kept."""

ALTERED = 0.5
"""Share of the chunks that are sent with altered inputs first."""


class KeptStreams:
    """A random choice of the streams that the first process has answered, with all of their chunks.

    Args:
        data: data of the task.
        feeds_back_output: whether the net reads its own previous outputs.
        rng: source of the choice.
    """

    def __init__(self, data: SequenceDataModule, feeds_back_output: bool, rng: random.Random) -> None:
        self.data, self.feeds_back_output, self.rng = data, feeds_back_output, rng
        self.chunks: dict[str, list[list[KeptRow]]] = defaultdict(list)
        self._rows: dict[str, list[int]] = {}

    def observe(self, split: str, step: int, batch: Batch, hidden: Tensor) -> None:
        """Keep the chosen rows of a chunk and their hidden vectors.

        Args:
            split: name of the split.
            step: number of the chunk.
            batch: the chunk.
            hidden: ``(batch, time, d_model)``.
        """
        if split not in self._rows:
            self._rows[split] = self._choose(len(batch), hidden[0].nbytes * self.data.steps(split))
        blind = hide_targets(batch, self.data.spec, self.feeds_back_output)
        self.chunks[split].append(
            [
                KeptRow(
                    split,
                    step,
                    int(batch.index[row]),
                    *trim_row(blind, batch, hidden, row, self.data.spec),
                    batch.rows(torch.tensor([row])),
                )
                for row in self._rows[split]
            ]
        )

    def _choose(self, streams: int, stream_bytes: int) -> list[int]:
        """Return the numbers of some streams, in the order in which the second process gets them."""
        count = max(1, min(-(-streams // SHARE), MOST_BYTES // max(1, stream_bytes)))
        return self.rng.sample(range(streams), count)


def compare_streams(
    net: BlindNet, head: Head, streams: KeptStreams, rng: random.Random, altered: float = ALTERED
) -> Agreement:
    """Ask a second process of the net about some streams, and compare its answers with those of the first.

    Args:
        net: the second process.
        head: head of the task, for a net that reads its own outputs.
        streams: streams of the first process with its answers.
        rng: source of cuts and other inputs.
        altered: share of the chunks that are sent with altered inputs first.
    """
    agreement = Agreement()
    for chunks in streams.chunks.values():
        same, gaps = [True] * len(chunks[0]), [0.0] * len(chunks[0])
        for chunk in chunks:
            if can_be_cut(head.spec) and rng.random() < altered:
                _compare_altered(net, head, chunk, rng.choice(chunks), same, gaps, rng, agreement)
            answers = net.hidden_vectors(join_rows([kept.row for kept in chunk]), keep_state=True)
            for number, (kept, answer) in enumerate(zip(chunk, answers, strict=True)):
                if same[number]:
                    steps = steps_before_another_output(kept, answer, head)
                    found = len(agreement.differences)
                    gaps[number] = agreement.add(kept, answer[:steps], None, head, gaps[number])
                    # A state after another output or after a difference is another state.
                    same[number] = steps == len(answer) and len(agreement.differences) == found
                else:
                    agreement.add_scores(kept, answer, head)
    return agreement


def _compare_altered(
    net: BlindNet,
    head: Head,
    chunk: Sequence[KeptRow],
    donors: Sequence[KeptRow],
    same: Sequence[bool],
    gaps: Sequence[float],
    rng: random.Random,
    agreement: Agreement,
) -> None:
    """Send a chunk with other inputs after a cut, without keeping the state after it, and compare the steps before.

    Args:
        net: the second process.
        head: head of the task.
        chunk: rows of the chunk with the answers of the first process.
        donors: rows whose inputs replace those after the cuts.
        same: for each row, whether the states of both processes are the same.
        gaps: for each row, the difference at the step before the chunk.
        rng: source of cuts and other inputs.
        agreement: the result, to which the comparisons are added.
    """
    changed = [alter_row(kept, donors, head.spec, rng) for kept in chunk]
    shortest = max(max(cut for _, cut in changed), min(len(row.inputs[0]) for row, _ in changed))
    rows = [_first_steps(row, shortest) for row, _ in changed]
    answers = net.hidden_vectors(join_rows(rows), keep_state=False)
    for number, (kept, answer, (_, cut)) in enumerate(zip(chunk, answers, changed, strict=True)):
        if same[number]:
            steps = steps_before_another_output(kept, answer[:cut], head)
            agreement.add(kept, answer[:steps], cut, head, gaps[number])
        else:
            agreement.add_scores(kept, answer[:cut], head)


def _first_steps(row: BlindBatch, steps: int) -> BlindBatch:
    """Return the first steps of a row; a shorter row repeats its last step, because chunks have no padding."""
    inputs, missing = row.inputs[:, :steps], steps - row.inputs.shape[1]
    asked = None if row.asked is None else row.asked[:, :steps]
    if missing > 0:
        inputs = torch.cat([inputs, inputs[:, -1:].expand(-1, missing, *inputs.shape[2:])], dim=1)
        if asked is not None:
            asked = torch.cat([asked, asked[:, -1:].expand(-1, missing)], dim=1)
    return BlindBatch(inputs, torch.tensor([steps]), steps, row.first, None, asked)
