"""Measure the share of the causality probe in smoke runs: ``python -m benchmarks.causality_probe [ARCH ...]``.

Each run is complete: training, validations, test and record. The probe runs twice in it, before training and before the
test. Times are CPU times of the process with one thread, so that other work of the machine does not count. The claim
is a share of at most 1 %.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

import seqbench
from benchmarks._results import write_results
from seqbench.models.contract import module_probe
from seqbench.protocol.record_fields import Causality
from seqbench.utils.errors import NotAtHand

ARCHITECTURES, TASKS, CLAIM = ("gru", "transformer", "mamba"), ("copy", "char-lm-shakespeare"), 0.01


def main() -> None:
    torch.set_num_threads(1)
    figures: dict[str, dict[str, float]] = {}
    for task in TASKS:
        for arch in sys.argv[1:] or ARCHITECTURES:
            try:
                figure = measure(arch, task)
            except NotAtHand as error:
                print(f"{task} is left out: {error}")
                continue
            figures[f"{arch} on {task}"] = figure
            times = f"{1e3 * figure['probe_s']:.0f} ms of {figure['run_s']:.1f} s"
            print(f"{arch} on {task}: {times}, {figure['share']:.2%}", flush=True)
    write_results("causality_probe", {"claimed_share": CLAIM, "threads": 1, "cpu_time": figures})


def measure(arch: str, task: str) -> dict[str, float]:
    """Return the CPU time of a smoke run and of its two probes (s), and the share of the probes."""
    probe = module_probe.probe_module
    seconds: list[float] = []

    def timed(*args: Any) -> Causality | None:  # The arguments of probe_module.
        start = time.process_time()
        try:
            return probe(*args)
        finally:
            seconds.append(time.process_time() - start)

    module_probe.probe_module = timed
    try:
        with tempfile.TemporaryDirectory() as runs:
            start = time.process_time()
            run = seqbench.run(arch, task, tier="smoke", logger="none", trainer={"threads": 1}, runs=Path(runs))
            total = time.process_time() - start
    finally:
        module_probe.probe_module = probe
    assert run.record.status == "ok", run.record.results.reason
    assert len(seconds) == 2
    return {"run_s": total, "probe_s": sum(seconds), "share": sum(seconds) / total}


if __name__ == "__main__":
    main()
