from __future__ import annotations

import itertools
import statistics
from pathlib import Path
from typing import Any

import pytest

from seqbench.leaderboard.selection import task_rows
from tests.leaderboard import kit
from tests.leaderboard.kit import board_data, example_record, write_records
from tests.leaderboard.selection.test_record_selection import rows


def seeds(task: str = "copy", values: tuple[float, ...] = (0.9, 0.9, 0.9), **given: Any) -> list[Any]:
    return [example_record(task=task, seed=seed, value=value, **given) for seed, value in enumerate(values)]


def test_a_row_says_mean_interval_seeds_and_what_was_solved(tmp_path: Path) -> None:
    document = board_data(kit.example_board(), write_records(tmp_path, *seeds(values=(1.0, 0.5, 0.995))))
    row = rows(document)["gru"]
    assert row.mean == pytest.approx((1.0 + 0.5 + 0.995) / 3)
    assert row.half_width == pytest.approx(4.302653 * statistics.stdev((1.0, 0.5, 0.995)) / 3**0.5, rel=1e-6)
    assert (row.solved, row.state, row.above_chance, row.diverged) == (2, "ranked", True, 0)
    assert [seed.score for seed in row.seeds] == pytest.approx([1.0, (0.5 - 0.125) / 0.875, (0.995 - 0.125) / 0.875])
    assert row.costs["seconds"] == 61.0
    assert row.costs["parameters"] == 100_000
    assert row.costs["distribution"] == "seqbench 0.1.0"


def test_a_diverged_seed_counts_at_chance(tmp_path: Path) -> None:
    document = board_data(
        kit.example_board(),
        write_records(tmp_path, *seeds()[:2], example_record(seed=2, status="diverged", reason="nan at step 9")),
    )
    row = rows(document)["gru"]
    assert row.mean == pytest.approx((0.9 + 0.9 + 0.125) / 3)
    assert (row.state, row.diverged, row.seeds[2].score) == ("ranked", 1, 0.0)
    assert row.seeds[2].reason == "nan at step 9"


def test_where_chance_is_unknown_a_diverged_seed_counts_as_the_worst() -> None:
    assert task_rows.diverged_score(None, [9.0, 8.0], "min") == 9.0
    assert task_rows.diverged_score(None, [9.0, 8.0], "max") == 8.0
    assert task_rows.diverged_score(None, [], "max") is None
    assert task_rows.diverged_score(11.0, [9.0], "min") == 11.0


def test_missing_failed_and_excused_cells_say_why(tmp_path: Path) -> None:
    board = kit.example_board(not_applicable=[{"architecture": "bigru", "task": "copy", "reason": "it looks ahead"}])
    failed = example_record(seed=1, status="out_of_memory", reason="memory ran out")
    document = board_data(board, write_records(tmp_path, example_record(), failed, *seeds("parity", arch="lstm")))
    found = rows(document)
    assert (found["gru"].state, found["gru"].rank) == ("incomplete", None)
    assert found["gru"].reason == "seed 1: memory ran out; seed 2: no record"
    assert (found["lstm"].state, found["lstm"].reason) == ("missing", "no record that counts")
    assert (found["bigru"].state, found["bigru"].reason) == ("not applicable", "it looks ahead")
    assert list(found) == ["gru", "lstm", "bigru"]


def test_ranks_are_shared_by_those_that_do_not_differ(tmp_path: Path) -> None:
    everyone = [
        *seeds(values=(1.0, 1.0, 1.0), arch="tcn"),
        *seeds(values=(1.0, 0.99, 1.0), arch="gru"),
        *seeds(values=(0.5, 0.52, 0.49), arch="lstm"),
        *seeds(values=(0.125, 0.126, 0.124), arch="rnn"),
    ]
    document = board_data(kit.example_board(), write_records(tmp_path, *everyone))
    assert [(row.label, row.rank) for row in document.tasks[0].rows] == [
        ("tcn", 1),
        ("gru", 1),
        ("lstm", 3),
        ("rnn", 4),
    ]
    assert rows(document)["rnn"].above_chance is False


def test_one_seed_has_no_interval_and_no_rank(tmp_path: Path) -> None:
    document = board_data(
        kit.example_board(seeds=1), write_records(tmp_path, example_record(), example_record(arch="lstm", value=0.4))
    )
    assert [(row.label, row.half_width, row.rank) for row in document.tasks[0].rows] == [
        ("gru", None, None),
        ("lstm", None, None),
    ]


def test_less_is_better_where_the_card_says_so(tmp_path: Path) -> None:
    board = kit.example_board(tasks={"music-jsb": {"anchor": 8.0, "anchor_source": "somebody"}})
    values = {"gru": (8.4, 8.41, 8.42), "rnn": (9.9, 9.91, 9.92), "bad": (11.2, 11.3, 11.4)}
    records = [r for arch, v in values.items() for r in seeds("music-jsb", v, arch=arch)]
    document = board_data(board, write_records(tmp_path, *records))
    (section,) = document.tasks
    assert [(row.label, row.rank) for row in section.rows] == [("gru", 1), ("rnn", 2), ("bad", 3)]
    assert (section.best, section.anchor, section.best_unknown) == (None, 8.0, "nobody knows")
    found = rows(document, "music-jsb")
    assert found["gru"].seeds[0].score == pytest.approx((11.09 - 8.4) / (11.09 - 8.0))
    assert found["bad"].seeds[0].score == 0.0
    assert (found["bad"].above_chance, found["gru"].solved) == (False, None)
    assert section.baselines == {"repeat": 11.09}
    assert {r.architecture: r.value for r in section.published}["tcn"] == 8.10


def test_curves_are_means_between_the_lowest_and_the_highest_seed(tmp_path: Path) -> None:
    document = board_data(kit.example_board(), write_records(tmp_path, *seeds("parity", (0.6, 0.8, 1.0))))
    row = rows(document, "parity")["gru"]
    assert row.curve is not None
    assert row.lengths is not None
    assert row.curve.x == list(range(500, 4001, 500))
    assert (row.curve.low[0], row.curve.mean[0], row.curve.high[0]) == pytest.approx((0.55, 0.65, 0.75))
    assert row.lengths.x == [20, 40, 100, 500]
    assert row.lengths.mean == pytest.approx([0.8, 0.8, 0.9, 0.5])


def test_of_several_configurations_the_best_on_validation_ranks(tmp_path: Path) -> None:
    deep = {"arch_options": {"num_layers": 2}}
    everyone = [
        *seeds(values=(0.9, 0.91, 0.92)),
        *seeds(values=(0.95, 0.96, 0.97), **deep),
        *seeds(arch="rnn", values=(0.1, 0.2, 0.1)),
    ]
    found = rows(board_data(kit.example_board(), write_records(tmp_path, *everyone)))
    assert (found["gru (num_layers=2)"].state, found["gru (num_layers=2)"].rank) == ("ranked", 1)
    assert (found["gru (num_layers=1)"].state, found["gru (num_layers=1)"].rank) == ("outdone", None)
    assert found["gru (num_layers=1)"].reason == "gru (num_layers=2) is better on validation, and ranks for both"
    assert found["rnn"].rank == 2


def test_what_is_excused_is_so_in_every_configuration(tmp_path: Path) -> None:
    board = kit.example_board(not_applicable=[{"architecture": "gru", "task": "copy", "reason": "it looks ahead"}])
    both = [
        example_record("parity", seed=0),
        example_record("parity", seed=0, arch_options={"num_layers": 2}, value=0.8),
    ]
    found = rows(board_data(board, write_records(tmp_path, *both)))
    assert {label: row.state for label, row in found.items()} == {
        "gru (num_layers=1)": "not applicable",
        "gru (num_layers=2)": "not applicable",
    }


def test_an_anchor_that_is_no_better_than_chance_is_a_problem(tmp_path: Path) -> None:
    board = kit.example_board(tasks={"music-jsb": {"anchor": 20.0, "anchor_source": "nobody"}})
    document = board_data(board, write_records(tmp_path, *seeds("music-jsb", (8.4, 8.5, 8.6))))
    assert document.problems == ["music-jsb: its anchor 20.0 is no better than chance"]
    assert document.tasks[0].anchor is None


@pytest.mark.parametrize("direction", ["max", "min"])
def test_the_budget_is_the_expected_best_of_so_many_trials(tmp_path: Path, direction: str) -> None:
    task = "copy" if direction == "max" else "music-jsb"
    values = [0.3, None, 0.9, 0.5]
    tuning = {"tried": [{"lr": 1e-3, "value": value} for value in values], "lr": 1e-3}
    board = kit.example_board(tasks={task: None})
    row = rows(board_data(board, write_records(tmp_path, *seeds(task, tuning=tuning))), task)["gru"]
    best, worst = (max, 0.3) if direction == "max" else (min, 0.9)
    known = [worst if value is None else value for value in values]
    expected = [
        sum(best(chosen) for chosen in itertools.combinations(known, k)) / len(list(itertools.combinations(known, k)))
        for k in range(1, 5)
    ]
    assert row.budget == pytest.approx(expected)
    assert row.costs["tried"] == 4
