"""Kill runs repeatedly, resume them, and check their files and results.

``python -m benchmarks.kills`` uses the same code.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from seqbench.datamodules.sources import prepared_cache
from seqbench.protocol import records, run_folder
from seqbench.utils.errors import SeqbenchError
from tests.survival.kill_points import AT_RANDOM, KILL_POINTS, RUNS, KillPoint, arm_kill

CONTEXT: Any = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["seqbench.sweep.workers.preload"])
TIMEOUT_SECONDS = 120.0
"""Seconds to wait for the end of a run or of the processes of a sweep."""

ARCH = {"name": "gru", "d_model": 8, "num_layers": 2, "dropout": 0.2}
OPTIM = {"steps": 60, "batch_size": 8, "validate_every": 20, "schedule": "cosine"}


@dataclass
class Counts:
    """The outcome of a series of kills.

    Args:
        kills: number of kills by point.
        lost: finished records that were lost or changed.
        corrupted: files that cannot be read.
        resumed: number of runs that were killed and then resumed to their end.
        differing: runs whose results differ from those of an uninterrupted run.
        left_over: files, locks and processes that should not remain.
    """

    kills: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    corrupted: list[str] = field(default_factory=list)
    resumed: int = 0
    differing: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing was lost or corrupted, nothing remains, and all results are those of uninterrupted runs."""
        return not (self.lost or self.corrupted or self.differing or self.left_over)

    def __str__(self) -> str:
        points = ", ".join(f"{point}: {count}" for point, count in sorted(self.kills.items()))
        wrong = {name: getattr(self, name) for name in ("lost", "corrupted", "differing", "left_over")}
        shown = "; ".join(f"{name} {found or 'none'}" for name, found in wrong.items())
        return f"{self.kills.total()} kills, {self.resumed} resumed to the end; {shown} ({points})"


class FileCheck:
    """Checks the files of a folder after each kill: finished records stay the same, and all files are readable."""

    def __init__(self, folder: Path, counts: Counts) -> None:
        self.folder, self.counts = folder, counts
        self._finished: dict[Path, tuple[int, bytes]] = {}

    def run(self) -> None:
        """Check all files, and add the problems to the counts."""
        for path, before in self._finished.items():
            if not path.is_file() or (path.stat().st_mtime_ns, path.read_bytes()) != before:
                self.counts.lost.append(str(path))
        for path in self.folder.rglob(records.NAME):
            try:
                if records.read_record(path).status == "ok":
                    self._finished.setdefault(path, (path.stat().st_mtime_ns, path.read_bytes()))
            except SeqbenchError as error:
                self.counts.corrupted.append(str(error))
        for path in self.folder.rglob("*.ckpt"):
            try:
                torch.load(path, weights_only=True)
            except Exception as error:
                self.counts.corrupted.append(f"{path}: {error}")
        for path in self.folder.rglob("prepared/*-*"):
            if not path.name.startswith(".") and prepared_cache._read_entry(path) is None:
                self.counts.corrupted.append(str(path))
        for lock in self.folder.rglob(run_folder.LOCK):
            if run_folder.is_locked(lock.parent):
                self.counts.left_over.append(f"{lock} is held")


def read_results(folder: Path) -> dict[str, str]:
    """Return the results of each run below a folder as JSON, which is equal only for equal bits."""
    return {
        str(path.parent.relative_to(folder)): json.dumps(records.read_record(path).results.to_dict(), sort_keys=True)
        for path in folder.rglob(records.NAME)
    }


def list_files(folder: Path) -> set[str]:
    """Return the paths of all files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


class KilledRuns:
    """Kills and resumes runs.

    Args:
        folder: folder for the runs.
        seed: seed of all random choices.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self._rng = folder, random.Random(seed)
        self.counts = Counts()
        self._whole: dict[str, tuple[dict[str, str], set[str], float]] = {}
        self._chains = 0
        write_data(folder)

    def kill(self, points: Sequence[KillPoint]) -> None:
        """Kill a run once at each point, up to three times in one run, which is then resumed to its end.

        If a run ends before it reaches a point, the point is tried again in another run.

        Raises:
            AssertionError: no run reaches a point.
        """
        waiting, tries = deque(points), Counter[KillPoint]()
        while waiting:
            missed = self._chain(list(_take_for_one_task(waiting, self._rng)))
            tries.update(missed)
            waiting.extend(missed)
            never = [str(point) for point, count in tries.items() if count > 8 and point is not AT_RANDOM]
            assert not never, f"no run reaches {never}"

    def _chain(self, points: Sequence[KillPoint]) -> list[KillPoint]:
        """Kill one run at some points, one after the other, and resume it to its end; return the points it missed."""
        kind = self._rng.choice(sorted(set.intersection(*(set(point.only) for point in points))))
        whole, expected, seconds = self._uninterrupted(kind)
        self._chains += 1
        base = self.folder / f"chain-{self._chains}"
        check, missed = FileCheck(base, self.counts), list(points)
        while missed:
            point = missed[0]
            code = self._attempt(kind, base, point, seconds)
            check.run()
            if code != -signal.SIGKILL:
                break
            self.counts.kills[str(point)] += 1
            del missed[0]
        else:
            self._attempt(kind, base, None)
            check.run()
        self.counts.resumed += len(missed) < len(points)
        if read_results(base / "runs") != whole:
            self.counts.differing.append(f"{kind}, killed at {', '.join(map(str, points))}")
        self.counts.left_over += sorted((list_files(base / "runs") ^ expected) | list_files(base / "aside"))
        return missed

    def _uninterrupted(self, kind: str) -> tuple[dict[str, str], set[str], float]:
        if kind not in self._whole:
            base = self.folder / f"whole-{kind}"
            start = time.monotonic()
            assert self._attempt(kind, base, None) == 0
            seconds = time.monotonic() - start
            self._whole[kind] = read_results(base / "runs"), list_files(base / "runs"), seconds
            assert all('"status": "ok"' in text for text in self._whole[kind][0].values())
        return self._whole[kind]

    def _attempt(self, kind: str, base: Path, point: KillPoint | None, seconds: float = 0.0) -> int:
        """Start or resume a run in a new process, kill it at a point if one is given, and return its exit status."""
        nth = self._rng.randint(1, point.most) if point else 0
        process = CONTEXT.Process(target=_run, args=(kind, self.folder, base, point, nth))
        process.start()
        if point is AT_RANDOM:
            process.join(self._rng.uniform(0.0, seconds))
            process.kill()
        process.join(TIMEOUT_SECONDS)
        assert process.exitcode in (0, -signal.SIGKILL), f"the run {base} hangs or failed: {process.exitcode}"
        return int(process.exitcode)


def draw_kill_points(count: int, rng: random.Random) -> list[KillPoint]:
    """Return ``count`` points in random order: each of ``KILL_POINTS`` at most once, then random moments."""
    points = list(KILL_POINTS)
    rng.shuffle(points)
    return (points + [AT_RANDOM] * max(0, count - len(points)))[:count]


def write_data(folder: Path) -> None:
    """Write the files that the tasks read."""
    lines = ["the cat sat on the mat", "a dog ran to the man", "no one saw the sun set"]
    (folder / "text").mkdir(parents=True)
    (folder / "text" / "story.txt").write_text("\n".join(lines[(i * i + i // 3) % 3] for i in range(600)), "utf-8")
    words = ["good", "bad", "fine", "poor", "film", "plot", "the", "a"]
    rows = [[words[(n * 3 + k * k + n // 7) % 8] for k in range(2 + n % 5)] for n in range(60)]
    (folder / "sentences").mkdir()
    for split, part in {"train": rows[:40], "dev": rows[40:50], "test": rows[50:]}.items():
        text = "".join(f"{' '.join(row)}\t{int('good' in row)}\n" for row in part)
        (folder / "sentences" / f"{split}.tsv").write_text(text, "utf-8")


def _take_for_one_task(waiting: deque[KillPoint], rng: random.Random) -> Iterator[KillPoint]:
    """Remove one to three points from the front of the queue that runs of the same task reach."""
    tasks, length = set(RUNS), rng.randint(1, 3)
    for point in list(waiting):
        if length and tasks & set(point.only):
            tasks &= set(point.only)
            waiting.remove(point)
            length -= 1
            yield point


def _run(kind: str, data: Path, base: Path, point: KillPoint | None, nth: int) -> None:
    """Execute one run; the main function of a new process."""
    import seqbench

    torch.set_num_threads(1)
    os.environ["SEQBENCH_CACHE"] = str(base / "cache")
    tempfile.tempdir = str(base / "aside")  # Nothing deletes what a killed run leaves there.
    (base / "aside").mkdir(parents=True, exist_ok=True)
    if point is not None:
        arm_kill(point, nth)
    task: dict[str, Any] = dict(RUNS[kind])
    if (data / kind).is_dir():
        task["data_dir"] = str(data / kind)
    seqbench.run(ARCH, task, tier="smoke", optim=OPTIM, logger="none", runs=base / "runs", existing="resume")
