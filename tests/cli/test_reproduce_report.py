"""The report of ``seqbench reproduce``."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seqbench.cli import reproduce_report
from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.data.record_collection import ExcludedRecord
from tests.leaderboard import sample


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> BoardData:
    return sample.example_board_data(tmp_path_factory.mktemp("records"))


def test_the_table_is_grouped_by_the_rows_of_the_published_one(data: BoardData) -> None:
    head, first, gru, tcn, second, *_ = reproduce_report.format_published_table(data).splitlines()
    assert head.split() == [
        *("architecture", "published", "ours", "seeds", "parameters", "chance", "difference", "verdict"),
    ]
    assert first == "copy memory: accuracy, higher is better, T = 1000"
    assert gru.split()[:2] == ["gru", "0.98"]
    assert tcn.split() == ["tcn", "0.5", "-", "-", "-", "-", "-", "not", "run:", "needs", "ten", "minutes"]
    assert second.startswith("JSB: nll_per_frame, lower is better")


def test_cells_without_a_figure_have_a_command(data: BoardData) -> None:
    report = reproduce_report.format_reproduction(data)
    assert "cells without a record:\n  seqbench sweep --arch tcn --task copy" in report
    assert "\n3 cells: " in report


def test_copies_of_committed_records_are_not_named(data: BoardData) -> None:
    aside = [ExcludedRecord("a", "it is the same run as b"), ExcludedRecord("c", "it is too large")]
    report = reproduce_report.format_reproduction(replace(data, set_aside=aside))
    assert "not counted: c: it is too large" in report
    assert "same run as" not in report


def test_many_records_that_do_not_count_are_counted(data: BoardData) -> None:
    aside = [ExcludedRecord(f"r{n}", "no") for n in range(reproduce_report.MOST_NAMED + 5)]
    cells = [replace(cell, aside=[]) for cell in data.published]
    report = reproduce_report.format_reproduction(replace(data, set_aside=aside, published=cells))
    assert report.count("not counted: r") == reproduce_report.MOST_NAMED
    assert "not counted: 5 more" in report


def test_invisible_characters_of_a_record_are_replaced(data: BoardData) -> None:
    cell = replace(data.published[0], verdict="agrees\x1b[31m", architecture="gru\n")
    report = reproduce_report.format_reproduction(replace(data, published=[cell], set_aside=[]))
    assert "\x1b" not in report
    assert "agrees\ufffd[31m" in report
