"""The protocols of backbones, on the registered architectures and on modules that lack a part."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqbench.architectures.bidirectional import BiGRU
from seqbench.architectures.feedback import Jordan
from seqbench.architectures.mamba import Mamba
from seqbench.architectures.recurrent import GRU
from seqbench.protocol.backbones import GroupsParameters, Streaming, feeds_back_output, is_causal, is_streaming


class WithoutDeclarations(nn.Module):
    """A module that declares nothing."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
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
