"""Runs that are killed, again and again, and what is left of them.

``python -m benchmarks.kills`` counts with the same code.
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
from tests.survival.places import AT_RANDOM, PLACES, RUNS, Place, arm

CONTEXT: Any = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["seqbench.sweep.workers.preload"])
LONGEST = 120.0
"""Seconds after which a run, or what a killed sweep left, hangs."""

ARCH = {"name": "gru", "d_model": 8, "num_layers": 2, "dropout": 0.2}
OPTIM = {"steps": 60, "batch_size": 8, "validate_every": 20, "schedule": "cosine"}


@dataclass
class Counts:
    """What a series of kills came to."""

    kills: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    corrupted: list[str] = field(default_factory=list)
    resumed: int = 0
    differing: list[str] = field(default_factory=list)
    littered: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, broken, left over or other than in an uninterrupted run."""
        return not (self.lost or self.corrupted or self.differing or self.littered)

    def __str__(self) -> str:
        places = ", ".join(f"{place}: {count}" for place, count in sorted(self.kills.items()))
        wrong = {name: getattr(self, name) for name in ("lost", "corrupted", "differing", "littered")}
        shown = "; ".join(f"{name} {found or 'none'}" for name, found in wrong.items())
        return f"{self.kills.total()} kills, {self.resumed} resumed to the end; {shown} ({places})"


class Ledger:
    """What stands below a folder, looked at after each kill: nothing finished may go or change, nothing be broken."""

    def __init__(self, folder: Path, counts: Counts) -> None:
        self.folder, self.counts = folder, counts
        self._finished: dict[Path, tuple[int, bytes]] = {}

    def look(self) -> None:
        """Compare, and count what is wrong."""
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
                self.counts.littered.append(f"{lock} is held")


def results(folder: Path) -> dict[str, str]:
    """The results below a folder, by run, as text that is the same for the same bits."""
    return {
        str(path.parent.relative_to(folder)): json.dumps(records.read_record(path).results.to_dict(), sort_keys=True)
        for path in folder.rglob(records.NAME)
    }


def names(folder: Path) -> set[str]:
    """All files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


class Runs:
    """Kills runs.

    Args:
        folder: for all that they leave.
        seed: of all that is drawn.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self._rng = folder, random.Random(seed)
        self.counts = Counts()
        self._whole: dict[str, tuple[dict[str, str], set[str], float]] = {}
        self._chains = 0
        make_data(folder)

    def kill(self, places: Sequence[Place]) -> None:
        """Kill once at each of the places, in chains of up to three in one run, which is then let go to its end.

        A run that ended before its kill does not count: the kill is tried again in another.

        Raises:
            AssertionError: a place is never come by.
        """
        waiting, tries = deque(places), Counter[Place]()
        while waiting:
            missed = self._chain(list(_together(waiting, self._rng)))
            tries.update(missed)
            waiting.extend(missed)
            never = [str(place) for place, count in tries.items() if count > 8 and place is not AT_RANDOM]
            assert not never, f"no run comes by {never}"

    def _chain(self, places: Sequence[Place]) -> list[Place]:
        """Kill one run at the places, one after the other, and let it end; return those it did not come by."""
        kind = self._rng.choice(sorted(set.intersection(*(set(place.only) for place in places))))
        whole, expected, seconds = self._uninterrupted(kind)
        self._chains += 1
        base = self.folder / f"chain-{self._chains}"
        ledger, missed = Ledger(base, self.counts), list(places)
        while missed:
            place = missed[0]
            code = self._attempt(kind, base, place, seconds)
            ledger.look()
            if code != -signal.SIGKILL:
                break
            self.counts.kills[str(place)] += 1
            del missed[0]
        else:
            self._attempt(kind, base, None)
            ledger.look()
        self.counts.resumed += len(missed) < len(places)
        if results(base / "runs") != whole:
            self.counts.differing.append(f"{kind}, killed at {', '.join(map(str, places))}")
        self.counts.littered += sorted((names(base / "runs") ^ expected) | names(base / "aside"))
        return missed

    def _uninterrupted(self, kind: str) -> tuple[dict[str, str], set[str], float]:
        if kind not in self._whole:
            base = self.folder / f"whole-{kind}"
            start = time.monotonic()
            assert self._attempt(kind, base, None) == 0
            seconds = time.monotonic() - start
            self._whole[kind] = results(base / "runs"), names(base / "runs"), seconds
            assert all('"status": "ok"' in text for text in self._whole[kind][0].values())
        return self._whole[kind]

    def _attempt(self, kind: str, base: Path, place: Place | None, seconds: float = 0.0) -> int:
        """A run in a process of its own, killed at the place or not at all: its exit status."""
        nth = self._rng.randint(1, place.most) if place else 0
        process = CONTEXT.Process(target=_run, args=(kind, self.folder, base, place, nth))
        process.start()
        if place is AT_RANDOM:
            process.join(self._rng.uniform(0.0, seconds))
            process.kill()
        process.join(LONGEST)
        assert process.exitcode in (0, -signal.SIGKILL), f"the run {base} hangs or failed: {process.exitcode}"
        return int(process.exitcode)


def drawn(count: int, rng: random.Random) -> list[Place]:
    """Places to be killed at: each of them once while the count lasts, the rest at random moments."""
    places = list(PLACES)
    rng.shuffle(places)
    return (places + [AT_RANDOM] * max(0, count - len(places)))[:count]


def make_data(folder: Path) -> None:
    """The files that the tasks read."""
    lines = ["the cat sat on the mat", "a dog ran to the man", "no one saw the sun set"]
    (folder / "text").mkdir(parents=True)
    (folder / "text" / "story.txt").write_text("\n".join(lines[(i * i + i // 3) % 3] for i in range(600)), "utf-8")
    words = ["good", "bad", "fine", "poor", "film", "plot", "the", "a"]
    rows = [[words[(n * 3 + k * k + n // 7) % 8] for k in range(2 + n % 5)] for n in range(60)]
    (folder / "sentences").mkdir()
    for split, some in {"train": rows[:40], "dev": rows[40:50], "test": rows[50:]}.items():
        told = "".join(f"{' '.join(row)}\t{int('good' in row)}\n" for row in some)
        (folder / "sentences" / f"{split}.tsv").write_text(told, "utf-8")


def _together(waiting: deque[Place], rng: random.Random) -> Iterator[Place]:
    """One to three places from the front of the queue that runs of one task come by."""
    tasks, length = set(RUNS), rng.randint(1, 3)
    for place in list(waiting):
        if length and tasks & set(place.only):
            tasks &= set(place.only)
            waiting.remove(place)
            length -= 1
            yield place


def _run(kind: str, data: Path, base: Path, place: Place | None, nth: int) -> None:
    """In a process of its own."""
    import seqbench

    torch.set_num_threads(1)
    os.environ["SEQBENCH_CACHE"] = str(base / "cache")
    tempfile.tempdir = str(base / "aside")  # What is left there by a killed run is left for good.
    (base / "aside").mkdir(parents=True, exist_ok=True)
    if place is not None:
        arm(place, nth)
    task: dict[str, Any] = dict(RUNS[kind])
    if (data / kind).is_dir():
        task["data_dir"] = str(data / kind)
    seqbench.run(ARCH, task, tier="smoke", optim=OPTIM, logger="none", runs=base / "runs", existing="resume")
