from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seqbench.sweep.engines.local_engine import LocalEngine
from seqbench.sweep.planning import duration_estimate
from tests.sweep.helpers import build_small_plan


@pytest.fixture
def engine() -> Iterator[LocalEngine]:
    engine = LocalEngine(2, threads=1)
    yield engine
    engine.close()


def test_groups_are_measured_in_workers_and_a_refused_group_has_a_reason(tmp_path: Path, engine: LocalEngine) -> None:
    plan = build_small_plan(tmp_path, ("gru", "bigru"), seeds=[0])
    seconds, refused, failed = duration_estimate.estimate_durations(plan.groups, engine)
    assert list(seconds) == [plan.groups[0]]
    assert seconds[plan.groups[0]] > 0
    assert list(refused) == [plan.groups[1]]
    assert "looks ahead" in refused[plan.groups[1]]
    assert failed == {}
    assert list(tmp_path.iterdir()) == []


def test_a_group_whose_measurement_fails_has_no_estimate_and_is_not_refused(
    tmp_path: Path, engine: LocalEngine
) -> None:
    plan = build_small_plan(tmp_path, ("tests.backbones:Raising", "gru"), seeds=[0])
    seconds, refused, failed = duration_estimate.estimate_durations(plan.groups, engine)
    assert [group.config.arch for group in seconds] == ["gru"]
    assert refused == {}
    (reason,) = failed.values()
    assert "shapes (3, 4) and (5, 6) do not fit" in reason
