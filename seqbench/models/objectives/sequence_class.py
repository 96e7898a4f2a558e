"""One class for a whole sequence: cross-entropy, accuracy and macro-averaged F1.

If every step predicts the class (``reads: every``), the loss is the sum over the steps of weight times cross-entropy
against the class of the sequence. ``Batch.scored`` then marks the step that the metrics score.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

from seqbench.models.objectives.base import Objective, ScoredBatch, metric_weights, weighted_mean_terms
from seqbench.models.objectives.step_classes import cross_entropy, log_probabilities
from seqbench.protocol.specs import Batch, SequenceClass


class SequenceClassObjective(Objective):
    """Head, loss and metrics for ``SequenceClass``.

    - ``accuracy``: share of the sequences whose most likely class is the target;
    - ``macro_f1``: F1 of each class, averaged over the classes that occur or are predicted;
    - ``loss``: cross-entropy, nats.

    Args:
        output: the kind of output.
        d_model: width of the hidden vectors.
    """

    output: SequenceClass

    def __init__(self, output: SequenceClass, d_model: int) -> None:
        super().__init__(output, d_model, output.classes)

    @property
    def metric_sizes(self) -> Mapping[str, int]:
        """The metrics ``accuracy``, ``macro_f1`` (one entry for each class) and ``loss``."""
        return {"accuracy": 1, "macro_f1": self.output.classes, "loss": 1}

    def loss_per_target(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Return the cross-entropy of each hidden vector against the class of its sequence, nats."""
        return cross_entropy(self.head(hidden), batch.targets.expand(hidden.shape[:2]))

    def score_batch(self, hidden: Tensor, batch: Batch) -> ScoredBatch:
        """Return terms of the sequences; for F1 of a class, twice the true positives over predicted plus true."""
        logits, weights = self.head(hidden), metric_weights(batch)
        targets = batch.targets.expand(hidden.shape[:2])
        predictions = logits.argmax(-1)
        predicted, true = (F.one_hot(ids, self.output.classes) * weights[..., None] for ids in (predictions, targets))
        true_positives = predicted * (predictions == targets)[..., None]
        terms = {
            "accuracy": weighted_mean_terms(predictions == targets, weights),
            "macro_f1": (2 * true_positives, predicted + true),
            "loss": weighted_mean_terms(cross_entropy(logits, targets), weights),
        }
        return ScoredBatch(terms, predictions, weights > 0)

    def predict_distribution(self, hidden: Tensor) -> Tensor:
        """Return the log-probabilities of the classes."""
        return log_probabilities(self.head(hidden))
