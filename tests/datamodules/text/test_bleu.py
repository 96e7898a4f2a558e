"""BLEU and chrF on cased text, compared with direct calls of sacrebleu."""

from __future__ import annotations

import pytest
import sacrebleu

from seqbench.datamodules.text.bleu import bleu_scores, bleu_signatures

REFERENCES = [
    "Ein Mann fährt mit dem Fahrrad nach Berlin.",
    "Zwei Hunde spielen im Schnee.",
    "Die Frau liest ein Buch.",
]
HYPOTHESES = [
    "ein Mann fährt mit dem fahrrad nach berlin.",
    "Zwei Hunde spielen im schnee.",
    "Die Frau kauft ein Buch.",
]


def test_scores_are_those_of_sacrebleu_on_cased_text() -> None:
    scores = bleu_scores(HYPOTHESES, REFERENCES)
    assert scores["bleu"] == pytest.approx(sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES]).score)
    assert scores["chrf"] == pytest.approx(sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES]).score)


def test_scores_depend_on_upper_and_lower_case() -> None:
    lowered = [line.lower() for line in HYPOTHESES], [line.lower() for line in REFERENCES]
    cased, uncased = bleu_scores(HYPOTHESES, REFERENCES), bleu_scores(*lowered)
    assert cased["bleu"] < uncased["bleu"] - 10
    assert cased["chrf"] < uncased["chrf"]


def test_identical_text_scores_one_hundred() -> None:
    assert bleu_scores(REFERENCES, REFERENCES) == pytest.approx({"bleu": 100, "chrf": 100})


def test_the_signatures_are_those_of_the_scores() -> None:
    bleu_scores(HYPOTHESES, REFERENCES)
    assert bleu_signatures() == {
        "bleu_signature": f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{sacrebleu.__version__}",
        "chrf_signature": f"nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:{sacrebleu.__version__}",
    }
