from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest

from seqbench.running import runner
from seqbench.sweep.planning import step_timing
from seqbench.utils.errors import SeqbenchError
from tests.sweep.helpers import build_small_plan


def test_the_estimate_has_the_order_of_magnitude_of_the_run(tmp_path: Path) -> None:
    config = build_small_plan(tmp_path / "runs", seeds=[0]).groups[0].config
    estimate = step_timing.estimate_seconds(config)
    start = time.perf_counter()
    runner.run(config, tmp_path)
    seconds = time.perf_counter() - start
    assert 0.05 * seconds < estimate < 20 * seconds
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("arch", ["lstm", "transformer"])
def test_the_estimate_grows_with_the_number_of_steps(tmp_path: Path, arch: str) -> None:
    config = build_small_plan(tmp_path, (arch,), seeds=[0]).groups[0].config
    longer = dataclasses.replace(config, optim=dataclasses.replace(config.optim, steps=20_000, validate_every=10_000))
    assert step_timing.estimate_seconds(longer) > 20 * step_timing.estimate_seconds(config)


def test_a_run_that_is_refused_has_no_estimate(tmp_path: Path) -> None:
    config = build_small_plan(tmp_path, ("bigru",), seeds=[0]).groups[0].config
    with pytest.raises(SeqbenchError, match="looks ahead"):
        step_timing.estimate_seconds(config)
