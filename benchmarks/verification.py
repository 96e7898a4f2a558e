"""Measure blind verification against one in a single process: ``python -m benchmarks.verification PLAIN RUN``.

PLAIN is a checkout of the last commit whose `seqbench verify` runs in one process (093db82: `git worktree add`). RUN is
a run of that version, such as that of a gru on music-jsb. Each measurement is the whole command, from start to exit.
The two versions alternate, so that both have the same load of the machine. The claim is a median ratio of at most 3.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks._results import write_results

PAIRS, CLAIM = 7, 3.0
VERSIONS = ("plain", "blind")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plain", type=Path, help="checkout of the version with one process")
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    options = parser.parse_args()
    here = Path(__file__).resolve().parents[1]
    checkouts = {"plain": options.plain.resolve(), "blind": here}
    seconds: dict[str, list[float]] = {name: [] for name in VERSIONS}
    processor: dict[str, list[float]] = {name: [] for name in VERSIONS}
    for pair in range(options.pairs + 1):
        for name in VERSIONS:
            wall, used = _time_verification(checkouts[name], options.run.resolve())
            if pair:  # The first pair fills the file cache.
                seconds[name].append(wall)
                processor[name].append(used)
                print(f"{name}: {wall:.2f} s, {used:.2f} s of processor time", flush=True)
    ratios = [blind / plain for plain, blind in zip(seconds["plain"], seconds["blind"], strict=True)]
    median = statistics.median(ratios)
    print(f"blind / plain: median {median:.2f} of {len(ratios)} pairs (at most {CLAIM:g} claimed)")
    write_results(
        "verification",
        {
            "run": "/".join(options.run.resolve().parts[-3:]),
            "pairs": options.pairs,
            "claim": CLAIM,
            "median_ratio": median,
            "ratios": ratios,
            "seconds": {name: statistics.median(values) for name, values in seconds.items()},
            "processor_seconds": {name: statistics.median(values) for name, values in processor.items()},
        },
    )


def _time_verification(checkout: Path, run: Path) -> tuple[float, float]:
    """Return the time of one verification and the processor time of all of its processes (s)."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-c", "from seqbench.cli.main import main; raise SystemExit(main())", "verify", str(run)]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stdout + done.stderr
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
