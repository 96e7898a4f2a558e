from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seqbench.protocol.config import RunConfig
from seqbench.sweep.engines.local_engine import LocalEngine
from seqbench.sweep.planning import group_checks
from tests.sweep.helpers import build_small_plan


@pytest.fixture
def engine() -> Iterator[LocalEngine]:
    engine = LocalEngine(2, threads=1)
    yield engine
    engine.close()


def name_of(config: RunConfig) -> str:
    if config.arch == "gru":
        time.sleep(0.5)  # The others end first.
    return config.arch


def test_a_function_is_called_once_for_each_group(tmp_path: Path, engine: LocalEngine) -> None:
    plan = build_small_plan(tmp_path, ("gru", "lstm", "rnn"))
    ended = group_checks.call_for_groups(plan.groups, engine, name_of)
    assert list(ended) == list(plan.groups)
    assert [finished.value for finished in ended.values()] == ["gru", "lstm", "rnn"]


def test_a_group_that_cannot_be_built_has_the_reason(tmp_path: Path, engine: LocalEngine) -> None:
    plan = build_small_plan(tmp_path, ("gru", "bigru", "tests.backbones:RefusingWidth"), seeds=[0])
    reasons = group_checks.find_unbuildable(plan.groups, engine)
    assert list(reasons) == list(plan.groups[1:])
    assert "looks ahead" in reasons[plan.groups[1]]
    assert "d_model must be 7, got 8" in reasons[plan.groups[2]]
    assert list(tmp_path.iterdir()) == []


def test_a_group_whose_process_dies_is_refused_but_a_slow_one_is_not(
    tmp_path: Path, engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = build_small_plan(tmp_path, ("gru", "tests.backbones:Dying"), seeds=[0])
    assert "SIGKILL" in group_checks.find_unbuildable(plan.groups, engine)[plan.groups[1]]
    monkeypatch.setattr(group_checks, "LIMIT_SECONDS", 0.0)
    assert group_checks.find_unbuildable(plan.groups[:1], engine) == {}
