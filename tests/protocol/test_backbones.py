"""The protocols of backbones, on the registered architectures and on modules that lack a part."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from seqbench.architectures.bidirectional import BiGRU
from seqbench.architectures.feedback import Jordan
from seqbench.architectures.mamba import Mamba
from seqbench.architectures.recurrent import GRU
from seqbench.protocol.backbones import (
    CrossAttending,
    GroupsParameters,
    Streaming,
    call_forward,
    declared_causality,
    feeds_back_output,
    is_causal,
    is_cross_attending,
    is_streaming,
    lengths_argument,
    requires_memory,
)


class WithoutDeclarations(nn.Module):
    """A module that declares nothing."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return x


class CrossAttendingSum(nn.Module):
    """Adds the mean of the valid memory to each step; its memory is required and given by name."""

    def forward(self, x: Tensor, lengths: Tensor | None = None, *, memory: Tensor, memory_lengths: Tensor) -> Tensor:
        valid = torch.arange(memory.shape[1]) < memory_lengths[:, None]
        return x + ((memory * valid[..., None]).sum(1) / memory_lengths[:, None])[:, None]


class OptionalMemory(nn.Module):
    """Returns its input; its memory is optional."""

    def forward(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        memory: Tensor | None = None,
        memory_lengths: Tensor | None = None,
    ) -> Tensor:
        return x


class MemoryWithoutLengths(nn.Module):
    """Takes a memory but not its lengths."""

    def forward(self, x: Tensor, lengths: Tensor | None, memory: Tensor) -> Tensor:
        return x


def test_a_backbone_with_unroll_is_streaming() -> None:
    backbone = GRU(4)
    assert is_streaming(backbone)
    assert isinstance(backbone, Streaming)
    outputs, state = backbone.unroll(torch.ones(2, 3, 4))
    assert outputs.shape == (2, 3, 4)
    assert isinstance(state, Tensor)


def test_a_class_is_streaming_as_its_instances_are() -> None:
    assert is_streaming(GRU)
    assert not is_streaming(BiGRU)


def test_a_module_without_declarations_is_causal_and_neither_streaming_nor_fed_back() -> None:
    module = WithoutDeclarations()
    assert is_causal(module)
    assert not is_streaming(module)
    assert not isinstance(module, Streaming)
    assert not feeds_back_output(module)
    assert not isinstance(module, GroupsParameters)


def test_a_declared_look_ahead_is_not_causal() -> None:
    assert not is_causal(BiGRU(4))


def test_a_backbone_may_declare_that_it_feeds_its_output_back() -> None:
    assert feeds_back_output(Jordan(4))
    assert not feeds_back_output(GRU(4))


def test_a_backbone_may_group_its_parameters() -> None:
    backbone = Mamba(4)
    assert isinstance(backbone, GroupsParameters)
    assert all("params" in group for group in backbone.parameter_groups())


def test_a_forward_that_takes_a_memory_and_its_lengths_is_cross_attending() -> None:
    backbone: CrossAttending = CrossAttendingSum()
    assert is_cross_attending(backbone)
    memory = torch.ones(2, 3, 4).cumsum(1)
    outputs = backbone(torch.zeros(2, 5, 4), memory=memory, memory_lengths=torch.tensor([3, 1]))
    assert outputs[:, :, 0].tolist() == [[2.0] * 5, [1.0] * 5]


def test_a_class_is_cross_attending_as_its_instances_are() -> None:
    assert is_cross_attending(CrossAttendingSum)
    assert is_cross_attending(OptionalMemory)
    assert not is_cross_attending(GRU)


@pytest.mark.parametrize("backbone", [GRU(4), WithoutDeclarations(), MemoryWithoutLengths(), object()])
def test_what_lacks_a_memory_or_its_lengths_is_not_cross_attending(backbone: object) -> None:
    assert not is_cross_attending(backbone)
    assert not requires_memory(backbone)


def test_a_callable_without_a_readable_signature_is_not_cross_attending() -> None:
    class BuiltinForward:
        forward = staticmethod(max)

    assert not is_cross_attending(BuiltinForward())


def test_a_memory_without_a_default_is_required() -> None:
    assert requires_memory(CrossAttendingSum())
    assert not requires_memory(OptionalMemory())


class Lengths(nn.Module):
    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return x if lengths is None else x * lengths[:, None, None]


class LaterLengths(nn.Module):
    def forward(self, x: Tensor, mask: Tensor | None = None, lengths: Tensor | None = None) -> Tensor:
        assert mask is None
        return x if lengths is None else x * lengths[:, None, None]


class Variadic(Lengths):
    def forward(self, *given: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(*given)


class NoLengths(nn.Module):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        assert mask is None
        return x


class FeedbackLengths(nn.Module):
    def forward(self, x: Tensor, y_previous: Tensor, lengths: Tensor | None = None) -> Tensor:
        return x + y_previous if lengths is None else x * lengths[:, None, None]


@pytest.mark.parametrize(
    ("backbone", "inputs", "argument"),
    [
        (Lengths, 1, "position"),
        (LaterLengths, 1, "keyword"),
        (Variadic, 1, "position"),
        (NoLengths, 1, ""),
        (FeedbackLengths, 2, "position"),
    ],
)
def test_lengths_are_given_to_those_that_take_them(backbone: type[nn.Module], inputs: int, argument: str) -> None:
    assert lengths_argument(backbone, inputs) == lengths_argument(backbone(), inputs) == argument
    x, lengths = torch.ones(2, 3, 4), torch.tensor([3, 2])
    y = call_forward(backbone(), *[x] * inputs, lengths=lengths)
    assert torch.equal(y, x * lengths[:, None, None] if argument else x)


def test_a_forward_that_an_instance_replaces_is_the_one_that_counts() -> None:
    net = NoLengths()
    net.__dict__["forward"] = Lengths().forward
    assert lengths_argument(net) == "position"


def test_the_memory_is_given_beside_the_lengths() -> None:
    x, lengths = torch.ones(2, 3, 4), torch.tensor([3, 2])
    y = call_forward(CrossAttendingSum(), x, lengths=lengths, memory=x, memory_lengths=lengths)
    assert y.shape == x.shape


def test_causality_is_declared_by_true_or_false_only() -> None:
    assert declared_causality(WithoutDeclarations()) is None
    net = WithoutDeclarations()
    for value in (True, False):
        net.causal = value  # type: ignore[assignment]
        assert declared_causality(net) is is_causal(net) is value
    net.causal = "no"  # type: ignore[assignment]
    with pytest.raises(TypeError, match="causal of WithoutDeclarations that is True or False, got 'no'"):
        declared_causality(net)
