from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

from seqbench.protocol import records, run_folder
from seqbench.sweep import sweep_runner
from seqbench.sweep.engines.engine import Job, JobFailure
from seqbench.sweep.planning.sweep_plan import Cell
from seqbench.sweep.sweep_runner import SweepProgress, SweepRunner
from seqbench.sweep.workers.run_cell import CellOutcome
from seqbench.utils.errors import SeqbenchError
from tests.sweep.helpers import ScriptedEngine, Step, build_small_plan, write_record


@pytest.fixture(autouse=True)
def _recheck_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_runner, "RECHECK_SECONDS", 0.01)


def run_script(
    cells: list[Cell], script: Callable[[Cell, int], Step], slots: int = 1, retries: int = 0
) -> tuple[SweepProgress, ScriptedEngine]:
    engine = ScriptedEngine(script, slots)
    return SweepRunner(engine, engine.build_job, retries).run(cells), engine


def test_each_cell_runs_once_and_no_more_than_the_slots_at_a_time(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, seeds=range(5)).cells()
    progress, engine = run_script(cells, lambda cell, attempt: "ok", slots=2)
    assert [progress.statuses[cell] for cell in cells] == ["ok"] * 5
    assert engine.started == [cell.name for cell in cells]
    assert engine.most_at_once == 2


def test_finished_cells_are_skipped_and_the_others_are_run_again(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, seeds=range(5)).cells()
    for cell, status in zip(cells, ["ok", "diverged", "failed", "timeout", "interrupted"], strict=True):
        write_record(cell, status)
    progress, engine = run_script(cells, lambda cell, attempt: "ok")
    assert engine.started == [cell.name for cell in cells[2:]]
    assert [progress.statuses[cell] for cell in cells] == ["ok", "diverged", "ok", "ok", "ok"]


def test_a_failed_cell_is_retried_after_the_other_cells(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, seeds=range(2)).cells()
    first = cells[0].name
    progress, engine = run_script(cells, lambda cell, _: "failed" if cell.name == first else "ok", retries=2)
    assert progress.statuses == {cells[0]: "failed", cells[1]: "ok"}
    assert engine.started == [first, cells[1].name, first, first]
    assert progress.reasons[cells[0]] == "as scripted"


def test_a_refused_cell_is_not_retried(tmp_path: Path) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    progress, engine = run_script([cell], lambda *_: CellOutcome("refused", "no such data"), retries=3)
    assert (progress.statuses[cell], progress.reasons[cell], len(engine.started)) == ("refused", "no such data", 1)
    assert not cell.folder.exists()


def test_an_interrupted_cell_is_resumed(tmp_path: Path) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    progress, engine = run_script([cell], lambda cell, attempt: "interrupted" if attempt < 3 else "ok")
    assert (progress.statuses[cell], len(engine.started)) == ("ok", 3)


def test_a_cell_that_interrupts_itself_each_time_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_runner, "MAX_INTERRUPTIONS", 4)
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    progress, engine = run_script([cell], lambda cell, attempt: "interrupted")
    assert (progress.statuses[cell], len(engine.started)) == ("interrupted", 5)


@pytest.mark.parametrize("status", ["failed", "timeout", "out_of_memory"])
def test_the_failure_of_a_process_is_recorded_and_the_other_cells_run(tmp_path: Path, status: str) -> None:
    cells = build_small_plan(tmp_path, seeds=range(3)).cells()
    failure = JobFailure(status, "killed by a test", "Fatal Python error: test")
    progress, _ = run_script(cells, lambda cell, attempt: failure if cell is cells[1] else "ok")
    assert [progress.statuses[cell] for cell in cells] == ["ok", status, "ok"]
    record = records.read_record(cells[1].folder)
    assert (record.status, record.results.reason) == (status, "killed by a test")


def test_the_record_of_a_failed_process_counts_unless_it_reached_its_time_limit(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, seeds=range(3)).cells()
    recorded = ["failed", "interrupted", "ok"]
    failures = [JobFailure("failed", "exit"), JobFailure("timeout", "too long"), JobFailure("failed", "SIGSEGV")]

    def script(cell: Cell, attempt: int) -> Step:
        write_record(cell, recorded[cells.index(cell)])
        return failures[cells.index(cell)]

    progress, _ = run_script(cells, script)
    assert [progress.statuses[cell] for cell in cells] == ["failed", "timeout", "ok"]
    assert progress.reasons[cells[0]] == "as scripted"
    timeout = records.read_record(cells[1].folder)
    assert (timeout.status, timeout.config.parameters) == ("timeout", 123)  # The rest of the record is kept.
    assert records.read_record(cells[2].folder).status == "ok"


def test_the_record_of_an_earlier_attempt_does_not_count(tmp_path: Path) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    write_record(cell, "failed")
    data = json.loads((cell.folder / "result.json").read_text())
    data["measured"]["started"] = 1.0
    (cell.folder / "result.json").write_text(json.dumps(data))
    run_script([cell], lambda cell, attempt: JobFailure("out_of_memory", "gone"))
    assert records.read_record(cell.folder).status == "out_of_memory"


def test_a_failure_whose_record_cannot_be_written_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(cell: Cell, failure: JobFailure) -> None:
        raise SeqbenchError("the disk is full")

    monkeypatch.setattr(sweep_runner.failure_records, "write_failure_record", refuse)
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    progress, _ = run_script([cell], lambda *_: JobFailure("failed", "SIGSEGV"))
    assert progress.reasons[cell] == "SIGSEGV; it has no record: the disk is full"


def test_a_cell_that_another_process_runs_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = build_small_plan(tmp_path, seeds=range(2)).cells()
    reports: list[int] = []
    is_locked = run_folder.is_locked
    monkeypatch.setattr(run_folder, "is_locked", lambda folder: len(reports) < 4 and is_locked(folder))

    def report(progress: SweepProgress, cell: Cell | None) -> None:
        reports.append(len(progress.statuses))
        if len(reports) == 4:
            write_record(cells[0])

    engine = ScriptedEngine(lambda cell, attempt: "ok")
    with run_folder.lock_folder(cells[0].folder):
        progress = SweepRunner(engine, engine.build_job, report=report).run(cells)
    assert engine.started == [cells[1].name]
    assert progress.statuses == {cells[0]: "ok", cells[1]: "ok"}


def test_a_cell_that_is_locked_when_its_job_starts_is_tried_again(tmp_path: Path) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    progress, engine = run_script([cell], lambda cell, attempt: CellOutcome("busy") if attempt == 1 else "ok")
    assert (progress.statuses[cell], len(engine.started)) == ("ok", 2)


@pytest.mark.parametrize(
    ("error", "name"), [(KeyboardInterrupt, "SIGINT"), (SystemExit, "SIGTERM"), (SeqbenchError, "SIGTERM")]
)
def test_an_error_stops_the_running_cells_and_ctrl_c_by_its_own_signal(
    tmp_path: Path, error: type[BaseException], name: str
) -> None:
    cells = build_small_plan(tmp_path, seeds=range(3)).cells()

    def script(cell: Cell, attempt: int) -> Step:
        if cell is cells[1]:
            raise error
        return "ok"

    engine = ScriptedEngine(script, slots=3)
    reports: list[SweepProgress] = []
    with pytest.raises(error):
        SweepRunner(engine, engine.build_job, report=lambda progress, _: reports.append(progress)).run(cells)
    assert set(reports[-1].statuses.values()) == {"ok", "interrupted"}
    assert f"stopped by {name}" in reports[-1].reasons.values()
    assert engine.running == []


def test_the_remaining_time_comes_from_estimates_and_measured_cells(tmp_path: Path) -> None:
    plan = build_small_plan(tmp_path, ("gru", "lstm"), range(4))
    gru, lstm = plan.groups
    progress = SweepProgress(8, waiting=deque(plan.cells()[2:]), slots=2)
    assert progress.remaining_seconds() is None
    progress.expected_seconds = {gru: 10.0, lstm: 20.0}
    assert progress.remaining_seconds() == pytest.approx((3 * 10 + 3 * 20) / 2)
    # However many cells run at once, the longest one takes its time.
    progress.slots = 100
    assert progress.remaining_seconds() == 20
    progress.slots = 2
    # The gru took twice its estimate, so the estimate of the lstm is doubled, too.
    progress.measured_seconds = {gru: [20.0, 20.0]}
    assert progress.remaining_seconds() == pytest.approx((3 * 20 + 3 * 40) / 2)


def test_a_full_queue_is_tried_again_while_other_jobs_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = build_small_plan(tmp_path, seeds=range(3)).cells()
    engine = ScriptedEngine(lambda cell, attempt: "ok", slots=3)
    start = engine.start
    refused: list[Job] = []

    def refuse_twice(job: Job) -> None:
        if engine.running and len(refused) < 2:
            refused.append(job)
            raise SeqbenchError("Slurm refuses a job: the queue is full")
        start(job)

    monkeypatch.setattr(engine, "start", refuse_twice)
    progress = SweepRunner(engine, engine.build_job).run(cells)
    assert (len(refused), set(progress.statuses.values())) == (2, {"ok"})


def test_an_engine_that_refuses_the_only_job_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(lambda cell, attempt: "ok")

    def refuse(job: Job) -> None:
        raise SeqbenchError("Slurm refuses a job: no such partition")

    monkeypatch.setattr(engine, "start", refuse)
    with pytest.raises(SeqbenchError, match="no such partition"):
        SweepRunner(engine, engine.build_job).run(build_small_plan(tmp_path, seeds=[7]).cells())


def test_the_duration_of_a_resumed_cell_is_not_measured(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, seeds=range(2)).cells()
    (cells[0].folder / run_folder.CHECKPOINTS).mkdir(parents=True)
    (cells[0].folder / run_folder.LAST).touch()
    progress, _ = run_script(cells, lambda cell, attempt: "ok")
    assert [len(seconds) for seconds in progress.measured_seconds.values()] == [1]
