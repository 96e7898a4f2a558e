"""Apply each committed mutation to a copy of the package, and check that its test file fails.

A mutation is an entry of a YAML file in this folder::

    - file: seqbench/models/decoding/sampling.py
      find: "state = new_state"        # occurs exactly once in the file
      replace: "state = None"
      tests: tests/models/decoding/test_sampling.py

``python -m tests.mutants.run [WORDS...] [--jobs 2]`` applies all of them, or those whose file or text contains a word.
It prints one line for each and exits with 1 if a mutation survives, cannot be applied, or if a test file fails without
any mutation.
The tests run in a child that is forked from this process, so that torch is imported once.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("seqbench", "tests", "tasks", "leaderboards", "benchmarks", "examples", "docs", "pyproject.toml", "README.md")
SECONDS = 300
"""Seconds after which a test file is stopped; a mutation that makes it hang counts as noticed."""


@dataclass(frozen=True)
class Mutation:
    """One change of one file, and the test file that must fail with it."""

    file: str
    find: str
    replace: str
    tests: str

    def apply(self, text: str) -> str:
        """Return the mutated text of the file.

        Raises:
            ValueError: the text to find does not occur exactly once, or the mutation changes nothing.
        """
        count = text.count(self.find)
        if count != 1:
            raise ValueError(f"{self.file}: {self.find!r} occurs {count} times, expected once")
        if self.find == self.replace:
            raise ValueError(f"{self.file}: {self.find!r} is replaced by itself")
        return text.replace(self.find, self.replace)


def read_mutations(folder: Path = ROOT / "tests" / "mutants") -> list[Mutation]:
    """Read the mutations of all YAML files in a folder."""
    files = sorted(folder.glob("*.yaml"))
    return [Mutation(**entry) for file in files for entry in yaml.safe_load(file.read_text(encoding="utf-8"))]


def copy_tree(folder: Path) -> None:
    """Copy what the tests need into a folder."""
    skipped = shutil.ignore_patterns("__pycache__", "_build", "*.egg-info")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=skipped)
        else:
            shutil.copy(source, folder / name)


def tests_fail(folder: Path, tests: str) -> bool:
    """Run one test file in a forked child, in a copy of the tree; return whether it fails."""
    child = os.fork()
    if child == 0:
        os.setsid()
        log = os.open(folder / "pytest.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir(folder)
        sys.path[:] = [str(folder), *(path for path in sys.path if path not in ("", str(ROOT)))]
        sys.dont_write_bytecode = True
        for name in [name for name in sys.modules if name.partition(".")[0] in ("seqbench", "tests")]:
            del sys.modules[name]
        import pytest

        status = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", tests])
        sys.stdout.flush()
        os._exit(min(int(status), 100))
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            if code not in (0, 1, 2):  # 2: the mutated module cannot be imported.
                print(f"note: pytest ended with {code} for {tests}; see its last lines:")
                print((folder / "pytest.log").read_text(errors="replace")[-600:])
            return code != 0
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def run_file(work: tuple[str, list[Mutation]]) -> list[tuple[str, Mutation | None, float]]:
    """Run one test file without a mutation, then with each of its mutations.

    Returns:
        The verdict (``killed``, ``survived``, ``broken``, or ``unusable`` with the reason), the mutation, and the
        seconds, of each run.
    """
    tests, mutations = work
    verdicts: list[tuple[str, Mutation | None, float]] = []
    with tempfile.TemporaryDirectory(prefix="seqbench-mutants-") as name:
        folder = Path(name)
        copy_tree(folder)
        start = time.monotonic()
        if tests_fail(folder, tests):
            print((folder / "pytest.log").read_text(errors="replace")[-2000:])
            return [(f"broken: {tests} fails without a mutation", None, time.monotonic() - start)]
        for mutation in mutations:
            start = time.monotonic()
            file = folder / mutation.file
            original = file.read_text(encoding="utf-8")
            try:
                file.write_text(mutation.apply(original), encoding="utf-8")
            except ValueError as error:
                verdicts.append((f"unusable: {error}", mutation, 0.0))
                continue
            verdict = "killed" if tests_fail(folder, tests) else "survived"
            file.write_text(original, encoding="utf-8")
            verdicts.append((verdict, mutation, time.monotonic() - start))
    return verdicts


def preload() -> None:
    """Import the heavy libraries that the tests need, once for all forked children."""
    import hypothesis
    import lightning.pytorch
    import pytest
    import scipy.stats
    import torch
    import torchmetrics

    torch.set_num_threads(1)
    assert all((hypothesis, lightning.pytorch, pytest, scipy.stats, torchmetrics))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the mutations; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.run", description=__doc__.splitlines()[0])
    parser.add_argument(
        "words", nargs="*", help="run only mutations whose file, text or tests contain one of these words"
    )
    parser.add_argument("--jobs", type=int, default=2, help="test files that run at the same time (default: 2)")
    options = parser.parse_args(argv)
    os.environ["OMP_NUM_THREADS"] = "1"
    chosen = [
        one
        for one in read_mutations()
        if not options.words or any(word in f"{one.file} {one.find} {one.tests}" for word in options.words)
    ]
    by_tests: dict[str, list[Mutation]] = {}
    for mutation in chosen:
        by_tests.setdefault(mutation.tests, []).append(mutation)
    preload()
    counts = {"killed": 0, "survived": 0, "unusable": 0, "broken": 0}
    with multiprocessing.get_context("fork").Pool(options.jobs) as pool:
        for verdicts in pool.imap_unordered(run_file, by_tests.items()):
            for verdict, applied, seconds in verdicts:
                counts[verdict.partition(":")[0]] += 1
                what = f"{applied.file}: {applied.find!r} -> {applied.replace!r}" if applied else ""
                print(f"{verdict:9} {seconds:6.1f} s  {what}", flush=True)
    print(
        f"{len(chosen)} mutations in {len(by_tests)} test files: "
        + ", ".join(f"{n} {kind}" for kind, n in counts.items())
    )
    return 0 if chosen and counts["killed"] == len(chosen) else 1


if __name__ == "__main__":
    raise SystemExit(main())
