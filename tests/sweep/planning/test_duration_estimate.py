from __future__ import annotations

import time
from pathlib import Path

import pytest

from seqbench.running import runner
from seqbench.sweep.engines.local_engine import LocalEngine
from seqbench.sweep.planning import duration_estimate, step_timing
from tests.sweep.helpers import build_small_plan


def test_an_estimate_is_of_the_order_of_the_run(tmp_path: Path) -> None:
    made = build_small_plan(tmp_path / "runs", seeds=[0])
    config = made.groups[0].config
    guess = step_timing.estimate_seconds(config)
    start = time.perf_counter()
    runner.run(config, tmp_path)
    took = time.perf_counter() - start
    assert 0.05 * took < guess < 20 * took
    assert not (tmp_path / "runs").exists()


def test_groups_are_probed_in_workers_and_what_cannot_run_says_why(tmp_path: Path) -> None:
    made = build_small_plan(tmp_path, ("gru", "bigru"), seeds=[0])
    engine = LocalEngine(2, threads=1)
    try:
        found, refused = duration_estimate.estimate_durations(made.groups, engine)
    finally:
        engine.close()
    assert list(found) == [made.groups[0]]
    assert found[made.groups[0]] > 0
    assert list(refused) == [made.groups[1]]
    assert "looks ahead" in refused[made.groups[1]]
    assert list(tmp_path.iterdir()) == []


def test_a_probe_that_breaks_leaves_its_group_to_its_cells(tmp_path: Path) -> None:
    made = build_small_plan(tmp_path, ("tests.backbones:Raising", "gru"), seeds=[0])
    engine = LocalEngine(1, threads=1)
    try:
        found, refused = duration_estimate.estimate_durations(made.groups, engine)
    finally:
        engine.close()
    assert [group.config.arch for group in found] == ["gru"]
    assert refused == {}


@pytest.mark.parametrize("arch", ["lstm", "transformer"])
def test_more_steps_take_longer(tmp_path: Path, arch: str) -> None:
    import dataclasses

    config = build_small_plan(tmp_path, (arch,), seeds=[0]).groups[0].config
    longer = dataclasses.replace(config, optim=dataclasses.replace(config.optim, steps=20_000, validate_every=10_000))
    assert step_timing.estimate_seconds(longer) > 20 * step_timing.estimate_seconds(config)
