"""Runs and sweeps killed (SIGKILL) at any moment and inside writes, and what is left: ``python -m benchmarks.kills``.

A fifth of the kills are of sweeps: of the command itself, of a worker, or of the server that workers are forked from.
After each kill every record and checkpoint is read; at last each run is let go to its end and compared with one that
was never killed, bit for bit. The tests run the same code; the claim is that nothing is lost, broken or other.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

from benchmarks._results import keep
from tests.survival import kills, sweeps

CLAIM = 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the draws; the clock has its say too")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    of_sweeps = options.kills // 5
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        runs = kills.Runs(Path(folder) / "runs", options.seed)
        runs.kill(kills.drawn(options.kills - of_sweeps, rng))
        print(f"runs: {runs.counts}")
        found = [runs.counts]
        if of_sweeps:
            chain = sweeps.Sweeps(Path(folder) / "sweeps", options.seed, fresh=True)
            chain.kill(sweeps.drawn(of_sweeps, rng))
            print(f"sweeps: {chain.counts}")
            found.append(chain.counts)
    figures = {
        "kills": sum(counts.kills.total() for counts in found),
        "finished_results_lost": sum(len(counts.lost) for counts in found),
        "corrupted_files": sum(len(counts.corrupted) for counts in found),
        "left_over": sum(len(counts.littered) for counts in found),
        "resumed": sum(counts.resumed for counts in found),
    }
    figures["resumed_bit_identical"] = figures["resumed"] - sum(len(counts.differing) for counts in found)
    clean = all(counts.clean for counts in found)
    same = f"{figures['resumed_bit_identical']} of {figures['resumed']}"
    print(
        f"{figures['kills']} kills: {figures['finished_results_lost']} finished results lost, "
        f"{figures['corrupted_files']} files corrupted, {figures['left_over']} left over; "
        f"{same} that went on ended bit-identically; claimed {CLAIM} lost"
    )
    by_place = {place: count for counts in found for place, count in sorted(counts.kills.items())}
    seconds = round(time.monotonic() - start)
    keep("kills", {"claim": CLAIM, "seed": options.seed, **figures, "by_place": by_place, "seconds": seconds})
    return int(not clean)


if __name__ == "__main__":
    raise SystemExit(main())
