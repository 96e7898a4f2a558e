"""Texts that all forms of a page share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.pages import wording
from seqbench.leaderboard.task_data import SecondaryMetric
from tests.leaderboard import sample
from tests.leaderboard.kit import task_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> BoardData:
    return sample.example_board_data(tmp_path_factory.mktemp("records"))


def test_a_row_has_remarks_on_state_divergence_and_chance(data: BoardData) -> None:
    rows = {row.label: row for row in task_data(data, "copy").rows}
    assert wording.row_remarks(rows["transformer"]) == []
    assert wording.row_remarks(rows["rnn"]) == [("not clearly above chance", "")]
    assert wording.row_remarks(replace(rows["rnn"], below_chance=True)) == [("below chance", "")]
    assert wording.row_remarks(rows["mamba"]) == [("incomplete", "seed 2: no record")]
    assert wording.row_remarks(rows["lstm"])[0][0] == "1 diverged"
    assert "seed 1: the loss is nan at step 7" in wording.row_remarks(rows["lstm"])[0][1]


def test_a_row_has_remarks_on_unverified_records_and_on_its_configurations(data: BoardData) -> None:
    row = next(row for row in task_data(data, "copy").rows if row.label == "gru")
    seeds = [replace(seed, verified="", verification="unverified") for seed in row.seeds]
    nobody = replace(row, seeds=seeds)
    assert wording.row_remarks(nobody) == [("unverified", "nobody has verified a record of this row")]
    one = replace(row, seeds=[*row.seeds[:2], seeds[2]])
    assert wording.row_remarks(one) == [("unverified", "nobody has verified the record of seed 2")]
    assert wording.row_remarks(replace(row, configurations=3)) == [("one of 3 configurations", "")]
    assert [wording.verification_text(seed) for seed in (row.seeds[0], seeds[0])] == [
        "checkpoint scored again, stated by the submitter",
        "unverified",
    ]


def test_a_board_says_how_many_records_ci_verified(data: BoardData) -> None:
    counts = replace(data, records=9, verification={"ci": 3, "submitter": 4, "unverified": 2})
    assert wording.verification_summary(counts) == "3 of 9 by CI, 4 stated by the submitter, 2 unverified"


def test_references_are_in_the_order_of_their_scores(data: BoardData) -> None:
    names = [name for name, _, _ in wording.reference_scores(task_data(data, "copy"))]
    assert names == ["best possible", "baseline repeat", "chance"]
    music = wording.reference_scores(task_data(data, "music-jsb"))
    assert music[0] == ("anchor", 8.1, "somebody's")


def test_several_published_figures_of_an_architecture_are_joined(data: BoardData) -> None:
    task = task_data(data, "music-jsb")
    lstm = next(figure for figure in task.published if figure.architecture == "lstm")
    task = replace(task, published=[*task.published, replace(lstm, value=9.1)])
    assert wording.published_figures(task)["lstm"] == "8.45, 9.1"


def test_the_name_of_a_secondary_metric_is_escaped_to_one_line(data: BoardData) -> None:
    task = replace(task_data(data, "copy"), secondary=[SecondaryMetric("a\n| b <i>", None, None)])
    assert "a | b <i>" in wording.secondary_summary(task)
    assert wording.secondary_summary(task_data(data, "copy")) == ""


def test_a_published_table_has_one_statistic(data: BoardData) -> None:
    assert wording.statistic_sentence(data.published).startswith("Our figures are means over seeds")
    best = [replace(cell, statistic="best", ours=0.9, half_width=None) for cell in data.published]
    assert wording.statistic_sentence(best).startswith("Published figures and ours are the best of the seeds")
    assert wording.format_our_figure(best[0]) == "0.9000"
    assert wording.format_our_figure(replace(best[0], half_width=0.1)) == "0.9000 ± 0.10"
    assert wording.format_our_figure(replace(best[0], ours=None)) == ""


def test_deviations_are_listed_by_task(data: BoardData) -> None:
    first, second, *_ = data.published
    cells = [replace(first, deviations=["fewer steps"]), replace(second, deviations=[])]
    assert wording.deviations_by_task(cells) == {"copy": ["fewer steps"]}
