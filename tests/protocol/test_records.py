from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from seqbench.protocol import records
from seqbench.utils.errors import SeqbenchError
from tests.record_data import changed_record, complete_record

LEADERBOARDS = Path(__file__).parents[2] / "leaderboards"
RECORD = complete_record(measured={"seconds": 1.5})
WHOLE = RECORD.to_dict()


def test_a_record_reads_back_as_written(tmp_path: Path) -> None:
    path = RECORD.write(tmp_path)
    assert records.read_record(path) == RECORD
    assert records.read_record(tmp_path) == RECORD
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_a_record_that_cannot_be_built_leaves_the_earlier_one(tmp_path: Path) -> None:
    RECORD.write(tmp_path)
    with pytest.raises(SeqbenchError, match=r"record\.measured\.seconds is nan"):
        complete_record(measured={"seconds": float("nan")}).write(tmp_path)
    assert records.read_record(tmp_path) == RECORD
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "not a readable record"),
        ("{", "not a readable record"),
        ("[]", "is not a record"),
        ('{"results": {}, "measured": {}}', "is not a record"),
        ('{"results": {}, "measured": {"seconds": NaN}, "config": {}, "schema": 1}', "not a readable record"),
        ('{"results": {"status": "ok"}, "measured": {}, "config": {}, "schema": 99}', "has schema 99"),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), "not a readable record"),
    ],
)
def test_a_broken_record_is_refused_in_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "result.json").write_text(text, encoding="utf-8")
    with pytest.raises(SeqbenchError, match=sentence):
        records.read_record(tmp_path)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("extra", 1, "it has the unknown key 'extra'"),
        ("results.statuss", "ok", "results has the unknown key 'statuss'. Did you mean 'status'?"),
        ("config.architecture.klass", "x", "config.architecture has the unknown key 'klass'. Did you mean 'class'?"),
        ("results.status", "fine", "results.status must be 'ok', 'diverged'"),
        ("results.curves.train", {"loss": [1.0, "x"]}, "results.curves.train.loss[1] must be a finite number, got 'x'"),
        ("results.metrics", {"test": {"loss": {"value": 1.0}}}, "results.metrics.test.loss lacks the key 'chance'"),
        ("results.metrics", {"tset": {}}, "results.metrics has the unknown key 'tset'. Did you mean 'test'?"),
        ("config.seed", True, "config.seed must be a whole number, got True"),
        ("config.seed", 1.0, "config.seed must be a whole number, got 1.0"),
        ("config.seed", 2**70, "config.seed must be a whole number of at most 64 bits"),
        ("config.modified", "task.delay", "config.modified must be a list, got 'task.delay'"),
        ("config.options.arch", [], "config.options.arch must be a mapping of keys to values, got []"),
        ("config.tuning", {"seed": 1}, "config.tuning lacks the key 'split'"),
        ("measured.wandb", "abc", "measured.wandb must be a mapping of keys to values, got 'abc'"),
        ("checksum", 5, "checksum must be text, got 5"),
    ],
)
def test_a_wrong_value_is_named_by_its_place(path: str, value: object, sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=re.escape(sentence)) as caught:
        changed_record(RECORD, path, value)
    assert str(caught.value).startswith("the record")


@pytest.mark.parametrize("place", ["sample", "curves"])
def test_a_value_that_no_record_can_hold_is_refused_on_reading(tmp_path: Path, place: str) -> None:
    whole = json.dumps({**WHOLE, "results": {**RECORD.results.to_dict(), place: {"train": {"loss": ["VALUE"]}}}})
    for value in ("1e999", r'"\ud800"', "[" * 150 + "]" * 150, "[" * 100_000, "9" * 5000, "9" * 400):
        (tmp_path / "result.json").write_text(whole.replace('"VALUE"', value))
        with pytest.raises(SeqbenchError):
            records.read_record(tmp_path)


def test_a_number_stays_whole_or_a_float(tmp_path: Path) -> None:
    figures = {"best": 500, "chance": 0, "value": 500.0}
    record = complete_record({"metrics": {"test": {"solved_length": figures}}})
    assert '"value": 500.0' in record.to_json()
    assert '"best": 500,' in record.to_json()
    path = record.write(tmp_path)
    assert records.read_record(path).to_json() == path.read_text()


@pytest.mark.parametrize("path", sorted(LEADERBOARDS.glob("*/results/**/*.json")), ids=lambda path: path.name)
def test_a_committed_record_is_written_again_byte_for_byte(path: Path) -> None:
    record = records.read_record(path)
    assert record.intact()
    assert record.to_json() == path.read_text(encoding="utf-8")


@pytest.mark.timeout(20)
def test_a_record_that_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "result.json")
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(SeqbenchError, match="not a regular file"):
            records.read_record(path)
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 2**40)
    with pytest.raises(SeqbenchError, match="has more than 64 MiB"):
        records.read_record(tmp_path / "large")


def test_a_missing_record_is_reported_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match="no record at"):
        records.read_record(tmp_path)


def test_a_record_that_was_edited_is_not_intact(tmp_path: Path) -> None:
    record = complete_record({"sample": "To be"}, {"seconds": 1.5}, {"git_commit": "é"})
    path = record.write(tmp_path)
    assert records.read_record(path).intact()
    assert records.read_record(path).without_sample().intact()
    assert "sample" not in records.read_record(path).without_sample().results.to_dict()
    text = path.read_text(encoding="utf-8")
    for old, new in (('"ok"', '"failed"'), ("1.5", "1.4"), ("é", "e")):
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        assert not records.read_record(path).intact(), (old, new)
    path.write_text("\n".join(line for line in text.splitlines() if "checksum" not in line), encoding="utf-8")
    assert not records.read_record(path).intact()
