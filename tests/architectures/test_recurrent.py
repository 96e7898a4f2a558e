from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import lightning.pytorch as L
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

import seqbench
from seqbench.architectures.recurrent import GRU, IRNN, LSTM, RNN
from seqbench.datamodules.parity import running_parity

CLASSES: list[Any] = [RNN, IRNN, LSTM, GRU]
ALL: dict[str, Any] = {
    **{cls.__name__: cls for cls in CLASSES},
    **{name: partial(RNN, nonlinearity=name) for name in ("relu", "sigmoid", "threshold")},
}
TORCH: dict[Any, Any] = {RNN: nn.RNN, LSTM: nn.LSTM, GRU: nn.GRU}


@pytest.fixture(params=ALL)
def backbone(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    return ALL[request.param](6, num_layers=2)


def test_outputs_have_the_shape_of_the_inputs(backbone: Any) -> None:
    assert backbone(torch.randn(3, 5, 6), torch.tensor([5, 2, 1])).shape == (3, 5, 6)
    assert backbone(torch.randn(3, 1, 6)).shape == (3, 1, 6)


def test_unroll_in_chunks_equals_forward(backbone: Any) -> None:
    x = torch.randn(3, 9, 6)
    whole = backbone(x)
    for sizes in ([4, 5], [1] * 9, [9]):
        state, outputs = None, []
        for chunk in x.split(sizes, dim=1):
            y, state = backbone.unroll(chunk, state)
            outputs.append(y)
        torch.testing.assert_close(torch.cat(outputs, 1), whole, atol=1e-6, rtol=0)


def test_states_are_batch_first_and_not_changed_in_place(backbone: Any) -> None:
    _, state = backbone.unroll(torch.randn(3, 4, 6))
    assert {tuple(leaf.shape) for leaf in tree_leaves(state)} == {(3, 2, 6)}
    before = [leaf.clone() for leaf in tree_leaves(state)]
    x = torch.randn(3, 2, 6)
    order = torch.tensor([2, 0, 1])
    moved = tree_map(lambda leaf: leaf[order], state)
    torch.testing.assert_close(backbone.unroll(x[order], moved)[0], backbone.unroll(x, state)[0][order])
    assert all(torch.equal(*pair) for pair in zip(before, tree_leaves(state), strict=True))


def test_no_output_depends_on_a_later_input(backbone: Any) -> None:
    x = torch.randn(2, 7, 6, requires_grad=True)
    (gradient,) = torch.autograd.grad(backbone(x)[:, 3].sum(), x)
    assert gradient[:, :4].abs().amax((0, 2)).min() > 0
    assert (gradient[:, 4:] == 0).all()


def test_gradients_reach_every_parameter(backbone: Any) -> None:
    backbone(torch.randn(2, 4, 6)).square().sum().backward()
    assert [name for name, p in backbone.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("cls", TORCH)
def test_a_seed_gives_the_initial_weights_of_pytorchs_stack(cls: Any) -> None:
    torch.manual_seed(3)
    net = cls(6, num_layers=3)
    torch.manual_seed(3)
    own = TORCH[cls](6, 6, 3, batch_first=True)
    for layer, cell in enumerate(net.cells):
        for name, value in cell.named_parameters():
            expected = getattr(own, name.replace("_l0", f"_l{layer}"))
            if cls is LSTM and "bias" in name:
                kept = [0, 2, 3]
                value, expected = (p.reshape(4, 6)[kept] for p in (value, expected))
            assert torch.equal(value, expected)


@pytest.mark.parametrize("cls", TORCH)
def test_outputs_and_states_equal_pytorchs_stack(cls: Any) -> None:
    net, own, x = cls(6, num_layers=3), TORCH[cls](6, 6, 3, batch_first=True), torch.randn(4, 9, 6)
    with torch.no_grad():
        for layer, cell in enumerate(net.cells):
            for name, value in cell.named_parameters():
                getattr(own, name.replace("_l0", f"_l{layer}")).copy_(value)
    (y, state), (expected, after) = net.unroll(x), own(x)
    torch.testing.assert_close(y, expected)
    for leaf, other in zip(tree_leaves(state), tree_leaves(after), strict=True):
        torch.testing.assert_close(leaf, other.transpose(0, 1))


@pytest.mark.parametrize("cls", CLASSES)
def test_dropout_acts_in_training_only(cls: Any) -> None:
    # A unit of an IRNN can be 0 at every step.
    backbone = cls(64, dropout=0.5)
    x = torch.randn(2, 3, 64)
    assert 0.3 < float((backbone(x) == 0).float().mean()) < (0.9 if cls is IRNN else 0.7)
    assert torch.equal(backbone.eval()(x), backbone.cells[0](x, *_start(backbone, x))[0])


def _start(backbone: Any, x: Tensor) -> tuple[Tensor, ...]:
    return () if backbone.initial is None else (backbone.initial[:1, None].expand(-1, len(x), -1).contiguous(),)


@pytest.mark.parametrize("cls", CLASSES)
def test_dropout_of_every_layer_follows_the_seed(cls: Any) -> None:
    backbone, x = cls(8, num_layers=2, dropout=0.5), torch.randn(2, 3, 8)
    torch.manual_seed(5)
    y = backbone(x)
    torch.manual_seed(5)
    for cell in backbone.cells:
        x = F.dropout(cell(x, *_start(backbone, x))[0], 0.5)
    torch.testing.assert_close(y, x)


def test_skip_adds_a_residual_to_all_layers_but_the_first(backbone: Any) -> None:
    x = torch.randn(3, 5, 6)
    first = backbone.cells[0](x, *_start(backbone, x))[0]
    second = backbone.cells[1](first, *_start(backbone, x))[0]
    torch.testing.assert_close(backbone(x), second)
    backbone.skip = True
    torch.testing.assert_close(backbone(x), first + second)
    for cls in CLASSES:
        assert cls(6, num_layers=2, skip=True).skip


class Step(torch.autograd.Function):
    """1 above 0, else 0, with the gradient of the sigmoid in a formula."""

    @staticmethod
    def forward(ctx: Any, total: Tensor) -> Tensor:
        ctx.save_for_backward(total)
        return (total > 0).to(total)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        soft = 1 / (1 + torch.exp(-ctx.saved_tensors[0]))
        return gradient * soft * (1 - soft)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": lambda total: 1 / (1 + torch.exp(-total)),
    "threshold": Step.apply,
}


def reference_rnn(net: Any, x: Tensor, f: Callable[[Tensor], Tensor]) -> Tensor:
    """h_t = f(W x_t + U h_{t-1} + b), step by step, from the learnt start."""
    for layer, cell in enumerate(net.cells):
        w, u, b, c = cell.weight_ih_l0, cell.weight_hh_l0, cell.bias_ih_l0, cell.bias_hh_l0
        h, outputs = net.initial[layer].expand(len(x), -1), []
        for step in x.unbind(1):
            h = f(step @ w.T + b + h @ u.T + c)
            outputs.append(h)
        x = torch.stack(outputs, 1)
    return x


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_rnn_equals_its_formula_from_a_learnt_start(name: str) -> None:
    torch.manual_seed(0)
    net: Any = RNN(6, num_layers=2, nonlinearity=name).double()
    nn.init.normal_(net.initial)
    x, weight = torch.randn(2, 3, 5, 6, dtype=torch.float64).unbind()
    parameters = dict(net.named_parameters())
    y, expected = net(x), reference_rnn(net, x, FUNCTIONS[name])
    torch.testing.assert_close(y, expected)
    grads, expected_grads = (torch.autograd.grad((weight * z).sum(), [*parameters.values()]) for z in (y, expected))
    for gradient, other in zip(grads, expected_grads, strict=True):
        torch.testing.assert_close(gradient, other)
        assert other.any()
    nn.init.normal_(net.initial)
    assert not torch.allclose(net(x), y)


def test_threshold_units_are_exactly_0_or_1() -> None:
    y = RNN(16, nonlinearity="threshold")(10 * torch.randn(8, 50, 16))
    assert set(y.unique().tolist()) == {0.0, 1.0}


def set_parity_weights(net: Any) -> None:
    """Set weights that compute the parity of bits, which are the first component of the inputs.

    With the parity p of the previous step, h1 = [x + p > 0.5] is the logical or of x and p, h2 = [x + p > 1.5] is their
    logical and, and the new parity is h1 - h2.
    """
    with torch.no_grad():
        for name, value in (
            ("weight_ih_l0", [[1.0, 0.0], [1.0, 0.0]]),
            ("weight_hh_l0", [[1.0, -1.0], [1.0, -1.0]]),
            ("bias_ih_l0", [-0.5, -1.5]),
            ("bias_hh_l0", [0.0, 0.0]),
        ):
            getattr(net.cells[0], name).copy_(torch.tensor(value))


@pytest.mark.parametrize("length", [1, 7, 2000])
def test_two_threshold_units_compute_parity_at_any_length(length: int) -> None:
    net = RNN(2, nonlinearity="threshold")
    set_parity_weights(net)
    bits = torch.randint(2, (4, length))
    with torch.no_grad():
        hidden = net(torch.stack([bits, torch.zeros_like(bits)], -1).float())
    assert torch.equal(hidden[..., 0] - hidden[..., 1], torch.from_numpy(running_parity(bits.numpy())).float())


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_weights_set_by_hand_solve_the_parity_task_at_every_length() -> None:
    arch = {"name": "seqbench.architectures.recurrent:RNN", "d_model": 2, "nonlinearity": "threshold"}
    module: Any = seqbench.build(arch, {"name": "parity", "probe_lengths": [20, 500, 2000]}, tier="smoke")
    set_parity_weights(module.body.backbone)
    with torch.no_grad():
        module.body.embedding.table.weight.copy_(torch.tensor([[0.0, 0.0], [1.0, 0.0]]))
        # The log-odds of even and odd are 100 (1/2 - p) and 100 (p - 1/2).
        module.objective.head.weight.copy_(100 * torch.tensor([[-1.0, 1.0], [1.0, -1.0]]))
        module.objective.head.bias.copy_(torch.tensor([50.0, -50.0]))
    L.Trainer(logger=False, enable_progress_bar=False, accelerator="cpu").test(module, verbose=False)
    assert set(module.evaluated) == {"test", "length-20", "length-500", "length-2000"}
    assert {scores["accuracy"] for scores in module.evaluated.values()} == {1.0}
    assert max(scores["loss"] for scores in module.evaluated.values()) < 1e-6


def test_the_irnn_keeps_its_state_at_the_start_of_training() -> None:
    torch.manual_seed(0)
    x = torch.zeros(1, 200, 400)
    x[:, 0] = 100 * torch.randn(400)
    y = IRNN(400)(x)
    first = y[:, :1]
    assert (first > 0).any()
    torch.testing.assert_close(y, first.expand_as(y))
    faded = IRNN(400, scale=0.5)(x)
    torch.testing.assert_close(faded[:, 3], faded[:, 0] / 8)
    two_layers: Any = IRNN(400, num_layers=2)
    for cell in two_layers.cells:
        assert float(cell.weight_ih_l0.detach().std()) == pytest.approx(1e-3, rel=0.02)
        assert not cell.bias_ih_l0.any()
        assert not cell.bias_hh_l0.any()


def test_the_gru_equals_its_formula() -> None:
    net, x = GRU(4), torch.randn(2, 5, 4)
    w, u, b, c = (getattr(net.cells[0], name) for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"))
    h, outputs = torch.zeros(2, 4), []
    for step in x.unbind(1):
        (r, z, n), (hr, hz, hn) = (step @ w.T + b).chunk(3, -1), (h @ u.T + c).chunk(3, -1)
        z = torch.sigmoid(z + hz)
        h = (1 - z) * torch.tanh(n + torch.sigmoid(r + hr) * hn) + z * h
        outputs.append(h)
    torch.testing.assert_close(net(x), torch.stack(outputs, 1))


def test_the_lstm_starts_with_the_given_forget_bias() -> None:
    net: Any = LSTM(5, num_layers=2, forget_bias=1.0)
    for cell in net.cells:
        total = cell.bias_ih_l0 + cell.bias_hh_l0
        assert total[5:10].tolist() == [1.0] * 5
        assert total[:5].abs().max() < 2 / math.sqrt(5)
        assert total[:5].any()


def test_the_number_of_parameters_equals_its_formula() -> None:
    d = 7
    per_gate = 2 * d * d + 2 * d
    sizes = {cls: sum(p.numel() for p in cls(d, num_layers=2).parameters()) for cls in CLASSES}
    assert sizes == {RNN: 2 * per_gate + 2 * d, IRNN: 2 * per_gate + 2 * d, LSTM: 8 * per_gate, GRU: 6 * per_gate}


def test_it_runs_in_half_precision_and_on_the_meta_device(backbone: Any) -> None:
    x = torch.randn(3, 5, 6)
    with torch.autocast("cpu", torch.bfloat16):
        y, state = backbone.unroll(x)
        y = torch.cat([y, backbone.unroll(x, state)[0]], 1)
    y.float().square().sum().backward()
    assert [name for name, p in backbone.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert backbone.bfloat16()(x.bfloat16()).isfinite().all()
    assert backbone.float().to("meta")(x.to("meta")).shape == (3, 5, 6)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    ("options", "message"),
    [({"num_layers": 0}, "num_layers"), ({"dropout": 1.0}, "dropout"), ({"d_model": 0}, "d_model must be at least 1")],
)
def test_values_out_of_range_are_refused(cls: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cls(**{"d_model": 4, **options})


def test_unknown_nonlinearities_and_scales_are_refused() -> None:
    with pytest.raises(ValueError, match="tanh, relu, sigmoid or threshold, got 'gelu'"):
        RNN(4, nonlinearity="gelu")
    for scale in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="scale must be a number above 0"):
            IRNN(4, scale=scale)


@pytest.mark.gpu
def test_cuda_and_cpu_agree(backbone: Any) -> None:
    x = torch.randn(3, 9, 6)
    whole = backbone(x)
    torch.testing.assert_close(backbone.cuda()(x.cuda()).cpu(), whole, atol=1e-4, rtol=1e-3)


@pytest.mark.gpu
@pytest.mark.parametrize("cls", CLASSES)
def test_dropout_follows_the_seed_on_cuda(cls: Any) -> None:
    """The dropout of cuDNN itself does not depend on the seed of PyTorch."""
    backbone, x = cls(64, num_layers=2, dropout=0.5).cuda(), torch.randn(2, 5, 64).cuda()
    outputs = []
    for _ in range(2):
        torch.manual_seed(5)
        outputs.append(backbone(x))
    assert torch.equal(*outputs)
