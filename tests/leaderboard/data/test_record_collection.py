from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from seqbench.leaderboard.data import record_collection
from seqbench.leaderboard.data.checked_records import CheckedRecord
from seqbench.leaderboard.data.record_collection import ExcludedRecord, check_record, collect_records
from seqbench.utils.errors import SeqbenchError
from tests.leaderboard.kit import example_record, write_records


def origins(*places: Path, named: bool = False) -> list[str]:
    return [item.origin for item in collect_records(places, named)]


def test_a_run_folder_gives_its_record_and_other_folders_give_each_json_file(tmp_path: Path) -> None:
    example_record().write(tmp_path / "runs" / "b")
    example_record().write(tmp_path / "runs" / "b", "other.json")
    example_record().write(tmp_path / "runs" / "b" / "samples", "sample.json")
    example_record().write(tmp_path / "runs" / "a", "one.json")
    example_record().write(tmp_path / "runs" / "a", "two.json")
    (tmp_path / "runs" / "a" / "notes.txt").write_text("no record")
    assert origins(tmp_path / "runs") == ["a/one.json", "a/two.json", "b/result.json"]


@pytest.mark.parametrize("name", ["checkpoints", "wandb", "slurm", ".hidden"])
def test_folders_that_hold_no_record_are_skipped(tmp_path: Path, name: str) -> None:
    example_record().write(tmp_path / name)
    assert origins(tmp_path) == []


def test_origins_are_relative_to_the_place_unless_they_are_named(tmp_path: Path) -> None:
    path = example_record().write(tmp_path / "runs")
    assert origins(tmp_path) == ["runs/result.json"]
    assert origins(path) == ["result.json"]
    assert origins(tmp_path, path, named=True) == [path.as_posix(), path.as_posix()]


def test_a_missing_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match="there is no "):
        origins(tmp_path / "missing")


def test_files_that_are_not_valid_records_are_excluded_with_the_reason(tmp_path: Path) -> None:
    write_records(tmp_path / "runs", example_record())
    record = json.loads(example_record(seed=1).to_json())
    for name, text in {
        "half": '{"results": {"sta',
        "newer": json.dumps({**record, "schema": 2}),
        "edited": json.dumps(record).replace("0.9", "0.99"),
        "old": json.dumps({key: value for key, value in record.items() if key != "checksum"}),
        "list": "[]",
        "number": json.dumps({**record, "config": {**record["config"], "seed": "one"}}),
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(text)
    items = list(collect_records([tmp_path]))
    reasons = {item.origin.partition("/")[0]: item.reason for item in items if isinstance(item, ExcludedRecord)}
    assert len(items) == 7
    assert "it is not a readable record" in reasons["half"]
    assert "schema 2" in reasons["newer"]
    assert "it was edited after it was written" in reasons["edited"]
    assert "it has no checksum" in reasons["old"]
    assert "it is not a record" in reasons["list"]
    assert "config.seed must be a whole number, got 'one'" in reasons["number"]
    assert not any(str(tmp_path) in reason for reason in reasons.values())


def test_an_error_gives_an_excluded_record_with_one_short_line() -> None:
    item = check_record(SeqbenchError("two\nlines; " + "x" * 999), "here")
    assert isinstance(item, ExcludedRecord)
    assert item.reason.startswith("two lines; x")
    assert len(item.reason) <= record_collection.MOST_REASON


def test_several_processes_collect_the_same_records(tmp_path: Path) -> None:
    folder = write_records(tmp_path, *(example_record(seed=seed) for seed in range(3)))
    assert all(isinstance(item, CheckedRecord) for item in collect_records([folder]))
    # In a new process, because only one without threads may fork.
    script = (
        "import sys; from pathlib import Path; from seqbench.leaderboard.data import record_collection as c;"
        "c.MANY = 1; alone, parallel = (list(c.collect_records([Path(sys.argv[1])], workers=n)) for n in (1, 2));"
        "print(len(parallel), parallel == alone)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "True"]
