"""Runs and sweeps that are killed by SIGKILL lose no results, and end with the results of uninterrupted runs."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from seqbench.protocol import records
from tests.survival import kill_points, kills, sweeps
from tests.survival.kill_points import AT_RANDOM, KILL_POINTS, KillPoint

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")

SEED = int(os.environ.get("SEQBENCH_TEST_SEED", random.SystemRandom().randrange(10**6)))
"""Seed of the random choices; set the variable to repeat a failure with the seed that it printed."""


@pytest.fixture(autouse=True)
def _print_seed() -> None:
    print(f"SEQBENCH_TEST_SEED={SEED}")


def check_counts(counts: kills.Counts, expected: int) -> None:
    print(counts)
    assert counts.clean, counts
    assert counts.kills.total() == expected


def draw_eight_points() -> list[KillPoint]:
    """Return eight points: one in each kind of file, two steps, and two random moments."""
    rng = random.Random(SEED)
    kinds = [("last.ckpt", "best.ckpt"), ("result.json",), ("config.yaml", "vocabulary.json", "sample.txt")]
    written = [rng.choice([p for p in KILL_POINTS if p.what in kind]) for kind in [*kinds, ("prepared",)]]
    return [*written, *rng.sample([p for p in KILL_POINTS if p.moment == "begun"], 2), AT_RANDOM, AT_RANDOM]


def test_eight_killed_runs_end_with_the_results_of_uninterrupted_runs(tmp_path: Path) -> None:
    runs = kills.KilledRuns(tmp_path / "runs", SEED)
    runs.kill(draw_eight_points())
    check_counts(runs.counts, 8)


def test_a_sweep_killed_twice_ends_with_the_results_of_an_uninterrupted_sweep(tmp_path: Path) -> None:
    chain = sweeps.KilledSweeps(tmp_path / "sweeps", SEED, fresh=False)
    chain.kill(["command", random.Random(SEED).choice(["worker", "server"])])
    check_counts(chain.counts, 2)


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_fifty_kills_lose_and_corrupt_no_file(tmp_path: Path) -> None:
    runs = kills.KilledRuns(tmp_path / "runs", SEED)
    runs.kill(kills.draw_kill_points(40, random.Random(SEED)))
    check_counts(runs.counts, 40)
    chain = sweeps.KilledSweeps(tmp_path / "sweeps", SEED, fresh=True)
    chain.kill(sweeps.draw_victims(10, random.Random(SEED)))
    check_counts(chain.counts, 10)


# The check itself must notice each kind of damage.


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("finished")
    kills.KilledRuns(base / "all", 0)._uninterrupted("sentences")
    return base / "all" / "whole-sentences"


@pytest.mark.parametrize("damage", ["record lost", "record changed", "record cut", "checkpoint cut", "cache cut"])
def test_a_lost_or_damaged_file_is_counted(finished: Path, tmp_path: Path, damage: str) -> None:
    base = tmp_path / "copy"
    shutil.copytree(finished, base)
    counts = kills.Counts()
    check = kills.FileCheck(base, counts)
    check.run()
    assert counts.clean
    what, how = damage.split()
    (path,) = base.rglob({"record": records.NAME, "checkpoint": "best.ckpt", "cache": "train-ids.npy"}[what])
    if how == "lost":
        path.unlink()
    elif how == "changed":
        path.write_text(json.dumps(json.loads(path.read_text())))
    else:
        os.truncate(path, path.stat().st_size // 2)
    check.run()
    assert not counts.clean
    assert bool(counts.lost) == (what == "record")
    assert bool(counts.corrupted) == (how == "cut")


def test_a_point_that_no_run_reaches_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = kills.KilledRuns(tmp_path / "runs", 0)
    ended: Any = ({}, set(), 0.0)
    monkeypatch.setattr(runs, "_attempt", lambda *_: 0)
    monkeypatch.setattr(runs, "_uninterrupted", lambda _: ended)
    with pytest.raises(AssertionError, match=r"no run reaches \['nowhere.txt, half'\]"):
        runs.kill([kill_points.KillPoint("nowhere.txt", "half")])
