"""Polyphonic music: predict which of the 88 piano keys sound in the next frame.

    input   C4+E4+G4  C4+E4+G4  B3+D4+G4      88 values of 0 or 1 per frame (here the keys that are 1)
    target  C4+E4+G4  B3+D4+G4  C4+E4+G4

    input   G4 G4 G4                          mode: melody, the highest key of each frame, or silence
    target  G4 G4 G4

The task is from Boulanger-Lewandowski, Bengio & Vincent 2012 (arXiv 1206.6392), the score from Bai, Kolter & Koltun
2018: the negative log-likelihood of a frame in nats, with keys independent given the past, summed over the 88 keys
and averaged over all predicted frames of the split. All frames of a piece except the first are predicted.
"""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from seqbench.datamodules import roll_baselines
from seqbench.datamodules.base import Scores, SequenceDataModule, require
from seqbench.datamodules.length_buckets import BatchLimits, EpochCache, batches_by_length, batches_of_epoch
from seqbench.datamodules.long_samples import describe_small_batches
from seqbench.datamodules.sources import data_location, rolls
from seqbench.datamodules.sources.synthetic_rolls import KEYS
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, Features, SequenceSpec, StepClasses, StepLabels, Tokens

MODES = ("roll", "melody")
CLASSES = KEYS + 1
"""Tokens of a melody: 0 is silence, k + 1 is key k."""


def melody(frames: np.ndarray) -> np.ndarray:
    """Return the highest key of each frame as a token: its number plus one, or 0 for silence.

    Args:
        frames: ``(..., 88)`` of 0 and 1.

    Returns:
        Tokens ``(...)``.

    >>> frames = np.zeros((2, 88), int)
    >>> frames[0, [3, 40]] = 1
    >>> melody(frames).tolist()
    [41, 0]
    """
    tokens: np.ndarray = np.where(frames.any(-1), KEYS - frames[..., ::-1].argmax(-1), 0)
    return tokens


class PianoRolls(SequenceDataModule):
    """Next-frame prediction on pieces of music.

    Args:
        dataset: name of the published collection, see ``seqbench.datamodules.sources.published_datasets``.
        mode: ``roll`` (all keys) or ``melody`` (the highest key, as a token).
        segment: maximum number of predicted frames in a training sequence; longer pieces are cut, at different places
            in each epoch. 0 trains on whole pieces. Validation and test always use whole pieces.
        data_dir: folder or file with the data: the published file, or one ``*.mat`` or ``*.json``.
        source: source of the pieces: auto (a folder), folder, package (the chorales of music21), or synthetic
            (generated pieces whose best possible scores are known).
        batch_size: pieces (or segments) in one batch.
        keys: keys of the random generators.
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
        location = data_location.locate_data(dataset, data_dir, source)
        self.rolls = rolls.read_rolls(location)
        if self.rolls.best is None:
            self.best_unknown = "nobody knows the entropy of real music"
        whole = self.rolls.frames
        self.frames = whole if mode == "roll" else {split: melody(frames) for split, frames in whole.items()}
        self.lengths = {split: np.diff(borders) - 1 for split, borders in self.rolls.borders.items()}
        longest = max(int(lengths.max()) for lengths in self.lengths.values())
        if mode == "roll":
            rates = roll_baselines.key_frequencies(np.asarray(whole["train"]))
            output = StepLabels(KEYS, tuple(round(float(rate), 6) for rate in rates))
            self.spec = SequenceSpec(Features(KEYS), output, longest)
        else:
            self.spec = SequenceSpec(Tokens(CLASSES), StepClasses(CLASSES, metrics=("loss", "accuracy")), longest)
        self.notes = (*location.notes, *self._describe_lengths(location.part_name("all")))
        self._evaluation = {
            s: batches_by_length(self.lengths[s], BatchLimits(batch_size)) for s in ("validation", "test")
        }
        # The number of segments of a piece depends on the cuts, so epochs may have different numbers of batches.
        self._epochs = EpochCache(self._draw_epoch)

    def _describe_lengths(self, name: str) -> list[str]:
        """Return sentences on pieces that are so long that their batches have fewer rows.

        Args:
            name: path of the file.
        """
        limits = BatchLimits(self.batch_size)
        splits = ("train", "validation", "test") if self.segment == 0 else ("validation", "test")
        return [
            note
            for split in splits
            for note in describe_small_batches(
                split, self.lengths[split], limits, partial("{}, {}[{}]".format, Path(name).name, split)
            )
        ]

    def stream(self, split: str, step: int) -> Batch:
        """Return batch ``step``: permuted segments in training, and whole pieces in order of length in evaluation."""
        if split == "train":
            return self._batch(split, self._training_segments(step))
        pieces = self._evaluation[split][step]
        return self._batch(split, np.stack([pieces, np.zeros_like(pieces), self.lengths[split][pieces]], axis=1))

    def steps_per_pass(self) -> int:
        """Return the number of batches in the first pass; with segments, later passes may differ by a few batches."""
        return len(self._epochs.batches(0))

    def steps(self, split: str) -> int:
        """Return the number of batches that contain each piece of the split once."""
        return len(self._evaluation[split])

    def _training_segments(self, step: int) -> np.ndarray:
        """Return the segments of training batch ``step``, in the format of ``cut_segments``."""
        return self._epochs.batch(step)

    def _draw_epoch(self, epoch: int) -> list[np.ndarray]:
        rng = self.keys.generator("train", epoch)
        segments = cut_segments(rng, self.lengths["train"], self.segment)
        return [segments[batch] for batch in batches_of_epoch(rng, segments[:, 2], BatchLimits(self.batch_size))]

    def _batch(self, split: str, segments: np.ndarray) -> Batch:
        """Return a batch of segments ``(batch, 3)``: piece, first input frame, number of predicted frames."""
        pieces, starts, lengths = segments.T
        frames, steps = self.frames[split], np.arange(lengths.max() + 1)
        place = (self.rolls.borders[split][pieces] + starts)[:, None] + steps
        inside = steps[None] <= lengths[:, None]
        values = frames[np.where(inside, place, 0)] * inside.reshape(*inside.shape, *[1] * (frames.ndim - 1))
        # The last frame of a segment is a target but not an input.
        weights = (steps[None, 1:] <= lengths[:, None]).astype(np.float32)
        inputs = values[:, :-1] * weights.reshape(*weights.shape, *[1] * (frames.ndim - 1)).astype(values.dtype)
        dtype = np.float32 if self.mode == "roll" else np.int64
        return Batch(
            inputs=torch.from_numpy(inputs.astype(dtype)),
            targets=torch.from_numpy(values[:, 1:].astype(dtype)),
            lengths=torch.from_numpy(lengths.copy()),
            weights=torch.from_numpy(weights),
            total=float(weights.sum()),
            index=torch.from_numpy(pieces.copy()),
        )

    def _pairs(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return all frames that have a next frame, and these next frames."""
        has_next = np.ones(len(self.frames[split]), bool)
        has_next[self.rolls.borders[split][1:] - 1] = False
        places = np.flatnonzero(has_next)
        return self.frames[split][places], self.frames[split][places + 1]

    def chance(self, split: str) -> Scores:
        """Return the scores of the key frequencies of training, or of the unigram distribution of its melodies."""
        _, after = self._pairs(split)
        if self.mode == "roll":
            return roll_baselines.score_constant(roll_baselines.key_frequencies(self.frames["train"]), after)
        frequencies = roll_baselines.token_frequencies(self.frames["train"], CLASSES)
        return roll_baselines.score_tokens(np.broadcast_to(frequencies, (len(after), CLASSES)), after)

    def best(self, split: str) -> Scores:
        """Return the best possible scores of the synthetic source; unknown for real music."""
        known = self.rolls.best if self.mode == "roll" else self.rolls.best_melody
        names = ("nll_per_frame", "frame_accuracy") if self.mode == "roll" else ("loss", "accuracy")
        return dict.fromkeys(names) if known is None else dict(known)

    @cached_property
    def _transitions(self) -> np.ndarray:
        """Probabilities of the next frame given a frame of the training split."""
        before, after = self._pairs("train")
        if self.mode == "roll":
            return roll_baselines.transition_frequencies(before, after)
        return roll_baselines.bigram_frequencies(before, after, CLASSES)

    def baselines(self, split: str) -> dict[str, dict[str, float]]:
        """Return the scores of a predictor that reads only the previous frame; for a melody, of a bigram model."""
        before, after = self._pairs(split)
        if self.mode == "melody":
            return {"bigram": roll_baselines.score_tokens(self._transitions[before], after)}
        scores = roll_baselines.score_transitions(self._transitions, before, after)
        return {"repeat": {name: value for name, value in scores.items() if value is not None}}

    def describe_data(self) -> dict[str, object]:
        """Return the number of pieces and predicted frames per split, and of pieces that could not be parsed."""
        facts: dict[str, object] = {
            split: {"pieces": len(lengths), "predicted_frames": int(lengths.sum())}
            for split, lengths in self.lengths.items()
        } | self.describe_reading()
        return facts if self.rolls.failed is None else {**facts, "failed": self.rolls.failed}


def cut_segments(rng: np.random.Generator, lengths: np.ndarray, longest: int) -> np.ndarray:
    """Cut pieces into segments that contain each predicted frame once.

    The length of the first segment of a piece is drawn between 1 and ``longest`` frames. The next segments have
    ``longest`` frames, and the last one has the rest. Pieces of at most ``longest`` frames are not cut.

    Args:
        rng: random generator.
        lengths: ``(pieces,)`` number of predicted frames of each piece.
        longest: maximum number of predicted frames in a segment; 0 cuts no piece.

    Returns:
        ``(segments, 3)``: piece, first input frame, number of predicted frames.

    >>> cut_segments(np.random.default_rng(0), np.array([2, 9]), longest=4).tolist()
    [[0, 0, 2], [1, 0, 3], [1, 3, 4], [1, 7, 2]]
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
