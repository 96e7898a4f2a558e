"""The names that ``import seqbench`` offers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import seqbench
from seqbench.protocol.records import Record
from seqbench.running.runner import Run
from seqbench.utils.errors import SeqbenchError


def test_records_runs_and_errors_are_exported() -> None:
    assert (seqbench.Record, seqbench.Run, seqbench.SeqbenchError) == (Record, Run, SeqbenchError)
    assert {"run", "build", "load"} < set(seqbench.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        seqbench.train  # noqa: B018


def test_the_import_is_light_and_a_record_needs_no_torch() -> None:
    code = (
        "import sys, seqbench; print(sorted({'torch', 'lightning', 'pydantic'} & set(sys.modules)));"
        "seqbench.Record; print(sorted({'torch', 'lightning', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "['pydantic']"]


def test_an_unknown_keyword_is_refused_by_python() -> None:
    with pytest.raises(TypeError, match="teir"):
        seqbench.run("gru", "copy", teir="smoke")  # type: ignore[call-arg]


def test_a_wrong_option_is_a_seqbench_error(tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match=r"unknown option 'optim\.learning_rate'"):
        seqbench.run("gru", "copy", tier="smoke", optim={"learning_rate": 0.1}, runs=tmp_path)
    assert list(tmp_path.iterdir()) == []
