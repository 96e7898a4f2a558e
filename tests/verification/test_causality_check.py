from __future__ import annotations

from pathlib import Path

import pytest

import seqbench
from seqbench.models.contract import module_probe
from seqbench.verification import verify
from tests.verification.helpers import wrong

CHEATS = "tests.models.contract.cheats"


def state_and_message(path: Path, trust: bool = False) -> tuple[str, str]:
    report = verify.verify_record(path, trust=trust)
    return next((check.state, check.message) for check in report.checks if check.name == "causality")


def test_the_probe_is_repeated_with_the_scored_weights_or_the_initial_ones(run: Path, tmp_path: Path) -> None:
    state, message = state_and_message(run)
    assert (state, "with the weights that were scored: no output depends on later inputs" in message) == ("ok", True)
    lone = tmp_path / "parity-gru-0.json"
    lone.write_bytes((run / "result.json").read_bytes())
    state, message = state_and_message(lone)
    assert (state, "with initial weights: no output depends" in message) == ("ok", True)


def test_a_score_of_a_backbone_that_looks_ahead_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:  # As an older seqbench, which did not probe.
        patch.setattr(module_probe, "probe_module", lambda *args: None)
        few = {"steps": 20, "validate_every": 10}
        arch = {"name": f"{CHEATS}:Next", "d_model": 8}
        folder = seqbench.run(arch, "copy", tier="smoke", optim=few, logger="none", runs=tmp_path).folder
    report = verify.verify_record(folder, trust=True)
    assert "Next looks ahead with the trained weights: output " in wrong(report)["causality"]
    assert not report.ok


def test_an_architecture_that_declares_to_look_ahead_is_said(tmp_path: Path) -> None:
    few = {"steps": 20, "validate_every": 10}
    arch = {"name": "bigru", "d_model": 8}
    folder = seqbench.run(arch, "adding", tier="smoke", optim=few, logger="none", runs=tmp_path).folder
    state, message = state_and_message(folder)
    assert (state, "looks ahead, which the task allows" in message) == ("ok", True)
