from __future__ import annotations

from pathlib import Path

import pytest
import torch

import seqbench
from seqbench.protocol.record_fields import Results
from seqbench.running import attempt
from seqbench.running.callbacks.curve import DivergedError
from seqbench.running.callbacks.stopping import Stopped
from seqbench.utils.errors import SeqbenchError


@pytest.mark.parametrize(
    ("error", "status", "reason", "stopped_by"),
    [
        (DivergedError("the loss is nan"), "diverged", "the loss is nan", None),
        (KeyboardInterrupt(), "interrupted", "stopped by Ctrl-C at step 3 of 10", "Ctrl-C"),
        (Stopped(15), "interrupted", "stopped by SIGTERM at step 3 of 10", "SIGTERM"),
        (MemoryError(), "out_of_memory", "memory ran out", None),
        (torch.OutOfMemoryError("CUDA out of memory"), "out_of_memory", "CUDA out of memory", None),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out_of_memory", "DefaultCPUAllocator", None),
        (SeqbenchError("the disk is full."), "failed", "the disk is full", None),
        (RuntimeError("shapes\n do not fit"), "failed", "RuntimeError: shapes do not fit", None),
        (SystemExit("out"), "failed", "SystemExit: out", None),
    ],
)
def test_an_error_decides_status_and_reason(
    error: BaseException, status: str, reason: str, stopped_by: str | None
) -> None:
    ending = attempt.describe_ending(error, 3, 10)
    assert (ending.status, ending.stopped_by) == (status, stopped_by)
    assert str(ending.reason).startswith(reason)
    assert bool(ending.traceback) == (status == "failed" and not isinstance(error, SeqbenchError))


def test_only_the_first_process_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "is_first_process", lambda: False)
    one = object.__new__(attempt.Attempt)  # Neither configuration nor folder is read.
    assert one._start_loggers() == []


def test_secrets_are_removed_from_reason_and_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "a-secret-value")
    ending = attempt.describe_ending(RuntimeError("refused: a-secret-value"), 3, 10)
    assert "a-secret-value" not in str(ending.reason) + ending.traceback


def test_a_run_without_memory_is_recorded(tmp_path: Path) -> None:
    arch = {"name": "tests.backbones:HugeAllocation", "d_model": 8}
    run = seqbench.run(arch, "copy", tier="smoke", logger="none", runs=tmp_path)
    assert run.record.status == "out_of_memory"
    assert "memory" in str(run.record.results.reason)


def test_the_summary_has_each_final_score_with_its_chance() -> None:
    scores = {"validation": {}, "test": {"accuracy": {"value": 0.9, "chance": 0.5, "best": 1.0}}}
    data = {"status": "ok", "reason": None, "curves": {}, "metrics": scores}
    assert attempt.summarize_results(Results.model_validate(data)) == {
        "status": "ok",
        "final/test/accuracy": 0.9,
        "final/test/accuracy_chance": 0.5,
    }
