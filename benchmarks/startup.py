"""Measure the time of `seqbench --help` and `seqbench list`: ``python -m benchmarks.startup``.

Each measurement is a whole process, from start to exit. The two commands alternate. The claim is a median of at most
150 ms.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks._results import write_results

RUNS, CLAIM = 30, 0.150
COMMANDS = {"help": ["--help"], "list": ["list"]}


def main() -> None:
    program = shutil.which("seqbench", path=str(Path(sys.executable).parent))
    assert program, "seqbench is not installed in the environment of this Python"
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for run in range(RUNS + 2):
        for name, arguments in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run([program, *arguments], check=True, stdout=subprocess.DEVNULL)
            if run >= 2:  # The first two fill the file cache.
                seconds[name].append(time.perf_counter() - start)
    figures = {}
    for name, values in seconds.items():
        median = statistics.median(values)
        figures[name] = {"median_ms": 1e3 * median, "min_ms": 1e3 * min(values), "max_ms": 1e3 * max(values)}
        print(f"seqbench {name}: median {1e3 * median:.0f} ms of {RUNS} (at most {1e3 * CLAIM:.0f} claimed)")
    write_results("startup", {"runs": RUNS, "claim_ms": 1e3 * CLAIM, **figures})


if __name__ == "__main__":
    main()
