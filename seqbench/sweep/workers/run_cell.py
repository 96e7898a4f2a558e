"""What a worker does with a cell: run it, and say in a word how it went."""

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

_PARENT_DEATH_SIGNAL = 1


@dataclass(frozen=True)
class CellOutcome:
    """How a cell went: a record's status, ``busy`` (another process is at it) or ``refused``; and why."""

    status: str
    reason: str | None = None


def run_cell(config: RunConfig, runs: Path) -> CellOutcome:
    """Run a cell, going on with what an earlier attempt left.

    Where several processes share a run, Lightning starts them by the command of the first: this process becomes that
    command, and its answer is the record.
    """
    if config.trainer.several and not is_launched_externally():
        _become(config, runs)
    from seqbench.running import runner  # torch, which the process that plans does without.

    try:
        record = runner.run(config, runs, resume=True).record
    except run_folder.BusyError as error:
        return CellOutcome("busy", str(error))
    except SeqbenchError as error:
        return CellOutcome("refused", str(error))
    return CellOutcome(record.status, record.results["reason"])


def is_launched_externally() -> bool:
    """Whether a launcher has started all processes of a run, ours among them."""
    return "TORCHELASTIC_RUN_ID" in os.environ or int(os.environ.get("SLURM_NTASKS", "1")) > 1


def _become(config: RunConfig, runs: Path) -> None:
    # An own file of ours, so that it may be a pickle: the parent pickled the same a moment ago.
    with tempfile.NamedTemporaryFile("wb", prefix="seqbench-cell-", delete=False) as file:
        pickle.dump((config, runs), file)
    # Who watches for the end of the sweep ends here; on Linux the system does so from now on.
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    os.execv(sys.executable, [sys.executable, "-m", "seqbench.sweep.workers.run_cell", file.name])


def main(path: Path) -> int:
    """The command that ``run`` becomes: as `seqbench run` would end, 0 for a run that is ``ok``, else 1."""
    from seqbench.running import runner

    config, runs = pickle.loads(path.read_bytes())
    try:
        return int(runner.run(config, runs, resume=True).record.status != "ok")
    except SeqbenchError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        if runner.is_first_process():
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
