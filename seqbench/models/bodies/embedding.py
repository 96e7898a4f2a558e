"""Embed inputs as vectors of the backbone's width."""

from __future__ import annotations

from typing import TypedDict

import torch
from torch import Tensor, nn

from seqbench.protocol.specs import Batch, Context, Features, Input
from seqbench.utils.errors import SeqbenchError


class EmbeddingOptions(TypedDict, total=False):
    """Options of ``Embedding`` that a run may set (``--body.*``)."""

    d_embed: int | None
    dropout: float
    embedding_std: float


class Embedding(nn.Module):
    """Embed tokens by a table, or numbers by a linear map; apply dropout and a projection to the backbone's width.

    Args:
        kind: kind of input.
        d_model: width of the backbone.
        d_embed: width of the table or map, projected to ``d_model`` if the two differ. None means ``d_model``.
        dropout: dropout probability of the embedded inputs.
        embedding_std: standard deviation of the table's initial values.

    Raises:
        SeqbenchError: ``d_embed`` is below 1.
    """

    def __init__(
        self,
        kind: Input,
        d_model: int,
        d_embed: int | None = None,
        dropout: float = 0.0,
        embedding_std: float = 1.0,
    ) -> None:
        super().__init__()
        width = d_model if d_embed is None else d_embed
        if width < 1:
            raise SeqbenchError(f"the embedding must be at least 1 wide, got {width}; see --body.d_embed.")
        self.kind, self.d_model = kind, d_model
        self.table: nn.Module
        if isinstance(kind, Features | Context):
            # These are PyTorch's initial values. With values as large as those of tokens, networks fit the training
            # frames of Nottingham faster but predict its validation frames worse.
            self.table = nn.Linear(kind.dim, width)
        else:
            self.table = nn.Embedding(kind.vocab, width)
            with torch.no_grad():
                self.table.weight.mul_(embedding_std)
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(width, d_model) if width != d_model else nn.Identity()

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the embedded inputs, ``(batch, time, d_model)``.

        Args:
            inputs: token ids ``(batch, time)`` or numbers ``(batch, time, dim)``.
        """
        embedded: Tensor = self.projection(self.dropout(self.table(inputs)))
        return embedded

    def embed_steps(self, batch: Batch) -> Tensor:
        """Return the embedded input of each step, ``(batch, time, d_model)``; a context is the input of every step."""
        if isinstance(self.kind, Context):
            context: Tensor = self(batch.inputs[:, None])
            return context.expand(-1, batch.targets.shape[1], -1)
        steps: Tensor = self(batch.inputs)
        return steps
