"""Complete runs on a CUDA device: their results, their precision, and their records."""

from __future__ import annotations

import gc
import json
import math
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

import seqbench
from seqbench.architectures.recurrent import GRU, LSTM, RNN
from seqbench.protocol import records
from seqbench.protocol.records import Record
from tests.optional import not_none

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

GPU = {"accelerator": "gpu", "devices": 1}
FEW = {"steps": 20, "batch_size": 16, "validate_every": 5}
COPY = {"name": "copy", "delay": 3, "samples": 31}


def record(arch: Any, runs: Path, task: Any = COPY, trainer: Any = GPU, **options: Any) -> Record:
    done = seqbench.run(arch, task, tier="smoke", optim=FEW, trainer=trainer, logger="none", runs=runs, **options)
    assert done.record.status == "ok", done.record.results.reason
    return done.record


def losses(run: Record) -> list[float]:
    curve = run.results.curves.train["loss"]
    assert len(curve) == 4
    assert all(map(math.isfinite, curve))
    return curve


def scores(run: Record) -> dict[str, float]:
    return {name: not_none(line.value) for name, line in run.results.metrics["test"].items()}


@pytest.mark.parametrize("task", ["samples", "streams", "pairs"])
def test_a_run_on_cuda_equals_one_on_the_cpu_up_to_rounding(
    task: str, tmp_path: Path, text_folder: Path, small_data: Path
) -> None:
    """With the same weights and batches; the carried state and decoded tokens are on the device too."""
    options_by_task: dict[str, dict[str, Any]] = {
        "samples": {"task": COPY},
        "streams": {"task": {"name": "char-lm", "length": 16, "data_dir": str(text_folder)}},
        "pairs": {
            "task": {"name": "translation", "data_dir": str(small_data / "pairs"), "vocabulary_size": 300},
            "encoder": "bigru",
        },
    }
    options = options_by_task[task]
    arch = {"name": "gru", "d_model": 32}
    ours = record(arch, tmp_path / "gpu", **options)
    theirs = record(arch, tmp_path / "cpu", trainer={"accelerator": "cpu"}, **options)
    assert losses(ours) == pytest.approx(losses(theirs), abs=1e-3)
    for name, value in scores(theirs).items():
        if "loss" in name:
            assert scores(ours)[name] == pytest.approx(value, abs=1e-3)
    assert ours.measured.device == torch.cuda.get_device_name(0)
    assert ours.results.metrics.keys() == theirs.results.metrics.keys()


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
@pytest.mark.parametrize("arch", ["gru", "transformer"])
def test_mixed_precision_trains_like_full_precision(arch: str, precision: str, tmp_path: Path) -> None:
    """With the card's clipping; float16 scales its gradients, and may skip the first steps to find the scale."""
    full = losses(record(arch, tmp_path))
    mixed = losses(record(arch, tmp_path, trainer={**GPU, "precision": precision}))
    assert mixed == pytest.approx(full, rel=0.05)
    assert mixed != full


@pytest.mark.parametrize("arch", ["rnn", "gru", "lstm"])
def test_dropout_is_keyed_by_seed_and_step_on_cuda(arch: str, tmp_path: Path) -> None:
    """Draws before a run change nothing, although the state of cuDNN's own dropout continues from call to call."""
    named = {"name": arch, "num_layers": 2, "dropout": 0.5}
    torch.cuda.manual_seed(1)
    one = losses(record(named, tmp_path / "one"))
    torch.cuda.manual_seed(2)
    assert losses(record(named, tmp_path / "two")) == pytest.approx(one, abs=1e-5)
    without = losses(record({**named, "dropout": 0.0}, tmp_path / "three"))
    assert without != pytest.approx(one, abs=1e-3)


@pytest.mark.parametrize("cls", [RNN, GRU, LSTM])
def test_stacked_cudnn_layers_have_the_outputs_and_gradients_of_the_cpu(cls: Any) -> None:
    torch.manual_seed(0)
    backbone, x = cls(32, num_layers=3, skip=True), torch.randn(4, 50, 32)
    found = []
    for device in ("cpu", "cuda"):
        backbone.zero_grad()
        moved = x.to(device, copy=True).requires_grad_()
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # cuDNN warns of weights that are not contiguous.
            y = backbone.to(device)(moved)
        y.square().mean().backward()
        found.append([y, moved.grad, *(p.grad for p in backbone.parameters())])
    assert torch.backends.cudnn.is_acceptable(found[1][0])
    for theirs, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours.cpu(), theirs, atol=1e-4, rtol=1e-3)


def test_each_record_holds_the_peak_memory_of_its_own_run(tmp_path: Path) -> None:
    wide = not_none(record({"name": "gru", "d_model": 1024}, tmp_path).measured.peak_memory_bytes)
    gc.collect()
    narrow = not_none(record({"name": "gru", "d_model": 16}, tmp_path).measured.peak_memory_bytes)
    # Weights, gradients and the two means of Adam, in float32.
    assert wide > 4 * 4 * 6 * 1024**2
    assert 0 < narrow < wide / 4


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_two_gpus_train_on_the_batches_of_one(tmp_path: Path) -> None:
    """With NCCL, unequal lengths and uneven last batches."""
    words = ["run", "--arch", "gru", "--task", "parity", "--tier", "smoke", "--logger", "none"]
    words += ["--task.samples", "63", "--optim.batch_size", "8", "--optim.steps", "100", "--optim.validate_every", "50"]
    found = []
    for devices in ("1", "2"):
        runs = tmp_path / devices
        command = [sys.executable, "-m", "seqbench", *words, "--trainer.accelerator", "gpu", "--runs", str(runs)]
        command += ["--trainer.devices", devices, *(["--trainer.strategy", "ddp"] if devices == "2" else [])]
        subprocess.run(command, check=True, timeout=250, env={**os.environ, "MASTER_ADDR": "127.0.0.1"})
        (path,) = runs.rglob(records.NAME)
        found.append(json.loads(path.read_text())["results"])
    one, two = found
    assert two["curves"]["train"]["loss"] == pytest.approx(one["curves"]["train"]["loss"], abs=1e-3)
    assert two["curves"]["validation"]["loss"] == pytest.approx(one["curves"]["validation"]["loss"], abs=1e-3)
