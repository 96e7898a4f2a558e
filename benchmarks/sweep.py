"""What warm workers are worth: ``python -m benchmarks.sweep``.

Twenty cells of a few seconds each, as one ``seqbench sweep`` and as twenty ``seqbench run``, with as many at once:
whole commands, from start to exit, the two in turn. The claim is 5 times the throughput where a cell's own work is
short; the longer it is, the less there is to save, as a second length shows.
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

from benchmarks._results import keep
from seqbench.utils import plain_data

ROUNDS, CELLS, WORKERS, CLAIM = 3, 20, 2, 5.0
STEPS = (20, 60)
WORDS = "--arch gru --task copy --tier smoke --logger none --trainer.threads 1"


def main() -> None:
    figures = {}
    for steps in STEPS:
        ratios, seconds = [], []
        for number in range(ROUNDS):
            with tempfile.TemporaryDirectory() as folder:
                warm = swept(steps, Path(folder, "sweep"))
                fresh = one_by_one(steps, Path(folder, "runs"))
                assert results(Path(folder, "sweep")) == results(Path(folder, "runs")), "the results differ"
            ratios.append(fresh / warm)
            seconds.append({"sweep_s": warm, "fresh_s": fresh})
            print(
                f"{steps} steps, round {number + 1}: {CELLS} cells in {warm:.1f} s by a sweep, in {fresh:.1f} s by "
                f"processes of their own ({fresh * WORKERS / CELLS:.1f} s each): {ratios[-1]:.2f} times"
            )
        median = statistics.median(ratios)
        print(f"{steps} steps: median {median:.2f} times the throughput")
        figures[f"steps_{steps}"] = {"median_ratio": median, "rounds": seconds}
    print(f"(at least {CLAIM:g} times claimed, for {STEPS[0]} steps)")
    keep("sweep", {"cells": CELLS, "workers": WORKERS, "claim": CLAIM, **figures})


def swept(steps: int, runs: Path) -> float:
    """Seconds of the sweep."""
    return _seconds(["sweep", *_words(steps, runs), "--seeds", str(CELLS), "--workers", str(WORKERS), "--no-probe"])


def one_by_one(steps: int, runs: Path) -> float:
    """Seconds of as many processes, ``WORKERS`` at a time."""
    commands = [["run", *_words(steps, runs), "--seed", str(seed)] for seed in range(CELLS)]
    start = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(_seconds, commands))
    return time.perf_counter() - start


def _words(steps: int, runs: Path) -> list[str]:
    return [*WORDS.split(), "--optim.steps", str(steps), "--optim.validate_every", str(steps // 2), "--runs", str(runs)]


def results(runs: Path) -> dict[str, str]:
    """What was computed, by folder: the two ways must agree to the bit."""
    from seqbench.protocol import records

    return {
        str(path.parent.relative_to(runs)): plain_data.to_json(records.read_record(path).results.to_dict())
        for path in runs.rglob(records.NAME)
    }


def _seconds(words: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "seqbench", *words], check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
