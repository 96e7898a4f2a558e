from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import group_norm, silu

from seqbench.architectures.mlstm import MLSTM
from seqbench.testing.architecture_kit import check_architecture


def randomize_gates(net: Any) -> Any:
    """Make the gates depend on the input, and give the channels different scales."""
    for mixer in net.mixers:
        nn.init.normal_(mixer.gates.weight, std=0.5)
        for p in (mixer.scale, mixer.skip):
            nn.init.uniform_(p, 0.5, 2.0)
    return net


def reference(mixer: Any, x: Tensor) -> Tensor:
    """Return the output of one mixer in double precision, head by head and step by step, without a stabiliser."""
    mixer, x = mixer.double(), x.double()
    heads, width = mixer.heads, mixer.width
    inside, gate = (x @ mixer.inward.weight.T).chunk(2, dim=-1)
    filters, bias = mixer.convolution.filter.weight[:, 0], mixer.convolution.filter.bias
    added = torch.zeros_like(inside)
    for b in range(len(x)):
        c = [torch.zeros(width, width, dtype=x.dtype) for _ in range(heads)]
        n = [torch.zeros(width, dtype=x.dtype) for _ in range(heads)]
        for t in range(x.shape[1]):
            mixed = silu(bias + sum(filters[:, 3 - back] * inside[b, t - back] for back in range(min(4, t + 1))))
            gates = mixer.gates.weight @ mixed + mixer.gates.bias
            reads = []
            for h in range(heads):
                own = slice(h * width, (h + 1) * width)
                q, k = (mixed[own] @ mixer.pairs.weight[h]).split(width)
                k, v = k / width**0.5, inside[b, t, own] @ mixer.values.weight[h]
                i, f = gates[h].exp(), torch.sigmoid(gates[heads + h])
                c[h] = f * c[h] + i * torch.outer(v, k)
                n[h] = f * n[h] + i * k
                reads.append(c[h] @ q / (n[h] @ q).abs().clamp(min=1.0))
            normed = group_norm(torch.cat(reads)[None], heads, mixer.scale)[0]
            added[b, t] = (normed + mixer.skip * mixed) * silu(gate[b, t])
    return added @ mixer.outward.weight.T


@pytest.mark.parametrize(("d_model", "heads", "time"), [(8, 2, 1), (7, 3, 5), (6, 2, 70)])
def test_it_equals_the_formula(d_model: int, heads: int, time: int) -> None:
    mixer: Any = randomize_gates(MLSTM(d_model, 1, heads=heads)).mixers[0]
    x = torch.randn(2, time, d_model)
    y = mixer(x)
    torch.testing.assert_close(y, reference(mixer, x).float(), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(mixer.double()(x.double()), reference(mixer, x))


@pytest.mark.parametrize("sizes", [[531], [1] * 531, [200, 1, 65, 265]], ids=len)
def test_unroll_in_chunks_equals_forward(sizes: list[int]) -> None:
    torch.manual_seed(0)
    net, x = MLSTM(15), torch.randn(2, 531, 15)
    state, outputs = None, []
    with torch.no_grad():
        for chunk in x.split(sizes, dim=1):
            y, state = net.unroll(chunk, state)
            outputs.append(y)
        torch.testing.assert_close(torch.cat(outputs, 1), net(x), atol=1e-5, rtol=0)
    assert state is not None
    shapes = [(tuple(inputs.shape), [tuple(leaf.shape) for leaf in memory]) for inputs, memory in state]
    assert shapes == [((2, 3, 32), [(2, 4, 8, 8), (2, 4, 8), (2, 4)])] * 2


def test_initial_memories_of_heads_have_different_lengths() -> None:
    mixer: Any = MLSTM(8).mixers[0]
    assert mixer.gates.bias[4:].tolist() == [3.0, 4.0, 5.0, 6.0]
    assert 0 < mixer.gates.bias[:4].abs().max() < 1
    assert not mixer.gates.weight.any()


def test_biases_of_gates_have_no_weight_decay() -> None:
    net = MLSTM(8, num_layers=3)
    (group,) = net.parameter_groups()
    assert group["weight_decay"] == 0.0
    names = {name for name, p in net.named_parameters() if any(p is own for own in group["params"])}
    assert names == {f"mixers.{layer}.gates.bias" for layer in range(3)}


def test_it_passes_the_conformance_kit() -> None:
    check_architecture(MLSTM, d_model=7, options={"heads": 3, "dropout": 0.1})
    check_architecture(MLSTM, d_model=2)


def test_the_number_of_parameters_equals_its_formula() -> None:
    for d, width in ((12, 6), (13, 7), (1, 2)):
        inner = 4 * width
        mixer = 3 * d * inner + 5 * inner + 3 * inner * width + 8 * inner + 8 + 2 * inner
        count = sum(p.numel() for p in MLSTM(d, num_layers=3, heads=4).parameters())
        assert count == 3 * (mixer + d) + d


@pytest.mark.parametrize(
    "options",
    [{"d_model": 0}, {"num_layers": 0}, {"heads": 0}, {"dropout": 1.0}],
    ids=lambda options: next(iter(options)),
)
def test_values_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        MLSTM(**{"d_model": 4, **options})
