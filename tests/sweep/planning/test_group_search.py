from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Literal

import pytest

from seqbench.protocol.records import TUNING_SEED
from seqbench.protocol.search.recorded_search import find_fault
from seqbench.protocol.search.search_rule import Rung
from seqbench.sweep.planning.group_search import GroupSearch, search_group
from seqbench.sweep.planning.sweep_plan import Group
from tests.sweep.helpers import RATES, build_tuned_plan, write_record

WHOLE_RUNS = (Rung(1.0, 0),)


def small_search(runs: Path, rungs: tuple[Rung, ...] = (), **tier: object) -> GroupSearch:
    (group,) = build_tuned_plan(runs).groups
    config = group.config
    chosen = dataclasses.replace(config.chosen, **tier)  # type: ignore[arg-type]
    card = dataclasses.replace(config.card, tiers={config.tier: chosen})
    search = search_group(Group(dataclasses.replace(config, card=card)), runs, rungs)
    assert search is not None
    return search


def test_each_rate_of_the_card_gets_a_short_trial_first(tmp_path: Path) -> None:
    search = small_search(tmp_path)
    cells = search.pending_cells()
    assert [cell.config.optim.lr for cell in cells] == list(RATES)
    assert {cell.config.seed for cell in cells} == {TUNING_SEED}
    assert {cell.config.optim.steps for cell in cells} == {4}
    assert cells[1].name == f"gru on copy, optim.lr=0.002, optim.steps=4, seed {TUNING_SEED}"
    assert search.pending_cells() == cells


@pytest.mark.parametrize(
    ("values", "direction", "selected"),
    [
        ([0.1, 0.4, 0.3, 0.2], "max", 2e-3),
        ([0.4, 0.1, 0.3, 0.2], "min", 2e-3),
        ([None, None, 0.3, 0.2], "max", 5e-3),
        ([None, None, None, None], "max", None),
    ],
)
def test_the_rate_is_selected_by_the_validation_score(
    tmp_path: Path, values: list[float | None], direction: Literal["max", "min"], selected: float | None
) -> None:
    search = small_search(tmp_path, WHOLE_RUNS)
    metric = dataclasses.replace(search.group.config.card.metric, direction=direction)
    card = dataclasses.replace(search.group.config.card, metric=metric)
    config = dataclasses.replace(search.group.config, card=card)
    search = GroupSearch(Group(config), search.rule, tmp_path)
    for cell, value in zip(search.pending_cells(), values, strict=True):
        if value is None:
            write_record(cell, "diverged")
            continue
        write_record(cell, value=value)
        data = json.loads((cell.folder / "result.json").read_text())
        # The test score would select another rate.
        data["results"]["metrics"]["test"]["accuracy"]["value"] = 1 - value
        for split in ("validation", "test"):
            data["results"]["metrics"][split]["accuracy"] |= {"chance": None, "best": None}
        (cell.folder / "result.json").write_text(json.dumps(data))
    assert search.pending_cells() == []
    selection = search.describe_tuning()
    assert selection.lr == selected
    assert [(trial.lr, trial.value) for trial in selection.tried] == list(zip(RATES, values, strict=True))
    assert {trial.status for trial in selection.tried} <= {"ok", "diverged"}
    assert (selection.seed, selection.split, selection.metric) == (TUNING_SEED, "validation", "accuracy")
    assert selection.cost == 4
    assert find_fault(selection, direction) == ""
    assert (search.tuned_group() is None) == (selected is None)


def test_the_budget_falls_as_trials_end(tmp_path: Path) -> None:
    search = small_search(tmp_path)
    assert search.budget() == (7, pytest.approx(2.3))
    for cell in search.pending_cells():
        write_record(cell, value=0.9 if cell.config.optim.lr == 1e-2 else 0.5)
    (beyond,) = search.pending_cells()
    assert beyond.config.optim.lr == 2e-2
    assert search.budget() == (3, pytest.approx(1.5))


def test_a_second_option_is_tuned_and_stands_in_the_record(tmp_path: Path) -> None:
    search = small_search(tmp_path, WHOLE_RUNS, tuned={"arch.dropout": (0.0, 0.2)})
    while cells := search.pending_cells():
        for cell in cells:
            write_record(
                cell, value=(0.8 if cell.config.optim.lr == 2e-3 else 0.5) + cell.config.arch_options["dropout"] / 2
            )
    selection, tuned = search.describe_tuning(), search.tuned_group()
    assert selection.options == {"arch.dropout": 0.2}
    assert selection.tried[-1].options == {"arch.dropout": 0.2}
    assert tuned is not None
    assert (tuned.config.optim.lr, tuned.config.arch_options["dropout"]) == (2e-3, 0.2)
    assert find_fault(selection, "max") == ""


def test_a_card_without_a_grid_has_no_search(tmp_path: Path) -> None:
    (group,) = build_tuned_plan(tmp_path).groups
    tier = dataclasses.replace(group.config.chosen, learning_rates=())
    card = dataclasses.replace(group.config.card, tiers={group.config.tier: tier})
    assert search_group(Group(dataclasses.replace(group.config, card=card)), tmp_path) is None
