"""Checks of what an output must not depend on, each on a backbone that it must refuse."""

from __future__ import annotations

import pytest

from seqbench.testing import Failure, independence_checks
from seqbench.testing.architecture_subject import ArchitectureSubject
from tests.testing import broken_backbones as broken
from tests.testing.backbones import Conforming


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
