"""Generated sentiment, which needs no data: does a model read the order of words, and find them where they stand?

    order       the soup was tasty , not bland at all .      1
                the soup was bland , not tasty at all .      0      the same words

    position    trained  so tasty this then or now well here and  1    the word that matters stands early
                trained  this or well so then here and stale now  0    or late,
                tested   or then so now tasty this well here and  1    and then in between

In ``order`` both members of every tested pair are there, so that whatever ignores order scores exactly 50 %. In
``position`` a net with weights of its own for each place cannot know the tested ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from seqbench.datamodules.base import Scores, require
from seqbench.datamodules.labelled import Labelled, encode_texts
from seqbench.datamodules.sources.folder_layouts import SPLITS
from seqbench.datamodules.text.tokenization import Tokenizer
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch

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
"""Sentences with two adjectives of opposite polarity, and which of the two tells the class."""

PAIR_WORDS = {"train": slice(0, 20), "validation": slice(20, 25), "test": slice(25, 30)}
"""Which adjectives and nouns stand in the pairs of a split."""


def simple_sentences() -> list[tuple[str, int]]:
    """Every adjective with every noun in sentences of one adjective: here all words are learnt."""
    return [
        (template.format(n=noun, a=adjective), label)
        for label, adjectives in enumerate((NEGATIVE, POSITIVE))
        for template, noun, adjective in itertools.product(SIMPLE, NOUNS, adjectives)
    ]


def pair_sentences(split: str) -> list[tuple[str, int]]:
    """All pairs of a split, the two members next to each other: the same words, opposite classes."""
    words = PAIR_WORDS[split]
    return [
        (template.format(n=noun, a=first, b=second), label if tells == "a" else 1 - label)
        for (template, tells), noun, good, bad in itertools.product(
            PAIRS, NOUNS[words], POSITIVE[words], NEGATIVE[words]
        )
        for first, second, label in ((good, bad, 1), (bad, good, 0))
    ]


def polarity(text: str) -> int:
    """The class of a sentence: that of its adjective, or of the one of two that its template says tells."""
    words = text.split()
    first, *second = [word for word in words if word in POSITIVE or word in NEGATIVE]
    told = first
    if second:
        noun = next(word for word in words if word in NOUNS)
        (tells,) = (t for form, t in PAIRS if form.format(n=noun, a=first, b=second[0]) == text)
        told = first if tells == "a" else second[0]
    return int(told in POSITIVE)


class _Generated(Labelled):
    """What the two share: sentences as text for each split, and that all can be told."""

    def __init__(self, split: dict[str, list[tuple[str, int]]], batch_size: int, keys: Keys) -> None:
        texts = {name: [text for text, _ in split[name]] for name in SPLITS}
        labels = {name: np.array([label for _, label in split[name]]) for name in SPLITS}
        tokenizer = Tokenizer.words(texts["train"], min_count=1)
        super().__init__(tokenizer, encode_texts(tokenizer, texts, labels), CLASSES, batch_size, keys)
        self.texts = texts

    def _raw(self) -> tuple[Mapping[str, list[str]], Mapping[str, np.ndarray]]:
        return self.texts, self.labels

    def oracle(self, batch: Batch) -> torch.Tensor:
        """Read each sentence by the rules it was made by: ``(batch, 1)`` classes."""
        rows = zip(batch.inputs, batch.lengths, strict=True)
        texts = [self.tokenizer.decode(ids[:length].tolist()) for ids, length in rows]
        return torch.tensor([[polarity(text)] for text in texts])

    def best(self, split: str) -> Scores:
        """The class is a function of the words and their order."""
        return {"accuracy": 1.0, "macro_f1": 1.0, "loss": 0.0}


class WordOrder(_Generated):
    """Which of two adjectives counts; tested on words that training shows in simple sentences only.

    Args:
        pairs: training pairs, drawn from the 64,000 there are; the same for every seed.
        batch_size: sentences in one training batch.
        keys: what random draws are keyed by.
    """

    def __init__(self, batch_size: int, keys: Keys, pairs: int = 6000) -> None:
        every = pair_sentences("train")
        most = len(every) // 2
        require(1 <= pairs <= most, f"sentiment-order's pairs must be from 1 to {most}, got {pairs}.")
        drawn = keys.generator("pairs", 0).choice(most, size=pairs, replace=False)
        train = [every[2 * pair + member] for pair in drawn for member in (0, 1)]
        split = {"train": simple_sentences() + train, **{name: pair_sentences(name) for name in SPLITS[1:]}}
        super().__init__(split, batch_size, keys)


class Position(_Generated):
    """One adjective among neutral words: in the outer thirds in training and validation, in the middle one in test.

    Args:
        length: words in every sentence; at least 3.
        sentences: training sentences; the same for every seed.
        samples: sentences in validation, and in test.
        batch_size: sentences in one training batch.
        keys: what random draws are keyed by.
    """

    def __init__(
        self, batch_size: int, keys: Keys, length: int = 24, sentences: int = 4000, samples: int = 1000
    ) -> None:
        require(length >= 3, f"sentiment-position's length must be at least 3 words, got {length}.")
        require(
            min(sentences, samples) >= 2,
            f"sentiment-position needs at least 2 sentences and 2 samples, got {sentences} and {samples}.",
        )
        third = length // 3
        # In the middle, not at one end: a recurrent net may learn how long to wait, and that is another question.
        outer = [*range(third), *range(length - third, length)]
        places = {"train": outer, "validation": outer, "test": range(third, length - third)}
        split = {
            name: _placed(keys.generator(f"{name}-words", 0), count, length, places[name])
            for name, count in zip(SPLITS, (sentences, samples, samples), strict=True)
        }
        super().__init__(split, batch_size, keys)


def _placed(rng: np.random.Generator, count: int, length: int, places: Sequence[int]) -> list[tuple[str, int]]:
    """Sentences of neutral words with one adjective at one of ``places``; every other one is positive."""
    words = np.array(FILLERS)[rng.integers(len(FILLERS), size=(count, length))].astype(object)
    labels = np.arange(count) % 2
    adjectives = np.array([NEGATIVE, POSITIVE])[labels, rng.integers(len(POSITIVE), size=count)]
    words[np.arange(count), rng.choice(np.array(places), size=count)] = adjectives
    return [(" ".join(row), int(label)) for row, label in zip(words, labels, strict=True)]
