from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from seqbench.protocol import records, run_folder
from seqbench.protocol.records import TUNING_SEED
from seqbench.sweep.planning import tuning
from seqbench.sweep.planning.sweep_plan import Cell
from seqbench.sweep.sweep_runner import SweepRunner
from tests.sweep.helpers import ScriptedEngine, build_small_plan, write_record

RATES = [1e-3, 2e-3, 5e-3, 1e-2]


def test_every_group_gets_one_trial_for_each_rate_of_the_card(tmp_path: Path) -> None:
    made = build_small_plan(tmp_path, ("gru", "lstm"))
    for group in made.groups:
        trials = tuning.trial_cells(group, tmp_path)
        assert [trial.config.optim.lr for trial in trials] == RATES == list(group.config.chosen.learning_rates)
        assert {trial.config.seed for trial in trials} == {TUNING_SEED}
        assert trials[1].name == f"{group.name}, optim.lr=0.002, seed {TUNING_SEED}"
        assert all(trial.config.tuning is None for trial in trials)


@pytest.mark.parametrize(
    ("values", "direction", "chosen"),
    [
        ([0.1, 0.4, 0.3, 0.2], "max", 2e-3),
        ([0.1, 0.4, 0.3, 0.2], "min", 1e-3),
        ([0.4, 0.4, 0.4, 0.4], "max", 1e-3),
        ([None, None, 0.3, 0.2], "max", 5e-3),
        ([None, None, None, None], "max", None),
    ],
)
def test_validation_chooses_and_the_first_of_equals(
    tmp_path: Path, values: list[float | None], direction: str, chosen: float | None
) -> None:
    (group,) = build_small_plan(tmp_path).groups
    card = dataclasses.replace(
        group.config.card, metric=dataclasses.replace(group.config.card.metric, direction=direction)
    )
    trials = [
        Cell(trial.group, dataclasses.replace(trial.config, card=card), tmp_path)
        for trial in tuning.trial_cells(group, tmp_path)
    ]
    for trial, value in zip(trials, values, strict=True):
        if value is None:
            write_record(trial, "diverged")
        else:
            write_record(trial, value=value)
            # A test score that would choose otherwise is not looked at.
            data = json.loads((trial.folder / "result.json").read_text())
            data["results"]["metrics"]["test"]["accuracy"]["value"] = 1 - value
            (trial.folder / "result.json").write_text(json.dumps(data))
    rate, tried = tuning.best_trial(trials)
    assert rate == tried["lr"] == chosen
    assert [(row["lr"], row["value"]) for row in tried["tried"]] == list(zip(RATES, values, strict=True))
    assert {row["status"] for row in tried["tried"]} <= {"ok", "diverged"}
    assert (tried["seed"], tried["split"], tried["metric"]) == (TUNING_SEED, "validation", "accuracy")


def test_a_plan_is_tuned_group_by_group(tmp_path: Path) -> None:
    made = build_small_plan(tmp_path, ("gru", "lstm", "rnn"))

    def script(cell: Cell, n: int) -> str:
        best = {"gru": 1e-2, "lstm": 2e-3}.get(cell.config.arch)
        if best is None:
            return "diverged"
        write_record(cell, value=1.0 if cell.config.optim.lr == best else 0.1)
        return "kept"

    engine = ScriptedEngine(script)
    original = write_record

    def wait(seconds: float) -> list[object]:
        job = engine.waiting.pop(0)
        cell = engine.cells[job]
        from seqbench.sweep.engines.engine import FinishedJob
        from seqbench.sweep.workers.run_cell import CellOutcome

        status = script(cell, 1)
        if status == "diverged":
            original(cell, "diverged")
        return [FinishedJob(job, CellOutcome("diverged" if status == "diverged" else "ok"))]

    engine.wait = wait  # type: ignore[assignment,method-assign]
    plan, expected = tuning.run_trials(made, SweepRunner(engine, engine.job), dict.fromkeys(made.groups, 3.0))
    assert {group.config.arch: group.config.optim.lr for group in plan.groups} == {"gru": 1e-2, "lstm": 2e-3}
    assert plan.refused == {"rnn on copy": "none of the 4 learning rates that were tried has a score"}
    assert list(expected.values()) == [3.0, 3.0]
    assert len(engine.order) == 12
    cells = plan.cells()
    assert [cell.config.seed for cell in cells] == [0, 0, 1, 1]
    assert cells[0].config.tuning["lr"] == 1e-2  # type: ignore[index]
    # How it was chosen is no part of what is run.
    assert cells[0].config.digest() == dataclasses.replace(cells[0].config, tuning=None).digest()


def test_a_finished_run_is_credited_with_what_was_tried_and_stays_as_it_is(tmp_path: Path) -> None:
    (group,) = build_small_plan(tmp_path, seeds=[0]).groups
    trials = tuning.trial_cells(group, tmp_path)
    for trial in trials:
        write_record(trial)
    _, tried = tuning.best_trial(trials)
    done = Cell(group, dataclasses.replace(group.config, tuning=None), tmp_path)
    write_record(done)
    before = records.read_record(done.folder)
    tuned = Cell(group, dataclasses.replace(group.config, tuning=tried), tmp_path)
    assert tuned.folder == done.folder
    assert tuning.add_tuning_to_records([tuned]) == []
    after = records.read_record(done.folder)
    assert after.config["tuning"] == tried
    assert (after.results, after.measured) == (before.results, before.measured)
    written = (done.folder / "result.json").stat().st_mtime_ns
    assert tuning.add_tuning_to_records([tuned]) == []
    assert (done.folder / "result.json").stat().st_mtime_ns == written


def test_what_another_process_holds_is_told_and_stops_no_other(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, seeds=[0, 1]).cells()
    cells = [Cell(cell.group, dataclasses.replace(cell.config, tuning={"lr": 1.0}), tmp_path) for cell in cells]
    for cell in cells:
        write_record(Cell(cell.group, dataclasses.replace(cell.config, tuning=None), tmp_path))
    with run_folder.lock_folder(cells[0].folder):
        (problem,) = tuning.add_tuning_to_records(cells)
    assert cells[0].name in problem
    assert records.read_record(cells[1].folder).config["tuning"] == {"lr": 1.0}


def test_only_what_was_not_tried_is_ahead(tmp_path: Path) -> None:
    made = build_small_plan(tmp_path)
    (group,) = made.groups
    assert [len(left) for left in tuning.pending_trials(made).values()] == [4]
    for trial in tuning.trial_cells(group, tmp_path):
        write_record(trial, value=trial.config.optim.lr)
    assert tuning.pending_trials(made) == {}
    assert tuning.apply_best_rates(made).groups[0].config.optim.lr == 1e-2
