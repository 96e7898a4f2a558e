"""BLEU and chrF on cased text, compared with direct calls of sacrebleu."""

from __future__ import annotations

import numpy as np
import pytest
import sacrebleu

from seqbench.datamodules.text.bleu import (
    bleu_group_influences,
    bleu_scores,
    bleu_signatures,
    bleu_standard_errors,
    choose_tokenizer,
)

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


@pytest.mark.parametrize(
    ("language", "tokenizer"),
    [
        *[("de", "13a"), ("en", "13a"), ("ru", "13a"), ("target", "13a"), ("", "13a")],
        *[("zh", "zh"), ("zh-CN", "zh"), ("zh_Hans", "zh"), ("cmn", "zh"), ("Chinese", "zh")],
        *[("ja", "char"), ("jpn", "char"), ("ko", "char"), ("th", "char"), ("km", "char"), ("my", "char")],
    ],
)
def test_the_tokenizer_follows_the_target_language(language: str, tokenizer: str) -> None:
    assert choose_tokenizer(language, REFERENCES) == tokenizer


@pytest.mark.parametrize(
    ("reference", "tokenizer"),
    [
        ("一个男人骑自行车去 Berlin。", "zh"),
        ("男の人が自転車に乗っています。", "char"),
        ("ผู้ชายขี่จักรยาน", "char"),
        ("남자가 자전거를 탄다.", "char"),
        ("Ein Mann liest ein Buch über 北京.", "13a"),
        ("Мужчина едет на велосипеде.", "13a"),
        ("123 + 456", "13a"),
    ],
)
def test_the_script_decides_where_the_language_has_no_known_code(reference: str, tokenizer: str) -> None:
    assert choose_tokenizer("target", [reference]) == tokenizer


def test_a_sentence_without_spaces_is_not_one_token() -> None:
    references = ["一个男人骑着自行车去北京。", "两只狗在雪地里玩耍。"]
    hypotheses = ["一个男人骑着自行车去南京。", "两只狗在雪地里玩耍。"]
    tokenizer = choose_tokenizer("zh", references)
    scores = bleu_scores(hypotheses, references, tokenizer)
    assert scores["bleu"] == pytest.approx(sacrebleu.corpus_bleu(hypotheses, [references], tokenize="zh").score)
    assert scores["bleu"] > 80
    assert bleu_scores(hypotheses[:1], references[:1])["bleu"] == 0  # With 13a.
    assert "tok:zh" in bleu_signatures(tokenizer)["bleu_signature"]


def test_standard_errors_are_those_of_corpora_that_are_drawn_and_scored_one_by_one() -> None:
    generator = np.random.default_rng(0)
    words = np.array(["der", "Mann", "die", "Frau", "ein", "Hund", "liest", "spielt", "im", "Garten", "Haus", "Buch"])
    references = [" ".join(generator.choice(words, 8)) for _ in range(60)]
    hypotheses = [
        " ".join(generator.choice(words) if generator.random() < 0.3 else word for word in line.split())
        for line in references
    ]
    drawn: dict[str, list[float]] = {"bleu": [], "chrf": []}
    for _ in range(200):
        places = generator.integers(60, size=60)
        scores = bleu_scores([hypotheses[i] for i in places], [references[i] for i in places])
        for name, value in scores.items():
            drawn[name].append(value)
    errors = bleu_standard_errors(hypotheses, references)
    for name, values in drawn.items():
        assert errors[name] == pytest.approx(np.std(values), rel=0.2)
    assert bleu_standard_errors(hypotheses, references) == errors
    assert bleu_standard_errors(hypotheses[:1], references[:1]) == {}


def test_a_group_of_pairs_moves_the_scores_as_leaving_it_out_does() -> None:
    references, hypotheses = REFERENCES * 4, [*HYPOTHESES, *REFERENCES, *HYPOTHESES, *REFERENCES]
    moved = bleu_group_influences(hypotheses, references, groups=5)
    for name, values in moved.items():
        without = [
            bleu_scores(
                [text for place, text in enumerate(hypotheses) if place % 5 != group],
                [text for place, text in enumerate(references) if place % 5 != group],
            )[name]
            for group in range(5)
        ]
        assert values == pytest.approx([0.8 * (np.mean(without) - score) for score in without])
    assert bleu_group_influences(hypotheses[:4], references[:4], groups=5) == {}
