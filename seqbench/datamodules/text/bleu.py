"""BLEU and chrF from sacrebleu, on raw, cased text, from 0 to 100.

BLEU counts n-grams of tokens. The tokenizer of sacrebleu is ``13a``, which divides at spaces and punctuation. In a
language that is written without spaces, a whole sentence would be one token, so ``zh`` (each Chinese character is a
token) or ``char`` (each character is a token) is used there. The morphological tokenizers ``ja-mecab`` and ``ko-mecab``
are not used, because a score would then depend on whether their dictionaries are installed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric

SPACED, CHINESE, CHARACTERS = "13a", "zh", "char"
"""Tokenizers of sacrebleu: for languages with spaces, for Chinese, and for other languages without spaces."""

RESAMPLES, BOOTSTRAP_KEY = 1000, 20_040_725
"""Number of corpora of the bootstrap of standard errors, and the key of its random numbers."""

_LANGUAGES = {
    **dict.fromkeys(("zh", "zho", "chi", "cmn", "yue", "wuu", "cn", "chs", "cht", "chinese", "cantonese"), CHINESE),
    **dict.fromkeys(("ja", "jpn", "jp", "japanese", "ko", "kor", "kr", "korean"), CHARACTERS),
    **dict.fromkeys(("th", "tha", "thai", "lo", "lao", "km", "khm", "khmer"), CHARACTERS),
    **dict.fromkeys(("my", "mya", "bur", "burmese", "bo", "bod", "tib", "tibetan", "dz", "dzo"), CHARACTERS),
}
"""Tokenizers by the first part of a language code (``zh-CN``, ``jpn``) or by the name of a language."""

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ffff]")
_UNSPACED = re.compile("[\u0e00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\uac00-\ud7af]")
"""Characters of Thai, Lao, Tibetan, Burmese, Khmer, Japanese kana, and Korean."""


def choose_tokenizer(language: str, references: Sequence[str]) -> str:
    """Return the tokenizer of BLEU for a target language: by its code, or else by the script of the references.

    Args:
        language: code or name of the target language, as in the names of the files.
        references: target sentences.

    >>> choose_tokenizer("de", ["Ein Mann fährt Rad."]), choose_tokenizer("zh-CN", []), choose_tokenizer("ja", [])
    ('13a', 'zh', 'char')
    >>> choose_tokenizer("target", ["一个男人在骑车。"])
    'zh'
    """
    code = re.split(r"[^a-z]", language.lower())[0]
    if code in _LANGUAGES:
        return _LANGUAGES[code]
    text = "".join(references)
    letters, han, unspaced = sum(map(str.isalpha, text)), len(_HAN.findall(text)), len(_UNSPACED.findall(text))
    if 2 * (han + unspaced) <= letters:
        return SPACED
    return CHINESE if han > 4 * unspaced else CHARACTERS


@cache
def _metrics(tokenizer: str) -> Mapping[str, Metric]:
    """Return the metrics whose scores and signatures this module reports."""
    from sacrebleu.metrics.bleu import BLEU  # Imported here, because the import takes 0.3 s.
    from sacrebleu.metrics.chrf import CHRF

    return {"bleu": BLEU(tokenize=tokenizer), "chrf": CHRF()}


def bleu_scores(hypotheses: Sequence[str], references: Sequence[str], tokenizer: str = SPACED) -> dict[str, float]:
    """Return BLEU (Papineni et al. 2002) and chrF (Popović 2015) of a corpus, from 0 to 100.

    Args:
        hypotheses: one translation for each reference.
        references: raw, cased text.
        tokenizer: tokenizer of BLEU, which ``choose_tokenizer`` returns; chrF needs none.

    >>> scores = bleu_scores(["A man rides a bicycle ."], ["A man rides a red bicycle ."])
    >>> {name: round(score, 1) for name, score in scores.items()}
    {'bleu': 51.2, 'chrf': 71.5}
    """
    return {
        name: float(metric.corpus_score(list(hypotheses), [list(references)]).score)
        for name, metric in _metrics(tokenizer).items()
    }


def bleu_signatures(tokenizer: str = SPACED) -> dict[str, str]:
    """Return the signatures that identify the settings of both metrics in reports (Post 2018).

    >>> bleu_signatures()["bleu_signature"].split("|")[:2]
    ['nrefs:1', 'case:mixed']
    """
    signatures = {}
    for name, metric in _metrics(tokenizer).items():
        metric.corpus_score(["a"], [["a"]])  # The signature contains the number of references of the last score.
        signatures[f"{name}_signature"] = str(metric.get_signature())
    return signatures


def bleu_group_influences(
    hypotheses: Sequence[str], references: Sequence[str], groups: int, tokenizer: str = SPACED
) -> dict[str, list[float]]:
    """Return how far each group of pairs moves BLEU and chrF; empty for fewer pairs than groups.

    Pair i is in group i modulo ``groups``. The figure of a group is the difference of the score without it, times
    ``(groups - 1) / groups``, less the mean of all groups (the jackknife).

    Args:
        hypotheses: one translation for each reference.
        references: raw, cased text.
        groups: number of groups.
        tokenizer: tokenizer of BLEU, which ``choose_tokenizer`` returns.

    >>> moved = bleu_group_influences(["A man", "A cat"], ["A man", "A dog"], 2)
    >>> [round(value, 6) for value in moved["chrf"]] == [-round(value, 6) for value in reversed(moved["chrf"])]
    True
    """
    pairs = len(references)
    if pairs < groups:
        return {}
    kept = np.arange(pairs) % groups != np.arange(groups)[:, None]
    influences = {}
    for name, metric in _metrics(tokenizer).items():
        counts = np.asarray(metric._extract_corpus_statistics(list(hypotheses), [list(references)]))
        without = np.asarray([metric._compute_score_from_stats(row).score for row in (kept @ counts).tolist()])
        influences[name] = ((without.mean() - without) * (groups - 1) / groups).tolist()
    return influences


def bleu_standard_errors(
    hypotheses: Sequence[str], references: Sequence[str], tokenizer: str = SPACED
) -> dict[str, float]:
    """Return the standard errors of BLEU and chrF over the pairs of a corpus; empty for fewer than two pairs.

    Both scores are functions of counts that are summed over the pairs. A bootstrap draws ``RESAMPLES`` corpora of the
    same size from the pairs (Koehn 2004), always with the same random numbers.

    Args:
        hypotheses: one translation for each reference.
        references: raw, cased text.
        tokenizer: tokenizer of BLEU, which ``choose_tokenizer`` returns.

    >>> errors = bleu_standard_errors(["A man rides .", "A dog"], ["A man rides a bicycle .", "A dog"])
    >>> sorted(errors), 0 < errors["chrf"] < 100
    (['bleu', 'chrf'], True)
    """
    pairs = len(references)
    if pairs < 2:
        return {}
    generator = np.random.Generator(np.random.Philox(key=BOOTSTRAP_KEY))
    drawn = generator.multinomial(pairs, np.full(pairs, 1 / pairs), size=RESAMPLES)
    errors = {}
    for name, metric in _metrics(tokenizer).items():
        counts = np.asarray(metric._extract_corpus_statistics(list(hypotheses), [list(references)]))
        scores = [metric._compute_score_from_stats(row).score for row in (drawn @ counts).tolist()]
        errors[name] = float(np.std(scores, ddof=1))
    return errors
