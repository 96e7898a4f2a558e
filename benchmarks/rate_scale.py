"""Compare state spaces with and without the published rate of their recurrence: ``python -m benchmarks.rate_scale``.

An LRU trains its recurrence at half the learning rate, and S4D at a rate of at most 0.001. Both are trained on task
adding with these options and with one rate for all parameters. Each form has the learning rate that validates best.
Finished runs in ``--runs`` are used again, so that the command can be stopped and started again.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks._results import write_results
from benchmarks.claims import Claim, mean_and_half_width, measure_cell
from seqbench.utils import screen

NAME = "rate-scale"
RATES = (2e-3, 5e-3, 1e-2)
SEEDS = 3
STEPS = 400
FORMS: Mapping[str, Mapping[str, Any]] = {
    "lru, half the rate": {"name": "lru"},
    "lru, one rate": {"name": "lru", "lr_scale": 1.0},
    "s4d, at most 0.001": {"name": "s4d"},
    "s4d, one rate": {"name": "s4d", "lr_max": None},
}


def _label(form: str, rate: float) -> str:
    return f"{form}, {rate:g}"


def build_claim() -> Claim:
    """Return the runs of tier smoke: each form at each learning rate, with two layers of width 64."""
    models = {
        _label(form, rate): {"arch": dict(options), "optim": {"lr": rate, "steps": STEPS, "warmup": STEPS // 10}}
        for form, options in FORMS.items()
        for rate in RATES
    }
    return Claim("adding", models, SEEDS, ["mse"], "smoke")


def summarize(cells: Mapping[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Return the best learning rate of each form by validation, and its test error over seeds."""
    summary: dict[str, dict[str, Any]] = {}
    for form in FORMS:
        validation = {
            rate: statistics.fmean(row["validation"]["mse"] for row in cells[_label(form, rate)]) for rate in RATES
        }
        best = min(validation, key=lambda rate: validation[rate])
        errors = [row["test"]["mse"] for row in cells[_label(form, best)]]
        curve = {f"{rate:g}": value for rate, value in validation.items()}
        summary[form] = {"best_rate": best, "mse": mean_and_half_width(errors), "validation_mse_by_rate": curve}
    return summary


def main() -> None:
    """Train the runs, print the error of each form at its best rate, and write the figures."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs (default: runs)")
    parser.add_argument("--threads", type=int, default=1, help="threads of each run (default: 1)")
    options = parser.parse_args()
    claim = build_claim()
    with screen.show_messages():
        cells = {
            label: [measure_cell(claim, label, seed, options.runs, options.threads) for seed in range(SEEDS)]
            for label in claim.models
        }
    summary = summarize(cells)
    for form, line in summary.items():
        print(f"{form:20} rate {line['best_rate']:g}  mse {line['mse']['mean']:.3g} ± {line['mse']['half_width']:.2g}")
    command = f"python -m benchmarks.{Path(__file__).stem}"
    write_results(
        NAME, {"task": claim.task, "tier": claim.tier, "command": command, "summary": summary, "cells": cells}
    )


if __name__ == "__main__":
    main()
