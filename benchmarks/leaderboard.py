"""Measure time and memory of building a leaderboard of many records: ``python -m benchmarks.leaderboard``.

Records of realistic size, of 100 architectures (20 for the small board), are written to a temporary folder. Then
`seqbench leaderboard build` is timed as a whole process, from start to exit. The claims are 2 s for 500 records, and
10 s and 500 MiB for 10,000, without torch.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._results import write_results
from seqbench.protocol import cards
from seqbench.protocol.cards import Card
from seqbench.protocol.records import Record, build_record
from seqbench.utils.plain_data import json_digest, to_json

TASKS = ("copy", "parity", "adding", "music-jsb", "char-lm-shakespeare")
LINES = {"copy": (0.125, 1.0), "parity": (0.5, 1.0), "adding": (1 / 6, 0.0)}
BOARDS = {"500": (20, 5, 2.0), "10000": (100, 20, 10.0)}
"""Number of architectures, number of seeds, and claimed seconds, by the number of records."""
MOST_MIB, ROUNDS, POINTS = 500, 3, 20


def main() -> None:
    figures = {}
    for name, (archs, seeds, claim) in BOARDS.items():
        with tempfile.TemporaryDirectory() as folder:
            records = write_records(Path(folder, "runs"), archs, seeds)
            assert records == int(name)
            Path(folder, "board.yaml").write_text(to_json(board_card(seeds)))
            rounds = [build_board(Path(folder)) for _ in range(ROUNDS)]
            counted = json.loads(Path(folder, "out", "board.json").read_text())["records"]
            assert counted == records, f"{counted} of {records} records count"
        seconds, peak = statistics.median(s for s, _ in rounds), max(p for _, p in rounds)
        print(f"{name} records: {seconds:.2f} s (median of {ROUNDS}, at most {claim} claimed), {peak:.0f} MiB")
        figures[name] = {"seconds": seconds, "all": [s for s, _ in rounds], "mib": peak, "claim_seconds": claim}
    write_results(
        "leaderboard", {"boards": figures, "claim_mib": MOST_MIB, "command": "python -m benchmarks.leaderboard"}
    )


def board_card(seeds: int) -> dict[str, Any]:
    """Return the card of a board of all tasks, with anchors where the best possible score is unknown."""
    tasks = {task: None if task in LINES else {"anchor": 1.0, "anchor_source": "none"} for task in TASKS}
    return {
        "name": "many",
        "version": 1,
        "title": "Many records",
        "summary": "As many records as a cluster writes.",
        "tier": "small",
        "seeds": seeds,
        "tasks": tasks,
    }


def write_records(folder: Path, archs: int, seeds: int) -> int:
    """Write a record for each cell, in the folder of a run; return the number of records."""
    draw, count = random.Random(0), 0
    for task in TASKS:
        card = cards.load_card(task)
        for arch in range(archs):
            skill = draw.random()
            for seed in range(seeds):
                path = folder / task / f"arch-{arch}" / f"small-s{seed}-{count:08x}"
                path.mkdir(parents=True)
                example_record(card, f"arch-{arch}", seed, skill + draw.gauss(0, 0.02)).write(path)
                count += 1
    return count


def example_record(card: Card, arch: str, seed: int, skill: float) -> Record:
    """Return a record of the size of a real one (11 kB)."""
    chance, best = LINES.get(card.name, (10.0, None))
    value = chance + min(max(skill, 0.0), 1.0) * ((best if best is not None else 5.0) - chance)
    names = (card.metric.name, "loss", "another_metric")
    unknown = {"value": 0.5, "chance": 1.0, "best": None, "best_unknown": "unknown"}
    lines: dict[str, dict[str, Any]] = dict.fromkeys(names, unknown) | {
        card.metric.name: {"value": value, "chance": chance, "best": best, "best_unknown": "unknown"}
    }
    rates = card.tier("small").learning_rates[:3]
    steps = list(range(50, 50 * (POINTS + 1), 50))
    curve = {name: [value + (chance - value) * steps[0] / (10 * step) for step in steps] for name in names}
    options = {
        "arch": {"name": arch, "d_model": 128},
        "task": {"name": card.name},
        "tier": "small",
        "seed": seed,
        "optim": {
            "steps": steps[-1],
            **dict.fromkeys(("batch_size", "validate_every", "warmup"), 50),
            **dict.fromkeys(("weight_decay", "momentum", "clip"), 1e-3),
            "lr": rates[0],
            "optimizer": "adam",
            "schedule": "cosine",
            "betas": [0.9, 0.999],
        },
        "body": {},
        "trainer": {
            **dict.fromkeys(("accelerator", "strategy", "precision"), "auto"),
            **dict.fromkeys(("devices", "num_nodes", "threads"), 1),
        },
        "logger": "none",
    }
    trials = [{"lr": rate, "value": value, "status": "ok", "run": "a run"} for rate in rates]
    config = {
        "architecture": {"name": arch, "class": "x:Y", "distribution": "theirs", "version": "1.0"},
        "card": {
            "name": card.name,
            "version": card.version,
            "tier": "small",
            "digest": card.digest("small", [arch]),
            "distribution": "theirs",
            "distribution_version": "1.0",
            "metric": card.metric.name,
            "direction": card.metric.direction,
            "selection": card.metric.selection,
        },
        "modified": [],
        "options": options,
        "seed": seed,
        "digest": json_digest([options, seed]),
        "match_params": None,
        "tuning": {
            "seed": 0,
            "split": "validation",
            "metric": card.metric.selected_by,
            "tried": trials,
            "lr": rates[0],
        },
        "data": {},
        "git_commit": None,
        "parameters": 100_000,
        "state_bytes": 512,
        "flops_per_token": 2e5,
        "spec": {
            "input": {"kind": "Tokens", "vocab": 8},
            "output": {"kind": "StepLabels", "rates": [round(1 / (k + 7), 6) for k in range(88)]},
            "max_length": 100,
            "look_ahead": False,
        },
        "packages": {f"package-{k}": f"1.{k}" for k in range(12)},
    }
    results: dict[str, Any] = {
        "status": "ok",
        "reason": None,
        "metrics": {"validation": lines, "test": lines},
        "baselines": {"validation": {}, "test": {}},
        "curves": {"train": {"step": steps, "loss": curve["loss"]}, "validation": {"step": steps, **curve}},
        "lengths": {"length": steps, "accuracy": [min(1.0, abs(v)) for v in curve["loss"]]},
        "sample": [[k, k + 4, k + 7] for k in range(60)],
        "weights": json_digest([arch, seed, card.name]),
    }
    measured = {"seconds": 60.0, "tokens_per_second": 1e4, "peak_memory_bytes": 400_000_000, "device": "a processor"}
    return build_record(results, {**measured, "decode_tokens_per_second": 1e3}, config)


CHILD = """
import resource, sys
from seqbench.cli.main import main
status = main(sys.argv[1:])
assert not {"torch", "lightning", "wandb"} & set(sys.modules)
own = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
# An upper bound: the largest reader process, times the number of cores.
reader = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print("KIB", own, reader)
sys.exit(status)
"""


def build_board(folder: Path) -> tuple[float, float]:
    """Return the seconds and the peak memory in MiB of the command that builds the board, with its children."""
    board, runs, out = (str(folder / name) for name in ("board.yaml", "runs", "out"))
    words = ["leaderboard", "build", board, "--from", runs, "--out", out]
    start = time.perf_counter()
    process = subprocess.run([sys.executable, "-c", CHILD, *words], capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - start
    own, reader = map(int, process.stdout.splitlines()[-1].split()[1:])
    return seconds, (own + reader * (os.cpu_count() or 1)) / 1024


if __name__ == "__main__":
    main()
