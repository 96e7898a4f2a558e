from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from seqbench.protocol import records, run_folder
from seqbench.running import reload
from seqbench.verification.record_subject import SkippedError, Subject, weaker_agreement


def build_subject(path: Path, **measured: object) -> Subject:
    record = records.read_record(path)
    return Subject(path, dataclasses.replace(record, measured=record.measured.with_values(**measured)), 1e-6)


def test_the_folder_is_known_where_the_checkpoint_lies_beside_the_record(run: Path, tmp_path: Path) -> None:
    assert build_subject(run).folder == run
    assert build_subject(run / records.NAME).require_folder() == run
    renamed = tmp_path / "copy-gru-0.json"
    shutil.copy(run / records.NAME, renamed)
    with pytest.raises(SkippedError, match=f"{run_folder.BEST} is not beside the record"):
        build_subject(renamed).require_folder()


@pytest.mark.parametrize(("recorded", "threads"), [(2, 2), (None, 0), (0, 0), (-1, 0), (reload.MOST_THREADS + 1, 0)])
def test_a_record_sets_a_limited_number_of_threads(run: Path, recorded: int | None, threads: int) -> None:
    assert build_subject(run, threads=recorded).threads == threads


def test_checks_that_need_the_configuration_are_skipped_without_it(run: Path) -> None:
    with pytest.raises(SkippedError, match="the configuration could not be rebuilt"):
        _ = build_subject(run).rebuilt


def test_the_weaker_of_two_agreements_is_kept() -> None:
    assert weaker_agreement("bit for bit", "bit for bit") == "bit for bit"
    assert weaker_agreement("within 1e-06", "bit for bit") == "within 1e-06"
