from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from seqbench.datamodules.piano_rolls import PianoRolls
from seqbench.datamodules.sources import synthetic_rolls
from seqbench.datamodules.sources.synthetic_rolls import LOWEST, REGISTERS, SIZES, STAY, STEP, RollSource
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch
from tests.datamodules import kit


def data(mode: str) -> PianoRolls:
    return PianoRolls("jsb", 16, Keys(0, "music-jsb", 1), mode=mode, source="synthetic")


def next_chances() -> np.ndarray:
    """Return the probability ``(from, to)`` that a voice moves from one key to another, without the package."""
    result = np.zeros((88, 88))
    for register in REGISTERS:
        for place, note in enumerate(register):
            for to, chance in ((place, STAY), (place - 1, STEP), (place + 1, STEP)):
                inside = register[min(max(to, 0), len(register) - 1)]
                result[note - LOWEST, inside - LOWEST] += chance
    return result


def test_the_seed_determines_the_pieces() -> None:
    one, again, other = RollSource().splits(), RollSource().splits(), RollSource(1).splits()
    assert {split: len(pieces) for split, pieces in one.items()} == SIZES
    for split, pieces in one.items():
        assert all((a == b).all() for a, b in zip(pieces, again[split], strict=True))
        assert {30 <= len(piece) <= 120 for piece in pieces} == {True}
    assert any(a.shape != b.shape for a, b in zip(one["train"], other["train"], strict=True))


def test_each_of_four_voices_stays_in_its_register() -> None:
    keys = [[note - LOWEST for note in register] for register in REGISTERS]
    assert len({key for register in keys for key in register}) == sum(map(len, keys))
    frames = np.concatenate(RollSource().splits()["train"])
    assert (frames.sum(1) == 4).all()
    for register in keys:
        assert (frames[:, register].sum(1) == 1).all()
        # All notes of a register are equally likely.
        np.testing.assert_allclose(frames[:, register].mean(0), 1 / len(register), atol=0.04)
    assert set(np.flatnonzero(frames.any(0))) == {key for register in keys for key in register}


def test_the_uniform_distribution_is_stationary() -> None:
    for size in (1, 2, 9):
        table = synthetic_rolls.transition_table(size)
        np.testing.assert_allclose(table.sum(1), 1)
        np.testing.assert_allclose(np.full(size, 1 / size) @ table, 1 / size)


def test_the_true_distribution_of_the_roll_reaches_the_best_score() -> None:
    module = data("roll")
    chances = torch.from_numpy(next_chances()).float()

    def oracle(batch: Batch) -> torch.Tensor:
        return torch.logit((batch.inputs @ chances).clamp(1e-9, 1 - 1e-7))

    result, best = kit.score(module, "test", oracle), module.best("test")
    # 5,477 frames: the standard error of the mean is about 0.03 nats.
    assert result["nll_per_frame"] == pytest.approx(best["nll_per_frame"], abs=0.12)
    assert result["frame_accuracy"] == pytest.approx(best["frame_accuracy"], abs=0.015)
    chance = module.chance("test")
    assert chance["nll_per_frame"] > best["nll_per_frame"] + 4  # type: ignore[operator]


def test_many_pieces_converge_to_the_best_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic_rolls, "SIZES", {"train": 10_000})
    pieces = RollSource(5).splits()["train"]
    before, after = (np.concatenate([p[cut] for p in pieces]) for cut in (slice(-1), slice(1, None)))
    chances = (before[:, None].astype(np.float32) @ next_chances().astype(np.float32))[:, 0]
    predicted = np.where(after == 1, chances, 1 - chances).astype(np.float64)
    assert -np.log(predicted).sum(1).mean() == pytest.approx(RollSource().best()["nll_per_frame"], abs=0.012)
    hits, either = ((chances > 0.5) & (after == 1)).sum(), ((chances > 0.5) | (after == 1)).sum()
    assert hits / either == pytest.approx(RollSource().best()["frame_accuracy"], abs=0.002)
    # Other thresholds are not better.
    for threshold in (0.1, 0.3, 0.7):
        other = ((chances > threshold) & (after == 1)).sum() / ((chances > threshold) | (after == 1)).sum()
        assert other < RollSource().best()["frame_accuracy"] + 0.002


def test_the_true_distribution_of_the_melody_reaches_the_best_score() -> None:
    module = data("melody")
    chances = torch.zeros(89, 89)
    chances[1:, 1:] = torch.from_numpy(next_chances())
    chances[0, 0] = 1

    result = kit.score(module, "test", lambda batch: (chances[batch.inputs] + 1e-12).log())
    best = module.best("test")
    assert result["loss"] == pytest.approx(best["loss"], abs=0.04)
    assert result["accuracy"] == pytest.approx(best["accuracy"], abs=0.02)


def test_the_best_scores_of_the_melody_equal_their_formula() -> None:
    inner = -(STAY * math.log(STAY) + 2 * STEP * math.log(STEP))
    outer = -((STAY + STEP) * math.log(STAY + STEP) + STEP * math.log(STEP))
    notes = len(REGISTERS[-1])
    best = RollSource().best_melody()
    assert best["loss"] == pytest.approx(((notes - 2) * inner + 2 * outer) / notes)
    assert best["accuracy"] == pytest.approx(((notes - 2) * STAY + 2 * (STAY + STEP)) / notes)
