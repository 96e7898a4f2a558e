"""The start of a run follows from its seed: another seed's run is recognised on every machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from seqbench.protocol import records
from seqbench.running import runner
from seqbench.utils.errors import SeqbenchError
from seqbench.verification import start_check, training_process
from seqbench.verification.record_subject import SkippedError, Subject
from seqbench.verification.training_process import Start
from tests.verification import forgeries
from tests.verification.helpers import RecordData, check_alone, edit_record, replace_value, resolve

OTHER = ["recorded with processor capability 'AVX2', here 'AVX512'"]


@pytest.fixture
def other_seed(tmp_path: Path) -> Path:
    """The run of seed 5, presented as that of seed 0."""
    runs = tmp_path / "runs"
    folder = Path(shutil.copytree(runner.run(resolve(seed=5), runs).folder, tmp_path / "false"))
    edit_record(folder, forgeries.state_seed(0))
    return folder


def subject_of(folder: Path) -> Subject:
    return Subject(folder, records.read_record(folder), 1e-6)


def start_of(folder: Path) -> Start:
    record = records.read_record(folder)
    return training_process.train_first_steps(resolve(seed=record.config.seed), folder)


def test_an_honest_start_agrees_bit_for_bit(run: Path) -> None:
    assert check_alone("start", run).message == (
        "computed again from seed 0: first batch and initial weights as recorded, mean loss of the first 20 steps bit "
        "for bit"
    )


def test_the_run_of_another_seed_is_wrong_on_every_machine(other_seed: Path) -> None:
    assert "its first training batch is not that of seed 0" in check_alone("start", other_seed).message
    with pytest.raises(SeqbenchError, match="first training batch"):
        start_check.compare_start(subject_of(other_seed), start_of(other_seed), OTHER)


def test_the_run_of_another_seed_with_the_digests_of_the_stated_one_is_wrong_by_its_losses(
    run: Path, other_seed: Path
) -> None:
    true = records.read_record(run).config

    def take_proofs(data: RecordData) -> None:
        data["config"] |= {"initial_weights": true.initial_weights, "first_batch": true.first_batch}

    edit_record(other_seed, take_proofs)
    for differences in ([], OTHER):
        with pytest.raises(SeqbenchError, match=r"curves.train.loss\[0\], trained again, is recorded as"):
            start_check.compare_start(subject_of(other_seed), start_of(other_seed), differences)


def test_the_run_of_another_seed_without_digests_is_wrong_by_its_losses(other_seed: Path) -> None:
    def forget(data: RecordData) -> None:
        del data["config"]["initial_weights"], data["config"]["first_batch"]

    edit_record(other_seed, forget)
    assert "trained again, is recorded as" in check_alone("start", other_seed).message


def test_other_initial_weights_are_wrong_on_equal_hardware_alone(folder: Path) -> None:
    edit_record(folder, replace_value("config", "initial_weights", value="0" * 64))
    start = start_of(folder)
    with pytest.raises(SeqbenchError, match="initial weights are not those of seed 0"):
        start_check.compare_start(subject_of(folder), start, [])
    message = start_check.compare_start(subject_of(folder), start, OTHER)
    assert message.endswith(
        "the digest of the initial weights differs (recorded with processor capability 'AVX2', here 'AVX512')"
    )


def test_rounding_of_the_first_losses_is_accepted_on_other_hardware_alone(folder: Path) -> None:
    def round_loss(data: RecordData) -> None:
        data["results"]["curves"]["train"]["loss"][0] += 3e-5

    edit_record(folder, round_loss)
    start = start_of(folder)
    with pytest.raises(SeqbenchError, match="trained again"):
        start_check.compare_start(subject_of(folder), start, [])
    assert "within 0.0001" in start_check.compare_start(subject_of(folder), start, OTHER)


def test_a_record_without_digests_and_curve_has_nothing_to_compare(folder: Path) -> None:
    def forget(data: RecordData) -> None:
        del data["config"]["initial_weights"], data["config"]["first_batch"]
        data["results"]["curves"]["train"] = {"step": [], "loss": []}

    edit_record(folder, forget)
    with pytest.raises(SkippedError, match="neither digests of its start nor a loss"):
        start_check.compare_start(subject_of(folder), start_of(folder), [])
