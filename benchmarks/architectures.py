"""Measure what a run of each built-in architecture costs at the tier smoke: ``python -m benchmarks.architectures``.

The duration of a run is estimated from a few training steps and evaluation batches, as ``seqbench sweep`` does, in one
thread. It is measured in CPU seconds of the process, so that other programs on the machine have little effect.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Mapping, Sequence

import torch

from benchmarks._results import RESULTS, write_results
from seqbench.models import build
from seqbench.models.weights import count_parameters
from seqbench.protocol import registry
from seqbench.running import run_config
from seqbench.running.run_request import RunRequest
from seqbench.sweep.planning import step_timing
from seqbench.utils.errors import SeqbenchError

TASKS = ("copy", "parity")
REFERENCE = "gru"
NAME = "architectures"


def measure_run(arch: str, task: str) -> dict[str, object]:
    """Return CPU seconds and parameters of a run at the tier smoke, or the reason for which it is refused."""
    request = RunRequest.from_mapping({"arch": arch, "task": task, "tier": "smoke", "logger": "none"})
    config = run_config.resolve_config(request)
    try:
        seconds = step_timing.estimate_seconds(config, clock=time.process_time)
    except SeqbenchError as error:
        return {"refused": str(error)}
    return {"seconds": round(seconds, 1), "parameters": count_parameters(build.build_module(config))}


def own_architectures() -> list[str]:
    """Return the names of the architectures that need no further library."""
    return [name for name, found in registry.list_entries(registry.ARCHITECTURES).items() if not found[0].extras]


def format_table(runs: Mapping[str, Mapping[str, Mapping[str, object]]]) -> str:
    """Return the Markdown table of the documentation, fastest architecture on the first task first.

    Args:
        runs: the figures by task and architecture.
    """
    heads = ["name", *(f"{task} (s)" for task in TASKS), *(f"{task}, times `{REFERENCE}`" for task in TASKS)]
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"]
    names = [name for name in runs[TASKS[0]] if any("seconds" in runs[task][name] for task in TASKS)]
    for name in sorted(names, key=lambda name: _seconds(runs, TASKS[0], name)):
        seconds = [_seconds(runs, task, name) for task in TASKS]
        shares = [value / _seconds(runs, task, REFERENCE) for task, value in zip(TASKS, seconds, strict=True)]
        cells = [*(f"{value:.0f}" for value in seconds), *(f"{share:.1f}" for share in shares)]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _seconds(runs: Mapping[str, Mapping[str, Mapping[str, object]]], task: str, name: str) -> float:
    value = runs[task][name].get("seconds")
    return float(value) if isinstance(value, int | float) else float("nan")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all architectures, write the figures and print the table; ``--table`` prints the table alone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--table", action="store_true", help="print the table of the figures that were written before")
    if parser.parse_args(arguments).table:
        print(format_table(json.loads((RESULTS / f"{NAME}.json").read_text(encoding="utf-8"))["runs"]))
        return
    logging.disable(logging.INFO)
    torch.set_num_threads(1)
    measure_run(REFERENCE, TASKS[0])  # The first run also loads and compiles what all others use.
    runs: dict[str, dict[str, dict[str, object]]] = {task: {} for task in TASKS}
    for arch in own_architectures():
        for task in TASKS:
            runs[task][arch] = measure_run(arch, task)
            print(f"{arch} on {task}: {runs[task][arch]}", flush=True)
    write_results(NAME, {"tier": "smoke", "clock": "CPU seconds of one thread", "runs": runs})
    print(format_table(runs))


if __name__ == "__main__":
    main()
