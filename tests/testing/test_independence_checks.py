"""Checks of what an output must not depend on, each on a backbone that it must refuse."""

from __future__ import annotations

import pytest
from torch import nn

from seqbench.testing import Failure, Skip, independence_checks
from seqbench.testing.architecture_subject import ArchitectureSubject
from tests.testing import broken_backbones as broken
from tests.testing.backbones import Conforming, ConformingWithoutUnroll


def test_an_acausal_gradient_is_found_where_values_are_causal() -> None:
    subject = ArchitectureSubject(broken.AcausalGradient)
    with pytest.raises(Failure, match=r"output 0 has a gradient of .+ with respect to input \d;"):
        independence_checks.check_causality_by_gradient(subject)
    independence_checks.check_causality_by_change(subject)


def test_acausal_values_are_found_where_no_gradient_flows() -> None:
    subject = ArchitectureSubject(broken.AcausalValues)
    independence_checks.check_causality_by_gradient(subject)
    with pytest.raises(Failure, match=r"output 0 changed by 0\.\d+ in evaluation when inputs from 1 on"):
        independence_checks.check_causality_by_change(subject)


def test_looking_ahead_in_training_mode_only_is_found() -> None:
    with pytest.raises(Failure, match="in training when inputs from 1 on changed"):
        independence_checks.check_causality_by_change(ArchitectureSubject(broken.AcausalInTraining))


@pytest.mark.parametrize("backbone", [broken.AcausalGate, broken.FeedsBackAhead])
def test_looking_ahead_through_a_closed_gate_or_the_previous_output_is_found(backbone: type[nn.Module]) -> None:
    subject = ArchitectureSubject(backbone)
    with pytest.raises(Failure, match="must not look ahead"):
        independence_checks.check_causality_by_gradient(subject)
    with pytest.raises(Failure, match="must not look ahead"):
        independence_checks.check_causality_by_change(subject)


@pytest.mark.parametrize(
    ("backbone", "sentence"),
    [(broken.MeanOverPadding, "and it does"), (ConformingWithoutUnroll, "depends on no later input")],
)
def test_a_declared_look_ahead_is_skipped_with_what_was_found(
    backbone: type[nn.Module], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backbone, "causal", False)
    with pytest.raises(Skip, match=sentence):
        independence_checks.check_causality_by_change(ArchitectureSubject(backbone))
    with pytest.raises(Skip, match="declares that it looks ahead"):
        independence_checks.check_causality_by_gradient(ArchitectureSubject(backbone))


def test_outputs_that_depend_on_padding_are_refused() -> None:
    with pytest.raises(Failure, match="other numbers at padding changed valid outputs"):
        independence_checks.check_padding_ignored(ArchitectureSubject(broken.MeanOverPadding))


def test_infinite_outputs_at_padding_are_refused() -> None:
    with pytest.raises(Failure, match="outputs at padding are not finite"):
        independence_checks.check_padding_finite(ArchitectureSubject(broken.InfiniteAtPadding))


def test_lengths_that_change_valid_outputs_are_refused() -> None:
    with pytest.raises(Failure, match="lengths=None and full lengths differ"):
        independence_checks.check_lengths_optional(ArchitectureSubject(broken.ScaledByLengths))


def test_outputs_that_depend_on_the_row_number_are_refused() -> None:
    with pytest.raises(Failure, match="in another order of rows"):
        independence_checks.check_rows_independent(ArchitectureSubject(broken.AddsRowNumber))


def test_batch_statistics_are_found_in_training_mode_only() -> None:
    subject = ArchitectureSubject(broken.BatchNorm)
    independence_checks.check_rows_independent(subject)
    with pytest.raises(Failure, match="in training the output of a row changed"):
        independence_checks.check_rows_independent_in_training(subject)


@pytest.mark.parametrize(
    "check",
    [
        independence_checks.check_causality_by_gradient,
        independence_checks.check_causality_by_change,
        independence_checks.check_padding_ignored,
        independence_checks.check_padding_finite,
        independence_checks.check_lengths_optional,
        independence_checks.check_rows_independent,
        independence_checks.check_rows_independent_in_training,
    ],
)
def test_a_conforming_backbone_passes(check: object) -> None:
    assert callable(check)
    check(ArchitectureSubject(Conforming))
