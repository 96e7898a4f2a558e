"""Rows of tables in each form, and lines that do not fit."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbench.datamodules.sources.tables.table_rows import DELIMITERS, read_table
from seqbench.utils.errors import SeqbenchError


def rows(name: str, text: str) -> list[tuple[tuple[str, ...], int]]:
    return [(row.fields, row.line) for row in read_table(name, text.encode()).rows]


def test_each_form_is_recognised() -> None:
    for name, text, form in (
        ("a.tsv", "so good\t1\n\nbad\t0", "tabs"),
        ("a.txt", "so good\t1\nbad\t0", "tabs"),
        ("a.csv", "so good\t1\nbad\t0", "tabs"),
        ("a.csv", '"so, good",1\nbad,0', "csv"),
        ("a.csv", "so good;1\nbad;0", "csv"),
        ("a.txt", "text,label\nso good,1\nbad,0", "csv"),
        ("a.txt", '"so good",1\nbad,0\n' * 10, "csv"),
        ("a.txt", "1 good, or not\n0 bad, not good\n" * 10, "blanks"),
        ("a.txt", "1 good, bad\n0 bad\n" * 10, "blanks"),
        ("a.jsonl", '{"text": "so good", "label": 1}\n{"text": "bad", "label": 0}', "json"),
        ("a.json", '[{"text": "so good", "label": 1}, {"text": "bad", "label": 0}]', "json"),
        ("a.txt", '{"text": "so good", "label": 1}\n{"text": "bad", "label": 0}', "json"),
        ("a.txt", "1 so good\n0 bad", "blanks"),
        ("a.txt", "1 good, or not\n0 bad, or not", "blanks"),
    ):
        assert (read_table(name, text.encode()).form, name) == (form, name)


def test_rows_have_the_number_of_their_first_line() -> None:
    assert rows("a.tsv", "so good\t1\r\n\r\nbad\t0\r\n") == [(("so good", "1"), 1), (("bad", "0"), 3)]
    assert rows("a.csv", 'a,1\n\n"b\nc",0\nd,1\n') == [(("a", "1"), 1), (("b c", "0"), 3), (("d", "1"), 5)]


def test_a_csv_file_with_another_name_is_said() -> None:
    assert read_table("in/a.txt", b"text;label\ngood;1").notes == (
        "a.txt is read as CSV, because its lines have the form of CSV",
    )
    assert read_table("in/a.csv", b"text;label\ngood;1").notes == ()


def test_a_table_whose_fields_are_all_quoted_loses_its_quotation_marks() -> None:
    table = read_table("a.tsv", b'"text"\t"label"\n"so ""good"""\t"1"\n')
    assert [row.fields for row in table.rows] == [("text", "label"), ('so "good"', "1")]
    assert table.notes == ("a.tsv: quotation marks removed",)
    assert rows("a.tsv", '"so" good\t1\n') == [(('"so" good', "1"), 1)]


def test_json_values_become_texts() -> None:
    assert rows("a.jsonl", '{"t": "a\\nb", "l": true}\n{"t": "c", "l": null}') == [(("a b", "true"), 1), (("c", ""), 2)]


def test_a_csv_field_may_be_longer_than_the_limit_of_the_library() -> None:
    limit = csv.field_size_limit()
    assert len(rows("a.csv", f"{'word ' * 40_000},1\n")[0][0][0]) == 199_999
    assert csv.field_size_limit() == limit


FIELD = st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), min_size=1).map(str.strip)


@given(
    table=st.lists(st.tuples(FIELD.filter(bool), FIELD.filter(bool)), min_size=1, max_size=6),
    delimiter=st.sampled_from(DELIMITERS),
)
def test_every_csv_table_with_a_header_is_read_as_it_was_written(table: list[tuple[str, str]], delimiter: str) -> None:
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows([("text", "label"), *table])
    assert [fields for fields, _ in rows("a.csv", written.getvalue())] == [("text", "label"), *table]
    lines = "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in table)
    assert [fields for fields, _ in rows("a.jsonl", lines)] == table


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.csv",
            "a,1\nb, c,0\n",
            r"a\.csv, line 2 has 3 fields between ',', but the first row has 2; put quotation marks",
        ),
        ("a.csv", 'a,1\n"b,0\nc,1\n', r"a\.csv, line 2: the quotation marks .* not those of CSV"),
        ("a.jsonl", '{"a": 1}\n{"a": \n', r"a\.jsonl, line 2 is not valid JSON"),
        ("a.json", "[1, 2]", r"a\.json, entry 1 is int; expected objects such as"),
        ("a.json", "{]", "is not valid JSON"),
    ],
)
def test_a_row_that_does_not_fit_is_named(name: str, text: str, message: str) -> None:
    with pytest.raises(SeqbenchError, match=message):
        read_table(name, text.encode())
