"""Backbones that use later inputs, and the checks that find them."""

from __future__ import annotations

import pytest
from torch import nn

from seqbench.testing import Failure, Skip, causality_checks
from seqbench.testing.architecture_subject import ArchitectureSubject
from tests.testing import broken_backbones as broken
from tests.testing.backbones import Conforming, ConformingWithoutUnroll


def test_an_acausal_gradient_is_found_where_values_are_causal() -> None:
    subject = ArchitectureSubject(broken.AcausalGradient)
    with pytest.raises(Failure, match=r"output 0 has a gradient of .+ with respect to input \d;"):
        causality_checks.check_causality_by_gradient(subject)
    causality_checks.check_causality_by_change(subject)


def test_acausal_values_are_found_where_no_gradient_flows() -> None:
    subject = ArchitectureSubject(broken.AcausalValues)
    causality_checks.check_causality_by_gradient(subject)
    with pytest.raises(Failure, match=r"output 0 changed by 0\.\d+ in evaluation when inputs from 1 on"):
        causality_checks.check_causality_by_change(subject)


def test_looking_ahead_in_training_mode_only_is_found() -> None:
    with pytest.raises(Failure, match="in training when inputs from 1 on changed"):
        causality_checks.check_causality_by_change(ArchitectureSubject(broken.AcausalInTraining))


@pytest.mark.parametrize("backbone", [broken.AcausalGate, broken.FeedsBackAhead])
def test_looking_ahead_through_a_closed_gate_or_the_previous_output_is_found(backbone: type[nn.Module]) -> None:
    subject = ArchitectureSubject(backbone)
    with pytest.raises(Failure, match="must not look ahead"):
        causality_checks.check_causality_by_gradient(subject)
    with pytest.raises(Failure, match="must not look ahead"):
        causality_checks.check_causality_by_change(subject)


@pytest.mark.parametrize(
    ("backbone", "sentence"),
    [(broken.MeanOverPadding, "and it does"), (ConformingWithoutUnroll, "depends on no later input")],
)
def test_a_declared_look_ahead_is_skipped_with_what_was_found(
    backbone: type[nn.Module], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backbone, "causal", False)
    with pytest.raises(Skip, match=sentence):
        causality_checks.check_causality_by_change(ArchitectureSubject(backbone))
    with pytest.raises(Skip, match="declares that it looks ahead"):
        causality_checks.check_causality_by_gradient(ArchitectureSubject(backbone))


@pytest.mark.parametrize("backbone", [Conforming, ConformingWithoutUnroll])
def test_a_causal_backbone_passes(backbone: type[nn.Module]) -> None:
    causality_checks.check_causality_by_gradient(ArchitectureSubject(backbone))
    causality_checks.check_causality_by_change(ArchitectureSubject(backbone))
