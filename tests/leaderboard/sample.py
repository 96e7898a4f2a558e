"""An example board whose pages show everything that a page can show, built from a few records."""

from __future__ import annotations

import random
from pathlib import Path

from seqbench.leaderboard.board_data import BoardData
from seqbench.protocol.records import Record
from tests.leaderboard import kit

MEANS = {"transformer": 1.0, "gru": 0.97, "lstm": 0.6, "mamba": 0.9, "rnn": 0.13}
TASKS = ("copy", "parity", "music-jsb")


def example_board_data(folder: Path) -> BoardData:
    """Return the data of a board of five architectures and three tasks, with its records in a folder.

    One seed diverged, one is missing, one architecture is not applicable to a task, one record is set aside, and one
    task is unknown.
    """
    generator = random.Random(0)
    records = [
        _record(arch, task, seed, generator)
        for arch in MEANS
        for task in TASKS
        for seed in range(3)
        if (arch, task, seed) != ("mamba", "copy", 2) and (arch, task) != ("mamba", "parity")
    ]
    records.append(kit.example_record("copy", "gru", 0, 0.99, modified=("optim.steps",)))
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
    return kit.board_data(board, kit.write_records(folder, *records))


def _record(arch: str, task: str, seed: int, generator: random.Random) -> Record:
    mean = MEANS[arch]
    value = {"copy": mean, "parity": 0.5 + mean / 2, "music-jsb": 11.0 - 2.8 * mean}[task]
    value += generator.gauss(0, 0.01) if mean < 1 else 0.0
    if task != "music-jsb":
        value = min(value, 1.0)
    diverged = (arch, task, seed) == ("lstm", "copy", 1)
    tried = [{"lr": rate, "value": max(value - gain, 0.0)} for rate, gain in ((1e-3, 0.2), (2e-3, 0.0), (5e-3, 0.1))]
    small = round(100_000 + generator.uniform(-1500, 1500)) if task != "parity" else 0
    return kit.example_record(
        task,
        arch,
        seed,
        value,
        status="diverged" if diverged else "ok",
        reason="the loss is nan at step 7" if diverged else None,
        distribution="other-package" if arch == "mamba" else "seqbench",
        tuning={"tried": tried, "lr": 2e-3} if task != "parity" else None,
        matched=100_000 if task != "parity" else 2_000_000,
        parameters=small or round(3e6 * mean),
        secondary={"longer_score": mean / 2} if task == "parity" else None,
        seconds=generator.uniform(60, 600),
        peak_memory_bytes=round(generator.uniform(3e8, 9e8)),
    )
