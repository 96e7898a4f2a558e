"""Bridges, which pass the outputs of an encoder to its decoder, as one vector or by attention over all outputs."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from seqbench.models.bodies.base import Memory
from seqbench.models.bodies.readout import build_readout
from seqbench.protocol.choices import BRIDGES
from seqbench.utils.errors import SeqbenchError, did_you_mean


class Bridge(nn.Module, ABC):
    """Base class of bridges; it leaves the inputs and the outputs of the decoder unchanged."""

    @abstractmethod
    def remember(self, outputs: Tensor, lengths: Tensor) -> Memory:
        """Return the tensors that the bridge computes from the encoder's outputs.

        Args:
            outputs: outputs of the encoder, ``(batch, time, d_model)``.
            lengths: number of valid source steps, ``(batch,)``.
        """

    def enter(self, x: Tensor, memory: Memory) -> Tensor:
        """Return the decoder's inputs, ``(batch, out_time, d_model)``, from its embedded tokens ``x`` of that shape."""
        return x

    def leave(self, hidden: Tensor, memory: Memory) -> Tensor:
        """Return the hidden vectors, ``(batch, out_time, d_model)``, from the decoder's outputs of that shape."""
        return hidden

    def weights(self, hidden: Tensor, memory: Memory) -> Tensor | None:
        """Return the weight of each source step in each output, ``(batch, out_time, time)``; None without attention."""
        return None


class NoBridge(Bridge):
    """Change nothing: the decoder attends to the encoder's outputs by itself."""

    def remember(self, outputs: Tensor, lengths: Tensor) -> Memory:
        """Return all ``outputs (batch, time, d_model)`` and their ``lengths (batch,)``.

        Args:
            outputs: outputs of the encoder, ``(batch, time, d_model)``.
            lengths: number of valid source steps, ``(batch,)``.
        """
        return {"outputs": outputs, "lengths": lengths}


class Vector(Bridge):
    """Add the encoder's last valid output to every decoder input (Cho et al. 2014).

    For an encoder that looks ahead, the first and the last valid output are combined; see ``readout.Ends``.

    Args:
        d_model: width of encoder and decoder.
        causal: whether the encoder is causal.
    """

    def __init__(self, d_model: int, causal: bool = True) -> None:
        super().__init__()
        self.read = build_readout("last", d_model, causal)
        self.project = nn.Linear(d_model, d_model)

    def remember(self, outputs: Tensor, lengths: Tensor) -> Memory:
        """Return the projected ``summary (batch, 1, d_model)``.

        Args:
            outputs: outputs of the encoder, ``(batch, time, d_model)``.
            lengths: number of valid source steps, ``(batch,)``.
        """
        return {"summary": self.project(self.read(outputs, lengths))}

    def enter(self, x: Tensor, memory: Memory) -> Tensor:
        """Return ``x (batch, out_time, d_model)`` plus the summary."""
        return x + memory["summary"]


class Attention(Bridge):
    """Base class: attention after the decoder, over all encoder outputs, so that training stays parallel over time.

    The output is tanh(W [h; c]) of the decoder's output h and the context c (Luong et al. 2015, eq. 5, without input
    feeding). Subclasses compute the weights.

    Args:
        d_model: width of encoder and decoder.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.combine = nn.Linear(2 * d_model, d_model)

    def remember(self, outputs: Tensor, lengths: Tensor) -> Memory:
        """Return all ``outputs (batch, time, d_model)`` and ``valid (batch, time)``, which is True except at padding.

        Args:
            outputs: outputs of the encoder, ``(batch, time, d_model)``.
            lengths: number of valid source steps, ``(batch,)``.
        """
        return {"outputs": outputs, "valid": torch.arange(outputs.shape[1], device=outputs.device) < lengths[:, None]}

    def leave(self, hidden: Tensor, memory: Memory) -> Tensor:
        """Return the decoder's outputs combined with their contexts, ``(batch, out_time, d_model)``."""
        combined: Tensor = torch.tanh(self.combine(torch.cat([hidden, self.context(hidden, memory)], dim=-1)))
        return combined

    @abstractmethod
    def context(self, hidden: Tensor, memory: Memory) -> Tensor:
        """Return the context of each decoder output, ``(batch, out_time, d_model)``."""


class Additive(Attention):
    """Attention with the scores v . tanh(W h + U m) (Bahdanau, Cho & Bengio 2015).

    The query h is the decoder's present output, not its previous state as in the paper.

    Args:
        d_model: width of encoder and decoder.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.query = nn.Linear(d_model, d_model)
        self.key = nn.Linear(d_model, d_model, bias=False)
        self.score = nn.Linear(d_model, 1, bias=False)

    def weights(self, hidden: Tensor, memory: Memory) -> Tensor:
        """Return the weights ``(batch, out_time, time)``; each row sums to 1 over the valid source steps."""
        mixed = torch.tanh(self.query(hidden)[:, :, None] + self.key(memory["outputs"])[:, None])
        return _masked_softmax(self.score(mixed)[..., 0], memory["valid"][:, None])

    def context(self, hidden: Tensor, memory: Memory) -> Tensor:
        """Return the weighted mean of the encoder's outputs, ``(batch, out_time, d_model)``."""
        return self.weights(hidden, memory) @ memory["outputs"]


class MultiHead(Attention):
    """Attention with scaled dot products in several heads (Vaswani et al. 2017).

    Args:
        d_model: width of encoder and decoder.
        heads: number of heads; divides ``d_model``.

    Raises:
        SeqbenchError: ``heads`` does not divide ``d_model``.
    """

    def __init__(self, d_model: int, heads: int = 4) -> None:
        super().__init__(d_model)
        if heads < 1 or d_model % heads:
            raise SeqbenchError(f"body.heads must divide arch.d_model ({d_model}), got {heads}; give --body.heads.")
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(d_model, d_model) for _ in range(3))

    def weights(self, hidden: Tensor, memory: Memory) -> Tensor:
        """Return the mean of the heads' weights, ``(batch, out_time, time)``."""
        return self._head_weights(hidden, memory).mean(1)

    def context(self, hidden: Tensor, memory: Memory) -> Tensor:
        """Return each head's weighted mean of its part of the values, side by side, ``(batch, out_time, d_model)``."""
        mixed = self._head_weights(hidden, memory) @ self._split_heads(self.value(memory["outputs"]))
        return mixed.transpose(1, 2).flatten(2)

    def _head_weights(self, hidden: Tensor, memory: Memory) -> Tensor:
        """Return the weights of each head, ``(batch, heads, out_time, time)``."""
        query, key = self._split_heads(self.query(hidden)), self._split_heads(self.key(memory["outputs"]))
        scores = query @ key.transpose(-1, -2) / math.sqrt(key.shape[-1])
        return _masked_softmax(scores, memory["valid"][:, None, None])

    def _split_heads(self, x: Tensor) -> Tensor:
        """Return ``x (batch, time, d_model)`` as ``(batch, heads, time, d_model / heads)``."""
        return torch.unflatten(x, -1, (self.heads, -1)).transpose(1, 2)


def _masked_softmax(scores: Tensor, valid: Tensor) -> Tensor:
    return torch.softmax(scores.masked_fill(~valid, -torch.inf), dim=-1)


def build_bridge(name: str, d_model: int, heads: int = 4, causal: bool = True) -> Bridge:
    """Return a bridge by its name, one of ``protocol.choices.BRIDGES``.

    Args:
        name: ``vector``, ``additive``, ``multihead``, or ``cross-attention``, which leaves all to the decoder.
        d_model: width of encoder and decoder.
        heads: number of heads of ``multihead``.
        causal: whether the encoder is causal.

    Raises:
        SeqbenchError: the name is unknown, or ``heads`` does not divide ``d_model``.

    >>> type(build_bridge("vector", d_model=4)).__name__
    'Vector'
    """
    match name:
        case "vector":
            return Vector(d_model, causal)
        case "additive":
            return Additive(d_model)
        case "multihead":
            return MultiHead(d_model, heads)
        case "cross-attention":
            return NoBridge()
        case _:
            raise SeqbenchError(
                f"body.bridge '{name}' does not join an encoder and a decoder.{did_you_mean(name, BRIDGES)}"
            )
