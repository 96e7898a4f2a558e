from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from seqbench.datamodules import loading
from seqbench.protocol import records
from seqbench.running import reload, runner
from seqbench.verification.record_subject import Subject
from tests.verification.helpers import resolve


@pytest.fixture(scope="package")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run, which no test may change."""
    finished = runner.run(resolve(), tmp_path_factory.mktemp("runs"))
    assert finished.record.status == "ok"
    return finished.folder


@pytest.fixture
def folder(run: Path, tmp_path: Path) -> Path:
    """A copy of the run for a test to change."""
    return Path(shutil.copytree(run, tmp_path / "run"))


@pytest.fixture
def subject(run: Path) -> Subject:
    """The run under verification, with its configuration and data, without processes of its net."""
    record = records.read_record(run)
    subject = Subject(run, record, 1e-6)
    subject.config = reload.recorded_config(record)
    subject.data = loading.build_datamodule(subject.config)
    return subject
