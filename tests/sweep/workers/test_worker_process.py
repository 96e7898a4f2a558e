from __future__ import annotations

import os
import sys

import pytest
import torch

from seqbench.sweep.engines import local_engine
from seqbench.sweep.engines.engine import JobFailure
from seqbench.sweep.engines.local_engine import LocalEngine
from seqbench.sweep.workers.worker_process import SAFE_PATH, call_or_describe_failure
from tests.sweep.engines.test_local_engine import failure_of, run_jobs


def fail(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (ValueError("3 axes\n  expected"), "failed", "ValueError: 3 axes expected"),
        (SystemExit("no licence"), "failed", "SystemExit: no licence"),
        (MemoryError(), "out_of_memory", "memory ran out"),
        (torch.OutOfMemoryError("tried to allocate 9 EiB"), "out_of_memory", "tried to allocate 9 EiB"),
    ],
)
def test_an_error_becomes_a_failure_with_its_traceback_in_the_output(
    error: BaseException, status: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_or_describe_failure(fail, (error,)) == JobFailure(status, reason)
    assert "Traceback" in capsys.readouterr().err


def test_a_value_is_returned_as_it_is() -> None:
    assert call_or_describe_failure(divmod, (7, 2)) == (3, 1)


def test_ctrl_c_is_not_a_failure() -> None:
    with pytest.raises(KeyboardInterrupt):
        call_or_describe_failure(fail, (KeyboardInterrupt(),))


def test_a_secret_is_removed_before_the_reason_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "s" * 40)
    failure = call_or_describe_failure(fail, (ValueError("x" * 480 + "s" * 40),))
    assert isinstance(failure, JobFailure)
    assert failure.reason == "ValueError: " + "x" * 480 + "***"


def describe_worker() -> tuple[bool, str | None, bool]:
    """Return whether this process leads its group, its safe-path setting, and whether stdout is a file."""
    print("printed by the worker")
    return os.getpgid(0) == os.getpid(), os.environ.get(SAFE_PATH), not sys.stdout.isatty()


def test_a_worker_leads_its_own_process_group_without_the_servers_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SAFE_PATH, raising=False)
    assert local_engine.call_in_worker(describe_worker) == (True, None, True)


def print_and_fail() -> None:
    print("printed by the worker")
    os.system("echo printed by a program")
    raise RuntimeError("worse than expected")


def test_the_output_of_the_worker_and_its_programs_is_kept() -> None:
    from seqbench.sweep.engines.engine import Job

    engine = LocalEngine(1)
    try:
        job = Job(print_and_fail, ())
        output = failure_of(run_jobs(engine, job)[job]).output
    finally:
        engine.close()
    assert "printed by the worker" in output
    assert "printed by a program" in output
    assert "RuntimeError: worse than expected" in output
