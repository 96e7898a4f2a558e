"""The scores and the predictions of each sample of a split, from which its standard errors and its digest follow.

Samples have numbers, so neither the order of the batches nor the number of processes changes the result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqbench.models.objectives import ScoredBatch
from seqbench.models.sampling_error import GROUPS, group_influences, ratio_standard_error
from seqbench.protocol.specs import Batch

DIGEST_BYTES = 32
"""Length of the SHA-256 of the predictions of a sample."""


@dataclass(frozen=True)
class SampleScores:
    """The scores and the predictions of some samples of a split.

    Args:
        chunks: ``(samples,)`` number of the chunk; 0 for samples that are whole sequences.
        index: ``(samples,)`` number of the sample in its split, or of the row of the streams.
        sums: numerator and denominator of each metric, float64 ``(samples, entries)`` each.
        digests: SHA-256 of the predictions of each sample, uint8 ``(samples, DIGEST_BYTES)``.
        streaming: whether the samples are chunks of streams, so that those of one row depend on each other.
    """

    chunks: NDArray[np.int64]
    index: NDArray[np.int64]
    sums: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
    digests: NDArray[np.uint8]
    streaming: bool

    def __len__(self) -> int:
        return len(self.index)

    def standard_errors(self) -> dict[str, float]:
        """Return the standard error of each metric over the samples, without metrics for which it is undefined."""
        rows = self.index if self.streaming else None
        errors = {name: ratio_standard_error(above, below, rows) for name, (above, below) in self.sums.items()}
        return {name: error for name, error in errors.items() if error is not None}

    def group_influences(self, metric: str) -> list[float] | None:
        """Return how far each of ``GROUPS`` groups of samples moves the score of a metric; None if that is undefined.

        Sample i is in group i modulo ``GROUPS``. The chunks of streams depend on their neighbours, so their groups are
        parts of the streams, in the order of time.
        """
        if metric not in self.sums:
            return None
        groups = self.chunks * GROUPS // (self.chunks.max() + 1) if self.streaming else self.index % GROUPS
        return group_influences(*self.sums[metric], groups)

    def digest(self) -> str:
        """Return the SHA-256 (hex) of the predictions of all samples, in the order of their numbers."""
        digest = hashlib.sha256()
        for part in (self.chunks, self.index):
            digest.update(part.astype("<i8").tobytes())
        digest.update(self.digests.tobytes())
        return digest.hexdigest()

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the table as arrays by name, as the file of a run holds them."""
        arrays: dict[str, NDArray[np.generic]] = {"index": self.index, "predictions": self.digests}
        if self.streaming:
            arrays["chunk"] = self.chunks
        for name, (above, below) in self.sums.items():
            arrays |= {f"{name}/numerator": above.squeeze(1) if above.shape[1] == 1 else above}
            arrays |= {f"{name}/denominator": below.squeeze(1) if below.shape[1] == 1 else below}
        return arrays


def score_samples(
    batch: Batch, scored: ScoredBatch, chunk: int | None = None, decoded: Sequence[Sequence[int]] | None = None
) -> SampleScores:
    """Return the scores and the digests of the predictions of the samples of one batch.

    A digest covers the predictions that count in the metrics, so that padding does not change it.

    Args:
        batch: the batch.
        scored: the scores of its targets.
        chunk: number of the batch if it is a chunk of streams; None for whole sequences.
        decoded: the decoded tokens of each sample, if outputs are token sequences.
    """
    sums = {name: (_to_numpy(above), _to_numpy(below)) for name, (above, below) in scored.sample_sums().items()}
    decisions, counted = _portable(scored.decisions), scored.counted.cpu().numpy()
    digests = [
        _digest(row[mask], tokens)
        for row, mask, tokens in zip(decisions, counted, decoded or [()] * len(batch), strict=True)
    ]
    return SampleScores(
        chunks=np.full(len(batch), chunk or 0, np.int64),
        index=batch.index.cpu().numpy().astype(np.int64),
        sums=sums,
        digests=np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIGEST_BYTES),
        streaming=chunk is not None,
    )


def join_samples(parts: Sequence[SampleScores]) -> SampleScores | None:
    """Return the samples of all batches and processes, in the order of their numbers; None if there are none."""
    if not parts:
        return None
    chunks, index = (np.concatenate([getattr(part, name) for part in parts]) for name in ("chunks", "index"))
    order = np.lexsort((index, chunks))
    joined = {
        name: (
            np.concatenate([part.sums[name][0] for part in parts])[order],
            np.concatenate([part.sums[name][1] for part in parts])[order],
        )
        for name in parts[0].sums
    }
    digests = np.concatenate([part.digests for part in parts])[order]
    return SampleScores(chunks[order], index[order], joined, digests, parts[0].streaming)


def _to_numpy(sums: Tensor) -> NDArray[np.float64]:
    return np.asarray(sums.double().cpu().numpy(), np.float64)


def _portable(decisions: Tensor) -> NDArray[np.generic]:
    """Return predictions as an array whose bytes are the same on every machine: int32, uint8 or float32."""
    if decisions.dtype == torch.bool:
        return np.asarray(decisions.cpu().numpy(), "u1")
    return np.asarray(decisions.cpu().numpy(), "<f4" if decisions.is_floating_point() else "<i4")


def _digest(decisions: NDArray[np.generic], decoded: Sequence[int]) -> bytes:
    counts = np.asarray([decisions.size, len(decoded)], "<i8").tobytes()
    return hashlib.sha256(counts + decisions.tobytes() + np.asarray(decoded, "<i4").tobytes()).digest()
