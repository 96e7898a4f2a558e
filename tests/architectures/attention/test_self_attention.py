from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqbench.architectures.attention import self_attention
from seqbench.architectures.attention.positions import LinearBiases, RotaryPositions, ScorePositions
from seqbench.architectures.attention.self_attention import CausalSelfAttention, SelfAttention

LENGTHS = torch.tensor([9, 4, 1])


def library_attention(mixer: Any, x: Tensor, mask: Tensor, padding: Tensor | None = None) -> Tensor:
    """Compute the attention by ``nn.MultiheadAttention``, with ``mask`` added to the scores of all rows and heads."""
    d_model = x.shape[2]
    library = nn.MultiheadAttention(d_model, mixer.heads, bias=False, batch_first=True).double()
    with torch.no_grad():
        library.in_proj_weight.copy_(mixer.inward.weight)
        library.out_proj.weight.copy_(mixer.outward.weight)
    y: Tensor = library(x, x, x, attn_mask=mask, key_padding_mask=padding, need_weights=False)[0]
    return y


def penalties(heads: int, time: int) -> Tensor:
    """Return the penalties of ALiBi by loops, ``(heads, time, time)``; heads is a power of two."""
    rows = [
        [[-abs(q - k) * 2 ** (-8 * (h + 1) / heads) for k in range(time)] for q in range(time)] for h in range(heads)
    ]
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize("window", [1, 3, 9, 100])
@pytest.mark.parametrize("block", [2, 512])
@pytest.mark.parametrize("alibi", [False, True])
def test_causal_attention_equals_the_library_with_an_explicit_mask(
    alibi: bool, block: int, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_attention, "BLOCK", block)
    positions = LinearBiases(4) if alibi else ScorePositions()
    mixer, x = CausalSelfAttention(8, 4, 0.0, positions, False, window).double(), torch.randn(3, 9, 8).double()
    back = torch.arange(9)[:, None] - torch.arange(9)
    mask = penalties(4, 9) if alibi else torch.zeros(4, 9, 9, dtype=torch.float64)
    mask = mask.masked_fill((back < 0) | (back >= window), -torch.inf).repeat(3, 1, 1)
    torch.testing.assert_close(mixer(x), library_attention(mixer, x, mask))


@pytest.mark.parametrize("alibi", [False, True])
def test_attention_to_both_sides_equals_the_library_and_ignores_padding(alibi: bool) -> None:
    positions = LinearBiases(4) if alibi else ScorePositions()
    mixer, x = SelfAttention(8, 4, 0.0, positions, False).double(), torch.randn(3, 9, 8).double()
    mask = (penalties(4, 9) if alibi else torch.zeros(4, 9, 9, dtype=torch.float64)).repeat(3, 1, 1)
    padding = torch.arange(9) >= LENGTHS[:, None]
    as_bias = torch.zeros(3, 9, dtype=torch.float64).masked_fill(padding, -torch.inf)
    torch.testing.assert_close(mixer(x), library_attention(mixer, x, mask))
    torch.testing.assert_close(mixer(x, LENGTHS), library_attention(mixer, x, mask, as_bias))


@pytest.mark.parametrize(
    "positions", [ScorePositions(), RotaryPositions(), LinearBiases(2)], ids=lambda p: type(p).__name__
)
def test_normalized_queries_and_keys_do_not_depend_on_the_size_of_their_maps(positions: ScorePositions) -> None:
    mixer: Any = CausalSelfAttention(8, 2, 0.0, positions, True, 100).double()
    x = torch.randn(2, 9, 8).double()
    before = mixer(x)
    with torch.no_grad():
        mixer.inward.weight[:16] *= 1000
    torch.testing.assert_close(mixer(x), before, atol=1e-4, rtol=1e-4)
    with torch.no_grad():
        mixer.query_norm.weight *= 2
    assert not torch.allclose(mixer(x), before, atol=1e-3)


def test_normalized_attention_equals_its_formula() -> None:
    mixer: Any = SelfAttention(6, 2, 0.0, ScorePositions(), True).double()
    x = torch.randn(1, 5, 6).double()
    with torch.no_grad():
        mixer.query_norm.weight.copy_(torch.tensor([1.0, 2.0, 3.0]))
        mixer.key_norm.weight.copy_(torch.tensor([0.5, -1.0, 1.0]))
    q, k, v = ((x[0] @ weight.T).unflatten(1, (2, 3)) for weight in mixer.inward.weight.chunk(3))
    rows = []
    for t in range(5):
        heads = []
        for h in range(2):
            query = q[t, h] / (q[t, h].square().mean() + 1e-6).sqrt() * mixer.query_norm.weight
            keys = [k[s, h] / (k[s, h].square().mean() + 1e-6).sqrt() * mixer.key_norm.weight for s in range(5)]
            weights = torch.stack([(query @ key) / 3**0.5 for key in keys]).softmax(0)
            heads.append(sum(weight * v[s, h] for s, weight in enumerate(weights)))
        rows.append(torch.cat([torch.as_tensor(head) for head in heads]))
    torch.testing.assert_close(mixer(x)[0], torch.stack(rows) @ mixer.outward.weight.T)


@pytest.mark.parametrize("window", [1, 4, 100])
@pytest.mark.parametrize(
    "positions", [ScorePositions(), RotaryPositions(), LinearBiases(3)], ids=lambda p: type(p).__name__
)
def test_chunks_with_a_cache_equal_the_whole(positions: ScorePositions, window: int) -> None:
    mixer, x = CausalSelfAttention(7, 3, 0.0, positions, True, window).double(), torch.randn(2, 20, 7).double()
    for sizes in ([1] * 20, [3, 1, 7, 9], [19, 1]):
        state, outputs = None, []
        for chunk in x.split(sizes, dim=1):
            y, state = mixer.unroll(chunk, state)
            outputs.append(y)
        torch.testing.assert_close(torch.cat(outputs, 1), mixer(x))
        assert state is not None
        assert state[0].shape == (2, 3, min(20, window - 1), 3)


@pytest.mark.parametrize("cls", [SelfAttention, CausalSelfAttention])
def test_dropout_of_attention_weights_acts_in_training_only(cls: Any) -> None:
    more = (100,) if cls is CausalSelfAttention else ()
    mixer, x = cls(8, 4, 0.3, LinearBiases(4), False, *more), torch.randn(1, 6, 8)
    with torch.no_grad():
        many = mixer(x.expand(20_000, -1, -1))
        torch.testing.assert_close(many.mean(0), mixer.eval()(x)[0], atol=0.02, rtol=0)
        assert many.std(0)[1:].min() > 0.001
