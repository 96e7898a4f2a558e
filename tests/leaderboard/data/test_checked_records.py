from __future__ import annotations

from dataclasses import replace

import pytest

from seqbench.leaderboard.data.board_card import LARGEST
from seqbench.leaderboard.data.checked_records import (
    MOST_POINTS,
    MOST_TEXT,
    CheckedRecord,
    MetricScore,
    check_record_values,
    short_option_value,
)
from seqbench.protocol.record_fields import VerificationStamp
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError
from tests.leaderboard.kit import STATED, example_record
from tests.record_data import SECTIONS, changed_record

ARCHITECTURE = SECTIONS["config"]["architecture"]


def checked(record: Record) -> CheckedRecord:
    """Return the checked record, with a checksum that matches its contents."""
    return check_record_values(replace(record, checksum=record.digest()), "here")


def test_the_values_are_those_of_the_record() -> None:
    tuning = {"tried": [{"lr": 1e-3, "value": 0.5}, {"lr": 2e-3, "value": None}], "lr": 1e-3}
    record = checked(example_record(arch_options={"kernel": [3, 5]}, tuning=tuning))
    assert (record.task, record.tier, record.seed, record.status) == ("copy", "small", 0, "ok")
    assert record.test == {"accuracy": MetricScore(0.9, 0.125, 1.0, "")}
    assert record.validation == 0.9
    assert record.baselines == {"repeat": 0.125}
    assert record.options["arch.num_layers"] == 1
    assert record.options["arch.kernel"] == short_option_value([3, 5])
    assert (record.options["optim.lr"], record.learning_rate) == (5e-3, 5e-3)
    assert record.costs["seconds"] == 60.0
    assert record.search.tried == [0.5, None]
    assert (list(record.steps), len(record.curve)) == (list(range(500, 4001, 500)), 8)


def test_an_encoder_is_part_of_the_architecture() -> None:
    assert (
        checked(changed_record(example_record(), "config.encoder", {**ARCHITECTURE, "name": "lstm"})).architecture
        == "gru+lstm"
    )


def test_scores_of_a_run_that_did_not_end_well_are_ignored() -> None:
    record = example_record()
    record = replace(record, results=record.results.with_values(status="diverged", reason="nan"))
    values = checked(record)
    assert (values.test, values.validation, values.baselines, values.weights) == ({}, None, {}, "")
    assert len(values.curve) == 8


@pytest.mark.parametrize(
    "path",
    [
        "measured.seconds",
        "config.options.optim.lr",
        "results.metrics.test.accuracy.value",
        "results.metrics.test.accuracy.chance",
        "results.baselines.test.repeat.accuracy",
    ],
)
def test_a_number_beyond_any_score_is_refused(path: str) -> None:
    with pytest.raises(SeqbenchError, match=r"beyond any score|above 1, the highest possible value"):
        checked(changed_record(example_record(), path, 10 * LARGEST))


def test_a_result_without_the_deciding_metric_is_refused() -> None:
    with pytest.raises(SeqbenchError, match="it ended ok and has no 'accuracy' on test"):
        checked(changed_record(example_record(), "results.metrics.test", {}))


def test_an_edited_record_and_one_without_a_checksum_are_refused() -> None:
    with pytest.raises(SeqbenchError, match="it has no checksum"):
        check_record_values(example_record(), "here")
    with pytest.raises(SeqbenchError, match="it was edited"):
        check_record_values(replace(example_record(), checksum="0" * 64), "here")


def test_a_stamp_of_another_record_is_refused_and_a_stamp_of_ci_needs_a_checksum() -> None:
    digest = example_record().digest()
    stamps = [VerificationStamp(how="trained again", by="ci", checksum=digest), STATED]
    assert [checked(example_record(verified=stamp)).verification for stamp in (*stamps, None)] == [
        "ci",
        "submitter",
        "unverified",
    ]
    for stamp in (stamps[0].with_values(checksum="0" * 64), VerificationStamp(how="trained again", by="ci")):
        with pytest.raises(SeqbenchError, match="belongs to another record"):
            checked(example_record(verified=stamp))


def test_curves_are_thinned_out_and_keep_the_last_point() -> None:
    steps = list(range(1, 5 * MOST_POINTS + 2))
    record = changed_record(
        example_record(), "results.curves.validation", {"step": steps, "accuracy": [0.5] * len(steps)}
    )
    values = checked(record)
    assert len(values.steps) == len(values.curve) <= MOST_POINTS
    assert values.steps[-1] == steps[-1]


@pytest.mark.parametrize("curve", [[0.5], [1e200] * 8])
def test_a_curve_of_other_length_or_with_impossible_numbers_is_refused(curve: list[float]) -> None:
    with pytest.raises(SeqbenchError, match=r"no run can have these values: results\.curves.validation"):
        checked(changed_record(example_record(), "results.curves.validation.accuracy", curve))


def test_a_curve_with_huge_numbers_is_left_out() -> None:
    curve = [1e200] * 8
    record = example_record("music-jsb", value=8.4)
    assert checked(changed_record(record, "results.curves.validation.nll_per_frame", curve)).curve == []


def test_long_texts_are_cut() -> None:
    record = changed_record(example_record(), "measured.device", "x" * 999)
    record = changed_record(record, "config.architecture.name", "y" * 999)
    assert (len(checked(record).machine.device), len(checked(record).architecture)) == (MOST_TEXT, 2 * MOST_TEXT)
    assert len(str(short_option_value("z" * 999))) == 8
