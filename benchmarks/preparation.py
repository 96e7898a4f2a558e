"""How long a data set takes to prepare, first and from the cache, and how much memory: whole processes.

``python -m benchmarks.preparation``; needs the published files under ``$SEQBENCH_DATA``.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from typing import Any

from benchmarks._results import keep

CASES = {
    "multi30k": ("seqbench.datamodules.translation:Translation", {"dataset": "multi30k"}),
    "sst2": ("seqbench.datamodules.labelled:Sentences", {"dataset": "sst2"}),
    "sst2-phrases": ("seqbench.datamodules.labelled:Sentences", {"dataset": "sst2-phrases"}),
    "nottingham": ("seqbench.datamodules.piano_rolls:PianoRolls", {"dataset": "nottingham"}),
}
CODE = """
import importlib, json, resource, sys, time
from seqbench.batches import Keys
name, _, cls = sys.argv[1].partition(":")
made = getattr(importlib.import_module(name), cls)
start = time.perf_counter()
data = made(batch_size=64, keys=Keys(0, "x", 1), **json.loads(sys.argv[2]))
data.stream("train", 0)
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
"""
AGAIN = 5


def once(where: str, options: dict[str, Any], cache: str) -> dict[str, float]:
    """One process: seconds until the first batch (imports apart) and its peak memory."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, where, json.dumps(options)],
        env={**os.environ, "SEQBENCH_CACHE": cache},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def main() -> None:
    figures: dict[str, Any] = {}
    for name, (where, options) in CASES.items():
        with tempfile.TemporaryDirectory() as cache:
            first = once(where, options, cache)
            again = [once(where, options, cache) for _ in range(AGAIN)]
        figures[name] = {
            "first_seconds": first["seconds"],
            "cached_seconds": statistics.median(one["seconds"] for one in again),
            "peak_bytes": max(one["peak_bytes"] for one in (first, *again)),
        }
        line = figures[name]
        print(
            f"{name:13} first {line['first_seconds']:.2f} s, cached {line['cached_seconds']:.3f} s "
            f"(median of {AGAIN}), peak {line['peak_bytes'] / 2**30:.2f} GiB"
        )
    keep("preparation", {"command": "python -m benchmarks.preparation", "cases": figures})


if __name__ == "__main__":
    main()
