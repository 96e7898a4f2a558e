"""Kill sweeps: the command itself, one of its workers, or its fork server."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from seqbench.sweep.engines import local_engine
from tests.survival.backbones import AUDIT, OVERLAP
from tests.survival.kills import CONTEXT, TIMEOUT_SECONDS, Counts, FileCheck, list_files, read_results

ROOT = Path(__file__).resolve().parents[2]
VICTIMS = ("command", "worker", "server")
CELLS = 6
WORDS = ("--task", "copy", "--tier", "smoke", "--logger", "none", "--seeds", "0,", "--no-probe", "--workers", "2")
SIZES = ("--arch.d_model", "8", "--task.delay", "2", "--task.samples", "40", "--trainer.threads", "1")
STEPS = ("--optim.steps", "60", "--optim.batch_size", "8", "--optim.validate_every", "20")
AUDITED = ("--arch", "tests.survival.backbones:Audited", "--grid", f"arch.cell={','.join(map(str, range(CELLS)))}")


class Sweep:
    """A sweep in a new process, with all processes that it has started.

    Args:
        folder: folder for its runs and logs; its path must not occur in other processes.
        fresh: start the command in a new interpreter; else its process is forked from one that has imported torch.
        words: further arguments; of an option that is given twice the later one is used.
    """

    def __init__(self, folder: Path, fresh: bool, words: Sequence[str] = AUDITED) -> None:
        self.folder, self.audit, self.runs = folder, folder / "audit", folder / "runs"
        self.audit.mkdir(parents=True, exist_ok=True)
        self._words = ["sweep", *WORDS, *SIZES, *STEPS, *words, "--runs", str(self.runs)]
        self._log = folder / "log.txt"
        if fresh:
            environment = {**os.environ, AUDIT: str(self.audit)}
            with self._log.open("a") as log:
                self._process: Any = subprocess.Popen(
                    [sys.executable, "-m", "seqbench", *self._words], cwd=ROOT, env=environment, stdout=log, stderr=log
                )
        else:
            self._process = CONTEXT.Process(target=_main, args=(self._words, str(self.audit), str(self._log)))
            self._process.start()
        self.pid: int = self._process.pid

    @property
    def output(self) -> str:
        """The output of all attempts."""
        return self._log.read_text(encoding="utf-8")

    def status(self, seconds: float = 0.0) -> int | None:
        """Return its exit status, negative for a signal; None if it has not ended after so many seconds."""
        if isinstance(self._process, subprocess.Popen):
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._process.wait(seconds)
            return None
        self._process.join(seconds)
        return None if self._process.exitcode is None else int(self._process.exitcode)

    def training_starts(self) -> list[str]:
        """Return a line for each time that the training of a cell has started, by any sweep on the folder."""
        return [line for path in self.audit.iterdir() for line in path.read_text().splitlines()]

    def child_processes(self) -> dict[int, str]:
        """Return its running child processes by id: ``worker``, ``server`` or ``tracker``."""
        mark = f"{AUDIT}={self.audit}\0".encode()
        found, parents = {}, {}
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                pid = int(place.name)
                if pid != self.pid and mark in (place / "environ").read_bytes():
                    found[pid] = (place / "cmdline").read_bytes()
                    parents[pid] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
        kinds = {}
        for pid, words in found.items():
            forked = found.get(parents[pid]) == words
            kinds[pid] = "tracker" if b"resource_tracker" in words else "worker" if forked else "server"
        return kinds

    def end(self) -> None:
        """Kill all of its processes."""
        for pid in (*([self.pid] if self.status() is None else []), *self.child_processes()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class KilledSweeps:
    """Kills and repeats sweeps.

    Args:
        folder: folder for the runs.
        seed: seed of all random choices.
        fresh: as for ``Sweep``.
    """

    def __init__(self, folder: Path, seed: int, fresh: bool) -> None:
        self.folder, self._rng, self._fresh = folder, random.Random(seed), fresh
        self.counts = Counts()
        self._chains = 0
        whole = Sweep(folder / "whole", fresh)
        try:
            assert whole.status(TIMEOUT_SECONDS) == 0, whole.output
        finally:
            whole.end()
        self._whole, self._names = read_results(whole.runs), list_files(whole.runs)
        assert len(self._whole) == len(whole.training_starts()) == CELLS

    def kill(self, victims: Sequence[str]) -> None:
        """Kill these victims one after the other, in sweeps that repeat the same command on one folder.

        If all cells are finished before all kills, a new folder is used.
        """
        waiting = list(victims)
        while waiting:
            self._chains += 1
            assert self._chains <= 3 * len(victims), f"each sweep ended before it was killed: {waiting}"
            self._chain(waiting)

    def _chain(self, waiting: list[str]) -> None:
        folder = self.folder / f"sweeps-{self._chains}"
        check, before, status = FileCheck(folder, self.counts), len(waiting), -1
        while waiting and status != 0:
            sweep = Sweep(folder, self._fresh)
            try:
                if self._kill(sweep, waiting[0]):
                    self.counts.kills[f"{waiting.pop(0)} of a sweep"] += 1
                status = self._over(sweep)
            finally:
                sweep.end()
            check.run()
        if status != 0:
            sweep = Sweep(folder, self._fresh)
            try:
                status = self._over(sweep)
                assert status == 0, sweep.output
            finally:
                sweep.end()
            check.run()
        self.counts.resumed += len(waiting) < before
        if read_results(sweep.runs) != self._whole:
            self.counts.differing.append(str(folder))
        self.counts.left_over += sorted(list_files(sweep.runs) ^ self._names)
        self.counts.differing += [line for line in sweep.training_starts() if OVERLAP in line]
        if "it has no record" in sweep.output:
            self.counts.lost.append(f"the record of a failed cell: {sweep.output}")

    def _kill(self, sweep: Sweep, victim: str) -> bool:
        """Wait until one or two cells have started, then kill the victim; return whether it still existed."""
        begun = len(sweep.training_starts()) + self._rng.randint(1, 2)
        wait_until(lambda: len(sweep.training_starts()) >= begun or sweep.status() is not None)
        time.sleep(self._rng.uniform(0.0, 0.6))
        if sweep.status() is not None:
            return False
        pids = (
            [sweep.pid]
            if victim == "command"
            else [pid for pid, kind in sweep.child_processes().items() if kind == victim]
        )
        if not pids:
            return False
        try:
            os.kill(self._rng.choice(sorted(pids)), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def _over(self, sweep: Sweep) -> int:
        """Wait until the sweep and its child processes have ended; return its exit status."""
        status = sweep.status(TIMEOUT_SECONDS)
        assert status in (0, 1, -signal.SIGKILL), f"the sweep hangs or failed ({status}): {sweep.output}"
        if not wait_until(lambda: not sweep.child_processes(), local_engine.GRACE_SECONDS):
            self.counts.left_over += [f"{kind} {pid} still runs" for pid, kind in sweep.child_processes().items()]
        return status


def draw_victims(count: int, rng: random.Random) -> list[str]:
    """Return victims in random order: of ten, two workers, two fork servers and six commands."""
    return [VICTIMS[(0, 1, 0, 2, 0)[index % 5]] for index in rng.sample(range(count), count)]


def wait_until(condition: Callable[[], bool], seconds: float = TIMEOUT_SECONDS) -> bool:
    """Wait until a condition holds, for at most so many seconds; return whether it holds."""
    end = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return holds


def _main(words: Sequence[str], audit: str, log: str) -> None:
    """Execute a sweep; the main function of a new process."""
    from seqbench.cli.main import main

    os.environ[AUDIT] = audit
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(handle, stream)
    sys.exit(main(words))
