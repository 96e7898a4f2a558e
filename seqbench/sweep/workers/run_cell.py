"""Run one cell of a sweep in a worker process, and report how it ended."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from seqbench.protocol import run_folder
from seqbench.protocol.config import RunConfig
from seqbench.utils.errors import SeqbenchError

_PR_SET_PDEATHSIG = 1
"""Option of Linux's ``prctl``: the signal that a process receives when its parent ends."""


@dataclass(frozen=True)
class CellOutcome:
    """The outcome of a cell.

    Args:
        status: status of its record, ``busy`` (another process runs the cell) or ``refused`` (it cannot be run).
        reason: reason of the status; None for ``ok``.
    """

    status: str
    reason: str | None = None


def run_cell(config: RunConfig, runs: Path) -> CellOutcome:
    """Run a cell, or resume it from the checkpoint of an earlier attempt.

    For a run of several processes, this process is replaced by a command: Lightning starts the other processes by
    repeating the command of the first one. Such a cell returns nothing, and its outcome is read from its record.

    Args:
        config: resolved configuration of the run.
        runs: folder of all runs.

    Returns:
        The outcome; errors of seqbench are reported as ``busy`` or ``refused``.
    """
    if config.trainer.several and not is_launched_externally():
        _replace_process(config, runs)
    from seqbench.running import runner  # Imports torch, which the planning process does not need.

    try:
        record = runner.run(config, runs, "resume").record
    except run_folder.BusyError as error:
        return CellOutcome("busy", str(error))
    except SeqbenchError as error:
        return CellOutcome("refused", str(error))
    return CellOutcome(record.status, record.results.reason)


def is_launched_externally() -> bool:
    """Return whether torchrun or Slurm has started all processes of this run."""
    return "TORCHELASTIC_RUN_ID" in os.environ or int(os.environ.get("SLURM_NTASKS", "1")) > 1


def _replace_process(config: RunConfig, runs: Path) -> None:
    """Replace this process by ``python -m seqbench.sweep.workers.run_cell``."""
    # Loading this pickle is safe: it is a private temporary file that this process has just written.
    with tempfile.NamedTemporaryFile("wb", prefix="seqbench-cell-", delete=False) as file:
        pickle.dump((config, runs), file)
    # The thread that watches the parent process ends with this program, so the kernel must send the signal.
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    os.execv(sys.executable, [sys.executable, "-m", "seqbench.sweep.workers.run_cell", file.name])


def main(path: Path) -> int:
    """Run the cell that is pickled in a file; return 0 for a run that ended ``ok``, 1 for others, 2 for a refusal."""
    from seqbench.running import runner

    config, runs = pickle.loads(path.read_bytes())
    try:
        return int(runner.run(config, runs, "resume").record.status != "ok")
    except SeqbenchError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        if runner.is_first_process():
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
