"""A document with all that a page can show, made of a few records."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from seqbench.leaderboard.board_data import BoardData
from tests.leaderboard import kit

MEANS = {"transformer": 1.0, "gru": 0.97, "lstm": 0.6, "mamba": 0.9, "rnn": 0.13}


def example_board_data(folder: Path) -> BoardData:
    """Five architectures on three tasks: one diverged seed, one missing, one not applicable, one record set aside."""
    chosen = random.Random(0)
    found = []
    for arch, base in MEANS.items():
        for task in ("copy", "parity", "music-jsb"):
            for seed in range(3):
                if (arch, task, seed) == ("mamba", "copy", 2) or (arch, task) == ("mamba", "parity"):
                    continue
                value = {"copy": base, "parity": 0.5 + base / 2, "music-jsb": 11.0 - 2.8 * base}[task]
                value += chosen.gauss(0, 0.01) if base < 1 else 0.0
                broken = (arch, task, seed) == ("lstm", "copy", 1)
                tried = [{"lr": rate, "value": value - gain} for rate, gain in ((1e-3, 0.2), (2e-3, 0.0), (5e-3, 0.1))]
                made = kit.example_record(
                    task,
                    arch,
                    seed,
                    value,
                    status="diverged" if broken else "ok",
                    reason="the loss is nan at step 7" if broken else None,
                    distribution="other-package" if arch == "mamba" else "seqbench",
                    tuning={"tried": tried, "lr": 2e-3} if task != "parity" else None,
                    matched=100_000 if task != "parity" else 2_000_000,
                    parameters=round(100_000 + chosen.uniform(-1500, 1500)) if task != "parity" else round(3e6 * base),
                    secondary={"longer_score": base / 2} if task == "parity" else None,
                    seconds=chosen.uniform(60, 600),
                    peak_memory_bytes=chosen.uniform(3e8, 9e8),
                )
                found.append(made)
    found.append(kit.example_record("copy", "gru", 0, 0.99, modified=("optim.steps",)))
    board = kit.example_board(
        title="A board & more",
        tasks={
            "copy": None,
            "parity": {"size": {"parameters": 2_000_000, "tolerance": 0.99}, "secondary": ["longer_score"]},
            "music-jsb": {"anchor": 8.1, "anchor_source": "somebody's"},
            "no-such-task": None,
        },
        not_applicable=[{"architecture": "bigru", "task": "copy", "reason": "it looks ahead"}],
        published=[
            {"name": "copy memory", "metric": "accuracy", "direction": "max", "values": {"gru": 0.98, "tcn": 0.5},
             "setting": "T = 1000", "task": "copy", "needs": "ten minutes"},
            {"name": "JSB", "metric": "nll_per_frame", "direction": "min", "values": {"gru": 8.43},
             "setting": "300K parameters", "task": "music-jsb"},
        ],
    )  # fmt: skip
    return kit.board_data(board, kit.write_records(folder, *found))


def example_document(folder: Path) -> dict[str, Any]:
    """Return ``example_board_data`` as plain data."""
    return example_board_data(folder).to_plain()
