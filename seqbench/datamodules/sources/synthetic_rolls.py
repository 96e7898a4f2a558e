"""A stochastic source of piano rolls with known best possible scores: random walks of four voices.

Each voice walks on the notes of C major in its own register. At each frame it stays, moves up or moves down one step of
the scale; it stays if the step would leave the register. A frame consists of the notes of all voices. The registers are
disjoint, so a frame determines the position of each voice, and earlier frames carry no further information.

The metric scores each key separately, so its best possible value is that of independent keys: the sum over keys of
the binary entropy of "this key sounds in the next frame, given this frame", averaged over the stationary
distribution. This is more than the entropy of the walk, because the metric cannot use the fact that a voice sounds
only one key at a time.
"""

from __future__ import annotations

import numpy as np

LOWEST, KEYS = 21, 88
"""MIDI note of the lowest key of a piano, and the number of keys."""
REGISTERS = (
    (36, 38, 40, 41, 43, 45, 47, 48, 50, 52),
    (53, 55, 57, 59, 60, 62, 64),
    (65, 67, 69, 71, 72, 74),
    (76, 77, 79, 81, 83, 84, 86, 88),
)
"""MIDI notes of each voice, from the lowest voice up."""

STAY, STEP = 0.6, 0.2
"""Probability of staying, and of moving up (and of moving down) one step."""

SIZES = {"train": 229, "validation": 76, "test": 77}
"""Number of pieces in each split."""
SHORTEST, LONGEST = 30, 120
"""Limits of the number of frames of a piece, which is uniform between them."""


class RollSource:
    """The random walks, their pieces, and their best possible scores.

    Args:
        seed: seed of all draws.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def splits(self) -> dict[str, list[np.ndarray]]:
        """Return rolls ``(frames, 88)`` of 0 and 1 for each split; pieces start in the stationary distribution."""
        return {split: self._draw(pieces, number) for number, (split, pieces) in enumerate(SIZES.items(), 1)}

    def best(self) -> dict[str, float]:
        """Return the best possible ``nll_per_frame`` (nats) and ``frame_accuracy``.

        The accuracy is the number of true positives divided by the size of the union of predicted and true keys. A
        key of probability p should be predicted if p / (1 - p) is above the best ratio (Dinkelbach 1967). The ratio
        is found by iteration to a fixed point.
        """
        tables = [transition_table(len(register)) for register in REGISTERS]
        # The stationary distribution is uniform because each table is symmetric.
        nats = sum(float(_binary_entropy(table).sum(1).mean()) for table in tables)
        ratio, previous = 0.0, -1.0
        while ratio > previous:
            previous = ratio
            predicted = [table > ratio * (1 - table) for table in tables]
            hits = sum(float((table * mask).sum(1).mean()) for table, mask in zip(tables, predicted, strict=True))
            false = sum(
                float(((1 - table) * mask).sum(1).mean()) for table, mask in zip(tables, predicted, strict=True)
            )
            ratio = hits / (len(REGISTERS) + false)
        return {"nll_per_frame": nats, "frame_accuracy": ratio}

    def best_melody(self) -> dict[str, float]:
        """Return the best possible ``loss`` (nats) and ``accuracy`` on the next note of the highest voice."""
        table = transition_table(len(REGISTERS[-1]))
        logs = np.log(np.where(table > 0, table, 1))
        return {"loss": float(-(table * logs).sum(1).mean()), "accuracy": float(table.max(1).mean())}

    def _draw(self, pieces: int, number: int) -> list[np.ndarray]:
        rng = np.random.Generator(np.random.Philox(key=[self.seed, number]))
        lengths = rng.integers(SHORTEST, LONGEST + 1, size=pieces)
        rolls = np.zeros((pieces, LONGEST, KEYS), np.uint8)
        for register in REGISTERS:
            moves = rng.choice((0, 1, -1), p=(STAY, STEP, STEP), size=(LONGEST, pieces))
            place = rng.integers(0, len(register), size=pieces)
            for frame in range(LONGEST):
                rolls[np.arange(pieces), frame, np.asarray(register)[place] - LOWEST] = 1
                place = np.clip(place + moves[frame], 0, len(register) - 1)
        return [roll[:length].copy() for roll, length in zip(rolls, lengths, strict=True)]


def transition_table(size: int) -> np.ndarray:
    """Return the transition probabilities ``(from, to)`` of a walk on ``size`` notes.

    >>> transition_table(2).tolist()
    [[0.8, 0.2], [0.2, 0.8]]
    """
    places = np.arange(size)
    table = np.zeros((size, size))
    for move, probability in ((0, STAY), (1, STEP), (-1, STEP)):
        np.add.at(table, (places, np.clip(places + move, 0, size - 1)), probability)
    return table


def _binary_entropy(probability: np.ndarray) -> np.ndarray:
    """Return the binary entropy of each entry in nats."""
    inside = np.clip(probability, 1e-300, 1 - 1e-16)
    entropy: np.ndarray = -(inside * np.log(inside) + (1 - inside) * np.log1p(-inside))
    return np.where((probability > 0) & (probability < 1), entropy, 0.0)
