"""Modules that bring their own training, for the tests of all that runs them."""

from __future__ import annotations

from torch import nn

import seqbench
from seqbench.architectures.recurrent import GRU


class Plain(seqbench.SequenceModule):
    """Trains as seqbench does, with an option and a part of its own."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int, share: float = 0.5) -> None:
        super().__init__(context, GRU(d_model))
        self.share = share
        self.extra = nn.Linear(context.d_model, context.d_model)


class WithEncoder(seqbench.SequenceModule):
    """Builds its own encoder."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int) -> None:
        super().__init__(context, GRU(d_model), GRU(d_model, num_layers=2) if context.needs_encoder else None)


class Incomplete(seqbench.SequenceModule):
    """Does not call ``super().__init__``."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int) -> None:
        nn.Module.__init__(self)


class Refusing(seqbench.SequenceModule):
    """Refuses its width."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int) -> None:
        raise ValueError(f"d_model must be 7, got {d_model}")


class LooksAhead(seqbench.SequenceModule):
    """Builds a backbone that looks ahead."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int) -> None:
        backbone = GRU(d_model)
        backbone.causal = False
        super().__init__(context, backbone)


class NoContext(seqbench.SequenceModule):
    """Takes no context."""

    def __init__(self, d_model: int) -> None:
        raise AssertionError
