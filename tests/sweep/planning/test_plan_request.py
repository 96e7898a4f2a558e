from __future__ import annotations

from pathlib import Path

from seqbench.sweep.planning import sweep_plan
from seqbench.sweep.planning.plan_request import PlanRequest, Wanted


def test_a_request_without_seeds_and_grid_takes_the_seeds_of_the_card(tmp_path: Path) -> None:
    request = PlanRequest(["gru"], ["copy"], tmp_path, options={"tier": "smoke", "logger": "none"})
    assert (request.seeds, request.grid, request.match_nearest) == (None, {}, False)
    plan = sweep_plan.build_plan(request)
    assert [cell.config.seed for cell in plan.cells()] == list(range(plan.groups[0].config.chosen.seeds))


def test_groups_with_one_architecture_and_point_are_equal() -> None:
    assert Wanted("gru", ("arch.num_layers=2",)) == Wanted("gru", ("arch.num_layers=2",))
    assert Wanted("gru", ()) != Wanted("lstm", ())
