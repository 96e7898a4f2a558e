from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from seqbench.leaderboard import page_files
from seqbench.leaderboard.data.record_collection import collect_records
from seqbench.utils.errors import SeqbenchError
from tests.leaderboard.kit import board_data, example_board, example_record, write_records

FILES = {"README.md", "board.csv", "board.json", "board.tex", "index.html"}


def test_each_page_is_written_and_equals_the_rendered_text(tmp_path: Path) -> None:
    folder = write_records(tmp_path / "records", *(example_record(seed=seed) for seed in range(3)))
    data = page_files.write_pages(example_board(), collect_records([folder]), tmp_path / "pages")
    texts = page_files.render_pages(data)
    assert {path.name for path in (tmp_path / "pages").iterdir()} == texts.keys() == FILES
    assert all((tmp_path / "pages" / name).read_bytes() == text.encode() for name, text in texts.items())


def test_no_page_is_written_if_one_cannot_be_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> str:
        raise SeqbenchError("no page")

    monkeypatch.setattr(page_files.html_page, "render_html", fail)
    with pytest.raises(SeqbenchError, match="no page"):
        page_files.write_pages(example_board(), [], tmp_path / "pages")
    assert not (tmp_path / "pages").exists()


def test_every_page_shows_a_secondary_metric(tmp_path: Path) -> None:
    records = [example_record(seed=seed, secondary={"longer": 0.5 + seed / 8}) for seed in range(3)]
    board = example_board(tasks={"copy": {"secondary": ["longer"]}})
    texts = page_files.render_pages(board_data(board, write_records(tmp_path, *records, example_record(arch="lstm"))))

    lines = texts["README.md"].splitlines()
    head, row = (next(line for line in lines if name in line).split("|") for name in ("`longer`", "|    1 | `gru`"))
    assert row[[cell.strip() for cell in head].index("`longer`")].strip() == "0.6250 ± 0.31"
    assert r"& $0.6250 \pm 0.31$ \\" in texts["board.tex"]
    assert len({line.count("&") for line in texts["board.tex"].splitlines() if line.endswith(r"\\")}) == 1
    rows = [row for row in csv.DictReader(io.StringIO(texts["board.csv"])) if row["label"] == "gru"]
    assert [row["test_longer"] for row in rows] == ["0.5", "0.625", "0.75"]
    assert "0.6250 ± 0.31" in texts["index.html"]
    assert json.loads(texts["board.json"])["tasks"][0]["secondary"][0]["metric"] == "longer"


TITLES = {"my_file:Net": {"title": "MyNet & (ours)"}, "gru": {"title": "GRU"}}


def test_every_page_shows_the_titles_of_the_card(tmp_path: Path) -> None:
    records = [example_record(arch=arch, seed=seed) for arch in ("my_file:Net", "gru") for seed in range(3)]
    row = {"name": "a table", "task": "copy", "metric": "accuracy", "direction": "max", "setting": "s"}
    published = [{**row, "values": {"gru": 0.9}}]
    board = example_board(architectures=TITLES, published=published)
    texts = page_files.render_pages(board_data(board, write_records(tmp_path, *records)))
    for file, title in (("README.md", "MyNet & (ours)"), ("board.tex", r"MyNet \& (ours)"), ("board.csv", "MyNet &")):
        assert title in texts[file]
        assert "GRU" in texts[file]
    assert "MyNet &amp; (ours)" in texts["index.html"]
    assert "`gru`" not in texts["README.md"].partition("## Published and ours")[2].partition("## `copy`")[0].replace(
        "--arch gru", ""
    )
    plain = page_files.render_pages(board_data(example_board(), write_records(tmp_path, *records)))
    assert "my_file:Net" in plain["README.md"]
    assert "title" not in {key for row in json.loads(plain["board.json"])["tasks"][0]["rows"] for key in row}


def test_pages_show_the_first_rows_and_the_data_hold_all(tmp_path: Path) -> None:
    records = [
        example_record(arch=f"net-{number}", seed=seed, value=0.9 - number / 10 + seed / 1000)
        for number in range(4)
        for seed in range(3)
    ]
    board = example_board(tasks={"copy": None})
    texts = page_files.render_pages(board_data(board, write_records(tmp_path, *records)), top=2)
    assert {name for name, text in texts.items() if "net-3" in text} == {"board.csv", "board.json", "index.html"}
    assert texts["README.md"].count("The first 2 of 4 rows; `index.html` and `board.csv` hold all.") == 2
    assert "The first 2 of 4 architectures." in texts["board.tex"]
    assert texts["index.html"].count('class="beyond"') == 4, "two rows in the overview, and two in the table of copy"
    assert "Show all 4 rows, not only the first 2" in texts["index.html"]
