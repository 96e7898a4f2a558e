"""Headers and columns of tables: every header is found, and no example is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbench.datamodules.sources.tables.table_columns import arrange_tables
from seqbench.datamodules.sources.tables.table_rows import read_table
from seqbench.utils.errors import SeqbenchError

BODY = "so good a film\t1\nso bad a plot\t0\nnot so bad\t1\n"


def arrange(*texts: str, ending: str = ".tsv") -> tuple[list[list[tuple[str, str]]], list[str]]:
    """Return the examples of each table, and all notes."""
    arranged = arrange_tables([read_table(f"{number}{ending}", text.encode()) for number, text in enumerate(texts)])
    examples = [[(text, label) for text, label, _ in one.examples()] for one in arranged]
    return examples, [note for one in arranged for note in one.notes]


EXAMPLES = arrange(BODY)[0][0]


@pytest.mark.parametrize(
    "header", ["text\tlabel", "review\tsentiment", '"text"\t"label"', "Review Text\tClass", "message\tstance", "x\ty"]
)
def test_a_header_is_found_and_said(header: str) -> None:
    examples, notes = arrange(f"{header}\n{BODY}", BODY)
    assert examples == [EXAMPLES, EXAMPLES]
    assert notes == [f"0.tsv, line 1 is read as a header: {header.replace(chr(9), ' | ')}"]


def test_the_usual_header_needs_no_note_and_an_index_is_not_read() -> None:
    assert arrange(f"sentence\tlabel\n{BODY}") == ([EXAMPLES], [])
    numbered = "".join(f"{number}\t{line}\n" for number, line in enumerate(BODY.splitlines()))
    examples, notes = arrange(f"idx\tsentence\tlabel\n{numbered}", numbered)
    assert examples == [EXAMPLES, EXAMPLES]
    assert "0.tsv: sentences are 'sentence' and labels 'label'; not read: idx" in notes


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_header_in_one_file_only_is_found(place: int) -> None:
    texts = ["text\tlabel\n" * (number == place) + BODY for number in range(3)]
    assert arrange(*texts)[0] == [EXAMPLES] * 3


@pytest.mark.parametrize(
    "first",
    [
        "so fine\t2",
        "an example of a rare class\tjoy",
        "word\t2",
        "a review that names a label\t1",
        "text\t1",
        "a class\t0",
        "1\tso good",
    ],
)
def test_a_first_example_is_not_hidden(first: str) -> None:
    text, _, label = first.partition("\t")
    assert arrange(f"{first}\n{BODY}") == ([[(text, label), *EXAMPLES]], [])


def test_a_class_may_have_the_name_of_a_column() -> None:
    body = "text\tlabel\nanother word\tlabel\na third\tclass\n"
    assert arrange(body)[0] == [[("text", "label"), ("another word", "label"), ("a third", "class")]]


def test_words_as_sentences_are_no_headers() -> None:
    body = "dog\tanimal\ncat\tpet\noak\ttree\nelm\ttree\nrat\tpet\n"
    assert arrange(body)[0][0][0] == ("dog", "animal")


def test_a_repeated_header_is_not_an_example() -> None:
    examples, notes = arrange(f"text\tlabel\n{BODY}text\tlabel\n{BODY}")
    assert examples == [EXAMPLES * 2]
    assert notes == ["0.tsv, line 1 is read as a header: text | label, and 1 more lines that equal it"]


WORD = st.text("abcdefghij", min_size=1, max_size=6)
SENTENCE = st.lists(WORD, min_size=3, max_size=8).map(" ".join)


@given(
    sentences=st.lists(SENTENCE, min_size=6, max_size=12),
    labels=st.sampled_from([("0", "1"), ("neg", "pos"), ("1", "2", "3")]),
    header=st.sampled_from(["text\tlabel", "review\tsentiment", "Tweet\tPolarity", "content\tcategory"]),
    headed=st.lists(st.booleans(), min_size=3, max_size=3),
    swapped=st.booleans(),
)
def test_headers_are_found_in_any_mixture_of_files(
    sentences: list[str], labels: tuple[str, ...], header: str, headed: list[bool], swapped: bool
) -> None:
    rows = [(sentence, labels[number % len(labels)]) for number, sentence in enumerate(sentences)]
    swapped = swapped and headed[0]  # Without names, the columns of a few rows cannot be told apart.
    lines = ["\t".join(row[::-1] if swapped else row) for row in [tuple(header.split("\t")), *rows]]
    texts = ["\n".join(lines if has else lines[1:]) for has in headed]
    examples, notes = arrange(*texts)
    assert examples == [rows] * 3
    assert sum("is read as a header" in note for note in notes) == sum(headed)


def test_a_first_column_with_few_values_is_the_label() -> None:
    body = "".join(f"{'pos' if n % 2 else 'neg'}\tthis is sentence {n}\n" for n in range(30))
    examples, notes = arrange(body)
    assert examples[0][0] == ("this is sentence 0", "neg")
    assert notes == ["0.tsv: the first column is read as the label, because it has few values"]
    assert arrange(f"label\tsentence\n{body}")[0] == examples


def test_many_columns_without_a_header_are_said() -> None:
    examples, notes = arrange("".join(f"{n}\tso good {n}\t{n % 2}\n" for n in range(4)))
    assert examples[0][1] == ("1\tso good 1", "1")
    assert notes[0].startswith("0.tsv: the last of 3 columns is read as the label, and all others as the sentence; add")


def test_csv_and_json_with_names_are_read_by_them() -> None:
    text = 'id,sentiment,review,url\n1,pos,"so good, really",x\n2,neg,bad,y\n'
    examples, notes = arrange(text, ending=".csv")
    assert examples == [[("so good, really", "pos"), ("bad", "neg")]]
    assert notes[-1] == "0.csv: sentences are 'review' and labels 'sentiment'; not read: id, url"
    json = '{"label": 1, "text": "so good", "id": 7}\n{"text": "bad", "label": 0}'
    assert arrange(json, ending=".jsonl") == (
        [[("so good", "1"), ("bad", "0")]],
        ["0.jsonl: sentences are 'text' and labels 'label'; not read: id"],
    )


@pytest.mark.parametrize(
    ("text", "ending", "message"),
    [
        ("index\tsentence\n0\tso good\n", ".tsv", "so it has no labels"),
        ("id\ttext\tlabel\n1\ta\tb\tc\n", ".tsv", r"0\.tsv, line 2 has 4 columns, but the header has 3"),
        ('{"premise": "a", "hypothesis": "b", "label": 1}', ".jsonl", "two columns with sentences"),
        ('{"a": "b", "label": 1, "c": 2}', ".jsonl", "names the columns a, label, c, of which none .* as the sentence"),
        ("id,text,stance\n1,a,b\n2,c,d\n", ".csv", "none is known as the label; rename the columns"),
    ],
)
def test_names_that_do_not_fit_are_refused(text: str, ending: str, message: str) -> None:
    with pytest.raises(SeqbenchError, match=message):
        arrange(text, ending=ending)
