from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.sweep.planning import matched_sizes, sweep_plan
from seqbench.sweep.planning.plan_request import PlanRequest
from seqbench.utils.errors import SeqbenchError

OPTIONS: dict[str, object] = {"tier": "smoke", "logger": "none", "match_params": "300"}


def request(runs: Path, match_nearest: bool, **options: object) -> PlanRequest:
    return PlanRequest(
        ["gru", "lstm"], ["copy"], runs, [0], options={**OPTIONS, **options}, match_nearest=match_nearest
    )


def test_a_size_that_does_not_fit_all_is_refused_with_one_that_does(tmp_path: Path) -> None:
    with pytest.raises(
        SeqbenchError, match=r"--match-params \d+ fits all of gru, lstm on copy within 2 %; use it, or"
    ) as e:
        sweep_plan.build_plan(request(tmp_path, False))
    proposed = int(str(e.value).partition("--match-params ")[2].split()[0])
    plan = sweep_plan.build_plan(request(tmp_path, False, match_params=str(proposed)))
    assert (len(plan.groups), plan.notes) == (2, ())
    nearest = sweep_plan.build_plan(request(tmp_path, True))
    assert [group.config.match_params for group in nearest.groups] == [proposed] * 2
    assert [group.config.digest() for group in nearest.groups] == [group.config.digest() for group in plan.groups]
    for group in nearest.groups:
        match = group.config.size_match
        assert match is not None
        assert match.requested == 300
    assert nearest.notes == (
        f"copy: {proposed} fits all of gru, lstm on copy within 2 %; 300 parameters were requested",
    )


def test_a_size_that_fits_is_used_without_a_word(tmp_path: Path) -> None:
    plan = sweep_plan.build_plan(request(tmp_path, True, match_params="20k"))
    assert plan.notes == ()
    assert {group.config.match_params for group in plan.groups} == {20_000}


@pytest.mark.parametrize(
    ("reachable", "target", "size"),
    [
        ([[30_100], [29_900]], 30_000, 30_000),
        ([[28_000, 31_200], [30_000, 30_900]], 30_000, 31_000),
        ([[1000], [2000]], 1500, None),
        ([[], [2000]], 1500, None),
    ],
)
def test_the_common_size_is_the_nearest_that_all_can_have(
    reachable: list[list[int]], target: int, size: int | None
) -> None:
    assert matched_sizes.choose_common_size(reachable, target, 0.02) == size
