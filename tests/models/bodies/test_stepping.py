"""Advancing a backbone with and without ``unroll``."""

from __future__ import annotations

import torch

from seqbench.architectures.recurrent import GRU
from seqbench.models.bodies.stepping import advance_backbone, recompute_prefix
from seqbench.protocol.backbones import Backbone, State
from tests.models.bodies.sequence_pairs import CausalMean


def advance_in_chunks(backbone: Backbone, x: torch.Tensor) -> tuple[torch.Tensor, State]:
    outputs, state = [], None
    for chunk in torch.split(x, [3, 1, 2], dim=1):
        y, state = advance_backbone(backbone, chunk, state)
        outputs.append(y)
    return torch.cat(outputs, dim=1), state


def test_chunks_give_the_outputs_of_the_whole() -> None:
    x = torch.randn(2, 6, 4)
    for backbone in (GRU(4), CausalMean(4)):
        outputs, _ = advance_in_chunks(backbone, x)
        torch.testing.assert_close(outputs, backbone(x, torch.tensor([6, 6])))


def test_the_state_of_a_backbone_without_unroll_is_all_inputs_so_far() -> None:
    x = torch.randn(2, 6, 4)
    _, state = advance_in_chunks(CausalMean(4), x)
    assert isinstance(state, torch.Tensor)
    assert torch.equal(state, x)


def test_the_state_of_a_backbone_with_unroll_is_its_own() -> None:
    x = torch.randn(2, 6, 4)
    _, state = advance_in_chunks(GRU(4), x)
    assert isinstance(state, torch.Tensor)
    assert state.shape == (2, 1, 4)


def test_all_inputs_so_far_are_valid_for_a_backbone_without_unroll() -> None:
    class KeepsLengths(torch.nn.Module):
        lengths: torch.Tensor

        def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
            self.lengths = lengths
            return x

    backbone = KeepsLengths()
    advance_in_chunks(backbone, torch.randn(2, 6, 4))
    assert backbone.lengths.tolist() == [6, 6]


def test_recomputing_the_prefix_returns_the_outputs_of_the_next_steps_and_all_inputs() -> None:
    x, state, outputs = torch.randn(2, 6, 4), None, []
    backbone = CausalMean(4)
    for chunk in torch.split(x, [3, 1, 2], dim=1):
        y, state = recompute_prefix(backbone, chunk, state)
        outputs.append(y)
    torch.testing.assert_close(torch.cat(outputs, dim=1), backbone(x))
    assert isinstance(state, torch.Tensor)
    assert torch.equal(state, x)
