from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from seqbench.cli import table_files
from seqbench.cli.table_files import Line
from seqbench.utils.errors import SeqbenchError

LINES: list[Line] = [
    {"cell": "gru on copy, seed 0", "test": 1 / 3, "reason": None},
    {"cell": 'a "quoted", | name', "test": None, "seed": 7},
]


def test_csv_has_all_digits_and_empty_cells_for_unknown_values(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    table_files.write_table(LINES, path)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"cell": "gru on copy, seed 0", "test": repr(1 / 3), "reason": "", "seed": ""}
    assert rows[1] == {"cell": 'a "quoted", | name', "test": "", "reason": "", "seed": "7"}


def test_json_has_every_column_in_every_line(tmp_path: Path) -> None:
    path = tmp_path / "table.JSON"
    table_files.write_table(LINES, path)
    lines = json.loads(path.read_text())
    assert lines[0] == {"cell": "gru on copy, seed 0", "test": 1 / 3, "reason": None, "seed": None}


def test_markdown_is_a_table_whose_texts_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "table.md"
    table_files.write_table(LINES, path)
    head, rule, *body = path.read_text().splitlines()
    assert [cell.strip() for cell in head.strip("|").split("|")] == ["cell", "test", "reason", "seed"]
    assert rule.strip("| ").split(" | ")[1].strip().endswith(":")
    assert "0.3333" in body[0]
    assert "\\|" in body[1]


@pytest.mark.parametrize(
    ("name", "message"),
    [("t.xlsx", r"ends in \.csv, \.json, \.md"), ("missing/t.csv", "there is no folder"), ("d.csv", "is a folder")],
)
def test_a_path_that_cannot_be_written_is_refused_before_the_work(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(SeqbenchError, match=message):
        table_files.check_table_path(tmp_path / name, "--out")


def test_a_path_that_can_be_written_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "t.csv", Path("t.md")):
        table_files.check_table_path(path, "--out")
