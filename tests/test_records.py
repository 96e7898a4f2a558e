from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbench import records
from seqbench.errors import SeqbenchError
from seqbench.records import Record

RECORD = Record(results={"status": "ok"}, measured={"seconds": 1.5}, config={"seed": 0})

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


def test_a_record_reads_back_as_written(tmp_path: Path) -> None:
    path = RECORD.write(tmp_path)
    assert records.read(path) == RECORD
    assert records.read(tmp_path) == RECORD
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


@given(plain)
def test_any_plain_data_survives(data: Any) -> None:
    assert json.loads(records.to_json(data)) == data


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (float("nan"), "record.a[1] is nan"),
        (float("inf"), "record.a[1] is inf"),
        (test_any_plain_data_survives, "record.a[1] is a function"),
        ({1: 2}, "record.a[1] has the key 1"),
        (Path("x"), "record.a[1] is a"),
        ("a\ud800", "record.a[1] is the text 'a\\ud800', with half of a character"),
        ({"\udcff": 1}, "record.a[1] has the key '\\udcff'"),
        (2**1024, "record.a[1] is a whole number of 1025 bits"),
        ({10**5000: 1}, "record.a[1] has the key something of type int"),
    ],
)
def test_what_is_no_plain_data_is_refused_by_its_place(value: Any, where: str) -> None:
    with pytest.raises(SeqbenchError) as caught:
        records.to_json({"a": [0, value]})
    assert where in str(caught.value)


def test_a_refused_record_leaves_the_earlier_one(tmp_path: Path) -> None:
    RECORD.write(tmp_path)
    with pytest.raises(SeqbenchError):
        Record({"status": "ok"}, {"seconds": float("nan")}, {}).write(tmp_path)
    assert records.read(tmp_path) == RECORD
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_a_failed_write_leaves_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RECORD.write(tmp_path)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(records.os, "fsync", full)
    with pytest.raises(SeqbenchError, match="No space left"):
        RECORD.write(tmp_path)
    assert records.read(tmp_path) == RECORD
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "not a readable record"),
        ("{", "not a readable record"),
        ("[]", "is not a record"),
        ('{"results": {}, "measured": {}}', "is not a record"),
        ('{"results": {"status": "ok"}, "measured": {"x": NaN}, "config": {}, "schema": 1}', "NaN is not strict JSON"),
        ('{"results": {"status": "ok"}, "measured": {}, "config": {}, "schema": 99}', "has schema 99"),
        ('{"results": {"status": "fine"}, "measured": {}, "config": {}, "schema": 1}', "status must be one of"),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), "not a readable record"),
    ],
)
def test_a_broken_record_is_refused_in_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "result.json").write_text(text, encoding="utf-8")
    with pytest.raises(SeqbenchError, match=sentence):
        records.read(tmp_path)


def test_what_no_record_could_hold_is_refused_where_it_is_read(tmp_path: Path) -> None:
    for value, sentence in (
        ("1e999", "a is inf, which JSON cannot hold"),
        (r'"\ud800"', "half of a character"),
        ("[" * 300 + "]" * 300, "nested more than 100 levels"),
        ("[" * 100_000, "nested more than 100 levels"),
        ("9" * 5000, "not a readable record"),
        ("9" * 400, "is a whole number of 1329 bits"),
    ):
        text = f'{{"results": {{"status": "ok", "a": {value}}}, "measured": {{}}, "config": {{}}, "schema": 1}}'
        (tmp_path / "result.json").write_text(text)
        with pytest.raises(SeqbenchError, match=sentence):
            records.read(tmp_path)


@pytest.mark.timeout(20)
def test_a_record_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "result.json")
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(SeqbenchError, match="no regular file"):
            records.read(path)
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 2**40)
    with pytest.raises(SeqbenchError, match="has more than 64 MiB"):
        records.read(tmp_path / "large")


def test_plain_data_that_holds_itself_is_refused() -> None:
    data: dict[str, Any] = {}
    data["again"] = [data]
    with pytest.raises(SeqbenchError, match="nested more than 100 levels"):
        records.to_json(data)


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match="no record at"):
        records.read(tmp_path)
