"""A token sequence of another length: cross-entropy of each token under teacher forcing.

The task's datamodule, which has the texts, computes the scores of decoded sequences, such as BLEU.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from seqbench.models.objectives.base import Objective, ScoredBatch, metric_weights, weighted_mean_terms
from seqbench.models.objectives.step_classes import cross_entropy, log_probabilities
from seqbench.protocol.specs import Batch, TokenSequence


class TokenSequenceObjective(Objective):
    """Head, loss and metrics for ``TokenSequence``.

    - ``token_loss``: cross-entropy of the tokens and of the end token, each given the true tokens before it, nats;
    - ``token_accuracy``: share of these tokens for which the most likely token is the true one.

    Args:
        output: the kind of output; its ``smoothing`` changes only the training loss (Szegedy et al. 2016).
        d_model: width of the hidden vectors.
    """

    output: TokenSequence

    def __init__(self, output: TokenSequence, d_model: int) -> None:
        super().__init__(output, d_model, output.vocab)

    @property
    def metric_sizes(self) -> Mapping[str, int]:
        """The metrics ``token_loss`` and ``token_accuracy``."""
        return {"token_loss": 1, "token_accuracy": 1}

    def loss_per_target(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Return the smoothed cross-entropy of each token, nats."""
        return cross_entropy(self.head(hidden), batch.targets, self.output.smoothing)

    def score_batch(self, hidden: Tensor, batch: Batch) -> ScoredBatch:
        """Return terms of the tokens."""
        logits, weights = self.head(hidden), metric_weights(batch)
        predictions = logits.argmax(-1)
        terms = {
            "token_loss": weighted_mean_terms(cross_entropy(logits, batch.targets), weights),
            "token_accuracy": weighted_mean_terms(predictions == batch.targets, weights),
        }
        return ScoredBatch(terms, predictions, weights > 0)

    def predict_distribution(self, hidden: Tensor) -> Tensor:
        """Return the log-probabilities of the tokens."""
        return log_probabilities(self.head(hidden))
