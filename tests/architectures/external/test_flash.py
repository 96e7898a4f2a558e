from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqbench.architectures.external.flash import FLAGatedDeltaNet, FLAGatedLinearAttention, FLAKimiDeltaAttention

ALL = [FLAGatedLinearAttention, FLAGatedDeltaNet, FLAKimiDeltaAttention]


class FakeLayer(nn.Module):
    """A layer with the interface of the library: a running mean that stores its options."""

    def __init__(self, hidden_size: int, num_heads: int, **sizes: Any) -> None:
        super().__init__()
        self.options = {"hidden_size": hidden_size, "num_heads": num_heads, **sizes}
        self.inward = nn.Linear(hidden_size, hidden_size)

    def forward(self, hidden_states: Tensor) -> tuple[Tensor, None, None]:
        count = torch.arange(1, hidden_states.shape[1] + 1, device=hidden_states.device)
        return self.inward(hidden_states).cumsum(1) / count[:, None], None, None


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the library and its device, to test the stack around its layers."""
    fla: Any = ModuleType("fla")
    fla.layers = SimpleNamespace(GatedLinearAttention=FakeLayer, GatedDeltaNet=FakeLayer, KimiDeltaAttention=FakeLayer)
    monkeypatch.setitem(sys.modules, "fla", fla)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


@pytest.mark.parametrize("backbone", ALL)
def test_without_cuda_the_error_names_an_alternative(backbone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=f"{backbone.entry} needs a CUDA device.*choose gated-deltanet"):
        backbone(16)


@pytest.mark.parametrize("backbone", ALL)
def test_without_the_library_the_error_names_the_extra(backbone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setitem(sys.modules, "fla", None)
    with pytest.raises(ImportError, match=r"pip install 'seqbench\[fla\]'"):
        backbone(16)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("backbone", "sizes"),
    [
        (FLAGatedLinearAttention, {}),
        (FLAGatedDeltaNet, {"head_dim": 6, "expand_v": 2}),
        (FLAKimiDeltaAttention, {"head_dim": 8}),
    ],
)
def test_layers_are_created_with_their_sizes(backbone: Any, sizes: dict[str, int]) -> None:
    net = backbone(16, num_layers=3, heads=2)
    options = [mixer.layer.options for mixer in net.stack.mixers]
    assert options == 3 * [{"hidden_size": 16, "num_heads": 2, **sizes}]


@pytest.mark.usefixtures("library")
def test_cpu_inputs_are_refused_and_the_stack_is_residual() -> None:
    net, x = FLAGatedLinearAttention(16, num_layers=1), torch.randn(2, 5, 16)
    with pytest.raises(ValueError, match=r"needs inputs on a CUDA device, got cpu"):
        net(x)
    stack: Any = net.stack
    after = x + stack.mixers[0].layer(stack.norms[0](x))[0]
    torch.testing.assert_close(stack(x), stack.last(after + stack.mlps[0](after)))


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    "options", [{"d_model": 0}, {"num_layers": 0}, {"dropout": 1.0}, {"heads": 0}, {"d_model": 12}]
)
def test_values_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        FLAGatedLinearAttention(**{"d_model": 16, **options})


@pytest.mark.gpu
@pytest.mark.parametrize("backbone", ALL)
def test_the_librarys_own_layers_are_causal_and_learn(backbone: Any) -> None:
    pytest.importorskip("fla", reason="the extra fla is not installed")
    net, x = backbone(64).cuda(), torch.randn(2, 100, 64, device="cuda", requires_grad=True)
    y = net(x)
    (gradient,) = torch.autograd.grad((y[:, 50] * torch.randn(64, device="cuda")).sum(), x, retain_graph=True)
    assert not gradient[:, 51:].any()
    assert gradient[:, :51].any()
    (y * torch.randn_like(y)).sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []
    torch.testing.assert_close(net.eval()(x[:1]), net(x)[:1], atol=1e-3, rtol=1e-3)
