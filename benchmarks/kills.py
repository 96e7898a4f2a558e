"""Kill runs and sweeps at random moments and inside writes, and check the files: ``python -m benchmarks.kills``.

The signal is SIGKILL. A fifth of the kills are of sweeps: of the command itself, of a worker, or of the server that
forks the workers. After each kill every record and checkpoint is read. At the end each run is resumed until it is
finished, and compared with a run that was never killed, bit for bit. The tests use the same code. The claim is that no
result is lost, no file is corrupted, and no resumed run differs.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

from benchmarks._results import write_results
from tests.survival import kills, sweeps

CLAIM = 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=50, help="number of kills (default: 50)")
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="seed of the random moments (default: 0); they also depend on the speed of the machine",
    )
    options = parser.parse_args()
    rng = random.Random(options.seed)
    kills_of_sweeps = options.kills // 5
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        runs = kills.KilledRuns(Path(folder) / "runs", options.seed)
        runs.kill(kills.draw_kill_points(options.kills - kills_of_sweeps, rng))
        print(f"runs: {runs.counts}")
        all_counts = [runs.counts]
        if kills_of_sweeps:
            chain = sweeps.KilledSweeps(Path(folder) / "sweeps", options.seed, fresh=True)
            chain.kill(sweeps.draw_victims(kills_of_sweeps, rng))
            print(f"sweeps: {chain.counts}")
            all_counts.append(chain.counts)
    figures = {
        "kills": sum(counts.kills.total() for counts in all_counts),
        "finished_results_lost": sum(len(counts.lost) for counts in all_counts),
        "corrupted_files": sum(len(counts.corrupted) for counts in all_counts),
        "left_over": sum(len(counts.left_over) for counts in all_counts),
        "resumed": sum(counts.resumed for counts in all_counts),
    }
    figures["resumed_bit_identical"] = figures["resumed"] - sum(len(counts.differing) for counts in all_counts)
    clean = all(counts.clean for counts in all_counts)
    same = f"{figures['resumed_bit_identical']} of {figures['resumed']}"
    print(
        f"{figures['kills']} kills: {figures['finished_results_lost']} finished results lost, "
        f"{figures['corrupted_files']} files corrupted, {figures['left_over']} left over; "
        f"{same} resumed runs ended bit-identically; claimed: {CLAIM} lost"
    )
    by_place = {place: count for counts in all_counts for place, count in sorted(counts.kills.items())}
    seconds = round(time.monotonic() - start)
    write_results("kills", {"claim": CLAIM, "seed": options.seed, **figures, "by_place": by_place, "seconds": seconds})
    return int(not clean)


if __name__ == "__main__":
    raise SystemExit(main())
