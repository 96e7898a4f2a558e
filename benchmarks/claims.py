"""What the lectures claim, in our own numbers: ``python -m benchmarks.claims [parity] [copy] [char-lm]``.

Runs the cells of each claim on tier ``small`` (finished ones are taken from ``--runs``, so it may be stopped and
started again), prints mean and 95 % interval over seeds, and keeps them as JSON.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

from scipy import stats

import seqbench
from benchmarks._results import keep

# Per claim: the task, its architectures, its seeds, and the test metrics to tell.
CLAIMS: dict[str, tuple[str, list[str], int, list[str]]] = {
    "parity": ("parity", ["gru", "lstm"], 3, ["accuracy", "accuracy_longer", "solved_length"]),
    "copy": ("copy", ["gru", "lstm", "rnn"], 3, ["accuracy", "loss_all_positions"]),
    "char-lm": ("char-lm-shakespeare", ["gru"], 1, ["bits_per_character", "loss"]),
}


def cell(arch: str, task: str, seed: int, runs: Path, threads: int) -> dict[str, Any]:
    """One run's figures: test scores, what it took, and the curve over length where there is one."""
    run = seqbench.run(
        arch, task, seed=seed, logger="none", runs=runs, resume=True, trainer={"threads": threads}, say=print
    )
    results, measured = run.record.results, run.record.measured
    assert results["status"] == "ok", results["reason"]
    figures = {name: line["value"] for name, line in results["metrics"]["test"].items()}
    validation = {name: line["value"] for name, line in results["metrics"]["validation"].items()}
    kept = {"seed": seed, "test": figures, "validation": validation, "best_step": results["best_step"]}
    if "lengths" in results:
        kept["lengths"] = results["lengths"]
    return {**kept, "seconds": measured["seconds"], "threads": measured["threads"]}


def interval(values: list[float]) -> dict[str, float | None]:
    """Mean and half-width of the 95 % t-interval; none for a single seed, 0 for identical ones."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return {"mean": mean, "half_width": None}
    width = stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return {"mean": mean, "half_width": float(width)}


def show(claim: str, runs: Path, threads: int) -> None:
    """Run a claim's cells, print them, and keep them."""
    task, archs, seeds, metrics = CLAIMS[claim]
    cells = {arch: [cell(arch, task, seed, runs, threads) for seed in range(seeds)] for arch in archs}
    summary: dict[str, Any] = {}
    for arch, rows in cells.items():
        summary[arch] = {name: interval([row["test"][name] for row in rows]) for name in metrics}
        for name, line in summary[arch].items():
            width = "" if line["half_width"] is None else f" ± {line['half_width']:.4f}"
            each = ", ".join(f"{row['test'][name]:.4g}" for row in rows)
            print(f"{claim:8} {arch:5} {name:20} {line['mean']:.4f}{width}   ({each})")
    command = f"python -m benchmarks.claims {claim}"
    keep(claim, {"task": task, "tier": "small", "command": command, "summary": summary, "cells": cells})


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help=f"of {', '.join(CLAIMS)}; default: all")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--threads", type=int, default=0, help="of each run; 0 leaves PyTorch's choice")
    options = parser.parse_args()
    for claim in options.claims or CLAIMS:
        if claim not in CLAIMS:
            parser.error(f"no claim is called {claim!r}; choose of {', '.join(CLAIMS)}")
        show(claim, options.runs, options.threads)


if __name__ == "__main__":
    main()
