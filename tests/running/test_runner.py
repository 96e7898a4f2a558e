from __future__ import annotations

import json
import logging
import math
import os
import re
import signal
import stat
from pathlib import Path
from typing import Any

import pytest
import torch

import seqbench
from seqbench.models import build
from seqbench.models.module import SequenceModule
from seqbench.models.weights import weights_digest
from seqbench.protocol import records, registry, run_folder
from seqbench.protocol.chance import above_chance
from seqbench.protocol.config import RunConfig
from seqbench.protocol.identity import module_sources, package_sources
from seqbench.protocol.record_fields import Results
from seqbench.protocol.specs import SequenceSpec
from seqbench.running import run_config, runner
from seqbench.running.callbacks.curve import Curve
from seqbench.running.callbacks.progress import Clock
from seqbench.running.callbacks.stopping import HANDLED_SIGNALS
from seqbench.running.diagnostics import cost
from seqbench.running.loggers.run_logger import LoggedRun
from seqbench.running.loggers.wandb_logger import WandbRunLogger
from seqbench.running.run_request import RunRequest
from seqbench.running.samples import text_sample
from seqbench.utils.errors import SeqbenchError
from tests.optional import not_none
from tests.protocol.identity.folders import NET, user_folder, write_files

COPY = {"name": "copy", "delay": 2, "samples": 40}
OPTIM = {"steps": 120, "batch_size": 8, "validate_every": 40, "schedule": "cosine"}


def config(**changed: Any) -> Any:
    arch = {"name": "gru", "d_model": 8, "num_layers": 2, "dropout": 0.2}
    return run_config.resolve_config(
        RunRequest.from_mapping(
            {"arch": arch, "task": COPY, "tier": "smoke", "optim": OPTIM, "logger": "none", **changed}
        )
    )


def text_config(folder: Path, **changed: Any) -> Any:
    task = {"name": "char-lm", "data_dir": str(folder), "length": 16, "window": 32}
    return config(task=task, **changed)


def plain(results: Results) -> str:
    return json.dumps(results.to_dict(), sort_keys=True)


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Raise KeyboardInterrupt in a training step."""
    original = Curve.on_train_batch_end

    def interrupt(self: Curve, trainer: Any, *rest: Any) -> None:
        original(self, trainer, *rest)
        if trainer.global_step == step:
            raise KeyboardInterrupt

    monkeypatch.setattr(Curve, "on_train_batch_end", interrupt)


def test_a_run_writes_a_complete_record(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "seqbench")
    run = runner.run(config(logger="csv"), tmp_path)
    assert run.folder == tmp_path / "copy" / "gru" / run.folder.name
    record = records.read_record(run.folder)
    assert record == run.record
    assert record.status == "ok"
    test = record.results.metrics["test"]
    assert test["accuracy"].chance == 1 / 8
    assert test["accuracy"].best == 1.0
    assert 0 <= not_none(test["accuracy"].value) <= 1
    assert set(test) == {"accuracy", "loss", "loss_all_positions"}
    assert record.results.curves.train["step"] == [40, 50, 80, 100, 120]
    assert record.results.curves.validation["step"] == [40, 80, 120]
    assert not_none(record.config.parameters) > 0
    assert record.config.state_bytes == 2 * 8 * 4
    assert record.config.flops_per_token == 2 * 12 * 8 * 8 + 2 * 8 * 10
    assert record.config.match_params is None
    assert not_none(record.measured.decode_tokens_per_second) > 0
    assert record.config.architecture.distribution == "seqbench"
    assert record.config.modified == [
        "task.delay",
        "task.samples",
        "optim.steps",
        "optim.batch_size",
        "optim.validate_every",
        "optim.warmup",
    ]
    assert record.config.packages["torch"] == torch.__version__
    assert not_none(record.measured.steps_per_second) > 0
    left = {"result.json", "config.yaml", "metrics.csv", "checkpoints", "learning-curves.svg", "sample.txt", ".lock"}
    left |= {"test_scores.npz", "attempts.txt"}
    assert {p.name for p in run.folder.iterdir()} == left
    assert {p.name for p in (run.folder / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert (run.folder / "metrics.csv").read_text().splitlines()[0].startswith("step,train/loss,validation/accuracy")
    assert any("step 120/120" in line and "steps/s" in line for line in caplog.messages)


def test_a_record_holds_the_digests_of_its_start_and_of_its_predictions(tmp_path: Path) -> None:
    first, second = (runner.run(config(seed=seed), tmp_path).record for seed in (0, 1))
    again = runner.run(config(), tmp_path, "overwrite").record
    assert plain(first.results) == plain(again.results)
    assert first.config == again.config
    assert first.results.predictions.keys() == {"test"}
    for section, name in (("config", "initial_weights"), ("config", "first_batch"), ("results", "predictions")):
        assert getattr(getattr(first, section), name)
        assert getattr(getattr(first, section), name) != getattr(getattr(second, section), name)
    assert first.config.initial_weights == weights_digest(build.build_module(config()))
    assert first.measured.processor is not None


def test_every_start_of_a_run_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        stop_at(patch, 50)
        interrupted = runner.run(config(), tmp_path)
    resumed = runner.run(config(), tmp_path, "resume")
    finished = runner.run(config(), tmp_path, "resume")
    overwritten = runner.run(config(), tmp_path, "overwrite")
    runs = (interrupted, resumed, finished, overwritten)
    assert [run.record.measured.attempts for run in runs] == [1, 2, 2, 3]


@pytest.mark.parametrize(("keep", "left"), [("best", {"best.ckpt"}), ("last", {"last.ckpt"}), ("none", None)])
def test_checkpoints_that_are_not_kept_are_removed_from_a_finished_run(
    keep: str, left: set[str] | None, tmp_path: Path
) -> None:
    run = runner.run(config(keep=keep), tmp_path)
    assert run.folder == config().folder(tmp_path)
    checkpoints = run.folder / "checkpoints"
    assert left == ({path.name for path in checkpoints.iterdir()} if checkpoints.exists() else None)
    if keep != "best":
        with pytest.raises(SeqbenchError, match=r"is not kept.*`seqbench run --config .* --overwrite`"):
            seqbench.load(run.folder)


def test_an_interrupted_run_keeps_its_checkpoints_and_gives_the_same_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = runner.run(config(), tmp_path / "whole").record
    with monkeypatch.context() as patch:
        signal_at(patch, 50, signal.SIGTERM)
        stopped = runner.run(config(keep="none"), tmp_path)
    assert stopped.record.status == "interrupted"
    assert (stopped.folder / run_folder.LAST).is_file()
    resumed = runner.run(config(keep="none"), tmp_path, existing="resume")
    assert plain(resumed.record.results) == plain(whole.results)
    assert not (stopped.folder / run_folder.CHECKPOINTS).exists()


def test_the_width_found_for_a_number_of_parameters_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "seqbench")
    run = seqbench.run("gru", COPY, tier="smoke", match_params="10k", optim=OPTIM, logger="none", runs=tmp_path)
    width, count = run.record.config.options.arch["d_model"], run.record.config.parameters
    assert f"d_model {width} for 10,000 parameters: {count:,} parameters" in caplog.messages


def test_the_weights_with_the_best_validation_score_are_tested(tmp_path: Path) -> None:
    run = runner.run(config(), tmp_path)
    results = run.record.results
    curve = results.curves.validation
    best = max(not_none(score) for score in curve["accuracy"])
    steps = [not_none(step) for step in curve["step"]]
    assert results.best_step == max(x for x, y in zip(steps, curve["accuracy"], strict=True) if y == best)
    assert results.metrics["validation"]["accuracy"].value == best
    module = seqbench.load(run.folder)
    data = seqbench.build("gru", COPY, tier="smoke", optim=OPTIM).data
    assert data is not None
    scores = module.objective.build_metrics()
    for step in range(data.steps("test")):
        batch = data.stream("test", step)
        module.objective.update_metrics(scores, module.body(batch), batch)
    assert float(scores.compute()["loss"]) == pytest.approx(results.metrics["test"]["loss"].value, rel=1e-9)


def test_the_same_seed_gives_the_same_results_bit_for_bit(tmp_path: Path) -> None:
    one, two = (runner.run(config(), tmp_path / name).record for name in ("one", "two"))
    assert plain(one.results) == plain(two.results)
    other = runner.run(config(seed=1), tmp_path).record
    assert plain(other.results) != plain(one.results)


@pytest.mark.parametrize("step", [1, 39, 40, 41, 100, 120])
def test_a_resumed_run_ends_as_an_uninterrupted_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    whole = runner.run(config(), tmp_path / "whole").record
    with monkeypatch.context() as patch:
        stop_at(patch, step)
        stopped = runner.run(config(), tmp_path / "again").record
    assert stopped.status == "interrupted"
    assert stopped.results.metrics == {}
    resumed = runner.run(config(), tmp_path / "again", existing="resume").record
    assert plain(resumed.results) == plain(whole.results)
    assert not_none(resumed.measured.seconds) > not_none(stopped.measured.seconds)


def test_a_run_whose_rate_fell_at_a_plateau_resumes_with_that_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    optim = {"steps": 60, "batch_size": 8, "validate_every": 2, "schedule": "plateau", "lr": 0.05, "warmup": 0}
    whole = runner.run(config(optim=optim), tmp_path / "whole").record
    with monkeypatch.context() as patch:
        signal_at(patch, 41, signal.SIGTERM)
        stopped = runner.run(config(optim=optim), tmp_path / "again")
    (state,) = torch.load(stopped.folder / run_folder.LAST, weights_only=True)["lr_schedulers"]
    assert state["last_epoch"] == 41
    assert state["drops"] > 0
    resumed = runner.run(config(optim=optim), tmp_path / "again", existing="resume").record
    assert plain(resumed.results) == plain(whole.results)


def signal_at(monkeypatch: pytest.MonkeyPatch, step: int, number: int, hook: str = "on_train_batch_end") -> None:
    """Send a signal to this process during a training step, or during its validation."""
    original = getattr(Clock, hook)

    def send(self: Clock, trainer: Any, *rest: Any) -> None:
        original(self, trainer, *rest)
        if trainer.global_step == step:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Clock, hook, send)


@pytest.mark.parametrize("step", [1, 39, 40, 77, 120])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_ends_a_run_after_its_step_with_a_checkpoint_of_this_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, number: signal.Signals
) -> None:
    whole = runner.run(config(), tmp_path / "whole").record
    handlers = [signal.getsignal(number) for number in HANDLED_SIGNALS]
    with monkeypatch.context() as patch:
        signal_at(patch, step, number)
        stopped = runner.run(config(), tmp_path / "again")
    name = "Ctrl-C" if number == signal.SIGINT else number.name
    assert (stopped.record.status, stopped.stopped_by) == ("interrupted", name)
    assert stopped.record.results.reason == f"stopped by {name} at step {step} of 120"
    # A checkpoint is also saved one step before each validation.
    saved = torch.load(stopped.folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == (step if step % 40 else step - 1)
    assert [signal.getsignal(number) for number in HANDLED_SIGNALS] == handlers
    resumed = runner.run(config(), tmp_path / "again", existing="resume")
    assert resumed.stopped_by is None
    assert plain(resumed.record.results) == plain(whole.results)


@pytest.mark.parametrize("step", [40, 120])
def test_a_run_stopped_in_a_validation_resumes_one_step_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    whole = runner.run(config(), tmp_path / "whole").record
    with monkeypatch.context() as patch:
        original = SequenceModule.validation_step

        def cut(self: Any, *rest: Any) -> None:
            if self.trainer.global_step == step:
                os.kill(os.getpid(), signal.SIGTERM)
            original(self, *rest)

        patch.setattr(SequenceModule, "validation_step", cut)
        stopped = runner.run(config(), tmp_path / "again")
    assert stopped.stopped_by == "SIGTERM"
    assert torch.load(stopped.folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == step - 1
    resumed = runner.run(config(), tmp_path / "again", existing="resume").record
    assert plain(resumed.results) == plain(whole.results)


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("the step went on")

    monkeypatch.setattr(SequenceModule, "training_step", twice)
    stopped = runner.run(config(), tmp_path)
    assert (stopped.record.status, stopped.stopped_by) == ("interrupted", "Ctrl-C")


def test_a_signal_while_the_record_is_written_does_not_stop_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "decode_tokens_per_second", lambda _: os.kill(os.getpid(), signal.SIGTERM))
    run = runner.run(config(), tmp_path)
    assert (run.record.status, run.stopped_by) == ("ok", None)
    assert records.read_record(run.folder).status == "ok"


def test_counts_of_steps_continue_after_a_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    original = Clock.on_train_end

    def note(self: Clock, *rest: Any) -> None:
        original(self, *rest)
        counted.append(self.steps)

    monkeypatch.setattr(Clock, "on_train_end", note)
    with monkeypatch.context() as patch:
        signal_at(patch, 77, signal.SIGTERM)
        runner.run(config(), tmp_path)
    runner.run(config(), tmp_path, existing="resume")
    assert counted == [120]


def test_a_resumed_run_continues_its_wandb_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids: list[str] = []

    def start(self: WandbRunLogger, logged: LoggedRun) -> None:
        ids.append(logged.run_id)
        raise RuntimeError("not today")

    monkeypatch.setattr(WandbRunLogger, "__init__", start)
    with monkeypatch.context() as patch:
        signal_at(patch, 50, signal.SIGTERM)
        run = runner.run(config(logger="wandb"), tmp_path)
    (run.folder / "result.json").unlink()  # A process that is killed writes no record.
    assert runner.run(config(logger="wandb"), tmp_path, existing="resume").record.status == "ok"
    assert runner.run(config(logger="wandb"), tmp_path, existing="overwrite").record.status == "ok"
    assert ids[0] == ids[1] != ids[2]
    assert re.fullmatch("[0-9a-f]{8}", ids[0])


def test_a_run_that_another_process_runs_is_refused(tmp_path: Path) -> None:
    folder = config().folder(tmp_path)
    with (
        run_folder.lock_folder(folder),
        pytest.raises(run_folder.BusyError, match="another process uses the folder of this run"),
    ):
        runner.run(config(), tmp_path)
    assert {path.name for path in folder.iterdir()} == {".lock"}
    assert runner.run(config(), tmp_path).record.status == "ok"


def test_a_run_that_another_process_has_just_finished_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first: list[Any] = []
    original = runner.build.build_module

    def slowly(given: Any) -> Any:
        if not first:
            first.append(None)
            first.append(runner.run(given, tmp_path))
        return original(given)

    monkeypatch.setattr(runner.build, "build_module", slowly)
    assert runner.run(config(), tmp_path, existing="resume").record == first[1].record
    assert len(first) == 2


def test_partly_written_files_of_a_killed_attempt_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        signal_at(patch, 50, signal.SIGTERM)
        run = runner.run(config(), tmp_path)
    litter = [run.folder / ".result.json.x1", run.folder / "checkpoints" / ".last.ckpt.part"]
    for path in litter:
        path.write_text("half")
    runner.run(config(), tmp_path, existing="resume")
    assert not any(path.exists() for path in litter)


def test_the_latest_weights_of_equal_validation_scores_are_tested(tmp_path: Path) -> None:
    run = runner.run(config(optim={**OPTIM, "lr": 1e-6}), tmp_path)  # At this rate the model learns nothing.
    results = run.record.results
    assert len(set(results.curves.validation["accuracy"])) == 1
    assert results.best_step == 120
    last = torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=False)["state_dict"]
    best = torch.load(run.folder / "checkpoints" / "best.ckpt", weights_only=False)["state_dict"]
    assert all(torch.equal(best[name], last[name]) for name in last)


def test_a_run_stopped_in_its_test_is_tested_after_a_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = runner.run(config(), tmp_path / "whole").record

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(SequenceModule, "test_step", interrupt)
        stopped = runner.run(config(), tmp_path / "again").record
    assert (stopped.status, stopped.results.reason) == ("interrupted", "stopped by Ctrl-C at step 120 of 120")
    resumed = runner.run(config(), tmp_path / "again", existing="resume").record
    assert plain(resumed.results) == plain(whole.results)


def test_a_run_whose_folder_was_moved_keeps_its_best_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # At this high rate scores go up and down: one of a few seeds has its best score before the last validation.
    tried = ({"optim": {**OPTIM, "lr": 1.0}, "seed": seed} for seed in range(8))
    done = ((runner.run(config(**given), tmp_path / f"whole-{given['seed']}").record, given) for given in tried)
    whole, settings = next((record, given) for record, given in done if not_none(record.results.best_step) < 90)
    with monkeypatch.context() as patch:
        stop_at(patch, 90)
        runner.run(config(**settings), tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    resumed = runner.run(config(**settings), tmp_path / "there", existing="resume").record
    assert plain(resumed.results) == plain(whole.results)


def test_a_broken_last_checkpoint_is_named_and_no_file_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        stop_at(patch, 90)
        run = runner.run(config(), tmp_path)
    (run.folder / "checkpoints" / "last.ckpt").write_bytes(b"half a checkp")
    with pytest.raises(SeqbenchError, match=r"last\.ckpt cannot be read .*add --overwrite"):
        runner.run(config(), tmp_path, existing="resume")
    assert records.read_record(run.folder) == run.record


def test_a_resumed_stream_continues_with_its_carried_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text_folder: Path
) -> None:
    whole = runner.run(text_config(text_folder), tmp_path / "whole").record
    with monkeypatch.context() as patch:
        stop_at(patch, 95)
        runner.run(text_config(text_folder), tmp_path / "again")
    resumed = runner.run(text_config(text_folder), tmp_path / "again", existing="resume").record
    assert resumed.status == "ok"
    assert plain(resumed.results) == plain(whole.results)


def test_a_run_on_texts_has_a_sample_and_chance_and_best_scores(tmp_path: Path, text_folder: Path) -> None:
    run = runner.run(text_config(text_folder), tmp_path)
    results = run.record.results
    assert isinstance(results.sample, str)
    assert len(results.sample) == text_sample.CHARACTERS
    assert (run.folder / "sample.txt").read_text(encoding="utf-8") == results.sample
    bits = results.metrics["test"]["bits_per_character"]
    assert (bits.best, bits.best_unknown) == (None, "nobody knows the entropy of real text")
    assert results.baselines["test"]["5-gram"]["bits_per_character"] < not_none(bits.chance)
    assert run.record.config.data.keys() == {"all/story.txt"}
    assert "data" in run.record.config.modified


def test_a_backbone_without_unroll_reads_windows(tmp_path: Path, text_folder: Path) -> None:
    arch = {"name": "tests.backbones:CausalMean", "d_model": 8}
    run = runner.run(text_config(text_folder, arch=arch), tmp_path)
    assert run.record.status == "ok"
    assert run.record.config.state_bytes is None
    assert run.record.config.state_bytes_error == ""
    assert run.record.measured.decode_tokens_per_second is None
    assert run.record.config.architecture.distribution is None


def test_scores_of_probes_are_recorded_by_length(tmp_path: Path) -> None:
    task = {"name": "parity", "samples": 40, "probe_lengths": [10, 50, 60], "probe_samples": 16}
    results = runner.run(config(task=task), tmp_path).record.results
    assert results.lengths["length"] == [10, 50, 60]
    test = results.metrics["test"]
    assert test["accuracy_longer"].value == pytest.approx(sum(results.lengths["accuracy"][1:]) / 2)
    assert test["accuracy_longer"].chance == 0.5
    assert test["solved_length"].best == 60
    assert results.above_chance is above_chance(not_none(test["accuracy_longer"].value), 0.5, 1.0, "max")


def test_a_loss_that_is_not_finite_ends_as_diverged_with_the_last_good_checkpoint(tmp_path: Path) -> None:
    arch = {"name": "tests.backbones:Diverging", "d_model": 8, "after": 60}
    run = runner.run(config(arch=arch), tmp_path)
    assert run.record.status == "diverged"
    assert "the training loss is nan at step 79" in not_none(run.record.results.reason)
    assert run.record.results.curves.validation["step"] == [40]
    saved = torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == 40
    assert all(bool(p.isfinite().all()) for p in saved["state_dict"].values())
    assert records.read_record(run.folder) == run.record


def test_a_signal_after_a_divergence_does_not_change_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arch = {"name": "tests.backbones:Diverging", "d_model": 8, "after": 60}
    whole = runner.run(config(arch=arch), tmp_path / "whole").record
    with monkeypatch.context() as patch:
        signal_at(patch, 65, signal.SIGTERM)
        assert runner.run(config(arch=arch), tmp_path / "again").record.status == "interrupted"
    assert plain(runner.run(config(arch=arch), tmp_path / "again", existing="resume").record.results) == plain(
        whole.results
    )


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("Raising", "failed", "RuntimeError: shapes (3, 4) and (5, 6) do not fit"),
        ("OutOfMemory", "out_of_memory", "tried to allocate 9 EiB"),
    ],
)
def test_a_run_whose_architecture_fails_has_a_record(tmp_path: Path, name: str, status: str, reason: str) -> None:
    run = runner.run(config(arch={"name": f"tests.backbones:{name}", "d_model": 8}), tmp_path)
    assert (run.record.status, str(run.record.results.reason).partition(" (backbones.py")[0]) == (status, reason)
    assert (run.folder / "error.txt").exists() == (status == "failed")
    assert run.record.config.flops_per_token is None
    assert reason.removeprefix("RuntimeError: ") in run.record.config.flops_per_token_error
    assert run.record.measured.decode_tokens_per_second is None


def test_an_architecture_that_refuses_its_options_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match="refuses its options: d_model must be 7, got 8"):
        runner.run(config(arch={"name": "tests.backbones:RefusingWidth", "d_model": 8}), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"precision": "foo"}, "the trainer refuses its options: Precision 'foo' is invalid"),
        ({"accelerator": "abacus"}, "the trainer refuses its options: .*abacus"),
        ({"accelerator": "cpu", "devices": 4096}, "4096 asks for more processes than"),
    ],
)
def test_a_trainer_that_refuses_its_options_leaves_no_file(
    tmp_path: Path, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        runner.run(config(trainer=options), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_record_is_written_though_unroll_fails(tmp_path: Path) -> None:
    run = runner.run(config(arch={"name": "tests.backbones:BrokenUnroll", "d_model": 8}), tmp_path)
    assert run.record.status == "ok"
    assert run.record.config.state_bytes is None
    assert run.record.config.state_bytes_error == "RuntimeError: no state here"
    assert not_none(run.record.config.flops_per_token) > 0
    assert run.record.measured.decode_tokens_per_second is None


def test_ctrl_c_during_the_timing_of_decoding_keeps_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cost, "decode_tokens_per_second", interrupt)
    run = runner.run(config(), tmp_path)
    assert records.read_record(run.folder).status == "ok"
    assert run.record.measured.decode_tokens_per_second is None


def test_an_architecture_that_looks_ahead_is_refused_for_a_causal_task(tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match="looks ahead"):
        runner.run(config(arch={"name": "tests.backbones:NonCausal", "d_model": 8}), tmp_path)


def test_a_finished_run_is_not_repeated_without_a_flag(tmp_path: Path) -> None:
    run = runner.run(config(), tmp_path)
    written = (run.folder / "result.json").stat().st_mtime_ns
    with pytest.raises(SeqbenchError, match=r"this run is finished: .*result\.json; add --overwrite"):
        runner.run(config(), tmp_path)
    assert runner.run(config(), tmp_path, existing="resume") == run
    assert (run.folder / "result.json").stat().st_mtime_ns == written
    again = runner.run(config(), tmp_path, existing="overwrite")
    assert (run.folder / "result.json").stat().st_mtime_ns > written
    assert plain(again.record.results) == plain(run.record.results)


def test_an_unfinished_run_is_not_replaced_without_a_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        stop_at(patch, 50)
        run = runner.run(config(), tmp_path)
    with pytest.raises(SeqbenchError, match=r"unfinished \(interrupted\).*--resume .* or --overwrite"):
        runner.run(config(), tmp_path)
    record = run.folder / "result.json"
    record.write_text(record.read_text().replace('"status": "interrupted"', '"status": "failed"'))
    with pytest.raises(SeqbenchError, match=r"has failed: .*--overwrite to start anew, or --resume to try again"):
        runner.run(config(), tmp_path)
    record.unlink()
    with pytest.raises(SeqbenchError, match="checkpoints of a run that was killed; add --resume"):
        runner.run(config(), tmp_path)


def test_a_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SeqbenchError, match=r"cannot be written: .*choose another with --runs FOLDER"):
        runner.run(config(), tmp_path / "file")


def test_load_needs_no_data(tmp_path: Path, text_folder: Path) -> None:
    run = runner.run(text_config(text_folder), tmp_path)
    (text_folder / "story.txt").unlink()
    module = seqbench.load(run.folder / "result.json")
    assert not module.training
    with pytest.raises(SeqbenchError, match="no record at"):
        seqbench.load(tmp_path)
    (run.folder / "checkpoints" / "best.ckpt").write_bytes(b"garbage")
    with pytest.raises(SeqbenchError, match="does not fit its record"):
        seqbench.load(run.folder)


def test_other_users_can_read_records(tmp_path: Path) -> None:
    run = runner.run(config(), tmp_path)
    assert (run.folder / "result.json").stat().st_mode & stat.S_IRGRP
    assert math.isfinite(not_none(run.record.measured.seconds))


def test_a_run_builds_its_module_once_and_looks_its_architectures_up_once(
    tmp_path: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    build_module, find_entry = build.build_module_from_spec, registry.find_entry

    def build_and_count(config: RunConfig, spec: SequenceSpec) -> SequenceModule:
        calls.append("build")
        return build_module(config, spec)

    def find_and_count(group: str, name: str) -> registry.Entry:
        if group == registry.ARCHITECTURES:
            calls.append(name)
        return find_entry(group, name)

    monkeypatch.setattr(build, "build_module_from_spec", build_and_count)
    monkeypatch.setattr(registry, "find_entry", find_and_count)
    task = {"name": "translation", "data_dir": str(small_data / "pairs"), "vocabulary_size": 300, "longest": 6}
    optim = {"steps": 2, "batch_size": 4, "validate_every": 1}
    arch, encoder = {"name": "gru", "d_model": 8}, {"name": "lstm"}
    run = runner.run(config(arch=arch, encoder=encoder, task=task, optim=optim), tmp_path)
    assert run.record.status == "ok"
    assert sorted(calls) == ["build", "gru", "lstm"]


def net_config(**changed: Any) -> Any:
    return config(arch={"name": "my_file:MyNet", "d_model": 8}, **changed)


def test_edited_code_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with user_folder(tmp_path / "user", monkeypatch) as folder:
        write_files(folder, {"my_file.py": NET})
        before = runner.run(net_config(), tmp_path)
        assert runner.run(net_config(), tmp_path, "resume").record == before.record
        write_files(folder, {"my_file.py": f"# A comment.\n{NET}"})
        assert runner.run(net_config(), tmp_path, "resume").record == before.record
        write_files(folder, {"my_file.py": NET.replace("tanh", "relu")})
        after = runner.run(net_config(), tmp_path, "resume")
    assert after.folder != before.folder
    assert after.record.results.weights != before.record.results.weights
    files = [run.record.config.sources["my_file:MyNet"].files for run in (before, after)]
    assert [list(one) for one in files] == [["my_file.py"], ["my_file.py"]]
    assert files[0] != files[1]


def test_a_file_that_is_edited_between_the_plan_and_the_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with user_folder(tmp_path / "user", monkeypatch) as folder:
        write_files(folder, {"my_file.py": NET})
        planned = net_config()
        write_files(folder, {"my_file.py": NET.replace("tanh", "relu")})
        module_sources.forget_edited_modules()  # As in another process, which imports the file now.
        with pytest.raises(
            SeqbenchError, match=r"my_file:MyNet has changed since the run was planned: file my_file\.py"
        ):
            runner.run(planned, tmp_path / "runs")
        assert not (tmp_path / "runs").exists()


def test_a_file_that_is_edited_while_its_run_goes_on_is_recorded_as_it_was_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with user_folder(tmp_path / "user", monkeypatch) as folder:
        write_files(folder, {"my_file.py": NET})
        planned = net_config()
        original = Curve.on_train_batch_end

        def edit(self: Curve, trainer: Any, *rest: Any) -> None:
            write_files(folder, {"my_file.py": NET.replace("tanh", "relu")})
            original(self, trainer, *rest)

        monkeypatch.setattr(Curve, "on_train_batch_end", edit)
        run = runner.run(planned, tmp_path)
        monkeypatch.setattr(Curve, "on_train_batch_end", original)
        assert run.record.config.sources["my_file:MyNet"].files == planned.class_files["my_file:MyNet"]
        assert run.record.config.digest == planned.digest() != net_config().digest()


def test_the_source_of_seqbench_is_recorded_and_is_not_part_of_the_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = runner.run(config(optim={**OPTIM, "steps": 40}), tmp_path).record
    assert record.config.sources["seqbench"].digest == package_sources.seqbench_digest()
    assert list(record.config.sources) == ["seqbench"]
    digest = config().digest()
    monkeypatch.setattr(package_sources, "seqbench_digest", lambda: "another")
    assert config().digest() == digest
