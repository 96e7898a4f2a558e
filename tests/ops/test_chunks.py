from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from seqbench.ops.chunks import join_chunks, promote_to_float32, segment_sums, split_into_chunks, without_autocast
from seqbench.ops.delta_rule import delta_rule
from seqbench.ops.linear_attention import linear_attention
from seqbench.ops.matrix_memory import matrix_memory


@pytest.mark.parametrize(
    ("time", "chunks", "length"), [(1, 1, 1), (64, 1, 64), (65, 2, 33), (128, 2, 64), (531, 9, 59), (6401, 101, 64)]
)
def test_chunks_have_one_length_and_little_padding(time: int, chunks: int, length: int) -> None:
    x = torch.arange(2.0 * 3 * time * 2).view(2, 3, time, 2)
    split = split_into_chunks(x, 64, padding=-1.0)
    assert split.shape == (2, 3, chunks, length, 2)
    assert torch.equal(join_chunks(split, time), x)
    padding = split.flatten(2, 3)[:, :, time:]
    assert (padding == -1).all()
    assert padding.shape[2] < min(length, chunks)


def test_segment_sums_equal_direct_sums() -> None:
    x = torch.randn(3, 6, dtype=torch.float64)
    sums = segment_sums(x)
    for t in range(6):
        for s in range(6):
            expected = x[:, s + 1 : t + 1].sum(1) if s <= t else torch.full((3,), -torch.inf, dtype=torch.float64)
            torch.testing.assert_close(sums[:, t, s], expected)


def test_segment_sums_keep_their_digits_beside_a_large_total() -> None:
    x = torch.tensor([-1e4, -1e-3, -2e-3])
    assert segment_sums(x)[2, 0] == x[1] + x[2]
    assert x.cumsum(0)[2] - x.cumsum(0)[0] != x[1] + x[2]


def test_numbers_have_at_least_float32_and_autocast_is_off() -> None:
    half, double = torch.ones(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.float64)
    promoted = promote_to_float32(half, half.float(), double)
    assert [x.dtype for x in promoted] == [torch.float32, torch.float32, torch.float64]
    x = torch.randn(4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16
        with without_autocast(x):
            assert (x @ x).dtype == torch.float32


def test_a_device_without_autocast_needs_no_context() -> None:
    with without_autocast(torch.empty(2, 2, device="meta")):
        assert not torch.is_autocast_enabled("cpu")


def largest_tensor(run: Callable[[], object]) -> int:
    """Return the number of elements of the largest tensor that ``run`` creates."""
    sizes = [0]

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            sizes.extend(leaf.numel() for leaf in tree_leaves(result) if isinstance(leaf, Tensor))
            return result

    with Watch():
        run()
    return max(sizes)


def test_memory_grows_with_time_and_not_with_its_square() -> None:
    def kernels(time: int) -> list[Callable[[], object]]:
        x, gate = torch.ones(2, 2, time, 8, device="meta"), torch.zeros(2, 2, time, device="meta")
        return [
            lambda: linear_attention(x, x, x),
            lambda: delta_rule(x, x, x, gate, gate),
            lambda: matrix_memory(x, x, x, gate, gate),
        ]

    for short, long in zip(kernels(512), kernels(2048), strict=True):
        # Not exactly 4 times as large: linear attention holds one state more than there are chunks.
        assert largest_tensor(short) < largest_tensor(long) <= 4 * largest_tensor(short)
        assert largest_tensor(long) < 2 * 2 * 2048 * 200
