from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from seqbench.architectures.recurrent import GRU, LSTM, RNN

ALL = [RNN, LSTM, GRU]


@pytest.fixture(params=ALL, ids=lambda cls: cls.__name__)
def backbone(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    return request.param(6, num_layers=2)


def test_shapes(backbone: Any) -> None:
    assert backbone(torch.randn(3, 5, 6), torch.tensor([5, 2, 1])).shape == (3, 5, 6)
    assert backbone(torch.randn(3, 1, 6)).shape == (3, 1, 6)


def test_chunks_and_single_steps_equal_the_whole(backbone: Any) -> None:
    x = torch.randn(3, 9, 6)
    whole = backbone(x)
    for sizes in ([4, 5], [1] * 9, [9]):
        state, parts = None, []
        for chunk in x.split(sizes, dim=1):
            y, state = backbone.unroll(chunk, state)
            parts.append(y)
        torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-6, rtol=0)


def test_states_are_batch_first(backbone: Any) -> None:
    _, state = backbone.unroll(torch.randn(3, 4, 6))
    assert {tuple(leaf.shape) for leaf in tree_leaves(state)} == {(3, 2, 6)}
    x = torch.randn(3, 2, 6)
    order = torch.tensor([2, 0, 1])
    moved = torch.utils._pytree.tree_map(lambda leaf: leaf[order], state)
    torch.testing.assert_close(backbone.unroll(x[order], moved)[0], backbone.unroll(x, state)[0][order])


def test_no_step_sees_a_later_one(backbone: Any) -> None:
    x = torch.randn(2, 7, 6, requires_grad=True)
    (gradient,) = torch.autograd.grad(backbone(x)[:, 3].sum(), x)
    assert gradient[:, :4].abs().amax((0, 2)).min() > 0
    assert (gradient[:, 4:] == 0).all()


def test_gradients_reach_every_parameter(backbone: Any) -> None:
    backbone(torch.randn(2, 4, 6)).square().sum().backward()
    assert [name for name, p in backbone.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_dropout_acts_in_training_only() -> None:
    for cls in ALL:
        backbone = cls(64, dropout=0.5)
        x = torch.randn(2, 3, 64)
        assert 0.3 < float((backbone(x) == 0).float().mean()) < 0.7
        assert not (backbone.eval()(x) == 0).any()


def by_hand_rnn(net: RNN, x: Tensor) -> Tensor:
    """h_t = tanh(W x_t + U h_{t-1} + b), one step at a time, from the learnable start."""
    for layer in range(2):
        w, u, b, c = (getattr(net.cell, f"{n}_l{layer}") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        h, outputs = net.initial[layer].expand(len(x), -1), []
        for step in x.unbind(1):
            h = torch.tanh(step @ w.T + b + h @ u.T + c)
            outputs.append(h)
        x = torch.stack(outputs, 1)
    return x


def test_the_rnn_is_the_formula_and_starts_from_its_parameter() -> None:
    net = RNN(6, num_layers=2)
    nn.init.normal_(net.initial)
    x = torch.randn(3, 5, 6)
    torch.testing.assert_close(net(x), by_hand_rnn(net, x))
    moved = net(x)
    nn.init.normal_(net.initial)
    assert not torch.allclose(net(x), moved)


def test_the_gru_is_the_formula() -> None:
    net, x = GRU(4), torch.randn(2, 5, 4)
    w, u, b, c = net.cell.weight_ih_l0, net.cell.weight_hh_l0, net.cell.bias_ih_l0, net.cell.bias_hh_l0
    h, outputs = torch.zeros(2, 4), []
    for step in x.unbind(1):
        (r, z, n), (hr, hz, hn) = (step @ w.T + b).chunk(3, -1), (h @ u.T + c).chunk(3, -1)
        z = torch.sigmoid(z + hz)
        h = (1 - z) * torch.tanh(n + torch.sigmoid(r + hr) * hn) + z * h
        outputs.append(h)
    torch.testing.assert_close(net(x), torch.stack(outputs, 1))


def test_the_lstm_starts_with_its_memory_open() -> None:
    net = LSTM(5, num_layers=2, forget_bias=1.0)
    for layer in range(2):
        total = getattr(net.cell, f"bias_ih_l{layer}") + getattr(net.cell, f"bias_hh_l{layer}")
        assert total[5:10].tolist() == [1.0] * 5
        assert total[:5].abs().max() < 2 / math.sqrt(5)
        assert total[:5].any()


def test_parameter_counts() -> None:
    d = 7
    per_gate = 2 * d * d + 2 * d
    sizes = {cls: sum(p.numel() for p in cls(d, num_layers=2).parameters()) for cls in ALL}
    assert sizes == {RNN: 2 * per_gate + 2 * d, LSTM: 8 * per_gate, GRU: 6 * per_gate}


@pytest.mark.parametrize(("options", "sentence"), [({"num_layers": 0}, "num_layers"), ({"dropout": 1.0}, "dropout")])
def test_values_out_of_range_are_refused(options: dict[str, Any], sentence: str) -> None:
    for cls in ALL:
        with pytest.raises(ValueError, match=sentence):
            cls(4, **options)
    with pytest.raises(ValueError, match="d_model"):
        GRU(0)


@pytest.mark.gpu
def test_cuda_agrees_with_the_cpu(backbone: Any) -> None:
    x = torch.randn(3, 9, 6)
    whole = backbone(x)
    torch.testing.assert_close(backbone.cuda()(x.cuda()).cpu(), whole, atol=1e-4, rtol=1e-3)
