"""Runs of backbones that look ahead: none of them has a score, and its record says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import seqbench
from seqbench.cli import main
from seqbench.models.contract import module_probe
from seqbench.running.callbacks import causality_probe

CHEATS = "tests.models.contract.cheats"
FEW_STEPS = {"steps": 40, "validate_every": 20}


def run(name: str, runs: Path, task: str = "copy-10") -> seqbench.Run:
    arch = {"name": f"{CHEATS}:{name}", "d_model": 16}
    return seqbench.run(arch, task, tier="smoke", optim=FEW_STEPS, logger="none", runs=runs)


@pytest.mark.parametrize("name", ["Next", "NextInUnroll", "NextInTraining", "NextInEvaluation", "FarAhead", "OverTime"])
def test_a_run_of_a_backbone_that_looks_ahead_ends_before_training(name: str, tmp_path: Path) -> None:
    record = run(name, tmp_path).record
    assert record.status == "failed"
    assert f"{name} looks ahead: output " in str(record.results.reason)
    assert "mask what comes later, or set causal = False" in str(record.results.reason)
    assert (record.results.metrics, record.results.curves.train) == ({}, {"step": [], "loss": []})
    assert record.measured.causality is not None
    assert record.measured.causality.looks_ahead


def test_a_leak_that_training_opens_ends_the_run_before_the_test(tmp_path: Path) -> None:
    record = run("NextByGate", tmp_path).record
    assert record.status == "failed"
    assert "NextByGate looks ahead with the trained weights: output " in str(record.results.reason)
    assert record.results.metrics == {}
    assert record.results.curves.validation["step"] == [20, 40]


def test_the_result_of_the_probe_is_part_of_the_record(tmp_path: Path) -> None:
    record = run("Honest", tmp_path).record
    assert record.status == "ok"
    assert record.measured.causality is not None
    assert record.measured.causality.to_dict() == {
        "declared": True,
        "looks_ahead": False,
        "largest_change": 0.0,
        "tolerance": 1e-5,
    }


@pytest.mark.parametrize("name", ["Honest", "Counting"])
def test_results_are_bit_for_bit_those_without_the_probe(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probed = run(name, tmp_path / "probed").record
    monkeypatch.setattr(module_probe, "probe_module", lambda *args: None)
    monkeypatch.setattr(causality_probe.module_probe, "probe_module", lambda *args: None)
    plain = run(name, tmp_path / "plain").record
    assert plain.measured.causality is None
    assert probed.results.to_dict() == plain.results.to_dict()


def test_the_command_ends_with_status_1_and_the_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = f"run --arch {CHEATS}:Next --task copy --tier smoke --arch.d_model 8 --logger none --runs {tmp_path}"
    assert main.main(words.split()) == 1
    captured = capsys.readouterr()
    assert "Next looks ahead: output " in captured.err
    assert "no scores: the run ended as failed" in captured.out


@pytest.mark.slow
def test_a_sweep_gives_no_score_to_a_backbone_that_looks_ahead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = f"sweep --arch gru,{CHEATS}:Next --task copy --tier smoke --logger none --workers 1 --runs {tmp_path}"
    assert main.main(words.split()) != 0
    assert "looks ahead" in "".join(capsys.readouterr())
    records = {path.parts[-3]: json.loads(path.read_text()) for path in tmp_path.rglob("result.json")}
    statuses = {arch: record["results"]["status"] for arch, record in records.items()}
    # The estimate of the sweep builds each net and probes it, so that the cells of this one are not started.
    assert statuses == {"gru": "ok"}
