from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from seqbench.leaderboard.board_data import SecondaryMetric
from seqbench.leaderboard.pages import csv_table, latex_tables, markdown_page, wording
from seqbench.utils.errors import SeqbenchError
from tests.leaderboard import kit
from tests.leaderboard.kit import board_data, example_record, write_records
from tests.leaderboard.selection.test_record_selection import rows


def asking(*names: str) -> Any:
    return kit.example_board(tasks={"copy": {"secondary": list(names)}})


def with_lengths(*scores: float, **given: Any) -> list[Any]:
    return [example_record(seed=seed, secondary={"longer": score}, **given) for seed, score in enumerate(scores)]


def test_a_row_has_mean_and_interval_of_each_secondary_metric(tmp_path: Path) -> None:
    document = board_data(asking("longer"), write_records(tmp_path, *with_lengths(0.5, 0.6, 0.4)))
    task, row = document.tasks[0], rows(document)["gru"]
    assert task.secondary == [SecondaryMetric("longer", 0.0, 1.0)]
    assert row.secondary["longer"].mean == pytest.approx(0.5)
    expected = 4.302653 * statistics.stdev((0.5, 0.6, 0.4)) / 3**0.5
    assert row.secondary["longer"].half_width == pytest.approx(expected, rel=1e-6)
    assert [seed.secondary["longer"] for seed in row.seeds] == [0.5, 0.6, 0.4]


def test_it_ranks_nobody(tmp_path: Path) -> None:
    """Two that are alike in what decides share a rank, however far apart they are beside it."""
    write_records(tmp_path, *with_lengths(1.0, 0.99, 1.0), *with_lengths(0.0, 0.01, 0.0, arch="tcn"))
    found = rows(board_data(asking("longer"), tmp_path))
    assert {row.rank for row in found.values()} == {1}
    assert found["gru"].secondary["longer"].mean > found["tcn"].secondary["longer"].mean


def test_a_diverged_seed_stands_at_chance_and_a_missing_one_is_no_number(tmp_path: Path) -> None:
    write_records(tmp_path, *with_lengths(0.9, 0.6), example_record(seed=2, status="diverged", reason="nan at step 9"))
    found = rows(board_data(asking("longer"), tmp_path))["gru"]
    assert found.secondary["longer"].mean == pytest.approx((0.9 + 0.6 + 0.0) / 3)
    two = rows(board_data(asking("longer"), write_records(tmp_path / "two", *with_lengths(0.9, 0.6))))["gru"]
    assert two.state == "incomplete"
    assert two.secondary["longer"].mean == pytest.approx(0.75)
    assert two.seeds[2].secondary == {}


def test_a_row_whose_seeds_do_not_all_have_it_has_none(tmp_path: Path) -> None:
    write_records(tmp_path, *with_lengths(0.9, 0.6), example_record(seed=2))
    found = rows(board_data(asking("longer"), tmp_path))["gru"]
    assert (found.secondary, found.rank) == ({}, 1)
    assert wording.format_secondary(found, "longer") == ""


def test_a_metric_that_no_record_has_is_named_and_the_rest_is_built(tmp_path: Path) -> None:
    document = board_data(asking("lnger", "longer"), write_records(tmp_path, *with_lengths(0.9, 0.6, 0.7)))
    assert document.problems == ["copy: no record has its secondary metric 'lnger'. Did you mean 'longer'?"]
    assert [line.metric for line in document.tasks[0].secondary] == ["longer"]
    # Without records nobody can tell.
    (tmp_path / "none").mkdir()
    assert board_data(asking("lnger"), tmp_path / "none").problems == []


def test_a_card_must_list_them() -> None:
    with pytest.raises(SeqbenchError, match=r"tasks\.copy\.secondary must be a list of texts, got 'longer'"):
        kit.example_board(tasks={"copy": {"secondary": "longer"}})


def test_every_form_shows_it(tmp_path: Path) -> None:
    write_records(tmp_path, *with_lengths(0.5, 0.625, 0.75), example_record(arch="lstm"))
    data = board_data(asking("longer"), tmp_path)
    page = markdown_page.render_markdown(data)
    assert "beside the score longer (chance 0, best possible 1), by which nobody ranks;" in page
    row = next(line for line in page.splitlines() if "`gru`" in line)
    cells = [cell.strip() for cell in row.split("|")]
    head = next(line for line in page.splitlines() if "`longer`" in line)
    assert cells[[cell.strip() for cell in head.split("|")].index("`longer`")] == "0.6250 ± 0.31"

    tex = latex_tables.render_latex(data)
    assert "By a metric without an arrow nobody ranks." in tex
    assert r"architecture & copy &  \\" in tex
    assert r" & accuracy $\uparrow$ & longer \\" in tex
    line = next(line for line in tex.splitlines() if line.strip().startswith("gru"))
    assert r"& $0.6250 \pm 0.31$ \\" in line
    assert r"chance & $0.1250$ & $0$ \\" in tex
    widths = {line.count("&") for line in tex.splitlines() if line.endswith(r"\\")}
    assert len(widths) == 1

    names, lines = csv_table.csv_rows(data)
    assert names[-1] == "test_longer"
    by_seed = {line["seed"]: line.get("test_longer") for line in lines if line["label"] == "gru"}
    assert by_seed == {0: 0.5, 1: 0.625, 2: 0.75}
    assert json.loads(data.to_json())["tasks"][0]["secondary"][0]["metric"] == "longer"
