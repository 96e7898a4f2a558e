from __future__ import annotations

from dataclasses import replace

from seqbench.leaderboard.comparison import compare_records
from seqbench.leaderboard.comparison_data import CurvePair
from tests.leaderboard.kit import example_record


def test_plain_data_leave_out_a_missing_curve_and_a_missing_loss() -> None:
    comparison = compare_records(example_record(), example_record(seed=1))
    assert replace(comparison, curve=None).to_plain()["curve"] == {}
    curve = CurvePair(step=[500], score=[[0.5, 0.6]], loss=None)
    assert replace(comparison, curve=curve).to_plain()["curve"] == {"step": [500], "score": [[0.5, 0.6]]}
    curve = replace(curve, loss=[[1.0, None]])
    assert replace(comparison, curve=curve).to_plain()["curve"] == {
        "step": [500],
        "score": [[0.5, 0.6]],
        "loss": [[1.0, None]],
    }


def test_plain_data_have_every_field() -> None:
    comparison = compare_records(example_record(), example_record(value=0.8))
    plain = comparison.to_plain()
    assert plain.keys() == {
        *("runs", "differs", "changed", "unlike", "same_configuration", "same_seed", "same_results", "same_record"),
        *("metrics", "costs", "curve"),
    }
    assert plain["same_results"] is False
