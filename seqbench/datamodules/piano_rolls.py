"""Polyphonic music: which of the piano's 88 keys sound in the next frame, given all frames so far?

    input   C4+E4+G4  C4+E4+G4  B3+D4+G4      88 zeros and ones a frame (here the keys that are 1)
    target  C4+E4+G4  B3+D4+G4  C4+E4+G4

    input   G4 G4 G4                          mode: melody, the highest key of each frame or silence
    target  G4 G4 G4

The task of Boulanger-Lewandowski, Bengio & Vincent 2012 (arXiv 1206.6392), scored as Bai, Kolter & Koltun 2018 do:
the negative log-likelihood of a frame, keys taken as independent given the past, summed over the 88 keys and
averaged over all predicted frames of the split, nats. Every frame of a piece but its first is predicted.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch

from seqbench.datamodules import roll_baselines
from seqbench.datamodules.base import Scores, SequenceDataModule, require
from seqbench.datamodules.length_buckets import batches_by_length, batches_of_epoch
from seqbench.datamodules.sources import data_location, rolls
from seqbench.datamodules.sources.rolls import KEYS
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, Features, SequenceSpec, StepClasses, StepLabels, Tokens

MODES = ("roll", "melody")
CLASSES = KEYS + 1
"""Of a melody: 0 is silence, k + 1 is key k."""


def melody(frames: np.ndarray) -> np.ndarray:
    """The highest key of each frame, ``(..., 88)`` to ``(...)``: its number plus one, 0 for silence."""
    found: np.ndarray = np.where(frames.any(-1), KEYS - frames[..., ::-1].argmax(-1), 0)
    return found


class PianoRolls(SequenceDataModule):
    """Next-frame prediction on pieces of music.

    Args:
        dataset: the published collection, a name in ``seqbench.datamodules.sources.published_datasets``.
        mode: ``roll`` (all keys) or ``melody`` (the highest one, as a token).
        segment: most predicted frames of a training sequence; longer pieces are cut, elsewhere in each epoch.
            0 trains on whole pieces. Validation and test are of whole pieces always.
        data_dir: folder (or file) to read instead: the published file, or one ``*.mat`` or ``*.json``.
        source: where the pieces come from: auto (a folder), folder, package (music21's chorales), or synthetic (a
            generated stand-in whose best possible scores are known).
        batch_size: pieces (or segments) in one batch.
        keys: what random draws are keyed by.
    """

    sampler: ClassVar[str] = "music"

    def __init__(
        self,
        dataset: str,
        batch_size: int,
        keys: Keys,
        mode: str = "roll",
        segment: int = 0,
        data_dir: str | None = None,
        source: str = "auto",
    ) -> None:
        super().__init__(batch_size, keys)
        require(mode in MODES, f"music's mode must be 'roll' or 'melody', got '{mode}'.")
        require(segment >= 0, f"music's segment must be at least 1 frame, or 0 for whole pieces, got {segment}.")
        self.mode, self.segment = mode, segment
        self.rolls = rolls.read_rolls(data_location.locate_data(dataset, data_dir, source))
        if self.rolls.best is None:
            self.best_unknown = "nobody knows the entropy of real music"
        whole = self.rolls.frames
        self.frames = whole if mode == "roll" else {split: melody(frames) for split, frames in whole.items()}
        self.lengths = {split: np.diff(borders) - 1 for split, borders in self.rolls.borders.items()}
        longest = max(int(lengths.max()) for lengths in self.lengths.values())
        if mode == "roll":
            rates = roll_baselines.frequencies(np.asarray(whole["train"]))
            output = StepLabels(KEYS, tuple(round(float(rate), 6) for rate in rates))
            self.spec = SequenceSpec(Features(KEYS), output, longest)
        else:
            self.spec = SequenceSpec(Tokens(CLASSES), StepClasses(CLASSES, metrics=("loss", "accuracy")), longest)
        self._evaluation = {s: batches_by_length(self.lengths[s], batch_size) for s in ("validation", "test")}
        # Where each epoch begins, as far as was asked, and the batches of the last one asked for.
        self._begins = [0]
        self._recent: tuple[int, list[np.ndarray]] = (-1, [])

    def stream(self, split: str, step: int) -> Batch:
        """Batch ``step``: of the epoch's permutation in training, else of whole pieces, the shortest first."""
        if split == "train":
            return self._batch(split, self._training(step))
        pieces = self._evaluation[split][step]
        return self._batch(split, np.stack([pieces, np.zeros_like(pieces), self.lengths[split][pieces]], axis=1))

    def steps(self, split: str) -> int:
        """Batches in which every piece comes once."""
        return len(self._evaluation[split])

    def _training(self, step: int) -> np.ndarray:
        """The segments of training batch ``step``, as ``segments_of`` gives them."""
        # Cut elsewhere, a piece may make one segment more or less: epochs need not be equally long.
        while self._begins[-1] <= step:
            self._begins.append(self._begins[-1] + len(self._epoch(len(self._begins) - 1)))
        epoch = bisect_right(self._begins, step) - 1
        return self._epoch(epoch)[step - self._begins[epoch]]

    def _epoch(self, epoch: int) -> list[np.ndarray]:
        if self._recent[0] != epoch:
            rng = self.keys.generator("train", epoch)
            segments = segments_of(rng, self.lengths["train"], self.segment)
            batches = batches_of_epoch(rng, segments[:, 2], self.batch_size)
            self._recent = (epoch, [segments[batch] for batch in batches])
        return self._recent[1]

    def _batch(self, split: str, segments: np.ndarray) -> Batch:
        """A batch of segments ``(batch, 3)``: piece, first input frame, predicted frames."""
        pieces, starts, lengths = segments.T
        frames, steps = self.frames[split], np.arange(lengths.max() + 1)
        place = (self.rolls.borders[split][pieces] + starts)[:, None] + steps
        inside = steps[None] <= lengths[:, None]
        shown = frames[np.where(inside, place, 0)] * inside.reshape(*inside.shape, *[1] * (frames.ndim - 1))
        # The last frame is predicted and never shown.
        weights = (steps[None, 1:] <= lengths[:, None]).astype(np.float32)
        inputs = shown[:, :-1] * weights.reshape(*weights.shape, *[1] * (frames.ndim - 1)).astype(shown.dtype)
        kind = np.float32 if self.mode == "roll" else np.int64
        return Batch(
            inputs=torch.from_numpy(inputs.astype(kind)),
            targets=torch.from_numpy(shown[:, 1:].astype(kind)),
            lengths=torch.from_numpy(lengths.copy()),
            weights=torch.from_numpy(weights),
            total=float(weights.sum()),
            index=torch.from_numpy(pieces.copy()),
        )

    def _pairs(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """All frames that have a next one, and those: what is shown and what is predicted."""
        followed = np.ones(len(self.frames[split]), bool)
        followed[self.rolls.borders[split][1:] - 1] = False
        shown = np.flatnonzero(followed)
        return self.frames[split][shown], self.frames[split][shown + 1]

    def chance(self, split: str) -> Scores:
        """Each key as often as in training, or the training melodies' unigrams, scored on the split."""
        _, after = self._pairs(split)
        if self.mode == "roll":
            return roll_baselines.score_constant(roll_baselines.frequencies(self.frames["train"]), after)
        unigrams = roll_baselines.unigrams(self.frames["train"], CLASSES)
        return roll_baselines.score_tokens(np.broadcast_to(unigrams, (len(after), CLASSES)), after)

    def best(self, split: str) -> Scores:
        """That of the synthetic source; unknown for real music."""
        known = self.rolls.best if self.mode == "roll" else self.rolls.best_melody
        names = ("nll_per_frame", "frame_accuracy") if self.mode == "roll" else ("loss", "accuracy")
        return dict.fromkeys(names) if known is None else dict(known)

    @cached_property
    def _after_each(self) -> np.ndarray:
        before, after = self._pairs("train")
        if self.mode == "roll":
            return roll_baselines.transitions(before, after)
        return roll_baselines.bigrams(before, after, CLASSES)

    def baselines(self, split: str) -> dict[str, dict[str, float]]:
        """Keys that stay as they were, as often as in training; for a melody, its bigrams."""
        before, after = self._pairs(split)
        if self.mode == "melody":
            return {"bigram": roll_baselines.score_tokens(self._after_each[before], after)}
        found = roll_baselines.score_transitions(self._after_each, before, after)
        return {"repeat": {name: value for name, value in found.items() if value is not None}}

    def describe_data(self) -> dict[str, Any]:
        """Pieces and predicted frames of each split, and how many pieces of a package could not be parsed."""
        found: dict[str, Any] = {
            split: {"pieces": len(lengths), "predicted_frames": int(lengths.sum())}
            for split, lengths in self.lengths.items()
        }
        return found if self.rolls.failed is None else {**found, "failed": self.rolls.failed}


def segments_of(rng: np.random.Generator, lengths: np.ndarray, longest: int) -> np.ndarray:
    """Cut pieces so that each predicted frame comes once.

    The first segment of a cut piece is drawn between 1 and ``longest`` frames, the following are ``longest``, and
    the last is what remains. Pieces no longer than that stay whole.

    Args:
        rng: decides the cuts.
        lengths: ``(pieces,)`` predicted frames of each.
        longest: most predicted frames of a segment; 0 cuts nothing.

    Returns:
        ``(segments, 3)``: piece, first input frame, predicted frames.
    """
    pieces = np.arange(len(lengths))
    if longest == 0:
        return np.stack([pieces, np.zeros_like(lengths), lengths], axis=1)
    first = np.where(lengths > longest, rng.integers(1, longest + 1, size=len(lengths)), lengths)
    counts = 1 + np.ceil((lengths - first) / longest).astype(np.int64)
    piece = np.repeat(pieces, counts)
    number = np.arange(len(piece)) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = np.where(number == 0, 0, first[piece] + (number - 1) * longest)
    ends = np.minimum(first[piece] + number * longest, lengths[piece])
    return np.stack([piece, starts, ends - starts], axis=1)
