"""The numbers of figures, compared with scipy."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import scipy.stats

from seqbench.leaderboard.figures import figure_data
from seqbench.leaderboard.figures.figure_data import final_scores, mean_curves, reference_lines
from seqbench.leaderboard.figures.run_groups import read_figure_runs
from seqbench.utils.errors import SeqbenchError
from tests.leaderboard.figures.kit import with_curves
from tests.record_data import merged

CURVES = [(0.5, 0.7, 0.9), (0.4, 0.9, 0.8), (0.6, 0.8, 0.85)]
RUNS = read_figure_runs([with_curves(curve, seed=seed, value=curve[-1]) for seed, curve in enumerate(CURVES)])


def test_a_mean_curve_has_the_t_interval_over_seeds_at_each_step() -> None:
    (curve,) = mean_curves(RUNS, "accuracy", "validation", "steps")
    values = np.array(CURVES)
    low, high = scipy.stats.t.interval(0.95, 2, values.mean(0), values.std(0, ddof=1) / math.sqrt(3))
    assert list(curve.x) == [100, 200, 300]
    np.testing.assert_allclose(curve.mean, values.mean(0))
    assert curve.half_width is not None
    np.testing.assert_allclose(curve.half_width, (high - low) / 2)
    assert curve.seeds == 3


def test_only_steps_that_all_runs_have_are_drawn() -> None:
    runs = read_figure_runs([with_curves(seed=0), with_curves((0.1, 0.2), seed=1)])
    (curve,) = mean_curves(runs, "accuracy", "validation", "steps")
    assert list(curve.x) == [100, 200]


def test_an_undefined_score_has_no_point_and_no_bar() -> None:
    runs = read_figure_runs([with_curves((0.5, None, 0.9))])
    (curve,) = mean_curves(runs, "accuracy", "validation", "steps")
    assert (list(curve.x), list(curve.mean)) == ([100, 300], [0.5, 0.9])
    record = with_curves()
    scores = {"test": {"accuracy": {"value": None, "chance": 0.1, "best": 1.0, "undefined": "0 / 0"}}}
    results = type(record.results).model_validate(merged(record.results.to_dict(), {"metrics": scores}))
    undefined = read_figure_runs([dataclasses.replace(record, results=results)])
    with pytest.raises(SeqbenchError, match="accuracy on test is undefined in gru on copy"):
        final_scores(undefined, "accuracy", "test")


def test_seconds_and_tokens_are_the_steps_times_the_mean_of_the_run() -> None:
    steps = RUNS.groups[0].records[0].config.options.optim.steps
    seconds, tokens = (mean_curves(RUNS, "accuracy", "validation", x)[0].x for x in ("seconds", "tokens"))
    assert list(seconds) == pytest.approx([100 * k * 40.0 / steps for k in (1, 2, 3)])
    assert list(tokens) == pytest.approx([100 * k * 40_000 / steps for k in (1, 2, 3)])


def test_one_seed_has_no_interval() -> None:
    (curve,) = mean_curves(read_figure_runs([with_curves()]), "loss", "train", "steps")
    assert (curve.half_width, list(curve.mean)) == (None, [2.0, 1.0, 0.5])


def test_final_scores_are_sorted_best_first_in_the_direction_of_the_metric() -> None:
    runs = read_figure_runs([with_curves(value=0.3), with_curves(arch="lstm", value=0.8)])
    assert [group.label for group in final_scores(runs, "accuracy", "test")] == ["lstm", "gru"]
    loss = read_figure_runs([with_curves(task="adding", value=0.3), with_curves(task="adding", arch="lstm", value=0.8)])
    assert [group.label for group in final_scores(loss, "mse", "test")] == ["gru", "lstm"]


def test_reference_lines_are_those_that_all_runs_share() -> None:
    assert reference_lines(RUNS, "accuracy", "test") == figure_data.References(0.125, 1.0)
    assert reference_lines(RUNS, "no such metric", "test") == figure_data.References(None, None)


@pytest.mark.parametrize(
    ("metric", "split", "x", "message"),
    [
        ("acuracy", "validation", "steps", r"no validation curve of 'acuracy'.*accuracy"),
        ("accuracy", "train", "steps", "no train curve of 'accuracy'"),
    ],
)
def test_a_curve_that_does_not_exist_is_an_error(metric: str, split: str, x: str, message: str) -> None:
    with pytest.raises(SeqbenchError, match=message):
        mean_curves(RUNS, metric, split, x)


def test_a_score_or_a_duration_that_is_missing_is_an_error() -> None:
    with pytest.raises(SeqbenchError, match="no score of 'bleu' on test"):
        final_scores(RUNS, "bleu", "test")
    with pytest.raises(SeqbenchError, match="has no validation curve; leave this run out"):
        mean_curves(read_figure_runs([with_curves((), ())]), "accuracy", "validation", "steps")
