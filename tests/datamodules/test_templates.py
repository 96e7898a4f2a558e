from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from seqbench.datamodules import templates
from seqbench.datamodules.labelled import score_classes
from seqbench.datamodules.templates import Position, WordOrder
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch
from seqbench.protocol.splits import SPLITS
from seqbench.utils.errors import SeqbenchError
from tests.datamodules import kit

ADJECTIVES = {word: label for label, words in enumerate((templates.NEGATIVE, templates.POSITIVE)) for word in words}
DISCOUNTED = {"not", "means", "from", "be", "it", "of"}
"""Words before an adjective that does not decide the class."""


def order(**changed: Any) -> WordOrder:
    return WordOrder(**{"batch_size": 64, "keys": Keys(0, "sentiment-order", 1), "pairs": 500, **changed})


def position(**changed: Any) -> Position:
    return Position(**{"batch_size": 64, "keys": Keys(0, "sentiment-position", 1), "samples": 200, **changed})


def rule(text: str) -> int:
    """Return the class of a sentence by rules that are independent of the templates."""
    words = text.split()
    places = [place for place, word in enumerate(words) if word in ADJECTIVES]
    if len(places) == 1:
        return ADJECTIVES[words[places[0]]]
    if "feared" in words:
        places = places[1:]
    (counts,) = [place for place in places if place == 0 or words[place - 1] not in DISCOUNTED]
    return ADJECTIVES[words[counts]]


def pairs_of(data: WordOrder, split: str) -> list[tuple[str, int]]:
    both = zip(data.texts[split], data.labels[split].tolist(), strict=True)
    return [(text, label) for text, label in both if sum(word in ADJECTIVES for word in text.split()) == 2]


@pytest.mark.parametrize("split", SPLITS)
def test_the_class_in_order_follows_from_the_sentence(split: str) -> None:
    data = order()
    assert [rule(text) for text in data.texts[split]] == data.labels[split].tolist()


@pytest.mark.parametrize("split", SPLITS)
def test_both_members_of_a_pair_have_the_same_words_and_opposite_classes(split: str) -> None:
    result = pairs_of(order(), split)
    members: dict[tuple[str, ...], Counter[int]] = {}
    for text, label in result:
        members.setdefault(tuple(sorted(text.split())), Counter())[label] += 1
    assert len(members) == {"train": 500, "validation": 1000, "test": 1000}[split]
    assert all(labels == {0: 1, 1: 1} for labels in members.values())
    assert len({text for text, _ in result}) == len(result)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_bag_of_words_has_an_accuracy_of_exactly_one_half(split: str) -> None:
    data, rng = order(), np.random.default_rng(0)
    assert len(pairs_of(data, split)) == len(data.texts[split])
    weight = rng.integers(-1000, 1000, size=len(data.tokenizer))
    predicted = np.array([int(weight[data.tokenizer.encode([text])[0]].sum() > 0) for text in data.texts[split]])
    assert 0 < predicted.mean() < 1
    assert score_classes(predicted, data.labels[split])["accuracy"] == 0.5


def test_the_words_of_evaluation_pairs_are_not_in_training_pairs() -> None:
    data = order(pairs=6000)
    content = {*ADJECTIVES, *templates.NOUNS}
    words = {s: {word for text, _ in pairs_of(data, s) for word in text.split()} & content for s in SPLITS}
    assert not words["train"] & words["test"]
    assert not words["train"] & words["validation"]
    assert not words["validation"] & words["test"]
    assert {s: len(some) for s, some in words.items()} == {"train": 60, "validation": 15, "test": 15}
    # Training contains all words in other sentences, so none is unknown.
    assert all(not (data.ids[split] == 0).any() for split in SPLITS)


def test_the_word_lists_are_complete_and_disjoint() -> None:
    lists = (templates.POSITIVE, templates.NEGATIVE, templates.NOUNS, templates.FILLERS)
    assert [len(words) for words in lists] == [30] * 4
    assert len({word for words in lists for word in words}) == 120


def test_the_adjective_is_at_a_position_of_the_test_in_no_sentence_of_another_split() -> None:
    data = position(length=12)
    outer = {0, 1, 2, 3, 8, 9, 10, 11}
    for split, places in (("train", outer), ("validation", {*outer, 5}), ("test", {4, 6, 7})):
        result: set[int] = set()
        for text, label in zip(data.texts[split], data.labels[split], strict=True):
            words = text.split()
            (place,) = [i for i, word in enumerate(words) if word in ADJECTIVES]
            assert len(words) == 12
            assert ADJECTIVES[words[place]] == label
            result.add(place)
        assert result == places
    train = " ".join(data.texts["train"]).split()
    assert set(train) == {*ADJECTIVES, *templates.FILLERS}


@pytest.mark.parametrize("length", [4, 5, 6, 12, 24, 60])
def test_half_of_validation_asks_for_positions_that_training_does_not_have(length: int) -> None:
    data = position(length=length)
    third = length // 3
    middle = [
        (label, place)
        for text, label in zip(data.texts["validation"], data.labels["validation"].tolist(), strict=True)
        for place, word in enumerate(text.split())
        if word in ADJECTIVES and third <= place < length - third
    ]
    assert Counter(label for label, _ in middle) == {0: 50, 1: 50}
    tested = {place for text in data.texts["test"] for place, word in enumerate(text.split()) if word in ADJECTIVES}
    assert tested.isdisjoint(place for _, place in middle)
    assert tested | {place for _, place in middle} == set(range(third, length - third))


def test_a_validation_set_of_two_sentences_has_both_classes() -> None:
    assert position(samples=2).labels["validation"].tolist() == [0, 1]


@pytest.mark.parametrize("make", [order, position])
def test_classes_are_equally_frequent_and_a_constant_scores_the_chance_level(make: Any) -> None:
    data = make()
    for split in ("validation", "test"):
        assert data.chance(split) == pytest.approx({"accuracy": 0.5, "macro_f1": 1 / 3, "loss": np.log(2)})
        result = kit.score(data, split, lambda batch: torch.zeros(len(batch), 1, 2))
        assert result == pytest.approx(data.chance(split))


@pytest.mark.parametrize("make", [order, position])
def test_the_oracle_reaches_the_best_possible_score(make: Any) -> None:
    data = make()

    def oracle(batch: Batch) -> torch.Tensor:
        predicted = [rule(data.tokenizer.decode(row[:n])) for row, n in zip(batch.inputs, batch.lengths, strict=True)]
        return F.one_hot(torch.tensor(predicted)[:, None], 2).float() * 100

    assert kit.score(data, "test", oracle) == pytest.approx(data.best("test"), abs=1e-6)


@pytest.mark.parametrize("make", [order, position])
def test_batches_repeat_and_the_sentences_do_not_depend_on_the_seed(make: Any) -> None:
    kit.check_repeats(make(), make())
    name = make().keys.task
    other = make(keys=Keys(1, name, 1))
    assert other.texts == make().texts
    assert not kit.same(other.stream("train", 0), make().stream("train", 0))
    assert make(keys=Keys(0, name, 2)).texts["train"] != make().texts["train"]


@pytest.mark.parametrize(
    ("make", "changed", "sentence"),
    [
        (order, {"pairs": 0}, "pairs must be from 1 to 64000, got 0"),
        (order, {"pairs": 64_001}, "got 64001"),
        (position, {"length": 3}, "at least 4 words, got 3"),
        (position, {"samples": 1}, "at least 2 sentences and 2 samples, got 4000 and 1"),
    ],
)
def test_values_out_of_range_are_refused(make: Any, changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        make(**changed)
