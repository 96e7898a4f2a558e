"""What joins a decoder to what its encoder read: one vector, or attention over all of it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from seqbench.models.bodies import readout
from seqbench.utils.errors import SeqbenchError

Memory = dict[str, Tensor]
"""What a bridge keeps of an encoder's outputs; batch first on every tensor."""


class Bridge(nn.Module, ABC):
    """Changes what enters a decoder, or what leaves it, by what the encoder read; here neither."""

    @abstractmethod
    def remember(self, outputs: Tensor, lengths: Tensor) -> Memory:
        """What is needed of the encoder's ``outputs (batch, time, d_model)``, ``lengths (batch,)`` of them valid."""

    def enter(self, x: Tensor, memory: Memory) -> Tensor:
        """Decoder inputs ``(batch, out_time, d_model)``."""
        return x

    def leave(self, hidden: Tensor, memory: Memory) -> Tensor:
        """Decoder outputs ``(batch, out_time, d_model)``."""
        return hidden

    def weights(self, hidden: Tensor, memory: Memory) -> Tensor | None:
        """How much of each source step each output reads, ``(batch, out_time, time)``; None without attention."""
        return None


class Vector(Bridge):
    """The encoder's last valid output (its first and last, if it looks ahead), added to every decoder input.

    (Cho et al. 2014.)

    Args:
        d_model: width of encoder and decoder.
        heads: not used.
        causal: whether the encoder is.
    """

    def __init__(self, d_model: int, heads: int = 1, causal: bool = True) -> None:
        super().__init__()
        self.read = readout.build_readout("last", d_model, causal)
        self.project = nn.Linear(d_model, d_model)

    def remember(self, outputs: Tensor, lengths: Tensor) -> Memory:
        """The projected ``summary (batch, 1, d_model)`` alone."""
        return {"summary": self.project(self.read(outputs, lengths))}

    def enter(self, x: Tensor, memory: Memory) -> Tensor:
        """``(batch, out_time, d_model)`` plus the summary."""
        return x + memory["summary"]


class Attention(Bridge):
    """Attention after the decoder, over all encoder outputs, so that training stays parallel.

    The output is tanh(W [h; c]) of the decoder's h and the context c (Luong et al. 2015, eq. 5, without input
    feeding). Subclasses give the weights.

    Args:
        d_model: width of encoder and decoder.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.combine = nn.Linear(2 * d_model, d_model)

    def remember(self, outputs: Tensor, lengths: Tensor) -> Memory:
        """All ``outputs (batch, time, d_model)``, and which are ``valid (batch, time)``."""
        return {"outputs": outputs, "valid": torch.arange(outputs.shape[1], device=outputs.device) < lengths[:, None]}

    def leave(self, hidden: Tensor, memory: Memory) -> Tensor:
        """``(batch, out_time, d_model)`` after a look at the source."""
        combined: Tensor = torch.tanh(self.combine(torch.cat([hidden, self.context(hidden, memory)], dim=-1)))
        return combined

    @abstractmethod
    def context(self, hidden: Tensor, memory: Memory) -> Tensor:
        """The weighted mean of what the encoder put out, ``(batch, out_time, d_model)``."""


class Additive(Attention):
    """Scores v . tanh(W h + U m) (Bahdanau, Cho & Bengio 2015, with the decoder's present output as the query).

    Args:
        d_model: width of encoder and decoder.
        heads: not used: additive attention has one.
        causal: whether the encoder is; not used.
    """

    def __init__(self, d_model: int, heads: int = 1, causal: bool = True) -> None:
        super().__init__(d_model)
        self.query = nn.Linear(d_model, d_model)
        self.key = nn.Linear(d_model, d_model, bias=False)
        self.score = nn.Linear(d_model, 1, bias=False)

    def weights(self, hidden: Tensor, memory: Memory) -> Tensor:
        """``(batch, out_time, time)``, each row summing to 1 over the source's valid steps."""
        mixed = torch.tanh(self.query(hidden)[:, :, None] + self.key(memory["outputs"])[:, None])
        return _softmax(self.score(mixed)[..., 0], memory["valid"][:, None])

    def context(self, hidden: Tensor, memory: Memory) -> Tensor:
        """The weighted mean of the encoder's outputs."""
        return self.weights(hidden, memory) @ memory["outputs"]


class MultiHead(Attention):
    """Scaled dot products in several heads (Vaswani et al. 2017).

    Args:
        d_model: width of encoder and decoder.
        heads: how many; divides ``d_model``.
        causal: whether the encoder is; not used.

    Raises:
        SeqbenchError: it does not.
    """

    def __init__(self, d_model: int, heads: int = 4, causal: bool = True) -> None:
        super().__init__(d_model)
        if heads < 1 or d_model % heads:
            raise SeqbenchError(f"body.heads must divide arch.d_model ({d_model}), got {heads}; give --body.heads.")
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(d_model, d_model) for _ in range(3))

    def weights(self, hidden: Tensor, memory: Memory) -> Tensor:
        """``(batch, out_time, time)``, the mean over the heads."""
        return self._weights(hidden, memory).mean(1)

    def context(self, hidden: Tensor, memory: Memory) -> Tensor:
        """Each head's weighted mean of its share of the values, side by side."""
        mixed = self._weights(hidden, memory) @ self._split(self.value(memory["outputs"]))
        return mixed.transpose(1, 2).flatten(2)

    def _weights(self, hidden: Tensor, memory: Memory) -> Tensor:
        query, key = self._split(self.query(hidden)), self._split(self.key(memory["outputs"]))
        scores = query @ key.transpose(-1, -2) / math.sqrt(key.shape[-1])
        return _softmax(scores, memory["valid"][:, None, None])

    def _split(self, x: Tensor) -> Tensor:
        """``(batch, time, d_model)`` to ``(batch, heads, time, d_model / heads)``."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def _softmax(scores: Tensor, valid: Tensor) -> Tensor:
    return torch.softmax(scores.masked_fill(~valid, -torch.inf), dim=-1)


BRIDGES: dict[str, type[Vector] | type[Additive] | type[MultiHead]] = {
    "vector": Vector,
    "additive": Additive,
    "multihead": MultiHead,
}
