from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from seqbench.testing import architecture_checks

pytest.importorskip("transformers", reason="the extra transformers is not installed")

from seqbench.architectures.external.hugging_face import HFGPT2, HFMamba
from seqbench.architectures.mamba import Mamba

CHECKS = [
    pytest.param(check, id=f"{backbone.__name__}-{check.name}")
    for backbone in (HFMamba, HFGPT2)
    for check in architecture_checks(backbone)
]


@pytest.mark.parametrize("check", CHECKS)
def test_it_passes_the_conformance_kit(check: Any) -> None:
    check()


def test_values_of_mamba_equal_its_definition() -> None:
    net = HFMamba(6, num_layers=1, state_size=3).eval()
    block, x = net.net.layers[0], torch.randn(2, 7, 6)
    expected = net.net.norm_f(x + _mixer(block.mixer, block.norm(x)))
    torch.testing.assert_close(net(x), expected, atol=1e-5, rtol=1e-5)


def _mixer(mixer: Any, x: Tensor) -> Tensor:
    """Compute the selective scan by its definition, in a loop over steps."""
    u, gate = mixer.in_proj(x).chunk(2, dim=-1)
    taps, hidden, outputs = mixer.conv1d.kernel_size[0], 0.0, []
    padded = torch.cat([u.new_zeros(len(u), taps - 1, u.shape[2]), u], dim=1)
    for t in range(x.shape[1]):
        window = padded[:, t : t + taps]
        v = torch.nn.functional.silu((window * mixer.conv1d.weight[:, 0].T).sum(1) + mixer.conv1d.bias)
        rank, states = mixer.time_step_rank, mixer.ssm_state_size
        low, b, c = mixer.x_proj(v).split([rank, states, states], dim=-1)
        delta = torch.nn.functional.softplus(mixer.dt_proj(low))
        decay = torch.exp(-delta[..., None] * mixer.A_log.exp())
        hidden = decay * hidden + (delta * v)[..., None] * b[:, None]
        outputs.append((hidden * c[:, None]).sum(-1) + mixer.D * v)
    return mixer.out_proj(torch.stack(outputs, 1) * torch.nn.functional.silu(gate))


def test_mamba_has_about_as_many_parameters_as_seqbenchs_own() -> None:
    ours, theirs = (sum(p.numel() for p in net.parameters()) for net in (Mamba(64, 2), HFMamba(64, 2)))
    assert abs(ours - theirs) < 0.1 * ours


def test_values_of_gpt2_equal_the_library_with_its_own_mask() -> None:
    net, x, lengths = HFGPT2(8, heads=2).eval(), torch.randn(3, 9, 8), torch.tensor([9, 4, 1])
    valid = torch.arange(9) < lengths[:, None]
    expected = net.net(inputs_embeds=x, attention_mask=valid.long()).last_hidden_state
    torch.testing.assert_close(net(x, lengths)[valid], expected[valid], atol=1e-5, rtol=1e-5)


def test_outputs_of_gpt2_depend_on_the_position() -> None:
    net = HFGPT2(8).eval()
    y = net(torch.randn(1, 1, 8).expand(1, 5, 8))
    assert not torch.allclose(y[:, 1], y[:, 4], atol=1e-3)


def test_gpt2_refuses_longer_sequences() -> None:
    net = HFGPT2(8, max_time=5)
    assert net(torch.randn(1, 5, 8)).shape == (1, 5, 8)
    with pytest.raises(ValueError, match="positions for 5 steps, got a sequence of 6"):
        net(torch.randn(1, 6, 8))


def test_dropout_of_gpt2_acts_in_training_only() -> None:
    net, x = HFGPT2(16, dropout=0.5), torch.randn(2, 5, 16)
    net.train()
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


@pytest.mark.parametrize(
    ("backbone", "options"),
    [
        *((HFMamba, {name: 0}) for name in ("d_model", "num_layers", "state_size", "expand", "conv_kernel")),
        *((HFGPT2, {name: 0}) for name in ("d_model", "num_layers", "heads", "max_time")),
        (HFGPT2, {"dropout": 1.0}),
        (HFGPT2, {"d_model": 10}),
    ],
)
def test_values_out_of_range_are_refused(backbone: type, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        backbone(**{"d_model": 8, **options})
