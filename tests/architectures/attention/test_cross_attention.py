"""Cross-attention in every layer: its equations, what it depends on, and decoding with a cached memory."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from seqbench.architectures.attention.cross_attention import CrossAttention
from seqbench.architectures.transformer import Transformer

MEMORY_LENGTHS = torch.tensor([4, 2])


def build_decoder(dropout: float = 0.0, init: str = "depth-scaled") -> Transformer:
    torch.manual_seed(0)
    decoder = Transformer(8, num_layers=2, dropout=dropout, heads=2, init=init)
    decoder.add_cross_attention()
    return decoder.eval()


def random_inputs() -> tuple[Tensor, Tensor]:
    """Return inputs ``(2, 5, 8)`` and a memory ``(2, 4, 8)``."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 5, 8, generator=generator), torch.randn(2, 4, 8, generator=generator)


def test_it_equals_the_multi_head_attention_of_torch() -> None:
    ours, theirs = CrossAttention(8, heads=2), nn.MultiheadAttention(8, 2, bias=False, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key_value.weight]))
        theirs.out_proj.weight.copy_(ours.outward.weight)
    x, memory = random_inputs()
    padding = torch.arange(4) >= MEMORY_LENGTHS[:, None]
    expected, _ = theirs(x, memory, memory, key_padding_mask=padding)
    torch.testing.assert_close(ours(x, ours.project(memory, MEMORY_LENGTHS)), expected)


def test_a_layer_equals_the_decoder_layer_of_torch_with_the_same_weights_for_one_target_step() -> None:
    """At one step the self-attention reads only itself, so that rotations change nothing."""
    decoder = Transformer(8, num_layers=1, heads=2)
    decoder.add_cross_attention()
    theirs = nn.TransformerDecoderLayer(8, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True)
    port_layer(decoder, theirs)
    x, memory = random_inputs()
    x = x[:, :1]
    padding = torch.arange(4) >= MEMORY_LENGTHS[:, None]
    expected = decoder.last(theirs(x, memory, memory_key_padding_mask=padding))
    torch.testing.assert_close(decoder(x, None, memory, MEMORY_LENGTHS), expected)


def port_layer(decoder: Transformer, theirs: nn.TransformerDecoderLayer) -> None:
    """Copy the weights of a decoder's only layer; LayerNorm is replaced by the RMSNorm of the decoder."""
    own, mlp = decoder.mixers[0], decoder.mlps[0]
    assert isinstance(mlp, nn.Sequential)
    cross = decoder.cross_attentions[0]
    theirs.norm1, theirs.norm2, theirs.norm3 = (  # type: ignore[assignment]  # Another class of norms.
        copy.deepcopy(norm) for norm in (decoder.norms[0], decoder.cross_norms[0], mlp[0])
    )
    pairs = [
        (theirs.self_attn.in_proj_weight, own.get_parameter("inward.weight")),
        (theirs.self_attn.out_proj.weight, own.get_parameter("outward.weight")),
        (
            theirs.multihead_attn.in_proj_weight,
            torch.cat([cross.get_parameter("query.weight"), cross.get_parameter("key_value.weight")]),
        ),
        (theirs.multihead_attn.out_proj.weight, cross.get_parameter("outward.weight")),
        *zip(theirs.linear1.parameters(), mlp[1].parameters(), strict=True),
        *zip(theirs.linear2.parameters(), mlp[3].parameters(), strict=True),
    ]
    with torch.no_grad():
        for target, source in pairs:
            target.copy_(source)
        for attention in (theirs.self_attn, theirs.multihead_attn):
            attention.in_proj_bias.zero_()
            attention.out_proj.bias.zero_()


def test_outputs_depend_on_every_valid_step_of_the_memory_and_on_no_padding() -> None:
    decoder, (x, memory) = build_decoder(), random_inputs()
    outputs = decoder(x, None, memory, MEMORY_LENGTHS)
    for step in range(4):
        changed = memory.clone()
        changed[:, step] += 1
        moved = (decoder(x, None, changed, MEMORY_LENGTHS) - outputs).abs().amax(-1) > 1e-7
        assert moved[0].all()
        assert moved[1].all() == moved[1].any() == (step < 2)


def test_an_output_depends_on_no_later_input() -> None:
    decoder, (x, memory) = build_decoder(), random_inputs()
    changed = x.clone()
    changed[:, 3] += 1
    before, after = (decoder(inputs, None, memory, MEMORY_LENGTHS) for inputs in (x, changed))
    torch.testing.assert_close(after[:, :3], before[:, :3])
    assert not torch.allclose(after[:, 3:], before[:, 3:])


def test_steps_with_a_cached_memory_equal_the_whole_sequence() -> None:
    decoder, (x, memory) = build_decoder(), random_inputs()
    whole = decoder(x, None, memory, MEMORY_LENGTHS)
    state = None
    for step in range(5):
        y, state = decoder.unroll(x[:, step : step + 1], state, memory, MEMORY_LENGTHS)
        torch.testing.assert_close(y[:, 0], whole[:, step])


def test_the_memory_is_projected_once_and_kept_in_the_state() -> None:
    decoder, (x, memory) = build_decoder(), random_inputs()
    _, state = decoder.unroll(x[:, :1], None, memory, MEMORY_LENGTHS)
    assert len(state) == 2 * len(decoder.mixers)
    assert all(leaf.shape[0] == 2 for layer in state for leaf in layer)
    again, _ = decoder.unroll(x[:, 1:2], state, memory, MEMORY_LENGTHS)
    other, _ = decoder.unroll(x[:, 1:2], state, torch.zeros_like(memory), MEMORY_LENGTHS)
    assert torch.equal(again, other)


def test_without_a_memory_the_stack_is_the_decoder_only_one() -> None:
    x, _ = random_inputs()
    torch.manual_seed(0)
    plain = Transformer(8, num_layers=2, heads=2, init="pytorch").eval()
    assert torch.equal(plain(x), build_decoder(init="pytorch")(x))
    assert not any("cross" in name for name, _ in plain.named_parameters())


def test_a_memory_needs_cross_attention_and_it_is_added_once() -> None:
    x, memory = random_inputs()
    with pytest.raises(RuntimeError, match="has no cross-attention"):
        Transformer(8)(x, None, memory, MEMORY_LENGTHS)
    with pytest.raises(RuntimeError, match="has cross-attention already"):
        build_decoder().add_cross_attention()


def test_dropout_acts_on_the_weights_of_cross_attention_in_training_only() -> None:
    decoder, (x, memory) = build_decoder(dropout=0.5), random_inputs()
    layer = decoder.cross_attentions[0]
    assert isinstance(layer, CrossAttention)
    projected = layer.project(memory)
    assert torch.equal(layer(x, projected), layer(x, projected))
    layer.train()
    assert not torch.equal(layer(x, projected), layer(x, projected))


def test_depth_scaled_weights_count_cross_attention_as_a_branch() -> None:
    torch.manual_seed(0)
    decoder = Transformer(48, num_layers=2)
    decoder.add_cross_attention()
    expected = (3 * 48) ** -0.5 * 6**-0.5
    for branch in (*decoder.mixers, *decoder.cross_attentions):
        assert branch.get_parameter("outward.weight").std().item() == pytest.approx(expected, rel=0.05)
