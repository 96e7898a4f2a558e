from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from seqbench.datamodules import loading
from seqbench.protocol import records
from seqbench.protocol.config import RunConfig
from seqbench.running import reload, runner
from seqbench.verification import training_process
from seqbench.verification.blind import net_launch, net_process
from seqbench.verification.record_subject import Subject
from tests.verification.helpers import resolve
from tests.verification.local_nets import LocalPipes, NoProcess


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


@pytest.fixture(autouse=True)
def train_in_this_process(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train again in this process, because a new one takes seconds; tests of the process import its functions."""

    def repeat_start(subject: Subject) -> training_process.Start:
        return training_process.train_first_steps(config_of(subject), tmp_path_factory.mktemp("start"))

    def repeat_run(subject: Subject) -> records.Record:
        folder = runner.run(config_of(subject), tmp_path_factory.mktemp("second")).folder
        if subject.second_run is not None:
            shutil.copytree(folder, subject.second_run, dirs_exist_ok=True)
        return records.read_record(folder)

    monkeypatch.setattr(training_process, "repeat_start", repeat_start)
    monkeypatch.setattr(training_process, "repeat_run", repeat_run)


@pytest.fixture
def separate_processes() -> None:
    """Start the processes of nets in this test, also in a module whose other tests build them in their own process."""


@pytest.fixture
def nets_in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Build nets in the process of the test; whether they can be kept apart is tested in ``blind``."""
    if "separate_processes" in request.fixturenames:
        return
    monkeypatch.setattr(net_process, "TimedPipes", LocalPipes)
    monkeypatch.setattr(net_launch, "launch_net", lambda *arguments: NoProcess())
    monkeypatch.setattr(net_launch, "end_process", lambda process: None)


def config_of(subject: Subject) -> RunConfig:
    return reload.recorded_config(subject.record, subject.task_options)
