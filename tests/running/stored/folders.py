"""Run folders for tests, written without training."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import yaml

from seqbench.protocol import run_folder
from seqbench.protocol.records import TUNING_SEED
from tests.leaderboard.kit import example_record

TRIAL = "smoke-s999999937-0000bbbb"


def write_run(
    root: Path, name: str = "small-s0-00000000", arch: str = "gru", task: str = "copy", **record: Any
) -> Path:
    """Write a run folder with record, configuration, checkpoints and lock; return it."""
    # A word in place of a name gives a folder whose name has the form of a run folder.
    name = name if "-s" in name else f"small-s0-{zlib.crc32(name.encode()):08x}"
    folder = root / task / arch / name
    written = example_record(task=task, arch=arch, **record)
    fill_folder(folder, written.config.options.to_dict())
    written.write(folder)
    return folder


def fill_folder(folder: Path, options: dict[str, Any]) -> None:
    """Write everything but the record."""
    (folder / run_folder.CHECKPOINTS).mkdir(parents=True)
    (folder / run_folder.BEST).write_bytes(b"x" * 1000)
    (folder / run_folder.LAST).write_bytes(b"x" * 2000)
    (folder / run_folder.CONFIG).write_text(yaml.safe_dump(options))
    (folder / run_folder.LOCK).touch()


def write_killed(root: Path, name: str = "small-s1-00000000") -> Path:
    """Write the folder of a run whose process was killed before it wrote a record."""
    folder = root / "copy" / "lstm" / name
    options = {"arch": {"name": "lstm", "num_layers": 3}, "task": {"name": "copy"}, "tier": "small", "seed": 1}
    fill_folder(folder, options)
    return folder


def write_tuned(root: Path) -> tuple[Path, Path]:
    """Write a trial and the finished run that names it; return both folders."""
    tried = {"lr": 1e-3, "value": 0.5, "status": "ok", "run": TRIAL}
    tuning = {"seed": TUNING_SEED, "split": "validation", "metric": "accuracy", "tried": [tried], "lr": 1e-3}
    return write_run(root, TRIAL, seed=TUNING_SEED), write_run(root, "small-s0-0000aaaa", tuning=tuning)
