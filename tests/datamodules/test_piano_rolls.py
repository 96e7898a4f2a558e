from __future__ import annotations

import json
import math
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import loadmat

from seqbench.datamodules.piano_rolls import PianoRolls, cut_segments, melody
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch
from seqbench.utils.errors import SeqbenchError
from tests.datamodules import kit

LENGTHS = {"train": (2, 9, 30, 31, 17, 4, 25, 26, 12, 3, 40), "valid": (5, 2, 14), "test": (8, 20, 3, 6, 11)}
MODES = ("roll", "melody")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a small random collection: chords over a constant bass note, with rests."""
    monkeypatch.setenv("SEQBENCH_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(4)
    pieces = {
        split: [
            [[36, *sorted(set(rng.integers(55, 75, 2).tolist()))] if rng.random() > 0.2 else [] for _ in range(length)]
            for length in lengths
        ]
        for split, lengths in LENGTHS.items()
    }
    place = tmp_path / "music"
    place.mkdir()
    (place / "mine.json").write_text(json.dumps(pieces))
    return place


def make(folder: Path, **changed: Any) -> PianoRolls:
    settings = {"batch_size": 4, "keys": Keys(0, "music", 1), "data_dir": str(folder)}
    return PianoRolls(**{"dataset": "jsb", **settings, **changed})


def test_the_melody_is_the_highest_key_or_silence() -> None:
    frames = np.zeros((4, 88), np.uint8)
    frames[0, [0, 40, 87]] = frames[1, [0]] = frames[3, [39, 40]] = 1
    assert melody(frames).tolist() == [88, 1, 0, 41]


@pytest.mark.parametrize("mode", MODES)
def test_the_target_of_a_frame_is_the_next_frame(folder: Path, mode: str) -> None:
    data = make(folder, mode=mode)
    for split, name in (("train", "train"), ("validation", "valid"), ("test", "test")):
        expected = data.rolls.pieces(split)
        for step in range(3 if split == "train" else data.steps(split)):
            batch = data.stream(split, step)
            for row, piece in enumerate(batch.index.tolist()):
                length = int(batch.lengths[row])
                frames = expected[piece] if mode == "roll" else melody(expected[piece])
                assert length == LENGTHS[name][piece] - 1
                assert batch.inputs[row, :length].tolist() == frames[:-1].tolist()
                assert batch.targets[row, :length].tolist() == frames[1:].tolist()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("segment", [0, 1, 7])
def test_padding_has_weight_0_and_valid_values(folder: Path, mode: str, segment: int) -> None:
    data = make(folder, mode=mode, segment=segment)
    kind = torch.float32 if mode == "roll" else torch.int64
    for split in ("train", "validation", "test"):
        for step in range(3 if split == "train" else data.steps(split)):
            batch = data.stream(split, step)
            real = torch.arange(batch.inputs.shape[1])[None] < batch.lengths[:, None]
            assert torch.equal(batch.weights, real.float())
            assert batch.total == float(batch.lengths.sum())
            assert batch.inputs.dtype == batch.targets.dtype == kind
            assert batch.inputs.shape[:2] == batch.targets.shape[:2] == (len(batch), int(batch.lengths.max()))
            assert not batch.inputs[~real].any()
            assert not batch.targets[~real].any()
            assert batch.first is None
            assert torch.equal(batch.valid(), real)


@pytest.mark.parametrize("segment", [0, 1, 7, 1000])
def test_each_frame_is_predicted_once_per_epoch(folder: Path, segment: int) -> None:
    # Each training frame is replaced by its number, so that targets identify frames.
    data = make(folder, mode="melody", segment=segment)
    borders, total = data.rolls.borders["train"], len(data.frames["train"])
    data.frames = {**data.frames, "train": np.arange(total)}
    step, starts = 0, set()
    for _ in range(3):
        counted: Counter[int] = Counter()
        while counted.total() < total - len(LENGTHS["train"]):
            batch = data.stream("train", step)
            real = batch.weights > 0
            assert segment == 0 or int(batch.lengths.max()) <= segment
            assert int(batch.lengths.min()) >= 1
            assert torch.equal(batch.inputs[real] + 1, batch.targets[real])
            counted.update(batch.targets[real].tolist())
            starts.update(batch.inputs[:, 0].tolist())
            step += 1
        assert counted == Counter(set(range(total)) - set(borders[:-1].tolist()))
    # Segments have other borders in each epoch.
    assert len(starts) > len(LENGTHS["train"]) or segment not in (1, 7)
    assert len(starts) == len(LENGTHS["train"]) or segment in (1, 7)


def test_segments_cover_each_piece_and_start_at_random_places() -> None:
    lengths = np.array([1, 6, 7, 8, 14, 15, 100])
    firsts: dict[int, set[int]] = {piece: set() for piece in range(len(lengths))}
    for seed in range(300):
        result = cut_segments(np.random.default_rng(seed), lengths, 7)
        for piece, length in enumerate(lengths):
            own = result[result[:, 0] == piece]
            assert own[:, 1].tolist() == [0, *np.cumsum(own[:, 2])[:-1]]
            assert own[:, 2].sum() == length
            assert own[:, 2].min() >= 1
            assert own[:, 2].max() <= 7
            assert (own[1:-1, 2] == 7).all()
            firsts[piece].add(int(own[0, 2]))
    assert [len(firsts[piece]) for piece in firsts] == [1, 1, 1, 7, 7, 7, 7]


def test_evaluation_contains_each_piece_once_and_complete_in_order_of_length(folder: Path) -> None:
    for batch_size in (1, 2, 4, 100):
        data = make(folder, batch_size=batch_size, segment=7)
        for split, name in (("validation", "valid"), ("test", "test")):
            batches = [data.stream(split, step) for step in range(data.steps(split))]
            index = torch.cat([batch.index for batch in batches]).tolist()
            lengths = torch.cat([batch.lengths for batch in batches]).tolist()
            assert sorted(index) == list(range(len(LENGTHS[name])))
            assert lengths == sorted(length - 1 for length in LENGTHS[name])
            assert len(batches) == math.ceil(len(index) / batch_size)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("segment", [0, 7])
def test_batches_repeat(folder: Path, mode: str, segment: int) -> None:
    kit.check_repeats(make(folder, mode=mode, segment=segment), make(folder, mode=mode, segment=segment))
    far = 1000
    data, again = make(folder, mode=mode, segment=segment), make(folder, mode=mode, segment=segment)
    expected = [data.stream("train", step) for step in range(40)]
    # After a jump, as on resume, and then back across epochs.
    again.stream("train", far)
    assert all(kit.same(again.stream("train", step), expected[step]) for step in (17, 3, 39, 0))


def test_the_seed_changes_training_but_not_evaluation(folder: Path) -> None:
    one, other = make(folder), make(folder, keys=Keys(5, "music", 1))
    assert any(not kit.same(one.stream("train", step), other.stream("train", step)) for step in range(3))
    assert kit.same(one.stream("test", 0), other.stream("test", 0))


def constant(chances: np.ndarray, batch: Batch) -> torch.Tensor:
    return torch.logit(torch.from_numpy(chances).float()).expand(*batch.inputs.shape[:2], -1)


def test_constant_probabilities_score_the_chance_level(folder: Path) -> None:
    data = make(folder)
    train = np.concatenate(data.rolls.pieces("train")).astype(float)
    chances = (train.sum(0) + 1) / (len(train) + 2)
    assert (chances > 0.5).any()
    for split in ("validation", "test"):
        result = kit.score(data, split, lambda batch: constant(chances, batch))
        assert result == pytest.approx(dict(data.chance(split)), rel=1e-5)
        assert result["frame_accuracy"] > 0


def test_transition_probabilities_score_the_repeat_baseline(folder: Path) -> None:
    data = make(folder)
    counts = np.ones((2, 88)), np.full((2, 88), 2.0)
    for piece in data.rolls.pieces("train"):
        for before, after in pairwise(piece):
            for key in range(88):
                counts[0][before[key], key] += after[key]
                counts[1][before[key], key] += 1
    chances = torch.from_numpy(counts[0] / counts[1]).float()

    def stay(batch: Batch) -> torch.Tensor:
        return torch.logit(torch.where(batch.inputs > 0, chances[1], chances[0]))

    result = kit.score(data, "test", stay)
    assert result == pytest.approx(data.baselines("test")["repeat"], rel=1e-5)


def test_the_melody_has_a_unigram_chance_level_and_a_bigram_baseline(folder: Path) -> None:
    data = make(folder, mode="melody")
    train = melody(np.concatenate(data.rolls.pieces("train")))
    counts = np.bincount(train, minlength=89) + 1
    log = torch.from_numpy(np.log(counts / counts.sum())).float()
    result = kit.score(data, "test", lambda batch: log.expand(*batch.inputs.shape, -1))
    assert result == pytest.approx(dict(data.chance("test")), rel=1e-5)
    table = torch.from_numpy(data._transitions).float()
    torch.testing.assert_close(table.sum(1), torch.ones(89))
    result = kit.score(data, "test", lambda batch: table[batch.inputs].log())
    assert result == pytest.approx(data.baselines("test")["bigram"], rel=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_the_best_score_of_real_music_is_unknown_with_a_reason(folder: Path, mode: str) -> None:
    data = make(folder, mode=mode)
    assert set(data.best("test").values()) == {None}
    assert set(data.best("test")) == set(data.chance("test"))
    assert data.best_unknown
    assert not make(folder, data_dir=None, source="synthetic", mode=mode).best_unknown


def test_the_description_counts_pieces_and_predicted_frames(folder: Path) -> None:
    facts = make(folder).describe_data()
    assert facts["test"] == {"pieces": 5, "predicted_frames": sum(LENGTHS["test"]) - 5}
    assert set(facts) == {"train", "validation", "test"}


def test_the_accuracy_of_silence_is_unknown(folder: Path) -> None:
    silent: dict[str, list[list[list[int]]]] = {split: [[[], [], []]] for split in LENGTHS}
    (folder / "mine.json").write_text(json.dumps(silent))
    data = make(folder)
    assert data.chance("test")["frame_accuracy"] is None
    assert "frame_accuracy" not in data.baselines("test")["repeat"]
    assert make(folder, mode="melody").stream("test", 0).targets.tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"mode": "chords"}, "mode must be 'roll' or 'melody', got 'chords'"),
        ({"segment": -1}, "segment must be at least 1 frame, or 0"),
    ],
)
def test_invalid_options_are_refused(folder: Path, changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        make(folder, **changed)


@pytest.mark.parametrize("batch_size", [1, 8])
def test_the_likelihood_follows_the_published_definition(real_data: Path, batch_size: int) -> None:
    """Compare with plain numpy on the published file: sum over keys, mean over all predicted frames."""
    data = PianoRolls("jsb", batch_size, Keys(0, "music-jsb", 1), source="folder")
    rng = np.random.default_rng(0)
    weight, bias = 0.7 * rng.normal(size=(88, 88)), rng.normal(size=88) - 3
    total, frames = 0.0, 0
    for cell in loadmat(str(real_data / "jsb-chorales" / "JSB_Chorales.mat"))["testdata"][0]:
        piece = cell.astype(np.float64)
        chances = 1 / (1 + np.exp(-(piece[:-1] @ weight + bias)))
        predicted = np.where(piece[1:] == 1, chances, 1 - chances)
        total, frames = total - np.log(predicted).sum(), frames + len(predicted)
    assert frames == 4_725 - 77

    def predict(batch: Batch) -> torch.Tensor:
        return batch.inputs @ torch.from_numpy(weight).float() + torch.from_numpy(bias).float()

    assert kit.score(data, "test", predict)["nll_per_frame"] == pytest.approx(total / frames, rel=1e-5)


def test_the_repeat_baseline_of_real_music_is_better_than_chance(real_data: Path) -> None:
    for dataset, most in (("jsb", 13), ("nottingham", 12)):
        data = PianoRolls(dataset, 8, Keys(0, "music", 1), source="folder")
        chance, repeat = data.chance("test")["nll_per_frame"], data.baselines("test")["repeat"]["nll_per_frame"]
        assert chance is not None
        assert 4 < repeat < chance < most
