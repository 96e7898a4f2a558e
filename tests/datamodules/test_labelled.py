from __future__ import annotations

import math
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqbench.datamodules.labelled import EVALUATION_LIMITS, Sentences, score_classes
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, SequenceClass
from seqbench.utils.errors import SeqbenchError
from tests.datamodules import kit

LINES = {
    "train": [("so good a film", "yes"), ("good", "yes"), ("bad bad film", "no"), ("a b c d e f g h", "yes")] * 10,
    "dev": [("good film", "yes"), ("bad unseen", "no"), ("a", "no")],
    "test": [("a bad", "no"), ("a rather good film that nobody saw", "yes"), ("c", "no"), ("bad", "no")],
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "mine"
    place.mkdir()
    for name, lines in LINES.items():
        (place / f"{name}.tsv").write_text("".join(f"{text}\t{label}\n" for text, label in lines), encoding="utf-8")
    return place


def make(folder: Path, **changed: Any) -> Sentences:
    settings = {"dataset": "sst2", "batch_size": 8, "keys": Keys(0, "sentiment", 1), "data_dir": str(folder)}
    return Sentences(**{**settings, **changed})


def decoded_batches(data: Sentences, split: str, steps: int) -> list[tuple[str, str]]:
    """Return the sentences and classes in the batches of a split, in order, as text."""
    result = []
    for step in range(steps):
        batch = data.stream(split, step)
        for row, length, target in zip(batch.inputs, batch.lengths, batch.targets, strict=True):
            words = [data.tokenizer.decode([token]) or "[UNK]" for token in row[:length].tolist()]
            assert not row[length:].any()
            result.append((" ".join(words), data.classes[int(target)]))
    return result


def test_each_epoch_contains_each_training_sentence_once_in_another_order(folder: Path) -> None:
    data = make(folder)
    once, twice = decoded_batches(data, "train", 5), decoded_batches(data, "train", 10)[40:]
    assert Counter(once) == Counter(twice) == Counter(LINES["train"])
    assert once != twice


def test_evaluation_contains_each_sentence_once_and_complete(folder: Path) -> None:
    data = make(folder)
    expected = [(text.replace("rather", "[UNK]"), label) for text, label in LINES["test"]]
    expected[1] = ("a [UNK] good film [UNK] [UNK] [UNK]", "yes")
    (batch,) = [data.stream("test", step) for step in range(data.steps("test"))]
    result = decoded_batches(data, "test", 1)
    assert [result[batch.index.tolist().index(line)] for line in range(4)] == expected
    assert batch.lengths.tolist() == sorted(batch.lengths.tolist())


def test_a_sample_shows_the_sentence_with_its_unknown_words_and_the_names_of_the_classes(folder: Path) -> None:
    data = make(folder)
    batch = data.stream("test", 0)
    shown = {data.input_text(batch, row) for row in range(len(batch))}
    assert shown == {text for text, _ in decoded_batches(data, "test", 1)}
    assert any("[UNK]" in text for text in shown)
    assert data.output_names == data.classes


def test_only_training_excludes_long_sentences(folder: Path) -> None:
    data = make(folder, max_length=4)
    assert max(len(text.split()) for text, _ in decoded_batches(data, "train", 4)) == 4
    facts = data.describe_data()
    assert (facts["train"], facts["left_out"], facts["validation"], facts["test"]) == (30, 10, 3, 4)
    assert max(len(text.split()) for text, _ in decoded_batches(data, "test", 1)) == 7 == data.spec.max_length
    with pytest.raises(SeqbenchError, match="max_length must be at least 1 token, got 0"):
        make(folder, max_length=0)


def test_the_description_has_the_share_of_unknown_tokens(folder: Path) -> None:
    facts = make(folder).describe_data()
    assert facts["unknown"] == {"validation": pytest.approx(1 / 5), "test": pytest.approx(4 / 11)}
    assert facts["vocabulary"] == 1 + 12
    assert facts["classes"] == ["no", "yes"]
    bpe = make(folder, tokens="bpe", vocabulary_size=300).describe_data()
    assert bpe["unknown"] == {"validation": 0, "test": 0}
    assert bpe["tokenizer"] != facts["tokenizer"]


@pytest.mark.parametrize(("divergence", "reads"), [("last", "last"), ("mean", "mean")])
def test_a_single_answer_has_a_single_weight(folder: Path, divergence: str, reads: str) -> None:
    data = make(folder, divergence=divergence)
    batch = data.stream("train", 0)
    assert data.spec.output == SequenceClass(2, reads)
    assert batch.weights.tolist() == [[1.0]] * 8
    assert batch.total == 8


@pytest.mark.parametrize("divergence", ["uniform", "ramp"])
def test_divergence_weights_of_a_sentence_sum_to_one_and_the_last_step_is_scored(folder: Path, divergence: str) -> None:
    data = make(folder, divergence=divergence)
    assert data.spec.output == SequenceClass(2, "every")
    batch = data.stream("test", 0)
    assert batch.scored is not None
    for weights, scored, length in zip(batch.weights, batch.scored, batch.lengths.tolist(), strict=True):
        rising = range(1, length + 1)
        expected = [t / sum(rising) if divergence == "ramp" else 1 / length for t in rising]
        assert weights[:length].tolist() == pytest.approx(expected)
        assert not weights[length:].any()
        assert scored.nonzero().flatten().tolist() == [length - 1]
    assert batch.total == pytest.approx(float(batch.weights.sum()))
    assert batch.targets.shape == (4, 1)


def test_the_unknown_rate_replaces_this_share_of_the_training_tokens_only(folder: Path) -> None:
    plain, hidden = make(folder), make(folder, unknown_rate=0.3)
    pairs = [(plain.stream("train", step), hidden.stream("train", step)) for step in range(200)]
    changed = total = 0
    for a, b in pairs:
        inside = torch.arange(a.inputs.shape[1]) < a.lengths[:, None]
        assert bool(((a.inputs == b.inputs) | (b.inputs == 0)).all())
        changed, total = changed + int((a.inputs != b.inputs).sum()), total + int(inside.sum())
    assert changed / total == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / total))
    assert kit.same(plain.stream("test", 0), hidden.stream("test", 0))
    kit.check_repeats(hidden, make(folder, unknown_rate=0.3))
    # Other places in each epoch.
    masks = [(a.inputs != b.inputs).sum().item() for a, b in pairs]
    assert len(set(masks[::5])) > 3


def test_batches_repeat_and_depend_on_the_seed(folder: Path) -> None:
    kit.check_repeats(make(folder), make(folder))
    other = make(folder, keys=Keys(1, "sentiment", 1))
    assert decoded_batches(other, "train", 5) != decoded_batches(make(folder), "train", 5)
    assert kit.same(other.stream("test", 0), make(folder).stream("test", 0))


def test_chance_is_the_majority_class_of_training(folder: Path) -> None:
    data = make(folder)
    # Three of four training sentences are labelled yes, and one of four test sentences.
    assert data.chance("test") == pytest.approx(
        {"accuracy": 1 / 4, "macro_f1": (2 / 5 + 0) / 2, "loss": -(math.log(3 / 4) + 3 * math.log(1 / 4)) / 4}
    )
    logits = torch.tensor([1 / 4, 3 / 4]).log()
    result = kit.score(data, "test", lambda batch: logits.expand(len(batch), 1, 2))
    assert result == pytest.approx(data.chance("test"))
    assert set(data.best("test").values()) == {None}
    assert data.best_unknown


def test_naive_bayes_equals_its_formula(folder: Path) -> None:
    data = make(folder)
    counts: dict[str, Counter[str]] = {"no": Counter(), "yes": Counter()}
    for text, label in LINES["train"]:
        counts[label].update(text.split())
    known = set(counts["no"]) | set(counts["yes"])
    predicted = []
    for text, _ in LINES["test"]:
        scores = {
            label: math.log({"no": 10, "yes": 30}[label])
            + sum(
                math.log((words[word] + 1) / (words.total() + len(known) + 1)) for word in text.split() if word in known
            )
            for label, words in counts.items()
        }
        predicted.append(max(scores, key=lambda label: scores[label]))
    right = np.mean([label == true for label, (_, true) in zip(predicted, LINES["test"], strict=True)])
    assert data.baselines("test")["naive Bayes"]["accuracy"] == pytest.approx(right)
    assert 0 < right < 1


def test_the_scores_of_classes_are_those_of_the_objective() -> None:
    from seqbench.models.objectives.sequence_class import SequenceClassObjective

    rng = np.random.default_rng(0)
    predicted, true = rng.integers(0, 3, 50), rng.integers(0, 4, 50)
    objective = SequenceClassObjective(SequenceClass(6), 6)
    objective.head = torch.nn.Identity()
    ones = torch.ones(50, 1)
    targets = torch.from_numpy(true)[:, None]
    batch = Batch(ones, targets, torch.ones(50), ones, 50.0, torch.arange(50))
    scores = objective.build_metrics()
    objective.update_metrics(
        scores, torch.nn.functional.one_hot(torch.from_numpy(predicted)[:, None], 6).float(), batch
    )
    result = {name: float(value) for name, value in scores.compute().items() if name != "loss"}
    assert score_classes(predicted, true) == pytest.approx(result)


def test_a_class_that_is_predicted_but_not_true_has_an_f1_of_0() -> None:
    scores = score_classes(np.array([2, 0]), np.array([0, 0]))
    assert scores == pytest.approx({"accuracy": 1 / 2, "macro_f1": (2 / 3 + 0) / 2})


def test_encoded_sentences_are_cached_by_options_and_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make(folder)
    monkeypatch.setattr("seqbench.datamodules.encoded_sentences._prepare", None)
    again = make(folder)
    assert kit.same(first.stream("train", 0), again.stream("train", 0))
    assert again.describe_data() == first.describe_data()
    for changed in ({"tokens": "bpe"}, {"min_count": 2}, {"vocabulary_size": 5}):
        with pytest.raises(TypeError):
            make(folder, **changed)
    (folder / "dev.tsv").write_text("good\tyes\n")
    with pytest.raises(TypeError):
        make(folder)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"tokens": "letters"}, "must be 'words' or 'bpe', got 'letters'"),
        ({"divergence": "ramps"}, "task.divergence 'ramps' is unknown. Did you mean 'ramp'"),
        ({"unknown_rate": 1.0}, r"must be in \[0, 1\), got 1.0"),
        ({"min_count": 0}, "at least 1 occurrence"),
        ({"vocabulary_size": 1}, "a vocabulary of 1 token is too small"),
        ({"dataset": "ss2"}, "unknown data set 'ss2'"),
        ({"source": "synthetic", "data_dir": None}, "sentiment-order and sentiment-position are generated"),
    ],
)
def test_values_out_of_range_are_refused(folder: Path, changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        make(folder, **changed)


@pytest.mark.parametrize("tokens", ["words", "bpe"])
def test_the_published_sentences_are_read_completely_and_faster_from_the_cache(real_data: Path, tokens: str) -> None:
    start = time.perf_counter()
    make(real_data, data_dir=None, tokens=tokens, vocabulary_size=20_000 if tokens == "words" else 4000)
    first = time.perf_counter() - start
    start = time.perf_counter()
    data = make(real_data, data_dir=None, tokens=tokens, vocabulary_size=20_000 if tokens == "words" else 4000)
    assert time.perf_counter() - start < first  # The second reading is from the cache.
    facts = data.describe_data()
    assert (facts["train"], facts["validation"], facts["test"], facts["left_out"]) == (6920, 872, 1821, 0)
    assert data.steps("test") == math.ceil(1821 / EVALUATION_LIMITS.rows)
    assert data.chance("test")["accuracy"] == pytest.approx(909 / 1821)
    assert 0.78 < data.baselines("test")["naive Bayes"]["accuracy"] < 0.84
