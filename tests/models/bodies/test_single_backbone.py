from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqbench.architectures.recurrent import GRU
from seqbench.models.bodies import SingleBackbone
from seqbench.protocol.specs import SequenceSpec, StepClasses, Tokens
from seqbench.utils.errors import SeqbenchError
from tests.models.objectives.test_step_classes import random_batch

SPEC = SequenceSpec(Tokens(4), StepClasses(4), max_length=7)


class Whole(nn.Module):
    """A causal backbone without ``unroll``: means of all inputs so far."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.linear = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.linear(x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None])


def test_one_hidden_vector_per_target() -> None:
    body, batch = SingleBackbone(SPEC, GRU(6), 6), random_batch(0)
    assert body(batch).shape == (5, 7, 6)
    hidden, state = body.unroll(batch, None)
    torch.testing.assert_close(hidden, body(batch))
    assert state.shape == (5, 1, 6)


def test_a_narrower_embedding_is_projected() -> None:
    body = SingleBackbone(SPEC, GRU(6), 6, d_embed=2)
    assert body.embedding.table.weight.shape == (4, 2)
    assert isinstance(body.embedding.projection, nn.Linear)
    assert body(random_batch(0)).shape == (5, 7, 6)
    assert isinstance(SingleBackbone(SPEC, GRU(6), 6).embedding.projection, nn.Identity)


def test_an_embedding_without_width_is_refused() -> None:
    with pytest.raises(SeqbenchError, match="at least 1 wide, got -5"):
        SingleBackbone(SPEC, GRU(6), 6, d_embed=-5)


def test_decoding_step_by_step_equals_the_whole_with_and_without_unroll() -> None:
    backbone: Any
    for backbone in (GRU(6), Whole(6)):
        body, batch = SingleBackbone(SPEC, backbone, 6), random_batch(1)
        whole = body(batch)
        memory, state = body.begin()
        hidden, state = body.step(batch.inputs[:, :3], memory, state)
        torch.testing.assert_close(hidden, whole[:, 2])
        for step in range(3, 7):
            hidden, state = body.step(batch.inputs[:, step : step + 1], memory, state)
            torch.testing.assert_close(hidden, whole[:, step])
