from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from seqbench.ops import _scan_in_place
from seqbench.ops import linear_scan as module
from seqbench.ops.linear_scan import linear_scan

needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")
OPERATOR_FORMS = ["in-place", pytest.param("numba", marks=needs_numba)]
CPU_FORMS = ["reference", *OPERATOR_FORMS]
DOUBLE = [torch.float64, torch.complex128]
REAL_AND_COMPLEX = [torch.float32, torch.float64, torch.complex64, torch.complex128]
# Around 32, the steps in a chunk of the in-place form.
LENGTHS = [2, 31, 32, 33, 75]


def random_inputs(
    *shape: int, dtype: torch.dtype = torch.float64, start: bool = True
) -> tuple[Tensor, Tensor, Tensor | None]:
    torch.manual_seed(0)
    a, b = torch.randn(shape, dtype=dtype) * 0.6, torch.randn(shape, dtype=dtype)
    return a, b, torch.randn(shape[:1] + shape[2:], dtype=dtype) if start else None


def reference(a: Tensor, b: Tensor, h0: Tensor | None) -> Tensor:
    """The formula in the widest numbers of numpy."""
    wide = np.clongdouble if b.is_complex() else np.longdouble
    decays, inputs = (np.broadcast_to(x.detach().resolve_conj().numpy(), b.shape).astype(wide) for x in (a, b))
    h = np.zeros_like(inputs[:, 0]) if h0 is None else h0.detach().numpy().astype(wide)
    out = np.empty_like(inputs)
    for t in range(b.shape[1]):
        h = decays[:, t] * h + inputs[:, t]
        out[:, t] = h
    return torch.from_numpy(out.astype(np.complex128 if b.is_complex() else np.float64))


def gradients(form: str, a: Tensor, b: Tensor, h0: Tensor | None, dy: Tensor) -> tuple[Tensor, ...]:
    leaves = [x.detach().clone().requires_grad_() for x in (a, b, h0) if x is not None]
    y = linear_scan(leaves[0], leaves[1], leaves[2] if h0 is not None else None, form)
    return torch.autograd.grad(y, leaves, dy)


@pytest.mark.parametrize("form", CPU_FORMS)
@pytest.mark.parametrize("dtype", REAL_AND_COMPLEX)
@pytest.mark.parametrize("time", LENGTHS)
def test_it_equals_the_formula(form: str, dtype: torch.dtype, time: int) -> None:
    a, b, h0 = random_inputs(2, time, 3, dtype=dtype)
    y = linear_scan(a, b, h0, form)
    assert y.dtype == dtype
    assert y.is_contiguous()
    tolerance = 1e-12 if dtype in DOUBLE else 2e-6
    torch.testing.assert_close(y.to(reference(a, b, h0).dtype), reference(a, b, h0), atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("form", CPU_FORMS)
@pytest.mark.parametrize("dtype", DOUBLE)
@pytest.mark.parametrize("time", [1, 3, 35])
def test_gradients_equal_finite_differences(form: str, dtype: torch.dtype, time: int) -> None:
    inputs = [x.requires_grad_() for x in random_inputs(2, time, 2, dtype=dtype) if x is not None]
    assert torch.autograd.gradcheck(lambda a, b, h0: linear_scan(a, b, h0, form), inputs, fast_mode=time > 3)


@pytest.mark.parametrize("form", OPERATOR_FORMS)
@pytest.mark.parametrize("dtype", DOUBLE)
@pytest.mark.parametrize("start", [True, False])
@pytest.mark.parametrize("time", LENGTHS)
def test_gradients_equal_those_of_the_reference(form: str, dtype: torch.dtype, start: bool, time: int) -> None:
    a, b, h0 = random_inputs(3, time, 2, 2, dtype=dtype, start=start)
    dy = torch.randn_like(b)
    torch.testing.assert_close(gradients(form, a, b, h0, dy), gradients("reference", a, b, h0, dy))


@pytest.mark.parametrize("time", [128, 129, 180, 192])
def test_the_in_place_form_carries_the_state_between_spans(time: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_scan_in_place, "SPAN", 64)
    a, b, h0 = random_inputs(2, time, 3)
    dy = torch.randn_like(b)
    torch.testing.assert_close(linear_scan(a, b, h0, "in-place"), reference(a, b, h0))
    torch.testing.assert_close(gradients("in-place", a, b, h0, dy), gradients("reference", a, b, h0, dy))


@pytest.mark.parametrize("form", OPERATOR_FORMS)
@pytest.mark.parametrize("shape", [(1, 1, 4), (3, 1, 4), (1, 40, 4), (3, 40, 1), (1, 1, 1)])
def test_decays_can_be_broadcast(form: str, shape: tuple[int, ...]) -> None:
    _, b, h0 = random_inputs(3, 40, 4)
    a = torch.rand(shape, dtype=b.dtype)
    assert h0 is not None
    torch.testing.assert_close(linear_scan(a, b, h0, form), linear_scan(a.expand(3, 40, 4).clone(), b, h0, "reference"))
    dy = torch.randn_like(b)
    shared = gradients(form, a, b, h0, dy)
    assert shared[0].shape == shape
    torch.testing.assert_close(shared, gradients("reference", a, b, h0, dy))


@pytest.mark.parametrize("form", CPU_FORMS)
@pytest.mark.parametrize("sizes", [[40, 35], [1] * 75, [32, 1, 42]])
def test_chunks_equal_the_whole_and_do_not_change_their_state(form: str, sizes: list[int]) -> None:
    a, b, h0 = random_inputs(2, 75, 3)
    assert h0 is not None
    parts, state, before = [], h0, h0.clone()
    for decays, inputs in zip(a.split(sizes, 1), b.split(sizes, 1), strict=True):
        parts.append(linear_scan(decays, inputs, state, form))
        state = parts[-1][:, -1]
    torch.testing.assert_close(torch.cat(parts, 1), linear_scan(a, b, h0, form))
    assert torch.equal(h0, before)


@pytest.mark.parametrize("form", OPERATOR_FORMS)
def test_inputs_need_not_be_contiguous(form: str) -> None:
    a, b, _ = (x.transpose(0, 1) if x is not None else x for x in random_inputs(40, 3, 8, dtype=torch.complex128))
    assert a is not None
    assert b is not None
    a, b, h0 = a[:, :, ::2].conj(), b[:, :, 1::2], torch.randn(4, 3, dtype=a.dtype).T.conj()
    torch.testing.assert_close(linear_scan(a, b, h0, form), linear_scan(a.clone(), b.clone(), h0.clone(), "reference"))
    dy = torch.randn(4, 40, 3, dtype=a.dtype).permute(2, 1, 0).conj()
    torch.testing.assert_close(gradients(form, a, b, h0, dy), gradients("reference", a, b, h0, dy))
    same = torch.ones((), dtype=a.dtype).expand_as(b)
    torch.testing.assert_close(gradients(form, a, b, h0, same), gradients("reference", a, b, h0, same))


@pytest.mark.parametrize("form", CPU_FORMS)
def test_lazy_conjugates_are_resolved(form: str) -> None:
    a, b, h0 = random_inputs(2, 40, 3, dtype=torch.complex128)
    assert h0 is not None
    expected = linear_scan(a.conj_physical(), b.conj_physical(), h0.conj_physical(), "reference")
    torch.testing.assert_close(linear_scan(a.conj(), b.conj(), h0.conj(), form), expected)


@pytest.mark.parametrize("form", CPU_FORMS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precisions_round_at_the_end_only(form: str, dtype: torch.dtype) -> None:
    """A sum of 400 ones: with bfloat16 states it would stop at 256."""
    a, b = torch.ones(2, 400, 3, dtype=dtype), torch.ones(2, 400, 3, dtype=dtype)
    y = linear_scan(a, b, form=form)
    assert y.dtype == dtype
    assert torch.equal(y[0, :, 0], torch.arange(1, 401).to(dtype))
    for gradient, x in zip(gradients(form, a, b, None, torch.full_like(b, 0.5)), (a, b), strict=True):
        assert gradient.dtype == x.dtype
        assert gradient.isfinite().all()
    assert gradients(form, a, b, None, torch.full_like(b, 0.5))[1][0, 0, 0] == 200


def test_types_are_promoted() -> None:
    a, b, _ = random_inputs(2, 5, 3, dtype=torch.float32)
    assert linear_scan(a.bfloat16(), b).dtype == torch.float32
    assert linear_scan(a, b.to(torch.complex64)).dtype == torch.complex64
    assert linear_scan(a, b, torch.zeros(2, 3, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize("form", CPU_FORMS)
@pytest.mark.parametrize("shape", [(0, 4, 3), (2, 0, 3), (2, 4, 0), (2, 40), (2, 1), (2, 3, 2, 2)])
def test_empty_and_unusual_shapes_work(form: str, shape: tuple[int, ...]) -> None:
    a, b, h0 = random_inputs(*shape)
    assert h0 is not None
    torch.testing.assert_close(linear_scan(a, b, h0, form), reference(a, b, h0))
    inputs = [x.requires_grad_() for x in (a, b, h0)]
    linear_scan(a, b, h0, form).sum().backward()
    assert [x.grad is not None or shape[1] == 0 for x in inputs] == [True] * 3


def test_a_single_step_uses_no_operator_and_returns_a_copy() -> None:
    a, b, h0 = random_inputs(2, 1, 3, start=False)
    with FlopCounterMode(display=False) as counter:
        y = linear_scan(a, b, h0)
    assert counter.get_total_flops() == 0
    assert torch.equal(y, b)
    assert y.data_ptr() != b.data_ptr()


@pytest.mark.parametrize("form", OPERATOR_FORMS)
@pytest.mark.parametrize("slowest", [0.9, 0.9999])
def test_long_memories_stay_exact(form: str, slowest: float) -> None:
    torch.manual_seed(0)
    a, b = 1 - (1 - slowest) * torch.rand(1, 16384, 4), torch.randn(1, 16384, 4)
    exact = reference(a, b, None)
    assert float((linear_scan(a, b, form=form) - exact).abs().max() / exact.abs().max()) < 1e-5


@pytest.mark.parametrize("form", CPU_FORMS)
def test_decays_above_one_and_of_zero_are_exact(form: str) -> None:
    """States grow where decays are above one in absolute value, and start anew where a decay is zero."""
    a, b, h0 = random_inputs(2, 70, 3)
    a = 3 * a
    a[:, 10::20] = 0
    torch.testing.assert_close(linear_scan(a, b, h0, form), reference(a, b, h0), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("form", OPERATOR_FORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex128, torch.bfloat16])
def test_the_operator_passes_opcheck(form: str, dtype: torch.dtype) -> None:
    a, b, h0 = random_inputs(2, 5, 3, dtype=dtype)
    assert h0 is not None
    a = a[:, :1].expand_as(b)
    operator, gradient = torch.ops.seqbench.linear_scan.default, torch.ops.seqbench.linear_scan_backward.default
    torch.library.opcheck(operator, (a, b, h0, form))
    torch.library.opcheck(gradient, (a, b, h0, torch.ones_like(b), form))
    torch.library.opcheck(operator, (a.clone().requires_grad_(), b.requires_grad_(), h0.requires_grad_(), form))


@pytest.mark.parametrize("form", ["auto", "numba", "triton"])
def test_meta_tensors_have_shapes_and_gradients(form: str) -> None:
    a = torch.rand(1, 1, 6, device="meta", requires_grad=True)
    b = torch.rand(2, 9, 6, device="meta", requires_grad=True)
    y = linear_scan(a, b, form=form)
    assert (y.device.type, y.shape) == ("meta", b.shape)
    y.sum().backward()
    assert a.grad is not None
    assert a.grad.shape == (1, 1, 6)


@pytest.mark.parametrize("form", OPERATOR_FORMS)
def test_torch_compile_makes_one_graph(form: str) -> None:
    """Its inputs are conjugates, which are lazy views in a compiled graph."""
    a, b, _ = random_inputs(2, 40, 3, dtype=torch.complex128)
    whole = torch.compile(lambda a, b: linear_scan(a.conj(), b.conj(), form=form), fullgraph=True, backend="aot_eager")
    a.requires_grad_()
    compiled, plain = whole(a, b), linear_scan(a.conj_physical(), b.conj_physical(), form="reference")
    torch.testing.assert_close(compiled, plain)
    (gradient,) = torch.autograd.grad(compiled.abs().sum(), a)
    torch.testing.assert_close(gradient, torch.autograd.grad(plain.abs().sum(), a)[0])


@pytest.mark.parametrize(("dtype", "forward", "backward"), [(torch.float32, 2, 3), (torch.complex64, 8, 14)])
def test_operations_are_counted(dtype: torch.dtype, forward: int, backward: int) -> None:
    a, b = (torch.empty(2, 7, 3, dtype=dtype, device="meta") for _ in range(2))
    with FlopCounterMode(display=False) as counter:
        y = linear_scan(a.requires_grad_(), b)
        assert counter.get_total_flops() == forward * 42
        y.abs().sum().backward()
    assert counter.get_total_flops() == (forward + backward) * 42


@pytest.mark.parametrize("form", OPERATOR_FORMS)
def test_only_decays_and_states_are_stored_for_the_backward_pass(form: str) -> None:
    a, b, _ = random_inputs(2, 400, 8)
    stored: list[int] = []

    def store(x: Tensor) -> Tensor:
        stored.append(x.numel())
        return x

    with torch.autograd.graph.saved_tensors_hooks(store, lambda x: x):
        linear_scan(a.requires_grad_(), b.requires_grad_(), None, form)
    assert sorted(stored) == [2 * 8, a.numel(), a.numel()]


def test_second_derivatives_are_refused() -> None:
    a, b, _ = random_inputs(2, 5, 3)
    (gradient,) = torch.autograd.grad(linear_scan(a.requires_grad_(), b).sum(), a, create_graph=True)
    with pytest.raises(NotImplementedError, match="differentiable once"):
        gradient.sum().backward()
    (gradient,) = torch.autograd.grad(linear_scan(a, b, form="reference").sum(), a, create_graph=True)
    gradient.sum().backward()


@pytest.mark.parametrize(
    ("a", "b", "h0", "form", "message"),
    [
        ((2, 5, 3), (2, 5, 3), None, "fast", "form must be one of"),
        ((5, 3), (2, 5, 3), None, "auto", "like b"),
        ((2, 4, 3), (2, 5, 3), None, "auto", "like b"),
        ((2, 5, 3), (2, 1, 3), None, "auto", "like b"),
        ((2,), (2,), None, "auto", "like b"),
        ((2, 5, 3), (2, 5, 3), (1, 3), "auto", r"h0 must be \(batch, ...\) = \(2, 3\)"),
    ],
)
def test_invalid_arguments_are_refused(
    a: tuple[int, ...], b: tuple[int, ...], h0: tuple[int, ...] | None, form: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        linear_scan(torch.rand(a), torch.rand(b), torch.rand(h0) if h0 else None, form)


def test_a_form_for_another_device_is_refused() -> None:
    with pytest.raises(ValueError, match="works on cuda tensors, got cpu"):
        linear_scan(torch.rand(2, 5), torch.rand(2, 5), form="triton")


def test_integers_are_refused() -> None:
    with pytest.raises(ValueError, match="real or complex"):
        linear_scan(torch.ones(2, 5, dtype=torch.long), torch.ones(2, 5, dtype=torch.long))


def selected_module(form: str, x: Tensor) -> str:
    """Return the name of the module that computes the scan."""
    selected: Any = module._select_implementation(form, x)
    return str(selected.__name__)


@pytest.fixture
def no_numba(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Simulate an environment without numba."""
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "seqbench.ops._scan_numba", raising=False)
    module._import_form.cache_clear()
    yield
    module._import_form.cache_clear()


@pytest.mark.usefixtures("no_numba")
def test_without_numba_the_in_place_form_is_selected() -> None:
    a, b, h0 = random_inputs(2, 40, 3)
    assert selected_module("auto", b) == "seqbench.ops._scan_in_place"
    torch.testing.assert_close(linear_scan(a, b, h0), reference(a, b, h0))
    with pytest.raises(ImportError, match="needs numba"):
        linear_scan(a, b, h0, "numba")


@needs_numba
def test_auto_selects_numba_on_a_cpu() -> None:
    assert selected_module("auto", torch.zeros(1)) == "seqbench.ops._scan_numba"


def test_no_form_is_imported_before_its_first_use() -> None:
    # PyTorch itself imports triton where it is built for CUDA, so that only seqbench's own modules are looked at.
    code = (
        "import sys, seqbench.ops.linear_scan; "
        "print(sorted(name for name in sys.modules if name.startswith('seqbench.ops._scan_')))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"


TRITON = """
import torch
from seqbench.ops import _scan_in_place, _scan_triton
for dtype in (torch.float64, torch.complex128):
    a, b, dy = (torch.randn(2, 70, 17, dtype=dtype) for _ in range(3))
    h0, a = torch.randn(2, 17, dtype=dtype), a[:1, :, :1].mul(0.5).expand_as(a)
    h = _scan_in_place.forward(a, b, h0)
    torch.testing.assert_close(_scan_triton.forward(a, b, h0), h)
    torch.testing.assert_close(_scan_triton.backward(a, h, h0, dy), _scan_in_place.backward(a, h, h0, dy))
"""


def test_the_triton_kernel_is_right_in_tritons_interpreter() -> None:
    """The interpreter shows what the kernel computes. That it runs on a GPU is the subject of the next test."""
    pytest.importorskip("triton")
    subprocess.run([sys.executable, "-c", TRITON], env=os.environ | {"TRITON_INTERPRET": "1"}, check=True)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [*REAL_AND_COMPLEX, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(("time", "channels"), [(2, 1), (64, 16), (65, 17), (3000, 40)])
def test_triton_equals_the_reference_on_a_gpu(dtype: torch.dtype, shared: bool, time: int, channels: int) -> None:
    a, b, h0 = (x.cuda() for x in random_inputs(3, time, channels, dtype=dtype) if x is not None)
    a = a[:, :1].contiguous() if shared else a
    dy = torch.randn_like(b)
    assert selected_module("auto", b) == "seqbench.ops._scan_triton"
    half = dtype in module.HALF_PRECISIONS
    # The forms round in different places. The gradient of a shared decay is a sum over time.
    tolerances: dict[str, Any] = {}
    if dtype not in DOUBLE:
        tolerances = {"atol": 5e-2, "rtol": 2e-2} if half else {"atol": 1e-3, "rtol": 1e-4}
    torch.testing.assert_close(linear_scan(a, b, h0, "triton"), linear_scan(a, b, h0, "reference"), **tolerances)
    if not (half and shared):
        torch.testing.assert_close(
            gradients("triton", a, b, h0, dy), gradients("reference", a, b, h0, dy), **tolerances
        )
