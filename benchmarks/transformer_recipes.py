"""Try recipes of the transformer on parity and copy: ``python -m benchmarks.transformer_recipes [TRIAL ...]``.

The command trains the given trials, by default all, in one thread (about 30 minutes), and writes their scores as JSON;
scores of other trials stay as they are. Every trial has about 100,000 parameters. Finished runs in ``--runs`` are used
again, so that the command can be stopped and started again. ``--table`` only makes the table of ``docs/recipes.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import seqbench
from benchmarks._results import RESULTS, write_results
from seqbench.utils import plain_data, screen

NAME = "transformer_recipes"
PAGE = RESULTS.parents[1] / "docs" / "recipes.md"
START, END = "<!-- trials of the transformer -->", "<!-- end of trials -->"
"""Marks before and after the table on the page."""
OPTIM = {
    "steps": 2000,
    "batch_size": 32,
    "validate_every": 500,
    "optimizer": "adamw",
    "weight_decay": 0.01,
    "schedule": "cosine",
    "warmup": 200,
    "clip": 1.0,
}
"""Optimisation of all trials that say nothing else."""
PARITY = {"samples": 500, "probe_samples": 128, "probe_lengths": [40, 60, 100, 500]}
PLAIN = {"num_layers": 2, "heads": 4, "positions": "rotary"}
"""Options of a trial that says nothing else. They are the defaults of the transformer; a card may have others."""
DEEP: dict[str, Any] = {"num_layers": 6, "heads": 2}
BEST: dict[str, Any] = {**DEEP, "positions": "sinusoidal"}


@dataclass(frozen=True)
class Trial:
    """One recipe: a task with its arguments, options of the transformer, and the optimisation."""

    task: str
    arch: Mapping[str, Any]
    optim: Mapping[str, Any]
    arguments: Mapping[str, Any] = field(default_factory=lambda: PARITY)
    seed: int = 0


def _parity(lr: float = 3e-3, seed: int = 0, **options: Any) -> Trial:
    """Return a trial on parity; options that ``OPTIM`` names change the optimisation, others the transformer."""
    optim = {name: value for name, value in options.items() if name in OPTIM}
    arch = {name: value for name, value in options.items() if name not in OPTIM}
    return Trial("parity", arch, {**OPTIM, "lr": lr, **optim}, seed=seed)


def _copy(lr: float, payload: int, steps: int = 1000, **arch: Any) -> Trial:
    arguments = {"payload": payload, "delay": 30, "blank_weight": 0.01, "samples": 500}
    return Trial("copy", arch, {**OPTIM, "lr": lr, "steps": steps, "warmup": steps // 10}, arguments)


TRIALS = {
    "parity rotary, 2 layers, 4 heads": _parity(),
    "parity sinusoidal, 2 layers, 4 heads": _parity(positions="sinusoidal"),
    "parity sinusoidal, 6 layers, 4 heads": _parity(num_layers=6, positions="sinusoidal"),
    "parity sinusoidal, 6 layers, 2 heads": _parity(**BEST),
    "parity sinusoidal, 6 layers, 1 head": _parity(num_layers=6, heads=1, positions="sinusoidal"),
    "parity sinusoidal, 8 layers, 2 heads": _parity(num_layers=8, heads=2, positions="sinusoidal"),
    "parity rotary, 6 layers, 2 heads": _parity(**DEEP),
    "parity learned, 6 layers, 2 heads": _parity(**DEEP, positions="learned", max_time=544),
    "parity alibi, 6 layers, 2 heads": _parity(**DEEP, positions="alibi"),
    "parity none, 6 layers, 2 heads": _parity(**DEEP, positions="none"),
    "parity sinusoidal, 6 layers, 2 heads, lr .001": _parity(1e-3, **BEST),
    "parity sinusoidal, 6 layers, 2 heads, lr .005": _parity(5e-3, **BEST),
    "parity sinusoidal, 6 layers, 2 heads, swiglu": _parity(**BEST, mlp="swiglu"),
    "parity sinusoidal, 6 layers, 2 heads, qk_norm": _parity(**BEST, qk_norm=True),
    "parity sinusoidal, 6 layers, 2 heads, pytorch init": _parity(**BEST, init="pytorch"),
    "parity sinusoidal, 6 layers, 2 heads, weight decay .1": _parity(**BEST, weight_decay=0.1),
    "parity sinusoidal, 6 layers, 2 heads, no warm-up": _parity(**BEST, warmup=0),
    "parity sinusoidal, 6 layers, 2 heads, batch 64": _parity(**BEST, batch_size=64),
    "copy 5, rotary, lr .005": _copy(5e-3, 5, steps=2000),
    "copy 5, rotary, lr .002": _copy(2e-3, 5),
    "copy 5, rotary, lr .001": _copy(1e-3, 5),
    "copy 5, sinusoidal": _copy(2e-3, 5, positions="sinusoidal"),
    "copy 5, none": _copy(2e-3, 5, positions="none"),
    "copy 10, rotary": _copy(2e-3, 10),
}
"""All trials by their labels."""


def train_trial(trial: Trial, runs: Path) -> dict[str, Any]:
    """Train a trial; return its recipe and its scores as plain data."""
    run = seqbench.run(
        arch={"name": "transformer", **PLAIN, **trial.arch},
        task={"name": trial.task, **trial.arguments},
        tier="small",
        seed=trial.seed,
        match_params="100k",
        match_tolerance=0.03,
        optim=dict(trial.optim),
        trainer={"threads": 1},
        logger="none",
        runs=runs,
        existing="resume",
    )
    results = run.record.results
    assert results.status == "ok", results.reason
    row: dict[str, Any] = {
        "task": trial.task,
        "seed": trial.seed,
        "arch": dict(trial.arch),
        "optim": dict(trial.optim),
        "arguments": dict(trial.arguments),
        "d_model": run.record.config.options.arch["d_model"],
        "parameters": run.record.config.parameters,
        "test": {name: line.value for name, line in results.metrics["test"].items()},
        "best_step": results.best_step,
    }
    if results.lengths:
        row["lengths"] = results.lengths
    return row


def known_trials() -> dict[str, dict[str, Any]]:
    """Return the trials in the file of earlier calls of this command."""
    path = RESULTS / f"{NAME}.json"
    data: Any = plain_data.read_json(path) if path.is_file() else {"trials": {}}
    return {label: row for label, row in data["trials"].items() if label in TRIALS}


def write_trials(rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Write trials beside those in the file, in the order of ``TRIALS``."""
    merged = known_trials()
    for label, row in rows.items():
        merged[label] = dict(row)
    ordered = {label: merged[label] for label in TRIALS if label in merged}
    write_results(NAME, {"command": f"python -m benchmarks.{NAME}", "threads": 1, "trials": ordered})


def render_table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a Markdown table of trials: what they are, and their scores."""
    lines = ["| trial | steps × batch | rate | accuracy | longer |", "|---|---|---:|---:|---:|"]
    for label, row in rows.items():
        optim, test = row["optim"], row["test"]
        longer = f"{test['accuracy_longer']:.3f}" if "accuracy_longer" in test else ""
        lines.append(
            f"| {label} | {optim['steps']:,} × {optim['batch_size']} | {optim['lr']:g} | {test['accuracy']:.3f} | "
            f"{longer} |"
        )
    return "\n".join(lines)


def page_text(page: str) -> str:
    """Return the page of the recipes with the table of all known trials."""
    before, _, rest = page.partition(START)
    return f"{before}{START}\n\n{render_table(known_trials())}\n\n{END}{rest.partition(END)[2]}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Train trials, and write their scores as JSON and onto the page."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help="labels of trials, or their first words")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs (default: runs)")
    parser.add_argument("--table", action="store_true", help="write the table of known trials alone")
    options = parser.parse_args(arguments)
    chosen = [label for label in TRIALS if label in options.trials] or [
        label for label in TRIALS if not options.trials or label.startswith(tuple(options.trials))
    ]
    for label in [] if options.table else chosen:
        with screen.show_messages():
            row = train_trial(TRIALS[label], options.runs)
        print(f"{label}: {row['test']}", flush=True)
        write_trials({label: row})
    PAGE.write_text(page_text(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print("wrote docs/recipes.md")


if __name__ == "__main__":
    main()
