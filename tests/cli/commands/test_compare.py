"""``seqbench compare``: the printed tables, and the conclusion from two single runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seqbench.cli.main import main
from seqbench.protocol.records import Record
from tests.leaderboard.kit import example_record
from tests.record_data import changed_record, complete_record


def compare(folder: Path, capsys: pytest.CaptureFixture[str], a: Record, b: Record, *arguments: str) -> str:
    """Compare two records and return what is printed."""
    for name, run in (("a", a), ("b", b)):
        run.write(folder / name)
    assert main(["compare", str(folder / "a"), str(folder / "b" / "result.json"), *arguments]) == 0
    return capsys.readouterr().out


def rows(out: str) -> dict[str, list[str]]:
    """Return the cells of each line, by the first cell."""
    lines = [[cell for cell in line.split("  ") if cell] for line in out.splitlines()]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines if cells}


def last_line(out: str) -> str:
    return out.strip().splitlines()[-1]


def test_two_architectures_are_shown_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lstm = example_record("copy", "lstm", 0, 0.95, parameters=150_000, seconds=90.0, arch_options={"d_model": 64})
    out = compare(tmp_path, capsys, example_record("copy", "gru", 0, 0.9), lstm)
    table = rows(out)
    assert table["architecture"] == ["gru", "lstm"]
    assert table["record"] == ["unchanged", "unchanged"]
    assert table["card"] == ["unmodified", "unmodified"]
    assert table["arch.d_model"] == ["128", "64"]
    assert "optim.lr" not in out
    assert table["accuracy *"] == ["0.9", "0.95", "+0.05", "B", "0.125", "1"]
    assert table["parameters"] == ["100,000", "150,000", "1.5"]
    assert table["seconds"] == ["60", "90", "1.5"]
    assert "devices differ" not in out
    assert table["500"] == ["0.5125", "0.5375"]
    assert last_line(out) == (
        "B is better here, with one seed each: this may be chance, and two single runs cannot show that it is not. "
        "A sweep over seeds can: `seqbench sweep --arch gru,lstm --task copy --tier small --seeds 5`."
    )


def test_several_changed_options_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = example_record("copy", "gru", 1, 0.8, lr=1e-3, arch_options={"d_model": 64})
    out = compare(tmp_path, capsys, example_record("copy", "gru", 0, 0.9), other)
    assert last_line(out).startswith("A is better here, with one seed each:")
    assert "The runs differ in 2 options" in out
    assert "--arch gru --task" in out


def test_the_conclusion_on_two_runs_of_one_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = example_record()
    assert last_line(compare(tmp_path, capsys, a, a)) == "Both are the same record."
    again = example_record(seconds=99.0)
    sentence = last_line(compare(tmp_path, capsys, a, again))
    assert sentence == "Same configuration, same seed: the results are equal bit for bit."
    sentence = last_line(compare(tmp_path, capsys, a, example_record(value=0.91, device="a GPU")))
    assert sentence.startswith("Same configuration, same seed, but different results: the runs differ in device.")
    sentence = last_line(compare(tmp_path, capsys, a, example_record(value=0.91)))
    assert "no recorded value explains this" in sentence
    assert last_line(compare(tmp_path, capsys, a, example_record(seed=1))).startswith("Same configuration, two seeds:")


def test_scores_with_different_meanings_are_shown_and_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = compare(tmp_path, capsys, example_record("copy"), example_record("music-jsb"))
    assert last_line(out) == "Scores are not compared: they are of different tasks, copy and music-jsb."
    table = rows(out)
    assert table["accuracy *"] == ["0.9", "-", "-", "-", "0.125", "1"]
    assert table["nll_per_frame *"] == ["-", "0.9", "-", "-", "11.09", "unknown"]
    out = compare(tmp_path, capsys, example_record(), example_record(status="diverged", reason="the loss is nan"))
    assert last_line(out) == "B ended as diverged: there are no two scores to compare."
    assert rows(out)["reason"] == ["-", "the loss is nan"]


def test_a_modified_card_and_an_edited_record_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = compare(tmp_path, capsys, example_record(), example_record(modified=("optim.steps",)))
    assert rows(out)["card"] == ["unmodified", "modified: optim.steps"]
    path = tmp_path / "b" / "result.json"
    path.write_text(path.read_text().replace('"value": 0.9', '"value": 0.99'))
    assert main(["compare", str(tmp_path / "a"), str(path)]) == 0
    out = capsys.readouterr().out
    assert rows(out)["record"] == ["unchanged", "EDITED"]
    assert last_line(out).startswith("B was edited")


def test_the_json_file_holds_the_same_comparison(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "comparison.json"
    out = compare(
        tmp_path, capsys, example_record("copy", "gru"), example_record("copy", "lstm", value=0.95), "--json", str(file)
    )
    comparison: dict[str, Any] = json.loads(file.read_text())
    assert comparison["conclusion"] == last_line(out)
    assert comparison["metrics"]["test"]["accuracy"]["better"] == "B"
    assert [run["architecture"] for run in comparison["runs"]] == ["gru", "lstm"]
    assert comparison["paths"] == [str(tmp_path / "a"), str(tmp_path / "b" / "result.json")]


def test_an_empty_record_and_a_hostile_one_can_be_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = complete_record()
    assert last_line(compare(tmp_path, capsys, bare, bare)) == "Both are the same record."
    hostile = changed_record(example_record(), "config.architecture.name", "\x1b[31m\nx")
    assert "\x1b" not in compare(tmp_path, capsys, hostile, example_record())


@pytest.mark.parametrize("arguments", [["nowhere", "nowhere"], ["a"], ["a", "b", "c"]])
def test_a_user_error_is_a_message_of_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_no_heavy_library_is_imported(tmp_path: Path) -> None:
    example_record().write(tmp_path)
    code = (
        "import sys; from seqbench.cli.main import main; main(['compare', sys.argv[1], sys.argv[1]]);"
        "print([n for n in ('torch', 'lightning', 'numpy', 'yaml', 'scipy', 'jsonargparse') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
