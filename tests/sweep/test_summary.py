from __future__ import annotations

from pathlib import Path

import pytest
from scipy import stats

from seqbench.sweep import summary
from tests.sweep.helpers import build_small_plan, write_record


def test_a_group_has_the_mean_and_the_interval_of_its_seeds(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, ("gru", "lstm"), range(4)).cells()
    values = [0.2, 0.5, 0.6]
    for cell, value in zip([c for c in cells if c.config.arch == "gru"], values, strict=False):
        write_record(cell, value=value, seconds=10 * value)
    write_record(cells[-1], "diverged")
    gru, lstm = summary.summarize_cells(cells)
    assert gru.values == values
    assert dict(gru.statuses) == {"ok": 3, "not run": 1}
    assert (gru.chance, gru.best, gru.parameters, sum(gru.seconds)) == (0.125, 1.0, 123, pytest.approx(13))
    assert gru.mean is not None
    assert gru.half_width is not None
    low, high = stats.t.interval(0.95, 2, loc=gru.mean, scale=stats.sem(values))
    assert (gru.mean - gru.half_width, gru.mean + gru.half_width) == (pytest.approx(low), pytest.approx(high))
    assert dict(lstm.statuses) == {"not run": 3, "diverged": 1}
    assert (lstm.mean, lstm.half_width, lstm.values) == (None, None, [])


def test_one_seed_has_a_mean_and_no_interval(tmp_path: Path) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[7]).cells()
    write_record(cell, value=0.25)
    (row,) = summary.summarize_cells([cell])
    assert (row.mean, row.half_width) == (0.25, None)
