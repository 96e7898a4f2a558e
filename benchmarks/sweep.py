"""What warm workers are worth: ``python -m benchmarks.sweep``.

Twenty cells of a few seconds each, as one ``seqbench sweep`` and as twenty ``seqbench run``, with as many at once:
whole commands, from start to exit, the two in turn. The claim is 5 times the throughput.
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
from seqbench import plain

ROUNDS, CELLS, WORKERS, CLAIM = 3, 20, 2, 5.0
WORDS = "--arch gru --task copy --tier smoke --optim.steps 40 --optim.validate_every 20 --logger none"


def main() -> None:
    ratios, figures = [], []
    for number in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            warm = swept(Path(folder, "sweep"))
            fresh = one_by_one(Path(folder, "runs"))
            assert results(Path(folder, "sweep")) == results(Path(folder, "runs")), "the results differ"
        ratios.append(fresh / warm)
        figures.append({"sweep_s": warm, "fresh_s": fresh})
        print(
            f"round {number + 1}: {CELLS} cells in {warm:.1f} s by a sweep, in {fresh:.1f} s by processes of their own "
            f"({fresh * WORKERS / CELLS:.1f} s each): {ratios[-1]:.2f} times"
        )
    print(f"median {statistics.median(ratios):.2f} times the throughput (at least {CLAIM:g} claimed)")
    keep(
        "sweep",
        {
            "cells": CELLS,
            "workers": WORKERS,
            "claim": CLAIM,
            "median_ratio": statistics.median(ratios),
            "rounds": figures,
        },
    )


def swept(runs: Path) -> float:
    """Seconds of the sweep."""
    command = ["sweep", *WORDS.split(), "--seeds", str(CELLS), "--workers", str(WORKERS), "--no-probe"]
    return _seconds([*command, "--runs", str(runs), "--trainer.threads", "1"])


def one_by_one(runs: Path) -> float:
    """Seconds of as many processes, ``WORKERS`` at a time."""
    commands = [
        ["run", *WORDS.split(), "--seed", str(seed), "--runs", str(runs), "--trainer.threads", "1"]
        for seed in range(CELLS)
    ]
    start = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(_seconds, commands))
    return time.perf_counter() - start


def results(runs: Path) -> dict[str, str]:
    """What was computed, by folder: the two ways must agree to the bit."""
    from seqbench import records

    return {
        str(path.parent.relative_to(runs)): plain.to_json(records.read(path).results)
        for path in runs.rglob(records.NAME)
    }


def _seconds(words: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "seqbench", *words], check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
