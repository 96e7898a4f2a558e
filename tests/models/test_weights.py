"""The number of parameters and the digest of weights."""

from __future__ import annotations

import copy
import dataclasses

import torch
from torch import nn

import seqbench
from seqbench.models.weights import batch_digest, count_parameters, state_digest, weights_digest


def test_the_number_of_parameters_is_the_sum_over_the_parts() -> None:
    module = seqbench.build({"name": "gru", "d_model": 8}, "copy", tier="smoke")
    assert count_parameters(module) == 10 * 8 + (6 * 64 + 6 * 8) + (8 * 10 + 10)


def test_frozen_parameters_are_not_counted() -> None:
    linear = nn.Linear(3, 2)
    linear.bias.requires_grad_(False)
    assert count_parameters(linear) == 6


def test_the_digest_depends_on_the_last_bit_of_a_weight() -> None:
    module = nn.Linear(3, 2, dtype=torch.complex64)
    module.register_buffer("steps", torch.tensor(7))
    first = weights_digest(module)
    assert weights_digest(copy.deepcopy(module)) == first
    with torch.no_grad():
        module.weight[1, 2] += 1e-7 * module.weight[1, 2]
    assert weights_digest(module) != first


def test_the_digest_depends_on_names_types_and_shapes() -> None:
    zeros = {"a": torch.zeros(2)}
    others = [{"b": torch.zeros(2)}, {"a": torch.zeros(2, dtype=torch.int32)}, {"a": torch.zeros(1, 2)}]

    def digest(buffers: dict[str, torch.Tensor]) -> str:
        module = nn.Module()
        for name, buffer in buffers.items():
            module.register_buffer(name, buffer)
        return weights_digest(module)

    assert len({digest(buffers) for buffers in (zeros, *others)}) == 4


def test_the_digest_of_a_batch_depends_on_inputs_targets_lengths_and_weights() -> None:
    data = seqbench.data("copy", tier="smoke")
    batch = data.stream("train", 0)
    assert batch_digest(batch) == batch_digest(data.stream("train", 0))
    assert batch_digest(batch) != batch_digest(data.stream("train", 1))
    for name in ("inputs", "targets", "lengths", "weights"):
        changed = getattr(batch, name).clone()
        changed.view(-1)[-1] += 1
        assert batch_digest(dataclasses.replace(batch, **{name: changed})) != batch_digest(batch)


def test_the_digest_does_not_depend_on_strides() -> None:
    plain = torch.tensor([[3, 5]])
    for same in (plain.T.clone().T, plain.expand(1, 2), torch.as_strided(plain, (1, 2), (0, 1))):
        assert state_digest({"x": same}) == state_digest({"x": plain})
    # The lengths of a batch of one row may be broadcast from one number.
    lengths = torch.as_strided(torch.tensor([3]), (1,), (0,))
    assert state_digest({"x": lengths}) == state_digest({"x": torch.tensor([3])})
