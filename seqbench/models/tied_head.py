"""A head that has the weights of the embedding (Press & Wolf 2017, arXiv 1608.05859)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqbench.models.bodies.embedding import Embedding
from seqbench.models.objectives import Objective
from seqbench.utils.errors import SeqbenchError


class TiedHead(nn.Module):
    """Score each token by the product of the hidden vector and the embedding of the token.

    Args:
        d_model: width of the hidden vectors; another width than that of the embedding is projected to it.
        table: the table of the embedding, ``(vocab, d_embed)``; the head has the same weights.
    """

    def __init__(self, d_model: int, table: nn.Embedding) -> None:
        super().__init__()
        width = table.embedding_dim
        self.projection = nn.Linear(d_model, width) if width != d_model else nn.Identity()
        self.weight = table.weight
        self.bias = nn.Parameter(torch.zeros(table.num_embeddings))

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the logits of the tokens, ``(batch, time, vocab)``, of hidden vectors ``(batch, time, d_model)``."""
        return F.linear(self.projection(hidden), self.weight, self.bias)


def tie_head(embedding: Embedding, objective: Objective) -> None:
    """Replace the head of an objective by one with the weights of the embedding.

    Args:
        embedding: the embedding of the inputs.
        objective: the objective, whose outputs must be classes of the tokens of the input.

    Raises:
        SeqbenchError: inputs are not tokens, or outputs are not of the same vocabulary.
    """
    table, head = embedding.table, objective.head
    if not isinstance(table, nn.Embedding) or not isinstance(head, nn.Linear):
        raise SeqbenchError("body.tie needs tokens as inputs and one output per token; leave out --body.tie.")
    if table.num_embeddings != head.out_features:
        raise SeqbenchError(
            f"body.tie needs one vocabulary, but inputs have {table.num_embeddings} tokens and outputs "
            f"{head.out_features} classes; leave out --body.tie."
        )
    objective.head = TiedHead(head.in_features, table)
