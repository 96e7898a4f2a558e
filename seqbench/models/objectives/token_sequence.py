"""Another sequence of tokens: cross-entropy of each token under teacher forcing.

What is decoded freely (BLEU and its like) is judged by the task's datamodule, which knows the words.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

from seqbench.models.objectives.base import Objective, Parts, mean_of, scored
from seqbench.models.objectives.step_classes import cross_entropy
from seqbench.protocol.specs import Batch, TokenSequence


class TokenSequenceObjective(Objective):
    """Head, loss and metrics for ``TokenSequence``.

    - ``token_loss``: cross-entropy of the tokens and of the end, each after the true ones before it, nats;
    - ``token_accuracy``: share of them whose likeliest token is the true one.

    Args:
        output: the kind of target; its ``smoothing`` is of the training loss alone (Szegedy et al. 2016).
        d_model: width of the hidden vectors.
    """

    def __init__(self, output: TokenSequence, d_model: int) -> None:
        super().__init__(output, d_model, output.vocab)

    @property
    def metrics(self) -> Mapping[str, int]:
        """Both."""
        return {"token_loss": 1, "token_accuracy": 1}

    def losses(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Smoothed cross-entropy of each token, nats."""
        return cross_entropy(self.head(hidden), batch.targets, self.output.smoothing)

    def parts(self, hidden: Tensor, batch: Batch) -> Parts:
        """Means over the tokens."""
        logits, weights = self.head(hidden), scored(batch)
        return {
            "token_loss": mean_of(cross_entropy(logits, batch.targets), weights),
            "token_accuracy": mean_of(logits.argmax(-1) == batch.targets, weights),
        }

    def emit(self, hidden: Tensor) -> Tensor:
        """Log-probabilities of the tokens."""
        return F.log_softmax(self.head(hidden).float(), dim=-1)
