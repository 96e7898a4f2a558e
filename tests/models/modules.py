"""Small modules and quiet Trainers for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as L

import seqbench
from seqbench.models.module import SequenceModule
from seqbench.protocol.specs import Batch

SMALL = {"steps": 20, "batch_size": 8, "validate_every": 10}
"""A card's training, made small."""

COPY: dict[str, Any] = {"name": "copy", "delay": 3, "samples": 16}
PARITY_LAST: dict[str, Any] = {"name": "parity-last", "samples": 16, "probe_lengths": [], "probe_samples": 8}
CHARACTERS: dict[str, Any] = {"name": "char-lm", "length": 16, "window": 32}
PAIRS: dict[str, Any] = {"name": "translation", "data_dir": "pairs", "vocabulary_size": 300, "longest": 6}


def build_trainer(**options: Any) -> L.Trainer:
    """Return a Trainer of five steps on the CPU that writes and shows nothing."""
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    return L.Trainer(**{**quiet, "enable_checkpointing": False, "max_steps": 5, **options})


def build_small_module(
    arch: str | Mapping[str, Any], task: Mapping[str, Any], texts: Path, data: Path | None = None, **optim: Any
) -> SequenceModule:
    """Return the module of an architecture on a task of tier smoke, made small.

    Args:
        arch: as ``seqbench.build`` takes it.
        task: as ``seqbench.build`` takes it, with ``body``, or with ``bridge`` as an option of it; ``data_dir`` is in
            ``data``.
        texts: folder of the texts of char-lm.
        data: folder of the data of other tasks.
        optim: options of the optimiser.
    """
    options = {key: value for key, value in task.items() if key not in ("bridge", "body")}
    body = {"bridge": task["bridge"]} if "bridge" in task else dict(task.get("body", {}))
    if task["name"] == "char-lm":
        options["data_dir"] = str(texts)
    elif "data_dir" in task:
        assert data is not None
        options["data_dir"] = str(data / task["data_dir"])
    return seqbench.build(arch, options, tier="smoke", optim={**SMALL, **optim}, body=body)


def build_copy(arch: str, seed: int = 0) -> SequenceModule:
    """Return the module of an architecture of width 8 on a small copy task."""
    return seqbench.build({"name": arch, "d_model": 8}, COPY, tier="smoke", optim=SMALL, seed=seed)


def build_pairs(data: Path, bridge: str = "additive", arch: str = "gru", **options: Any) -> SequenceModule:
    """Return the module of an architecture of width 8 on pairs of sentences.

    Args:
        data: folder of the data.
        bridge: bridge between encoder and decoder.
        arch: name of the architecture.
        options: other options of ``seqbench.build``.
    """
    task = {**PAIRS, "data_dir": str(data / "pairs")}
    return seqbench.build(
        {"name": arch, "d_model": 8}, task, tier="smoke", optim=SMALL, body={"bridge": bridge, "heads": 2}, **options
    )


def training_batch(module: SequenceModule, step: int = 0) -> Batch:
    """Return a batch of the training split."""
    assert module.data is not None
    return module.data.stream("train", step)
