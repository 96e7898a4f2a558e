from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from seqbench.models.contract.module_snapshot import restore_afterwards
from seqbench.models.weights import weights_digest


class Counting(nn.Module):
    """Module with everything that a forward pass may change."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("same", torch.zeros(1).expand(4))
        self.plain = torch.zeros(2)
        self.calls, self.lengths = 0, [0]
        self.masks: dict[int, Tensor] = {}
        self.names = {"first"}


def change_everything(module: Counting) -> None:
    module.eval()
    module.calls += 1
    module.lengths.append(1)
    module.names.add("second")
    module.late = torch.ones(1)
    with torch.inference_mode():
        module.masks[3] = torch.ones(3)
        module.weight.mul_(2)
        module.get_buffer("mean").data.add_(1)
        module.plain.add_(1)
    module.mean = torch.full((2,), torch.nan)


def raise_error(module: Counting) -> None:
    change_everything(module)
    raise RuntimeError("no forward")


@pytest.mark.parametrize("change", [change_everything, raise_error])
def test_attributes_containers_and_values_are_restored(change: Callable[[Counting], None]) -> None:
    inner = Counting()
    module = nn.Sequential(inner, nn.BatchNorm1d(3))
    before, buffer, masks = weights_digest(module), inner.mean, inner.masks
    try:
        with restore_afterwards(module):
            module[1](torch.rand(4, 3))
            change(inner)
    except RuntimeError as error:
        assert str(error) == "no forward"
    assert weights_digest(module) == before
    assert inner.mean is buffer
    assert inner.masks is masks
    assert (inner.training, inner.calls, inner.lengths, inner.masks, inner.names) == (True, 0, [0], {}, {"first"})
    assert inner.plain.tolist() == [0, 0]
    assert not hasattr(inner, "late")


def test_a_module_whose_mask_was_kept_in_inference_mode_can_be_trained_afterwards() -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3))
            self.mask: Tensor | None = None

        def forward(self) -> Tensor:
            if self.mask is None:
                self.mask = torch.ones(3)
            return (self.weight * self.mask).sum()

    module = Masked()
    with restore_afterwards(module), torch.inference_mode():
        module()
    module().backward()
    assert module.weight.grad is not None


def test_sparse_buffers_are_left_alone() -> None:
    module = nn.Module()
    module.register_buffer("graph", torch.eye(3).to_sparse())
    with restore_afterwards(module):
        pass
    assert module.get_buffer("graph").is_sparse
