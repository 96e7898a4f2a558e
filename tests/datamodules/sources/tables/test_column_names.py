"""Names of the columns of sentences and labels."""

from __future__ import annotations

import pytest

from seqbench.datamodules.sources.tables.column_names import find_columns, is_name, require_one_text
from seqbench.utils.errors import SeqbenchError


@pytest.mark.parametrize(
    ("names", "places"),
    [
        (["text", "label"], (0, 1)),
        (["label", "text"], (1, 0)),
        (["review", "sentiment"], (0, 1)),
        (['"Review"', '"Sentiment"'], (0, 1)),
        (["idx", "sentence", "label"], (1, 2)),
        (["text", "label", "label_text"], (0, 1)),
        (["Class Index", "Title", "Description"], (1, 0)),
        (["Sentiment", "SentimentText"], (1, 0)),
        (["id", "tweet_id", "text", "airline_sentiment"], (2, 3)),
        (["review_id", "stars"], (None, 1)),
        (["a b c", "d"], (None, None)),
        (["sentence", "sentence_label"], (0, 1)),
    ],
)
def test_the_columns_of_usual_tables_are_found(names: list[str], places: tuple[int | None, int | None]) -> None:
    assert find_columns(names) == places


def test_a_sentence_is_not_the_name_of_a_column() -> None:
    assert [is_name(field) for field in ("label", "Review Text", "a label", "good", "1", "")] == [
        *(True, True),
        *(False,) * 4,
    ]


@pytest.mark.parametrize("names", [["sentence1", "sentence2", "label"], ["premise", "hypothesis", "label"]])
def test_two_sentences_in_a_row_are_refused(names: list[str]) -> None:
    with pytest.raises(SeqbenchError, match="two columns with sentences"):
        require_one_text("a.tsv, line 1", names)
    require_one_text("a.tsv, line 1", names[1:])
