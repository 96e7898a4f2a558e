"""The kit of backbones: each broken backbone is found by its own check, and conforming backbones pass."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from seqbench.testing import ARCHITECTURE_CHECKS, Check, Failure, architecture_checks, check_architecture
from seqbench.testing.report import check_name
from seqbench.utils.errors import SeqbenchError
from tests.backbones import Raising, RefusingWidth
from tests.testing import backbones
from tests.testing import broken_backbones as broken
from tests.testing.backbones import Conforming, ConformingWithoutUnroll, FeedsBackOutput
from tests.testing.broken_backbones import BROKEN

NEEDS_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


def failed_checks(name: str) -> set[str]:
    """Return the names of the checks that refuse the broken backbone of a check."""
    report = check_architecture(BROKEN[name].cls, strict=False, **BROKEN[name].settings)
    return {outcome.name for outcome in report.failed}


@pytest.mark.parametrize("check", architecture_checks(Conforming), ids=str)
def test_a_conforming_backbone_passes_each_check(check: Check) -> None:
    check()


@pytest.mark.parametrize(
    "backbone", [ConformingWithoutUnroll, FeedsBackOutput, backbones.DropPath, backbones.VariadicMethods]
)
def test_conforming_backbones_of_other_kinds_pass(backbone: type[nn.Module]) -> None:
    skipped = {outcome.name for outcome in check_architecture(backbone).skipped}
    assert ("unroll_equals_forward" in skipped) == (backbone is ConformingWithoutUnroll)


@pytest.mark.parametrize("ahead", [False, True])
def test_an_option_may_decide_whether_a_backbone_looks_ahead(ahead: bool) -> None:
    report = check_architecture(backbones.LookAheadByOption, options={"ahead": ahead})
    assert ("causality_by_gradient" in {outcome.name for outcome in report.skipped}) == ahead


def test_each_check_has_a_broken_backbone() -> None:
    assert list(BROKEN) == [check_name(check) for check in ARCHITECTURE_CHECKS]


@pytest.mark.parametrize("name", [name for name, broken in BROKEN.items() if not broken.gpu])
def test_a_broken_backbone_is_refused_by_its_own_check_only(name: str) -> None:
    assert failed_checks(name) == {name} | BROKEN[name].also


@pytest.mark.gpu
@NEEDS_CUDA
@pytest.mark.parametrize("name", [name for name, broken in BROKEN.items() if broken.gpu])
def test_a_backbone_that_breaks_on_a_gpu_is_refused_there(name: str) -> None:
    assert failed_checks(name) - {name} <= BROKEN[name].also
    assert name in failed_checks(name)


@pytest.mark.gpu
@NEEDS_CUDA
def test_a_conforming_backbone_passes_on_a_gpu() -> None:
    assert {"cuda", "torch_compile"} <= {outcome.name for outcome in check_architecture(Conforming).passed}


def test_one_error_names_all_failed_checks() -> None:
    with pytest.raises(Failure, match=r"SinglePrecision: 2[0-9] passed, \d+ skipped, 2 failed\n  dtype_kept: .*\n  bf"):
        check_architecture(broken.SinglePrecision)


@pytest.mark.parametrize(
    ("backbone", "reason"),
    [
        (Raising, "raised RuntimeError: shapes (3, 4) and (5, 6) do not fit (backbones.py:"),
        (backbones.ExitingForward, "raised SystemExit: no licence (backbones.py:"),
    ],
)
def test_an_error_in_forward_fails_its_checks_and_names_the_line(backbone: type[nn.Module], reason: str) -> None:
    report = check_architecture(backbone, strict=False)
    (outcome,) = [outcome for outcome in report.failed if outcome.name == "output_shape"]
    assert outcome.reason.startswith(reason)


class TupleNet(Conforming):
    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        return super().forward(x, lengths), None  # type: ignore[return-value]


class NotANumber(Conforming):
    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        return super().forward(x, lengths) * float("nan")


@pytest.mark.parametrize(
    ("backbone", "reason"),
    [
        (TupleNet, "forward of TupleNet must return one tensor .* got a tuple of 2; return its first item"),
        (NotANumber, "forward of NotANumber must return finite numbers, got nan or inf"),
        (Raising, "raised RuntimeError"),
    ],
)
def test_outputs_that_cannot_be_used_fail_one_check_and_skip_those_that_need_them(
    backbone: type[nn.Module], reason: str
) -> None:
    report = check_architecture(backbone, strict=False)
    failures = {outcome.name: outcome.reason for outcome in report.failed}
    assert list(failures) == ["output_shape"]
    assert re.match(reason, failures["output_shape"])
    reasons = {outcome.name: outcome.reason for outcome in report.skipped}
    assert "see the failure of output_shape" in reasons["causality_by_change"]
    assert "initialization_seeded" in {outcome.name for outcome in report.passed}


def test_a_none_in_a_state_fails_one_check_only() -> None:
    report = check_architecture(broken.NoneInState, strict=False)
    assert [outcome.name for outcome in report.failed] == ["state_format"]


def test_a_declared_number_of_parameters_is_checked() -> None:
    report = check_architecture(Conforming, d_model=6, options={"dropout": 0.1}, parameters=2 * (6 * 6 + 6))
    assert "parameter_count" in {outcome.name for outcome in report.passed}
    assert "parameter_count" in {outcome.name for outcome in check_architecture(Conforming).skipped}


def test_the_callers_random_numbers_do_not_change() -> None:
    before = torch.get_rng_state()
    check_architecture(Conforming)
    assert torch.equal(before, torch.get_rng_state())


def test_a_backbone_that_cannot_be_built_is_one_error() -> None:
    with pytest.raises(SeqbenchError, match=r"RefusingWidth\(d_model=16\) cannot be built, it raised AssertionError"):
        check_architecture(RefusingWidth)
    with pytest.raises(SeqbenchError, match="unknown architecture 'gruu'"):
        architecture_checks("gruu")
