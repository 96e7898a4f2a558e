"""Names of columns in tables of labelled sentences: which one names the sentence, and which one the label."""

from __future__ import annotations

import re
from collections.abc import Sequence

from seqbench.utils.errors import SeqbenchError

TEXTS = tuple(
    re.findall(
        "[a-z]+",
        "sentence text review tweet document content body comment message phrase utterance post question headline "
        "title description abstract input string sms snippet passage",
    )
)
LABELS = tuple(
    re.findall(
        "[a-z]+",
        "label class sentiment category target polarity rating stars star score intent emotion topic tag gold y output "
        "labels classes",
    )
)
"""Words in the names of columns; of several columns, the one whose word is earliest is read."""

_NUMBERS = ["index", "idx", "id", "no", "nr", "number", "row"]
_PAIRS = ({"premise", "hypothesis"}, {"question", "answer"}, {"question", "passage"}, {"query", "document"})
"""Names of two columns that belong together, so that reading one of them would be wrong."""


def find_columns(names: Sequence[str]) -> tuple[int | None, int | None]:
    """Return the places of the sentence and of the label among the names of columns; None where no name fits.

    >>> find_columns(["idx", "Sentence", "label"]), find_columns(["sentiment", "SentimentText"])
    ((1, 2), (1, 0))
    >>> find_columns(["so good", "1"])
    (None, None)
    """
    # Two words with a blank are a name only if both are known: "a class" is a sentence, "sentiment_class" is a name.
    words = [column_words(name) if " " not in name.strip() or is_name(name) else [] for name in names]
    text = _first_exact(words, TEXTS)
    label = _first_exact(words, LABELS)
    if text is None:
        text = _first_containing(words, TEXTS, label)
    if label is None:
        label = _first_containing(words, LABELS, text)
    return text, label


def is_name(field: str) -> bool:
    """Return whether a field is the name of a column: of the sentence, the label or the number of a row.

    >>> is_name('"Review text"'), is_name("a good review")
    (True, False)
    """
    words = column_words(field)
    return 0 < len(words) <= 2 and all(word in (*TEXTS, *LABELS, *_NUMBERS) for word in words)


def require_one_text(place: str, names: Sequence[str]) -> None:
    """Check that the columns do not hold two sentences that belong together.

    Raises:
        SeqbenchError: they do.
    """
    words = [column_words(name) for name in names]
    single = [one[0] for one in words if len(one) == 1]
    twice = next((word for word in TEXTS if single.count(word) > 1), None)
    pair = next((sorted(pair) for pair in _PAIRS if pair <= set(single)), None)
    if twice or pair:
        both = pair or [name for name, one in zip(names, words, strict=True) if one == [twice]]
        raise SeqbenchError(
            f"{place} has two columns with sentences ({' and '.join(both)}), but this task reads one sentence; write a "
            f"file with the columns sentence and label."
        )


def column_words(name: str) -> list[str]:
    """Return the words of a name in small letters, without numbers and quotation marks."""
    return re.findall("[a-z]+", re.sub("([a-z])([A-Z])", r"\1 \2", name[:60]).lower())


def _first_exact(words: list[list[str]], known: Sequence[str]) -> int | None:
    return next((words.index([word]) for word in known if [word] in words), None)


def _first_containing(words: list[list[str]], known: Sequence[str], taken: int | None) -> int | None:
    """Return the place of the first name of two or three words that contains a known one, except ``taken``."""
    places = [place for place, one in enumerate(words) if place != taken and 1 < len(one) <= 3 and "id" not in one]
    return next((place for word in known for place in places if word in words[place]), None)
