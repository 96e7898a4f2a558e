"""An encoder of two causal backbones: what its outputs depend on, and its padding."""

from __future__ import annotations

import pytest
import torch

from seqbench.architectures.minimal import MinLSTM
from seqbench.architectures.recurrent import GRU
from seqbench.models.bodies.both_directions import BothDirections, half_width, reversed_order
from seqbench.utils.errors import SeqbenchError
from tests.models.bodies.sequence_pairs import CausalMean

LENGTHS = torch.tensor([5, 2])


def build_encoder() -> BothDirections:
    torch.manual_seed(0)
    return BothDirections(8, MinLSTM(4), MinLSTM(4)).eval()


def test_each_output_depends_on_every_valid_step_and_on_no_padding() -> None:
    encoder, x = build_encoder(), torch.randn(2, 5, 8)
    outputs = encoder(x, LENGTHS)
    for row, step in ((0, 0), (0, 4), (1, 1)):
        changed = x.clone()
        changed[row, step] += 1
        moved = (encoder(changed, LENGTHS) - outputs).abs().amax(-1) > 1e-6
        assert moved[row, : LENGTHS[row]].all()
        assert not moved[1 - row].any()
    padded = x.clone()
    padded[1, 2:] = 7
    torch.testing.assert_close(encoder(padded, LENGTHS)[1, :2], outputs[1, :2])


def test_the_halves_are_the_outputs_of_the_forward_and_of_the_reversed_sequence() -> None:
    forwards, backwards = GRU(4), GRU(4)
    encoder, x = BothDirections(8, forwards, backwards), torch.randn(1, 3, 8)
    first, second = encoder.enter(x).chunk(2, dim=-1)
    expected = torch.cat([forwards(first), backwards(second.flip(1)).flip(1)], dim=-1)
    torch.testing.assert_close(encoder(x, torch.tensor([3])), expected)


def test_a_backbone_without_lengths_reads_both_directions_too() -> None:
    encoder = BothDirections(8, CausalMean(4), CausalMean(4))
    assert not encoder.causal
    assert encoder(torch.randn(2, 5, 8), LENGTHS).shape == (2, 5, 8)


def test_two_halves_have_at_most_the_parameters_of_a_whole() -> None:
    halves, whole = (sum(p.numel() for p in net.parameters()) for net in (BothDirections(8, GRU(4), GRU(4)), GRU(8)))
    assert halves < whole


def test_the_order_reverses_the_valid_steps_only() -> None:
    assert reversed_order(4, torch.tensor([4, 2])).tolist() == [[3, 2, 1, 0], [1, 0, 2, 3]]


def test_an_odd_width_has_no_half() -> None:
    assert half_width(6, "mamba") == 3
    with pytest.raises(SeqbenchError, match=r"'mamba' reads in both directions .* even, got 7; change --arch.d_model"):
        half_width(7, "mamba")
