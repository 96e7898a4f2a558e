from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqbench.datamodules.characters import Characters
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Tokens
from seqbench.utils.errors import SeqbenchError
from tests.datamodules import kit


def make(folder: Path, **changed: Any) -> Characters:
    settings = {"batch_size": 4, "length": 16, "window": 24, "evaluation_rows": 3, "keys": Keys(0, "char-lm", 1)}
    return Characters(**{"dataset": "tinyshakespeare", "data_dir": str(folder), **settings, **changed})


@pytest.mark.parametrize("carry_state", [True, False])
@pytest.mark.parametrize("rows", [1, 3, 32])
def test_each_character_is_scored_once(text_folder: Path, carry_state: bool, rows: int) -> None:
    data = make(text_folder, carry_state=carry_state, evaluation_rows=rows)
    ids = data.ids["test"]
    scored: Counter[tuple[int, int]] = Counter()
    targets: list[list[int]] = [[] for _ in range(rows)]
    for step in range(data.steps("test")):
        batch = data.stream("test", step)
        for row, time in batch.weights.nonzero().tolist():
            targets[row].append(int(batch.targets[row, time]))
            scored[row, step * 1000 + time] += 1
    assert set(scored.values()) == {1}
    assert [t for row in targets for t in row] == ids[1:].tolist()


def test_consecutive_chunks_continue_the_stream(text_folder: Path) -> None:
    data = make(text_folder)
    first, second = data.stream("train", 0), data.stream("train", 1)
    assert (first.first, second.first) == (True, False)
    assert (first.inputs[:, 1:] == first.targets[:, :-1]).all()
    assert (second.inputs[:, 0] == first.targets[:, -1]).all()
    assert data.stream("train", data.chunks_per_epoch).first is True


def test_a_window_has_the_targets_of_a_chunk_after_more_context(text_folder: Path) -> None:
    chunks, windows = make(text_folder), make(text_folder, carry_state=False)
    for split, step in (("test", 0), ("test", 1), ("validation", 2)):
        chunk, window = chunks.stream(split, step), windows.stream(split, step)
        assert window.first is None
        counted = window.weights > 0
        assert not counted[:, :8].any()
        assert torch.equal(window.targets[:, 8:], chunk.targets)
        assert torch.equal(counted[:, 8:], chunk.weights > 0)
    later = windows.stream("test", 1)
    assert torch.equal(later.inputs[:, :8], chunks.stream("test", 0).inputs[:, -8:])


def test_an_epoch_covers_nearly_the_whole_text(text_folder: Path) -> None:
    data = make(text_folder)
    seen = sum(data.stream("train", step).targets.numel() for step in range(data.chunks_per_epoch))
    assert seen > len(data.ids["train"]) - data.batch_size * data.length - 2 * data.length
    starts = {tuple(data.stream("train", e * data.chunks_per_epoch).inputs[0].tolist()) for e in range(20)}
    assert len(starts) > 5


def test_the_seed_changes_training_but_not_evaluation(text_folder: Path) -> None:
    one, other = make(text_folder), make(text_folder, keys=Keys(5, "char-lm", 1))
    assert any(not kit.same(one.stream("train", s), other.stream("train", s)) for s in (0, one.chunks_per_epoch))
    assert kit.same(one.stream("test", 0), other.stream("test", 0))


def test_each_newline_may_be_read_as_five_characters(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        (tmp_path / f"{split}.txt").write_text(" a <unk> b \n N c \n" * 40)
    plain, replaced = make(tmp_path), make(tmp_path, newline="<eos>")
    assert len(replaced.ids["test"]) == len(plain.ids["test"]) + 4 * 80
    assert "\n" not in replaced.vocabulary.characters
    assert len(replaced.vocabulary) == len(plain.vocabulary) + len(set("eos")) - 1
    assert replaced.best("test")["bits_per_character"] is None


def test_the_synthetic_text_has_no_known_entropy_without_newlines() -> None:
    assert make(Path(), data_dir=None, source="synthetic").best("test")["loss"] is not None
    assert make(Path(), data_dir=None, source="synthetic", newline="<eos>").best("test")["loss"] is None


def test_the_vocabulary_depends_only_on_the_training_split(tmp_path: Path) -> None:
    for split, text in {"train": "abc" * 200, "valid": "abz" * 20, "test": "zzz"}.items():
        (tmp_path / f"{split}.txt").write_text(text)
    data = make(tmp_path)
    assert data.vocabulary is not None
    assert data.vocabulary.characters == "abc"
    assert data.ids["test"].tolist() == [0, 0, 0]
    assert data.spec.input == Tokens(4)


def test_chance_is_the_unigram_cross_entropy(text_folder: Path) -> None:
    data = make(text_folder)
    train, test = data.text.splits["train"], data.text.splits["test"]
    counts, size = Counter(train), len(set(train)) + 1
    nats = -sum(math.log((counts[c] + 1) / (len(train) + size)) for c in test[1:]) / (len(test) - 1)
    chance = data.chance("test")
    assert chance["loss"] == pytest.approx(nats)
    assert chance["bits_per_character"] == pytest.approx(nats / math.log(2))
    most = counts.most_common(1)[0][0]
    assert chance["accuracy"] == pytest.approx(sum(c == most for c in test[1:]) / (len(test) - 1))


def test_a_unigram_predictor_scores_the_chance_level(text_folder: Path) -> None:
    data = make(text_folder)
    log = torch.from_numpy(np.log(data._unigrams)).float()
    result = kit.score(data, "test", lambda batch: log.expand(*batch.inputs.shape, -1))
    assert result == pytest.approx(data.chance("test"), rel=1e-5)


def test_the_n_gram_baseline_is_better_than_chance_and_the_best_score_is_unknown(text_folder: Path) -> None:
    data = make(text_folder)
    line = data.baselines("test")["5-gram"]
    assert line["bits_per_character"] < data.chance("test")["bits_per_character"]  # type: ignore[operator]
    assert set(data.best("test").values()) == {None}
    assert data.best_unknown


def test_batches_repeat(text_folder: Path) -> None:
    for carry_state in (True, False):
        kit.check_repeats(make(text_folder, carry_state=carry_state), make(text_folder, carry_state=carry_state))
        kit.check_weights(make(text_folder, carry_state=carry_state))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"batch_size": 5000}, r"has [\d,]+ characters, but 5000 streams of chunks of 16 need"),
        ({"length": 0}, "length must be at least 1"),
        ({"window": 16, "carry_state": False}, "must be longer than its length"),
        ({"evaluation_rows": 0}, "evaluation_rows must be at least 1"),
    ],
)
def test_invalid_options_are_refused(text_folder: Path, changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        make(text_folder, **changed)


def test_a_text_too_short_to_score_is_refused(tmp_path: Path) -> None:
    for split, text in {"train": "abc" * 200, "valid": "ab", "test": "z"}.items():
        (tmp_path / f"{split}.txt").write_text(text)
    with pytest.raises(SeqbenchError, match="the test text has 1 character,"):
        make(tmp_path)
