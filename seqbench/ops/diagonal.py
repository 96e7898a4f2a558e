"""The response of a linear recurrence with a constant complex diagonal, without its table of powers.

    h_t = lambda h_{t-1} + u_t        y_t = Re(sum_n c_n h_t,n) = sum_l k_l u_{t-l},   k_l = Re(sum_n c_n lambda_n^l)

Each channel has modes of its own; shapes are named ``(batch, channels, time)`` and ``(channels, modes)``.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


class Powers:
    """lambda^l for l = 0 .. steps - 1, as products of coarse and fine ones: with l = i m + j, lambda^(i m) lambda^j.

    With m near sqrt(steps), a sum over modes or over time is a batched product of two small matrices; the table
    ``(channels, modes, steps)`` is never made, and only some 2 sqrt(steps) exponentials of each mode are.

    Args:
        log_rate: log lambda ``(channels, modes)``, complex.
        steps: how many powers, at least 1.
    """

    def __init__(self, log_rate: Tensor, steps: int) -> None:
        self.steps = steps
        self.fine_count = math.isqrt(steps - 1) + 1
        self.fine = self._table(log_rate, self.fine_count)
        self.coarse = self._table(log_rate * self.fine_count, -(-steps // self.fine_count))

    @staticmethod
    def _table(log_rate: Tensor, count: int) -> Tensor:
        return torch.exp(log_rate[..., None] * torch.arange(count, device=log_rate.device))

    def response(self, weights: Tensor) -> Tensor:
        """Re(sum_n weights_n lambda_n^l), ``(batch, channels, steps)``, of weights ``(batch, channels, modes)``."""
        products = torch.einsum("bcni,cnm->bcim", weights[..., None] * self.coarse, self.fine)
        return products.real.flatten(-2)[..., : self.steps]

    def gather(self, u: Tensor) -> Tensor:
        """sum_t lambda^(steps - 1 - t) u_t, ``(batch, channels, modes)``, of real u ``(batch, channels, steps)``."""
        front = self.fine_count * self.coarse.shape[-1] - self.steps
        blocks = F.pad(u, (front, 0)).unflatten(-1, (-1, self.fine_count))
        sums = torch.einsum("bcim,cnm->bcni", blocks.to(self.fine.dtype), self.fine.flip(-1))
        return (sums * self.coarse.flip(-1)).sum(-1)


def convolve(u: Tensor, kernel: Tensor) -> Tensor:
    """y_t = sum_l kernel_l u_{t-l}, ``(batch, channels, time)``, by FFTs padded with zeros to a power of two.

    Args:
        u: ``(batch, channels, time)``, real.
        kernel: ``(channels, time)`` or ``(1, channels, time)``, real.
    """
    time = u.shape[-1]
    size = 1 << (2 * time - 1).bit_length()
    return torch.fft.irfft(torch.fft.rfft(u, n=size) * torch.fft.rfft(kernel, n=size), n=size)[..., :time]
