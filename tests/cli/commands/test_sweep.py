from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from seqbench.cli.main import main

TINY = ["--task.delay", "2", "--task.samples", "40", "--arch.d_model", "8", "--optim.batch_size", "8"]
TINY += ["--optim.steps", "20", "--optim.validate_every", "10", "--tier", "smoke", "--logger", "none"]


def words(runs: Path, *more: str, archs: str = "gru,lstm", seeds: str = "2") -> list[str]:
    return ["sweep", "--arch", archs, "--task", "copy", "--seeds", seeds, *TINY, "--runs", str(runs), *more]


def results(runs: Path) -> dict[str, str]:
    """Each record's ``results`` by its folder."""
    return {
        str(path.parent.relative_to(runs)): json.dumps(json.loads(path.read_text())["results"], sort_keys=True)
        for path in runs.rglob("result.json")
    }


def test_a_sweep_shows_its_cells_runs_them_and_ends_with_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(tmp_path)) == 0
    out, err = capsys.readouterr()
    assert "4 cells, 0 finished, 4 to run, " in err
    assert "; about " in err
    assert "[4/4] " in err
    lines = out.splitlines()
    assert lines[0].split()[:4] == ["cells", "ok", "test", "metric"]
    assert [line.split()[0] for line in lines[1:]] == ["gru", "lstm"]
    assert "2/2" in lines[1]
    assert len(results(tmp_path)) == 4
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")}
    assert main(words(tmp_path)) == 0
    assert "4 cells, 4 finished, 0 to run" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")} == written


def test_a_cell_of_a_sweep_is_the_run_of_its_command(tmp_path: Path) -> None:
    assert main(words(tmp_path / "sweep", "--no-probe", archs="gru", seeds="1,")) == 0
    alone = ["run", "--arch", "gru", "--task", "copy", "--seed", "1", *TINY, "--runs", str(tmp_path / "run")]
    assert main(alone) == 0
    assert results(tmp_path / "sweep") == results(tmp_path / "run")


def test_a_dry_run_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(tmp_path, "--dry-run", "--grid", "arch.num_layers=1,2")) == 0
    err = capsys.readouterr().err
    assert "lstm on copy, arch.num_layers=2" in err
    assert "8 cells, 0 finished, 8 to run" in err
    assert list(tmp_path.iterdir()) == []


def test_tuning_tries_the_cards_rates_and_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(tmp_path, "--tune", "--no-probe", archs="gru", seeds="1")) == 0
    err = capsys.readouterr().err
    assert "1 to run and 4 trials of learning rates" in err
    assert "gru on copy: learning rate 0.0" in err
    assert "validation accuracy" in err
    (path,) = (tmp_path / "copy" / "gru").glob("smoke-s0-*/result.json")
    tuning = json.loads(path.read_text())["config"]["tuning"]
    assert len(tuning["tried"]) == 4
    assert json.loads(path.read_text())["config"]["options"]["optim"]["lr"] == tuning["lr"]


def test_what_fails_is_told_with_its_reason_and_tried_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = words(tmp_path, "--no-probe", archs="tests.backbones:Raising,gru", seeds="1")
    assert main(given) == 1
    out, err = capsys.readouterr()
    assert "failed: tests.backbones:Raising on copy, seed 0: RuntimeError: shapes (3, 4) and (5, 6) do not fit" in err
    assert "0/1" in out
    assert main(given) == 1
    assert "2 cells, 1 finished, 1 to run" in capsys.readouterr().err


def test_what_cannot_run_is_left_out_and_the_rest_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(tmp_path, archs="bigru,gru", seeds="1")) == 1
    err = capsys.readouterr().err
    assert "cannot be run: bigru on copy: architecture 'bigru' looks ahead" in err
    assert "1 cell, 0 finished, 1 to run" in err
    assert len(results(tmp_path)) == 1


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--engine", "locl"], "unknown engine 'locl'. Did you mean 'local'?"),
        (["--seeds", "0"], "--seeds must be from 1 to 10000, got 0"),
        (["--seeds", "a"], "--seeds must be how many (5) or which"),
        (["--grid", "num_layers=1"], "--grid takes dotted options"),
        (["--grid", "arch.num_layers"], "--grid must be KEY=VALUE"),
        (["--grid", "arch.num_layers="], "must have values with commas between them"),
        (["--grid", "arch.num_layers=[1,"], "is no list"),
        (["--grid", "arch.num_layers=1", "--grid", "arch.num_layers=2"], "is given twice"),
        (["--limit", "soon"], "--limit must be a time such as 90s, 30m or 2h, got 'soon'"),
        (["--memory", "4X"], "--memory must be a size such as 500M or 4G"),
        (["--retries", "-1"], "--retries must not be negative"),
        (["--workers", "0"], "--workers must be at least 1"),
        (["--engine", "slurm", "--workers", "-1"], "--workers must be at least 1, got -1"),
        (["--grid", "trainer.threads=1,2"], "--grid takes what makes runs differ"),
        (["--grid", "optim.lr=1e-3,0.001"], "is the same run as"),
        (["--tune", "--optim.lr", "1e-3"], "--tune chooses optim.lr from the card's grid"),
        (["--engine-option", "a=1"], "--engine-option is for the engines ray and slurm"),
        (["--engine", "slurm", "--memory", "4G"], "--memory is for the engine local"),
        (["--arch.num_layer", "2"], "Did you mean --arch.num_layers"),
        (["--tier", "smal"], "has no tier 'smal'"),
        (["surprise"], "unknown option surprise"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    more: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(tmp_path, *more)) == 2
    err = capsys.readouterr().err
    assert sentence.lower() in err.lower()
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_tuning_again_tries_nothing_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = words(tmp_path, "--tune", archs="gru", seeds="1")
    assert main(given) == 0
    capsys.readouterr()
    assert main(given) == 0
    err = capsys.readouterr().err
    assert "gru on copy: learning rate 0.0" in err
    assert "1 cell, 1 finished, 0 to run, " in err
    assert "estimating" not in err


def test_a_plan_may_be_large(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Larger than what a pipe holds."""
    layers = ",".join(str(number) for number in range(1, 151))
    assert main(words(tmp_path, "--no-probe", "--dry-run", "--grid", f"arch.num_layers={layers}")) == 0
    assert "600 cells, 0 finished, 600 to run" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "whom", "code"), [(signal.SIGINT, "it", 130), (signal.SIGTERM, "it", 75), (signal.SIGTERM, "all", 75)]
)
def test_a_stopped_sweep_saves_its_cells_and_goes_on(how: signal.Signals, whom: str, code: int, tmp_path: Path) -> None:
    longer = ["--optim.steps", "1200", "--optim.validate_every", "600", "--no-probe", "--workers", "2"]
    command = [sys.executable, "-m", "seqbench", *words(tmp_path / "cut", *longer, seeds="1")]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, start_new_session=True, **pipes) as process:
        until = time.monotonic() + 60
        while len(list((tmp_path / "cut").rglob("config.yaml"))) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(1.5)
        (os.killpg if whom == "all" else os.kill)(process.pid, how)
        out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "the same command goes on" in err
    assert "Traceback" not in err
    assert out.splitlines()[0].startswith("cells")
    stopped = [json.loads(text) for text in results(tmp_path / "cut").values()]
    assert {one["status"] for one in stopped} == {"interrupted"}
    assert all("stopped by SIGTERM at step" in one["reason"] for one in stopped)
    environment: dict[str, Any] = {**os.environ}
    subprocess.run(command, check=True, capture_output=True, timeout=120, env=environment)
    whole = [word if word != str(tmp_path / "cut") else str(tmp_path / "whole") for word in command]
    subprocess.run(whole, check=True, capture_output=True, timeout=120, env=environment)
    assert results(tmp_path / "cut") == results(tmp_path / "whole")


@pytest.mark.slow
def test_cells_of_several_processes_are_commands_of_their_own(tmp_path: Path) -> None:
    several = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--trainer.accelerator", "cpu", "--no-probe"]
    assert main(words(tmp_path / "two", *several, archs="gru", seeds="1")) == 0
    assert main(words(tmp_path / "one", "--no-probe", archs="gru", seeds="1")) == 0
    two, one = ([json.loads(text) for text in results(tmp_path / name).values()] for name in ("two", "one"))
    assert two[0]["curves"]["train"]["loss"] == pytest.approx(one[0]["curves"]["train"]["loss"], abs=1e-4)
    assert [path.name for path in (tmp_path / "two").rglob("result.json")] == ["result.json"]
