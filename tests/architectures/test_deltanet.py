from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import silu, softplus

from seqbench.architectures.deltanet import GatedDeltaNet
from seqbench.testing.architecture_kit import check_architecture


def reference(mixer: Any, x: Tensor) -> Tensor:
    """Return the output of one mixer in double precision, head by head and step by step."""
    mixer, x = mixer.double(), x.double()
    heads, inward = mixer.heads, x @ mixer.inward.weight.T
    filters, bias = mixer.convolution.filter.weight[:, 0], mixer.convolution.filter.bias
    inner = inward.shape[2] // 3
    width = inner // heads
    reads = torch.zeros(*x.shape[:2], inner, dtype=x.dtype)
    for b in range(len(x)):
        memories = [torch.zeros(width, width, dtype=x.dtype) for _ in range(heads)]
        for t in range(x.shape[1]):
            mixed = bias + sum(filters[:, 3 - back] * inward[b, t - back] for back in range(min(4, t + 1)))
            rates = mixer.rates.weight @ x[b, t]
            for h in range(heads):
                q, k, v = (silu(part[h * width : (h + 1) * width]) for part in mixed.split(inner))
                q, k = q / (q @ q + 1e-6).sqrt(), k / (k @ k + 1e-6).sqrt()
                beta = mixer.reach * torch.sigmoid(rates[h])
                alpha = torch.exp(-mixer.log_a[h].exp() * softplus(rates[heads + h] + mixer.step_bias[h]))
                kept = alpha * (torch.eye(width, dtype=x.dtype) - beta * torch.outer(k, k))
                memories[h] = memories[h] @ kept + beta * torch.outer(v, k)
                o = memories[h] @ q
                o = mixer.norm.weight * o / (o.square().mean() + 1e-5).sqrt()
                reads[b, t, h * width : (h + 1) * width] = o
    return (reads * silu(x @ mixer.gate.weight.T)) @ mixer.outward.weight.T


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize(("d_model", "heads", "time"), [(8, 2, 1), (14, 3, 5), (12, 2, 70)])
def test_it_equals_the_formula(d_model: int, heads: int, time: int, negative: bool) -> None:
    mixer: Any = GatedDeltaNet(d_model, 1, heads=heads, negative=negative).mixers[0]
    x = torch.randn(2, time, d_model)
    y = mixer(x)
    torch.testing.assert_close(y, reference(mixer, x).float(), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("sizes", [[531], [1] * 531, [200, 1, 65, 265]], ids=len)
def test_unroll_in_chunks_equals_forward(sizes: list[int], negative: bool) -> None:
    torch.manual_seed(0)
    net, x = GatedDeltaNet(31, negative=negative), torch.randn(2, 531, 31)
    state, outputs = None, []
    with torch.no_grad():
        for chunk in x.split(sizes, dim=1):
            y, state = net.unroll(chunk, state)
            outputs.append(y)
        torch.testing.assert_close(torch.cat(outputs, 1), net(x), atol=1e-5, rtol=0)
    assert state is not None
    assert [[tuple(leaf.shape) for leaf in layer] for layer in state] == [[(2, 3, 96), (2, 4, 8, 8)]] * 2


def test_initial_memories_last_one_to_a_thousand_steps() -> None:
    mixer: Any = GatedDeltaNet(400, heads=200).mixers[0]
    rate = mixer.log_a.exp() * softplus(mixer.step_bias)
    assert 0.001 <= rate.min() < 0.01
    assert 0.3 < rate.max() <= 1.6


@pytest.mark.parametrize(("negative", "after"), [(False, [0.0, 0.0, 0.0]), (True, [-1.0, 1.0, -1.0])])
def test_only_beta_above_one_makes_a_memory_alternate(negative: bool, after: list[float]) -> None:
    """With the largest beta, no decay and v = 0, the memory changes its sign at each step, as parity needs it."""
    mixer: Any = GatedDeltaNet(8, 1, heads=2, negative=negative).mixers[0]
    with torch.no_grad():
        mixer.convolution.filter.weight.zero_()
        mixer.convolution.filter.bias[16:] = 0.0
        mixer.rates.weight[:2] = 10.0
        mixer.log_a.fill_(-20.0)
        key = silu(mixer.convolution.filter.bias[8:16]).unflatten(0, (2, 4))
        key = (key / key.norm(dim=-1, keepdim=True))[None, ..., None]
        state, memories = (torch.zeros(1, 3, 24), key * torch.ones(4)), []
        for _ in after:
            _, state = mixer.unroll(torch.ones(1, 1, 8), state)
            memories.append(state[1])
    for memory, sign in zip(memories, after, strict=True):
        torch.testing.assert_close(memory, sign * key * torch.ones(4), atol=1e-3, rtol=1e-3)


def test_decay_parameters_have_no_weight_decay() -> None:
    net = GatedDeltaNet(8, num_layers=3)
    (group,) = net.parameter_groups()
    assert group["weight_decay"] == 0.0
    names = {name for name, p in net.named_parameters() if any(p is own for own in group["params"])}
    assert names == {f"mixers.{layer}.{name}" for layer in range(3) for name in ("log_a", "step_bias")}


@pytest.mark.parametrize("negative", [False, True])
def test_it_passes_the_conformance_kit(negative: bool) -> None:
    check_architecture(GatedDeltaNet, d_model=11, options={"heads": 3, "dropout": 0.1, "negative": negative})


def test_the_number_of_parameters_equals_its_formula() -> None:
    for d, width in ((12, 3), (13, 4), (3, 1)):
        inner = 4 * width
        mixer = 5 * d * inner + 3 * inner * 5 + 2 * 4 * d + width + 2 * 4
        count = sum(p.numel() for p in GatedDeltaNet(d, num_layers=3, heads=4).parameters())
        assert count == 3 * (mixer + 8 * d * d + 5 * d + 2 * d) + d


@pytest.mark.parametrize(
    "options",
    [{"d_model": 0}, {"num_layers": 0}, {"heads": 0}, {"dropout": 1.0}],
    ids=lambda options: next(iter(options)),
)
def test_values_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        GatedDeltaNet(**{"d_model": 4, **options})
