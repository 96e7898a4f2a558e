"""For each check of modules with training of their own, one module that breaks the contract in its way."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

import seqbench
from seqbench.protocol.specs import Batch
from tests.testing.backbones import Conforming


class Whole(seqbench.SequenceModule):
    """Keeps the contract, with an own part and dropout."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int, dropout: float = 0.0) -> None:
        super().__init__(context, Conforming(d_model, dropout=dropout))
        self.extra = nn.Linear(d_model, 1)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        hidden = self.hidden_states(batch)
        extra: Tensor = self.extra(hidden)
        return self.batch_loss(hidden, batch) + 0.1 * extra.square().mean()


class PythonRandomPart(Whole):
    """Initialises its own part from Python's random numbers."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int) -> None:
        super().__init__(context, d_model)
        nn.init.constant_(self.extra.weight, random.random())
        nn.init.zeros_(self.extra.weight.data[:, 1:])


class ReadsValues(Whole):
    """Reads the value of a tensor while it is built."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int) -> None:
        super().__init__(context, d_model)
        self.scale = float(self.extra.weight.norm())


class NeverSteps(Whole):
    """Decides itself when its optimiser steps, and never lets it step."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int) -> None:
        super().__init__(context, d_model)
        self.automatic_optimization = False


class NumpyNoise(Whole):
    """Adds noise from numpy to its loss."""

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        return super().training_step(batch, batch_idx) * float(np.random.rand())


class CountsCalls(Whole):
    """Keeps a number that training changes in an attribute that no checkpoint holds."""

    calls = 0

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        self.calls += 1
        return super().training_step(batch, batch_idx) * (1 + self.calls)


class UnsavedScale(Whole):
    """Its outputs depend on a buffer that is not saved, and that training changes."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int) -> None:
        super().__init__(context, d_model)
        backbone = cast(nn.Module, self.body.decoding_backbone)
        backbone.register_buffer("scale", torch.ones(1), persistent=False)
        backbone.register_forward_hook(lambda net, _, outputs: outputs * net.scale)

    def on_train_batch_end(self, *_: Any) -> None:
        cast(Tensor, cast(nn.Module, self.body.decoding_backbone).scale).add_(0.5)


class OneRate(Whole):
    """Refuses other learning rates than that of the card."""

    def configure_optimizers(self) -> Any:
        if self.optim.lr < 1e-3:
            raise ValueError("the rate must be at least 0.001")
        return super().configure_optimizers()


@dataclass(frozen=True)
class BrokenModule:
    """A class that breaks the contract.

    Args:
        cls: the class.
        sentence: part of the reason that its check gives.
        also: other checks that refuse it.
    """

    cls: type[seqbench.SequenceModule]
    sentence: str
    also: frozenset[str] = frozenset()


RESUMABLE = frozenset({"module_resumable"})

BROKEN_MODULES = {
    "module_initialization_seeded": BrokenModule(
        PythonRandomPart,
        "two modules with one seed differ in extra.weight",
        RESUMABLE | {"module_training_seeded"},
    ),
    "module_meta_device": BrokenModule(ReadsValues, "building on the meta device raised"),
    "module_trains": BrokenModule(NeverSteps, "no weight changed in 8 steps"),
    "module_training_seeded": BrokenModule(NumpyNoise, "two runs with one seed differ in", RESUMABLE),
    "module_resumable": BrokenModule(CountsCalls, "stopped after step 3 and resumed, differ in"),
    "module_state_dict_complete": BrokenModule(UnsavedScale, "has another validation", RESUMABLE),
    "module_learning_rates": BrokenModule(OneRate, "a tenth of the learning rate of 8 steps ended"),
}
