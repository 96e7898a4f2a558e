from __future__ import annotations

import warnings
from pathlib import Path

import pytest

import seqbench
from seqbench.leaderboard.data.record_frame import flatten_record, records_to_frame
from seqbench.utils.errors import SeqbenchError
from tests.leaderboard.kit import example_record, write_records


def test_each_record_is_a_row_with_scores_options_and_costs(tmp_path: Path) -> None:
    write_records(tmp_path, *(example_record(seed=seed, value=0.5 + seed / 10) for seed in range(3)))
    write_records(tmp_path, example_record("parity", arch="lstm", value=0.25, arch_options={"num_layers": 2}))
    frame = seqbench.records(tmp_path)
    assert len(frame) == 4
    means = frame.groupby(["task", "arch"])["value"].mean()
    assert means["copy", "gru"] == pytest.approx(0.6)
    assert means["parity", "lstm"] == 0.25
    lstm = frame[frame["arch"] == "lstm"].iloc[0]
    assert (lstm["arch.num_layers"], lstm["optim.lr"], lstm["seconds"]) == (2, 5e-3, 60.0)
    assert lstm[f"test/{lstm['metric']}"] == lstm["value"]
    assert Path(lstm["path"]).is_file()


def test_a_value_that_is_no_scalar_is_a_text() -> None:
    assert flatten_record(example_record())["optim.betas"] == "[0.9, 0.999]"


def test_a_run_without_scores_has_a_row(tmp_path: Path) -> None:
    write_records(tmp_path, example_record(status="failed", reason="the disk is full"))
    (row,) = records_to_frame([tmp_path]).to_dict("records")
    assert (row["status"], row["reason"]) == ("failed", "the disk is full")
    assert row["value"] is None


def test_a_record_that_cannot_be_read_is_left_out_with_a_warning(tmp_path: Path) -> None:
    write_records(tmp_path, example_record())
    (tmp_path / "broken.json").write_text("{")
    with pytest.warns(UserWarning, match="one record is left out: .*broken.json"):
        assert len(records_to_frame([tmp_path])) == 1


def test_a_folder_without_records_gives_an_empty_table(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert records_to_frame([tmp_path]).empty


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match="there is no "):
        seqbench.records(tmp_path / "missing")
