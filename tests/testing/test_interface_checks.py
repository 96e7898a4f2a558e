"""Checks of a backbone's interface, each on a backbone that it must refuse."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seqbench.testing import Failure, interface_checks
from seqbench.testing.architecture_subject import ArchitectureSubject
from tests.testing import broken_backbones as broken
from tests.testing.backbones import Conforming, FeedsBackOutput, VariadicMethods


def test_the_signature_of_conforming_backbones_passes() -> None:
    for backbone in (Conforming, FeedsBackOutput, VariadicMethods):
        interface_checks.check_signature(ArchitectureSubject(backbone))


@pytest.mark.parametrize(
    ("backbone", "sentence"),
    [
        (broken.MaskArgument, r"expected forward\(x, lengths=None\), got forward\(.*mask"),
        (broken.Undeclared, "expected an attribute causal that is True or False, got None"),
        (broken.CausalAsText, "causal that is True or False, got 'yes'"),
        (broken.RequiredKeyword, r"expected forward\(x, lengths=None\), got forward\(.*depth"),
    ],
)
def test_a_signature_that_breaks_the_contract_is_refused(backbone: type[nn.Module], sentence: str) -> None:
    with pytest.raises(Failure, match=sentence):
        interface_checks.check_signature(ArchitectureSubject(backbone))


def test_an_option_without_a_default_is_refused_unless_it_is_set() -> None:
    class RequiredOption(Conforming):
        def __init__(self, d_model: int, depth: int) -> None:
            super().__init__(d_model)

    interface_checks.check_signature(ArchitectureSubject(RequiredOption, options={"depth": 2}))
    with pytest.raises(TypeError, match="depth"):
        ArchitectureSubject(RequiredOption).build()
    with pytest.raises(Failure, match="option depth has no default"):
        interface_checks.check_signature(ArchitectureSubject(RequiredOption))


def test_an_unroll_with_other_arguments_is_refused() -> None:
    class MemoryArgument(Conforming):
        def unroll(self, x: torch.Tensor, memory: object = None) -> tuple[torch.Tensor, object]:
            return super().unroll(x)

    with pytest.raises(Failure, match=r"expected unroll\(x, state=None\), got unroll\(.*memory"):
        interface_checks.check_signature(ArchitectureSubject(MemoryArgument))


def test_outputs_without_their_batch_axis_are_refused() -> None:
    with pytest.raises(Failure, match=r"expected an output of shape \(1, 5, 16\).*got \(5, 16\)"):
        interface_checks.check_output_shape(ArchitectureSubject(broken.SqueezedBatch))


def test_outputs_that_are_no_tensor_are_refused() -> None:
    with pytest.raises(Failure, match=r"expected an output of shape \(2, 3\).*got tuple"):
        interface_checks.expect_shape((torch.zeros(2, 3),), (2, 3))


def test_one_step_without_its_time_axis_is_refused() -> None:
    with pytest.raises(Failure, match=r"expected an output of shape \(1, 1, 16\)"):
        interface_checks.check_one_step_sequences(ArchitectureSubject(broken.SqueezedTime))


def test_a_width_may_be_refused_by_a_value_error_only() -> None:
    class EvenWidth(Conforming):
        def __init__(self, d_model: int, dropout: float = 0.0) -> None:
            if d_model % 2:
                raise ValueError(f"d_model must be even, got {d_model}")
            super().__init__(d_model, dropout)

    interface_checks.check_other_widths(ArchitectureSubject(EvenWidth))
    with pytest.raises(Failure, match="d_model 1 raised AssertionError"):
        interface_checks.check_other_widths(ArchitectureSubject(broken.EvenWidthAssertion))


def test_a_backbone_that_is_changed_by_a_long_sequence_is_refused() -> None:
    class RemembersLongest(Conforming):
        longest = 1

        def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
            self.longest = max(self.longest, x.shape[1])
            return super().forward(x) / self.longest

    with pytest.raises(IndexError):
        interface_checks.check_long_sequences(ArchitectureSubject(broken.BoundedPositions))
    with pytest.raises(Failure, match="keep nothing between calls"):
        interface_checks.check_long_sequences(ArchitectureSubject(RemembersLongest))


def test_the_declared_number_of_parameters_is_compared() -> None:
    count = 2 * (6 * 6 + 6)
    interface_checks.check_parameter_count(ArchitectureSubject(Conforming, d_model=6, parameters=count))
    with pytest.raises(Failure, match=f"expected {count + 1} trainable parameters, got {count}"):
        interface_checks.check_parameter_count(ArchitectureSubject(Conforming, d_model=6, parameters=count + 1))


@pytest.mark.parametrize(
    ("groups", "sentence"),
    [
        (None, "expected Grouped.parameter_groups to return a list"),
        ([{"weight_decay": 0.0}], "a group has no list params"),
        ([{"params": [], "rate": 0.1}], "the key 'rate' in a group of Grouped.parameter_groups is unknown"),
        ([{"params": [], "lr": 0.1, "lr_scale": 0.1}], "both lr, which replaces the rate of the card, and lr_scale"),
        ([{"params": [torch.zeros(2)]}], "something that is not a parameter"),
        ([{"params": [nn.Parameter(torch.zeros(2))]}], "not one of the module's own"),
    ],
)
def test_parameter_groups_of_another_form_are_refused(groups: object, sentence: str) -> None:
    class Grouped(Conforming):
        def parameter_groups(self) -> object:
            return groups

    with pytest.raises(Failure, match=sentence):
        interface_checks.check_parameter_groups(ArchitectureSubject(Grouped))


def test_a_parameter_in_two_groups_is_refused() -> None:
    with pytest.raises(Failure, match="a parameter is in two groups"):
        interface_checks.check_parameter_groups(ArchitectureSubject(broken.RepeatedParameterGroup))
