"""Sentence pairs of two toy languages, where each source sentence has exactly one translation.

    the old fox sees a bird under the green tree .
    fisa alda li ebe avu unde tredo gruno seca .

In the target language, adjectives follow their noun and agree with its class, and the verb is at the end of the
clause. So words move farther in longer sentences. Because translations are exact, the best possible loss is 0 nats,
and the best possible BLEU is 100.
"""

from __future__ import annotations

import numpy as np

SIZES = {"train": 20_000, "validation": 500, "test": 500}
"""Number of pairs in each split."""

# The last vowel of a noun is its class; adjectives take the same ending.
NOUNS = {
    **{"fox": "fisa", "house": "hora", "king": "kuna", "stone": "sena", "garden": "garda", "woman": "vima"},
    **{"tree": "tredo", "child": "kindo", "dog": "dogo", "horse": "horso", "boat": "boto"},
    **{"bird": "avu", "river": "relu", "ship": "skifu", "road": "rodu", "letter": "letu"},
}
ADJECTIVES = {
    **{"old": "ald", "green": "grun", "small": "mik", "red": "rud"},
    **{"quiet": "stil", "strong": "fort", "young": "jun", "cold": "kal"},
}
VERBS = {
    **{"sees": "seca", "finds": "fima", "likes": "lubi", "follows": "volga"},
    **{"carries": "porta", "hears": "hori", "leaves": "lasa", "paints": "malu"},
}
PREPOSITIONS = {"under": "unde", "near": "nari", "behind": "hinte", "with": "mita"}
ARTICLES = {"the": "", "a": "ebe"}
CONNECTIVES = {"and": "ja", "while": "dum", "because": "nam"}


def generate_pairs(seed: int = 0) -> dict[str, tuple[list[str], list[str]]]:
    """Return source and target sentences of each split; no source sentence is in two splits."""
    seen: set[str] = set()
    splits: dict[str, tuple[list[str], list[str]]] = {}
    # The evaluation splits first, so that training excludes their sentences.
    for number, split in enumerate(("test", "validation", "train")):
        rng = np.random.Generator(np.random.Philox(key=[seed, number]))
        pairs: dict[str, str] = {}
        while len(pairs) < SIZES[split]:
            source, target = _sentence(rng)
            if source not in seen:
                pairs[source] = target
        seen |= set(pairs)
        splits[split] = (list(pairs), list(pairs.values()))
    return {split: splits[split] for split in SIZES}


def _sentence(rng: np.random.Generator) -> tuple[str, str]:
    """Return a sentence of one to three clauses, as source and target."""
    source, target = _clause(rng)
    for _ in range(int(rng.choice([0, 1, 2], p=[0.6, 0.3, 0.1]))):
        word = _pick(rng, CONNECTIVES)
        more, more_target = _clause(rng)
        source, target = [*source, word, *more], [*target, CONNECTIVES[word], *more_target]
    return " ".join([*source, "."]), " ".join([*target, "."])


def _clause(rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Return a clause of subject, verb and object; in the target the verb is last."""
    subject, subject_target = _phrase(rng)
    verb = _pick(rng, VERBS)
    obj, obj_target = _phrase(rng)
    return [*subject, verb, *obj], [*subject_target, "li", *obj_target, VERBS[verb]]


def _phrase(rng: np.random.Generator, depth: int = 0) -> tuple[list[str], list[str]]:
    """Return a phrase of article, adjectives and noun, sometimes with a preposition and another phrase."""
    article, noun = _pick(rng, ARTICLES), _pick(rng, NOUNS)
    adjectives = [_pick(rng, ADJECTIVES) for _ in range(int(rng.choice([0, 1, 2], p=[0.5, 0.35, 0.15])))]
    ending = NOUNS[noun][-1]
    source = [article, *adjectives, noun]
    target = [*ARTICLES[article].split(), NOUNS[noun], *(ADJECTIVES[word] + ending for word in adjectives)]
    if depth < 2 and rng.random() < 0.3:
        word = _pick(rng, PREPOSITIONS)
        more, more_target = _phrase(rng, depth + 1)
        source, target = [*source, word, *more], [*target, PREPOSITIONS[word], *more_target]
    return source, target


def _pick(rng: np.random.Generator, words: dict[str, str]) -> str:
    return list(words)[int(rng.integers(len(words)))]
