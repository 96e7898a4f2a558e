from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbench.leaderboard.data.board_paths import boards_folder
from seqbench.protocol.limits.possible_values import SAMPLING, find_impossible_values, require_possible_values
from seqbench.protocol.records import Record, read_record
from seqbench.utils.errors import SeqbenchError
from tests.leaderboard.kit import example_record
from tests.record_data import changed_record

TEST = "results.metrics.test.accuracy"


def objections(record: Record, path: str, value: Any) -> list[str]:
    return list(find_impossible_values(changed_record(record, path, value)))


@pytest.mark.parametrize("task", ["copy", "parity", "music-jsb", "adding"])
@pytest.mark.parametrize("status", ["ok", "diverged"])
def test_the_values_of_a_run_are_possible(task: str, status: str) -> None:
    value = {"music-jsb": 8.4, "adding": 0.01}.get(task, 0.9)
    assert list(find_impossible_values(example_record(task, value=value, status=status))) == []


def test_the_values_of_all_committed_records_are_possible() -> None:
    paths = sorted(Path(boards_folder()).rglob("results/**/*.json"))
    assert {path.name: list(find_impossible_values(read_record(path))) for path in paths} == {
        path.name: [] for path in paths
    }


@pytest.mark.parametrize(
    ("task", "path", "value", "objection"),
    [
        ("copy", f"{TEST}.value", 1e20, "above 1, the highest possible value"),
        ("copy", f"{TEST}.value", -0.1, "below 0, the lowest possible value"),
        ("copy", f"{TEST}.value", 1.001, "better than the best possible 1"),
        ("copy", f"{TEST}.chance", 1.5, "above 1"),
        ("copy", f"{TEST}.best", 2.0, "above 1"),
        ("copy", f"{TEST}.best", 0.1, "better than the best possible 0.1"),
        ("music-jsb", "results.metrics.test.nll_per_frame.value", -5.0, "below 0"),
        ("music-jsb", "results.metrics.validation.nll_per_frame.value", -5.0, "below 0"),
        ("adding", "results.metrics.test.mse.value", -1e-3, "below 0"),
        ("adding", "results.metrics.test.mse.chance", -1.0, "better than the best possible 0"),
        ("copy", "results.metrics.test.bleu", {"value": 101.0, "chance": None, "best": None}, "above 100"),
        ("copy", "results.metrics.test.chrf", {"value": -1, "chance": None, "best": None}, "below 0"),
        ("parity", "results.metrics.test.solved_length", {"value": 510, "chance": 0, "best": 500}, "best possible 500"),
        ("copy", "results.baselines.test.repeat.accuracy", 1.5, "above 1"),
        ("copy", "results.curves.validation.accuracy", [0.5] * 7 + [1.5], "above 1"),
        ("music-jsb", "results.curves.validation.nll_per_frame", [-1.0] * 8, "below 0"),
        ("copy", "results.curves.validation.accuracy", [0.5], "columns of 1 to 8 points"),
        ("copy", "results.curves.validation.step", [1, 2, 3, 4, 5, 6, 7, 7], "does not rise"),
        ("copy", "results.curves.validation.step", [500, 1000, 1500, 2000, 2500, 3000, 3500, 9999], "does not rise"),
        ("copy", "results.curves.train", {"step": [0, 100], "loss": [2.0, -0.5]}, "below 0"),
        ("copy", "results.curves.train", {"step": [100, 0], "loss": [2.0, 0.5]}, "does not rise"),
        ("parity", "results.lengths.accuracy", [1.2, 1, 1, 1], "above 1"),
        ("parity", "results.lengths.length", [-1, 40, 100, 500], "below 0"),
        ("copy", "results.best_step", 4001, "above 4000"),
        ("copy", "config.parameters", -1, "below 0"),
        ("copy", "config.flops_per_token", -1.0, "below 0"),
        ("copy", "measured.seconds", -1.0, "below 0"),
        ("copy", "measured.threads", -1, "below 0"),
    ],
)
def test_a_value_that_no_run_can_have_is_named(task: str, path: str, value: Any, objection: str) -> None:
    record = example_record(task, value={"music-jsb": 8.4, "adding": 0.01}.get(task, 0.9))
    found = objections(record, path, value)
    assert any(objection in text for text in found), found
    assert any(text.startswith(path.removesuffix(".bleu").rsplit(".", 1)[0]) for text in found)
    with pytest.raises(SeqbenchError, match="no run can have these values"):
        require_possible_values(changed_record(record, path, value))


@given(value=st.floats(allow_nan=False, allow_infinity=False), best=st.sampled_from([None, 1.0]))
def test_a_share_is_possible_exactly_between_0_and_1(value: float, best: float | None) -> None:
    record = changed_record(example_record(), f"{TEST}.best", best)
    assert (objections(record, f"{TEST}.value", value) == []) == (-1e-6 <= value <= 1 + 1e-6)


@given(st.floats(-100, 100, allow_nan=False))
def test_a_likelihood_is_possible_exactly_from_0_on_and_from_a_best_possible_one_up_to_sampling(value: float) -> None:
    place = "results.metrics.test.nll_per_frame"
    record = example_record("music-jsb", value=8.4)
    assert (objections(record, f"{place}.value", value) == []) == (value >= -1e-6)
    chance, best = 11.09, 6.0
    record = changed_record(record, f"{place}.best", best)
    assert (objections(record, f"{place}.value", value) == []) == (value >= best - SAMPLING * (chance - best))


def test_a_score_better_than_an_anchor_or_without_a_best_possible_one_is_possible() -> None:
    assert objections(example_record("music-jsb", value=8.4), "results.metrics.test.nll_per_frame.value", 0.5) == []


def test_the_metric_of_a_task_that_is_not_installed_may_have_any_value() -> None:
    record = changed_record(example_record(), "config.card.name", "no-such-task")
    record = changed_record(record, "results.metrics.test", {"reward": {"value": -1e3, "chance": 0.0, "best": None}})
    assert list(find_impossible_values(record)) == []


def test_a_diverged_run_may_lack_the_last_score_of_a_metric() -> None:
    curve = {"step": [500], "accuracy": [0.5, 0.6]}
    diverged = example_record(status="diverged", reason="validation loss is nan at step 1000")
    assert objections(diverged, "results.curves.validation", curve) == []
    assert objections(example_record(), "results.curves.validation", curve) != []


def test_a_module_with_training_of_its_own_may_have_a_loss_below_0() -> None:
    record = changed_record(example_record(), "results.curves.train", {"step": [0, 100], "loss": [2.0, -0.5]})
    assert objections(record, "config.own_training", ["training_step"]) == []


def test_an_error_names_at_most_three_values() -> None:
    record = changed_record(example_record(), "results.curves.validation.accuracy", [9.0] * 8)
    for name in ("value", "chance", "best"):
        record = changed_record(record, f"{TEST}.{name}", 9.0)
    with pytest.raises(SeqbenchError) as error:
        require_possible_values(record)
    assert str(error.value).count(";") == 2
