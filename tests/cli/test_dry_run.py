from __future__ import annotations

import re
from pathlib import Path

import pytest

import seqbench
from seqbench.cli.main import main

RUN = ["run", "--arch", "gru", "--task", "copy", "--tier", "smoke", "--logger", "none", "--optim.steps", "20"]
SHORT = [*RUN, "--optim.validate_every", "10", "--task.samples", "64"]


def test_a_dry_run_shows_the_run_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*SHORT, "--dry-run"]) == 0
    out = capsys.readouterr().out
    count = sum(p.numel() for p in seqbench.build("gru", "copy", tier="smoke").parameters())
    assert f"{count:,} parameters; d_model 64, num_layers 1" in out
    assert "budget        20 steps of 64, adamw at rate 0.005, validated every 10 steps" in out
    assert "because of changes to the card: task.samples, optim.steps, optim.validate_every, optim.warmup" in out
    assert re.search(r"folder +runs/copy/gru/smoke-s0-\w{8} \(does not exist yet\)", out)
    assert re.search(r"estimate +[\d.]+ (ms|s|min)", out)
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_run_is_mentioned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SHORT, "--runs", str(tmp_path)]) == 0
    assert main([*SHORT, "--runs", str(tmp_path), "--dry-run"]) == 0
    assert "(holds a run that ended as ok)" in capsys.readouterr().out
    for record in tmp_path.rglob("result.json"):
        record.write_text("{")
    assert main([*SHORT, "--runs", str(tmp_path), "--dry-run"]) == 0
    assert "(holds a record that cannot be read)" in capsys.readouterr().out


def test_a_run_that_cannot_start_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--arch", "bigru", "--task", "copy", "--dry-run", "--runs", str(tmp_path)]) == 2
    assert "looks ahead" in capsys.readouterr().err
