"""Measure claims about architectures: ``python -m benchmarks.claims [CLAIM ...]``, by default all claims.

The command trains the cells of each claim, prints the mean and the 95 % interval over seeds, and writes them as JSON.
Finished runs in ``--runs`` are used again, so that the command can be stopped and started again.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy import stats

import seqbench
from benchmarks._results import write_results
from seqbench.protocol import cards
from seqbench.utils import screen


@dataclass(frozen=True)
class Claim:
    """The runs that measure a claim: models by their label, each with the same number of seeds."""

    task: str
    models: Mapping[str, Mapping[str, Any]]
    seeds: int
    metrics: Sequence[str]
    tier: str = "small"


def _models(*names: str) -> dict[str, dict[str, Any]]:
    return {name: {"arch": name} for name in names}


def _grid(task: str, tier: str, names: Sequence[str], match_params: str) -> dict[str, dict[str, Any]]:
    """Return each architecture at one size, at each learning rate of the card's grid."""
    rates = cards.load_card(task).tier(tier).learning_rates
    return {
        f"{name} {rate:g}": {"arch": name, "match_params": match_params, "optim": {"lr": rate}}
        for name in names
        for rate in rates
    }


_FAMILIES = ("rnn", "lstm", "gru", "transformer", "tcn", "s4d", "mamba")
CLAIMS = {
    "parity": Claim("parity", _models("gru", "lstm"), 3, ["accuracy", "accuracy_longer", "solved_length"]),
    # Which architectures generalise from lengths up to 40 to a length of 500.
    "parity-families": Claim(
        "parity",
        _grid("parity", "smoke", _FAMILIES, "100k"),
        3,
        ["accuracy", "accuracy_longer", "solved_length"],
        "smoke",
    ),
    "copy": Claim("copy", _models("gru", "lstm", "rnn"), 3, ["accuracy", "loss_all_positions"]),
    # Ten of the paper's fifty epochs. They suffice for the TCN, while the LSTM stays at chance.
    "copy-1000": Claim(
        "copy",
        {name: {"arch": name, "optim": {"steps": 3130}} for name in ("tcn", "lstm")},
        1,
        ["accuracy", "loss_all_positions"],
        "paper",
    ),
    "plan": Claim("plan", _models("jordan", "narx", "gru", "bow"), 3, ["mse", "mae"]),
    "char-lm": Claim("char-lm-shakespeare", _models("gru"), 1, ["bits_per_character", "loss"]),
    "char-lm-ptb": Claim("char-lm-ptb", _models("gru"), 1, ["bits_per_character", "loss"], "medium"),
    "music-jsb": Claim("music-jsb", _models("gru"), 3, ["nll_per_frame", "frame_accuracy"]),
    "music-jsb-tcn": Claim("music-jsb", _models("tcn"), 3, ["nll_per_frame", "frame_accuracy"], "paper"),
    "music-nottingham": Claim("music-nottingham", _models("gru"), 1, ["nll_per_frame", "frame_accuracy"], "medium"),
    "sentiment": Claim("sentiment-sst2", _models("bigru"), 3, ["accuracy", "macro_f1"]),
    "order": Claim("sentiment-order", _models("bow", "bigru"), 3, ["accuracy"]),
    # A window as wide as the sentence has separate weights for each position.
    "position": Claim(
        "sentiment-position",
        {"tdnn": {"arch": {"name": "tdnn", "window": 24}}, **_models("gru")},
        3,
        ["accuracy"],
    ),
    "translation": Claim(
        "translation-multi30k-en-de",
        {"attention": {"arch": "gru"}, "vector": {"arch": "gru", "body": {"bridge": "vector"}}},
        1,
        ["bleu", "chrf", "token_loss"],
        "medium",
    ),
    "translation-transformer": Claim(
        "translation-multi30k-en-de", _models("transformer"), 1, ["bleu", "chrf", "token_loss"], "medium"
    ),
}


def measure_cell(claim: Claim, label: str, seed: int, runs: Path, threads: int) -> dict[str, Any]:
    """Train one model; return its scores, its time, and the curve over length if the task has one."""
    model = dict(claim.models[label])
    run = seqbench.run(
        model.pop("arch"),
        claim.task,
        tier=claim.tier,
        seed=seed,
        logger="none",
        runs=runs,
        existing="resume",
        trainer={"threads": threads},
        **model,
    )
    results, measured = run.record.results, run.record.measured
    assert results.status == "ok", results.reason
    figures = {name: line.value for name, line in results.metrics["test"].items()}
    validation = {name: line.value for name, line in results.metrics["validation"].items()}
    scores: dict[str, Any] = {"seed": seed, "test": figures, "validation": validation, "best_step": results.best_step}
    if results.lengths:
        scores["lengths"] = results.lengths
    facts = run.record.config.data_facts
    signatures = {name: value for name, value in facts.items() if name.endswith("_signature")}
    return {
        **scores,
        **signatures,
        "parameters": run.record.config.parameters,
        "chance": {name: line.chance for name, line in results.metrics["test"].items()},
        "baselines": results.baselines["test"],
        "seconds": measured.seconds,
        "threads": measured.threads,
    }


def mean_and_half_width(values: list[float]) -> dict[str, float | None]:
    """Return the mean, and the half-width of the 95 % t-interval, which is None for a single value."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return {"mean": mean, "half_width": None}
    width = stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return {"mean": mean, "half_width": float(width)}


def measure_claim(name: str, runs: Path, threads: int) -> None:
    """Train the cells of a claim, then print their scores and write them to a file."""
    claim = CLAIMS[name]
    cells = {
        label: [measure_cell(claim, label, seed, runs, threads) for seed in range(claim.seeds)]
        for label in claim.models
    }
    summary: dict[str, Any] = {}
    for label, rows in cells.items():
        summary[label] = {
            metric: mean_and_half_width([row["test"][metric] for row in rows]) for metric in claim.metrics
        }
        for metric, line in summary[label].items():
            width = "" if line["half_width"] is None else f" ± {line['half_width']:.4f}"
            values = ", ".join(f"{row['test'][metric]:.4g}" for row in rows)
            print(f"{name:8} {label:9} {metric:20} {line['mean']:.4f}{width}   ({values})")
    command = f"python -m benchmarks.claims {name}"
    facts = {"task": claim.task, "tier": claim.tier, "card_version": cards.load_card(claim.task).version}
    write_results(name, {**facts, "command": command, "summary": summary, "cells": cells})


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help=f"one of {', '.join(CLAIMS)} (default: all)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs (default: runs)")
    parser.add_argument("--threads", type=int, default=0, help="threads of each run (0: the default of PyTorch)")
    options = parser.parse_args()
    for claim in options.claims or CLAIMS:
        if claim not in CLAIMS:
            parser.error(f"unknown claim {claim!r}; expected one of {', '.join(CLAIMS)}")
        with screen.show_messages():
            measure_claim(claim, options.runs, options.threads)


if __name__ == "__main__":
    main()
