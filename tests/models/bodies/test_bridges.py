"""Bridges: weights by hand and against PyTorch's own attention."""

from __future__ import annotations

import pytest
import torch

from seqbench.models.bodies.bridges import Additive, MultiHead, NoBridge, Vector, build_bridge
from seqbench.models.bodies.readout import Ends
from seqbench.protocol.choices import BRIDGES, DECODER_ONLY
from seqbench.utils.errors import SeqbenchError


def test_additive_weights_equal_the_formula() -> None:
    bridge = Additive(3)
    hidden, outputs = torch.randn(1, 2, 3), torch.randn(1, 4, 3)
    memory = bridge.remember(outputs, torch.tensor([3]))
    weights = bridge.weights(hidden, memory)
    for step in range(2):
        scores = [
            bridge.score(torch.tanh(bridge.query(hidden[0, step]) + bridge.key(outputs[0, place])))
            for place in range(3)
        ]
        torch.testing.assert_close(weights[0, step, :3], torch.softmax(torch.cat(scores), 0))
    assert not weights[..., 3].any()
    expected = torch.tanh(bridge.combine(torch.cat([hidden, weights @ outputs], -1)))
    torch.testing.assert_close(bridge.leave(hidden, memory), expected)


def test_multi_head_attention_equals_pytorchs() -> None:
    bridge = MultiHead(8, heads=2)
    hidden, outputs = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    valid = torch.tensor([[True] * 5, [True, True, False, False, False]])
    memory = bridge.remember(outputs, torch.tensor([5, 2]))
    reference = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        reference.in_proj_weight.copy_(torch.cat([m.weight for m in (bridge.query, bridge.key, bridge.value)]))
        reference.in_proj_bias.copy_(torch.cat([m.bias for m in (bridge.query, bridge.key, bridge.value)]))
        reference.out_proj.weight.copy_(torch.eye(8))
    expected, weights = reference(hidden, outputs, outputs, key_padding_mask=~valid)
    torch.testing.assert_close(bridge.context(hidden, memory), expected)
    torch.testing.assert_close(bridge.weights(hidden, memory), weights)


def test_the_vector_bridge_adds_the_projected_last_valid_output_to_every_input() -> None:
    bridge, outputs, lengths = Vector(4), torch.randn(2, 5, 4), torch.tensor([5, 2])
    memory = bridge.remember(outputs, lengths)
    last = torch.stack([outputs[0, 4], outputs[1, 1]])
    torch.testing.assert_close(memory["summary"][:, 0], bridge.project(last))
    x = torch.randn(2, 3, 4)
    torch.testing.assert_close(bridge.enter(x, memory), x + bridge.project(last)[:, None])
    assert torch.equal(bridge.leave(x, memory), x)
    assert bridge.weights(x, memory) is None


def test_an_encoder_that_looks_ahead_is_read_at_both_ends() -> None:
    bridge = build_bridge("vector", 4, causal=False)
    assert isinstance(bridge, Vector)
    assert isinstance(bridge.read, Ends)


def test_every_bridge_name_builds_a_bridge_except_the_one_without_an_encoder() -> None:
    for name in set(BRIDGES) - {DECODER_ONLY}:
        build_bridge(name, 4, heads=2)
    for name in (DECODER_ONLY, "vektor"):
        with pytest.raises(SeqbenchError, match=f"body.bridge '{name}' does not join an encoder"):
            build_bridge(name, 4)


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(SeqbenchError, match=r"heads must divide arch\.d_model \(8\), got 3"):
        build_bridge("multihead", 8, heads=3)


def test_no_bridge_keeps_the_outputs_of_the_encoder_and_changes_nothing() -> None:
    bridge, outputs, lengths, x = NoBridge(), torch.randn(2, 4, 3), torch.tensor([4, 2]), torch.randn(2, 5, 3)
    memory = bridge.remember(outputs, lengths)
    assert memory == {"outputs": outputs, "lengths": lengths}
    assert bridge.enter(x, memory) is x
    assert bridge.leave(x, memory) is x
    assert bridge.weights(x, memory) is None
