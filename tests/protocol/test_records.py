from __future__ import annotations

import os
from pathlib import Path

import pytest

from seqbench.protocol import records
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError

RECORD = Record(results={"status": "ok"}, measured={"seconds": 1.5}, config={"seed": 0})


def test_a_record_reads_back_as_written(tmp_path: Path) -> None:
    path = RECORD.write(tmp_path)
    assert records.read_record(path) == RECORD
    assert records.read_record(tmp_path) == RECORD
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_a_refused_record_leaves_the_earlier_one(tmp_path: Path) -> None:
    RECORD.write(tmp_path)
    with pytest.raises(SeqbenchError):
        Record({"status": "ok"}, {"seconds": float("nan")}, {}).write(tmp_path)
    assert records.read_record(tmp_path) == RECORD
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
        records.read_record(tmp_path)


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
            records.read_record(tmp_path)


@pytest.mark.timeout(20)
def test_a_record_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "result.json")
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(SeqbenchError, match="no regular file"):
            records.read_record(path)
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 2**40)
    with pytest.raises(SeqbenchError, match="has more than 64 MiB"):
        records.read_record(tmp_path / "large")


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match="no record at"):
        records.read_record(tmp_path)


def test_a_record_that_was_edited_is_not_intact(tmp_path: Path) -> None:
    path = Record({"status": "ok", "value": 0.5, "sample": "To be"}, {"seconds": 1.5}, {"name": "é"}).write(tmp_path)
    assert records.read_record(path).intact()
    assert records.read_record(path).without_sample().intact()
    assert "sample" not in records.read_record(path).without_sample().results
    text = path.read_text(encoding="utf-8")
    for old, new in (("0.5", "0.6"), ("1.5", "1.4"), ("é", "e")):
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        assert not records.read_record(path).intact(), (old, new)
    path.write_text("\n".join(line for line in text.splitlines() if "checksum" not in line), encoding="utf-8")
    assert not records.read_record(path).intact()
