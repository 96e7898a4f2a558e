"""What the HTML page shows of each part of a board."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.pages import html_sections, series_style
from seqbench.leaderboard.pages.html_sections import TaskSection
from tests.leaderboard import sample
from tests.leaderboard.kit import task_data, with_overall_order


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> BoardData:
    return sample.example_board_data(tmp_path_factory.mktemp("records"))


def build_section(data: BoardData, name: str) -> TaskSection:
    slots = series_style.assign_slots(data)[name]
    return html_sections.build_task_section(name, task_data(data, name), ["parameters", "device"], slots, 30)


def test_every_row_with_a_score_has_a_cell_for_each_head(data: BoardData) -> None:
    for name in ("copy", "parity", "music-jsb"):
        section = build_section(data, name)
        rows = section.rows
        assert rows
        assert {len(row.cells) for row in rows} == {len(section.heads)}


def test_a_column_that_is_empty_in_all_rows_is_left_out(data: BoardData) -> None:
    assert [head.title for head in build_section(data, "copy").heads] == ["Solved", "Score", "Parameters"]
    assert [head.title for head in build_section(data, "music-jsb").heads] == ["Score", "Published", "Parameters"]
    assert "longer_score" in [head.title for head in build_section(data, "parity").heads]


def test_every_row_with_a_score_has_a_strip(data: BoardData) -> None:
    section = build_section(data, "copy")
    assert set(section.strips) == {row.label for row in section.rows}


def test_rows_beyond_the_tenth_are_counted_as_grey(data: BoardData) -> None:
    task = task_data(data, "copy")
    rows = [replace(task.rows[0], label=f"net-{k}") for k in range(13)]
    assert build_section(replace(data, overall=None, tasks=[replace(task, rows=rows)]), "copy").grey == 3


def test_the_comparison_across_tasks_has_a_line_of_the_matrix_for_each_row(data: BoardData) -> None:
    overall = with_overall_order(data).overall
    assert overall
    section = html_sections.build_overall_section(data, overall, 30)
    assert [label for label, _ in section.matrix] == section.labels == [row.label for row in overall.rows]
    empty = html_sections.build_overall_section(data, replace(overall, rows=[], improvement=[]), 30)
    assert empty.charts == []
    assert data.overall
    few = html_sections.build_overall_section(data, data.overall, 30)
    assert (few.matrix, set(few.groups)) == ([], {row.label for row in data.groups})
    assert [chart.caption.partition(",")[0] for chart in few.charts][1:] == ["Performance profiles"]


def test_the_kind_of_a_published_row_is_the_first_word_of_its_verdict(data: BoardData) -> None:
    cell = replace(data.published[0], ours=0.97, verdict="agrees: both solve it")
    assert html_sections.format_published_row(cell).kind == "agrees"
    assert html_sections.format_published_row(replace(cell, verdict="worse than published")).kind == "worse"
    assert html_sections.format_published_row(replace(cell, ours=None)).kind == "open"


def test_only_seeds_with_a_record_are_listed(data: BoardData) -> None:
    records = html_sections.list_records(data)
    assert len(records) == data.records
    assert all(record.seed.record for record in records)


def test_rows_without_a_score_are_grouped_by_their_reason(data: BoardData) -> None:
    (group,) = build_section(data, "copy").without_score
    assert (group.reason, group.labels, group.count) == ("not applicable: it looks ahead", ["bigru"], 1)
    assert group.labels[0] not in {row.label for row in build_section(data, "copy").rows}


def test_charts_and_the_matrix_show_the_first_rows_only(data: BoardData) -> None:
    slots = series_style.assign_slots(data)["copy"]
    section = html_sections.build_task_section("copy", task_data(data, "copy"), [], slots, 2)
    assert len(section.rows) == 5
    assert 'data-key="transformer"' in section.charts[0].drawing
    assert 'data-key="rnn"' not in section.charts[0].drawing
    ordered = with_overall_order(data).overall
    assert ordered
    overall = html_sections.build_overall_section(data, ordered, 2)
    assert [len(line) for _, line in overall.matrix] == [2, 2]
