"""BLEU and chrF from sacrebleu: on raw, cased text with its own tokenisation (13a), from 0 to 100."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric


@cache
def _metrics() -> Mapping[str, Metric]:
    """Return the metrics whose scores and signatures this module reports."""
    from sacrebleu.metrics.bleu import BLEU  # Imported here, because the import takes 0.3 s.
    from sacrebleu.metrics.chrf import CHRF

    return {"bleu": BLEU(), "chrf": CHRF()}


def bleu_scores(hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Return BLEU (Papineni et al. 2002) and chrF (Popović 2015) of a corpus, from 0 to 100.

    Args:
        hypotheses: one translation for each reference.
        references: raw, cased text.

    >>> scores = bleu_scores(["A man rides a bicycle ."], ["A man rides a red bicycle ."])
    >>> {name: round(score, 1) for name, score in scores.items()}
    {'bleu': 51.2, 'chrf': 71.5}
    """
    return {
        name: float(metric.corpus_score(list(hypotheses), [list(references)]).score)
        for name, metric in _metrics().items()
    }


def bleu_signatures() -> dict[str, str]:
    """Return the signatures that identify the settings of both metrics in reports (Post 2018).

    >>> bleu_signatures()["bleu_signature"].split("|")[:2]
    ['nrefs:1', 'case:mixed']
    """
    signatures = {}
    for name, metric in _metrics().items():
        metric.corpus_score(["a"], [["a"]])  # The signature contains the number of references of the last score.
        signatures[f"{name}_signature"] = str(metric.get_signature())
    return signatures
