"""Checks of ``unroll``, each on a backbone that it must refuse."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from seqbench.testing import Failure, Skip, streaming_checks
from seqbench.testing.architecture_subject import ArchitectureSubject
from tests.testing import broken_backbones as broken
from tests.testing.backbones import Conforming, ConformingWithoutUnroll

ALL = (
    streaming_checks.check_unroll_equals_forward,
    streaming_checks.check_chunks_equal_whole,
    streaming_checks.check_steps_equal_whole,
    streaming_checks.check_state_format,
    streaming_checks.check_state_rows,
    streaming_checks.check_state_unchanged,
    streaming_checks.check_state_detached,
)


@pytest.mark.parametrize("check", ALL)
def test_a_conforming_backbone_passes_and_one_without_unroll_is_skipped(
    check: Callable[[ArchitectureSubject], None],
) -> None:
    check(ArchitectureSubject(Conforming))
    with pytest.raises(Skip, match="has no unroll"):
        check(ArchitectureSubject(ConformingWithoutUnroll))


@pytest.mark.parametrize(
    ("check", "backbone", "sentence"),
    [
        (
            streaming_checks.check_unroll_equals_forward,
            broken.OtherStartState,
            r"unroll\(x\)\[0\] and forward\(x\) differ",
        ),
        (
            streaming_checks.check_chunks_equal_whole,
            broken.StateOfFirstStep,
            r"chunks of \[6, 5\] steps differ from the whole from output 6 on",
        ),
        (
            streaming_checks.check_steps_equal_whole,
            broken.OldStateAfterSingleSteps,
            "differ from the whole from output 2 on",
        ),
        (streaming_checks.check_state_format, broken.NamedTupleState, "cannot be loaded from a checkpoint"),
        (streaming_checks.check_state_rows, broken.ReversedStateRows, r"in the order \[2, 0, 0, 1\] outputs differ"),
        (streaming_checks.check_state_unchanged, broken.InPlaceState, "unroll modified the state"),
        (streaming_checks.check_state_detached, broken.GraphKeptBetweenChunks, "whose graph is freed"),
    ],
)
def test_a_backbone_that_breaks_the_contract_is_refused(
    check: Callable[[ArchitectureSubject], None], backbone: type[nn.Module], sentence: str
) -> None:
    with pytest.raises(Failure, match=sentence):
        check(ArchitectureSubject(backbone))


def test_values_kept_outside_of_the_state_are_found() -> None:
    class CountsCalls(Conforming):
        calls = 0

        def unroll(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
            self.calls += 1
            y, after = self.run(x, state)
            return y * self.calls, after

    with pytest.raises(Failure, match="keep nothing outside of the state"):
        streaming_checks.check_state_unchanged(ArchitectureSubject(CountsCalls))


@pytest.mark.parametrize(
    ("wrap_state", "sentence"),
    [
        (lambda h: h[None], "the batch must come first"),
        (lambda h: (h, 3), "the state holds 3"),
        (lambda h: (h, None), "the state holds None"),
        (lambda h: (h, torch.tensor(3)), "for each row"),
    ],
)
def test_states_of_other_forms_are_refused(wrap_state: Callable[[Tensor], object], sentence: str) -> None:
    class OtherState(Conforming):
        def unroll(self, x: Tensor, state: object = None) -> tuple[Tensor, object]:
            y, after = self.run(x, None)
            return y, wrap_state(after)

    with pytest.raises(Failure, match=sentence):
        streaming_checks.check_state_format(ArchitectureSubject(OtherState))


@pytest.mark.parametrize("check", ALL[4:])
def test_a_state_that_does_not_hold_tensors_only_is_left_to_the_format_check(
    check: Callable[[ArchitectureSubject], None],
) -> None:
    with pytest.raises(Skip, match="see state_format"):
        check(ArchitectureSubject(broken.NoneInState))
