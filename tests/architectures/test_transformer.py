from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import gelu, rms_norm, scaled_dot_product_attention

from seqbench.architectures import transformer
from seqbench.architectures.transformer import BiTransformer, Transformer, rotate
from seqbench.testing.architecture_kit import check_architecture

LENGTHS = torch.tensor([9, 4, 1, 9])


def rotate_by_complex_numbers(x: Tensor) -> Tensor:
    """Multiply pair c at step t by e^{i t 10000^{-2c/width}}."""
    half = x.shape[-1] // 2
    pairs = torch.complex(x[..., :half], x[..., half : 2 * half])
    speeds = torch.tensor([10_000.0 ** (-2 * c / (2 * half)) for c in range(half)], dtype=torch.float64)
    angles = torch.arange(x.shape[2], dtype=torch.float64)[:, None] * speeds
    pairs = pairs * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([pairs.real, pairs.imag, x[..., 2 * half :]], -1)


def reference(net: Any, x: Tensor, allowed: Tensor) -> Tensor:
    """Compute a transformer in double precision; ``allowed`` is its mask, ``(batch or 1, time, time)``."""
    stack, x = net.double(), x.double()
    width = x.shape[2]
    for norm, mixer, mlp in zip(stack.norms, stack.mixers, stack.mlps, strict=True):
        inward = rms_norm(x, (width,), norm.weight, 1e-6) @ mixer.inward.weight.T
        q, k, v = (part.unflatten(-1, (mixer.heads, -1)).transpose(1, 2) for part in inward.chunk(3, dim=-1))
        read = scaled_dot_product_attention(
            rotate_by_complex_numbers(q), rotate_by_complex_numbers(k), v, allowed[:, None]
        )
        x = x + read.transpose(1, 2).flatten(2) @ mixer.outward.weight.T
        wide = gelu(rms_norm(x, (width,), mlp[0].weight, 1e-6) @ mlp[1].weight.T + mlp[1].bias)
        x = x + wide @ mlp[3].weight.T + mlp[3].bias
    return rms_norm(x, (width,), stack.last.weight, 1e-6)


def band(time: int, window: int) -> Tensor:
    """Return the mask of a causal attention to ``window`` steps, ``(1, time, time)``."""
    back = torch.arange(time)[:, None] - torch.arange(time)
    return ((back >= 0) & (back < window))[None]


@pytest.mark.parametrize(("time", "window"), [(1, 1), (9, 4096), (9, 9), (9, 8), (9, 3), (9, 1), (40, 7)])
@pytest.mark.parametrize("d_model", [7, 12])
def test_the_causal_transformer_equals_the_formula_in_its_window(
    d_model: int, time: int, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformer, "BLOCK", 8)
    net, x = Transformer(d_model, heads=3, max_context=window), torch.randn(2, time, d_model)
    y = net(x)
    torch.testing.assert_close(y, reference(net, x, band(time, window)).float(), atol=1e-5, rtol=1e-5)


def test_the_bidirectional_transformer_ignores_padding_and_equals_the_formula() -> None:
    net, x = BiTransformer(10), torch.randn(4, 9, 10)
    valid = torch.arange(9) < LENGTHS[:, None]
    y, unmasked = net(x, LENGTHS), net(x)
    expected = reference(net, x, valid[:, None].expand(4, 9, 9)).float()
    torch.testing.assert_close(y, expected, atol=1e-5, rtol=1e-5)
    everything = torch.ones(1, 9, 9, dtype=torch.bool)
    torch.testing.assert_close(unmasked, reference(net, x, everything).float(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("window", [1, 37, 4096])
@pytest.mark.parametrize("sizes", [[531], [1] * 531, [200, 1, 65, 265], [36, 37, 38, 420]], ids=len)
def test_unroll_in_chunks_equals_forward(sizes: list[int], window: int) -> None:
    net, x = Transformer(12, max_context=window), torch.randn(2, 531, 12)
    state, outputs = None, []
    with torch.no_grad():
        for chunk in x.split(sizes, dim=1):
            y, state = net.unroll(chunk, state)
            outputs.append(y)
        torch.testing.assert_close(torch.cat(outputs, 1), net(x), atol=1e-5, rtol=0)
    assert state is not None
    for keys, values, count in state:
        assert keys.shape == values.shape == (2, 4, min(531, window - 1), 3)
        assert count.tolist() == [[531], [531]]
        assert keys.untyped_storage().nbytes() == keys.numel() * 4


def test_products_of_rotated_queries_and_keys_depend_on_distance_alone() -> None:
    q, k = torch.randn(2, 1, 1, 1, 7, dtype=torch.float64)
    at = [torch.tensor([[t]]) for t in (0, 5, 1000, 1005, 100_000, 100_005)]
    scores = [(rotate(q, late) * rotate(k, early)).sum() for early, late in zip(at[::2], at[1::2], strict=True)]
    torch.testing.assert_close(scores, scores[:1] * 3)
    assert not torch.isclose((rotate(q, at[1]) * rotate(k, at[1])).sum(), scores[0])
    torch.testing.assert_close(rotate(q, at[3]).norm(), q.norm())
    assert torch.equal(rotate(q, at[3])[..., -1], q[..., -1])
    assert torch.equal(rotate(q[..., :1], at[3]), q[..., :1])


def test_distant_steps_have_different_angles_in_half_precision() -> None:
    x = torch.ones(1, 1, 2, 8, dtype=torch.bfloat16)
    y = rotate(x, torch.tensor([[3000, 3001]]))
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), rotate(x.float(), torch.tensor([[3000, 3001]])), atol=1e-2, rtol=0)
    assert (y[:, :, 0, 0] - y[:, :, 1, 0]).abs() > 0.1


def test_dropout_of_attention_weights_acts_in_training_only() -> None:
    for cls in (Transformer, BiTransformer):
        mixer = cls(8, dropout=0.3).mixers[0]
        x = torch.randn(1, 6, 8)
        with torch.no_grad():
            many = mixer(x.expand(20_000, -1, -1))
            torch.testing.assert_close(many.mean(0), mixer.eval()(x)[0], atol=0.02, rtol=0)
            assert many.std(0).min() > 0.01 if not cls.causal else many.std(0)[1:].min() > 0.01


def test_later_steps_and_those_out_of_the_window_have_no_gradient() -> None:
    x = torch.randn(2, 12, 8, requires_grad=True)
    (gradient,) = torch.autograd.grad(Transformer(8, max_context=3)(x)[:, 8].sum(), x)
    assert (gradient.abs().amax((0, 2)) > 0).tolist() == [False] * 4 + [True] * 5 + [False] * 3


@pytest.mark.parametrize(
    ("cls", "options"),
    [(Transformer, {"max_context": 5, "heads": 3, "dropout": 0.1}), (BiTransformer, {"heads": 3, "dropout": 0.1})],
)
def test_it_passes_the_conformance_kit(cls: Any, options: dict[str, Any]) -> None:
    check_architecture(cls, d_model=7, options=options)


def test_the_number_of_parameters_equals_its_formula() -> None:
    for cls in (Transformer, BiTransformer):
        for d, inner in ((12, 12), (13, 16), (3, 4)):
            mlp = 8 * d * d + 5 * d
            count = sum(p.numel() for p in cls(d, num_layers=3, heads=4).parameters())
            assert count == 3 * (4 * d * inner + mlp + 2 * d) + d


@pytest.mark.parametrize(
    "options",
    [{"d_model": 0}, {"num_layers": 0}, {"heads": 0}, {"max_context": 0}, {"dropout": 1.0}],
    ids=lambda options: next(iter(options)),
)
def test_values_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Transformer(**{"d_model": 4, **options})
    if "max_context" not in options:
        with pytest.raises(ValueError, match=next(iter(options))):
            BiTransformer(**{"d_model": 4, **options})
