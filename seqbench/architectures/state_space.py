"""Linear state spaces with complex diagonals: the LRU, which mixes channels, and S4D, with one system for each channel.

Each layer computes::

    h_t = lambda h_{t-1} + B x_t         y_t = Re(C h_t) + D x_t         then  GLU(GELU(y))  at each step

``|lambda| < 1`` holds for all values of the parameters. Tensors have the axes ``(batch, time, d_model)``. Parameters
are real, and complex states are real pairs in their last axis, so that casts, optimisers and collective operations need
no complex numbers. The recurrence is computed in at least float32.

The parameters of the recurrence have a smaller learning rate than all others, and no weight decay, as in the authors'
training; the docstring of each class states the rate.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqbench.architectures.blocks import (
    CausalMixer,
    CausalResidualStack,
    ParameterGroup,
    check_options,
    check_rates,
    group_without_decay,
)
from seqbench.ops.diagonal_recurrence import DiagonalPowers, causal_convolution
from seqbench.ops.linear_scan import linear_scan


class LRU(CausalResidualStack[Tensor]):
    """The linear recurrent unit (Orvieto et al. 2023, arXiv 2303.06349), with lambda = exp(-nu + i theta).

    Each layer computes::

        h_t = lambda h_{t-1} + gamma (B x_t),    y_t = Re(C h_t) + D x_t

    lambda starts uniformly distributed on a ring in the complex plane. The learnt factor gamma starts at
    ``sqrt(1 - |lambda|^2)``, so that states have the scale of the inputs, however long the memory lasts.

    nu, theta, gamma and B are trained at ``lr_scale`` times the learning rate and without weight decay. The experiments
    of the paper have a smaller rate for the recurrence too; their code is not public. The list of parameters and the
    factor 0.5 are those of the unofficial reproduction github.com/NicolasZucchet/minimal-LRU (``--lr_factor``).

    The state of a layer is h as real pairs, ``(batch, state_size, 2)``.

    Args:
        d_model: width of input and output.
        num_layers: number of layers.
        dropout: dropout probability on the output of each layer, before the residual.
        state_size: number of complex entries of h; None for ``d_model``.
        r_min: inner radius of the ring.
        r_max: outer radius of the ring, below 1. A memory lasts about 1 / (1 - r_max) steps.
        max_phase: largest initial angle, in radians. Small angles suit long sequences.
        lr_scale: learning rate of nu, theta, gamma and B as a multiple of the card's.

    Raises:
        ValueError: an option is out of range.
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
        lr_scale: float = 0.5,
    ) -> None:
        size = d_model if state_size is None else state_size
        check_options(d_model, dropout, num_layers=num_layers, state_size=size)
        check_rates(lr_scale)
        if not 0 <= r_min < r_max < 1:
            raise ValueError(f"the ring needs 0 <= r_min < r_max < 1, got r_min {r_min} and r_max {r_max}")
        if not 0 < max_phase <= 2 * math.pi:
            raise ValueError(f"max_phase must be in (0, 2 pi], got {max_phase}")
        mixers = (_LRUMixer(d_model, size, r_min, r_max, max_phase) for _ in range(num_layers))
        super().__init__(d_model, mixers, dropout)
        self.lr_scale = lr_scale

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return nu, theta, gamma and B, with their learning rate and without weight decay."""
        names = ("log_nu", "log_theta", "log_gamma", "enter.weight")
        return group_without_decay(self.mixers, *names, lr_scale=self.lr_scale)


class S4D(CausalResidualStack[Tensor]):
    """Diagonal structured state spaces (Gu et al. 2022, arXiv 2206.11893).

    In each channel it computes::

        h' = A h + x,    y = 2 Re(C h) + D x

    with a complex diagonal A, discretised by a zero-order hold with a learnt step of the channel.
    Sequences are convolved with the responses of the systems by FFTs; single steps use the recurrence. The real part of
    A starts at -1/2; ``init`` determines its initial imaginary parts, which are the frequencies.

    Steps and A are trained at a learning rate of at most ``lr_max`` and without weight decay, as in the authors' code
    (github.com/state-spaces/s4, ``example.py`` and ``models/s4/s4d.py``: the smaller of 0.001 and the common rate,
    which is 0.01 there). C has the common rate, as there.

    B is one, as in that code, because only its product with C matters. Deviations: for ``legs`` the paper initialises B
    differently, and D has no weight decay, as all vectors.

    The state of a layer is h as real pairs, ``(batch, d_model, state_size / 2, 2)``.

    Args:
        d_model: width of input and output.
        num_layers: number of layers.
        dropout: dropout probability on the output of each layer, before the residual.
        state_size: real numbers in the state of each channel, in pairs of conjugates; even.
        init: initial frequencies: ``lin`` (Fourier, S4D-Lin), ``inv`` (S4D-Inv) or ``legs`` (those of the normal part
            of HiPPO-LegS, S4D-LegS).
        dt_min: smallest initial step. A system remembers about 1 / dt steps of the sequence.
        dt_max: largest initial step.
        lr_scale: learning rate of steps and A as a multiple of the card's.
        lr_max: highest learning rate of steps and A; None for no limit.

    Raises:
        ValueError: an option is out of range.
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
        lr_scale: float = 1.0,
        lr_max: float | None = 1e-3,
    ) -> None:
        check_options(d_model, dropout, num_layers=num_layers, state_size=state_size)
        check_rates(lr_scale, lr_max)
        if state_size % 2:
            raise ValueError(f"state_size must be even, pairs of conjugates, got {state_size}")
        if init not in FREQUENCIES:
            raise ValueError(f"init must be one of {', '.join(FREQUENCIES)}, got {init!r}")
        if not 0 < dt_min <= dt_max:
            raise ValueError(f"steps need 0 < dt_min <= dt_max, got dt_min {dt_min} and dt_max {dt_max}")
        frequencies = FREQUENCIES[init](state_size)
        mixers = (_S4DMixer(d_model, frequencies, dt_min, dt_max) for _ in range(num_layers))
        super().__init__(d_model, mixers, dropout)
        self.lr_scale, self.lr_max = lr_scale, lr_max

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return steps, decays and frequencies, with their learning rate and without weight decay."""
        names = ("log_step", "log_decay", "frequency")
        return group_without_decay(self.mixers, *names, lr_scale=self.lr_scale, lr_max=self.lr_max)


class _Mixer(CausalMixer[Tensor]):
    """The term D x and the gated output that follow both recurrences."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.skip = nn.Parameter(torch.randn(d_model))
        self.gate = nn.Linear(d_model, 2 * d_model)

    def _output(self, x: Tensor, y: Tensor) -> Tensor:
        """Return GLU(GELU(y + D x))."""
        return F.glu(self.gate(F.gelu(y + self.skip * x)), dim=-1)


class _LRUMixer(_Mixer):
    """One linear recurrent unit."""

    def __init__(self, d_model: int, size: int, r_min: float, r_max: float, max_phase: float) -> None:
        super().__init__(d_model)
        # Uniform squares of radii are uniform over the area. 1 - rand is never 0, whose logarithm has no gradient.
        squares = r_min**2 + (r_max**2 - r_min**2) * (1 - torch.rand(size))
        self.log_nu = nn.Parameter((-squares.log() / 2).log())
        self.log_theta = nn.Parameter((max_phase * (1 - torch.rand(size))).log())
        self.log_gamma = nn.Parameter((1 - squares).log() / 2)
        # B and C are real maps to and from pairs. The map of C holds Re C and -Im C; a Gaussian is symmetric in sign.
        self.enter = nn.Linear(d_model, 2 * size, bias=False)
        self.out = nn.Linear(2 * size, d_model, bias=False)
        nn.init.normal_(self.enter.weight, std=(2 * d_model) ** -0.5)
        nn.init.normal_(self.out.weight, std=size**-0.5)

    def unroll(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the output for one chunk ``(batch, time, d_model)``, and h ``(batch, state_size, 2)``."""
        dtype = torch.promote_types(x.dtype, torch.float32)
        rates = torch.exp(torch.complex(-self.log_nu.to(dtype).exp(), self.log_theta.to(dtype).exp()))
        inputs = torch.unflatten(self.enter(x).to(dtype), -1, (-1, 2)) * self.log_gamma.to(dtype).exp()[:, None]
        u = torch.view_as_complex(inputs)
        h = linear_scan(rates.expand_as(u), u, None if state is None else torch.view_as_complex(state))
        pairs = torch.view_as_real(h)
        return self._output(x, self.out(pairs.flatten(-2).to(x.dtype))), pairs[:, -1]


class _S4DMixer(_Mixer):
    """One diagonal system in each channel."""

    def __init__(self, d_model: int, frequencies: Tensor, dt_min: float, dt_max: float) -> None:
        super().__init__(d_model)
        modes = len(frequencies)
        self.log_step = nn.Parameter(torch.empty(d_model).uniform_(math.log(dt_min), math.log(dt_max)))
        self.log_decay = nn.Parameter(torch.full((d_model, modes), math.log(0.5)))
        self.frequency = nn.Parameter(frequencies.repeat(d_model, 1))
        # C is a standard complex normal. Twice the real part of a mode is the sum of a pair of conjugates.
        self.out = nn.Parameter(torch.randn(d_model, modes, 2) * 0.5**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Return the output for whole sequences, ``(batch, time, d_model)``."""
        u, (log_rate, enter, out) = self._channels_first(x), self._system(x)
        powers = DiagonalPowers(log_rate, x.shape[1])
        y = causal_convolution(u, powers.impulse_response((out * enter)[None]))
        return self._output(x, self._time_first(x, y))

    def unroll(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the output for one chunk ``(batch, time, d_model)``, and h ``(batch, d_model, state_size / 2, 2)``."""
        u, (log_rate, enter, out) = self._channels_first(x), self._system(x)
        before = enter.new_zeros(len(x), *enter.shape) if state is None else torch.view_as_complex(state)
        rate = log_rate.exp()
        if x.shape[1] == 1:
            h = rate * before + enter * u
            y = (out * h).real.sum(-1, keepdim=True)
        else:
            powers = DiagonalPowers(log_rate, x.shape[1])
            from_inputs = causal_convolution(u, powers.impulse_response((out * enter)[None]))
            y = from_inputs + powers.impulse_response(out * rate * before)
            h = (log_rate * x.shape[1]).exp() * before + enter * powers.final_state(u)
        return self._output(x, self._time_first(x, y)), torch.view_as_real(h)

    def _channels_first(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2).to(torch.promote_types(x.dtype, torch.float32))

    def _time_first(self, x: Tensor, y: Tensor) -> Tensor:
        return y.transpose(1, 2).to(x.dtype)

    def _system(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return log lambda, the discretised B, and 2 C, each complex ``(d_model, state_size / 2)``."""
        dtype = torch.promote_types(x.dtype, torch.float32)
        a = torch.complex(-self.log_decay.to(dtype).exp(), self.frequency.to(dtype))
        log_rate = a * self.log_step.to(dtype).exp()[:, None]
        # B is (exp(a dt) - 1) / a, computed by expm1, because a dt is small.
        return log_rate, torch.expm1(log_rate) / a, 2 * torch.view_as_complex(self.out.to(dtype))


def _fourier_frequencies(state_size: int) -> Tensor:
    return math.pi * torch.arange(state_size // 2)


def _inverse_frequencies(state_size: int) -> Tensor:
    return state_size / math.pi * (state_size / (2 * torch.arange(state_size // 2) + 1) - 1)


def _legendre_frequencies(state_size: int) -> Tensor:
    """Return the frequencies of the normal part of HiPPO-LegS.

    The normal part is -1/2 plus a skew-symmetric matrix, whose eigenvalues are pairs +-i w.
    """
    roots = (2 * torch.arange(state_size, dtype=torch.float64) + 1).sqrt()
    lower = (roots[:, None] * roots / 2).tril(-1)
    skew = lower.T - lower
    eigenvalues: Tensor = torch.linalg.eigvalsh(torch.complex(torch.zeros_like(skew), skew))
    return eigenvalues[state_size // 2 :].float()


FREQUENCIES = {"lin": _fourier_frequencies, "inv": _inverse_frequencies, "legs": _legendre_frequencies}
"""Functions of the initial frequencies by the value of ``init``: state_size to ``(state_size / 2,)``."""
