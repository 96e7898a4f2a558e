"""Runs and sweeps killed by SIGKILL: nothing finished is lost, nothing broken, and all ends as if never killed."""

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
from tests.survival import kills, places, sweeps
from tests.survival.places import AT_RANDOM, PLACES, Place

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="files are told from /proc")

SEED = int(os.environ.get("SEQBENCH_TEST_SEED", random.SystemRandom().randrange(10**6)))
"""Another at each time; a failure is repeated with the one that it printed."""


@pytest.fixture(autouse=True)
def told() -> None:
    print(f"SEQBENCH_TEST_SEED={SEED}")


def judge(counts: kills.Counts, expected: int) -> None:
    print(counts)
    assert counts.clean, counts
    assert counts.kills.total() == expected


def few() -> list[Place]:
    """Eight places: one in each kind of file, two steps, and two moments."""
    rng = random.Random(SEED)
    kinds = [("last.ckpt", "best.ckpt"), ("result.json",), ("config.yaml", "vocabulary.json", "sample.txt")]
    written = [rng.choice([p for p in PLACES if p.what in kind]) for kind in [*kinds, ("prepared",)]]
    return [*written, *rng.sample([p for p in PLACES if p.moment == "begun"], 2), AT_RANDOM, AT_RANDOM]


def test_eight_killed_runs_end_as_if_they_had_not_been(tmp_path: Path) -> None:
    runs = kills.Runs(tmp_path / "runs", SEED)
    runs.kill(few())
    judge(runs.counts, 8)


def test_a_sweep_killed_twice_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    chain = sweeps.Sweeps(tmp_path / "sweeps", SEED, fresh=False)
    chain.kill(["command", random.Random(SEED).choice(["worker", "server"])])
    judge(chain.counts, 2)


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_fifty_kills_lose_nothing_and_break_nothing(tmp_path: Path) -> None:
    runs = kills.Runs(tmp_path / "runs", SEED)
    runs.kill(kills.drawn(40, random.Random(SEED)))
    judge(runs.counts, 40)
    chain = sweeps.Sweeps(tmp_path / "sweeps", SEED, fresh=True)
    chain.kill(sweeps.drawn(10, random.Random(SEED)))
    judge(chain.counts, 10)


# That the ledger would see what it is there for.


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("finished")
    kills.Runs(base / "all", 0)._uninterrupted("sentences")
    return base / "all" / "whole-sentences"


@pytest.mark.parametrize("damage", ["record lost", "record changed", "record cut", "checkpoint cut", "cache cut"])
def test_damage_is_seen(finished: Path, tmp_path: Path, damage: str) -> None:
    base = tmp_path / "copy"
    shutil.copytree(finished, base)
    counts = kills.Counts()
    ledger = kills.Ledger(base, counts)
    ledger.look()
    assert counts.clean
    what, how = damage.split()
    (path,) = base.rglob({"record": records.NAME, "checkpoint": "best.ckpt", "cache": "train-ids.npy"}[what])
    if how == "lost":
        path.unlink()
    elif how == "changed":
        path.write_text(json.dumps(json.loads(path.read_text())))
    else:
        os.truncate(path, path.stat().st_size // 2)
    ledger.look()
    assert not counts.clean
    assert bool(counts.lost) == (what == "record")
    assert bool(counts.corrupted) == (how == "cut")


def test_a_place_that_no_run_comes_by_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = kills.Runs(tmp_path / "runs", 0)
    ended: Any = ({}, set(), 0.0)
    monkeypatch.setattr(runs, "_attempt", lambda *_: 0)
    monkeypatch.setattr(runs, "_uninterrupted", lambda _: ended)
    with pytest.raises(AssertionError, match=r"no run comes by \['nowhere.txt, half'\]"):
        runs.kill([places.Place("nowhere.txt", "half")])
