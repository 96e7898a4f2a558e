"""The response of a linear recurrence with a constant complex diagonal, without a table of its powers.

It computes::

    h_t = lambda h_{t-1} + u_t        y_t = Re(sum_n c_n h_{t,n}) = sum_l k_l u_{t-l},   k_l = Re(sum_n c_n lambda_n^l)

Each channel has its own modes n. Tensors have the axes ``(batch, channels, time)`` or ``(channels, modes)``.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


class DiagonalPowers:
    """The powers lambda^l for l = 0 .. steps - 1, as products of a coarse and a fine power.

    With l = i m + j, lambda^l = lambda^(i m) lambda^j. With m near sqrt(steps), a sum over modes or over time is a
    batched product of two small matrices. The table ``(channels, modes, steps)`` is never built, and each mode needs
    about 2 sqrt(steps) exponentials.

    Args:
        log_rate: log lambda, complex, ``(channels, modes)``.
        steps: the number of powers, at least 1.

    Example:
        >>> half = torch.tensor([[0.5]], dtype=torch.complex64)
        >>> powers = DiagonalPowers(half.log(), steps=4)
        >>> powers.impulse_response(torch.ones(1, 1, 1, dtype=torch.complex64)).flatten().tolist()
        [1.0, 0.5, 0.25, 0.125]
    """

    def __init__(self, log_rate: Tensor, steps: int) -> None:
        self.steps = steps
        self.fine_count = math.isqrt(steps - 1) + 1
        self.fine = self._table(log_rate, self.fine_count)
        self.coarse = self._table(log_rate * self.fine_count, -(-steps // self.fine_count))

    @staticmethod
    def _table(log_rate: Tensor, count: int) -> Tensor:
        return torch.exp(log_rate[..., None] * torch.arange(count, device=log_rate.device))

    def impulse_response(self, weights: Tensor) -> Tensor:
        """Return Re(sum_n weights_n lambda_n^l) for each l, ``(batch, channels, steps)``.

        It costs O(modes * steps) operations for each channel. A plain reference is the sum over the table of powers.

        Args:
            weights: complex weights of the modes, ``(batch, channels, modes)``.
        """
        products = torch.einsum("bcni,cnm->bcim", weights[..., None] * self.coarse, self.fine)
        return products.real.flatten(-2)[..., : self.steps]

    def final_state(self, u: Tensor) -> Tensor:
        """Return the state h after the inputs u, from zeros: sum_t lambda^(steps - 1 - t) u_t.

        It costs O(modes * steps) operations for each channel. A plain reference is the recurrence itself.

        Args:
            u: real inputs, ``(batch, channels, steps)``.

        Returns:
            ``(batch, channels, modes)``, complex.
        """
        front = self.fine_count * self.coarse.shape[-1] - self.steps
        blocks = torch.unflatten(F.pad(u, (front, 0)), -1, (-1, self.fine_count))
        sums = torch.einsum("bcim,cnm->bcni", blocks.to(self.fine.dtype), self.fine.flip(-1))
        return (sums * self.coarse.flip(-1)).sum(-1)


def causal_convolution(u: Tensor, kernel: Tensor) -> Tensor:
    """Return y_t = sum_{l <= t} kernel_l u_{t-l}, computed by FFTs that are padded with zeros to a power of two.

    It costs O(time log time) operations for each channel. A plain reference is the sum itself.

    Args:
        u: real inputs, ``(batch, channels, time)``.
        kernel: the real response to an impulse, ``(channels, time)`` or ``(1, channels, time)``.

    Returns:
        ``(batch, channels, time)``.

    Example:
        >>> u, kernel = torch.tensor([[[1.0, 0.0, 2.0]]]), torch.tensor([[4.0, 2.0, 1.0]])
        >>> causal_convolution(u, kernel).round(decimals=4).tolist()
        [[[4.0, 2.0, 9.0]]]
    """
    time = u.shape[-1]
    size = 1 << (2 * time - 1).bit_length()
    y: Tensor = torch.fft.irfft(torch.fft.rfft(u, n=size) * torch.fft.rfft(kernel, n=size), n=size)
    return y[..., :time]
