"""Modules that bring their own training, in all that seqbench does with an architecture: run, resume, sweep, verify."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping

import seqbench
from seqbench.cli import main as cli
from seqbench.models.module import SequenceModule
from seqbench.protocol import records, run_folder
from seqbench.protocol.run_folder import Existing
from seqbench.running import run_config, runner
from seqbench.running.callbacks.checkpoints import load_checkpoint
from seqbench.running.callbacks.progress import Clock
from seqbench.running.run_request import RunRequest
from seqbench.running.runner import Run
from seqbench.testing import architecture_kit
from seqbench.verification import verify
from tests.models import own_modules
from tests.models.modules import build_copy, build_trainer

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

OWN = "tests.models.own_modules"
MODULES = ["Auxiliary", "TwoOptimizers", "Adversarial", "ClosedForm", "OwnScheduleAndCallbacks"]
STEPS = 12
OPTIM = {"steps": STEPS, "validate_every": 6, "batch_size": 8, "clip": 1.0}
TASK = {"name": "copy", "delay": 3, "samples": 32}
WORDS = ["--task", "copy", "--tier", "smoke", "--task.delay", "3", "--task.samples", "32", "--logger", "none"]
WORDS += ["--optim.steps", str(STEPS), "--optim.validate_every", "6", "--optim.batch_size", "8"]


def train(name: str, runs: Path, task: dict[str, Any] = TASK, existing: Existing = "error", **options: Any) -> Run:
    """Train a module for a few steps, with dropout where it has some."""
    arch = {"name": f"{OWN}:{name}", **({} if "match_params" in options else {"d_model": 8})}
    if name in ("TwoOptimizers", "Adversarial", "Auxiliary"):
        arch["dropout"] = 0.3
    request = {"arch": arch, "task": task, "tier": "smoke", "optim": OPTIM, "logger": "none", **options}
    return runner.run(run_config.resolve_config(RunRequest.from_mapping(request)), runs, existing)


@pytest.mark.parametrize("name", MODULES)
def test_a_run_has_the_steps_of_the_card_whatever_its_optimisers_do(name: str, tmp_path: Path) -> None:
    run = train(name, tmp_path)
    results = run.record.results
    assert (results.status, results.reason) == ("ok", None)
    assert results.curves.validation["step"] == [6, 12]
    assert results.curves.train["step"] == [6, 12]
    assert load_checkpoint(run.folder / run_folder.LAST)["global_step"] == STEPS
    assert run.record.config.architecture.class_path == f"{OWN}:{name}"
    expected = {"ClosedForm": "training_step", "OwnScheduleAndCallbacks": "configure_callbacks"}
    assert expected.get(name, "training_step") in run.record.config.own_training


@pytest.mark.parametrize("step", [1, 5, 6, 9])
@pytest.mark.parametrize("name", MODULES)
def test_a_module_that_is_interrupted_and_resumed_gives_the_results_of_an_uninterrupted_one(
    name: str, step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Clock.on_train_batch_end

    def interrupt(self: Clock, trainer: L.Trainer, *rest: Any) -> None:
        original(self, trainer, *rest)
        if trainer.global_step == step:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Clock, "on_train_batch_end", interrupt)
        stopped = train(name, tmp_path / "cut")
    assert stopped.record.results.reason == f"stopped by SIGTERM at step {step} of {STEPS}"
    resumed, whole = train(name, tmp_path / "cut", existing="resume"), train(name, tmp_path / "whole")
    assert resumed.record.results.to_dict() == whole.record.results.to_dict()
    best, other = (load_checkpoint(run.folder / run_folder.BEST)["state_dict"] for run in (resumed, whole))
    assert all(torch.equal(best[key], other[key]) for key in other)


@pytest.mark.parametrize("name", MODULES)
def test_the_record_of_a_module_is_verified_and_its_weights_load(name: str, tmp_path: Path) -> None:
    run = train(name, tmp_path)
    report = verify.verify_record(run.folder, trust=True, retrain=name == "TwoOptimizers")
    assert report.ok, report.checks
    assert "skipped" not in {check.state for check in report.checks}
    module = seqbench.load(run.folder)
    assert type(module).__name__ == name
    trained = load_checkpoint(run.folder / run_folder.BEST)["state_dict"]
    assert all(torch.equal(tensor, trained[key]) for key, tensor in module.state_dict().items())


@pytest.mark.parametrize("name", MODULES)
def test_the_dropout_and_the_batches_of_a_module_do_not_depend_on_the_callers_random_numbers(
    name: str, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    one = train(name, tmp_path / "one")
    torch.manual_seed(2)
    assert train(name, tmp_path / "two").record.results.weights == one.record.results.weights


def test_the_state_of_a_callback_of_the_module_is_resumed(tmp_path: Path) -> None:
    run = train("OwnScheduleAndCallbacks", tmp_path)
    saved = load_checkpoint(run.folder / run_folder.LAST)["callbacks"]["StepCounter"]
    assert saved["batches"] in (STEPS - 1, STEPS)


def test_all_parameters_of_a_module_count_and_are_matched(tmp_path: Path) -> None:
    run = train("Adversarial", tmp_path, match_params="2.8k")
    module = seqbench.load(run.folder)
    assert run.record.config.parameters == sum(p.numel() for p in module.parameters())
    assert run.record.config.parameters == pytest.approx(2800, rel=0.02)
    assert "critic" in "".join(module.state_dict())


def test_a_module_of_seqbench_build_trains_in_a_trainer_of_ones_own() -> None:
    module = build_copy(f"{OWN}:Adversarial")
    build_trainer(max_steps=4, limit_val_batches=1).fit(module)
    assert isinstance(module, own_modules.Adversarial)
    assert module.evaluated["validation"]


class StopsEarly(SequenceModule):
    """Ends its training before the last step."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int) -> None:
        super().__init__(context, own_modules.GRU(d_model))

    def configure_callbacks(self) -> list[L.Callback]:
        return [EarlyStopping("validation/loss", stopping_threshold=1e9, mode="min")]


class NoLoss(StopsEarly):
    """Returns no loss."""

    def configure_callbacks(self) -> list[L.Callback]:
        return []

    def training_step(self, batch: Any, batch_idx: int) -> None:  # type: ignore[override]
        return None


class EpochSchedule(NoLoss):
    """Has a schedule that Lightning steps once per epoch."""

    training_step = SequenceModule.training_step  # type: ignore[assignment]

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), 0.1)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 5)]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("StopsEarly", "training ended at step 6 of 12, but every run of a task trains for all its steps"),
        ("NoLoss", "the training_step of NoLoss must return the loss of its batch"),
        ("EpochSchedule", "StepLR of EpochSchedule is stepped once per epoch"),
    ],
)
def test_training_that_would_give_a_wrong_record_fails_with_the_reason(name: str, reason: str, tmp_path: Path) -> None:
    arch = {"name": f"{__name__}:{name}", "d_model": 8}
    run = seqbench.run(arch, TASK, tier="smoke", optim=OPTIM, logger="none", runs=tmp_path)
    assert run.record.status == "failed"
    assert reason in str(run.record.results.reason)


def test_the_options_of_a_module_are_typed_options_of_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "--arch", f"{OWN}:ClosedForm", *WORDS, "--arch.d_model", "8", "--runs", str(tmp_path)]
    assert cli.main([*words, "--arch.ridge", "0.5"]) == 0
    (record,) = tmp_path.rglob(records.NAME)
    assert records.read_record(record).config.options.arch["ridge"] == 0.5
    capsys.readouterr()
    assert cli.main([*words, "--arch.ridge", "much"]) == 2
    assert "--arch.ridge: expected float, got 'much'" in capsys.readouterr().err
    assert cli.main([*words, "--arch.context", "1"]) == 2
    assert "unknown option --arch.context" in capsys.readouterr().err


@pytest.mark.slow
def test_a_sweep_tunes_the_learning_rate_of_a_module(tmp_path: Path) -> None:
    words = ["sweep", "--arch", f"{OWN}:TwoOptimizers,{OWN}:ClosedForm", *WORDS, "--arch.d_model", "8"]
    assert cli.main([*words, "--seeds", "1", "--tune", "--runs", str(tmp_path)]) == 0
    finals = [records.read_record(path) for path in tmp_path.rglob(records.NAME) if "tuning" not in str(path)]
    assert {record.config.architecture.name for record in finals} == {f"{OWN}:TwoOptimizers", f"{OWN}:ClosedForm"}
    assert all(record.status == "ok" for record in finals)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Auxiliary", "TwoOptimizers", "Adversarial", "ClosedForm"])
def test_two_processes_train_a_module_like_one(name: str, tmp_path: Path) -> None:
    words = ["run", "--arch", f"{OWN}:{name}", *WORDS, "--arch.d_model", "8", "--trainer.threads", "1"]
    environment = {**os.environ, "MASTER_ADDR": "127.0.0.1"}
    found = []
    for devices in ("1", "2"):
        runs = tmp_path / devices
        more = ["--runs", str(runs), "--trainer.devices", devices]
        command = [sys.executable, "-m", "seqbench", *words, *more]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stderr
        (record,) = runs.rglob(records.NAME)
        found.append(records.read_record(record).results)
    one, two = found
    # The noise of the GAN is drawn by each process for its own rows.
    tolerance = 0.2 if name == "Adversarial" else 1e-4
    assert two.curves.train["loss"] == pytest.approx(one.curves.train["loss"], rel=tolerance)
    assert two.curves.validation["loss"] == pytest.approx(one.curves.validation["loss"], rel=tolerance)


@pytest.mark.slow
def test_a_module_ranks_on_a_board(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arch = {"name": f"{OWN}:ClosedForm", "d_model": 16}
    run = seqbench.run(arch, "copy", tier="smoke", logger="none", runs=tmp_path / "runs")
    assert (run.record.status, run.record.config.modified) == ("ok", [])
    card = tmp_path / "mine.yaml"
    card.write_text("name: mine\nversion: 1\ntitle: Mine\nsummary: Mine.\ntier: smoke\nseeds: 1\ntasks:\n  copy:\n")
    words = ["leaderboard", "build", str(card), "--from", str(tmp_path / "runs"), "--out", str(tmp_path / "pages")]
    assert cli.main(words) == 0
    page = "".join(path.read_text() for path in (tmp_path / "pages").rglob("*.md"))
    assert "ClosedForm" in page


def test_the_command_that_checks_an_architecture_checks_the_training_of_a_module(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(architecture_kit, "ARCHITECTURE_CHECKS", architecture_kit.ARCHITECTURE_CHECKS[:2])
    assert cli.main(["check", "tests.testing.broken_modules:CountsCalls"]) == 1
    out = capsys.readouterr().out
    assert "module_resumable" in out
    assert "keep what training changes in parameters, buffers" in out
    assert "1 failed" in out
