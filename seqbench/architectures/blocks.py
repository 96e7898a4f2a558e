"""Building blocks of the pre-norm architectures, and checks of the options that all backbones share.

A layer of a residual stack is::

    x = x + dropout(mixer(norm(x)))      mixes steps: attention, a scan or a convolution
    x = x + dropout(mlp(norm(x)))        acts on each step; optional

and one more norm follows the last layer (Xiong et al. 2020, arXiv 2002.04745). Tensors have the axes
``(batch, time, d_model)``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Generic, Protocol, TypedDict, TypeVar, cast

import torch
from torch import Tensor, nn

from seqbench.architectures.feed_forward import build_mlp

StateT = TypeVar("StateT")


class ParameterGroup(TypedDict, total=False):
    """Parameters with their own options of the optimiser, as in ``seqbench.protocol.backbones``.

    Options that are not set come from the task's card. ``lr_scale`` multiplies its learning rate, and ``lr_max`` limits
    the result.
    """

    params: list[nn.Parameter]
    lr: float
    lr_scale: float
    lr_max: float
    weight_decay: float


def check_options(d_model: int, dropout: float = 0.0, **counts: int) -> None:
    """Check the options that most backbones have.

    Args:
        d_model: width of the backbone, at least 1.
        dropout: dropout probability, in [0, 1).
        counts: other options by their names, each at least 1.

    Raises:
        ValueError: an option is out of range.

    Example:
        >>> check_options(8, dropout=0.1, num_layers=0)
        Traceback (most recent call last):
        ValueError: num_layers must be at least 1, got 0
    """
    for name, value in {"d_model": d_model, **counts}.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be in [0, 1), got {dropout}")


def group_without_decay(
    modules: Iterable[nn.Module], *names: str, lr_scale: float = 1.0, lr_max: float | None = None
) -> list[ParameterGroup]:
    """Return one parameter group without weight decay, as ``parameter_groups`` of a backbone returns it.

    Args:
        modules: the modules that have the parameters.
        names: the names of the parameters in each module.
        lr_scale: learning rate of the group as a multiple of the card's.
        lr_max: highest learning rate of the group; None for no limit.

    Example:
        >>> layers = nn.ModuleList(nn.Linear(2, 3) for _ in range(2))
        >>> [[p.shape[0] for p in group["params"]] for group in group_without_decay(layers, "bias")]
        [[3, 3]]
    """
    params = [module.get_parameter(name) for module in modules for name in names]
    group: ParameterGroup = {"params": params, "weight_decay": 0.0, "lr_scale": lr_scale}
    if lr_max is not None:
        group["lr_max"] = lr_max
    return [group]


def check_rates(lr_scale: float, lr_max: float | None = None) -> None:
    """Check the options with which a backbone changes the learning rate of some of its parameters.

    Args:
        lr_scale: multiple of the card's learning rate.
        lr_max: highest learning rate; None for no limit.

    Raises:
        ValueError: an option is not a positive number.

    Example:
        >>> check_rates(0.0)
        Traceback (most recent call last):
        ValueError: lr_scale must be a positive number, got 0.0
    """
    for name, value in (("lr_scale", lr_scale), ("lr_max", lr_max)):
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{name} must be a positive number, got {value}")


class ResidualStack(nn.Module):
    """A stack of mixers over time, each with a norm before it and a residual connection around it.

    Args:
        d_model: width of input and output.
        mixers: one module for each layer, with ``forward(x, lengths)``.
        dropout: dropout probability on the output of each mixer and MLP.
        expansion: width inside an MLP as a multiple of ``d_model``; 0 for no MLP.
        mlp: kind of MLP, ``gelu`` or ``swiglu``.

    Raises:
        ValueError: the kind of MLP is unknown.
    """

    causal = False

    def __init__(
        self,
        d_model: int,
        mixers: Iterable[nn.Module],
        dropout: float = 0.0,
        expansion: int = 0,
        mlp: str = "gelu",
    ) -> None:
        super().__init__()
        self.mixers = nn.ModuleList(mixers)
        self.norms = nn.ModuleList(nn.RMSNorm(d_model, eps=1e-6) for _ in self.mixers)
        self.mlps = nn.ModuleList(build_mlp(mlp, d_model, expansion) for _ in self.mixers if expansion)
        self.last = nn.RMSNorm(d_model, eps=1e-6)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: number of steps of each sequence without padding, ``(batch,)``; None if there is no padding.

        Returns:
            ``(batch, time, d_model)``. Vectors at padded steps are finite and have no meaning.
        """
        for layer, mixer in enumerate(self.mixers):
            x = self._add(layer, x, self._mix(mixer, self.norms[layer](x), lengths))
        y: Tensor = self.last(x)
        return y

    def _mix(self, mixer: nn.Module, x: Tensor, lengths: Tensor | None) -> Tensor:
        y: Tensor = mixer(x, lengths)
        return y

    def _add(self, layer: int, x: Tensor, mixed: Tensor) -> Tensor:
        """Add the output of the layer's mixer to ``x``, and then that of its MLP."""
        x = x + self.dropout(mixed)
        return self._add_mlp(layer, x)

    def _add_mlp(self, layer: int, x: Tensor) -> Tensor:
        """Add the output of the layer's MLP to ``x``, if the stack has MLPs."""
        return x + self.dropout(self.mlps[layer](x)) if self.mlps else x


class _Unrollable(Protocol[StateT]):
    """A mixer that computes a sequence chunk by chunk."""

    def unroll(self, x: Tensor, state: StateT | None = None) -> tuple[Tensor, StateT]: ...


class CausalMixer(nn.Module, Generic[StateT]):
    """Base class of mixers whose outputs depend on no later step: subclasses define ``unroll``."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the mixer for whole sequences, ``(batch, time, d_model)``."""
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: StateT | None = None) -> tuple[Tensor, StateT]:
        """Return the output of the mixer for one chunk ``(batch, time, d_model)``, and the state after it.

        Raises:
            NotImplementedError: the subclass does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define unroll")


class CausalResidualStack(ResidualStack, Generic[StateT]):
    """A residual stack of causal mixers: ``forward(x)`` and ``unroll(x, state=None) -> (y, state)`` for each.

    The state is a tuple with the state of each mixer.
    """

    causal = True

    def _mix(self, mixer: nn.Module, x: Tensor, lengths: Tensor | None) -> Tensor:
        # A causal output does not depend on the padding that follows it.
        y: Tensor = mixer(x)
        return y

    def unroll(self, x: Tensor, state: Sequence[StateT] | None = None) -> tuple[Tensor, tuple[StateT, ...]]:
        """Return the hidden vectors of one chunk, and the state after it.

        Args:
            x: ``(batch, time, d_model)``.
            state: the state after the previous chunk; None at the start of a sequence.

        Returns:
            ``(batch, time, d_model)``, and the state of each mixer.
        """
        mixers = cast("Iterable[_Unrollable[StateT]]", self.mixers)
        before: Sequence[StateT | None] = state or [None] * len(self.mixers)
        after: list[StateT] = []
        for layer, (mixer, mixer_state) in enumerate(zip(mixers, before, strict=True)):
            mixed, state_after = mixer.unroll(self.norms[layer](x), mixer_state)
            after.append(state_after)
            x = self._add(layer, x, mixed)
        return self.last(x), tuple(after)


class CausalConvolution(nn.Module):
    """A short causal convolution of each channel: y_t = w_1 x_{t-k+1} + ... + w_k x_t + b, with zeros before the start.

    Args:
        width: number of channels, each with its own filter.
        taps: number of steps in the filter (k), including the current one.
    """

    def __init__(self, width: int, taps: int = 4) -> None:
        super().__init__()
        self.filter = nn.Conv1d(width, width, taps, groups=width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of whole sequences, ``(batch, time, width)``."""
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the convolution of one chunk ``(batch, time, width)``, and its last inputs.

        The state holds the last inputs, ``(batch, taps - 1, width)``.
        """
        if state is None:
            state = x.new_zeros(len(x), self.filter.kernel_size[0] - 1, x.shape[2])
        padded = torch.cat([state, x], dim=1)
        return self.filter(padded.transpose(1, 2)).transpose(1, 2), padded[:, x.shape[1] :]
