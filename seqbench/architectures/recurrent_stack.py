"""A stack of recurrent layers, the base class of the recurrent networks.

Tensors have the axes ``(batch, time, d_model)``. The leaves of a state are ``(batch, num_layers, ...)``.

Dropout acts on the output of each layer, never on the recurrence (Zaremba et al. 2014, arXiv 1409.2329). It is drawn by
PyTorch and not by cuDNN, because cuDNN has its own random numbers, which no seed of PyTorch controls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, cast

import torch
from torch import Tensor, nn

from seqbench.architectures.blocks import ParameterGroup, check_options

StateT = TypeVar("StateT", bound="Tensor | tuple[Tensor, ...]")


class RecurrentStack(nn.Module, Generic[StateT]):
    """A stack of recurrent layers that computes whole sequences and chunks alike.

    The leaves of its state are ``(batch, num_layers, ...)``, those of the layers stacked along the second axis.

    Args:
        cell: creates a layer: a module that maps ``(batch, time, d_model)`` and a state to outputs of the same shape
            and the state after them. As in ``torch.nn.RNN``, the leaves of its state are ``(1, batch, ...)``, and None
            is the start.
        d_model: width of input and output.
        num_layers: number of layers.
        dropout: dropout probability on the output of each layer.
        skip: add residual connections, x + layer(x), to all layers except the first. Wu et al. 2016 (arXiv 1609.08144)
            add them from the third layer on.
        start: shape of the learnt initial state of each layer; None if layers start from zeros.

    Raises:
        ValueError: an option is out of range.
    """

    causal = True

    def __init__(
        self,
        cell: Callable[[], nn.Module],
        d_model: int,
        num_layers: int,
        dropout: float,
        skip: bool,
        start: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        check_options(d_model, dropout, num_layers=num_layers)
        self.cells = nn.ModuleList(cell() for _ in range(num_layers))
        self.initial = None if start is None else nn.Parameter(torch.zeros(num_layers, *start))
        self.dropout = nn.Dropout(dropout)
        self.skip = skip

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the initial states, which have no weight decay: they are a stack of vectors."""
        return [] if self.initial is None else [{"params": [self.initial], "weight_decay": 0.0}]

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: not used; a causal output does not depend on the padding that follows it.

        Returns:
            ``(batch, time, d_model)``.
        """
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: StateT | None = None) -> tuple[Tensor, StateT]:
        """Return the hidden vectors of one chunk, and the state after it.

        Args:
            x: ``(batch, time, d_model)``.
            state: the state after the previous chunk; None at the start of a sequence.

        Returns:
            ``(batch, time, d_model)``, and a state whose leaves are ``(batch, num_layers, ...)``.
        """
        if state is None and self.initial is not None:
            state = cast("StateT", self.initial.expand(len(x), *self.initial.shape))
        before = [None] * len(self.cells) if state is None else _split_by_layer(state)
        after = []
        for layer, (cell, cell_state) in enumerate(zip(self.cells, before, strict=True)):
            y, state_after = cell(x, cell_state)
            y = self.dropout(y)
            x = x + y if self.skip and layer else y
            after.append(state_after)
        return x, _stack_layers(after)


def _split_by_layer(state: StateT) -> Sequence[StateT]:
    """Split a state into those of its layers, with the leaves ``(1, batch, ...)`` that PyTorch's layers take."""
    leaves = state if isinstance(state, tuple) else (state,)
    layers = zip(*([part[None].contiguous() for part in leaf.unbind(1)] for leaf in leaves), strict=True)
    return cast("Sequence[StateT]", [layer if isinstance(state, tuple) else layer[0] for layer in layers])


def _stack_layers(states: Sequence[StateT]) -> StateT:
    """Invert ``_split_by_layer``: stack the states of all layers along the second axis."""
    layers = [state if isinstance(state, tuple) else (state,) for state in states]
    leaves = tuple(torch.stack([leaf[0] for leaf in same], dim=1) for same in zip(*layers, strict=True))
    return cast("StateT", leaves if isinstance(states[0], tuple) else leaves[0])
