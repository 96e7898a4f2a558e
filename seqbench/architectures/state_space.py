"""Linear state spaces over complex diagonals: the LRU, which mixes channels, and S4D, one system for each channel.

    h_t = lambda h_{t-1} + B x_t         y_t = Re(C h_t) + D x_t         then  GLU(GELU(y))  at each step

|lambda| < 1 holds by construction. Shapes are named ``(batch, time, d_model)``. Parameters are real, and complex states
are real pairs in their last axis: casts, optimisers and collectives need not know. What recurs is float32 at least.
The authors train the recurrences' own parameters at a smaller learning rate; here they have the common one, and no
weight decay.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqbench.architectures.blocks import CausalResidual, check_options
from seqbench.ops.diagonal import Powers, convolve
from seqbench.ops.linear_scan import linear_scan


class _StateSpace(CausalResidual):
    """What the two share."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The recurrences' own parameters without weight decay: they are logarithms, steps and frequencies."""
        params = [getattr(mixer, name) for mixer in self.mixers for name in mixer.recurrent]
        return [{"params": params, "weight_decay": 0.0}]


class LRU(_StateSpace):
    """The linear recurrent unit (Orvieto et al. 2023, arXiv 2303.06349): lambda = exp(-nu + i theta).

    lambda starts uniform on a ring in the complex plane; inputs are scaled by a learnable gamma that starts at
    sqrt(1 - |lambda|^2), so that states start at the inputs' scale whatever their memory. A layer's state is h as real
    pairs, ``(batch, state_size, 2)``.

    Args:
        d_model: width of input and output.
        num_layers: layers, each reading the one below.
        dropout: probability on what is added to the residual stream.
        state_size: complex numbers in h; None for as many as ``d_model``.
        r_min: inner radius of the ring.
        r_max: outer radius, below 1. Memory lasts about 1 / (1 - r_max) steps.
        max_phase: largest starting angle in radians; small ones suit long sequences.

    Raises:
        ValueError: a value is out of range.
    """

    def __init__(
        self,
        d_model: int,
        num_layers: int = 2,
        dropout: float = 0.0,
        state_size: int | None = None,
        r_min: float = 0.9,
        r_max: float = 0.999,
        max_phase: float = 2 * math.pi,
    ) -> None:
        size = d_model if state_size is None else state_size
        check_options(d_model, dropout, num_layers=num_layers, state_size=size)
        if not 0 <= r_min < r_max < 1:
            raise ValueError(f"the ring needs 0 <= r_min < r_max < 1, got r_min {r_min} and r_max {r_max}")
        if not 0 < max_phase <= 2 * math.pi:
            raise ValueError(f"max_phase must be in (0, 2 pi], got {max_phase}")
        mixers = (_LRUMixer(d_model, size, r_min, r_max, max_phase) for _ in range(num_layers))
        super().__init__(d_model, mixers, dropout)


class S4D(_StateSpace):
    """Diagonal structured state spaces (Gu et al. 2022, arXiv 2206.11893).

    Each channel has a system h' = A h + x, discretised by a zero-order hold with its own learnable step. Sequences go
    through FFTs of the systems' responses, single steps through the recurrence. The real part of A starts at -1/2, and
    its frequencies as ``init`` says. B is one throughout, as only its product with C counts; for ``legs`` the paper
    starts it otherwise. A layer's state is h as real pairs, ``(batch, d_model, state_size / 2, 2)``.

    Args:
        d_model: width of input and output.
        num_layers: layers, each reading the one below.
        dropout: probability on what is added to the residual stream.
        state_size: real numbers that each channel remembers, as pairs of conjugates; even.
        init: starting frequencies: ``lin`` (Fourier, S4D-Lin), ``inv`` (S4D-Inv) or ``legs`` (those of HiPPO-LegS's
            normal part, S4D-LegS).
        dt_min: smallest starting step; sequences of about 1 / dt steps are remembered.
        dt_max: largest starting step.

    Raises:
        ValueError: a value is out of range.
    """

    def __init__(
        self,
        d_model: int,
        num_layers: int = 2,
        dropout: float = 0.0,
        state_size: int = 64,
        init: str = "lin",
        dt_min: float = 1e-3,
        dt_max: float = 1e-1,
    ) -> None:
        check_options(d_model, dropout, num_layers=num_layers, state_size=state_size)
        if state_size % 2:
            raise ValueError(f"state_size must be even, pairs of conjugates, got {state_size}")
        if init not in FREQUENCIES:
            raise ValueError(f"init must be one of {', '.join(FREQUENCIES)}, got {init!r}")
        if not 0 < dt_min <= dt_max:
            raise ValueError(f"steps need 0 < dt_min <= dt_max, got dt_min {dt_min} and dt_max {dt_max}")
        frequencies = FREQUENCIES[init](state_size)
        mixers = (_S4DMixer(d_model, frequencies, dt_min, dt_max) for _ in range(num_layers))
        super().__init__(d_model, mixers, dropout)


class _Mixer(nn.Module):
    """D and the gated output that follow both recurrences."""

    recurrent: tuple[str, ...]

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.skip = nn.Parameter(torch.randn(d_model))
        self.gate = nn.Linear(d_model, 2 * d_model)

    def _leave(self, x: Tensor, y: Tensor) -> Tensor:
        return F.glu(self.gate(F.gelu(y + self.skip * x)), dim=-1)


class _LRUMixer(_Mixer):
    recurrent = ("log_nu", "log_theta", "log_gamma")

    def __init__(self, d_model: int, size: int, r_min: float, r_max: float, max_phase: float) -> None:
        super().__init__(d_model)
        # 1 - rand is never 0, whose logarithm no gradient would move. Uniform squares: uniform over the ring's area.
        squares = r_min**2 + (r_max**2 - r_min**2) * (1 - torch.rand(size))
        self.log_nu = nn.Parameter((-squares.log() / 2).log())
        self.log_theta = nn.Parameter((max_phase * (1 - torch.rand(size))).log())
        self.log_gamma = nn.Parameter((1 - squares).log() / 2)
        # B and C as real maps into and out of pairs; Re(C h) takes -Im C, and a sign matters to no Gaussian.
        self.enter = nn.Linear(d_model, 2 * size, bias=False)
        self.out = nn.Linear(2 * size, d_model, bias=False)
        nn.init.normal_(self.enter.weight, std=(2 * d_model) ** -0.5)
        nn.init.normal_(self.out.weight, std=size**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        wide = torch.promote_types(x.dtype, torch.float32)
        rates = torch.exp(torch.complex(-self.log_nu.to(wide).exp(), self.log_theta.to(wide).exp()))
        inputs = self.enter(x).to(wide).unflatten(-1, (-1, 2)) * self.log_gamma.to(wide).exp()[:, None]
        u = torch.view_as_complex(inputs)
        h = linear_scan(rates.expand_as(u), u, None if state is None else torch.view_as_complex(state))
        pairs = torch.view_as_real(h)
        return self._leave(x, self.out(pairs.flatten(-2).to(x.dtype))), pairs[:, -1]


class _S4DMixer(_Mixer):
    recurrent = ("log_step", "log_decay", "frequency")

    def __init__(self, d_model: int, frequencies: Tensor, dt_min: float, dt_max: float) -> None:
        super().__init__(d_model)
        modes = len(frequencies)
        self.log_step = nn.Parameter(torch.empty(d_model).uniform_(math.log(dt_min), math.log(dt_max)))
        self.log_decay = nn.Parameter(torch.full((d_model, modes), math.log(0.5)))
        self.frequency = nn.Parameter(frequencies.repeat(d_model, 1))
        # C is a standard complex normal; twice its real part stands for each pair of conjugates.
        self.out = nn.Parameter(torch.randn(d_model, modes, 2) * 0.5**0.5)

    def forward(self, x: Tensor) -> Tensor:
        u, (log_rate, enter, out) = self._channels(x), self._system(x)
        powers = Powers(log_rate, x.shape[1])
        return self._leave(x, self._steps(x, convolve(u, powers.response((out * enter)[None]))))

    def unroll(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        u, (log_rate, enter, out) = self._channels(x), self._system(x)
        before = enter.new_zeros(len(x), *enter.shape) if state is None else torch.view_as_complex(state)
        rate = log_rate.exp()
        if x.shape[1] == 1:
            h = rate * before + enter * u
            y = (out * h).real.sum(-1, keepdim=True)
        else:
            powers = Powers(log_rate, x.shape[1])
            y = convolve(u, powers.response((out * enter)[None])) + powers.response(out * rate * before)
            h = (log_rate * x.shape[1]).exp() * before + enter * powers.gather(u)
        return self._leave(x, self._steps(x, y)), torch.view_as_real(h)

    def _channels(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2).to(torch.promote_types(x.dtype, torch.float32))

    def _steps(self, x: Tensor, y: Tensor) -> Tensor:
        return y.transpose(1, 2).to(x.dtype)

    def _system(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log lambda, what a unit input leaves in h, and 2 C; each ``(d_model, state_size / 2)``, complex."""
        wide = torch.promote_types(x.dtype, torch.float32)
        a = torch.complex(-self.log_decay.to(wide).exp(), self.frequency.to(wide))
        log_rate = a * self.log_step.to(wide).exp()[:, None]
        # (exp(a dt) - 1) / a: by expm1, as a dt is small.
        return log_rate, torch.expm1(log_rate) / a, 2 * torch.view_as_complex(self.out.to(wide))


def _fourier(state_size: int) -> Tensor:
    return math.pi * torch.arange(state_size // 2)


def _inverse(state_size: int) -> Tensor:
    return state_size / math.pi * (state_size / (2 * torch.arange(state_size // 2) + 1) - 1)


def _legendre(state_size: int) -> Tensor:
    # HiPPO-LegS plus the square of its low-rank part is -1/2 and a skew matrix, whose eigenvalues come in pairs +-i w.
    roots = (2 * torch.arange(state_size, dtype=torch.float64) + 1).sqrt()
    lower = (roots[:, None] * roots / 2).tril(-1)
    skew = lower.T - lower
    return torch.linalg.eigvalsh(torch.complex(torch.zeros_like(skew), skew))[state_size // 2 :].float()


FREQUENCIES = {"lin": _fourier, "inv": _inverse, "legs": _legendre}
