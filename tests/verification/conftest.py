from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from seqbench.running import runner
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
