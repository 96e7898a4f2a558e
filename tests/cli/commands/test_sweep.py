"""``seqbench sweep``, in this process or, where it gets signals, in a process of its own."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqbench.cli.commands import sweep
from seqbench.cli.main import main
from seqbench.protocol.record_fields import Tuning
from seqbench.protocol.search.recorded_search import find_fault
from seqbench.sweep.engines import local_engine
from seqbench.sweep.engines.engine import Job
from seqbench.sweep.planning import sweep_plan
from seqbench.sweep.planning.plan_request import PlanRequest
from seqbench.sweep.workers import run_cell
from tests.protocol.identity.folders import NET, user_folder, write_files
from tests.sweep.helpers import build_small_plan

TINY = ["--task.delay", "2", "--task.samples", "40", "--arch.d_model", "8", "--optim.batch_size", "8"]
TINY += ["--optim.steps", "20", "--optim.validate_every", "10", "--tier", "smoke", "--logger", "none"]


def command(runs: Path, *more: str, archs: str = "gru,lstm", seeds: str = "2") -> list[str]:
    return ["sweep", "--arch", archs, "--task", "copy", "--seeds", seeds, *TINY, "--runs", str(runs), *more]


def recorded_results(runs: Path) -> dict[str, str]:
    """Return the ``results`` of each record as JSON, by run folder."""
    return {
        str(path.parent.relative_to(runs)): json.dumps(json.loads(path.read_text())["results"], sort_keys=True)
        for path in runs.rglob("result.json")
    }


@pytest.mark.parametrize(("limit", "seconds"), [(None, 600.0), (30.0, 30.0), (float("inf"), None)])
def test_a_job_has_the_time_limit_of_its_tier_unless_one_is_given(
    limit: float | None, seconds: float | None, tmp_path: Path
) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    job = sweep.build_job(cell, limit)
    expected = Job(run_cell.run_cell, (cell.config, tmp_path), seconds)
    assert (job.function, job.args, job.limit) == (expected.function, expected.args, expected.limit)
    assert (job.devices, job.nodes) == (1, 1)


def test_a_sweep_shows_its_plan_runs_its_cells_and_prints_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(tmp_path)) == 0
    out, err = capsys.readouterr()
    assert "4 cells, 0 finished, 4 to run, " in err
    assert "; about " in err
    assert "[4/4] " in err
    lines = out.splitlines()
    assert lines[0].split()[:4] == ["cells", "ok", "test", "metric"]
    assert [line.split()[0] for line in lines[1:]] == ["gru", "lstm"]
    assert "2/2" in lines[1]
    assert len(recorded_results(tmp_path)) == 4
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")}
    assert main(command(tmp_path)) == 0
    assert "4 cells, 4 finished, 0 to run" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")} == written


def test_a_cell_has_the_results_of_the_same_run_by_its_own_command(tmp_path: Path) -> None:
    assert main(command(tmp_path / "sweep", "--no-probe", archs="gru", seeds="1,")) == 0
    alone = ["run", "--arch", "gru", "--task", "copy", "--seed", "1", *TINY, "--runs", str(tmp_path / "run")]
    assert main(alone) == 0
    assert recorded_results(tmp_path / "sweep") == recorded_results(tmp_path / "run")


def test_a_dry_run_shows_the_plan_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(tmp_path, "--dry-run", "--grid", "arch.num_layers=1,2")) == 0
    err = capsys.readouterr().err
    assert "lstm on copy, arch.num_layers=2" in err
    assert "8 cells, 0 finished, 8 to run" in err
    assert list(tmp_path.iterdir()) == []


def test_tuning_searches_the_rate_and_records_the_trials(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = command(tmp_path, "--tune", "--tune-rungs", "0.5,1:2", "--no-probe", archs="gru", seeds="1")
    assert main(words) == 0
    err = capsys.readouterr().err
    assert "1 to run and usually 7 learning-rate trials that cost 4.5 whole runs" in err
    assert "gru on copy: learning rate 0.0" in err
    assert "validation accuracy" in err
    (path,) = (tmp_path / "copy" / "gru").glob("smoke-s0-*/result.json")
    tuning = json.loads(path.read_text())["config"]["tuning"]
    assert tuning["search"]["rungs"] == [[0.5, 0], [1.0, 2]]
    assert {row["steps"] for row in tuning["tried"]} == {10, 20}
    assert find_fault(Tuning.model_validate(tuning), "max") == ""
    assert json.loads(path.read_text())["config"]["options"]["optim"]["lr"] == tuning["lr"]


def test_a_failed_cell_is_reported_with_its_reason_and_run_again_next_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = command(tmp_path, "--no-probe", archs="tests.backbones:Raising,gru", seeds="1")
    assert main(words) == 1
    out, err = capsys.readouterr()
    assert "failed: tests.backbones:Raising on copy, seed 0: RuntimeError: shapes (3, 4) and (5, 6) do not fit" in err
    assert "0/1" in out
    assert main(words) == 1
    assert "2 cells, 1 finished, 1 to run" in capsys.readouterr().err


def test_a_group_that_cannot_run_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(tmp_path, archs="bigru,gru", seeds="1")) == 1
    err = capsys.readouterr().err
    assert "cannot be run: bigru on copy: architecture 'bigru' looks ahead" in err
    assert "1 cell, 0 finished, 1 to run" in err
    assert len(recorded_results(tmp_path)) == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--engine", "locl"], "unknown engine 'locl'. Did you mean 'local'?"),
        (["--seeds", "0"], "--seeds must be from 1 to 10000, got 0"),
        (["--seeds", "a"], "--seeds must be a count (5), seeds"),
        (["--grid", "num_layers=1"], "--grid takes dotted options"),
        (["--grid", "arch.num_layers"], "--grid must be KEY=VALUE"),
        (["--grid", "arch.num_layers="], "must have values separated by commas"),
        (["--grid", "arch.num_layers=[1,"], "is not a YAML list"),
        (["--grid", "arch.num_layers=1", "--grid", "arch.num_layers=2"], "is given twice"),
        (["--limit", "soon"], "--limit must be a time such as 90s, 30m or 2h, got 'soon'"),
        (["--memory", "4X"], "--memory must be a size such as 500M or 4G"),
        (["--retries", "-1"], "--retries must not be negative"),
        (["--workers", "0"], "--workers must be at least 1"),
        (["--engine", "slurm", "--workers", "-1"], "--workers must be at least 1, got -1"),
        (["--grid", "trainer.threads=1,2"], "--grid takes options that change the results"),
        (["--grid", "optim.lr=1e-3,0.001"], "is the same run as"),
        (["--tune", "--optim.lr", "1e-3"], "--tune selects optim.lr from the card's grid"),
        (["--tune", "--tune-rungs", "0.5,0.2"], "--tune-rungs: the shares of the rungs must rise"),
        (["--tune-rungs", "1"], "--tune-rungs is for --tune"),
        (["--engine-option", "a=1"], "--engine-option is for the engines ray and slurm"),
        (["--engine", "slurm", "--memory", "4G"], "--memory is for the engine local"),
        (["--arch.num_layer", "2"], "Did you mean --arch.num_layers"),
        (["--tier", "smal"], "has no tier 'smal'"),
        (["surprise"], "unexpected argument 'surprise'. Separate the items of a list by commas"),
    ],
)
def test_a_mistake_is_reported_and_nothing_is_written(
    more: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(tmp_path, *more)) == 2
    err = capsys.readouterr().err
    assert message.lower() in err.lower()
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_tuning_again_repeats_no_trial(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = command(tmp_path, "--tune", "--tune-rungs", "0.5", archs="gru", seeds="1")
    assert main(words) == 0
    capsys.readouterr()
    assert main(words) == 0
    err = capsys.readouterr().err
    assert "gru on copy: learning rate 0.0" in err
    assert "1 cell, 1 finished, 0 to run, " in err
    assert "estimating" not in err


def test_a_plan_may_be_larger_than_the_buffer_of_a_pipe(tmp_path: Path) -> None:
    layers = {"arch.num_layers": [str(number) for number in range(1, 151)]}
    request = PlanRequest(["gru", "lstm"], ["copy"], tmp_path, [0, 1], layers, {"tier": "smoke", "logger": "none"})
    assert len(local_engine.call_in_worker(sweep_plan.build_plan, request).cells()) == 600


def test_a_dry_run_names_the_cells_that_cannot_run_with_and_without_a_probe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archs = "gru,bigru,tests.backbones:RefusingWidth,tests.backbones:Raising"
    for probe, refused in ((["--no-probe"], 2), ([], 3)):  # Only the probe runs a step.
        assert main(command(tmp_path, "--dry-run", *probe, archs=archs, seeds="1")) == 0
        err = capsys.readouterr().err
        assert "cannot be run: bigru on copy: " in err
        assert "cannot be run: tests.backbones:RefusingWidth on copy: " in err
        assert err.count("cannot be run: ") == refused
        assert f"{4 - refused} cell" in err
    assert list(tmp_path.iterdir()) == []


def test_the_table_of_cells_is_written_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "table.csv"
    words = command(tmp_path / "runs", "--no-probe", "--out", str(out), archs="gru,bigru", seeds="1")
    assert main(words) == 1
    assert f"wrote {out}: 2 lines" in capsys.readouterr().err
    with out.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["status"] for line in lines] == ["ok", "not run"]
    record = json.loads((Path(lines[0]["folder"]) / "result.json").read_text())
    assert float(lines[0]["test"]) == record["results"]["metrics"]["test"]["accuracy"]["value"]
    out.unlink()
    assert main([*words, "--dry-run"]) == 0  # A dry run writes the results so far.
    with out.open(newline="") as file:
        assert [line["status"] for line in csv.DictReader(file)] == ["ok", "refused"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "whole_group", "code"),
    [(signal.SIGINT, False, 130), (signal.SIGTERM, False, 75), (signal.SIGTERM, True, 75)],
)
def test_a_sweep_stopped_by_a_signal_is_continued_by_the_same_command(
    number: signal.Signals, whole_group: bool, code: int, tmp_path: Path
) -> None:
    longer = ["--optim.steps", "1200", "--optim.validate_every", "600", "--no-probe", "--workers", "2"]
    words = [sys.executable, "-m", "seqbench", *command(tmp_path / "cut", *longer, seeds="1")]
    with subprocess.Popen(
        words, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 60
        while len(list((tmp_path / "cut").rglob("config.yaml"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1.5)
        (os.killpg if whole_group else os.kill)(process.pid, number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "repeat the same command to continue" in err
    assert "Traceback" not in err
    assert out.splitlines()[0].startswith("cells")
    stopped = [json.loads(text) for text in recorded_results(tmp_path / "cut").values()]
    assert {results["status"] for results in stopped} == {"interrupted"}
    cause = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
    assert f"stopped by {cause}; " in err
    assert all(f"stopped by {cause} at step" in results["reason"] for results in stopped)
    subprocess.run(words, check=True, capture_output=True, timeout=120)
    whole = [word if word != str(tmp_path / "cut") else str(tmp_path / "whole") for word in words]
    subprocess.run(whole, check=True, capture_output=True, timeout=120)
    assert recorded_results(tmp_path / "cut") == recorded_results(tmp_path / "whole")


@pytest.mark.slow
def test_a_cell_on_two_devices_has_the_losses_of_one_device(tmp_path: Path) -> None:
    devices = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--trainer.accelerator", "cpu", "--no-probe"]
    assert main(command(tmp_path / "two", *devices, archs="gru", seeds="1")) == 0
    assert main(command(tmp_path / "one", "--no-probe", archs="gru", seeds="1")) == 0
    two, one = ([json.loads(text) for text in recorded_results(tmp_path / name).values()] for name in ("two", "one"))
    assert two[0]["curves"]["train"]["loss"] == pytest.approx(one[0]["curves"]["train"]["loss"], abs=1e-4)
    assert [path.name for path in (tmp_path / "two").rglob("result.json")] == ["result.json"]


def test_a_sweep_of_an_edited_net_runs_anew_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with user_folder(tmp_path / "user", monkeypatch) as folder:
        write_files(folder, {"my_file.py": NET, "helper.py": "SCALE = 1"})
        words = command(tmp_path / "runs", "--no-probe", archs="my_file:MyNet")
        outputs, folders = [], []
        for source in (NET, NET, NET.replace("tanh", "relu"), f"from helper import SCALE\n{NET}"):
            write_files(folder, {"my_file.py": source})
            assert main(words) == 0
            outputs.append(capsys.readouterr().err)
            folders.append({path.parent.name for path in (tmp_path / "runs").rglob("result.json")})
    counts = ["2 cells, 0 finished, 2 to run", "2 cells, 2 finished, 0 to run"]
    for output, expected in zip(outputs, [counts[0], counts[1], counts[0], counts[0]], strict=True):
        assert expected in output
    assert [len(names) for names in folders] == [2, 2, 4, 6]
    assert "another source" not in outputs[0] + outputs[1]
    assert "2 earlier runs of my_file:MyNet had another source (file my_file.py); not used." in outputs[2]
    assert "4 earlier runs of my_file:MyNet had another source (file helper.py is new; file my_file.py)" in outputs[3]
