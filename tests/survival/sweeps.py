"""Sweeps that are killed: the command itself, a worker of its, or the server that its workers are forked from."""

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
from tests.survival.kills import CONTEXT, LONGEST, Counts, Ledger, names, results

ROOT = Path(__file__).resolve().parents[2]
VICTIMS = ("command", "worker", "server")
CELLS = 6
WORDS = ("--task", "copy", "--tier", "smoke", "--logger", "none", "--seeds", "0,", "--no-probe", "--workers", "2")
SIZES = ("--arch.d_model", "8", "--task.delay", "2", "--task.samples", "40", "--trainer.threads", "1")
STEPS = ("--optim.steps", "60", "--optim.batch_size", "8", "--optim.validate_every", "20")
AUDITED = ("--arch", "tests.survival.backbones:Audited", "--grid", f"arch.cell={','.join(map(str, range(CELLS)))}")


class Sweep:
    """A sweep in a process of its own, and all processes that it started.

    Args:
        folder: for its runs and its lists; nothing else in the machine may name it.
        fresh: starts the command as a shell would; else its process is forked from one that has imported torch, and
            only the server of its workers starts anew.
        words: what is run; of an option that is given twice the later one holds.
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
        """What it has said so far, all attempts together."""
        return self._log.read_text(encoding="utf-8")

    def status(self, seconds: float = 0.0) -> int | None:
        """Its exit status, negative for a signal; None if it has not ended after so long."""
        if isinstance(self._process, subprocess.Popen):
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._process.wait(seconds)
            return None
        self._process.join(seconds)
        return None if self._process.exitcode is None else int(self._process.exitcode)

    def trained(self) -> list[str]:
        """A line for each time that a cell's training was begun, by whichever sweep on the folder."""
        return [line for path in self.audit.iterdir() for line in path.read_text().splitlines()]

    def others(self) -> dict[int, str]:
        """The living processes that it has started, by id: ``worker``, ``server`` or ``tracker``."""
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
        """Kill what is left of it."""
        for pid in (*([self.pid] if self.status() is None else []), *self.others()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Sweeps:
    """Kills sweeps.

    Args:
        folder: for all that they leave.
        seed: of all that is drawn.
        fresh: as of ``Sweep``.
    """

    def __init__(self, folder: Path, seed: int, fresh: bool) -> None:
        self.folder, self._rng, self._fresh = folder, random.Random(seed), fresh
        self.counts = Counts()
        self._chains = 0
        whole = Sweep(folder / "whole", fresh)
        try:
            assert whole.status(LONGEST) == 0, whole.output
        finally:
            whole.end()
        self._whole, self._names = results(whole.runs), names(whole.runs)
        assert len(self._whole) == len(whole.trained()) == CELLS

    def kill(self, victims: Sequence[str]) -> None:
        """Kill one of these after the other, in a chain of sweeps on one folder, each the same command as before.

        Where all cells are done before all kills are, a new folder is begun.
        """
        waiting = list(victims)
        while waiting:
            self._chains += 1
            assert self._chains <= 3 * len(victims), f"no sweep lives long enough to be killed: {waiting}"
            self._chain(waiting)

    def _chain(self, waiting: list[str]) -> None:
        folder = self.folder / f"sweeps-{self._chains}"
        ledger, before, status = Ledger(folder, self.counts), len(waiting), -1
        while waiting and status != 0:
            sweep = Sweep(folder, self._fresh)
            try:
                if self._kill(sweep, waiting[0]):
                    self.counts.kills[f"{waiting.pop(0)} of a sweep"] += 1
                status = self._over(sweep)
            finally:
                sweep.end()
            ledger.look()
        if status != 0:
            sweep = Sweep(folder, self._fresh)
            try:
                status = self._over(sweep)
                assert status == 0, sweep.output
            finally:
                sweep.end()
            ledger.look()
        self.counts.resumed += len(waiting) < before
        if results(sweep.runs) != self._whole:
            self.counts.differing.append(str(folder))
        self.counts.littered += sorted(names(sweep.runs) ^ self._names)
        self.counts.differing += [line for line in sweep.trained() if OVERLAP in line]
        if "it has no record" in sweep.output:
            self.counts.lost.append(f"the record of a failed cell: {sweep.output}")

    def _kill(self, sweep: Sweep, victim: str) -> bool:
        """Wait for some cell to begin, and a moment more; whether the victim was still there to be killed."""
        begun = len(sweep.trained()) + self._rng.randint(1, 2)
        until(lambda: len(sweep.trained()) >= begun or sweep.status() is not None)
        time.sleep(self._rng.uniform(0.0, 0.6))
        if sweep.status() is not None:
            return False
        pids = [sweep.pid] if victim == "command" else [pid for pid, kind in sweep.others().items() if kind == victim]
        if not pids:
            return False
        try:
            os.kill(self._rng.choice(sorted(pids)), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def _over(self, sweep: Sweep) -> int:
        """Wait for the sweep's end, and for that of all that it started; its exit status."""
        status = sweep.status(LONGEST)
        assert status in (0, 1, -signal.SIGKILL), f"the sweep hangs or failed ({status}): {sweep.output}"
        if not until(lambda: not sweep.others(), local_engine.GRACE_SECONDS):
            self.counts.littered += [f"{kind} {pid} lives on" for pid, kind in sweep.others().items()]
        return status


def drawn(count: int, rng: random.Random) -> list[str]:
    """Victims: of ten a worker and the server twice each, else the command itself."""
    return [VICTIMS[(0, 1, 0, 2, 0)[index % 5]] for index in rng.sample(range(count), count)]


def until(condition: Callable[[], bool], seconds: float = LONGEST) -> bool:
    """Wait for something to come true; whether it did."""
    end = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return met


def _main(words: Sequence[str], audit: str, log: str) -> None:
    """In a process of its own."""
    from seqbench.cli.main import main

    os.environ[AUDIT] = audit
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(handle, stream)
    sys.exit(main(words))
