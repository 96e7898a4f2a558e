"""A module in a user's own Trainer does what Lightning's users expect; in a run of seqbench, nothing changes."""

from __future__ import annotations

import copy
import csv
import dataclasses
import math
from collections import Counter
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from lightning.pytorch.callbacks import (
    EarlyStopping,
    EMAWeightAveraging,
    GradientAccumulationScheduler,
    LearningRateMonitor,
    ModelCheckpoint,
    StochasticWeightAveraging,
    TQDMProgressBar,
)
from lightning.pytorch.loggers import CSVLogger, Logger
from lightning.pytorch.tuner import Tuner
from lightning.pytorch.utilities import rank_zero_only

import seqbench
from seqbench.models import lightning_defaults
from seqbench.models.module import SequenceModule
from seqbench.protocol.cards import Optim
from seqbench.protocol.run_trainer import RunTrainer
from seqbench.running import run_config, trainer
from seqbench.running.callbacks.curve import Curve
from seqbench.running.run_request import RunRequest
from tests.models.modules import COPY, PARITY_LAST, build_copy, build_pairs, build_small_module, build_trainer
from tests.optional import not_none

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")

OPTIM = Optim(steps=100, batch_size=8, validate_every=10, lr=0.1, schedule="cosine", warmup=20)


class Memory(Logger):
    """A logger that keeps everything that it gets."""

    def __init__(self) -> None:
        self.rows: list[tuple[int | None, dict[str, float]]] = []
        self.options: list[dict[str, Any]] = []

    @property
    def name(self) -> str:
        return "memory"

    @property
    def version(self) -> int:
        return 0

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.rows.append((step, metrics))

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        self.options.append(params)

    def keys(self) -> Counter[str]:
        return Counter(key for _, row in self.rows for key in row if key != "epoch")

    def steps(self, key: str) -> list[int | None]:
        return [step for step, row in self.rows if key in row]


def fit(module: SequenceModule | None = None, **options: Any) -> tuple[L.Trainer, Memory]:
    """Train a module of the small copy task (epochs of ten batches) with options of Lightning's Trainer."""
    logger = Memory()
    own = build_trainer(**{"logger": logger, "log_every_n_steps": 5, "max_steps": -1, **options})
    own.fit(module or build_copy("gru"))
    return own, logger


# Epochs.


@pytest.mark.parametrize(
    ("options", "steps", "validations"),
    [
        ({"max_epochs": 2}, 20, 2),
        ({"max_steps": 25}, 25, 2),
        ({"max_steps": 6}, 6, 1),
        ({"max_steps": 2, "accumulate_grad_batches": 3}, 2, 1),
        ({"max_steps": 6, "val_check_interval": 8}, 6, 0),
        ({"max_steps": 6, "val_check_interval": 0.5}, 6, 2),
        ({"max_epochs": 2, "val_check_interval": 4}, 20, 4),
        ({"max_epochs": 2, "val_check_interval": 0.5}, 20, 4),
        ({"max_steps": 30, "val_check_interval": 12, "check_val_every_n_epoch": None}, 30, 2),
        ({"max_epochs": 2, "check_val_every_n_epoch": 2}, 20, 1),
        ({"max_epochs": 3, "limit_train_batches": 4}, 12, 3),
        ({"max_epochs": 2, "limit_train_batches": 0.5}, 10, 2),
        ({"max_epochs": 2, "limit_val_batches": 0}, 20, 0),
        ({"max_epochs": 2, "limit_val_batches": 1}, 20, 2),
        ({"max_epochs": 2, "num_sanity_val_steps": 0}, 20, 2),
        ({"max_epochs": 2, "num_sanity_val_steps": -1}, 20, 2),
        ({"max_epochs": 2, "accumulate_grad_batches": 3}, 8, 2),
        ({"max_epochs": 2, "overfit_batches": 2}, 4, 2),
        ({"max_epochs": 2, "precision": "bf16-mixed"}, 20, 2),
        ({"max_epochs": 2, "precision": "bf16-true"}, 20, 2),
        ({"max_epochs": 2, "precision": "64-true"}, 20, 2),
        ({"max_epochs": 2, "gradient_clip_val": 0.5, "gradient_clip_algorithm": "value"}, 20, 2),
        ({"max_epochs": 1, "detect_anomaly": True}, 10, 1),
        ({"max_epochs": 2, "deterministic": True, "inference_mode": False}, 20, 2),
        ({"max_epochs": 2, "reload_dataloaders_every_n_epochs": 1}, 20, 2),
        ({"max_epochs": 2, "profiler": "simple"}, 20, 2),
    ],
    ids=str,
)
def test_a_trainer_trains_and_validates_as_its_options_say(
    options: dict[str, Any], steps: int, validations: int, tmp_path: Path
) -> None:
    own, logger = fit(default_root_dir=tmp_path, **options)
    assert own.global_step == steps
    assert logger.keys()["validation/accuracy"] == validations


def test_fast_dev_run_takes_one_batch_of_each_kind() -> None:
    own, _ = fit(fast_dev_run=True)
    assert own.global_step == 1
    assert {"train/loss", "validation/loss", "validation/accuracy"} <= set(own.callback_metrics)


# Logs.


def test_losses_and_scores_reach_the_loggers_at_their_steps() -> None:
    module = build_copy("gru")
    own, logger = fit(module, max_epochs=2, val_check_interval=5)
    assert logger.steps("train/loss") == [4, 9, 14, 19]
    assert logger.steps("train/loss_epoch") == [9, 19]
    assert logger.steps("validation/accuracy") == [4, 9, 14, 19]
    assert {"validation/loss", "validation/loss_all_positions"} <= set(logger.keys())
    (last,) = [row for step, row in logger.rows if step == 19 and "validation/loss" in row]
    assert last["validation/loss"] == pytest.approx(module.evaluated["validation"]["loss"])
    assert own.progress_bar_callback is None


def test_the_logged_loss_is_that_of_the_batch() -> None:
    module = build_copy("gru")
    expected = []
    with torch.no_grad():
        for step in range(2):
            batch = not_none(module.data).stream("train", step)
            expected.append(float(module.objective.loss_sum(module.body(batch), batch)) / batch.total)
    # A learning rate of almost 0 keeps the weights.
    module.optim = dataclasses.replace(module.optim, lr=1e-12)
    _, logger = fit(module, max_steps=1, accumulate_grad_batches=2, log_every_n_steps=1)
    (row,) = [row for _, row in logger.rows if "train/loss" in row]
    assert row["train/loss"] == pytest.approx(expected[1])
    (row,) = [row for _, row in logger.rows if "train/loss_epoch" in row]
    assert row["train/loss_epoch"] == pytest.approx(sum(expected) / 2)


def test_the_options_of_the_module_reach_the_loggers() -> None:
    _, logger = fit(max_steps=1)
    (options,) = logger.options
    assert options["arch"] == {"name": "gru", **build_copy("gru").context.config.arch_options}
    assert options["task"]["delay"] == 3
    assert set(options) == {"arch", "task", "tier", "seed", "optim", "body"}


def test_the_progress_bar_shows_the_loss_and_the_primary_metric() -> None:
    bar = TQDMProgressBar(refresh_rate=0)
    own, _ = fit(max_epochs=1, callbacks=[bar], enable_progress_bar=True)
    shown = bar.get_metrics(own, own.lightning_module)
    assert {"train/loss", "validation/loss", "validation/accuracy"} <= set(shown)
    assert "validation/loss_all_positions" not in shown


def test_csv_files_hold_losses_and_scores(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path)
    fit(max_steps=20, val_check_interval=4, logger=logger)
    with (Path(logger.log_dir) / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows if row["train/loss"]] == ["4", "9", "14", "19"]
    assert len([row for row in rows if row["validation/accuracy"]]) == 4
    assert "name: gru" in (Path(logger.log_dir) / "hparams.yaml").read_text()


def test_tensorboard_files_hold_losses_and_scores(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from lightning.pytorch.loggers import TensorBoardLogger
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = TensorBoardLogger(tmp_path)
    fit(max_epochs=2, logger=logger)
    events = EventAccumulator(logger.log_dir).Reload()
    assert {"train/loss", "train/loss_epoch", "validation/accuracy"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("validation/accuracy")] == [9, 19]


def test_wandb_gets_losses_and_scores(tmp_path: Path) -> None:
    from lightning.pytorch.loggers import WandbLogger

    logger = WandbLogger(save_dir=str(tmp_path), offline=True)
    fit(max_epochs=2, logger=logger)
    summary = logger.experiment.summary
    values = {key: summary[key] for key in ("train/loss", "train/loss_epoch", "validation/accuracy")}
    assert all(math.isfinite(value) for value in values.values())
    assert logger.experiment.config["task"]["name"] == "copy"
    logger.experiment.finish()


# Results.


def test_validate_and_test_return_the_scores() -> None:
    module = build_copy("gru")
    (validation,), (test,) = (
        build_trainer().validate(module, verbose=False),
        build_trainer().test(module, verbose=False),
    )
    for split, scores in (("validation", validation), ("test", test)):
        assert scores == pytest.approx({f"{split}/{name}": v for name, v in module.evaluated[split].items()})
        assert scores[f"{split}/accuracy"] >= 0


def test_each_score_is_in_the_column_of_its_loader_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # Lightning repeats the names in each part of a table that is too wide.
    task = {**PARITY_LAST, "probe_lengths": [30, 40]}
    module = seqbench.build({"name": "gru", "d_model": 8}, task, tier="smoke")
    results = build_trainer().test(module)
    over_lengths = {"test/accuracy_longer", "test/solved_length"} & set(results[0])
    splits = [{key.split("/")[0] for key in scores.keys() - over_lengths} for scores in results]
    assert splits == [{"test"}, {"length-30"}, {"length-40"}]
    assert all(over_lengths <= scores.keys() for scores in results)
    shown = capsys.readouterr().out
    assert shown.count("length-30/accuracy") == 1
    value = results[1]["length-30/loss"]
    assert shown.count(str(value)) == 1


def test_a_pair_of_sequences_is_scored_by_its_decoded_outputs(small_data: Path) -> None:
    module = build_pairs(small_data)
    (scores,) = build_trainer().test(module, verbose=False)
    assert {"test/bleu", "test/token_loss"} <= set(scores)
    assert sorted(module.decoded["test"]) == list(range(10))


def test_predictions_are_distributions() -> None:
    module = build_copy("gru")
    loader = not_none(module.data).split_dataloader("test")
    outputs = build_trainer().predict(module, dataloaders=loader)
    assert [tuple(x.shape) for x in not_none(outputs)] == [(8, 13, 10), (8, 13, 10)]


def test_more_loaders_than_splits_are_refused() -> None:
    module = build_copy("gru")
    loader = not_none(module.data).split_dataloader("test")
    with pytest.raises(seqbench.SeqbenchError, match="2 loaders for the test splits test; pass at most as many"):
        build_trainer().test(module, dataloaders=[loader, loader], verbose=False)


def test_fewer_loaders_than_splits_leave_the_other_splits_alone(text_folder: Path) -> None:
    module = build_small_module("gru", {**PARITY_LAST, "probe_lengths": [30]}, text_folder)
    loader = not_none(module.data).split_dataloader("test")
    (scores,) = build_trainer().test(module, dataloaders=loader, verbose=False)
    assert {key.split("/")[0] for key in scores} == {"test"}
    assert set(module.evaluated) == {"test"}


# Schedules.


def test_without_a_trainer_and_in_a_run_the_schedule_is_that_of_the_card(tmp_path: Path) -> None:
    assert lightning_defaults.follow_trainer(OPTIM, None) is OPTIM
    run = RunTrainer(max_steps=7, logger=False, enable_checkpointing=False, accelerator="cpu")
    assert lightning_defaults.follow_trainer(OPTIM, run) is OPTIM


@pytest.mark.parametrize(
    ("options", "steps", "warmup"),
    [
        ({"max_steps": 30}, 30, 6),
        ({"max_steps": 10}, 10, 2),
        ({"max_steps": 20}, 20, 4),
        ({"max_epochs": 4}, 40, 8),
        ({"max_epochs": 4, "accumulate_grad_batches": 5}, 8, 2),
        ({"max_epochs": 4, "max_steps": 25}, 25, 5),
        ({"max_epochs": 4, "limit_train_batches": 6}, 24, 5),
        ({"max_epochs": -1}, 100, 20),
    ],
    ids=str,
)
def test_the_schedule_has_the_steps_of_the_trainer(options: dict[str, Any], steps: int, warmup: int) -> None:
    found: list[Optim] = []

    class Follow(L.Callback):
        def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
            found.append(lightning_defaults.follow_trainer(OPTIM, trainer))
            trainer.should_stop = True

    fit(callbacks=[Follow()], limit_val_batches=0, **options)
    (followed,) = found
    assert (followed.steps, followed.warmup) == (steps, warmup)
    assert dataclasses.replace(followed, steps=100, warmup=20, validate_every=10) == OPTIM


@pytest.mark.parametrize(
    "options", [{"max_epochs": 3}, {"max_steps": 25}, {"max_epochs": 3, "accumulate_grad_batches": 2}]
)
def test_the_cosine_ends_with_the_training(options: dict[str, int]) -> None:
    module = build_copy("gru")
    module.optim = dataclasses.replace(module.optim, schedule="cosine", warmup=3)
    monitor = LearningRateMonitor()
    own, logger = fit(module, callbacks=[monitor], log_every_n_steps=1, **options)
    rates = [value for _, row in logger.rows for key, value in row.items() if key.startswith("lr-AdamW")]
    assert max(rates) == pytest.approx(module.optim.lr)
    assert own.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.01 * module.optim.lr)


# Clipping.


def gradient_norm_of_first_step(module: SequenceModule, **options: Any) -> float:
    """Return the norm of the gradient that the optimiser gets in the first step."""
    norms: list[float] = []

    class Norm(L.Callback):
        def on_before_zero_grad(self, *_: object) -> None:
            grads = [p.grad.flatten() for p in module.parameters() if p.grad is not None]
            norms.extend([float(torch.cat(grads).norm())] if grads else [])

    fit(module, max_steps=2, callbacks=[Norm()], limit_val_batches=0, **options)
    return norms[0]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_gradient_is_clipped_as_the_card_says_unless_the_trainer_says_otherwise(precision: str) -> None:
    def norm(clip: float, **options: Any) -> float:
        module = build_copy("gru")
        module.optim = dataclasses.replace(module.optim, clip=clip)
        return gradient_norm_of_first_step(module, precision=precision, **options)

    free = norm(0.0)
    assert free > 0.1
    assert norm(0.02) == pytest.approx(0.02, rel=1e-3)
    assert norm(0.02, gradient_clip_val=0.05) == pytest.approx(0.05, rel=1e-3)
    assert norm(0.02, gradient_clip_val=0) == pytest.approx(free)
    assert norm(0.02, gradient_clip_val=1e-4, gradient_clip_algorithm="value") < 0.02


# Callbacks.


def test_early_stopping_ends_the_training() -> None:
    module = build_copy("gru")
    module.optim = dataclasses.replace(module.optim, lr=1e-12)
    own, _ = fit(module, max_epochs=20, callbacks=[EarlyStopping("validation/loss", patience=2, min_delta=0.1)])
    assert own.current_epoch == 3


def test_early_stopping_may_watch_the_training_loss() -> None:
    own, _ = fit(max_epochs=3, callbacks=[EarlyStopping("train/loss_epoch", check_on_train_epoch_end=True)])
    assert own.current_epoch == 3


@pytest.mark.parametrize("steps", [6, 10, 25])
def test_early_stopping_works_with_max_steps(steps: int) -> None:
    """Also if the training ends within the first epoch."""
    own, _ = fit(max_steps=steps, callbacks=[EarlyStopping("validation/loss", patience=9)])
    assert own.global_step == steps


def test_checkpoints_of_the_best_epochs_are_kept_and_loaded(tmp_path: Path) -> None:
    keep = ModelCheckpoint(tmp_path, "{epoch}", monitor="validation/accuracy", mode="max", save_top_k=2, save_last=True)
    module = build_copy("gru")
    own, _ = fit(module, max_epochs=3, callbacks=[keep], enable_checkpointing=True)
    assert len(list(tmp_path.glob("epoch=*.ckpt"))) == 2
    (scores,) = own.test(module, ckpt_path="best", verbose=False)
    loaded = SequenceModule.load_from_checkpoint(keep.best_model_path)
    (again,) = build_trainer().test(loaded, verbose=False)
    assert again == scores


def test_a_fit_that_is_resumed_within_an_epoch_gives_the_same_weights(tmp_path: Path) -> None:
    module = seqbench.build({"name": "gru", "d_model": 8, "dropout": 0.3}, COPY, tier="smoke", optim={"batch_size": 8})
    whole, half, rest = module, copy.deepcopy(module), copy.deepcopy(module)
    keep = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=7, save_top_k=-1)
    options: dict[str, Any] = {"max_steps": 20, "limit_val_batches": 0, "limit_train_batches": 10}
    fit(whole, **options)
    fit(half, **options, callbacks=[keep], enable_checkpointing=True)
    resumed = build_trainer(**options)
    resumed.fit(rest, ckpt_path=tmp_path / "step=7.ckpt")
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), rest.parameters(), strict=True))


@pytest.mark.parametrize("average", [StochasticWeightAveraging(1e-2), EMAWeightAveraging()])
def test_weights_may_be_averaged(average: L.Callback) -> None:
    module = build_copy("gru")
    own, _ = fit(module, max_epochs=3, callbacks=[average])
    plain = build_copy("gru")
    fit(plain, max_epochs=3)
    assert own.global_step == 30
    pairs = list(zip(module.parameters(), plain.parameters(), strict=True))
    assert all(p.isfinite().all() for p, _ in pairs)
    assert not all(torch.equal(a, b) for a, b in pairs)
    build_trainer().test(module, verbose=False)


def test_a_copied_module_shares_the_data_and_has_no_trainer() -> None:
    module = build_copy("gru")
    build_trainer(limit_val_batches=0).fit(module)
    twin = copy.deepcopy(module)
    assert not_none(twin.data).trainer is None
    assert not_none(module.data).trainer is not None
    assert torch.equal(not_none(twin.data).stream("test", 0).inputs, not_none(module.data).stream("test", 0).inputs)


def test_accumulation_may_change_with_the_epoch() -> None:
    own, _ = fit(max_epochs=2, callbacks=[GradientAccumulationScheduler({0: 1, 1: 5})])
    assert own.global_step == 10 + 2


def test_a_fit_ends_when_its_time_is_over() -> None:
    own, _ = fit(max_time={"seconds": 0.2}, max_epochs=-1)
    assert own.global_step > 0


def test_a_rate_is_found() -> None:
    module = build_copy("gru")
    own = build_trainer(max_steps=-1, max_epochs=1, enable_checkpointing=True)
    found = Tuner(own).lr_find(module, num_training=10, update_attr=False)
    assert len(not_none(found).results["lr"]) == 10


@pytest.mark.parametrize("options", [{"precision": "16-mixed"}, {"limit_test_batches": 1}], ids=str)
def test_a_part_and_half_precision_are_tested(options: dict[str, Any]) -> None:
    module = build_copy("gru")
    own, _ = fit(module, max_epochs=1, **options)
    (scores,) = own.test(module, verbose=False)
    assert all(math.isfinite(value) for value in scores.values())


def test_a_trainer_without_all_its_services_trains() -> None:
    own = L.Trainer(max_epochs=1, barebones=True, accelerator="cpu")
    own.fit(build_copy("gru"))
    assert own.global_step == 10


def test_a_compiled_module_trains() -> None:
    module: Any = torch.compile(build_copy("gru"), backend="eager")
    own = build_trainer(max_steps=-1, max_epochs=1)
    own.fit(module)
    assert own.global_step == 10


# Modules with training of their own.


@pytest.mark.parametrize("name", ["Auxiliary", "TwoOptimizers", "Adversarial", "ClosedForm", "OwnScheduleAndCallbacks"])
def test_a_module_with_training_of_its_own_has_the_same_defaults(name: str, tmp_path: Path) -> None:
    module = build_copy(f"tests.models.own_modules:{name}")
    own, logger = fit(module, max_epochs=2)
    assert own.current_epoch == 2
    assert logger.keys()["train/loss"] >= 2
    assert logger.keys()["train/loss_epoch"] == logger.keys()["validation/accuracy"] == 2
    own.save_checkpoint(tmp_path / "own.ckpt")
    loaded = SequenceModule.load_from_checkpoint(tmp_path / "own.ckpt")
    assert type(loaded) is type(module)
    assert build_trainer().test(loaded, verbose=False) == build_trainer().test(module, verbose=False)


def test_the_cards_optimiser_of_a_module_with_several_follows_the_trainer() -> None:
    module = build_copy("tests.models.own_modules:TwoOptimizers")
    module.optim = dataclasses.replace(module.optim, schedule="cosine")
    own, _ = fit(module, max_epochs=2)
    assert own.optimizers[1].param_groups[0]["lr"] == pytest.approx(0.01 * module.optim.lr)


# Runs of seqbench.


def run_of_seqbench(tmp_path: Path) -> tuple[SequenceModule, Memory, Curve]:
    """Train a module as a run does, with a logger that remembers."""
    optim = {"steps": 20, "batch_size": 8, "validate_every": 10}
    config = run_config.resolve_config(RunRequest("gru", "copy", tier="smoke", options={"optim": optim, "task": TASK}))
    module = build_copy("gru")
    curve, logger = Curve(), Memory()
    engine = trainer.build_trainer(config, tmp_path, [curve], module)
    engine.loggers = [logger]
    with trainer.silence_lightning():
        engine.fit(module)
    return module, logger, curve


TASK = {key: value for key, value in COPY.items() if key != "name"}


def test_in_a_run_only_its_callbacks_log(tmp_path: Path) -> None:
    _, logger, curve = run_of_seqbench(tmp_path)
    assert logger.options == []
    metrics = {f"validation/{name}": 2 for name in curve.validation if name != "step"}
    assert dict(logger.keys()) == {**metrics, "train/loss": 2, "train/lr": 2}
    assert logger.steps("validation/accuracy") == logger.steps("train/loss") == [10, 20]


def test_a_users_trainer_with_the_cards_settings_gives_the_weights_of_a_run(tmp_path: Path) -> None:
    ours, _, curve = run_of_seqbench(tmp_path)
    own = build_copy("gru")
    _, logger = fit(own, max_steps=20, val_check_interval=10, num_sanity_val_steps=0)
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), own.parameters(), strict=True))
    logged = [row["validation/loss"] for _, row in logger.rows if "validation/loss" in row]
    assert logged == pytest.approx(curve.validation["loss"])
