"""Checks of a backbone in training, each on a backbone that it must refuse."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from seqbench.architectures.bag import BagOfWords
from seqbench.testing import Failure, Skip, training_checks
from seqbench.testing.architecture_subject import ArchitectureSubject
from tests.testing import broken_backbones as broken
from tests.testing.backbones import Conforming


@pytest.mark.parametrize(
    ("check", "backbone", "sentence"),
    [
        (training_checks.check_gradients_reach_all, broken.UnusedParameter, "no gradient reaches spare;"),
        (training_checks.check_loss_decreases, broken.NegatedGradient, "in 20 steps of Adam; it must fall"),
        (training_checks.check_initialization_seeded, broken.PythonRandomWeights, "differ in inputs.weight;"),
        (training_checks.check_evaluation_repeatable, broken.DropoutInEvaluation, "in evaluation differ"),
        (training_checks.check_training_seeded, broken.NumpyDropout, "in training two forward passes with one seed"),
        (training_checks.check_state_dict_complete, broken.UnsavedBuffer, "with the same state_dict differ"),
        (training_checks.check_deepcopy_independent, broken.BoundLambda, "a deep copy"),
    ],
)
def test_a_check_passes_a_conforming_backbone_and_refuses_a_broken_one(
    check: Callable[[ArchitectureSubject], None], backbone: type[nn.Module], sentence: str
) -> None:
    check(ArchitectureSubject(Conforming))
    with pytest.raises(Failure, match=sentence):
        check(ArchitectureSubject(backbone))


def test_detached_outputs_are_refused() -> None:
    class Detached(Conforming):
        def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
            return super().forward(x).detach()

    with pytest.raises(Failure, match="the outputs have no gradient"):
        training_checks.check_gradients_reach_all(ArchitectureSubject(Detached))


def test_a_state_dict_that_holds_no_tensors_only_is_refused() -> None:
    class ExtraState(Conforming):
        def get_extra_state(self) -> object:
            return ArchitectureSubject

        def set_extra_state(self, state: object) -> None:
            pass

    with pytest.raises(Failure, match="the state_dict cannot be loaded"):
        training_checks.check_state_dict_complete(ArchitectureSubject(ExtraState))


def test_a_backbone_without_parameters_is_not_trained() -> None:
    with pytest.raises(Skip, match="has no parameters"):
        training_checks.check_loss_decreases(ArchitectureSubject(BagOfWords))
