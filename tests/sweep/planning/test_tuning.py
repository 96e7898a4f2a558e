from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Literal

import pytest

from seqbench.protocol import records, run_folder
from seqbench.protocol.record_fields import Tuning
from seqbench.protocol.records import TUNING_SEED
from seqbench.sweep.planning import tuning
from seqbench.sweep.planning.sweep_plan import Cell
from seqbench.sweep.sweep_runner import SweepRunner
from seqbench.sweep.workers.run_cell import CellOutcome
from tests.sweep.helpers import ScriptedEngine, Step, build_small_plan, write_record

RATES = [1e-3, 2e-3, 5e-3, 1e-2]
TUNING = Tuning(seed=TUNING_SEED, split="validation", metric="accuracy", tried=[], lr=1.0)


def test_each_group_gets_one_trial_for_each_rate_of_the_card(tmp_path: Path) -> None:
    plan = build_small_plan(tmp_path, ("gru", "lstm"))
    for group in plan.groups:
        trials = tuning.trial_cells(group, tmp_path)
        assert [trial.config.optim.lr for trial in trials] == RATES == list(group.config.chosen.learning_rates)
        assert {trial.config.seed for trial in trials} == {TUNING_SEED}
        assert trials[1].name == f"{group.name}, optim.lr=0.002, seed {TUNING_SEED}"
        assert all(trial.config.tuning is None for trial in trials)


@pytest.mark.parametrize(
    ("values", "direction", "selected"),
    [
        ([0.1, 0.4, 0.3, 0.2], "max", 2e-3),
        ([0.1, 0.4, 0.3, 0.2], "min", 1e-3),
        ([0.4, 0.4, 0.4, 0.4], "max", 1e-3),
        ([None, None, 0.3, 0.2], "max", 5e-3),
        ([None, None, None, None], "max", None),
    ],
)
def test_the_first_rate_with_the_best_validation_score_is_selected(
    tmp_path: Path, values: list[float | None], direction: Literal["max", "min"], selected: float | None
) -> None:
    (group,) = build_small_plan(tmp_path).groups
    metric = dataclasses.replace(group.config.card.metric, direction=direction)
    card = dataclasses.replace(group.config.card, metric=metric)
    trials = [
        Cell(trial.group, dataclasses.replace(trial.config, card=card), tmp_path)
        for trial in tuning.trial_cells(group, tmp_path)
    ]
    for trial, value in zip(trials, values, strict=True):
        if value is None:
            write_record(trial, "diverged")
        else:
            write_record(trial, value=value)
            # The test score would select another rate.
            data = json.loads((trial.folder / "result.json").read_text())
            data["results"]["metrics"]["test"]["accuracy"]["value"] = 1 - value
            (trial.folder / "result.json").write_text(json.dumps(data))
    selection = tuning.select_rate(trials)
    assert selection.lr == selected
    assert [(trial.lr, trial.value) for trial in selection.tried] == list(zip(RATES, values, strict=True))
    assert {trial.status for trial in selection.tried} <= {"ok", "diverged"}
    assert (selection.seed, selection.split, selection.metric) == (TUNING_SEED, "validation", "accuracy")


def test_the_rate_of_each_group_is_selected_by_its_own_trials(tmp_path: Path) -> None:
    plan = build_small_plan(tmp_path, ("gru", "lstm", "rnn"))
    best = {"gru": 1e-2, "lstm": 2e-3}

    def script(cell: Cell, attempt: int) -> Step:
        if cell.config.arch not in best:
            return "diverged"
        write_record(cell, value=1.0 if cell.config.optim.lr == best[cell.config.arch] else 0.1)
        return CellOutcome("ok")

    engine = ScriptedEngine(script)
    runner = SweepRunner(engine, engine.build_job)
    tuned, expected_seconds = tuning.run_trials(plan, runner, dict.fromkeys(plan.groups, 3.0))
    assert {group.config.arch: group.config.optim.lr for group in tuned.groups} == best
    assert tuned.refused == {"rnn on copy": "no learning rate has a score, after 4 learning-rate trials"}
    assert list(expected_seconds.values()) == [3.0, 3.0]
    assert len(engine.started) == 12
    cells = tuned.cells()
    assert [cell.config.seed for cell in cells] == [0, 0, 1, 1]
    assert cells[0].config.tuning is not None
    assert cells[0].config.tuning.lr == 1e-2
    # How the rate was selected is no part of the digest.
    assert cells[0].config.digest() == dataclasses.replace(cells[0].config, tuning=None).digest()


def test_the_trials_are_added_to_a_finished_record_once(tmp_path: Path) -> None:
    (group,) = build_small_plan(tmp_path, seeds=[0]).groups
    trials = tuning.trial_cells(group, tmp_path)
    for trial in trials:
        write_record(trial)
    selection = tuning.select_rate(trials)
    finished = Cell(group, dataclasses.replace(group.config, tuning=None), tmp_path)
    write_record(finished)
    before = records.read_record(finished.folder)
    tuned = Cell(group, dataclasses.replace(group.config, tuning=selection), tmp_path)
    assert tuned.folder == finished.folder
    assert tuning.add_tuning_to_records([tuned]) == []
    after = records.read_record(finished.folder)
    assert after.config.tuning == selection
    assert (after.results, after.measured) == (before.results, before.measured)
    written = (finished.folder / "result.json").stat().st_mtime_ns
    assert tuning.add_tuning_to_records([tuned]) == []
    assert (finished.folder / "result.json").stat().st_mtime_ns == written


def test_a_locked_record_is_reported_and_the_others_are_written(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, seeds=[0, 1]).cells()
    for cell in cells:
        write_record(cell)
    tuned = [Cell(cell.group, dataclasses.replace(cell.config, tuning=TUNING), tmp_path) for cell in cells]
    with run_folder.lock_folder(tuned[0].folder):
        (problem,) = tuning.add_tuning_to_records(tuned)
    assert tuned[0].name in problem
    assert records.read_record(tuned[1].folder).config.tuning == TUNING


def test_finished_trials_are_not_pending(tmp_path: Path) -> None:
    plan = build_small_plan(tmp_path)
    (group,) = plan.groups
    assert [len(trials) for trials in tuning.pending_trials(plan).values()] == [4]
    for trial in tuning.trial_cells(group, tmp_path):
        write_record(trial, value=trial.config.optim.lr)
    assert tuning.pending_trials(plan) == {}
    assert tuning.apply_best_rates(plan).groups[0].config.optim.lr == 1e-2
