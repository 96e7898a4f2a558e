"""The costs of a row."""

from __future__ import annotations

from dataclasses import replace

from seqbench.leaderboard.data.checked_records import CheckedRecord, check_record_values
from seqbench.leaderboard.data.recorded_costs import Machine
from seqbench.leaderboard.selection.row_costs import row_costs
from tests.leaderboard.kit import example_record


def records(*seconds: float) -> list[CheckedRecord]:
    """Return one record for each duration, with seeds from 0 on."""
    made = [example_record(seed=seed, seconds=value) for seed, value in enumerate(seconds)]
    return [check_record_values(replace(record, checksum=record.digest()), "here") for record in made]


def test_one_slow_run_does_not_change_the_time_of_a_row_and_is_in_its_range() -> None:
    costs = row_costs(records(10.0, 11.0, 900.0))
    assert costs.figures["seconds"] == 11.0
    assert costs.ranges["seconds"] == (10.0, 900.0)


def test_a_cost_that_all_seeds_share_has_no_range() -> None:
    assert row_costs(records(10.0, 10.0)).ranges == {}
    assert row_costs(records(10.0)).ranges == {}


def test_machines_load_and_attempts_are_those_of_the_seeds() -> None:
    first, second = records(10.0, 11.0)
    first = replace(first, machine=Machine("2 threads", "EPYC 7", 0.5, 1))
    second = replace(second, machine=Machine("2 threads", "EPYC 9", 1.5, 4))
    costs = row_costs([first, second])
    assert costs.machines == ["EPYC 7, 2 threads", "EPYC 9, 2 threads"]
    assert costs.figures["processor"] == "EPYC 7; EPYC 9"
    assert (costs.figures["load"], costs.ranges["load"]) == (1.0, (0.5, 1.5))
    assert costs.figures["attempts"] == 4


def test_older_records_have_no_load_and_no_attempts() -> None:
    costs = row_costs(records(10.0))
    assert not {"load", "attempts"} & costs.figures.keys()
    assert (costs.figures["processor"], costs.machines) == ("", ["a processor, 1 thread"])
    assert costs.padding
