"""Compare the throughput of a sweep and of separate runs: ``python -m benchmarks.sweep``.

Twenty cells of a few seconds are run by one ``seqbench sweep`` and by twenty ``seqbench run``, with the same number at
a time. Whole commands are timed, from start to exit, and the two ways alternate. The claim is 5 times the throughput
for short cells. Longer cells gain less; a second length shows how much.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks._results import write_results
from seqbench.protocol import records
from seqbench.utils import plain_data

ROUNDS, CELLS, WORKERS, CLAIM = 3, 20, 2, 5.0
STEPS = (20, 60)
ARGUMENTS = "--arch gru --task copy --tier smoke --logger none --trainer.threads 1"


def main() -> None:
    figures = {}
    for steps in STEPS:
        ratios, seconds = [], []
        for number in range(ROUNDS):
            with tempfile.TemporaryDirectory() as folder:
                sweep_seconds = time_sweep(steps, Path(folder, "sweep"))
                runs_seconds = time_runs(steps, Path(folder, "runs"))
                assert results(Path(folder, "sweep")) == results(Path(folder, "runs")), "the results differ"
            ratios.append(runs_seconds / sweep_seconds)
            seconds.append({"sweep_s": sweep_seconds, "fresh_s": runs_seconds})
            print(
                f"{steps} steps, round {number + 1}: {CELLS} cells in {sweep_seconds:.1f} s by a sweep, "
                f"in {runs_seconds:.1f} s by separate runs ({runs_seconds * WORKERS / CELLS:.1f} s each): "
                f"{ratios[-1]:.2f} times"
            )
        median = statistics.median(ratios)
        print(f"{steps} steps: median {median:.2f} times the throughput")
        figures[f"steps_{steps}"] = {"median_ratio": median, "rounds": seconds}
    print(f"(claimed for {STEPS[0]} steps: at least {CLAIM:g} times)")
    write_results("sweep", {"cells": CELLS, "workers": WORKERS, "claim": CLAIM, **figures})


def time_sweep(steps: int, runs: Path) -> float:
    """Return the duration of the sweep in seconds."""
    return _seconds(["sweep", *_arguments(steps, runs), "--seeds", str(CELLS), "--workers", str(WORKERS), "--no-probe"])


def time_runs(steps: int, runs: Path) -> float:
    """Return the duration of separate runs of all cells, ``WORKERS`` at a time, in seconds."""
    commands = [["run", *_arguments(steps, runs), "--seed", str(seed)] for seed in range(CELLS)]
    start = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(_seconds, commands))
    return time.perf_counter() - start


def _arguments(steps: int, runs: Path) -> list[str]:
    return [
        *ARGUMENTS.split(),
        "--optim.steps",
        str(steps),
        "--optim.validate_every",
        str(steps // 2),
        "--runs",
        str(runs),
    ]


def results(runs: Path) -> dict[str, str]:
    """Return the results of the records by folder; both ways must give the same results, bit for bit."""
    return {
        str(path.parent.relative_to(runs)): plain_data.to_json(records.read_record(path).results.to_dict())
        for path in runs.rglob(records.NAME)
    }


def _seconds(arguments: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "seqbench", *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
