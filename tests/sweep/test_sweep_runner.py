from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from seqbench.protocol import records, run_folder
from seqbench.sweep import sweep_runner
from seqbench.sweep.engines.engine import FinishedJob, JobFailure
from seqbench.sweep.planning.sweep_plan import Cell
from seqbench.sweep.sweep_runner import SweepProgress, SweepRunner
from seqbench.sweep.workers.run_cell import CellOutcome
from seqbench.utils.errors import SeqbenchError
from tests.sweep.helpers import ScriptedEngine, build_small_plan, write_record


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_runner, "RECHECK_SECONDS", 0.01)


def run(cells: list[Cell], script: Any, slots: int = 1, **options: Any) -> tuple[SweepProgress, ScriptedEngine]:
    engine = ScriptedEngine(script, slots)
    return SweepRunner(engine, engine.job, **options).run(cells), engine


def test_every_cell_is_run_once_and_so_many_at_a_time(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, seeds=range(5)).cells()
    state, engine = run(cells, lambda cell, n: "ok", slots=2)
    assert [state.status[cell] for cell in cells] == ["ok"] * 5
    assert engine.order == [cell.name for cell in cells]
    assert engine.most == 2


def test_finished_cells_are_skipped_and_failed_ones_tried_again(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, seeds=range(5)).cells()
    for cell, status in zip(cells, ["ok", "diverged", "failed", "timeout", "interrupted"], strict=True):
        write_record(cell, status)
    state, engine = run(cells, lambda cell, n: "ok")
    assert engine.order == [cell.name for cell in cells[2:]]
    assert [state.status[cell] for cell in cells] == ["ok", "diverged", "ok", "ok", "ok"]


def test_retries_are_counted_and_come_last(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, seeds=range(2)).cells()
    first = cells[0].name
    state, engine = run(cells, lambda cell, n: "failed" if cell.name == first else "ok", retries=2)
    assert state.status == {cells[0]: "failed", cells[1]: "ok"}
    assert engine.order == [first, cells[1].name, first, first]
    assert state.reason[cells[0]] == "as scripted"


def test_a_refusal_is_not_tried_again(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, seeds=[0]).cells()
    state, engine = run(cells, lambda cell, n: FinishedJob(None, CellOutcome("refused", "no such data")), retries=3)  # type: ignore[arg-type]
    assert (state.status[cells[0]], state.reason[cells[0]], len(engine.order)) == ("refused", "no such data", 1)
    assert not cells[0].folder.exists()


def test_a_preempted_cell_goes_on(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, seeds=[0]).cells()
    state, engine = run(cells, lambda cell, n: "interrupted" if n < 3 else "ok")
    assert (state.status[cells[0]], len(engine.order)) == ("ok", 3)


def test_a_cell_that_interrupts_itself_comes_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_runner, "MAX_INTERRUPTIONS", 4)
    cells = build_small_plan(tmp_path, seeds=[0]).cells()
    state, engine = run(cells, lambda cell, n: "interrupted")
    assert (state.status[cells[0]], len(engine.order)) == ("interrupted", 5)


@pytest.mark.parametrize("status", ["failed", "timeout", "out_of_memory"])
def test_how_a_process_died_stands_in_a_record_and_stops_no_other(tmp_path: Path, status: str) -> None:
    cells = build_small_plan(tmp_path, seeds=range(3)).cells()
    failure = JobFailure(status, "killed by a test", "Fatal Python error: test")

    def script(cell: Cell, n: int) -> Any:
        return FinishedJob(None, None, failure) if cell is cells[1] else "ok"  # type: ignore[arg-type]

    state, _ = run(cells, script)
    assert [state.status[cell] for cell in cells] == ["ok", status, "ok"]
    record = records.read_record(cells[1].folder)
    assert (record.status, record.results["reason"]) == (status, "killed by a test")
    assert record.config["digest"] == cells[1].config.digest()
    assert (cells[1].folder / run_folder.ERROR).read_text() == failure.output
    assert (cells[1].folder / run_folder.CONFIG).is_file()


def test_a_record_that_the_process_left_is_believed_unless_it_took_too_long(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, seeds=range(4)).cells()

    def script(cell: Cell, n: int) -> Any:
        number = cells.index(cell)
        write_record(cell, ["failed", "interrupted", "ok", "failed"][number])
        failures = [
            JobFailure("failed", "exit status 1"),
            JobFailure("timeout", "too long"),
            JobFailure("failed", "SIGSEGV"),
            None,
        ]
        return FinishedJob(None, CellOutcome("failed", "said so"), failures[number])  # type: ignore[arg-type]

    state, _ = run(cells, script)
    assert [state.status[cell] for cell in cells] == ["failed", "timeout", "ok", "failed"]
    assert state.reason[cells[0]] == "as scripted"
    assert records.read_record(cells[1].folder).status == "timeout"
    assert records.read_record(cells[1].folder).config["parameters"] == 123  # What it had written itself stays.
    assert records.read_record(cells[2].folder).status == "ok"


def test_an_earlier_attempts_record_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    write_record(cell, "failed")
    data = json.loads((cell.folder / "result.json").read_text())
    data["measured"]["started"] = 1.0
    (cell.folder / "result.json").write_text(json.dumps(data))
    run([cell], lambda cell, n: FinishedJob(None, None, JobFailure("out_of_memory", "gone")))  # type: ignore[arg-type]
    assert records.read_record(cell.folder).status == "out_of_memory"


def test_a_cell_that_another_process_is_at_is_waited_for(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, seeds=range(2)).cells()
    looks = []
    with run_folder.lock_folder(cells[0].folder):

        def show(state: SweepProgress, cell: Cell | None) -> None:
            looks.append(len(state.status))
            if len(looks) == 4:
                write_record(cells[0])

        engine = ScriptedEngine(lambda cell, n: "ok")
        state = SweepRunner(engine, engine.job, show=show)
        original = run_folder.is_locked
        try:
            run_folder.is_locked = lambda folder: len(looks) < 4 and original(folder)
            ended = state.run(cells)
        finally:
            run_folder.is_locked = original
    assert engine.order == [cells[1].name]
    assert ended.status == {cells[0]: "ok", cells[1]: "ok"}


def test_a_worker_that_finds_its_cell_taken_comes_back_later(tmp_path: Path) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    state, engine = run([cell], lambda cell, n: FinishedJob(None, CellOutcome("busy")) if n == 1 else "ok")  # type: ignore[arg-type]
    assert (state.status[cell], len(engine.order)) == ("ok", 2)


def test_an_interruption_ends_the_running_cells_in_good_order(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, seeds=range(3)).cells()

    def script(cell: Cell, n: int) -> str:
        if cell is cells[1]:
            raise KeyboardInterrupt
        return "ok"

    engine = ScriptedEngine(script, slots=3)
    seen: list[SweepProgress] = []
    with pytest.raises(KeyboardInterrupt):
        SweepRunner(engine, engine.job, show=lambda state, cell: seen.append(state)).run(cells)
    assert {seen[-1].status[cell] for cell in cells if cell in seen[-1].status} == {"ok", "interrupted"}
    assert engine.waiting == []


def test_the_time_left_is_that_of_what_is_ahead(tmp_path: Path) -> None:
    made = build_small_plan(tmp_path, ("gru", "lstm"), range(4))
    cells = made.cells()
    state = SweepProgress(8, waiting=deque(cells[2:]), slots=2)
    assert state.left() is None
    state.expected = {made.groups[0]: 10.0, made.groups[1]: 20.0}
    assert state.left() == pytest.approx((3 * 10 + 3 * 20) / 2)
    # One that waits takes its time, however many may run at once.
    state.slots = 100
    assert state.left() == 20
    state.slots = 2
    # The gru took twice its estimate, so the lstm will.
    state.took = {made.groups[0]: [20.0, 20.0]}
    assert state.left() == pytest.approx((3 * 20 + 3 * 40) / 2)


def test_a_queue_that_is_full_is_tried_again_while_others_run(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, seeds=range(3)).cells()
    engine = ScriptedEngine(lambda cell, n: "ok", slots=3)
    start, refused = engine.start, []

    def full(job: Any) -> None:
        if engine.waiting and len(refused) < 2:
            refused.append(job)
            raise SeqbenchError("Slurm refuses a job: the queue is full")
        start(job)

    engine.start = full  # type: ignore[method-assign]
    state = SweepRunner(engine, engine.job).run(cells)
    assert (len(refused), set(state.status.values())) == (2, {"ok"})

    def never(job: Any) -> None:
        raise SeqbenchError("Slurm refuses a job: no such partition")

    engine.start = never  # type: ignore[method-assign]
    with pytest.raises(SeqbenchError, match="no such partition"):
        SweepRunner(engine, engine.job).run(build_small_plan(tmp_path, seeds=[7]).cells())


def test_cells_that_went_on_say_nothing_of_how_long_a_whole_one_takes(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, seeds=range(2)).cells()
    (cells[0].folder / run_folder.CHECKPOINTS).mkdir(parents=True)
    (cells[0].folder / run_folder.LAST).touch()
    state, _ = run(cells, lambda cell, n: "ok")
    assert [len(took) for took in state.took.values()] == [1]
