"""A base and a request folder for tests, with a board of two tasks, and a verification that needs no training."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import seqbench
from seqbench.leaderboard import submissions
from seqbench.protocol import records
from seqbench.protocol.records import Record
from seqbench.verification.verify import Check, CheckState, Report
from tests.leaderboard.kit import example_record
from tests.record_data import changed_record

CARD = "{name: mine, version: 1, title: t, summary: s, tier: small, seeds: 3, tasks: {copy: , parity: }}"


def build_folders(place: Path) -> tuple[Path, Path]:
    """Return a base whose board has one record, and a request that equals it."""
    base, request = place / "base", place / "request"
    (base / "leaderboards").mkdir(parents=True)
    (base / "leaderboards" / "mine.yaml").write_text(CARD)
    (base / "README.md").write_text("# The project\n")
    (base / ".github").mkdir()
    (base / ".github" / "leaderboard.yml").write_text("on: pull_request\n")
    (base / "seqbench").symlink_to(Path(seqbench.__file__).parent)  # The code that runs is that of the base.
    add_record(base, example_record())
    submissions.write_board_pages(base / "leaderboards", "mine")
    shutil.copytree(base, request, symlinks=True)
    return base, request


def new_record(task: str = "copy", **options: Any) -> Record:
    """Return an example record with the digests that this seqbench writes.

    Args:
        task: name of the task.
        options: further arguments of ``example_record``.
    """
    record = example_record(task, **options)
    sources = {"seqbench": {"digest": "0" * 64}}
    for path, value in (("initial_weights", "1" * 64), ("first_batch", "2" * 64), ("sources", sources)):
        record = changed_record(record, f"config.{path}", value)
    if record.status == "ok":
        record = changed_record(record, "results.predictions", {"validation": "3" * 64, "test": "4" * 64})
    return replace(record, checksum=None)


def add_record(folder: Path, record: Record, name: str = "") -> Path:
    """Write a record to its place on the board, and return the path of its file."""
    target = submissions._record_path(folder / "leaderboards" / "mine", record)
    return record.write(target.parent, name or target.name)


def offer_run(folder: Path, record: Record) -> Path:
    """Write a run folder with a record and a checkpoint, and return it."""
    run = folder / record.digest()[:8]
    record.write(run)
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "best.ckpt").write_bytes(b"weights")
    return run


class FakeVerification:
    """Verifies every record with the same results of the checks, and notes what it was asked.

    Args:
        states: result of each check; ``retrain`` counts only where a record is trained again.
    """

    def __init__(self, **states: CheckState) -> None:
        self.states = states or {"record": "ok", "scores": "ok", "retrain": "ok"}
        self.asked: list[tuple[str, bool, bool]] = []
        self.isolation, self.confined = "confined: reads inputs only", True
        self.beside: list[Path | None] = []

    def __call__(self, path: Path, *, retrain: bool, beside: Path | None) -> Report:
        """Return the report, and note the seed, whether there is a checkpoint, and whether to train again."""
        seed = records.read_record(path).config.seed
        self.asked.append((f"seed {seed}", (path / "checkpoints" / "best.ckpt").is_file(), retrain))
        self.beside.append(beside)
        names = [name for name in self.states if retrain or name != "retrain"]
        return Report(
            str(path),
            tuple(Check(name, self.states[name], f"{name} so") for name in names),
            self.isolation,
            self.confined,
        )
