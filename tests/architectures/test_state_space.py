from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from seqbench.architectures.state_space import LRU, S4D

ALL = [LRU, S4D]
SHAPES: dict[type, tuple[int, ...]] = {LRU: (6, 2), S4D: (5, 3, 2)}


@pytest.fixture(params=ALL, ids=lambda cls: cls.__name__)
def backbone(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    return request.param(5, state_size=6)


def reference_network(net: Any, x: Tensor, recurrence: Any) -> Tensor:
    """Compute a network of one layer: norm, ``recurrence(mixer, normed)``, D, GELU, GLU, residual, norm."""
    mixer = net.mixers[0]
    normed = x / x.square().mean(-1, keepdim=True).add(1e-6).sqrt()
    y = F.gelu(recurrence(mixer, normed) + mixer.skip * normed)
    left, right = (y @ mixer.gate.weight.T + mixer.gate.bias).chunk(2, -1)
    y = x + left * torch.sigmoid(right)
    return y / y.square().mean(-1, keepdim=True).add(1e-6).sqrt()


def reference_lru(mixer: Any, x: Tensor) -> Tensor:
    """Re(C h_t), h_t = lambda h_{t-1} + gamma (B x_t), step by step."""
    rates = torch.exp(-mixer.log_nu.exp() + 1j * mixer.log_theta.exp())
    b = torch.complex(mixer.enter.weight[0::2], mixer.enter.weight[1::2])
    c = torch.complex(mixer.out.weight[:, 0::2], -mixer.out.weight[:, 1::2])
    h, outputs = torch.zeros(len(x), len(rates), dtype=b.dtype), []
    for step in x.unbind(1):
        h = rates * h + mixer.log_gamma.exp() * (step.to(b.dtype) @ b.T)
        outputs.append((h @ c.T).real)
    return torch.stack(outputs, 1)


def reference_s4d(mixer: Any, x: Tensor) -> Tensor:
    """2 Re(C h_t), h_t = exp(dt A) h_{t-1} + A^{-1} (exp(dt A) - 1) x_t, step by step in each channel."""
    a = -mixer.log_decay.exp() + 1j * mixer.frequency
    rates, c = torch.exp(mixer.log_step.exp()[:, None] * a), torch.view_as_complex(mixer.out)
    h, outputs = torch.zeros(len(x), *a.shape, dtype=a.dtype), []
    for step in x.unbind(1):
        h = rates * h + (rates - 1) / a * step[..., None]
        outputs.append(2 * (c * h).real.sum(-1))
    return torch.stack(outputs, 1)


@pytest.mark.parametrize(("cls", "recurrence"), [(LRU, reference_lru), (S4D, reference_s4d)])
@pytest.mark.parametrize("time", [1, 2, 23])
def test_it_equals_the_formula(cls: Any, recurrence: Any, time: int) -> None:
    net = cls(5, num_layers=1, state_size=6).double()
    x = torch.randn(2, time, 5, dtype=torch.float64)
    torch.testing.assert_close(net(x), reference_network(net, x, recurrence))


def test_s4d_equals_scipys_discretised_system() -> None:
    """Each channel is a system of real 2n x 2n matrices with state_size numbers, discretised by a zero-order hold."""
    mixer: Any = S4D(3, num_layers=1, state_size=8).double().mixers[0]
    x = torch.randn(1, 20, 3, dtype=torch.float64)
    y = reference_s4d(mixer, x).detach()
    for channel in range(3):
        decay, w = mixer.log_decay[channel].exp().tolist(), mixer.frequency[channel].tolist()
        a = scipy.linalg.block_diag(*([[-d, -f], [f, -d]] for d, f in zip(decay, w, strict=True)))
        # Re and Im of each mode; 2 Re(C h) = 2 Re C Re h - 2 Im C Im h.
        b = np.tile([[1.0], [0.0]], (4, 1))
        c = (2 * mixer.out[channel].detach().numpy() * [1, -1]).reshape(1, 8)
        dt = mixer.log_step[channel].exp().item()
        a_bar, b_bar, *_ = scipy.signal.cont2discrete((a, b, c, np.zeros((1, 1))), dt, method="zoh")
        h = np.zeros((8, 1))
        for t in range(20):
            h = a_bar @ h + b_bar * float(x[0, t, channel])
            assert float((c @ h)[0, 0]) == pytest.approx(float(y[0, t, channel]), abs=1e-9)


def test_unroll_in_chunks_equals_forward(backbone: Any) -> None:
    x = torch.randn(3, 40, 5)
    for sizes in ([15, 25], [1] * 40, [40], [2, 1, 37]):
        state, outputs = None, []
        for chunk in x.split(sizes, dim=1):
            y, state = backbone.unroll(chunk, state)
            outputs.append(y)
        torch.testing.assert_close(torch.cat(outputs, 1), backbone(x), atol=1e-5, rtol=0)
        assert [tuple(leaf.shape) for leaf in tree_leaves(state)] == [(3, *SHAPES[type(backbone)])] * 2


def test_unroll_equals_forward_over_thousands_of_steps_in_float64(backbone: Any) -> None:
    net, x = backbone.double(), torch.randn(1, 3000, 5, dtype=torch.float64)
    first, state = net.unroll(x[:, :1300])
    torch.testing.assert_close(torch.cat([first, net.unroll(x[:, 1300:], state)[0]], 1), net(x), atol=1e-10, rtol=0)


def test_gradients_flow_through_the_state(backbone: Any) -> None:
    """The gradients of a sequence in chunks, with a state between them, equal those of the whole sequence."""
    x = torch.randn(2, 12, 5, dtype=torch.float64)
    net = backbone.double()
    params = list(net.parameters())
    expected = torch.autograd.grad(net(x)[:, -3:].pow(3).sum(), params)
    state = None
    for chunk in (x[:, :5], x[:, 5:6], x[:, 6:9]):
        _, state = net.unroll(chunk, state)
    for one, other in zip(
        torch.autograd.grad(net.unroll(x[:, 9:], state)[0].pow(3).sum(), params), expected, strict=True
    ):
        torch.testing.assert_close(one, other)


def test_states_are_batch_first_real_and_not_changed_in_place(backbone: Any) -> None:
    _, state = backbone.unroll(torch.randn(3, 4, 5))
    kept, order = tree_map(torch.clone, state), torch.tensor([2, 0, 1])
    for time in (1, 2):
        x = torch.randn(3, time, 5)
        moved = backbone.unroll(x[order], tree_map(lambda leaf: leaf[order], state))[0]
        torch.testing.assert_close(moved, backbone.unroll(x, state)[0][order])
    assert all(torch.equal(*pair) for pair in zip(tree_leaves(state), tree_leaves(kept), strict=True))
    assert {leaf.dtype for leaf in state} == {torch.float32}


def test_no_output_depends_on_a_later_input(backbone: Any) -> None:
    x = torch.randn(2, 7, 5, requires_grad=True)
    (gradient,) = torch.autograd.grad((backbone(x)[:, 3] * torch.arange(1.0, x.shape[2] + 1)).sum(), x)
    assert gradient[:, :4].abs().amax((0, 2)).min() > 1e-6
    # The rounding errors of an FFT reach all steps.
    assert gradient[:, 4:].abs().max() < 1e-6


@pytest.mark.parametrize("layers", [1, 2])
def test_gradients_reach_every_parameter(backbone: Any, layers: int) -> None:
    net = type(backbone)(5, num_layers=layers)
    (net(torch.randn(2, 4, 5)) * torch.randn(5)).sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_initial_eigenvalues_of_the_lru_are_uniform_on_the_ring() -> None:
    mixer: Any = LRU(4, num_layers=1, state_size=4000, r_min=0.5, r_max=0.9, max_phase=1.5).mixers[0]
    radii, angles = torch.exp(-mixer.log_nu.detach().exp()), mixer.log_theta.detach().exp()
    assert 0.5 <= float(radii.min()) < 0.51
    assert 0.89 < float(radii.max()) <= 0.9 + 1e-6
    # Squares of radii are uniform where points are uniform over the area.
    assert float(radii.square().mean()) == pytest.approx((0.5**2 + 0.9**2) / 2, abs=0.01)
    assert float(angles.min()) > 0
    assert 1.49 < float(angles.max()) <= 1.5 + 1e-6
    assert float(angles.mean()) == pytest.approx(0.75, abs=0.05)
    torch.testing.assert_close(mixer.log_gamma.exp(), (1 - radii.square()).sqrt(), atol=1e-5, rtol=1e-4)


def test_states_of_the_lru_have_the_scale_of_the_inputs() -> None:
    mixer: Any = LRU(64, num_layers=1, state_size=256, r_min=0.5, r_max=0.99).mixers[0]
    with torch.no_grad():
        _, h = mixer.unroll(torch.randn(64, 600, 64))
    assert float(h.square().sum(-1).mean()) == pytest.approx(1, abs=0.1)
    radii = torch.exp(-mixer.log_nu.exp())
    assert float(h[:, radii > 0.95].square().sum(-1).mean()) == pytest.approx(1, abs=0.15)


def test_initial_values_of_s4d_are_those_of_the_paper() -> None:
    mixer: Any = S4D(2000, num_layers=1).mixers[0]
    assert mixer.log_step.shape == (2000,)
    steps = mixer.log_step.detach() / math.log(10)
    assert -3.001 < float(steps.min()) < -2.99
    assert -1.01 < float(steps.max()) < -0.999
    assert float(steps.mean()) == pytest.approx(-2, abs=0.05)
    torch.testing.assert_close(mixer.log_decay.exp(), torch.full((2000, 32), 0.5))
    torch.testing.assert_close(mixer.frequency[7], math.pi * torch.arange(32.0))
    assert float(mixer.out.detach().square().sum(-1).mean()) == pytest.approx(1, abs=0.02)


def test_initial_frequencies_inv_and_legs_are_those_of_the_paper() -> None:
    inverse: Any = S4D(1, state_size=8, init="inv").mixers[0].frequency
    torch.testing.assert_close(inverse[0], 8 / math.pi * (8 / torch.tensor([1.0, 3.0, 5.0, 7.0]) - 1))
    # HiPPO-LegS, which becomes normal by adding p p^T.
    n = np.arange(16)
    legs = -np.where(n[:, None] > n, np.sqrt(np.outer(2 * n + 1, 2 * n + 1)), np.diag(n + 1.0))
    normal = legs + np.sqrt(np.outer(n + 0.5, n + 0.5))
    values = np.linalg.eigvals(normal)
    assert values.real == pytest.approx(-0.5)
    legendre: Any = S4D(1, state_size=16, init="legs").mixers[0].frequency
    assert legendre[0].tolist() == pytest.approx(sorted(values.imag[values.imag > 0]), rel=1e-5)


@torch.no_grad()
def test_it_is_stable_for_any_parameters(backbone: Any) -> None:
    net = backbone.double()
    for p in net.parameter_groups()[0]["params"]:
        p.add_(3 * torch.randn_like(p))
    for mixer in net.mixers:
        if isinstance(backbone, LRU):
            radii = torch.exp(-mixer.log_nu.exp())
        else:
            radii = torch.exp(-mixer.log_decay.exp() * mixer.log_step.exp()[:, None])
        assert float(radii.max()) < 1
    assert torch.isfinite(net.float()(torch.randn(1, 20_000, 5))).all()


def test_parameters_of_the_recurrence_have_a_rate_of_their_own_and_no_weight_decay(backbone: Any) -> None:
    (group,) = backbone.parameter_groups()
    params = group.pop("params")
    chosen = {name.split(".", 2)[-1] for name, p in backbone.named_parameters() if any(p is q for q in params)}
    names = {LRU: {"log_nu", "log_theta", "log_gamma", "enter.weight"}, S4D: {"log_step", "log_decay", "frequency"}}
    assert chosen == names[type(backbone)]
    assert len(params) == 2 * len(chosen)
    options = {LRU: {"lr_scale": 0.5}, S4D: {"lr_scale": 1.0, "lr_max": 1e-3}}
    assert group == {"weight_decay": 0.0, **options[type(backbone)]}


def test_the_rate_of_the_recurrence_is_an_option() -> None:
    groups: list[Any] = [
        *LRU(4, lr_scale=0.25).parameter_groups(),
        *S4D(4, lr_scale=0.1, lr_max=None).parameter_groups(),
    ]
    assert [group["lr_scale"] for group in groups] == [0.25, 0.1]
    assert not any("lr_max" in group for group in groups)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LRU(4, lr_scale=0.0), "lr_scale must be a positive number, got 0.0"),
        (lambda: S4D(4, lr_scale=float("nan")), "lr_scale must be a positive number, got nan"),
        (lambda: S4D(4, lr_max=-1.0), "lr_max must be a positive number, got -1.0"),
    ],
)
def test_a_rate_that_is_not_positive_is_refused(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("d_model", [1, 7])
def test_any_width_and_a_single_step_work(backbone: Any, d_model: int) -> None:
    net = type(backbone)(d_model)
    assert net(torch.randn(2, 1, d_model), torch.tensor([1, 1])).shape == (2, 1, d_model)


def test_half_precision_is_finite_and_states_stay_float32(backbone: Any) -> None:
    x = torch.randn(2, 300, 5)
    with torch.autocast("cpu", torch.bfloat16):
        half = backbone(x)
    torch.testing.assert_close(half.float(), backbone(x), atol=0.1, rtol=0.1)
    net = backbone.bfloat16()
    y, state = net.unroll(x.bfloat16())
    y, state = net.unroll(x[:, :1].bfloat16(), state)
    assert y.dtype == torch.bfloat16
    assert torch.isfinite(y).all()
    assert {leaf.dtype for leaf in state} == {torch.float32}


@pytest.mark.parametrize("init", ["lin", "inv", "legs"])
def test_it_runs_on_the_meta_device(init: str) -> None:
    with torch.device("meta"):
        assert LRU(5)(torch.randn(2, 9, 5)).shape == (2, 9, 5)
        assert S4D(5, init=init).unroll(torch.randn(2, 9, 5))[0].shape == (2, 9, 5)


def test_dropout_acts_in_training_only(backbone: Any) -> None:
    net, x = type(backbone)(16, dropout=0.5), torch.randn(2, 3, 16)
    assert not torch.equal(net(x), net(x))
    assert torch.equal(net.eval()(x), net(x))


@pytest.mark.parametrize(
    ("cls", "options", "message"),
    [
        *((cls, {name: 0}, f"{name} must be") for cls in ALL for name in ("d_model", "num_layers", "state_size")),
        *((cls, {"dropout": 1.0}, "dropout") for cls in ALL),
        (LRU, {"r_min": 0.9, "r_max": 0.9}, "r_min < r_max < 1"),
        (LRU, {"r_max": 1.0}, "r_min < r_max < 1"),
        (LRU, {"r_min": -0.1}, "0 <= r_min"),
        (LRU, {"max_phase": 0.0}, "max_phase"),
        (LRU, {"max_phase": 7.0}, "max_phase"),
        (S4D, {"state_size": 7}, "even"),
        (S4D, {"init": "fou"}, "one of lin, inv, legs, got 'fou'"),
        (S4D, {"dt_min": 0.0}, "dt_min"),
        (S4D, {"dt_min": 1.0}, "dt_min <= dt_max"),
    ],
)
def test_values_out_of_range_are_refused(cls: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cls(**{"d_model": 4, **options})


@pytest.mark.gpu
def test_cuda_and_cpu_agree(backbone: Any) -> None:
    x = torch.randn(3, 70, 5)
    whole = backbone(x)
    torch.testing.assert_close(backbone.cuda()(x.cuda()).cpu(), whole, atol=1e-4, rtol=1e-3)
