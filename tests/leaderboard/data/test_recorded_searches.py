from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seqbench.leaderboard.data.checked_records import CheckedRecord, check_record_values
from seqbench.protocol.record_fields import Tuning
from seqbench.protocol.records import Record
from seqbench.protocol.search.rate_search import Scale, Trial, advance_search
from seqbench.protocol.search.recorded_search import describe_search
from seqbench.protocol.search.search_rule import DEFAULT_RUNGS, Rung, SearchRule
from seqbench.utils.errors import SeqbenchError
from tests.leaderboard.kit import board_data, example_board, example_record, write_records

GRID = (5e-4, 1e-3, 2e-3, 5e-3, 1e-2)


def searched_record(best: float, rungs: tuple[Rung, ...] = DEFAULT_RUNGS, arch: str = "gru", seed: int = 0) -> Record:
    """Return a record whose rate was searched, and is the nearest to the best one that the search may try."""
    rule, scale = SearchRule(GRID, rungs), Scale("max", 0.0, None)
    scores: dict[Trial, float | None] = {}
    while (state := advance_search(rule, scale, scores)).pending:
        scores |= {trial: 0.1 + min(trial.lr / best, best / trial.lr) / 2 for trial in state.pending}
    assert state.chosen is not None
    rows = [{"lr": one.lr, "value": scores[one], "rung": one.rung, "steps": 400} for one in state.asked]
    tuning = {
        "tried": rows,
        "lr": state.chosen.lr,
        "search": describe_search(rule, scale).to_dict(),
        "bound": state.bound,
    }
    return example_record("copy", arch, seed, tuning=tuning, lr=state.chosen.lr)


def checked(record: Record) -> CheckedRecord:
    return check_record_values(replace(record, checksum=record.digest()), "here")


def test_the_rule_and_the_longest_trial_of_each_rate_are_read() -> None:
    search = checked(searched_record(2e-3)).search
    assert search.rule.startswith("5 rates for 20 % of the steps, the best 3 for 50 %")
    assert len(search.tried) == 5
    assert (search.rate, search.grid, search.bound) == (2e-3, GRID, "")


def test_a_record_without_rungs_has_its_grid_as_whole_runs() -> None:
    tuning = {"tried": [{"lr": 1e-3, "value": 0.5}, {"lr": 2e-3, "value": None}], "lr": 1e-3}
    search = checked(example_record(tuning=tuning)).search
    assert (search.rule, search.cost) == ("2 rates in whole runs", 2.0)
    assert checked(example_record()).search.rule == "none"


def test_a_choice_that_contradicts_its_trials_is_refused() -> None:
    config = searched_record(2e-3).config
    assert config.tuning is not None
    forged = Tuning.model_validate({**config.tuning.to_dict(), "lr": 5e-3}).to_dict()
    with pytest.raises(SeqbenchError, match="its search of the learning rate contradicts itself: its trials select"):
        checked(example_record(tuning=forged, lr=5e-3))


def test_a_rate_beyond_the_grid_counts_only_if_its_trials_led_to_it(tmp_path: Path) -> None:
    board = example_board()
    seeds = [searched_record(2e-2, seed=seed) for seed in range(3)]
    data = board_data(board, write_records(tmp_path / "searched", *seeds))
    assert data.records == 3
    data = board_data(
        board, write_records(tmp_path / "invented", *(example_record("copy", lr=2e-2, seed=s) for s in range(3)))
    )
    assert data.records == 0
    assert "its learning rate 0.02 is none of the card" in data.set_aside[0].reason


def test_a_row_says_that_its_search_ended_at_the_bound_or_followed_another_rule(tmp_path: Path) -> None:
    records = [searched_record(2e-3, arch=name, seed=s) for name in ("gru", "lstm") for s in range(3)]
    records += [searched_record(1e3, (Rung(1.0, 0),), arch="rnn", seed=s) for s in range(3)]
    data = board_data(example_board(), write_records(tmp_path, *records))
    (task,) = (one for one in data.tasks if one.name == "copy")
    rows = {row.label: row for row in task.rows}
    assert (rows["gru"].bound, rows["gru"].other_search) == ("", "")
    assert rows["rnn"].bound == "highest"
    assert rows["rnn"].other_search.startswith("its search: 5 rates for 100 % of the steps")
