from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, rms_norm

from seqbench.architectures.attention import self_attention
from seqbench.architectures.attention.positions import KINDS, SinusoidalPositions
from seqbench.architectures.transformer import BiTransformer, Transformer
from seqbench.testing.architecture_kit import check_architecture

LENGTHS = torch.tensor([9, 4, 1, 9])
VARIANTS: list[dict[str, Any]] = [{"positions": kind} for kind in KINDS]
VARIANTS += [{"mlp": "swiglu"}, {"qk_norm": True}, {"mlp": "swiglu", "qk_norm": True, "positions": "alibi"}]


def name_variant(options: Any) -> str:
    return ",".join(str(value) for value in options.values()) if isinstance(options, dict) else str(options)


def rotate_by_complex_numbers(x: Tensor) -> Tensor:
    """Multiply pair c at step t by e^{i t 10000^{-2c/width}}."""
    half = x.shape[-1] // 2
    pairs = torch.complex(x[..., :half], x[..., half : 2 * half])
    speeds = torch.tensor([10_000.0 ** (-2 * c / (2 * half)) for c in range(half)], dtype=torch.float64)
    angles = torch.arange(x.shape[2], dtype=torch.float64)[:, None] * speeds
    pairs = pairs * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([pairs.real, pairs.imag, x[..., 2 * half :]], -1)


def position_vectors(net: Any, time: int, width: int) -> Tensor:
    """Return what each kind of positions adds to the input, ``(time, width)``."""
    if hasattr(net.positions, "table"):
        return net.positions.table.weight[:time]
    if isinstance(net.positions, SinusoidalPositions):
        even, odd = range(0, width, 2), range(1, width, 2)
        rows = [
            [math.sin(t / 10_000 ** (c / width)) for c in even]
            + [math.cos(t / 10_000 ** ((c - 1) / width)) for c in odd]
            for t in range(time)
        ]
        return torch.tensor(rows, dtype=torch.float64)
    return torch.zeros(time, width, dtype=torch.float64)


def biases(heads: int, time: int) -> Tensor:
    """Return the penalties of ALiBi for three heads, ``(heads, time, time)``, by the published slopes."""
    slopes = {3: (2**-4, 2**-8, 2**-2), 4: (2**-2, 2**-4, 2**-6, 2**-8)}[heads]
    distance = (torch.arange(time)[:, None] - torch.arange(time)).abs()
    return torch.stack([-slope * distance.double() for slope in slopes])


def reference(net: Any, x: Tensor, allowed: Tensor, kind: str = "rotary") -> Tensor:
    """Compute a transformer in double precision; ``allowed`` is its mask, ``(batch or 1, time, time)``."""
    stack, x = net.double(), x.double()
    time, width = x.shape[1:]
    x = x + position_vectors(net, time, width)
    for norm, mixer, mlp in zip(stack.norms, stack.mixers, stack.mlps, strict=True):
        inward = rms_norm(x, (width,), norm.weight, 1e-6) @ mixer.inward.weight.T
        q, k, v = (part.unflatten(-1, (mixer.heads, -1)).transpose(1, 2) for part in inward.chunk(3, dim=-1))
        if isinstance(mixer.query_norm, nn.RMSNorm):
            q = q / (q.square().mean(-1, keepdim=True) + 1e-6).sqrt() * mixer.query_norm.weight
            k = k / (k.square().mean(-1, keepdim=True) + 1e-6).sqrt() * mixer.key_norm.weight
        if kind == "rotary":
            q, k = rotate_by_complex_numbers(q), rotate_by_complex_numbers(k)
        scores = torch.einsum("bhqc,bhkc->bhqk", q, k) / q.shape[-1] ** 0.5
        if kind == "alibi":
            scores = scores + biases(mixer.heads, time)
        read = scores.masked_fill(~allowed[:, None], -torch.inf).softmax(-1) @ v
        x = x + read.transpose(1, 2).flatten(2) @ mixer.outward.weight.T
        if not hasattr(mlp, "inward"):
            wide = gelu(rms_norm(x, (width,), mlp[0].weight, 1e-6) @ mlp[1].weight.T + mlp[1].bias)
            x = x + wide @ mlp[3].weight.T + mlp[3].bias
        else:
            gate, value = (rms_norm(x, (width,), mlp.norm.weight, 1e-6) @ mlp.inward.weight.T).chunk(2, dim=-1)
            x = x + (gate * gate.sigmoid() * value) @ mlp.outward.weight.T
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
    monkeypatch.setattr(self_attention, "BLOCK", 8)
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


@pytest.mark.parametrize("window", [3, 100])
@pytest.mark.parametrize("options", VARIANTS, ids=name_variant)
def test_each_variant_of_the_causal_transformer_equals_the_formula(options: dict[str, Any], window: int) -> None:
    net, x = Transformer(9, heads=3, max_context=window, **options).double(), torch.randn(2, 20, 9).double()
    expected = reference(net, x, band(20, window), options.get("positions", "rotary"))
    torch.testing.assert_close(net(x), expected)


@pytest.mark.parametrize("options", VARIANTS, ids=name_variant)
def test_each_variant_of_the_bidirectional_transformer_equals_the_formula(options: dict[str, Any]) -> None:
    net, x = BiTransformer(9, heads=3, **options).double(), torch.randn(4, 9, 9).double()
    valid = (torch.arange(9) < LENGTHS[:, None])[:, None].expand(4, 9, 9)
    kind = options.get("positions", "rotary")
    torch.testing.assert_close(net(x, LENGTHS), reference(net, x, valid, kind))
    torch.testing.assert_close(net(x), reference(net, x, torch.ones_like(valid), kind))


@pytest.mark.parametrize("window", [1, 7, 4096])
@pytest.mark.parametrize("options", VARIANTS, ids=name_variant)
def test_each_variant_gives_the_same_outputs_in_chunks(options: dict[str, Any], window: int) -> None:
    net, x = Transformer(8, heads=3, max_context=window, **options).double(), torch.randn(2, 40, 8).double()
    for sizes in ([1] * 40, [6, 7, 8, 19], [39, 1]):
        state, outputs = None, []
        for chunk in x.split(sizes, dim=1):
            y, state = net.unroll(chunk, state)
            outputs.append(y)
        torch.testing.assert_close(torch.cat(outputs, 1), net(x))


def test_a_stream_longer_than_the_learned_positions_is_refused() -> None:
    net, x = Transformer(8, positions="learned", max_time=6), torch.randn(2, 4, 8)
    _, state = net.unroll(x)
    net.unroll(x[:, :2], state)
    with pytest.raises(ValueError, match=r"at most 6 steps, .* got 7; choose a larger max_time"):
        net.unroll(x[:, :3], state)
    for cls in (Transformer, BiTransformer):
        with pytest.raises(ValueError, match=r"at most 6 steps, .* got 7"):
            cls(8, positions="learned", max_time=6)(torch.randn(1, 7, 8))


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_are_finite_far_beyond_any_training_length(kind: str) -> None:
    for cls in (Transformer, BiTransformer):
        assert cls(8, num_layers=1, positions=kind, max_time=1500)(torch.randn(1, 1500, 8)).isfinite().all()


def test_without_positions_both_sides_are_a_set() -> None:
    x, order = torch.randn(1, 7, 8), torch.randperm(7)
    for kind in KINDS:
        net = BiTransformer(8, positions=kind)
        same = torch.allclose(net(x[:, order]), net(x)[:, order], atol=1e-5)
        assert same == (kind == "none")


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


def test_later_steps_and_those_out_of_the_window_have_no_gradient() -> None:
    x = torch.randn(2, 12, 8, requires_grad=True)
    (gradient,) = torch.autograd.grad(Transformer(8, max_context=3)(x)[:, 8].sum(), x)
    assert (gradient.abs().amax((0, 2)) > 0).tolist() == [False] * 4 + [True] * 5 + [False] * 3


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (Transformer, {"max_context": 5, "heads": 3, "dropout": 0.1}),
        (BiTransformer, {"heads": 3, "dropout": 0.1}),
        *((Transformer, {"num_layers": 1, **options}) for options in VARIANTS[1:]),
        *((BiTransformer, {"num_layers": 1, **options}) for options in VARIANTS[1:]),
    ],
    ids=name_variant,
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
    [
        {"d_model": 0},
        {"num_layers": 0},
        {"heads": 0},
        {"max_context": 0},
        {"dropout": 1.0},
        {"max_time": 0},
        {"positions": "rope"},
        {"mlp": "relu"},
        {"init": "gpt2"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_values_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Transformer(**{"d_model": 4, **options})
    if "max_context" not in options:
        with pytest.raises(ValueError, match=next(iter(options))):
            BiTransformer(**{"d_model": 4, **options})
