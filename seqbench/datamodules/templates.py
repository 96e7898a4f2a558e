"""Generated sentiment tasks, which test whether a model uses word order, and finds a word at any position.

    order       the soup was tasty , not bland at all .      1
                the soup was bland , not tasty at all .      0      (the same words)

    position    trained  so tasty this then or now well here and  1    the decisive word is near the start
                trained  this or well so then here and stale now  0    or the end,
                tested   or then so now tasty this well here and  1    and in the middle in the test

In ``order`` the test contains both members of each pair, so a model that ignores word order has an accuracy of exactly
50 %. In ``position`` a model with separate weights for each position has not trained those of the test positions. Half
of the validation sentences have the word at positions of training, and half at positions in the middle that neither
training nor the test has, so that weights and learning rates are chosen for the question that the test asks.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from seqbench.datamodules.base import Scores, require
from seqbench.datamodules.encoded_sentences import EncodedSentences, encode_texts
from seqbench.datamodules.labelled import Labelled
from seqbench.datamodules.text.tokenization import Tokenizer
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch
from seqbench.protocol.splits import SPLITS

CLASSES = ("negative", "positive")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


POSITIVE = _words(
    "good great fine superb lovely brilliant charming delightful excellent wonderful pleasant splendid amazing "
    "terrific marvellous fresh tasty perfect elegant clever funny warm graceful gripping moving honest witty "
    "radiant inspired enjoyable"
)
NEGATIVE = _words(
    "bad awful poor terrible dreadful boring dull horrible nasty bland ugly stale weak clumsy tedious vile "
    "shoddy lousy miserable annoying silly cold rotten lifeless painful messy grim hollow stupid tiresome"
)
NOUNS = _words(
    "food film book play song meal hotel story concert movie room service soup novel show album dinner lecture "
    "game garden picture speech party journey museum cake wine dance scene opera"
)
FILLERS = _words(
    "the a of in on at then there here now so well and or it this that these we they one two day week time "
    "thing place way part side"
)

SIMPLE = ("the {n} was {a} .", "a {a} {n} .", "what a {a} {n} !")
PAIRS = (
    ("the {n} was {a} , not {b} at all .", "a"),
    ("the {n} was not {a} but {b} .", "b"),
    ("the {n} was {a} and by no means {b} .", "a"),
    ("far from {a} , the {n} was {b} .", "b"),
    ("they said the {n} would be {a} , but it was {b} .", "b"),
    ("the {n} was {a} , though some had called it {b} .", "a"),
    ("i feared a {a} {n} and got a {b} one .", "b"),
    ("instead of {a} , the {n} was simply {b} .", "b"),
)
"""Templates with two adjectives of opposite polarity, and the one that decides the class."""

PAIR_WORDS = {"train": slice(0, 20), "validation": slice(20, 25), "test": slice(25, 30)}
"""Slice of the lists of adjectives and nouns that the pairs of a split use."""


def simple_sentences() -> list[tuple[str, int]]:
    """Return sentences with one adjective, for all adjectives and nouns, so that training contains all words."""
    return [
        (template.format(n=noun, a=adjective), label)
        for label, adjectives in enumerate((NEGATIVE, POSITIVE))
        for template, noun, adjective in itertools.product(SIMPLE, NOUNS, adjectives)
    ]


def pair_sentences(split: str) -> list[tuple[str, int]]:
    """Return all pairs of a split as sentences and labels; the two members of a pair are adjacent.

    Both members have the same words and opposite classes.

    >>> pair_sentences("test")[:2]
    [('the cake was honest , not messy at all .', 1), ('the cake was messy , not honest at all .', 0)]
    """
    words = PAIR_WORDS[split]
    return [
        (template.format(n=noun, a=first, b=second), label if decisive == "a" else 1 - label)
        for (template, decisive), noun, good, bad in itertools.product(
            PAIRS, NOUNS[words], POSITIVE[words], NEGATIVE[words]
        )
        for first, second, label in ((good, bad, 1), (bad, good, 0))
    ]


def polarity(text: str) -> int:
    """Return the class of a sentence, from its adjective or, of two adjectives, from the decisive one.

    >>> polarity("the soup was tasty , not bland at all .")
    1
    """
    words = text.split()
    adjectives = [word for word in words if word in POSITIVE or word in NEGATIVE]
    adjective = adjectives[0]
    if len(adjectives) == 2:
        first, second = adjectives
        noun = next(word for word in words if word in NOUNS)
        (decisive,) = (name for template, name in PAIRS if template.format(n=noun, a=first, b=second) == text)
        adjective = first if decisive == "a" else second
    return int(adjective in POSITIVE)


class _Generated(Labelled):
    """Base of both tasks: generated sentences, whose class is a function of the text."""

    def __init__(self, sentences: Mapping[str, list[tuple[str, int]]], batch_size: int, keys: Keys) -> None:
        texts = {split: [text for text, _ in sentences[split]] for split in SPLITS}
        labels = {split: np.array([label for _, label in sentences[split]]) for split in SPLITS}
        tokenizer = Tokenizer.words(texts["train"], min_count=1)
        super().__init__(EncodedSentences(tokenizer, encode_texts(tokenizer, texts, labels), CLASSES), batch_size, keys)
        self.texts = texts

    def _texts_and_labels(self) -> tuple[Mapping[str, list[str]], Mapping[str, np.ndarray]]:
        return self.texts, self.labels

    def oracle(self, batch: Batch) -> torch.Tensor:
        """Return the class of each sentence by the rules that generated it, ``(batch, 1)``."""
        rows = zip(batch.inputs, batch.lengths, strict=True)
        texts = [self.tokenizer.decode(ids[:length].tolist()) for ids, length in rows]
        return torch.tensor([[polarity(text)] for text in texts])

    def best(self, split: str) -> Scores:
        """Return perfect scores: the class is a function of the words and their order."""
        return {"accuracy": 1.0, "macro_f1": 1.0, "loss": 0.0}


class WordOrder(_Generated):
    """Decide which of two adjectives counts; the words of the test pairs are in training only in simple sentences.

    Args:
        pairs: number of training pairs, drawn from all 64,000; the same pairs for each seed.
        batch_size: sentences in one training batch.
        keys: keys of the random generators.
    """

    def __init__(self, batch_size: int, keys: Keys, pairs: int = 6000) -> None:
        members = pair_sentences("train")
        available = len(members) // 2
        require(1 <= pairs <= available, f"sentiment-order's pairs must be from 1 to {available}, got {pairs}.")
        drawn = keys.generator("pairs", 0).choice(available, size=pairs, replace=False)
        train = [members[2 * pair + member] for pair in drawn for member in (0, 1)]
        sentences = {"train": simple_sentences() + train, **{split: pair_sentences(split) for split in SPLITS[1:]}}
        super().__init__(sentences, batch_size, keys)


class Position(_Generated):
    """Find one adjective among neutral words: in the outer thirds in training, in the middle third in test.

    A quarter of the positions in the middle is kept for validation. Half of the validation sentences have the adjective
    there, and half at a position of training.

    Args:
        length: words in each sentence; at least 4.
        sentences: number of training sentences; the same sentences for each seed.
        samples: number of sentences in validation and in test.
        batch_size: sentences in one training batch.
        keys: keys of the random generators.
    """

    def __init__(
        self, batch_size: int, keys: Keys, length: int = 24, sentences: int = 4000, samples: int = 1000
    ) -> None:
        require(length >= 4, f"sentiment-position's length must be at least 4 words, got {length}.")
        require(
            min(sentences, samples) >= 2,
            f"sentiment-position needs at least 2 sentences and 2 samples, got {sentences} and {samples}.",
        )
        third = length // 3
        # The test uses the middle and not one end, because a recurrent net may learn how long to wait after a start.
        outer, middle = [*range(third), *range(length - third, length)], [*range(third, length - third)]
        kept = middle[1::4]
        places = {"train": [outer], "validation": [outer, kept], "test": [[i for i in middle if i not in kept]]}
        generated = {
            split: _sentences_at(keys.generator(f"{split}-words", 0), count, length, places[split])
            for split, count in zip(SPLITS, (sentences, samples, samples), strict=True)
        }
        super().__init__(generated, batch_size, keys)


def _sentences_at(
    rng: np.random.Generator, count: int, length: int, places: Sequence[Sequence[int]]
) -> list[tuple[str, int]]:
    """Generate sentences of neutral words with one adjective.

    Args:
        rng: random generator.
        count: number of sentences; every second one is positive.
        length: words in each sentence.
        places: groups of positions at which the adjective may be; the groups take turns, with a negative and a positive
            sentence each.
    """
    rows = np.arange(count)
    words = np.array(FILLERS)[rng.integers(len(FILLERS), size=(count, length))].astype(object)
    labels = rows % 2
    adjectives = np.array([NEGATIVE, POSITIVE])[labels, rng.integers(len(POSITIVE), size=count)]
    drawn = np.stack([rng.choice(np.array(group), size=count) for group in places])
    words[rows, drawn[rows // 2 % len(places), rows]] = adjectives
    return [(" ".join(row), int(label)) for row, label in zip(words, labels, strict=True)]
