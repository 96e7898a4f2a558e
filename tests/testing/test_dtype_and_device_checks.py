"""Checks of number types and devices, each on a backbone that it must refuse."""

from __future__ import annotations

import pytest
import torch

from seqbench.testing import Failure, Skip, dtype_and_device_checks
from seqbench.testing.architecture_subject import ArchitectureSubject
from tests.testing import broken_backbones as broken
from tests.testing.backbones import Conforming


def test_a_backbone_that_always_returns_float32_is_refused() -> None:
    with pytest.raises(Failure, match=r"torch\.float64 gave outputs of torch\.float32"):
        dtype_and_device_checks.check_dtype_kept(ArchitectureSubject(broken.SinglePrecision))
    with pytest.raises(Failure, match=r"bfloat16 gave outputs of torch\.float32"):
        dtype_and_device_checks.check_bfloat16(ArchitectureSubject(broken.SinglePrecision))


def test_outputs_that_are_not_finite_in_bfloat16_are_refused() -> None:
    with pytest.raises(Failure, match="in bfloat16 outputs are not finite"):
        dtype_and_device_checks.check_bfloat16(ArchitectureSubject(broken.CancelsInBfloat16))


def test_gradients_that_are_not_finite_under_autocast_are_refused() -> None:
    class SquareRootOfZero(Conforming):
        def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
            return super().forward(x) + (0 * x.sum(-1, keepdim=True)).sqrt()

    dtype_and_device_checks.check_autocast(ArchitectureSubject(Conforming))
    with pytest.raises(Failure, match="an output or a gradient is not finite"):
        dtype_and_device_checks.check_autocast(ArchitectureSubject(SquareRootOfZero))
    with pytest.raises(RuntimeError):
        dtype_and_device_checks.check_autocast(ArchitectureSubject(broken.MixedTypesUnderAutocast))


def test_complex_parameters_are_not_converted_to_bfloat16() -> None:
    class Complex(Conforming):
        def __init__(self, d_model: int, dropout: float = 0.0) -> None:
            super().__init__(d_model, dropout)
            self.rotation = torch.nn.Parameter(torch.ones(d_model, dtype=torch.complex64))

    with pytest.raises(Skip, match="complex numbers have no bfloat16"):
        dtype_and_device_checks.check_bfloat16(ArchitectureSubject(Complex))


def test_a_branch_on_a_value_is_found_on_the_meta_device() -> None:
    dtype_and_device_checks.check_meta_device(ArchitectureSubject(Conforming))
    with pytest.raises(Failure, match=r"on the meta device it raised RuntimeError.*let no shape or branch depend"):
        dtype_and_device_checks.check_meta_device(ArchitectureSubject(broken.BranchOnValue))


def test_a_tensor_on_the_cpu_is_found_on_the_meta_device() -> None:
    with pytest.raises(Failure, match="on x's device"):
        dtype_and_device_checks.check_meta_device(ArchitectureSubject(broken.TensorOnCPU))


def test_without_a_gpu_its_checks_are_skipped_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(Skip, match="there is no CUDA device"):
        dtype_and_device_checks.check_cuda(ArchitectureSubject(Conforming))
    with pytest.raises(Skip, match="on a CPU it can corrupt memory"):
        dtype_and_device_checks.check_torch_compile(ArchitectureSubject(Conforming))
