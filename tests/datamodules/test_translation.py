from __future__ import annotations

import itertools
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sacrebleu
import torch

from seqbench.datamodules.translation import END, START, Translation
from seqbench.protocol.batches import Keys
from seqbench.utils.errors import SeqbenchError
from tests.datamodules import kit

WORDS = {"red": "rouge", "blue": "bleu", "dog": "chien", "cat": "chat", "runs": "court", "sleeps": "dort"}


def sentences(count: int, start: int) -> tuple[list[str], list[str]]:
    words = list(WORDS)
    rows = [[words[(n * 7 + n // 5 + k * k) % 6] for k in range(2 + n % 5)] for n in range(start, start + count)]
    return [f"The {' '.join(row)}." for row in rows], [f"Le {' '.join(WORDS[w] for w in row)}." for row in rows]


@pytest.fixture
def folder(tmp_path: Path, cache: Path) -> Path:
    place = tmp_path / "pairs"
    place.mkdir()
    for split, (count, start) in {"train": (60, 0), "val": (11, 60), "test": (13, 80)}.items():
        for language, lines in zip(("en", "fr"), sentences(count, start), strict=True):
            (place / f"{split}.{language}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return place


def make(folder: Path, **changed: Any) -> Translation:
    settings: dict[str, Any] = {"batch_size": 8, "keys": Keys(0, "translation", 1), "target_language": "fr"}
    return Translation(
        **{"dataset": "multi30k", "data_dir": str(folder), "vocabulary_size": 300, **settings, **changed}
    )


def texts(data: Translation, batch: Any) -> list[tuple[str, str]]:
    rows = []
    for row in range(len(batch)):
        source = batch.inputs[row, : batch.lengths[row]].tolist()
        target = batch.targets[row, : batch.target_lengths[row]].tolist()
        assert target[-1] == END
        rows.append((data.tokenizer.decode(source), data.tokenizer.decode(target[:-1])))
    return rows


def test_each_epoch_contains_each_pair_once_in_another_order(folder: Path) -> None:
    data = make(folder)
    pairs = list(zip(*sentences(60, 0), strict=True))
    orders = []
    for epoch in range(2):
        batches = [data.stream("train", epoch * 8 + step) for step in range(8)]
        index = torch.cat([batch.index for batch in batches]).tolist()
        assert sorted(index) == list(range(60))
        assert [pair for batch in batches for pair in texts(data, batch)] == [pairs[i] for i in index]
        orders.append(index)
    assert orders[0] != orders[1]


def test_evaluation_contains_each_pair_once(folder: Path) -> None:
    data = make(folder)
    index = torch.cat([data.stream("test", step).index for step in range(data.steps("test"))])
    assert sorted(index.tolist()) == list(range(13))
    pairs = list(zip(*sentences(13, 80), strict=True))
    batch = data.stream("test", 0)
    assert texts(data, batch) == [pairs[i] for i in batch.index.tolist()]


def test_the_weights_cover_the_targets_and_their_end_token(folder: Path) -> None:
    batch = make(folder).stream("train", 3)
    assert torch.equal(batch.weights > 0, batch.valid())
    assert batch.total == float(batch.weights.sum()) == float(batch.target_lengths.sum())  # type: ignore[union-attr]
    assert START not in batch.targets
    assert batch.inputs.dtype == batch.targets.dtype == batch.lengths.dtype == torch.int64


def test_batches_repeat(folder: Path) -> None:
    kit.check_repeats(make(folder), make(folder))
    assert not kit.same(
        make(folder).stream("train", 0), make(folder, keys=Keys(1, "translation", 1)).stream("train", 0)
    )


def test_long_training_pairs_are_excluded_and_counted(folder: Path) -> None:
    data = make(folder)
    longest = max(max(side) for side in zip(*data.lengths["train"], strict=True))
    shorter = make(folder, max_length=longest - 1)
    facts: Any = shorter.describe_data()
    assert facts["left_out"] > 0
    assert facts["train"] + facts["left_out"] == 60
    assert (facts["validation"], facts["test"]) == (11, 13)
    assert max(int(shorter.stream("train", step).lengths.max()) for step in range(8)) < longest
    with pytest.raises(SeqbenchError, match="no training pair has at most 1 tokens"):
        make(folder, max_length=1)


def test_scores_are_those_of_sacrebleu_on_the_raw_references(folder: Path) -> None:
    data = make(folder)
    references = sentences(13, 80)[1]
    hypotheses = [line.replace("chien", "chat") for line in references]
    decoded = {i: data.tokenizer.encode([line])[0].tolist() for i, line in enumerate(hypotheses)}
    result = data.score_decoded("test", decoded)
    assert result["bleu"] == pytest.approx(sacrebleu.corpus_bleu(hypotheses, [references]).score)
    assert result["chrf"] == pytest.approx(sacrebleu.corpus_chrf(hypotheses, [references]).score)
    right = {i: data.tokenizer.encode([line])[0].tolist() for i, line in enumerate(references)}
    assert data.score_decoded("test", right)["bleu"] == pytest.approx(100)
    curve = data.scores_by_length(right)
    assert sum(curve["sentences"]) == 13
    with pytest.raises(RuntimeError, match="12 of 13 test sentences"):
        data.score_decoded("test", {i: right[i] for i in range(12)})


def test_the_signatures_contain_tokenisation_and_case(folder: Path) -> None:
    facts: Any = make(folder).describe_data()
    assert "case:mixed" in facts["bleu_signature"]
    assert "tok:13a" in facts["bleu_signature"]
    assert "nw:0" in facts["chrf_signature"]


def test_bleu_of_a_language_without_spaces_counts_characters_and_this_is_said(folder: Path) -> None:
    for split, count in {"train": 60, "val": 11, "test": 13}.items():
        lines = [f"一个男人{'骑车读书'[n % 4]}去北京{'东西南北'[n // 4 % 4]}边。" for n in range(count)]
        (folder / f"{split}.zh").write_text("\n".join(lines) + "\n", encoding="utf-8")
    data = make(folder, target_language="zh")
    facts: Any = data.describe_data()
    assert "tok:zh" in facts["bleu_signature"]
    assert any("BLEU counts Chinese characters (tokenizer zh)" in note for note in facts["reading"])
    references = data.references["test"]
    decoded = {i: data.tokenizer.encode([line.replace("男", "女")])[0].tolist() for i, line in enumerate(references)}
    assert data.score_decoded("test", decoded)["bleu"] > 50
    chance = data.chance("test")["bleu"]
    assert chance is not None
    assert chance > 1
    assert "reading" not in make(folder, target_language="fr").describe_data() or all(
        "BLEU" not in note for note in make(folder).notes
    )


def test_chance_level_and_baseline_are_reproducible(folder: Path) -> None:
    data = make(folder)
    chance = data.chance("test")
    assert chance == data.chance("test")
    assert 0 <= chance["bleu"] < 100  # type: ignore[operator]
    log = torch.from_numpy(np.log(data._unigrams)).float()
    result = kit.score(data, "test", lambda batch: log.expand(*batch.targets.shape, -1))
    assert result["token_loss"] == pytest.approx(chance["token_loss"], rel=1e-5)
    assert result["token_accuracy"] == pytest.approx(chance["token_accuracy"], rel=1e-5)
    assert set(data.best("test").values()) == {None}
    assert data.baselines("test")["copied source"]["bleu"] < 30


def test_the_unigram_distribution_counts_each_end_token(folder: Path) -> None:
    data = make(folder)
    counts = Counter(dict.fromkeys(range(len(data.tokenizer)), 1))
    ids, offsets = data.sides["train"][1]
    for start, end in itertools.pairwise(offsets.tolist()):
        counts.update([*ids[start:end].tolist(), END])
    expected = [counts[token] / counts.total() for token in range(len(data.tokenizer))]
    assert data._unigrams.tolist() == pytest.approx(expected)


def test_the_best_scores_of_synthetic_pairs_are_known(cache: Path) -> None:
    data = Translation("multi30k", batch_size=8, keys=Keys(0, "t", 1), vocabulary_size=500, source="synthetic")
    assert data.best("test") == {"bleu": 100.0, "chrf": 100.0, "token_loss": 0.0, "token_accuracy": 1.0}
    assert data.chance("test")["bleu"] < 30  # type: ignore[operator]


def test_preparation_is_fast_and_faster_from_the_cache(real_data: Path, cache: Path) -> None:
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        data = Translation("multi30k", batch_size=64, keys=Keys(0, "t", 1))
        seconds.append(time.perf_counter() - start)
    assert data.describe_data()["train"] == 29_000
    assert seconds[1] < seconds[0]  # benchmarks/preparation.py has the seconds.


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"beam": 0}, "beam must be at least 1"),
        ({"smoothing": 1.0}, r"smoothing must be in \[0, 1\)"),
        ({"longest": 0}, "longest must be at least 1"),
        ({"length_penalty": -1.0}, "length_penalty must be a finite number"),
        ({"target_language": "en"}, "source and target are both 'en'"),
        ({"target_language": "de"}, r"does not contain this data: expected .*train\.LANGUAGE"),
        ({"vocabulary_size": 10}, "a vocabulary of 10 tokens is too small"),
    ],
)
def test_invalid_options_are_refused(folder: Path, changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        make(folder, **changed)
