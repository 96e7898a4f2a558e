"""A board as CSV: one line for each seed, readable by pandas, and without formulas for a spreadsheet."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.data.board_card import COLUMNS
from seqbench.leaderboard.pages import csv_table
from tests.leaderboard.kit import board_data, example_board, example_record, task_data, write_records

FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "\n-1", "\u200b=1"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> BoardData:
    folder = tmp_path_factory.mktemp("runs")
    records = [example_record("copy", "gru", seed, 0.9 + seed / 30) for seed in range(3)]
    records += [example_record("copy", 'my,"net"\nx', seed, 1.0) for seed in (0, 1)]
    records.append(example_record("copy", 'my,"net"\nx', 2, status="diverged", reason="=nan()"))
    records.append(example_record("parity", "gru", 1, 0.75))
    excused = [{"architecture": "bigru", "task": "copy", "reason": "it looks ahead"}]
    return board_data(example_board(not_applicable=excused), write_records(folder, *records))


def read_lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_each_seed_has_a_line_with_all_digits(data: BoardData) -> None:
    text = csv_table.render_csv(data)
    assert text.splitlines()[0].split(",") == list(csv_table.NAMES)
    assert len(set(csv_table.NAMES)) == len(csv_table.NAMES)
    assert set(COLUMNS) < set(csv_table.NAMES)
    gru = [line for line in read_lines(text) if (line["task"], line["label"]) == ("copy", "gru")]
    assert [line["seed"] for line in gru] == ["0", "1", "2"]
    assert [float(line["value"]) for line in gru] == [0.9 + seed / 30 for seed in range(3)]
    row = next(row for row in data.tasks[0].rows if row.label == "gru")
    for line, seed in zip(gru, row.seeds, strict=True):
        assert float(line["score"]) == seed.score
        assert (line["record"], line["checksum"], line["status"]) == (seed.record, seed.checksum, "ok")
        assert float(line["half_width"]) == row.half_width
        assert (line["mean"], line["above_chance"], line["solved"]) == (repr(row.mean), "true", "0")
        assert (line["tier"], line["metric"], line["direction"]) == ("small", "accuracy", "max")
        assert (line["parameters"], line["seconds"], line["distribution"]) == ("100000", "61.0", "seqbench 0.1.0")
        assert (line["chance"], line["best"], line["anchor"], line["rank"]) == ("0.125", "1.0", "", "1")


def test_rows_without_a_rank_have_lines_with_the_reason(data: BoardData) -> None:
    lines = read_lines(csv_table.render_csv(data))
    (bigru,) = (line for line in lines if line["label"] == "bigru")
    assert [bigru[key] for key in ("state", "reason", "seed", "value")] == ["not applicable", "it looks ahead", "", ""]
    parity = [line for line in lines if (line["task"], line["label"]) == ("parity", "gru")]
    assert [(line["seed"], line["state"], line["status"], line["reason"], line["rank"]) for line in parity] == [
        ("0", "incomplete", "missing", "no record", ""),
        ("1", "incomplete", "ok", "", ""),
        ("2", "incomplete", "missing", "no record", ""),
    ]
    (missing,) = (line for line in lines if line["state"] == "missing")
    assert (missing["task"], missing["label"], missing["mean"]) == ("parity", 'my,"net" x', "")


def test_a_diverged_seed_has_the_chance_score_and_an_inert_reason(data: BoardData) -> None:
    (line,) = (line for line in read_lines(csv_table.render_csv(data)) if line["status"] == "diverged")
    assert [line[key] for key in ("seed", "value", "score", "reason")] == ["2", "0.125", "0.0", "'=nan()"]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula(text: str, data: BoardData) -> None:
    task = data.tasks[0]
    row = task.rows[0]
    row = replace(
        row,
        label=text,
        architecture=text,
        reason=text,
        costs={**row.costs, "device": text, "distribution": text},
        seeds=[replace(seed, reason=text, record=text) for seed in row.seeds],
    )
    table = csv_table.render_csv(replace(data, tasks=[replace(task, task=text, rows=[row])]))
    for line in read_lines(table):
        for cell in line.values():
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", " ", "＝"))
    assert table.count("\n") == 1 + len(row.seeds)


def test_negative_numbers_stay_numbers(data: BoardData) -> None:
    task = replace(data.tasks[0], chance=-1.5e-7)
    (line, *_) = read_lines(csv_table.render_csv(replace(data, tasks=[task])))
    assert line["chance"] == "-1.5e-07"


def test_the_rows_as_data_equal_the_table(data: BoardData) -> None:
    names, rows = csv_table.csv_rows(data)
    assert len(rows) == len(read_lines(csv_table.render_csv(data)))
    assert all(set(row) <= set(names) for row in rows)
    assert rows[0]["value"] == data.tasks[0].rows[0].seeds[0].value


def test_equal_data_give_equal_bytes_with_unix_line_ends(data: BoardData) -> None:
    table = csv_table.render_csv(data)
    assert table == csv_table.render_csv(data)
    assert table.endswith("\n")
    assert "\r" not in table


def test_a_board_without_tasks_has_only_the_header(data: BoardData) -> None:
    assert csv_table.render_csv(replace(data, tasks=[])) == ",".join(csv_table.NAMES) + "\n"


def test_pandas_reads_the_table(data: BoardData, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    (tmp_path / "board.csv").write_text(csv_table.render_csv(data), encoding="utf-8")
    frame = pandas.read_csv(tmp_path / "board.csv")
    values = frame[frame.task == "copy"].groupby("label").value.mean().to_dict()
    means = {row.label: row.mean for row in task_data(data, "copy").rows}
    assert values["gru"] == pytest.approx(means["gru"], rel=1e-12)
    assert frame.seed.dtype == "float64"
    assert frame.value.dtype == "float64"
