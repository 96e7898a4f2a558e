"""How the kit builds and calls the backbone under test."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from seqbench.testing import Skip
from seqbench.testing.architecture_subject import (
    ArchitectureSubject,
    load_backbone_class,
    relative_difference,
    require_constructible,
)
from seqbench.utils.errors import SeqbenchError
from tests.backbones import RefusingWidth
from tests.testing import backbones
from tests.testing.backbones import Conforming, ConformingWithoutUnroll, FeedsBackOutput


@pytest.mark.parametrize("backbone", [Conforming, backbones.DropPath, backbones.NumpyDropPath])
def test_a_backbone_that_draws_random_numbers_in_training_is_compared_in_evaluation_only(
    backbone: type[nn.Module],
) -> None:
    subject = ArchitectureSubject(backbone)
    modes = [net.training for net in subject.deterministic_modes(subject.build_perturbed())]
    assert modes == ([False, True] if backbone is Conforming else [False])


def test_deterministic_modes_have_the_weights_of_the_net() -> None:
    subject = ArchitectureSubject(Conforming)
    net = subject.build(seed=5)
    evaluated, trained = subject.deterministic_modes(net)
    assert evaluated is net
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), trained.parameters(), strict=True))


def test_a_seed_gives_one_set_of_weights_and_leaves_the_callers_random_numbers() -> None:
    subject, before = ArchitectureSubject(Conforming), torch.get_rng_state()
    one, same, other = subject.build(), subject.build(), subject.build(seed=1)
    assert torch.equal(before, torch.get_rng_state())
    weights = [net.get_parameter("inputs.weight") for net in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_perturbed_weights_differ_a_little_from_the_initial_ones() -> None:
    subject = ArchitectureSubject(Conforming)
    pairs = zip(subject.build().parameters(), subject.build_perturbed().parameters(), strict=True)
    assert all(0 < float((a - b).detach().abs().max()) < 0.5 for a, b in pairs)


def test_changed_options_replace_the_subjects() -> None:
    subject = ArchitectureSubject(Conforming, options={"dropout": 0.3})
    assert subject.takes_dropout
    assert subject.build().p == 0.3
    assert subject.build({"dropout": 0.1}).p == 0.1


def test_both_inputs_of_a_backbone_that_feeds_its_output_back_are_in_one_tensor() -> None:
    subject = ArchitectureSubject(FeedsBackOutput, d_model=4)
    net, x = subject.build(), subject.random_inputs(2, 3)
    assert x.shape == (2, 3, 8)
    assert torch.equal(subject.forward(net, x), net(x[..., :4], x[..., 4:]))


def test_inputs_depend_on_their_number_only() -> None:
    subject = ArchitectureSubject(Conforming)
    assert torch.equal(subject.random_inputs(2, 3), subject.random_inputs(2, 3))
    assert not torch.equal(subject.random_inputs(2, 3), subject.random_inputs(2, 3, number=1))
    assert subject.random_inputs(2, 3, d_model=5).shape == (2, 3, 5)


def test_a_backbone_without_unroll_is_skipped() -> None:
    subject = ArchitectureSubject(ConformingWithoutUnroll)
    with pytest.raises(Skip, match="reads whole windows"):
        subject.unroll(subject.build(), subject.random_inputs(2, 3))


@pytest.mark.parametrize(
    ("backbone", "sentence"),
    [
        ("gruu", "unknown architecture 'gruu'. Did you mean 'gru'"),
        ("math:sqrt", "sqrt"),
        (Conforming(4), "a backbone is a class that extends torch.nn.Module, got Conforming"),
    ],
)
def test_an_object_that_is_no_class_of_modules_is_refused(backbone: str, sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        load_backbone_class(backbone)


@pytest.mark.parametrize(
    ("backbone", "sentence"),
    [
        (RefusingWidth, r"RefusingWidth\(d_model=16\) cannot be built, it raised AssertionError: d_model must be 7"),
        (backbones.ExitingInit, r"ExitingInit\(d_model=16\) cannot be built, it raised SystemExit: no licence"),
    ],
)
def test_a_class_that_cannot_be_built_is_refused(backbone: type[nn.Module], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        require_constructible(ArchitectureSubject(backbone))


def test_a_difference_is_relative_to_the_largest_number_or_to_one() -> None:
    assert relative_difference(torch.tensor([0.5]), torch.tensor([0.25])) == 0.25
    assert relative_difference(torch.tensor([10.0, 1.0]), torch.tensor([10.0, 2.0])) == pytest.approx(0.1)
    assert relative_difference(torch.zeros(0), torch.zeros(0)) == 0
    assert math.isnan(relative_difference(torch.tensor([float("nan")]), torch.zeros(1)))
