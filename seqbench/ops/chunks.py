"""How the matrix memories cut time into chunks: inside one all steps at once, between them one state.

Shapes are named ``(batch, heads, time, ...)``; cut, they are ``(batch, heads, chunks, length, ...)``.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def widen(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors in float32 at least: sums over hundreds of steps stop growing in half precision."""
    return tuple(x.to(torch.promote_types(x.dtype, torch.float32)) for x in tensors)


def as_given(x: Tensor) -> AbstractContextManager[object]:
    """A context in which autocast leaves products in the precision of their factors."""
    kind = x.device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()


def cut(x: Tensor, longest: int, padding: float = 0.0) -> Tensor:
    """Time in chunks of equal length, at most ``longest`` steps each, the last one padded at its end.

    All are made a little shorter rather than the last one mostly padding: 65 steps become 33 and 32.

    Args:
        x: ``(batch, heads, time, ...)``.
        longest: steps of a chunk at most.
        padding: what stands after the end.

    Returns:
        ``(batch, heads, chunks, length, ...)``.
    """
    time = x.shape[2]
    chunks = -(-time // longest)
    length = -(-time // chunks)
    missing = chunks * length - time
    if missing:
        x = torch.cat([x, x.new_full((*x.shape[:2], missing, *x.shape[3:]), padding)], dim=2)
    return x.unflatten(2, (chunks, length))


def join(x: Tensor, time: int) -> Tensor:
    """What ``cut`` cut, ``(batch, heads, time, ...)``, without the padding."""
    return x.flatten(2, 3)[:, :, :time]


def spans(x: Tensor) -> Tensor:
    """Sums over every span of steps: y[t, s] = x_{s+1} + ... + x_t for s <= t, minus infinity for s > t.

    Each span is summed by itself. Differences of running totals would lose what is small beside the total.

    Args:
        x: ``(..., length)``, such as logarithms of decays.

    Returns:
        ``(..., length, length)``, the end of the span before its start.
    """
    past = torch.ones(x.shape[-1], x.shape[-1], dtype=torch.bool, device=x.device).tril()
    sums = torch.where(past.tril(-1), x[..., None], 0.0).cumsum(-2)
    return sums.masked_fill(~past, -torch.inf)
