"""Helpers of the chunkwise kernels: split time into chunks, join the chunks again, and sum over segments of a chunk.

A chunkwise kernel computes all steps of a chunk at once and carries one state from chunk to chunk. Tensors have the
axes ``(batch, heads, time, ...)``, or ``(batch, heads, chunks, length, ...)`` after the split.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def promote_to_float32(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Return the tensors with at least 32 bits a number.

    A running sum over hundreds of steps stops growing in half precision. Tensors of float64 keep their type.

    Example:
        >>> half, double = torch.ones(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.float64)
        >>> [x.dtype for x in promote_to_float32(half, double)]
        [torch.float32, torch.float64]
    """
    return tuple(x.to(torch.promote_types(x.dtype, torch.float32)) for x in tensors)


def without_autocast(x: Tensor) -> AbstractContextManager[object]:
    """Return a context in which autocast does not lower the precision of products on the device of ``x``.

    Example:
        >>> x = torch.ones(2, 2)
        >>> with torch.autocast("cpu", torch.bfloat16), without_autocast(x):
        ...     (x @ x).dtype
        torch.float32
    """
    device = x.device.type
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


def split_into_chunks(x: Tensor, chunk_size: int, padding: float = 0.0) -> Tensor:
    """Split time into the fewest chunks of equal length that hold it, and pad the end of the last chunk.

    All chunks are made a little shorter, so that the last one is not mostly padding: with ``chunk_size`` 64, 65 steps
    become two chunks of 33 steps, one of which is padding.

    Args:
        x: ``(batch, heads, time, ...)``, at least one step.
        chunk_size: the largest number of steps in one chunk.
        padding: the value of the steps that are added at the end.

    Returns:
        ``(batch, heads, chunks, length, ...)``, where ``length`` is at most ``chunk_size``.

    Example:
        >>> split_into_chunks(torch.arange(5).view(1, 1, 5), chunk_size=4, padding=-1).tolist()
        [[[[0, 1, 2], [3, 4, -1]]]]
    """
    time = x.shape[2]
    chunks = -(-time // chunk_size)
    length = -(-time // chunks)
    missing = chunks * length - time
    if missing:
        x = torch.cat([x, x.new_full((*x.shape[:2], missing, *x.shape[3:]), padding)], dim=2)
    return torch.unflatten(x, 2, (chunks, length))


def join_chunks(x: Tensor, time: int) -> Tensor:
    """Invert ``split_into_chunks``: join the chunks and drop the padding.

    Args:
        x: ``(batch, heads, chunks, length, ...)``.
        time: the number of steps before the split.

    Returns:
        ``(batch, heads, time, ...)``.

    Example:
        >>> join_chunks(torch.tensor([[[[0, 1, 2], [3, 4, -1]]]]), time=5).tolist()
        [[[0, 1, 2, 3, 4]]]
    """
    return x.flatten(2, 3)[:, :, :time]


def segment_sums(x: Tensor) -> Tensor:
    """Return the sum over each segment: y[t, s] = x_{s+1} + ... + x_t for s <= t, and minus infinity for s > t.

    Each segment is summed directly. A difference of two running totals would lose the digits of a short segment beside
    a large total.

    Args:
        x: ``(..., length)``, for example logarithms of decays.

    Returns:
        ``(..., length, length)``; the last step t of a segment is the axis before the last one.

    Example:
        >>> segment_sums(torch.tensor([1.0, 2.0, 4.0])).tolist()
        [[0.0, -inf, -inf], [2.0, 0.0, -inf], [6.0, 4.0, 0.0]]
    """
    past = torch.ones(x.shape[-1], x.shape[-1], dtype=torch.bool, device=x.device).tril()
    sums = torch.where(past.tril(-1), x[..., None], 0.0).cumsum(-2)
    return sums.masked_fill(~past, -torch.inf)
