"""Checks of a backbone with other number types and on other devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from seqbench.testing.architecture_subject import ArchitectureSubject, relative_difference
from seqbench.testing.interface_checks import expect_shape
from seqbench.testing.report import Failure, Skip, describe_error, expect

GPU_ROUNDING = 1e-3
"""Largest allowed difference of outputs of a GPU or of compiled code, relative to the largest number."""


def check_dtype_kept(subject: ArchitectureSubject) -> None:
    """Outputs have the type of the inputs and weights: float32 for float32, float64 for float64."""
    for dtype in (torch.float32, torch.float64):
        y = subject.forward(subject.build().to(dtype), subject.random_inputs(2, 5).to(dtype))
        expect(y.dtype == dtype, f"inputs and weights of {dtype} gave outputs of {y.dtype}; keep the type of x.")


def check_bfloat16(subject: ArchitectureSubject) -> None:
    """A backbone that is converted to bfloat16 gives finite outputs of that type."""
    net = subject.build()
    if any(p.is_complex() for p in (*net.parameters(), *net.buffers())):
        raise Skip("complex numbers have no bfloat16")
    y = _skip_missing_kernels(
        lambda: subject.forward(net.to(torch.bfloat16), subject.random_inputs(3, 9).to(torch.bfloat16))
    )
    expect_shape(y, (3, 9, subject.d_model))
    expect(y.dtype == torch.bfloat16, f"weights and inputs of bfloat16 gave outputs of {y.dtype}; cast them back.")
    expect(y.isfinite().all(), "in bfloat16 outputs are not finite; compute what overflows or cancels in float32.")


def check_autocast(subject: ArchitectureSubject) -> None:
    """Under autocast to bfloat16, outputs and gradients are finite."""
    net, x = subject.build().train(), subject.random_inputs(3, 9).requires_grad_()
    with subject.seeded(), torch.autocast("cpu", torch.bfloat16):
        y = _skip_missing_kernels(lambda: subject.forward(net, x))
    expect_shape(y, (3, 9, subject.d_model))
    torch.autograd.backward(y.float().square().sum())
    finite = y.isfinite().all() and all(p.grad.isfinite().all() for p in (x, *net.parameters()) if p.grad is not None)
    expect(finite, "under bfloat16 autocast an output or a gradient is not finite; compute what overflows in float32.")


def _skip_missing_kernels(run: Callable[[], Tensor]) -> Tensor:
    """Return the result of ``run``; skip the check if PyTorch has no bfloat16 kernel on this machine."""
    try:
        return run()
    except (RuntimeError, NotImplementedError) as error:
        if "not implemented for 'BFloat16'" in str(error):
            raise Skip(f"PyTorch has no kernel for it on this machine: {error}") from error
        raise


def check_meta_device(subject: ArchitectureSubject) -> None:
    """The backbone can be built and run on the meta device, where ``--match-params`` tries widths without memory."""
    with torch.device("meta"):
        net = subject.build()
    # The call is outside of the context. So a tensor that is created on the CPU is found on a machine without a GPU.
    x = subject.random_inputs(2, 6).to("meta")
    for lengths in (None, torch.tensor([6, 3]).to("meta")):
        try:
            y = subject.forward(net, x, lengths)
        # PyTorch and the backbone raise errors of many kinds here; each means that the backbone depends on values.
        except Exception as error:
            raise Failure(
                f"on the meta device it raised {describe_error(error)}; create tensors on x's device, and let no shape "
                f"or branch depend on their values (.item(), numpy, if tensor)."
            ) from error
        expect(y.device.type == "meta", f"meta inputs gave outputs on {y.device}; create tensors on x's device.")
        expect_shape(y, (2, 6, subject.d_model))


def check_cuda(subject: ArchitectureSubject) -> None:
    """On a GPU, outputs stay on the GPU and equal those of the CPU."""
    if not torch.cuda.is_available():
        raise Skip("there is no CUDA device")
    net, x = subject.build(), subject.random_inputs(2, 9)
    with torch.no_grad():
        expected = subject.forward(net, x)
        y = subject.forward(net.cuda(), x.cuda())
    expect(y.is_cuda, f"inputs on the GPU gave outputs on {y.device}; create tensors on x's device.")
    gap = relative_difference(expected, y.cpu())
    expect(gap <= GPU_ROUNDING, f"outputs of GPU and CPU differ by {gap:.2g}.")


def check_torch_compile(subject: ArchitectureSubject) -> None:
    """A backbone that is compiled by torch.compile gives the same outputs."""
    if not torch.cuda.is_available():
        raise Skip("torch.compile is checked on CUDA only: on a CPU it can corrupt memory in training with two threads")
    net, x = subject.build().cuda(), subject.random_inputs(2, 9).cuda()
    compiled = cast(nn.Module, torch.compile(net))
    with torch.no_grad():
        gap = relative_difference(subject.forward(net, x), subject.forward(compiled, x))
    expect(gap <= GPU_ROUNDING, f"compiled outputs differ by {gap:.2g}.")
