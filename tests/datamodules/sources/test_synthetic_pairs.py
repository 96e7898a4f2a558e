"""Sentence pairs of two toy languages."""

from __future__ import annotations

from seqbench.datamodules.sources import synthetic_pairs


def inverse(target: str) -> str:
    """Translate a target sentence back by the rules of the language, independently of the generator."""
    nouns = {v: k for k, v in synthetic_pairs.NOUNS.items()}
    verbs = {v: k for k, v in synthetic_pairs.VERBS.items()}
    adjectives = {v: k for k, v in synthetic_pairs.ADJECTIVES.items()}
    small = {
        v: k
        for words in (synthetic_pairs.PREPOSITIONS, synthetic_pairs.CONNECTIVES)
        for v, k in ((v, k) for k, v in words.items())
    }
    words = target.split()[:-1]
    out: list[str] = []
    article, noun = "the", ""
    described: list[str] = []

    def flush() -> None:
        nonlocal article, noun, described
        if noun:
            out.extend([article, *described, noun])
        article, noun, described = "the", "", []

    verb_place = 0
    for word in words:
        if word == "ebe":
            flush()
            article = "a"
        elif word in nouns:
            if noun:
                flush()
            noun = nouns[word]
        elif noun and word[:-1] in adjectives:
            described.append(adjectives[word[:-1]])
        elif word == "li":
            flush()
            verb_place = len(out)
        elif word in verbs:
            flush()
            out.insert(verb_place, verbs[word])
        else:
            flush()
            out.append(small[word])
    return " ".join([*out, "."])


def test_translations_are_exact_and_splits_are_disjoint() -> None:
    splits = synthetic_pairs.generate_pairs()
    assert splits == synthetic_pairs.generate_pairs()
    sources = {split: set(both[0]) for split, both in splits.items()}
    assert {split: len(both[0]) for split, both in splits.items()} == synthetic_pairs.SIZES
    assert not sources["train"] & sources["test"]
    assert not sources["validation"] & (sources["train"] | sources["test"])
    for source, target in zip(*splits["test"], strict=True):
        assert inverse(target) == source


def test_adjectives_agree_with_their_noun() -> None:
    targets = " ".join(synthetic_pairs.generate_pairs()["train"][1]).split()
    endings = {word[-1] for word in targets if word[:-1] in synthetic_pairs.ADJECTIVES.values()}
    assert endings == {"a", "o", "u"}


def test_the_seed_determines_the_pairs() -> None:
    assert synthetic_pairs.generate_pairs(1)["test"] != synthetic_pairs.generate_pairs(0)["test"]


def test_the_example_in_the_documentation_is_correct() -> None:
    source, target = (line.strip() for line in str(synthetic_pairs.__doc__).splitlines()[2:4])
    assert inverse(target) == source
