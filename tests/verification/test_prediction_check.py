"""The digest of the predictions that were scored."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from seqbench.models.sample_scores import SampleScores
from seqbench.protocol import records
from seqbench.running import evaluation, reload
from seqbench.running.diagnostics import sample_file
from seqbench.verification import environment
from tests.verification.helpers import RecordData, check_alone, edit_record, replace_value

PLACE = ("results", "predictions", "test")
OTHER = ["recorded with processor capability 'AVX2', here 'AVX512'"]


@pytest.fixture(scope="module")
def scored(run: Path) -> Any:
    """The scores of the checkpoint, as the check of the scores keeps them."""
    record = records.read_record(run)
    reloaded = reload.reload_run(run, record, reload.recorded_config(record))
    evaluation.score_split(reloaded, "test")
    return SimpleNamespace(scores=reloaded.module)


def message(folder: Path, scored: Any) -> tuple[str, str]:
    check = check_alone("predictions", folder, scored)
    return check.state, check.message


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every record come from another machine."""
    monkeypatch.setattr(environment, "list_differences", lambda *_: OTHER)


def test_predictions_of_a_run_are_those_of_its_weights(run: Path, scored: Any) -> None:
    assert message(run, scored) == ("ok", "the predictions on 52 samples are those of the weights, by their digest")


def test_other_predictions_are_wrong_on_equal_hardware(folder: Path, scored: Any) -> None:
    edit_record(folder, replace_value(*PLACE, value="0" * 64))
    state, text = message(folder, scored)
    assert state == "wrong"
    assert "the digest of its predictions on test is not that of its weights (on equal hardware" in text


@pytest.mark.usefixtures("elsewhere")
def test_on_other_hardware_an_unknown_share_of_changed_predictions_is_said(folder: Path, scored: Any) -> None:
    edit_record(folder, replace_value(*PLACE, value="0" * 64))
    state, text = message(folder, scored)
    assert state == "ok"
    assert text.startswith("some predictions changed by rounding: an unknown share on test (recorded with processor")


@pytest.mark.usefixtures("elsewhere")
def test_on_other_hardware_the_share_of_changed_predictions_follows_from_the_file(folder: Path, scored: Any) -> None:
    """One of twenty predictions is changed in the file, and the digest in the record with it."""
    arrays = sample_file.read_samples(folder)
    digests = np.array(arrays["predictions"], np.uint8)
    zeros = np.zeros(len(digests), np.int64)
    samples = SampleScores(zeros, np.asarray(arrays["index"], np.int64), {}, digests, streaming=False)
    digests[3] += 1
    changed = dataclasses.replace(samples, digests=digests)
    sample_file.write_samples({"test": changed}, folder)
    edit_record(folder, replace_value(*PLACE, value=changed.digest()))
    assert message(folder, scored)[1].startswith("some predictions changed by rounding: 5.00% on test")


def test_an_invented_standard_error_is_wrong(folder: Path, scored: Any) -> None:
    edit_record(folder, replace_value("results", "metrics", "test", "accuracy", "standard_error", value=1e-3))
    state, text = message(folder, scored)
    assert state == "wrong"
    assert "the standard error of test.accuracy is recorded as 0.001" in text


def test_invented_influences_of_samples_are_wrong(folder: Path, scored: Any) -> None:
    def invent(data: RecordData) -> None:
        data["results"]["metrics"]["test"]["accuracy_longer"]["sample_groups"] = [0.0] * 20

    edit_record(folder, invent)
    state, text = message(folder, scored)
    assert state == "wrong"
    assert "sample_groups of test" in text


def test_an_older_record_has_no_digest_to_compare(folder: Path, scored: Any) -> None:
    def forget(data: RecordData) -> None:
        del data["results"]["predictions"]

    edit_record(folder, forget)
    assert message(folder, scored)[0] == "skipped"


def test_without_a_checkpoint_nothing_is_compared(folder: Path) -> None:
    assert message(folder, None) == ("skipped", "the checkpoint was not scored")
