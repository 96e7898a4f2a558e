"""Measure time and memory of preparing data sets: ``python -m benchmarks.preparation``.

Data are prepared once from the published files and then from the cache. Each measurement is a whole process. The
published files must be in ``$SEQBENCH_DATA``.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile

from benchmarks._results import write_results

CASES = {
    "multi30k": ("seqbench.datamodules.translation:Translation", {"dataset": "multi30k"}),
    "sst2": ("seqbench.datamodules.labelled:Sentences", {"dataset": "sst2"}),
    "sst2-phrases": ("seqbench.datamodules.labelled:Sentences", {"dataset": "sst2-phrases"}),
    "nottingham": ("seqbench.datamodules.piano_rolls:PianoRolls", {"dataset": "nottingham"}),
}
CODE = """
import importlib, json, resource, sys, time
from seqbench.protocol.batches import Keys
name, _, cls = sys.argv[1].partition(":")
datamodule = getattr(importlib.import_module(name), cls)
start = time.perf_counter()
data = datamodule(batch_size=64, keys=Keys(0, "x", 1), **json.loads(sys.argv[2]))
data.stream("train", 0)
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
"""
AGAIN = 5


def measure(path: str, options: dict[str, str], cache: str) -> dict[str, float]:
    """Return the seconds until the first batch of a process, without imports, and its peak memory in bytes."""
    process = subprocess.run(
        [sys.executable, "-c", CODE, path, json.dumps(options)],
        env={**os.environ, "SEQBENCH_CACHE": cache},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(process.stdout))


def main() -> None:
    figures: dict[str, dict[str, float]] = {}
    for name, (path, options) in CASES.items():
        with tempfile.TemporaryDirectory() as cache:
            first = measure(path, options, cache)
            again = [measure(path, options, cache) for _ in range(AGAIN)]
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
    write_results("preparation", {"command": "python -m benchmarks.preparation", "cases": figures})


if __name__ == "__main__":
    main()
