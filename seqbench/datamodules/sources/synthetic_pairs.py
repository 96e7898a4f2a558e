"""A toy grammar pair: sentences of one language and their one right translation into another.

    the old fox sees a bird under the green tree .
    fisa alde avu unde ebe tredo gruno li seca .

The target puts its adjectives behind their noun and lets them agree with its class, and its verb at the end of
the clause: so words move further the longer a sentence is. Each source has exactly one translation, so that the
best possible loss is 0 nats and the best possible BLEU 100.
"""

from __future__ import annotations

import numpy as np

SIZES = {"train": 20_000, "validation": 500, "test": 500}

# Nouns end in the vowel of their class, and adjectives take it over.
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


def make_splits(seed: int = 0) -> dict[str, tuple[list[str], list[str]]]:
    """Sources and targets of each split; no source occurs in two of them."""
    seen: set[str] = set()
    found: dict[str, tuple[list[str], list[str]]] = {}
    # The small splits first, so that training gives way to them.
    for number, split in enumerate(("test", "validation", "train")):
        rng = np.random.Generator(np.random.Philox(key=[seed, number]))
        pairs: dict[str, str] = {}
        while len(pairs) < SIZES[split]:
            source, target = _sentence(rng)
            if source not in seen:
                pairs[source] = target
        seen |= set(pairs)
        found[split] = (list(pairs), list(pairs.values()))
    return {split: found[split] for split in SIZES}


def _sentence(rng: np.random.Generator) -> tuple[str, str]:
    """One to three clauses, joined."""
    source, target = _clause(rng)
    for _ in range(int(rng.choice([0, 1, 2], p=[0.6, 0.3, 0.1]))):
        word = _pick(rng, CONNECTIVES)
        more, more_target = _clause(rng)
        source, target = [*source, word, *more], [*target, CONNECTIVES[word], *more_target]
    return " ".join([*source, "."]), " ".join([*target, "."])


def _clause(rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Subject, verb, object; in the target the verb comes last."""
    subject, subject_target = _phrase(rng)
    verb = _pick(rng, VERBS)
    thing, thing_target = _phrase(rng)
    return [*subject, verb, *thing], [*subject_target, "li", *thing_target, VERBS[verb]]


def _phrase(rng: np.random.Generator, depth: int = 0) -> tuple[list[str], list[str]]:
    """An article, adjectives, a noun, and perhaps a preposition with another such phrase."""
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
