"""What goes in, as vectors of the backbone's width."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqbench.protocol.specs import Batch, Context, Features, Input
from seqbench.utils.errors import SeqbenchError


class Embedding(nn.Module):
    """Tokens looked up in a table, or numbers mapped linearly; then dropout, then the backbone's width.

    Args:
        kind: what goes in.
        d_model: the backbone's width.
        d_embed: width of the table, projected to ``d_model`` where they differ; None means ``d_model``.
        dropout: probability on the embedded inputs.
        embedding_std: standard deviation that the table of tokens is drawn with.
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
        self.table: nn.Module
        self.kind = kind
        if isinstance(kind, Features | Context):
            # As PyTorch starts it: from rows as large as a token's, nets fit Nottingham faster and foretell it worse.
            self.table = nn.Linear(kind.dim, width)
        else:
            self.table = nn.Embedding(kind.vocab, width)
            with torch.no_grad():
                self.table.weight.mul_(embedding_std)
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(width, d_model) if width != d_model else nn.Identity()

    def forward(self, inputs: Tensor) -> Tensor:
        """``(batch, time)`` ids or ``(batch, time, dim)`` numbers to ``(batch, time, d_model)``."""
        embedded: Tensor = self.projection(self.dropout(self.table(inputs)))
        return embedded

    def steps(self, batch: Batch) -> Tensor:
        """Each step's embedded input, ``(batch, time, d_model)``; a context is there at every step of the output."""
        if isinstance(self.kind, Context):
            return self(batch.inputs[:, None]).expand(-1, batch.targets.shape[1], -1)
        return self(batch.inputs)
