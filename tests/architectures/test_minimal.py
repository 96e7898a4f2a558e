from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from seqbench.architectures.minimal import MinGRU, MinLSTM

ALL = [MinGRU, MinLSTM]


@pytest.fixture(params=ALL, ids=lambda cls: cls.__name__)
def backbone(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    return request.param(5, expansion=2)


def reference(net: Any, x: Tensor) -> Tensor:
    """The paper's equations for the recurrence of one layer, step by step."""
    weights, biases = (p.chunk(3 if isinstance(net, MinLSTM) else 2) for p in net.mixers[0].parts.parameters())
    h, outputs = x.new_zeros(len(x), len(biases[0])), []
    for step in x.unbind(1):
        *gates, candidate = (step @ w.T + b for w, b in zip(weights, biases, strict=True))
        if isinstance(net, MinGRU):
            z = torch.sigmoid(gates[0])
            h = (1 - z) * h + z * candidate
        else:
            f, i = (torch.sigmoid(gate) for gate in gates)
            h = f / (f + i) * h + i / (f + i) * candidate
        outputs.append(h)
    return net.mixers[0].out(torch.stack(outputs, 1))


def rms(x: Tensor) -> Tensor:
    return x / x.square().mean(-1, keepdim=True).add(1e-6).sqrt()


@pytest.mark.parametrize("cls", ALL)
def test_the_recurrence_equals_the_papers_equations(cls: Any) -> None:
    net = cls(5, num_layers=1, expansion=3, taps=0, mlp=0).double()
    x = 3 * torch.randn(2, 11, 5, dtype=torch.float64)
    torch.testing.assert_close(net(x), rms(x + reference(net, rms(x))))


@pytest.mark.parametrize("cls", ALL)
def test_a_layer_has_a_convolution_and_an_mlp(cls: Any) -> None:
    net = cls(5, num_layers=1, taps=3, mlp=2).double()
    x = torch.randn(2, 7, 5, dtype=torch.float64)
    filters, bias = net.mixers[0].convolution.filter.parameters()
    padded = F.pad(rms(x), (0, 0, 2, 0))
    mixed = sum(filters[:, 0, tap] * padded[:, tap : tap + 7] for tap in range(3)) + bias
    y = x + reference(net, mixed)
    _, wide, _, narrow = net.mlps[0]
    torch.testing.assert_close(net(x), rms(y + narrow(F.gelu(wide(rms(y))))))


@pytest.mark.parametrize("taps", [0, 1, 4])
def test_unroll_in_chunks_equals_forward(backbone: Any, taps: int) -> None:
    net, x = type(backbone)(5, taps=taps, expansion=2), torch.randn(3, 9, 5)
    for sizes in ([4, 5], [1] * 9, [9], [2, 7]):
        state, outputs = None, []
        for chunk in x.split(sizes, dim=1):
            y, state = net.unroll(chunk, state)
            outputs.append(y)
        torch.testing.assert_close(torch.cat(outputs, 1), net(x), atol=1e-6, rtol=0)
        assert [tuple(leaf.shape) for leaf in tree_leaves(state)] == [(3, max(taps - 1, 0), 5), (3, 10)] * 2


def test_states_are_batch_first_and_not_changed_in_place(backbone: Any) -> None:
    _, state = backbone.unroll(torch.randn(3, 4, 5))
    kept, x, order = tree_map(torch.clone, state), torch.randn(3, 2, 5), torch.tensor([2, 0, 1])
    moved = backbone.unroll(x[order], tree_map(lambda leaf: leaf[order], state))[0]
    torch.testing.assert_close(moved, backbone.unroll(x, state)[0][order])
    assert all(torch.equal(*pair) for pair in zip(tree_leaves(state), tree_leaves(kept), strict=True))


def test_no_output_depends_on_a_later_input(backbone: Any) -> None:
    x = torch.randn(2, 7, 5, requires_grad=True)
    (gradient,) = torch.autograd.grad((backbone(x)[:, 3] * torch.arange(1.0, x.shape[2] + 1)).sum(), x)
    assert gradient[:, :4].abs().amax((0, 2)).min() > 0
    assert (gradient[:, 4:] == 0).all()


@pytest.mark.parametrize("layers", [1, 2])
def test_gradients_reach_every_parameter(backbone: Any, layers: int) -> None:
    net = type(backbone)(5, num_layers=layers)
    (net(torch.randn(2, 4, 5)) * torch.randn(5)).sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_closed_gates_keep_the_state_and_open_gates_replace_it() -> None:
    """With a closed gate h does not change in a thousand steps. With an open gate it is the candidate."""
    for cls, closed_biases, open_biases in (
        (MinGRU, [-1e3, 0.0], [1e3, 0.0]),
        (MinLSTM, [0.0, -1e3, 0.0], [-1e3, 0.0, 0.0]),
    ):
        net: Any = cls(4, taps=0)
        mixer, x = net.mixers[0], torch.randn(2, 1000, 4)
        h0 = torch.randn(2, 4)
        with torch.no_grad():
            mixer.parts.bias.copy_(torch.tensor(closed_biases).repeat_interleave(4))
        _, (_, h) = mixer.unroll(x, (x[:, :0], h0))
        assert torch.equal(h, h0)
        with torch.no_grad():
            mixer.parts.bias.copy_(torch.tensor(open_biases).repeat_interleave(4))
        _, (_, h) = mixer.unroll(x, (x[:, :0], h0))
        torch.testing.assert_close(h, F.linear(x[:, -1], mixer.parts.weight[-4:]))


def test_two_gates_near_zero_give_finite_values_and_gradients() -> None:
    net: Any = MinLSTM(4, num_layers=1)
    with torch.no_grad():
        net.mixers[0].parts.bias[:8] = -500.0
    x = torch.randn(2, 5, 4, requires_grad=True)
    y = net(x)
    y.square().sum().backward()
    assert torch.isfinite(y).all()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_the_minlstm_starts_with_the_given_forget_bias() -> None:
    net: Any = MinLSTM(5, num_layers=2, expansion=2, forget_bias=3.0)
    for mixer in net.mixers:
        assert mixer.parts.bias[:10].tolist() == [3.0] * 10
        assert 0 < mixer.parts.bias[10:].abs().max() < 1


@pytest.mark.parametrize("d_model", [1, 7])
def test_any_width_and_any_length_work(backbone: Any, d_model: int) -> None:
    net = type(backbone)(d_model)
    assert net(torch.randn(2, 1, d_model), torch.tensor([1, 1])).shape == (2, 1, d_model)
    assert torch.isfinite(net(torch.randn(1, 2000, d_model))).all()


def test_half_precision_is_finite_and_states_stay_float32(backbone: Any) -> None:
    x = torch.randn(2, 300, 5)
    with torch.autocast("cpu", torch.bfloat16):
        half = backbone(x)
    torch.testing.assert_close(half.float(), backbone(x), atol=0.1, rtol=0.1)
    y, state = backbone.bfloat16().unroll(x.bfloat16())
    assert y.dtype == torch.bfloat16
    assert torch.isfinite(y).all()
    assert [h.dtype for _, h in state] == [torch.float32] * 2


def test_it_runs_on_the_meta_device(backbone: Any) -> None:
    with torch.device("meta"):
        assert type(backbone)(5)(torch.randn(2, 9, 5)).shape == (2, 9, 5)


def test_dropout_acts_in_training_only(backbone: Any) -> None:
    net, x = type(backbone)(16, dropout=0.5), torch.randn(2, 3, 16)
    assert not torch.equal(net(x), net(x))
    assert torch.equal(net.eval()(x), net(x))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"d_model": 0}, "d_model must be at least 1, got 0"),
        ({"num_layers": 0}, "num_layers"),
        ({"expansion": 0}, "expansion"),
        ({"dropout": 1.0}, "dropout"),
        ({"taps": -1}, r"taps must be at least 0 \(none\), got -1"),
        ({"mlp": -1}, "mlp"),
    ],
)
def test_values_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    for cls in ALL:
        with pytest.raises(ValueError, match=message):
            cls(**{"d_model": 4, **options})


@pytest.mark.gpu
def test_cuda_and_cpu_agree(backbone: Any) -> None:
    x = torch.randn(3, 9, 5)
    whole = backbone(x)
    torch.testing.assert_close(backbone.cuda()(x.cuda()).cpu(), whole, atol=1e-4, rtol=1e-3)
