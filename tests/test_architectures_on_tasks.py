"""Every architecture trains on every kind of task, or is refused with the reason."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from seqbench.protocol import registry
from seqbench.protocol.backbones import feeds_back_output, is_causal
from seqbench.utils.errors import SeqbenchError
from tests.models.modules import CHARACTERS, COPY, PAIRS, PARITY_LAST, build_small_module, build_trainer
from tests.optional import not_none

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

EACH_KIND: list[dict[str, Any]] = [
    COPY,
    {"name": "parity", "samples": 16, "probe_lengths": [50], "probe_samples": 8},
    CHARACTERS,
    {"name": "music", "data_dir": "rolls"},
    {"name": "plan", "length": 5, "samples": 10},
    {"name": "sentiment", "data_dir": "sentences"},
    {"name": "sentiment", "data_dir": "sentences", "divergence": "ramp", "tokens": "bpe", "vocabulary_size": 270},
    {"name": "adding", "length": 5, "samples": 10},
    PAIRS,
    {**PAIRS, "bridge": "vector"},
    {**PAIRS, "bridge": "decoder-only"},
]
"""A task for each kind of output, each readout and each bridge."""

OTHER_TASKS: list[dict[str, Any]] = [
    PARITY_LAST,
    {"name": "music", "data_dir": "rolls", "mode": "melody", "segment": 3},
    {"name": "sentiment-order", "pairs": 20},
    {"name": "sentiment-position", "sentences": 20, "samples": 10},
]
"""Tasks with other data and outputs of the same kinds."""

WIDTH = 8
"""A small width that every architecture accepts."""


def task_id(task: dict[str, Any]) -> str:
    return "-".join(str(value) for key, value in task.items() if key in ("name", "mode", "divergence", "bridge"))


def load_backbone(arch: str) -> type[nn.Module]:
    """Return the class of an architecture; skip the test where it needs a library or a device that is not here."""
    try:
        backbone: type[nn.Module] = registry.find_entry(registry.ARCHITECTURES, arch).load()
        backbone(d_model=WIDTH)
    except registry.MissingLibrary as error:
        pytest.skip(str(error))
    except ValueError as error:
        if "needs a CUDA device" in str(error):
            pytest.skip(str(error))
        raise
    return backbone


def expected_refusal(backbone: type[nn.Module], task: str) -> str | None:
    """Return a pattern of the reason why a backbone cannot train on a task; None where it can."""
    if not is_causal(backbone) and task == "translation":
        return "must be causal|needs a causal architecture"
    if not is_causal(backbone) and task not in ("plan", "sentiment", "adding"):
        return "looks ahead"
    if feeds_back_output(backbone) and task in ("sentiment", "adding", "translation"):
        return "needs one output per step"
    return None


@pytest.mark.parametrize("task", EACH_KIND, ids=task_id)
@pytest.mark.parametrize("arch", [*registry.list_entries(registry.ARCHITECTURES), "tests.backbones:CausalMean"])
def test_an_architecture_trains_on_a_kind_of_task_or_is_refused_with_the_reason(
    arch: str, task: dict[str, Any], text_folder: Path, small_data: Path
) -> None:
    reason = expected_refusal(load_backbone(arch), task["name"])
    if reason is None:
        train_and_test({"name": arch, "d_model": WIDTH}, task, text_folder, small_data)
    else:
        with pytest.raises(SeqbenchError, match=reason):
            build_small_module({"name": arch, "d_model": WIDTH}, task, text_folder, small_data)


@pytest.mark.parametrize("task", OTHER_TASKS, ids=task_id)
def test_a_gru_trains_on_other_tasks(task: dict[str, Any], text_folder: Path, small_data: Path) -> None:
    train_and_test({"name": "gru", "d_model": WIDTH}, task, text_folder, small_data)


def train_and_test(arch: Mapping[str, Any], task: dict[str, Any], texts: Path, data: Path) -> None:
    """Train for five steps and test: every parameter changes, and all scores are finite."""
    module = build_small_module(arch, task, texts, data)
    assert module.data is not None
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    trainer = build_trainer(
        val_check_interval=5, check_val_every_n_epoch=None, limit_val_batches=1, num_sanity_val_steps=0
    )
    trainer.fit(module)
    assert trainer.global_step == 5
    assert [name for name, p in module.named_parameters() if torch.equal(p, before[name])] == []
    assert all(math.isfinite(not_none(value)) for value in module.evaluated["validation"].values())
    scores = trainer.test(module, verbose=False)
    assert all(math.isfinite(value) for value in scores[0].values())
    assert {f"test/{name}" for name in module.evaluated["test"]} <= scores[0].keys()
    assert set(module.evaluated) == {*module.data.splits("validation"), *module.data.splits("test")}
