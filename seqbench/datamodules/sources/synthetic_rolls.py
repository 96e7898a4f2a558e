"""A stochastic piano-roll source whose best possible scores are known: a tonal walk in four voices.

Each voice walks on the notes of C major within a register of its own: at every frame it stays, goes up or goes
down one step of the scale, and stays where a step would leave the register. A frame is the four notes together.
Registers are disjoint, so a frame shows where each voice stands, and the past beyond it tells nothing more.

The metric scores each key by itself, so the best possible figure is that of independent keys: the sum over keys of
the binary entropy of "this key sounds next, given this frame", averaged over the walk's long-run distribution.
That is more than the walk's own entropy, since the keys of a voice exclude each other and the metric cannot be told.
"""

from __future__ import annotations

import numpy as np

LOWEST, KEYS = 21, 88
REGISTERS = (
    (36, 38, 40, 41, 43, 45, 47, 48, 50, 52),
    (53, 55, 57, 59, 60, 62, 64),
    (65, 67, 69, 71, 72, 74),
    (76, 77, 79, 81, 83, 84, 86, 88),
)
"""MIDI notes of each voice, from the bass up."""

STAY, STEP = 0.6, 0.2
"""Chances of staying, and of going up (and of going down) one step."""

SIZES = {"train": 229, "validation": 76, "test": 77}
SHORTEST, LONGEST = 30, 120
"""Frames of a piece, uniform between the two."""


class RollSource:
    """The walk, its pieces and its best possible scores; ``seed`` decides all draws."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def splits(self) -> dict[str, list[np.ndarray]]:
        """Piano rolls ``(frames, 88)`` of 0 and 1 for each split, each piece from the long-run distribution on."""
        return {split: self._draw(pieces, number) for number, (split, pieces) in enumerate(SIZES.items(), 1)}

    def best(self) -> dict[str, float]:
        """The best possible ``nll_per_frame`` (nats) and ``frame_accuracy``.

        Accuracy is true positives over the union of said and true. Saying a key of chance p pays where
        p / (1 - p) is above the ratio so reached (Dinkelbach 1967), which is found by raising it until it stands.
        """
        tables = [transition_table(len(register)) for register in REGISTERS]
        # The long-run distribution is uniform: each table is symmetric.
        nats = sum(float(_binary_entropy(each).sum(1).mean()) for each in tables)
        ratio, before = 0.0, -1.0
        while ratio > before:
            before = ratio
            said = [each * (each > ratio * (1 - each)) for each in tables]
            wrong = [(1 - each) * (each > ratio * (1 - each)) for each in tables]
            hits, misses = (sum(float(part.sum(1).mean()) for part in parts) for parts in (said, wrong))
            ratio = hits / (len(REGISTERS) + misses)
        return {"nll_per_frame": nats, "frame_accuracy": ratio}

    def best_melody(self) -> dict[str, float]:
        """The best possible ``loss`` (nats) and ``accuracy`` on the next note of the highest voice."""
        each = transition_table(len(REGISTERS[-1]))
        logs = np.log(np.where(each > 0, each, 1))
        return {"loss": float(-(each * logs).sum(1).mean()), "accuracy": float(each.max(1).mean())}

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
    """Chances ``(from, to)`` of a walk on ``size`` notes."""
    places = np.arange(size)
    found = np.zeros((size, size))
    for move, chance in ((0, STAY), (1, STEP), (-1, STEP)):
        np.add.at(found, (places, np.clip(places + move, 0, size - 1)), chance)
    return found


def _binary_entropy(chance: np.ndarray) -> np.ndarray:
    """Of each entry, nats; 0 at chances of 0 and 1."""
    inside = np.clip(chance, 1e-300, 1 - 1e-16)
    entropy: np.ndarray = -(inside * np.log(inside) + (1 - inside) * np.log1p(-inside))
    return np.where((chance > 0) & (chance < 1), entropy, 0.0)
