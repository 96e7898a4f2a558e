from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from seqbench.protocol import records, run_folder
from seqbench.protocol.record_fields import Tuning
from seqbench.protocol.records import TUNING_SEED
from seqbench.sweep.engines.engine import JobFailure
from seqbench.sweep.planning import tuning
from seqbench.sweep.planning.sweep_plan import Cell, Plan
from seqbench.sweep.sweep_runner import SweepRunner
from seqbench.sweep.workers.run_cell import CellOutcome
from tests.sweep.helpers import ScriptedEngine, Step, build_small_plan, build_tuned_plan, write_record

TUNING = Tuning(seed=TUNING_SEED, split="validation", metric="accuracy", tried=[], lr=1.0)


def score_near(cell: Cell, best: float) -> CellOutcome:
    """Write a record whose score falls with the distance of its rate to the best one."""
    ratio = cell.config.optim.lr / best
    write_record(cell, value=0.1 + 0.8 * min(ratio, 1 / ratio))
    return CellOutcome("ok")


def run_all(plan: Plan, engine: ScriptedEngine) -> Plan:
    searches = tuning.plan_searches(plan)
    tuned, _ = tuning.run_trials(plan, searches, SweepRunner(engine, engine.build_job), {})
    return tuned


def test_the_rate_of_each_group_is_selected_by_its_own_trials(tmp_path: Path) -> None:
    plan = build_tuned_plan(tmp_path, ("gru", "lstm", "rnn"))
    best = {"gru": 1e-2, "lstm": 2e-3}

    def script(cell: Cell, attempt: int) -> Step:
        return score_near(cell, best[cell.config.arch]) if cell.config.arch in best else "diverged"

    engine = ScriptedEngine(script)
    searches = tuning.plan_searches(plan)
    runner = SweepRunner(engine, engine.build_job)
    tuned, expected_seconds = tuning.run_trials(plan, searches, runner, dict.fromkeys(plan.groups, 3.0))
    assert {group.config.arch: group.config.optim.lr for group in tuned.groups} == best
    assert tuned.refused == {"rnn on copy": "no learning rate has a score, after 4 learning-rate trials"}
    assert list(expected_seconds.values()) == [3.0, 3.0]
    # lstm: four rates and the best three; gru: 0.02 beside the best rate, in both rungs; rnn: four rates.
    assert len(engine.started) == 7 + 9 - 1 + 4
    cells = tuned.cells()
    assert [cell.config.seed for cell in cells] == [0, 0, 1, 1]
    found = cells[0].config.tuning
    assert found is not None
    assert (found.lr, found.extended, found.bound) == (1e-2, [2e-2], "")
    # How the rate was selected is no part of the digest.
    assert cells[0].config.digest() == dataclasses.replace(cells[0].config, tuning=None).digest()


def test_the_searches_do_not_wait_for_each_other(tmp_path: Path) -> None:
    plan = build_tuned_plan(tmp_path, ("gru", "lstm"))
    engine = ScriptedEngine(lambda cell, attempt: score_near(cell, 2e-3))
    run_all(plan, engine)
    first_longer = next(k for k, name in enumerate(engine.started) if "gru" in name and "steps=10" in name)
    assert any("lstm" in name and "steps=4" in name for name in engine.started[first_longer - 1 :])


def test_a_stopped_search_continues_where_it_stopped(tmp_path: Path) -> None:
    plan = build_tuned_plan(tmp_path / "whole")
    whole = run_all(plan, ScriptedEngine(lambda cell, attempt: score_near(cell, 2e-2)))

    def stop_after(trials: int) -> ScriptedEngine:
        def script(cell: Cell, attempt: int) -> Step:
            if len(engine.started) > trials:
                raise KeyboardInterrupt
            return score_near(cell, 2e-2)

        engine = ScriptedEngine(script)
        return engine

    names: list[str] = []
    stopped = build_tuned_plan(tmp_path / "stopped")
    for trials in (3, 2, 1):
        engine = stop_after(trials)
        with pytest.raises(KeyboardInterrupt):
            run_all(stopped, engine)
        names += engine.started[:-1]
    engine = ScriptedEngine(lambda cell, attempt: score_near(cell, 2e-2))
    continued = run_all(stopped, engine)
    assert continued.groups[0].config.tuning == whole.groups[0].config.tuning
    assert len({*names, *engine.started}) == len(names) + len(engine.started)


def test_a_failed_trial_counts_as_the_worst_and_is_run_again_by_the_next_sweep(tmp_path: Path) -> None:
    plan = build_tuned_plan(tmp_path)

    def script(cell: Cell, attempt: int) -> Step:
        return JobFailure("failed", "crashed") if cell.config.optim.lr > 5e-3 else score_near(cell, 5e-3)

    (group,) = run_all(plan, ScriptedEngine(script)).groups
    assert group.config.optim.lr == 5e-3
    assert {row.status for row in group.config.tuning.tried if row.value is None} == {"failed"}  # type: ignore[union-attr]
    assert all(search.budget().trials for search in tuning.plan_searches(plan).values())


def test_finished_searches_need_no_trials(tmp_path: Path) -> None:
    plan = build_tuned_plan(tmp_path)
    (search,) = tuning.plan_searches(plan).values()
    assert search.budget().trials == 7
    run_all(plan, ScriptedEngine(lambda cell, attempt: score_near(cell, 5e-3)))
    searches = tuning.plan_searches(plan)
    assert [search.budget().trials for search in searches.values()] == [0]
    assert tuning.apply_best_rates(plan, searches).groups[0].config.optim.lr == 5e-3


def test_the_trials_are_added_to_a_finished_record_once(tmp_path: Path) -> None:
    plan = build_tuned_plan(tmp_path, seeds=[0])
    tuned_plan = run_all(plan, ScriptedEngine(lambda cell, attempt: score_near(cell, 2e-2)))
    (tuned,) = tuned_plan.cells()
    finished = Cell(tuned.group, dataclasses.replace(tuned.config, tuning=None), tmp_path)
    assert "optim.lr" in finished.config.modified()
    assert "optim.lr" not in tuned.config.modified()
    write_record(finished)
    before = records.read_record(finished.folder)
    assert tuned.folder == finished.folder
    assert tuning.add_tuning_to_records([tuned]) == []
    after = records.read_record(finished.folder)
    assert after.config.tuning == tuned.config.tuning
    assert list(after.config.modified) == tuned.config.modified()
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
