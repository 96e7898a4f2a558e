"""BLEU and chrF as sacrebleu computes them: on raw, cased text, its own tokenisation (13a), 0 to 100."""

from __future__ import annotations

from collections.abc import Sequence


def bleu_scores(hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Both of a corpus.

    Args:
        hypotheses: one for each reference.
        references: raw text.
    """
    from sacrebleu.metrics import BLEU, CHRF  # 0.3 s: only where something is judged.

    pair = (list(hypotheses), [list(references)])
    return {"bleu": BLEU().corpus_score(*pair).score, "chrf": CHRF().corpus_score(*pair).score}


def bleu_signatures() -> dict[str, str]:
    """What names the two settings wherever they are reported (Post 2018)."""
    from sacrebleu.metrics import BLEU, CHRF

    found = {}
    for name, metric in (("bleu_signature", BLEU()), ("chrf_signature", CHRF())):
        metric.corpus_score(["a"], [["a"]])  # A signature counts references, so it wants to have seen one.
        found[name] = str(metric.get_signature())
    return found
