"""What a subclass of ``SequenceModule`` may override, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import seqbench
from seqbench.architectures.recurrent import GRU
from seqbench.models.module import CARRIED_STATE, SequenceModule
from seqbench.models.own_training import FINAL_METHODS, overridden_methods
from seqbench.protocol.specs import Batch
from seqbench.utils.errors import SeqbenchError
from tests.models import own_modules
from tests.models.modules import CHARACTERS, build_copy, build_small_module, build_trainer
from tests.models.test_module import on_rank, training_batch

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

OWN = "tests.models.own_modules"


@pytest.mark.parametrize("name", [*FINAL_METHODS, "_evaluate_batch", "_hidden_and_state"])
def test_a_class_that_overrides_evaluation_or_data_is_refused_when_it_is_defined(name: str) -> None:
    with pytest.raises(SeqbenchError, match=f"Mine overrides {name}, .*training alone") as caught:
        type("Mine", (SequenceModule,), {name: lambda *_: None})
    assert "configure_callbacks" in str(caught.value)


def test_an_evaluation_method_of_a_mixin_is_refused_too() -> None:
    class Mixin:
        def validation_step(self, batch: Batch, batch_idx: int) -> None: ...

    with pytest.raises(SeqbenchError, match="overrides validation_step"):
        type("Mine", (Mixin, SequenceModule), {})


def test_all_final_methods_are_methods_of_a_module() -> None:
    assert all(callable(getattr(SequenceModule, name)) for name in FINAL_METHODS)


def test_the_methods_of_training_may_be_overridden_and_are_listed() -> None:
    assert overridden_methods(own_modules.Plain) == []
    assert overridden_methods(own_modules.TwoOptimizers) == ["configure_optimizers", "training_step"]
    assert {"configure_callbacks", "on_save_checkpoint", "setup"} <= set(
        overridden_methods(own_modules.OwnScheduleAndCallbacks)
    )


class Replacing(seqbench.SequenceModule):
    """Replaces one of its parts."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int, what: str) -> None:
        super().__init__(context, GRU(d_model))
        if what == "body":
            self.body = type("Cheat", (nn.Module,), {})()
        elif what == "objective.metric_sums":
            self.objective.metric_sums = lambda *_: {}  # type: ignore[method-assign]
        elif what == "validation_step":
            self.validation_step = lambda *_: None  # type: ignore[method-assign]
        elif what == "head":
            self.objective.head = nn.Linear(d_model, 10, bias=False)


@pytest.mark.parametrize("what", ["body", "objective.metric_sums", "validation_step"])
def test_an_instance_that_replaces_its_evaluation_is_refused(what: str) -> None:
    arch = {"name": f"{__name__}:Replacing", "d_model": 8, "what": what}
    with pytest.raises(SeqbenchError, match=f"Replacing (replaces its|overrides) {what}"):
        seqbench.build(arch, "copy", tier="smoke")


def test_an_instance_that_replaces_its_evaluation_later_is_refused_by_the_evaluation() -> None:
    module = build_copy(f"{OWN}:Plain")
    module.body = build_copy("gru").body
    with pytest.raises(SeqbenchError, match="Plain replaces its body"):
        build_trainer(limit_val_batches=1).validate(module, verbose=False)


def test_the_head_may_be_replaced() -> None:
    arch = {"name": f"{__name__}:Replacing", "d_model": 8, "what": "head"}
    assert "objective.head.bias" not in seqbench.build(arch, "copy", tier="smoke").state_dict()


class Drawing(seqbench.SequenceModule):
    """Overrides a hook of seqbench without ``super()``."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int) -> None:
        super().__init__(context, GRU(d_model))
        self.hooks = 0

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        self.hooks += 1

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["own"] = True


class DrawingMore(Drawing):
    """Overrides the hook of its parent, with ``super()``."""

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        torch.rand(1)
        super().on_train_batch_start(batch, batch_idx)


@pytest.mark.parametrize("cls", [Drawing, DrawingMore])
def test_a_step_is_seeded_whether_or_not_the_hook_calls_super(cls: type[Drawing]) -> None:
    module, plain = build_copy(f"{__name__}:{cls.__name__}"), build_copy("gru")
    numbers = []
    for each in (module, plain):
        on_rank(each, step=5).on_train_batch_start(training_batch(each), 0)
        numbers.append(torch.rand(3))
    assert isinstance(module, Drawing)
    assert module.hooks == 1
    assert torch.equal(*numbers)


def test_the_state_of_streams_is_saved_whether_or_not_the_hook_calls_super(text_folder: Path) -> None:
    arch = {"name": f"{__name__}:Drawing", "d_model": 8}
    module = on_rank(build_small_module(arch, CHARACTERS, text_folder))
    module.training_step(training_batch(module), 0)
    checkpoint: dict[str, Any] = {}
    module.on_save_checkpoint(checkpoint)
    assert checkpoint["own"]
    assert isinstance(checkpoint[CARRIED_STATE], torch.Tensor)


def test_clip_limits_the_norm_of_the_gradients_of_one_optimiser() -> None:
    module = build_copy(f"{OWN}:TwoOptimizers")
    module.optim = type(module.optim)(**{**vars(module.optim), "clip": 1e-3})
    norms: list[float] = []

    def on_before_optimizer_step(optimizer: torch.optim.Optimizer) -> None:
        gradients = [
            p.grad.flatten() for group in optimizer.param_groups for p in group["params"] if p.grad is not None
        ]
        norms.append(float(torch.cat(gradients).norm()))

    module.on_before_optimizer_step = on_before_optimizer_step  # type: ignore[method-assign]
    build_trainer(max_steps=2, limit_val_batches=0).fit(module)
    assert norms == [pytest.approx(1e-3, rel=1e-2)] * 2


def test_the_cards_optimiser_for_some_parameters_has_the_groups_of_the_backbone() -> None:
    module = seqbench.build("s4d", {"name": "copy", "delay": 3}, tier="smoke")
    chosen = [p for name, p in module.named_parameters() if "head" not in name]
    configured = module.card_optimizer(chosen)
    groups = configured["optimizer"].param_groups
    assert {id(p) for group in groups for p in group["params"]} == {id(p) for p in chosen}
    assert len(groups) > 1
