"""A second run: bit for bit on equal hardware, within the spread of the seeds elsewhere."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from seqbench.protocol import records
from seqbench.utils.errors import SeqbenchError
from seqbench.verification import second_run, verify
from seqbench.verification.record_subject import SkippedError, Subject
from tests.verification.helpers import (
    RecordData,
    check_alone,
    edit_record,
    raise_early_loss,
    raise_test_score,
    resolve,
)

pytestmark = pytest.mark.usefixtures("nets_in_this_process")

OTHER = ["recorded with processor capability 'AVX2', here 'AVX512'"]


def subject_of(folder: Path, beside: Path | None = None) -> Subject:
    return Subject(folder, records.read_record(folder), 1e-6, beside=beside)


def with_test_score(record: records.Record, value: float) -> records.Record:
    """Return a record with another deciding test score and other weights."""
    data: Any = json.loads(record.to_json())
    data["results"]["metrics"]["test"]["accuracy_longer"]["value"] = value
    data["results"]["weights"] = "0" * 64
    return records.build_record(data["results"], data["measured"], data["config"])


def write_seed(record: records.Record, seed: int, value: float, folder: Path) -> None:
    data: Any = json.loads(with_test_score(record, value).to_json())
    data["config"]["seed"] = data["config"]["options"]["seed"] = seed
    folder.mkdir(parents=True, exist_ok=True)
    records.build_record(data["results"], data["measured"], data["config"]).write(folder, f"gru-s{seed}.json")


def test_a_second_run_agrees_bit_for_bit_and_finds_invented_results(folder: Path) -> None:
    check = check_alone("retrain", folder)
    assert (check.state, check.message) == ("ok", "run again, with the same results bit for bit")
    edit_record(folder, raise_test_score)
    check = check_alone("retrain", folder)
    assert check.state == "wrong"
    assert "the results of a second run differ: results.metrics.test.accuracy.value is recorded as" in check.message
    assert "on equal hardware, with the same versions and sources" in check.message


def test_without_a_checkpoint_that_of_a_second_run_is_scored_blind(run: Path, tmp_path: Path) -> None:
    shutil.copy(run / records.NAME, tmp_path)
    report = verify.verify_record(tmp_path, retrain=True)
    assert report.checks[-1].name == "retrain"
    assert report.verdict == "Everything agrees with the record, and so does a second run."
    assert report.names("skipped") == []
    made = {check.name for check in report.checks if check.message.startswith("second run: ")}
    assert made == second_run.CHECKPOINT_CHECKS
    assert report.isolation
    assert sorted(path.name for path in tmp_path.iterdir()) == [records.NAME]


def test_after_a_second_run_that_differs_nothing_of_it_is_scored(folder: Path) -> None:
    shutil.rmtree(folder / "checkpoints")
    edit_record(folder, raise_test_score)
    report = verify.verify_record(folder, retrain=True)
    assert report.names("wrong") == ["retrain"]
    assert "scores" in report.names("skipped")


def test_a_changed_loss_is_found_by_a_second_run_and_by_the_start(folder: Path) -> None:
    edit_record(folder, raise_early_loss)
    assert [check_alone(name, folder).state for name in ("start", "retrain")] == ["wrong", "wrong"]


def test_an_older_record_without_digests_and_errors_agrees_bit_for_bit(folder: Path) -> None:
    def forget(data: RecordData) -> None:
        del data["results"]["predictions"]
        for score in data["results"]["metrics"]["test"].values():
            score.pop("standard_error", None)

    edit_record(folder, forget)
    subject = subject_of(folder)
    again = dataclasses.replace(subject.record)
    assert second_run.compare_runs(subject, again, []) == "run again, with the same results bit for bit"


def test_on_other_hardware_scores_agree_within_the_spread_of_the_other_seeds(run: Path, tmp_path: Path) -> None:
    record = records.read_record(run)
    for seed, value in ((1, 0.2), (2, 0.8), (3, 0.5)):
        write_seed(record, seed, value, tmp_path)
    other = with_test_score(record, 0.9)
    message = second_run.compare_runs(subject_of(run, tmp_path), other, OTHER)
    assert "test accuracy_longer is recorded as" in message
    assert "agrees within the spread of its seeds" in message
    assert "3 other seeds" in message
    assert "(recorded with processor capability 'AVX2', here 'AVX512')" in message


def test_on_other_hardware_a_difference_beyond_the_spread_of_the_seeds_is_wrong(run: Path, tmp_path: Path) -> None:
    def certain(data: RecordData) -> None:
        data["results"]["metrics"]["test"]["accuracy_longer"]["standard_error"] = 0.001

    folder = Path(shutil.copytree(run, tmp_path / "run"))
    edit_record(folder, certain)
    record = records.read_record(folder)
    for seed in (1, 2, 3):
        write_seed(record, seed, 0.5 + seed / 1000, tmp_path / "seeds")
    other = with_test_score(record, 0.0)
    with pytest.raises(SeqbenchError, match="by more than the spread of its seeds"):
        second_run.compare_runs(subject_of(folder, tmp_path / "seeds"), other, OTHER)


def test_without_other_seeds_the_sampling_error_decides_only_for_the_record(run: Path, tmp_path: Path) -> None:
    record = records.read_record(run)
    score = record.results.metrics["test"]["accuracy_longer"]
    assert score.value is not None
    assert score.standard_error is not None
    near = with_test_score(record, score.value + 4 * score.standard_error)
    far = with_test_score(record, score.value + 5 * score.standard_error)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "agrees within the sampling error of its test" in second_run.compare_runs(
        subject_of(run, empty), near, OTHER
    )
    with pytest.raises(SkippedError, match=r"a difference proves nothing.*--beside"):
        second_run.compare_runs(subject_of(run, empty), far, OTHER)


def test_a_run_that_diverged_only_elsewhere_is_not_decided(run: Path) -> None:
    record = records.read_record(run)
    data: Any = json.loads(record.to_json())
    data["results"] = {"status": "diverged", "reason": "the loss is nan", "curves": {}}
    diverged = records.build_record(data["results"], data["measured"], data["config"])
    with pytest.raises(SkippedError, match="ended as ok and the second run as diverged"):
        second_run.compare_runs(subject_of(run), diverged, OTHER)
    with pytest.raises(SeqbenchError, match="the results of a second run differ"):
        second_run.compare_runs(subject_of(run), diverged, [])


def test_other_seeds_are_looked_for_beside_the_run(run: Path, tmp_path: Path) -> None:
    assert second_run.files_of_siblings(subject_of(run)) == [run / records.NAME]
    assert second_run.files_of_siblings(subject_of(run, tmp_path)) == []
    assert resolve().digest()[:8] in run.name


def test_a_folder_of_other_seeds_that_does_not_exist_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match=r"--beside .* is no folder"):
        verify.verify_record(run, beside=tmp_path / "nowhere")
