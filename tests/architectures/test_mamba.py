from __future__ import annotations

import math
from typing import Any
from unittest import mock

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from seqbench.architectures import mamba
from seqbench.architectures.mamba import Mamba


@pytest.fixture
def backbone() -> Any:
    torch.manual_seed(0)
    return Mamba(6, state_size=3)


def reference(net: Any, x: Tensor) -> Tensor:
    """The paper's equations for a network of one layer, step by step."""
    mixer = net.mixers[0]
    normed = x / x.square().mean(-1, keepdim=True).add(1e-6).sqrt()
    u, z = (normed @ mixer.enter.weight.T).chunk(2, -1)
    filters, bias = mixer.convolution.filter.parameters()
    padded = F.pad(u, (0, 0, 3, 0))
    rank, size = mixer.step.weight.shape[1], mixer.log_a.shape[1]
    h, outputs = x.new_zeros(len(x), *mixer.log_a.shape), []
    for t in range(x.shape[1]):
        v = F.silu(sum((filters[:, 0, tap] * padded[:, t + tap] for tap in range(4)), bias))
        low, b, c = (v @ mixer.select.weight.T).split([rank, size, size], -1)
        delta = torch.log1p(torch.exp(low @ mixer.step.weight.T + mixer.step_bias))
        a = -torch.exp(mixer.log_a)
        h = torch.exp(delta[..., None] * a) * h + torch.einsum("bd,bn,bd->bdn", delta, b, v)
        y = torch.einsum("bdn,bn->bd", h, c) + mixer.skip * v
        outputs.append(y * F.silu(z[:, t]) @ mixer.out.weight.T)
    y = x + torch.stack(outputs, 1)
    return y / y.square().mean(-1, keepdim=True).add(1e-6).sqrt()


@pytest.mark.parametrize("d_model", [1, 6, 17])
def test_it_equals_the_formula(d_model: int) -> None:
    net: Any = Mamba(d_model, num_layers=1, state_size=3).double()
    torch.nn.init.normal_(net.mixers[0].skip)
    x = torch.randn(2, 9, d_model, dtype=torch.float64)
    torch.testing.assert_close(net(x), reference(net, x))


def test_the_size_of_inner_chunks_does_not_matter(backbone: Any) -> None:
    x = torch.randn(2, 150, 6)
    whole = backbone(x)
    for chunk in (1, 7, 150):
        with mock.patch.object(mamba, "_CHUNK", chunk):
            torch.testing.assert_close(backbone(x), whole, atol=1e-6, rtol=0)


def test_no_tensor_holds_all_states_of_a_long_sequence(backbone: Any) -> None:
    sizes = []
    scan = mamba.linear_scan

    def watched_scan(a: Tensor, b: Tensor, h0: Tensor | None) -> Tensor:
        sizes.append(a.shape[1])
        return scan(a, b, h0)

    with mock.patch.object(mamba, "linear_scan", watched_scan), torch.no_grad():
        backbone(torch.randn(1, 200, 6))
    assert sizes == [64, 64, 64, 8] * 2


def test_unroll_in_chunks_equals_forward(backbone: Any) -> None:
    x = torch.randn(3, 70, 6)
    for sizes in ([30, 40], [1] * 70, [70], [66, 1, 3]):
        state, outputs = None, []
        for chunk in x.split(sizes, dim=1):
            y, state = backbone.unroll(chunk, state)
            outputs.append(y)
        torch.testing.assert_close(torch.cat(outputs, 1), backbone(x), atol=2e-6, rtol=0)
        assert [tuple(leaf.shape) for leaf in tree_leaves(state)] == [(3, 3, 12), (3, 12, 3)] * 2


def test_states_are_batch_first_and_not_changed_in_place(backbone: Any) -> None:
    _, state = backbone.unroll(torch.randn(3, 4, 6))
    kept, x, order = tree_map(torch.clone, state), torch.randn(3, 2, 6), torch.tensor([2, 0, 1])
    moved = backbone.unroll(x[order], tree_map(lambda leaf: leaf[order], state))[0]
    torch.testing.assert_close(moved, backbone.unroll(x, state)[0][order])
    assert all(torch.equal(*pair) for pair in zip(tree_leaves(state), tree_leaves(kept), strict=True))


def test_no_output_depends_on_a_later_input(backbone: Any) -> None:
    x = torch.randn(2, 7, 6, requires_grad=True)
    (gradient,) = torch.autograd.grad((backbone(x)[:, 3] * torch.arange(1.0, x.shape[2] + 1)).sum(), x)
    assert gradient[:, :4].abs().amax((0, 2)).min() > 0
    assert (gradient[:, 4:] == 0).all()


@pytest.mark.parametrize("layers", [1, 2])
def test_gradients_reach_every_parameter(layers: int) -> None:
    net = Mamba(6, num_layers=layers)
    (net(torch.randn(2, 70, 6)) * torch.randn(6)).sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_initial_values_are_those_of_the_paper() -> None:
    mixer: Any = Mamba(512, num_layers=1).mixers[0]
    assert mixer.step.weight.shape == (1024, 32)
    assert mixer.log_a.exp().mean(0).tolist() == pytest.approx(range(1, 17))
    assert (mixer.skip == 1).all()
    delta = F.softplus(mixer.step_bias).log10().detach()
    assert -3.001 < float(delta.min()) < -2.95
    assert -1.05 < float(delta.max()) < -0.999
    assert float(delta.mean()) == pytest.approx(-2, abs=0.1)
    assert float(delta.std()) == pytest.approx(2 / math.sqrt(12), abs=0.05)


def test_a_and_d_and_the_step_bias_have_no_weight_decay(backbone: Any) -> None:
    (group,) = backbone.parameter_groups()
    chosen = {name.split(".")[-1] for name, p in backbone.named_parameters() if any(p is q for q in group["params"])}
    assert chosen == {"log_a", "skip", "step_bias"}
    assert len(group["params"]) == 6
    assert group["weight_decay"] == 0


@pytest.mark.parametrize("d_model", [1, 7])
def test_any_width_and_any_length_work(d_model: int) -> None:
    net = Mamba(d_model)
    assert net(torch.randn(2, 1, d_model), torch.tensor([1, 1])).shape == (2, 1, d_model)
    assert torch.isfinite(net(100 * torch.randn(1, 2000, d_model))).all()


def test_half_precision_is_finite_and_states_stay_float32(backbone: Any) -> None:
    x = torch.randn(2, 300, 6)
    with torch.autocast("cpu", torch.bfloat16):
        half = backbone(x)
    torch.testing.assert_close(half.float(), backbone(x), atol=0.1, rtol=0.1)
    y, state = backbone.bfloat16().unroll(x.bfloat16())
    assert y.dtype == torch.bfloat16
    assert torch.isfinite(y).all()
    assert [h.dtype for _, h in state] == [torch.float32] * 2


def test_it_runs_on_the_meta_device() -> None:
    with torch.device("meta"):
        assert Mamba(5)(torch.randn(2, 70, 5)).shape == (2, 70, 5)


def test_dropout_acts_in_training_only() -> None:
    net, x = Mamba(16, dropout=0.5), torch.randn(2, 3, 16)
    assert not torch.equal(net(x), net(x))
    assert torch.equal(net.eval()(x), net(x))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(({name: 0}, f"{name} must be at least 1") for name in ("d_model", "num_layers", "state_size", "expansion")),
        ({"taps": 0}, "taps must be at least 1"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_values_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Mamba(**{"d_model": 4, **options})


@pytest.mark.gpu
def test_cuda_and_cpu_agree(backbone: Any) -> None:
    x = torch.randn(3, 70, 6)
    whole = backbone(x)
    torch.testing.assert_close(backbone.cuda()(x.cuda()).cpu(), whole, atol=1e-4, rtol=1e-3)
