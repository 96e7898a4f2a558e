from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from seqbench.testing import architecture_checks

pytest.importorskip("xlstm", reason="the extra xlstm is not installed")

from seqbench.architectures.external.nxai import XLSTM

CHECKS = [
    check
    # The sLSTM of the package reads values of its state, and the meta device has none.
    for every, on_meta in ((2, False), (0, True))
    for check in architecture_checks(XLSTM, options={"slstm_every": every})
    if (check.name == "meta_device") == on_meta
]


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_it_passes_the_conformance_kit(check: Any) -> None:
    check()


def _mlstm(layer: Any, x: Tensor) -> Tensor:
    """Compute an mLSTM by the paper's recurrence (equations 19 to 27), without a stabiliser, in a loop over steps."""
    u, gate = layer.proj_up(x).chunk(2, dim=-1)
    convolved = torch.nn.functional.silu(layer.conv1d(u))
    q, k, v = layer.q_proj(convolved), layer.k_proj(convolved), layer.v_proj(u)
    cell, gate_inputs = layer.mlstm_cell, torch.cat([q, k, v], -1)
    i, f = cell.igate(gate_inputs).exp(), torch.sigmoid(cell.fgate(gate_inputs))
    heads = cell.config.num_heads
    q, k, v = (z.unflatten(-1, (heads, -1)) for z in (q, k, v))
    k = k / k.shape[-1] ** 0.5
    memory, normaliser, outputs = 0.0, 0.0, []
    for t in range(x.shape[1]):
        memory = f[:, t, :, None, None] * memory + i[:, t, :, None, None] * k[:, t, :, :, None] * v[:, t, :, None]
        normaliser = f[:, t, :, None] * normaliser + i[:, t, :, None] * k[:, t]
        read = (q[:, t, :, None] @ memory)[:, :, 0]
        outputs.append(read / (q[:, t] * normaliser).sum(-1, keepdim=True).abs().clamp(min=1))
    h = cell.outnorm(torch.stack(outputs, 2)).transpose(1, 2).flatten(2) + layer.learnable_skip * convolved
    return layer.proj_down(h * torch.nn.functional.silu(gate))


def test_values_equal_the_papers_recurrence() -> None:
    net, x = XLSTM(8, num_layers=1).double().eval(), torch.randn(2, 9, 8, dtype=torch.float64)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.3 * torch.randn_like(p))
    block = net.stack.blocks[0]
    expected = net.stack.post_blocks_norm(x + _mlstm(block.xlstm, block.xlstm_norm(x)))
    torch.testing.assert_close(net(x), expected, atol=1e-4, rtol=1e-4)


def test_gradients_of_single_steps_equal_those_of_the_parallel_form() -> None:
    net, x, weight = XLSTM(8, slstm_every=2), *torch.randn(2, 3, 6, 8).unbind()
    parameters = list(net.parameters())
    expected = torch.autograd.grad((weight * net(x)).sum(), parameters)
    state, outputs = None, []
    for chunk in x.split([4, 2], dim=1):
        y, state = net.unroll(chunk, state)
        outputs.append(y)
    for gradient, expected_gradient in zip(
        torch.autograd.grad((weight * torch.cat(outputs, 1)).sum(), parameters), expected, strict=True
    ):
        torch.testing.assert_close(gradient, expected_gradient, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("every", "places"), [(0, []), (1, [0, 1, 2, 3]), (2, [1, 3]), (3, [2]), (8, [])])
def test_every_nth_block_is_an_slstm(every: int, places: list[int]) -> None:
    net = XLSTM(8, num_layers=4, slstm_every=every)
    assert [index for index, block in enumerate(net.stack.blocks) if hasattr(block.xlstm, "slstm_cell")] == places


def test_state_shapes_are_as_documented() -> None:
    _, state = XLSTM(8, slstm_every=2).unroll(torch.randn(3, 2, 8))
    assert [tuple(leaf.shape) for leaf in tree_leaves(state)] == [
        (3, 4, 64),
        (3, 4, 16, 16),
        (3, 4, 16, 1),
        (3, 4, 1, 1),
        (3, 4, 8),
        (3, 4, 8),
    ]


@pytest.mark.parametrize("every", [0, 1])
def test_dropout_acts_in_training_only(every: int) -> None:
    net, x = XLSTM(16, dropout=0.5, slstm_every=every), torch.randn(2, 5, 16)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


@pytest.mark.parametrize(
    "options",
    [
        {"d_model": 0},
        {"num_layers": 0},
        {"dropout": 1.0},
        {"heads": 0},
        {"heads": 3},
        {"slstm_every": -1},
        {"d_model": 10, "slstm_every": 1},
        {"d_model": 4, "slstm_every": 1},
    ],
    ids=str,
)
def test_values_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        XLSTM(**{"d_model": 8, **options})
