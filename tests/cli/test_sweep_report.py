from __future__ import annotations

import logging
from pathlib import Path

import pytest

from seqbench.cli import sweep_report
from seqbench.sweep import summary
from seqbench.sweep.planning import sweep_plan, tuning
from seqbench.sweep.planning.group_search import TrialBudget
from seqbench.sweep.planning.plan_request import PlanRequest
from seqbench.sweep.planning.sweep_plan import Plan
from seqbench.sweep.sweep_runner import SweepProgress
from tests.sweep.helpers import ARGUMENTS, OPTIONS, build_small_plan, build_tuned_plan, write_record


@pytest.fixture(autouse=True)
def _at_level_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_the_plan_is_a_table_of_groups_with_a_line_that_counts_the_cells(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan = build_small_plan(tmp_path, ("gru", "lstm"))
    gru, lstm = plan.groups
    write_record(plan.cells()[0])
    refusing = Plan(plan.groups, plan.seeds, plan.runs, {"bigru on copy": "looks ahead"})
    sweep_report.log_plan(refusing, {gru: TrialBudget(8, 2.5)}, {gru: 10.0, lstm: 20.0}, slots=2)
    table, refused, counts = caplog.messages
    rows = [line.split() for line in table.splitlines()]
    assert rows[0] == ["cells", "to", "run", "steps", "batch", "about"]
    assert rows[1][:7] == ["gru", "on", "copy", "1", "20", "8", "10"]
    assert rows[2][:7] == ["lstm", "on", "copy", "2", "20", "8", "20"]
    assert "modified: " in table
    assert refused == "cannot be run: bigru on copy: looks ahead"
    # 3.5 runs of 10 s and 2 runs of 20 s, two at once.
    expected = "4 cells, 1 finished, 3 to run and usually 8 learning-rate trials that cost 2.5 whole runs"
    assert counts == f"{expected}, 2 at once; about 38 s"


def test_the_total_time_is_at_least_that_of_the_longest_run(tmp_path: Path) -> None:
    gru, lstm = build_small_plan(tmp_path, ("gru", "lstm")).groups
    seconds = {gru: 10.0, lstm: 100.0}
    assert sweep_report.estimate_total_seconds({gru: 2, lstm: 1}, seconds, slots=8) == 100
    assert sweep_report.estimate_total_seconds({gru: 20, lstm: 1}, seconds, slots=2) == 150
    assert sweep_report.estimate_total_seconds({gru: 2, lstm: 0}, {gru: 10.0}, slots=1) == 20
    assert sweep_report.estimate_total_seconds({gru: 2, lstm: 1}, {gru: 10.0}, slots=1) is None
    assert sweep_report.estimate_total_seconds({gru: 0}, seconds, slots=1) is None


def test_the_selected_learning_rates_are_shown_with_their_trials(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan = build_tuned_plan(tmp_path)
    searches = tuning.plan_searches(plan)
    while cells := searches[plan.groups[0]].pending_cells():
        for cell in cells:
            rate = cell.config.optim.lr
            write_record(cell, "diverged") if rate < 2e-3 else write_record(cell, value=0.2 + rate)
    sweep_report.log_learning_rates(tuning.apply_best_rates(plan, searches))
    assert caplog.messages == [
        "gru on copy: learning rate 0.1 (accuracy on validation, 10 trials at the cost of 2.9 whole runs)",
        "  4 steps: 0.001: diverged, 0.002: 0.202, 0.005: 0.205, 0.01: 0.21, 0.02: 0.22, 0.05: 0.25, 0.1: 0.3",
        "  10 steps: 0.02: 0.22, 0.05: 0.25, 0.1: 0.3",
        "  the best rate is the highest that a search may try: a better one may lie beyond it",
    ]


def test_the_table_has_the_mean_with_its_interval_and_the_baselines(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, ("gru", "lstm")).cells()
    for cell, value in zip([cell for cell in cells if cell.config.arch == "gru"], (0.4, 0.6), strict=True):
        write_record(cell, value=value, seconds=10 * value)
    header, gru, lstm = sweep_report.format_table(summary.summarize_cells(cells)).splitlines()
    assert header.split() == ["cells", "ok", "test", "metric", "mean", "95", "%", "chance", "best", "parameters", "s"]
    assert gru.split()[3:] == ["2/2", "accuracy", "0.5", "±", "1.3", "0.125", "1", "123", "5"]
    assert lstm.split()[3:] == ["0/2", "accuracy", "-", "-", "-", "-", "-", "-"]


def test_each_cell_that_did_not_end_ok_is_listed_with_its_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan = build_small_plan(tmp_path, seeds=range(3))
    good, failed, refused = plan.cells()
    write_record(failed, "failed")
    statuses = {good: "ok", failed: "failed", refused: "refused"}
    progress = SweepProgress(3, statuses=statuses, reasons={good: None, refused: "no such data"})
    sweep_report.log_failures(Plan(plan.groups, plan.seeds, plan.runs, {"bow on copy": "no option"}), progress)
    assert caplog.messages == [
        "not run: bow on copy: no option",
        f"failed: {failed.name}: as scripted; {failed.folder}",
        f"not run: {refused.name}: no such data",
    ]


def test_a_matched_width_is_shown_in_the_plan(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    at = ARGUMENTS.index("--arch.d_model")
    arguments, options = ARGUMENTS[:at] + ARGUMENTS[at + 2 :], {**OPTIONS, "match_params": "20k"}
    plan = sweep_plan.build_plan(PlanRequest(["gru"], ["copy"], tmp_path, [0], options=options, arguments=arguments))
    sweep_report.log_plan(plan, {}, {}, slots=1)
    width = plan.groups[0].config.arch_options["d_model"]
    assert f"d_model {width} for 20,000 parameters; modified: " in caplog.messages[0]
    assert caplog.messages[-1] == "1 cell, 0 finished, 1 to run, 1 at once"
